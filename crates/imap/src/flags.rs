//! Flags and keywords as they stand in answers.

use mail::Entry;
use mail::flags::{DELETED, NAMED, SEEN, words};

/// Appends `(\Recent \Seen work)`: all flags and keywords of a message.
pub fn push(out: &mut Vec<u8>, entry: &Entry, is_recent: bool) {
    out.push(b'(');
    let recent = is_recent.then_some("\\Recent");
    let named = NAMED.iter().filter(|(bit, _)| entry.flags & bit != 0).map(|(_, name)| *name);
    for (index, name) in recent.into_iter().chain(named).chain(words(entry.state.as_deref())).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
    out.push(b')');
}

/// All flags and keywords that a client may meet: those that have a bit, and the others that were seen.
pub fn push_all(out: &mut Vec<u8>, others: &[Box<str>]) {
    let named = NAMED.iter().map(|(_, name)| *name);
    codec::imap::write::list(out, named.chain(others.iter().map(AsRef::as_ref)));
}

/// The flags and keywords that can be changed for good, by what the reader may do.
pub fn push_permanent(out: &mut Vec<u8>, others: &[Box<str>], seen: bool, flag: bool, delete: bool) {
    let may = |bit: i64| match bit {
        SEEN => seen,
        DELETED => delete && flag,
        _ => flag,
    };
    let named = NAMED.iter().filter(|(bit, _)| may(*bit)).map(|(_, name)| *name);
    let others = others.iter().map(AsRef::as_ref).filter(|_| flag);
    let new = flag.then_some("\\*");
    codec::imap::write::list(out, named.chain(others).chain(new));
}

/// Notes the keywords without a bit that a message has; whether one of them is new.
pub fn note(known: &mut Vec<Box<str>>, entry: &Entry) -> bool {
    let mut is_new = false;
    for word in words(entry.state.as_deref()) {
        if !known.iter().any(|other| other.eq_ignore_ascii_case(word)) {
            known.push(Box::from(word));
            is_new = true;
        }
    }
    is_new
}
