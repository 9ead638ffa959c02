//! In whose name people send, and whom they may write to.

use base::{AccountId, Ctx, Result};
use codec::Address;
use directory::entries::Kind;
use directory::groups::{self, Posting};
use directory::resolve::{self, Recipients, Resolution};
use kernel::Right;

use crate::Mail;

impl Mail {
    /// Whether the actor may send from an address: its own, or of a mailbox on which it has the right to post.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn may_send_as(&self, ctx: &Ctx, address: &Address) -> Result<bool> {
        let (own, asked) = (ctx.clone(), address.clone());
        let owner = self.directory().read(move |tx| resolve::owner(tx, &own, &asked)).await?;
        let Some(owner) = owner.filter(|owner| owner.organisation == ctx.actor.organisation) else {
            return Ok(false);
        };
        Ok(owner.account == ctx.actor.account || self.may_post_for(ctx, owner.account).await)
    }

    /// Whether the right to send in its name is on the inbox, or another mailbox, of an account of others.
    pub(super) async fn may_post_for(&self, ctx: &Ctx, account: AccountId) -> bool {
        let mailboxes = self.mailboxes(ctx, account).await;
        mailboxes.is_ok_and(|mailboxes| mailboxes.iter().any(|mailbox| mailbox.rights.has(Right::Post)))
    }

    /// The largest message that the actor may send, by its class of service; none: the server's limit.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn largest_submission(&self, account: AccountId) -> Result<Option<u64>> {
        let most = self.directory().read(move |tx| resolve::largest_message(tx, account)).await?;
        Ok(most.map(|most| u64::try_from(most).unwrap_or(0)))
    }

    /// Whether the actor may write to an address: not to one of ours that nobody has, or a group that does not take
    /// mail of the actor.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn may_write_to(&self, ctx: &Ctx, address: &Address, sender: &str) -> Result<bool> {
        let (ctx, address, sender) = (ctx.clone(), address.clone(), sender.to_owned());
        let own = Some((ctx.actor.organisation, ctx.actor.account));
        self.directory()
            .read(move |tx| match resolve::resolve(tx, &ctx, &address)? {
                Resolution::Refused(_) => Ok(false),
                Resolution::Found(Recipients { via: Some(via), .. })
                    if matches!(via.kind, Kind::Group | Kind::List) =>
                {
                    let posting = groups::posting(tx, via.account, own, &sender, ctx.limits.member_depth)?;
                    Ok(posting == Posting::Accepted && !(sender.is_empty() && via.kind == Kind::List))
                }
                Resolution::NotOurs | Resolution::Relay(_) | Resolution::Found(_) => Ok(true),
            })
            .await
    }
}
