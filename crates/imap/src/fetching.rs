//! FETCH: what is asked for before `fetch` answers. `\Seen` is set first, so that the answer tells it.

use base::Seq;
use codec::imap::{Fetch, FetchItem, Numbers, Ranges};
use kernel::Right;
use mail::Entry;
use mail::flags::{FlagChange, Keywords, SEEN};

use crate::failure::{Failure, Result};
use crate::fetch;
use crate::messages::named;
use crate::out::Out;
use crate::selected::{Look, Modes};
use crate::session::{Done, Session};
use crate::sync::{Telling, tell};
use crate::updates;

impl Session {
    /// `FETCH` and `UID FETCH`.
    pub(crate) async fn fetch(&mut self, request: Fetch, out: &mut Out<'_>) -> Result<Done> {
        let Fetch { uid, numbers, mut items, modifiers } = request;
        if modifiers.vanished && !self.modes.has(Modes::QRESYNC) {
            return Err(Failure::bad("ENABLE QRESYNC first"));
        }
        if modifiers.partial.is_some() && !uid {
            return Err(Failure::bad("PARTIAL goes with UID FETCH"));
        }
        if items.contains(&FetchItem::ModSeq) || modifiers.changed_since.is_some() {
            self.use_modseqs(out);
        }
        if uid && !items.contains(&FetchItem::Uid) && !self.modes.has(Modes::UIDONLY) {
            items.insert(0, FetchItem::Uid);
        }
        if modifiers.changed_since.is_some() && !items.contains(&FetchItem::ModSeq) {
            items.push(FetchItem::ModSeq);
        }
        // What others changed is told first: the answer is of the mailbox as it is now.
        self.sync(uid, out).await?;
        let (modes, mail) = (self.modes, self.server.mail.clone());
        let (login, selected) = self.selected()?;
        let mut uids = named(selected, &numbers, uid)?;
        let (account, mailbox) = (selected.account, selected.mailbox);
        let mut view = mail.view(&login.ctx, account, mailbox).await?;
        if let Some(since) = modifiers.changed_since {
            let since = Seq(i64::try_from(since).unwrap_or(i64::MAX));
            uids = changed(&uids, &view, since);
            if modifiers.vanished {
                self.tell_vanished(&numbers, &view, since, out).await?;
            }
        }
        let (_, selected) = self.selected()?;
        if let Some(partial) = modifiers.partial {
            let places = partial.places(usize::try_from(uids.len()).unwrap_or(usize::MAX));
            uids = uids.iter().skip(places.start).take(places.len()).collect();
        }
        let mut with_flags = Ranges::EMPTY;
        if items.iter().any(FetchItem::sets_seen) && selected.may(Right::Seen) {
            let unseen: Vec<u32> = uids
                .iter()
                .filter(|uid| view.entry(*uid).is_some_and(|entry| entry.flags & SEEN == 0))
                .collect();
            if !unseen.is_empty() {
                let change = FlagChange::Add(Keywords::bits(SEEN));
                let stored = mail.store(&login.ctx, account, mailbox, unseen, change, None).await?;
                with_flags = stored.done.into_iter().collect();
                view = mail.view(&login.ctx, account, mailbox).await?;
                updates::before(&login.ctx, &mail, selected, &view, (modes, uid), out).await?;
                let known = |entry: &Entry| with_flags.contains(entry.uid);
                tell(selected, &view, Telling { modes, expunge: uid, known: &known }, out);
            }
        }
        let look = Look { ctx: &login.ctx, mail: &mail, selected, view: &view, modes };
        let wanted = fetch::Wanted { items: &items, uids: &uids, with_flags: &with_flags };
        let gone = fetch::run(look, wanted, out).await?;
        if gone > 0 && !uid {
            return Done::code("EXPUNGEISSUED", "Some of these messages are gone");
        }
        Done::text("Fetched")
    }

    /// Tells which of the UIDs that were asked for are gone since then (RFC 7162 section 3.2.6).
    async fn tell_vanished(
        &self,
        numbers: &Numbers,
        view: &mail::View,
        since: Seq,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let crate::session::State::Selected(login, selected) = &self.state else { return Ok(()) };
        let asked = match numbers {
            Numbers::Set(set) => set.resolve(view.uidnext.saturating_sub(1)),
            Numbers::Saved => selected.saved.clone(),
        };
        let gone = self.gone_since(&login.ctx, selected, view, since, &asked).await?;
        if !gone.is_empty() {
            out.untagged(format_args!("VANISHED (EARLIER) {gone}"));
        }
        Ok(())
    }
}

fn changed(uids: &Ranges, view: &mail::View, since: Seq) -> Ranges {
    let is_new = |uid: &u32| view.entry(*uid).is_some_and(|entry| entry.modseq > since);
    uids.iter().filter(is_new).collect()
}
