//! Which accounts a caller may name, and what it may do there.

use base::{AccountId, Ctx, Error, Result, Tree};
use kernel::{Right, Rights};
use mail::Mail;
use mail::images::Image;

use super::ids;
use crate::dates;

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
    /// What is seen of it; of what the history shows nothing can be changed.
    pub tree: Tree,
}

impl Access {
    /// Its id.
    pub fn id(&self) -> String {
        ids::tree(self.account, self.tree)
    }

    /// A context in which the account is seen so.
    pub fn ctx(&self, ctx: &Ctx) -> Ctx {
        Ctx { tree: self.tree, ..ctx.clone() }
    }
}

/// The account of the caller, as it logged in: it needs no look into the database.
pub(crate) fn own(mail: &Mail, ctx: &Ctx, address: &str) -> Access {
    let name = mail.directory().tree_names().address(ctx.tree, address);
    Access { account: ctx.actor.account, own: true, read_only: ctx.is_past(), name, tree: ctx.tree }
}

/// What the history shows of the caller's account: what arrived lately, or an image that is there.
///
/// # Errors
/// `NotFound` when there is no such image.
pub(crate) async fn of_history(mail: &Mail, ctx: &Ctx, address: &str, tree: Tree) -> Result<Access> {
    let mut access = own(mail, &Ctx { tree, ..ctx.clone() }, address);
    if let Tree::Image(mark) = tree {
        let images = mail.images(ctx, access.account).await?;
        let found =
            images.iter().find(|image| image.mark == mark).ok_or_else(|| Error::not_found("image"))?;
        access.name = image_name(&access.name, found.at);
    }
    Ok(access)
}

/// An account for each image.
pub(crate) async fn images(mail: &Mail, ctx: &Ctx, address: &str) -> Result<Vec<Access>> {
    let own = own(mail, ctx, address);
    let images = mail.images(ctx, own.account).await?;
    let access = |image: &Image| Access {
        name: image_name(&own.name, image.at),
        tree: Tree::Image(image.mark),
        ..own.clone()
    };
    Ok(images.iter().map(access).collect())
}

fn image_name(address: &str, at: i64) -> String {
    format!("{address} {}", dates::utc(at))
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
                        tree: Tree::Present,
                    });
                }
            }
            Ok(found)
        })
        .await
}
