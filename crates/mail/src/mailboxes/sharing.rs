//! Mailboxes of others: who shares with whom.

use base::{AccountId, CollectionId, Ctx, Result};
use directory::entries::{self, Kind};
use kernel::Rights;

use crate::Mail;

/// An account of which the reader may see mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedAccount {
    /// The account.
    pub account: AccountId,
    /// Its primary address.
    pub address: String,
    /// Its name.
    pub name: String,
    /// What it is: a person's, or a shared mailbox.
    pub kind: Kind,
}

impl Mail {
    /// The accounts of others in which the reader may see mailboxes.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn shared_accounts(&self, ctx: &Ctx) -> Result<Vec<SharedAccount>> {
        if ctx.is_past() {
            return Ok(Vec::new());
        }
        let organisation = ctx.actor.organisation;
        self.kernel()
            .read(ctx, move |view| {
                let accounts = view.shared_accounts()?;
                if accounts.is_empty() {
                    return Ok(Vec::new());
                }
                let found = entries::of_accounts(view.tx(), organisation, &accounts)?;
                Ok(found
                    .into_iter()
                    .map(|entry| SharedAccount {
                        account: entry.account,
                        address: entry.address,
                        name: entry.name,
                        kind: entry.kind,
                    })
                    .collect())
            })
            .await
    }

    /// Who may do what in a mailbox, besides its owner: account, address, rights.
    ///
    /// # Errors
    /// `Forbidden` for a reader who may not share it.
    pub async fn acl(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
    ) -> Result<Vec<(AccountId, String, Rights)>> {
        let organisation = ctx.actor.organisation;
        self.kernel()
            .read(ctx, move |view| {
                let shares = view.shares(account, mailbox)?;
                let accounts: Vec<AccountId> = shares.iter().map(|(subject, _)| *subject).collect();
                let found = entries::of_accounts(view.tx(), organisation, &accounts)?;
                let address = |subject: AccountId| {
                    let entry = found.iter().find(|entry| entry.account == subject)?;
                    Some(entry.address.clone())
                };
                Ok(shares
                    .into_iter()
                    .filter_map(|(subject, rights)| Some((subject, address(subject)?, rights)))
                    .collect())
            })
            .await
    }

    /// Gives a person or group rights on a mailbox; no right takes all away.
    ///
    /// # Errors
    /// Those of [`Mail::share`].
    pub async fn set_acl(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        subject: AccountId,
        rights: Rights,
    ) -> Result<()> {
        self.share(ctx, account, mailbox, vec![(subject, rights)]).await
    }
}
