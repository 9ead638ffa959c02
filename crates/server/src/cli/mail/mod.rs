//! Commands on the mail of an account: mailboxes and who shares them, answers while away, filters of domains.

pub mod filter;
pub mod mailbox;
pub mod recover;
pub mod restore;
pub mod vacation;

use base::{AccountId, Error};
use directory::entries::{self, Kind};
use mail::Mail;
use store::Blobs;

use super::directory::Desk;
use crate::bodies;
use crate::failure::Failure;

impl Desk<'_> {
    /// Mail over the floors below. Its blob store is to be closed.
    pub async fn mail(&self) -> Result<(Mail, Blobs), Failure> {
        let config = self.session.load()?.config;
        let blobs = bodies::open(&self.node, &config).await?;
        let mail = Mail::new(self.node.directory.clone(), blobs.clone());
        mail.use_history(config.history_rules());
        Ok((mail, blobs))
    }

    /// The account of an address that has mailboxes: a person's, or a shared one.
    pub async fn owner(&self, address: &str) -> Result<AccountId, Failure> {
        let organisation = self.organisation().await?;
        let name = address.to_owned();
        let found = self.directory().read(move |tx| {
            let Some(account) = entries::account_by_address(tx, organisation.0, &name)? else {
                return Ok(None);
            };
            entries::load(tx, organisation, account).map(Some)
        });
        match found.await? {
            Some(entry) if matches!(entry.kind, Kind::Person | Kind::Shared) => Ok(entry.account),
            Some(_) => Err(Error::invalid("address", "has no mailboxes of its own").into()),
            None => Err(Error::not_found("address").into()),
        }
    }

    /// The account of an address that can be given rights: a person's, or a group's.
    pub async fn subject(&self, address: &str) -> Result<AccountId, Failure> {
        let organisation = self.organisation().await?;
        let name = address.to_owned();
        let found = self.directory().read(move |tx| entries::account_by_address(tx, organisation.0, &name));
        Ok(found.await?.ok_or_else(|| Error::not_found("address"))?)
    }
}
