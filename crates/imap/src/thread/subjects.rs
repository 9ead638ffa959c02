//! `ORDEREDSUBJECT`, the poor man's threading: messages with one base subject, the first of them above the others.

use codec::imap::write::number;

use super::Letter;

pub(super) fn write(letters: &[Letter<'_>], out: &mut Vec<u8>) {
    let mut order: Vec<usize> = (0..letters.len()).collect();
    let key = |at: &usize| letters.get(*at).map(|letter| (letter.subject, letter.date_ms, *at));
    order.sort_by(|one, other| key(one).cmp(&key(other)));
    let subject = |at: &usize| letters.get(*at).map(|letter| letter.subject);
    let mut threads: Vec<&[usize]> = order.chunk_by(|one, other| subject(one) == subject(other)).collect();
    threads.sort_by_key(|thread| {
        let first = thread.first().copied().unwrap_or(0);
        (letters.get(first).map(|letter| letter.date_ms), first)
    });
    let push = |out: &mut Vec<u8>, at: &usize| {
        number(out, letters.get(*at).map_or(0, |letter| u64::from(letter.number)));
    };
    for thread in threads {
        out.push(b'(');
        if let Some((first, rest)) = thread.split_first() {
            push(out, first);
            if !rest.is_empty() {
                out.push(b' ');
            }
            if let [one] = rest {
                push(out, one);
            } else {
                for at in rest {
                    out.push(b'(');
                    push(out, at);
                    out.push(b')');
                }
            }
        }
        out.push(b')');
    }
}
