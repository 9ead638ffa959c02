//! STATUS (RFC 9051 section 6.3.11), with RFC 7162, 7889, 8438, 8474 and 9208.

use codec::imap::{MailboxName, StatusItem, write};
use mail::Mailbox;
use mail::flags::DELETED;

use crate::failure::Result;
use crate::names;
use crate::out::Out;
use crate::select::mailbox_id;
use crate::session::{Done, Session, State};

impl Session {
    /// `STATUS`.
    pub(crate) async fn status(
        &mut self,
        name: &MailboxName,
        items: &[StatusItem],
        out: &mut Out<'_>,
    ) -> Result<Done> {
        let login = self.login()?;
        if items.contains(&StatusItem::HighestModSeq) {
            self.use_modseqs(out);
        }
        let mailbox = names::find(&self.server.mail, &login, &name.0).await?;
        self.push_status(&mailbox, &name.0, items, out).await?;
        Done::text("That is its status")
    }

    /// Messages that no session was told of yet, and those of which this one was the first to hear.
    async fn recent_in(&self, mailbox: &Mailbox) -> Result<i64> {
        let mail = &self.server.mail;
        if let State::Selected(_, selected) = &self.state
            && (selected.account, selected.mailbox) == (mailbox.account, mailbox.id)
        {
            return Ok(i64::from(selected.recent.len()));
        }
        let first = mail.first_recent(mailbox.account, mailbox.id).await?;
        if first >= mailbox.uidnext {
            return Ok(0);
        }
        let view = mail.view(self.ctx(), mailbox.account, mailbox.id).await?;
        Ok(i64::try_from(view.range(first..=u32::MAX).count()).unwrap_or(i64::MAX))
    }

    /// Appends the status of a mailbox.
    pub(crate) async fn push_status(
        &self,
        mailbox: &Mailbox,
        name: &str,
        items: &[StatusItem],
        out: &mut Out<'_>,
    ) -> Result<()> {
        let mut deleted = (0_i64, 0_i64);
        if items.iter().any(|item| matches!(item, StatusItem::Deleted | StatusItem::DeletedStorage)) {
            let view = self.server.mail.view(self.ctx(), mailbox.account, mailbox.id).await?;
            let marked = view.iter().filter(|entry| entry.flags & DELETED != 0);
            deleted = marked.fold((0, 0), |(count, bytes), entry| (count + 1, bytes + entry.size));
        }
        let mut recent = 0;
        if items.contains(&StatusItem::Recent) {
            recent = self.recent_in(mailbox).await?;
        }
        out.text("* STATUS ");
        write::mailbox(&mut out.bytes, name, self.modes.is_utf8());
        out.text(" (");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.text(" ");
            }
            let (word, value) = match item {
                StatusItem::Messages => ("MESSAGES", mailbox.total),
                StatusItem::Recent => ("RECENT", recent),
                StatusItem::UidNext => ("UIDNEXT", i64::from(mailbox.uidnext)),
                StatusItem::UidValidity => ("UIDVALIDITY", i64::from(mailbox.uidvalidity)),
                StatusItem::Unseen => ("UNSEEN", mailbox.unseen),
                StatusItem::Deleted => ("DELETED", deleted.0),
                StatusItem::Size => ("SIZE", mailbox.bytes),
                StatusItem::HighestModSeq => ("HIGHESTMODSEQ", mailbox.highest.0.max(1)),
                StatusItem::AppendLimit => {
                    ("APPENDLIMIT", i64::try_from(self.ctx().limits.message_bytes).unwrap_or(i64::MAX))
                }
                StatusItem::DeletedStorage => ("DELETED-STORAGE", deleted.1.div_euclid(1_024)),
                StatusItem::MailboxId => {
                    out.text("MAILBOXID (");
                    out.text(&mailbox_id(self.ctx().actor.account, mailbox.account, mailbox.id));
                    out.text(")");
                    continue;
                }
            };
            out.text(word);
            out.text(" ");
            write::number(&mut out.bytes, value.max(0).unsigned_abs());
        }
        out.text(")\r\n");
        Ok(())
    }
}
