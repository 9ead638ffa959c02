//! Which accounts a caller may name, and what it may do there.

use base::{AccountId, Ctx, Result};
use kernel::{Right, Rights};
use mail::Mail;

use super::ids;

/// An account as its caller may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The account.
    pub account: AccountId,
    /// Whether it is the caller's own.
    pub own: bool,
    /// Whether nothing in it may be changed.
    pub read_only: bool,
    /// Its address.
    pub name: String,
}

impl Access {
    /// Its id.
    pub fn id(&self) -> String {
        ids::account(self.account)
    }
}

/// The account of the caller: it needs no look into the database.
pub(crate) fn own(ctx: &Ctx, address: &str) -> Access {
    Access { account: ctx.actor.account, own: true, read_only: false, name: address.to_owned() }
}

/// The accounts of others that share something with the caller.
pub(crate) async fn shared(mail: &Mail, ctx: &Ctx) -> Result<Vec<Access>> {
    let accounts = mail.shared_accounts(ctx).await?;
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    mail.kernel()
        .read(ctx, move |view| {
            let mut found = Vec::with_capacity(accounts.len());
            for shared in accounts {
                let rights = view.collections(shared.account, None)?;
                let rights = rights.iter().fold(Rights::NONE, |all, info| Rights(all.0 | info.rights.0));
                let read_only = Rights(rights.0 & !(Right::Read as i64)) == Rights::NONE;
                if rights.has(Right::Read) {
                    found.push(Access {
                        account: shared.account,
                        own: false,
                        read_only,
                        name: shared.address,
                    });
                }
            }
            Ok(found)
        })
        .await
}
