//! What is to become of a message for one recipient.

use base::{AccountId, CollectionId, Ctx, Result};

use super::{Incoming, Rcpt};
use crate::flags::{JUNK, Keywords};
use crate::messages::Read;
use crate::{Mail, Role};

/// A mailbox that the message is put into.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) mailbox: CollectionId,
    pub(super) keywords: Keywords,
}

/// What is to become of a message for one recipient.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) account: AccountId,
    pub(super) quota_bytes: Option<i64>,
    /// The mailboxes, the first of which gets the message, the others the same object.
    pub(super) puts: Vec<Target>,
    /// A rule threw it away: it is removed in the commit that puts it.
    pub(super) discarded: bool,
}

impl Plan {
    pub(super) fn mailboxes(&self) -> impl Iterator<Item = CollectionId> {
        self.puts.iter().map(|target| target.mailbox)
    }
}

impl Mail {
    /// Decides what becomes of a message for one recipient, before any transaction.
    pub(super) async fn plan(
        &self,
        ctx: &Ctx,
        incoming: &Incoming,
        _message: &Read,
        rcpt: &Rcpt,
    ) -> Result<Plan> {
        let account = rcpt.recipient.account;
        let mut mailbox = self.inbox(ctx, account).await?;
        let mut keywords = Keywords::default();
        if incoming.junk {
            keywords.flags |= JUNK;
            mailbox = self.with_role(account, Role::Junk).await?.unwrap_or(mailbox);
        }
        let puts = vec![Target { mailbox, keywords }];
        Ok(Plan { account, quota_bytes: rcpt.recipient.quota_bytes, puts, discarded: false })
    }
}
