//! STORE (RFC 9051 section 6.4.6) with UNCHANGEDSINCE (RFC 7162), EXPUNGE, UID EXPUNGE and COPYUID (RFC 4315), COPY and
//! MOVE (RFC 6851).

use base::Seq;
use codec::imap::{Copy, Numbers, Ranges, Store, StoreChange};
use kernel::Right;
use mail::flags::{DELETED, FlagChange, Keywords};
use mail::{Entry, Stored, View};

use crate::failure::{Failure, Result};
use crate::names;
use crate::out::Out;
use crate::selected::{Modes, Selected};
use crate::session::{Done, Session};
use crate::sync::{Telling, push_flags, push_only_modseq, tell};
use crate::updates;

/// The UIDs that a command names, of those that the client knows.
///
/// # Errors
/// `BAD` for a message sequence number that there is not.
pub(crate) fn named(selected: &Selected, numbers: &Numbers, uid: bool) -> Result<Ranges> {
    let set = match numbers {
        Numbers::Saved => return Ok(selected.saved.clone()),
        Numbers::Set(set) => set,
    };
    if uid {
        return Ok(set.resolve(selected.uids.last().unwrap_or(0)).intersect(&selected.uids));
    }
    let count = selected.uids.len();
    // `*` of an empty mailbox is no message either (RFC 9051 section 9, `seq-number`).
    if set.largest() > count || (count == 0 && set.has_star()) {
        return Err(Failure::bad("There is no message of that number"));
    }
    Ok(selected.uids.at_ranks(&set.resolve(count)))
}

/// The UIDs of messages that are marked as deleted, of these or of all.
pub(crate) fn deleted(view: &View, of: Option<&Ranges>) -> Vec<u32> {
    (view.iter())
        .filter(|entry| entry.flags & DELETED != 0 && of.is_none_or(|of| of.contains(entry.uid)))
        .map(|entry| entry.uid)
        .collect()
}

/// What a message has after a change of flags, for what a client may work out itself.
fn after(change: &FlagChange, entry: &Entry) -> (i64, Option<String>) {
    let (set, clear) = change.bits();
    let state = if change.changes_words() {
        change.apply(entry.state.as_deref())
    } else {
        entry.state.as_deref().map(str::to_owned)
    };
    ((entry.flags & !clear) | set, state)
}

fn writable(selected: &Selected) -> Result<()> {
    if selected.read_only {
        return Err(Failure::no("READ-ONLY", "The mailbox is open for reading only"));
    }
    Ok(())
}

impl Session {
    /// `STORE` and `UID STORE`.
    pub(crate) async fn store(&mut self, store: Store, out: &mut Out<'_>) -> Result<Done> {
        if store.unchanged_since.is_some() {
            self.use_modseqs(out);
        }
        // What others changed is told first, so that afterwards only this command's changes are new.
        self.sync(store.uid, out).await?;
        let (modes, mail) = (self.modes, self.server.mail.clone());
        let (login, selected) = self.selected()?;
        writable(selected)?;
        let uids = named(selected, &store.numbers, store.uid)?;
        let keywords = Keywords::parse(store.flags.iter().map(String::as_str))?;
        let change = match store.change {
            StoreChange::Replace => FlagChange::Replace(keywords),
            StoreChange::Add => FlagChange::Add(keywords),
            StoreChange::Remove => FlagChange::Remove(keywords),
        };
        let (account, mailbox) = (selected.account, selected.mailbox);
        let before = mail.view(&login.ctx, account, mailbox).await?;
        let wanted: Vec<u32> = uids.iter().collect();
        let since = store.unchanged_since.map(|since| Seq(i64::try_from(since).unwrap_or(i64::MAX)));
        let stored = if wanted.is_empty() {
            Stored::default()
        } else {
            mail.store(&login.ctx, account, mailbox, wanted, change.clone(), since).await?
        };
        let view = mail.view(&login.ctx, account, mailbox).await?;
        updates::before(&login.ctx, &mail, selected, &view, (modes, store.uid), out).await?;
        let done: Ranges = stored.done.iter().copied().collect();
        let known = |entry: &Entry| {
            done.contains(entry.uid)
                && (!store.silent
                    || before.entry(entry.uid).is_some_and(|old| {
                        after(&change, old) == (entry.flags, entry.state.as_deref().map(str::to_owned))
                    }))
        };
        let telling = Telling { modes, expunge: store.uid, known: &known };
        tell(selected, &view, telling, out);
        let with_modseq = modes.has(Modes::CONDSTORE);
        if !store.silent || with_modseq {
            for (number, uid) in selected.numbered(&done) {
                let Some(entry) = view.entry(uid) else { continue };
                if !store.silent {
                    push_flags(out, number, entry, selected.recent.contains(uid), modes);
                } else if known(entry) {
                    push_only_modseq(out, number, entry, modes);
                }
                out.checkpoint().await?;
            }
        }
        ended(selected, &store, &stored)
    }

    /// `EXPUNGE`, and `UID EXPUNGE` with a set.
    pub(crate) async fn expunge(&mut self, numbers: Option<Numbers>, out: &mut Out<'_>) -> Result<Done> {
        self.sync(true, out).await?;
        let modes = self.modes;
        let mail = self.server.mail.clone();
        let (login, selected) = self.selected()?;
        writable(selected)?;
        if !selected.may(Right::Delete) {
            return Err(Failure::no("NOPERM", "The right 'e' on this mailbox is missing"));
        }
        let of = match &numbers {
            Some(numbers) => Some(named(selected, numbers, true)?),
            None => None,
        };
        let (account, mailbox) = (selected.account, selected.mailbox);
        let view = mail.view(&login.ctx, account, mailbox).await?;
        let uids = deleted(&view, of.as_ref());
        if !uids.is_empty() {
            mail.expunge(&login.ctx, account, mailbox, uids).await?;
            let view = mail.view(&login.ctx, account, mailbox).await?;
            updates::before(&login.ctx, &mail, selected, &view, (modes, true), out).await?;
            tell(selected, &view, Telling::all(modes, true), out);
        }
        if modes.has(Modes::QRESYNC) {
            return Done::code(format!("HIGHESTMODSEQ {}", selected.seq.0.max(1)), "Expunged");
        }
        Done::text("Expunged")
    }

    /// `COPY` and `UID COPY`.
    pub(crate) async fn copy(&mut self, copy: &Copy) -> Result<Done> {
        let mail = self.server.mail.clone();
        let (login, selected) = self.selected()?;
        let uids = named(selected, &copy.numbers, copy.uid)?;
        let target = names::target(&mail, &login, &copy.mailbox.0).await?;
        let from = (selected.account, selected.mailbox);
        if uids.is_empty() {
            return Done::text("There was nothing to copy");
        }
        let pairs = mail.copy(&login.ctx, from, uids.iter().collect(), (target.account, target.id)).await?;
        match copied(target.uidvalidity, &pairs) {
            Some(code) => Done::code(code, "Copied"),
            None => Done::text("There was nothing to copy"),
        }
    }

    /// `MOVE` and `UID MOVE`.
    pub(crate) async fn move_messages(&mut self, copy: &Copy, out: &mut Out<'_>) -> Result<Done> {
        let modes = self.modes;
        let mail = self.server.mail.clone();
        let (login, selected) = self.selected()?;
        writable(selected)?;
        let uids = named(selected, &copy.numbers, copy.uid)?;
        let target = names::target(&mail, &login, &copy.mailbox.0).await?;
        let from = (selected.account, selected.mailbox);
        if uids.is_empty() {
            return Done::text("There was nothing to move");
        }
        let pairs =
            mail.move_to(&login.ctx, from, uids.iter().collect(), (target.account, target.id)).await?;
        // Before the messages are told to be gone, the client hears where they are (RFC 6851 section 4.3).
        if let Some(code) = copied(target.uidvalidity, &pairs) {
            out.untagged(format_args!("OK [{code}] Moved"));
        }
        let view = mail.view(&login.ctx, from.0, from.1).await?;
        updates::before(&login.ctx, &mail, selected, &view, (modes, true), out).await?;
        tell(selected, &view, Telling::all(modes, true), out);
        if modes.has(Modes::QRESYNC) {
            return Done::code(format!("HIGHESTMODSEQ {}", selected.seq.0.max(1)), "Moved");
        }
        Done::text("Moved")
    }
}

/// How a STORE ended: which messages were left alone, which are gone.
fn ended(selected: &Selected, store: &Store, stored: &Stored) -> Result<Done> {
    if !stored.modified.is_empty() {
        let modified: Ranges = stored.modified.iter().copied().collect();
        let told = if store.uid { modified } else { selected.uids.ranks_of(&modified) };
        return Done::code(format!("MODIFIED {told}"), "Some had changed and were left alone");
    }
    if !stored.missing.is_empty() {
        if store.uid {
            return Done::text("Some are gone");
        }
        return Err(Failure::no("EXPUNGEISSUED", "Some of these messages are gone"));
    }
    Done::text("Stored")
}

/// `COPYUID` with its sets in the same order (RFC 4315 section 3).
pub(crate) fn copied(uidvalidity: u32, pairs: &[(u32, u32)]) -> Option<String> {
    if pairs.is_empty() {
        return None;
    }
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable();
    let from: Vec<u32> = pairs.iter().map(|(from, _)| *from).collect();
    let to: Vec<u32> = pairs.iter().map(|(_, to)| *to).collect();
    Some(format!("COPYUID {uidvalidity} {} {}", in_order(&from), in_order(&to)))
}

/// Numbers in their order, with `:` where they follow each other.
pub(crate) fn in_order(numbers: &[u32]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let mut rest = numbers;
    while let Some(first) = rest.first().copied() {
        let run =
            (0..).zip(rest).take_while(|(step, number)| first.checked_add(*step) == Some(**number)).count();
        if !text.is_empty() {
            text.push(',');
        }
        // Writing into a String does not fail.
        let last = rest.get(run.saturating_sub(1)).copied().unwrap_or(first);
        let _ = if run > 1 { write!(text, "{first}:{last}") } else { write!(text, "{first}") };
        rest = rest.get(run.max(1)..).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_keep_their_order() {
        assert_eq!(in_order(&[3, 4, 5, 9, 1, 2]), "3:5,9,1:2");
        assert_eq!(in_order(&[u32::MAX]), "4294967295");
        assert_eq!(copied(7, &[(2, 11), (1, 10)]).as_deref(), Some("COPYUID 7 1:2 10:11"));
        assert_eq!(copied(7, &[]), None);
    }
}
