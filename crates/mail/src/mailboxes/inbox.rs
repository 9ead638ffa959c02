//! The mailboxes that every account has, made when they are first needed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base::{AccountId, CollectionId, Ctx, Error, Meaning, Result};
use kernel::NewCollection;
use store::params;

use super::Role;
use crate::{Mail, NAME};

/// The mailboxes that an account begins with. Clients show names of their own language for the roles.
const FIRST: &[(Role, &str)] = &[
    (Role::Inbox, "INBOX"),
    (Role::Sent, "Sent"),
    (Role::Drafts, "Drafts"),
    (Role::Trash, "Trash"),
    (Role::Junk, "Junk"),
    (Role::Archive, "Archive"),
];
/// Inboxes that are remembered; beyond it they are asked for again.
const REMEMBERED: usize = 200_000;

/// Where the mail of accounts arrives, as far as it was asked for. An inbox never moves.
#[derive(Default)]
pub(crate) struct Inboxes(Mutex<HashMap<i64, CollectionId>>);

impl Inboxes {
    fn get(&self, account: AccountId) -> Option<CollectionId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&account.0).copied()
    }

    fn put(&self, account: AccountId, inbox: CollectionId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(account.0, inbox);
    }

    /// Forgets an inbox that is not there any more.
    pub(crate) fn forget(&self, account: AccountId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&account.0);
    }
}

impl Mail {
    /// The inbox of an account. The mailboxes that every account has are made when they are missing; the rights
    /// of the caller are not asked.
    ///
    /// # Errors
    /// `NotFound` when there is no such account.
    pub async fn inbox(&self, ctx: &Ctx, account: AccountId) -> Result<CollectionId> {
        if ctx.is_past() {
            return self.past_inbox(ctx, account).await;
        }
        if let Some(inbox) = self.inboxes().get(account) {
            return Ok(inbox);
        }
        if let Some(inbox) = self.with_role(account, Role::Inbox).await? {
            self.inboxes().put(account, inbox);
            return Ok(inbox);
        }
        match self.make_first(ctx, account).await {
            Ok(()) => {}
            // Someone else made them at the same time.
            Err(error) if error.meaning() == Meaning::Conflict => {}
            Err(error) => return Err(error),
        }
        let inbox = self.with_role(account, Role::Inbox).await?.ok_or_else(|| Error::not_found("inbox"))?;
        self.inboxes().put(account, inbox);
        Ok(inbox)
    }

    /// The mailbox of an account that has a role, whoever asks.
    pub(crate) async fn with_role(&self, account: AccountId, role: Role) -> Result<Option<CollectionId>> {
        let sql = "SELECT id FROM collection WHERE account_id = $1 AND kind = $2 AND role = $3 AND gone = 0";
        let found = self.kernel().store().read(move |tx| {
            tx.query_opt(sql, params![account, NAME, role.word()], |row| Ok(CollectionId(row.int(0)?)))
        });
        found.await
    }

    async fn make_first(&self, ctx: &Ctx, account: AccountId) -> Result<()> {
        self.kernel()
            .write(&ctx.trusted(), account, move |batch| {
                for (role, name) in FIRST {
                    let new =
                        NewCollection { kind: NAME, name, role: role.word(), ..NewCollection::default() };
                    let mailbox = match batch.create_collection(&new) {
                        Ok(mailbox) => mailbox,
                        // A mailbox of that name, made by someone, stays what it is.
                        Err(error) if *role != Role::Inbox && error.meaning() == Meaning::Conflict => {
                            continue;
                        }
                        Err(error) => return Err(error),
                    };
                    super::edit::want(batch.tx(), account, account, mailbox)?;
                }
                Ok(())
            })
            .await
    }
}
