//! What a client is told of changes that it did not ask for: EXPUNGE or VANISHED, EXISTS, FLAGS and FETCH.
//!
//! What must stay true here:
//! - Sequence numbers change only by what is told here.
//! - EXPUNGE is told only where the caller says that the RFC allows it (RFC 9051 section 7.5.1); until then the messages
//!   keep their numbers, in `Selected::gone`.
//! - A UID that is smaller than one that was told before is never told as new.

use codec::imap::{Ranges, write};
use mail::{Entry, View};

use crate::flags;
use crate::out::Out;
use crate::selected::{Modes, Selected};

/// What may be told now, and what need not.
#[derive(Clone, Copy)]
pub(crate) struct Telling<'a> {
    /// What the client enabled.
    pub modes: Modes,
    /// Messages may be told as gone.
    pub expunge: bool,
    /// Messages whose flags the client knows already.
    pub known: &'a dyn Fn(&Entry) -> bool,
}

impl Telling<'_> {
    /// Everything that the client did not cause.
    pub(crate) fn all(modes: Modes, expunge: bool) -> Self {
        Self { modes, expunge, known: &|_| false }
    }
}

/// What changed since the client was last told.
struct News {
    changed: Vec<Entry>,
    gone: Ranges,
}

fn news(selected: &Selected, view: &View) -> News {
    if let Some(changes) = view.changes_since(selected.seq) {
        let gone = changes.gone.into_iter().collect::<Ranges>().intersect(&selected.uids);
        return News { changed: changes.changed, gone };
    }
    // It lies too far back for what the view remembers: compare what is there with what the client knows.
    let there: Ranges = view.iter().map(|entry| entry.uid).collect();
    let changed = view.iter().filter(|entry| entry.modseq > selected.seq).cloned().collect();
    News { changed, gone: selected.uids.without(&there) }
}

/// Tells what changed, up to the state of `view`.
pub(crate) fn tell(selected: &mut Selected, view: &View, telling: Telling<'_>, out: &mut Out<'_>) {
    let mut changed = Vec::new();
    if view.seq > selected.seq {
        let news = news(selected, view);
        for uid in news.gone.iter() {
            selected.gone.insert(uid);
        }
        changed = news.changed;
        selected.seq = view.seq;
    }
    if telling.expunge && !selected.gone.is_empty() {
        tell_gone(selected, telling.modes, out);
    }
    if changed.is_empty() {
        return;
    }
    let mut new_keyword = false;
    for entry in &changed {
        new_keyword |= flags::note(&mut selected.keywords, entry);
    }
    if new_keyword {
        tell_keywords(selected, out);
    }
    let next = selected.uidnext;
    tell_new(selected, view, &changed, out);
    // Of new messages the client asks itself.
    changed.retain(|entry| entry.uid < next);
    let known: Ranges = changed.iter().map(|entry| entry.uid).collect();
    let mut numbers = selected.numbered(&known).peekable();
    for entry in &changed {
        while numbers.next_if(|(_, uid)| *uid < entry.uid).is_some() {}
        if let Some((number, _)) = numbers.next_if(|(_, uid)| *uid == entry.uid)
            && !(telling.known)(entry)
        {
            push_flags(out, number, entry, selected.recent.contains(entry.uid), telling.modes);
        }
    }
}

/// Tells the messages that are gone, and forgets them.
fn tell_gone(selected: &mut Selected, modes: Modes, out: &mut Out<'_>) {
    let gone = std::mem::take(&mut selected.gone);
    if modes.vanished() {
        out.untagged(format_args!("VANISHED {gone}"));
    } else {
        // From the last one on, so that no number changes before it is told.
        for number in selected.uids.ranks_of(&gone).iter().rev() {
            out.untagged(format_args!("{number} EXPUNGE"));
        }
    }
    selected.uids = selected.uids.without(&gone);
    selected.saved = selected.saved.without(&gone);
    selected.recent = selected.recent.without(&gone);
}

/// Tells how many there are when some are new. Flags of new messages are not told: clients ask for them.
fn tell_new(selected: &mut Selected, view: &View, changed: &[Entry], out: &mut Out<'_>) {
    let next = selected.uidnext;
    let mut is_new = false;
    for entry in changed.iter().filter(|entry| entry.uid >= next) {
        selected.uids.push(entry.uid);
        is_new = true;
    }
    selected.uidnext = next.max(view.uidnext);
    if is_new {
        selected.uids.shrink();
        out.untagged(format_args!("{} EXISTS", selected.uids.len()));
        selected.hear(selected.uidnext);
        if selected.firsts.is_some() {
            out.untagged(format_args!("{} RECENT", selected.recent.len()));
        }
    }
}

/// Tells all flags and keywords after a new one came up.
pub(crate) fn tell_keywords(selected: &Selected, out: &mut Out<'_>) {
    out.text("* FLAGS ");
    flags::push_all(&mut out.bytes, &selected.keywords);
    out.text("\r\n* OK [PERMANENTFLAGS ");
    push_permanent(selected, &mut out.bytes);
    out.text("] New keywords\r\n");
}

/// The flags that the client can change in this mailbox.
pub(crate) fn push_permanent(selected: &Selected, out: &mut Vec<u8>) {
    use kernel::Right::{Delete, Flag, Seen};
    let may = |right| selected.may(right);
    if selected.read_only {
        out.extend_from_slice(b"()");
    } else {
        flags::push_permanent(out, &selected.keywords, may(Seen), may(Flag), may(Delete));
    }
}

/// Appends a FETCH with the flags of a message.
pub(crate) fn push_flags(out: &mut Out<'_>, number: u32, entry: &Entry, is_recent: bool, modes: Modes) {
    push_head(out, number, entry, modes);
    out.text("FLAGS ");
    flags::push(&mut out.bytes, entry, is_recent);
    if modes.has(Modes::CONDSTORE) {
        out.text(" ");
        push_modseq(out, entry);
    }
    out.text(")\r\n");
}

/// Appends a FETCH with nothing but the MODSEQ of a message: the answer to a silent STORE (RFC 7162 section 3.1.3).
pub(crate) fn push_only_modseq(out: &mut Out<'_>, number: u32, entry: &Entry, modes: Modes) {
    push_head(out, number, entry, modes);
    push_modseq(out, entry);
    out.text(")\r\n");
}

/// Up to the first item. With UIDONLY the UID stands for the number (RFC 9586 section 3.3).
fn push_head(out: &mut Out<'_>, number: u32, entry: &Entry, modes: Modes) {
    out.text("* ");
    if modes.has(Modes::UIDONLY) {
        write::number(&mut out.bytes, u64::from(entry.uid));
        out.text(" UIDFETCH (");
        return;
    }
    write::number(&mut out.bytes, u64::from(number));
    out.text(" FETCH (UID ");
    write::number(&mut out.bytes, u64::from(entry.uid));
    out.text(" ");
}

fn push_modseq(out: &mut Out<'_>, entry: &Entry) {
    out.text("MODSEQ (");
    write::number(&mut out.bytes, entry.modseq.0.unsigned_abs());
    out.text(")");
}
