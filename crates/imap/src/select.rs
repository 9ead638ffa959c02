//! SELECT and EXAMINE (RFC 9051 section 6.3.2) with CONDSTORE and QRESYNC (RFC 7162), CLOSE and UNSELECT.

use base::{AccountId, CollectionId, Meaning, Seq};
use codec::imap::{Ranges, Resync, Select, write};
use kernel::Right;
use mail::flags::SEEN;
use mail::{Mailbox, View};

use crate::failure::{Failure, Result};
use crate::out::Out;
use crate::selected::{Modes, Selected};
use crate::session::{Done, Session, State, Step};
use crate::{flags, names, sync};

impl Session {
    /// `SELECT` and `EXAMINE`.
    pub(crate) async fn select(&mut self, select: Select, out: &mut Out<'_>) -> Result<Done> {
        let login = self.login()?;
        if select.qresync.is_some() && !self.modes.has(Modes::QRESYNC) {
            return Err(Failure::bad("ENABLE QRESYNC first"));
        }
        // Whatever comes now, the mailbox that was selected is so no more.
        if matches!(self.state, State::Selected(..)) {
            self.go(Step::Unselect);
            out.text("* OK [CLOSED] The previous mailbox is closed\r\n");
        }
        let mail = self.server.mail.clone();
        let mailbox = names::find(&mail, &login, &select.mailbox.0).await?;
        let view = mail.view(&login.ctx, mailbox.account, mailbox.id).await?;
        if select.condstore || select.qresync.is_some() {
            self.modes.set(Modes::CONDSTORE);
        }
        let mut selected = open(&mailbox, &view, select.examine);
        // Of what was, nothing is told for the first time.
        if !self.modes.has(Modes::REV2) && !login.ctx.is_past() {
            selected.firsts = Some(mail.recent(mailbox.account, mailbox.id).await?);
            selected.hear(view.uidnext);
        }
        self.describe(&selected, &mailbox, &view, &select.mailbox.0, out);
        if let Some(resync) = &select.qresync
            && resync.uidvalidity == mailbox.uidvalidity
        {
            self.resync(&selected, &view, resync, out).await?;
        }
        selected.keywords.shrink_to_fit();
        let code = if selected.read_only { "READ-ONLY" } else { "READ-WRITE" };
        self.go(Step::Select(Box::new(selected)));
        Done::code(code, "Selected")
    }

    /// What a client is told of a mailbox that it selects.
    fn describe(&self, selected: &Selected, mailbox: &Mailbox, view: &View, name: &str, out: &mut Out<'_>) {
        let rev2 = self.modes.has(Modes::REV2);
        out.text("* FLAGS ");
        flags::push_all(&mut out.bytes, &selected.keywords);
        out.text("\r\n* OK [PERMANENTFLAGS ");
        sync::push_permanent(selected, &mut out.bytes);
        out.text("] These can be changed\r\n");
        out.untagged(format_args!("{} EXISTS", view.len()));
        if !rev2 {
            out.untagged(format_args!("{} RECENT", selected.recent.len()));
            let first = view.iter().position(|entry| entry.flags & SEEN == 0);
            // Who asked for no numbers is told none (RFC 9586 section 3).
            if let Some(first) = first.filter(|_| !self.modes.has(Modes::UIDONLY)) {
                out.untagged(format_args!("OK [UNSEEN {}] The first one unseen", first + 1));
            }
        }
        out.untagged(format_args!("OK [UIDVALIDITY {}] UIDs are valid", selected.uidvalidity));
        out.untagged(format_args!("OK [UIDNEXT {}] The next UID", view.uidnext));
        out.untagged(format_args!("OK [HIGHESTMODSEQ {}] The highest MODSEQ", view.seq.0.max(1)));
        let id = mailbox_id(self.ctx().actor.account, mailbox.account, mailbox.id);
        out.untagged(format_args!("OK [MAILBOXID ({id})] Its id"));
        if rev2 {
            out.text("* LIST () \"/\" ");
            write::mailbox(&mut out.bytes, name, true);
            out.text("\r\n");
        }
    }

    /// What changed since the client last saw the mailbox (RFC 7162 section 3.2.5).
    async fn resync(
        &self,
        selected: &Selected,
        view: &View,
        resync: &Resync,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let last = view.uidnext.saturating_sub(1);
        let known = resync.known.as_ref().map_or_else(|| Ranges::span(1, last), |set| set.resolve(last));
        let login = self.login()?;
        let since = Seq(i64::try_from(resync.modseq).unwrap_or(i64::MAX));
        let mut gone = self.gone_since(&login.ctx, selected, view, since, &known).await?;
        if let Some((numbers, uids)) = &resync.matching {
            gone = without_matching(gone, view, &numbers.resolve(u32::MAX), &uids.resolve(u32::MAX), &known);
        }
        if !gone.is_empty() {
            out.untagged(format_args!("VANISHED (EARLIER) {gone}"));
        }
        let changed: Vec<_> =
            view.iter().filter(|entry| entry.modseq > since && known.contains(entry.uid)).collect();
        let uids: Ranges = changed.iter().map(|entry| entry.uid).collect();
        for (entry, (number, _)) in changed.into_iter().zip(selected.numbered(&uids)) {
            sync::push_flags(out, number, entry, selected.recent.contains(entry.uid), self.modes);
            out.checkpoint().await?;
        }
        Ok(())
    }

    /// Which of the known UIDs are gone since a commit. Where it lies too far back: all that are not there.
    pub(crate) async fn gone_since(
        &self,
        ctx: &base::Ctx,
        selected: &Selected,
        view: &View,
        since: Seq,
        known: &Ranges,
    ) -> Result<Ranges> {
        if since >= view.seq {
            return Ok(Ranges::EMPTY);
        }
        let changes = match view.changes_since(since) {
            Some(changes) => Some(changes),
            None => match self.server.mail.changes(ctx, selected.account, selected.mailbox, since).await {
                Ok(changes) => Some(changes),
                Err(error) if error.meaning() == Meaning::Conflict => None,
                Err(error) => return Err(error.into()),
            },
        };
        if let Some(mut changes) = changes {
            changes.gone.sort_unstable();
            return Ok(changes.gone.into_iter().collect::<Ranges>().intersect(known));
        }
        let there: Ranges = view.iter().map(|entry| entry.uid).collect();
        Ok(known.intersect(&Ranges::span(1, view.uidnext.saturating_sub(1))).without(&there))
    }

    /// `CLOSE`: what is marked as deleted goes, and nothing is told of it.
    pub(crate) async fn close(&mut self) -> Result<Done> {
        let mail = self.server.mail.clone();
        let (login, selected) = self.selected()?;
        if selected.may(Right::Delete) {
            let view = mail.view(&login.ctx, selected.account, selected.mailbox).await?;
            let uids = crate::messages::deleted(&view, None);
            if !uids.is_empty() {
                mail.expunge(&login.ctx, selected.account, selected.mailbox, uids).await?;
            }
        }
        self.go(Step::Unselect);
        Done::text("Closed")
    }
}

/// What MAILBOXID says (RFC 8474). Numbers of mailboxes begin anew in each account: those of others are told with their
/// account, so that no two mailboxes that someone sees have the same.
pub(crate) fn mailbox_id(reader: AccountId, account: AccountId, mailbox: CollectionId) -> String {
    if account == reader { format!("F{mailbox}") } else { format!("F{account}-{mailbox}") }
}

/// What EMAILID and THREADID say: `letter`, and a number of the account. Numbers of other accounts have their account
/// before them, as those of mailboxes.
pub(crate) fn push_object_id(
    out: &mut Vec<u8>,
    letter: u8,
    reader: AccountId,
    account: AccountId,
    number: i64,
) {
    out.push(letter);
    if account != reader {
        write::number(out, account.0.unsigned_abs());
        out.push(b'-');
    }
    write::number(out, number.unsigned_abs());
}

/// The number in such an id, when it is one of this account.
pub(crate) fn object_number(id: &str, letter: char, reader: AccountId, account: AccountId) -> Option<i64> {
    let rest = id.strip_prefix(letter)?;
    let rest = if account == reader { rest } else { rest.strip_prefix(&format!("{account}-"))? };
    rest.bytes().all(|byte| byte.is_ascii_digit()).then(|| rest.parse().ok())?
}

/// A mailbox as a session sees it that opens it now.
pub(crate) fn open(mailbox: &Mailbox, view: &View, examine: bool) -> Selected {
    let changes = [Right::Insert, Right::Seen, Right::Flag, Right::Delete];
    let may_change = changes.into_iter().any(|right| mailbox.rights.has(right));
    let mut keywords = Vec::new();
    let mut uids = Ranges::default();
    for entry in view.iter() {
        uids.push(entry.uid);
        flags::note(&mut keywords, entry);
    }
    uids.shrink();
    Selected {
        account: mailbox.account,
        mailbox: mailbox.id,
        uidvalidity: mailbox.uidvalidity,
        read_only: examine || !may_change,
        rights: mailbox.rights,
        uids,
        gone: Ranges::EMPTY,
        uidnext: view.uidnext,
        seq: view.seq,
        saved: Ranges::EMPTY,
        keywords,
        recent: Ranges::EMPTY,
        firsts: None,
        updates: Vec::new(),
    }
}

/// Leaves out what the client knows to be gone: numbers and UIDs that match say that all before are alike (RFC 7162
/// section 3.2.5.2).
fn without_matching(gone: Ranges, view: &View, numbers: &Ranges, uids: &Ranges, known: &Ranges) -> Ranges {
    if numbers.len() != uids.len() {
        return gone;
    }
    let mut alike = 0;
    for (number, uid) in numbers.iter().zip(uids.iter()) {
        let there = usize::try_from(number).ok().and_then(|number| view.at(number.checked_sub(1)?));
        match there {
            Some(entry) if entry.uid == uid => alike = uid,
            _ => break,
        }
    }
    // Only UIDs that the client listed are known to be known.
    let _ = known;
    gone.without(&Ranges::span(1, alike))
}
