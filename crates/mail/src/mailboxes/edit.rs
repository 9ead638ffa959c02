//! Making, renaming and removing mailboxes.

use base::{AccountId, CollectionId, Ctx, Error, Result};
use kernel::{Batch, NewCollection};
use store::sql::{Bulk, Type};
use store::{Tx, params};

use super::Role;
use crate::{Mail, NAME};

static WANT: Bulk = Bulk::upsert(
    "mailbox_subscription",
    &[("account_id", Type::Int), ("owner_id", Type::Int), ("mailbox_id", Type::Int)],
    3,
    "ON CONFLICT (account_id, owner_id, mailbox_id) DO NOTHING",
);

/// What changes of a mailbox; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailboxChange {
    /// Where it lies.
    pub parent: Option<CollectionId>,
    /// Its name.
    pub name: Option<String>,
    /// What it is for; `Some(None)`: nothing special.
    pub role: Option<Option<Role>>,
}

/// What `collection.state` says of a mailbox, as JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Properties {
    /// Where it stands among its siblings.
    pub(super) sort_order: u32,
    /// Raised when its owner began or ceased to want to see it.
    revision: u64,
}

impl Properties {
    pub(super) fn read(state: &str) -> Self {
        serde_json::from_str(state).unwrap_or_default()
    }
}

/// Notes that someone wants to see a mailbox.
pub(crate) fn want(
    tx: &mut Tx<'_>,
    reader: AccountId,
    owner: AccountId,
    mailbox: CollectionId,
) -> Result<()> {
    tx.add(&WANT, params![reader, owner, mailbox])
}

fn check_name(name: &str) -> Result<()> {
    if name.contains('/') {
        return Err(Error::invalid("name", "has a '/', which separates levels; choose another name"));
    }
    Ok(())
}

impl Mail {
    /// Makes a mailbox; its owner is subscribed to it.
    ///
    /// # Errors
    /// `Invalid` for a name that breaks a rule, `Conflict` for one that is taken or a role that another mailbox
    /// has, `NotFound` and `Forbidden` by rights.
    pub async fn create_mailbox(
        &self,
        ctx: &Ctx,
        account: AccountId,
        parent: CollectionId,
        name: &str,
        role: Option<Role>,
    ) -> Result<CollectionId> {
        self.make_mailbox(ctx, account, (parent, name), role, true).await
    }

    /// Makes a mailbox, and subscribes its owner to it where that is wished: clients of IMAP do it themselves.
    ///
    /// # Errors
    /// As [`Mail::create_mailbox`].
    pub async fn make_mailbox(
        &self,
        ctx: &Ctx,
        account: AccountId,
        (parent, name): (CollectionId, &str),
        role: Option<Role>,
        subscribe: bool,
    ) -> Result<CollectionId> {
        check_name(name)?;
        if parent.0 == 0 && name.eq_ignore_ascii_case("inbox") {
            return Err(Error::conflict("name", "INBOX is there already"));
        }
        let name = name.to_owned();
        self.kernel()
            .write(ctx, account, move |batch| {
                let role = role.map(Role::word).unwrap_or_default();
                let new = NewCollection { kind: NAME, parent, name: &name, role, state: "" };
                let mailbox = batch.create_collection(&new)?;
                if subscribe {
                    want(batch.tx(), account, account, mailbox)?;
                }
                Ok(mailbox)
            })
            .await
    }

    /// Renames or moves a mailbox, with all below it, or gives it another role.
    ///
    /// # Errors
    /// As [`Mail::create_mailbox`]; `Forbidden` for the inbox.
    pub async fn change_mailbox(
        &self,
        ctx: &Ctx,
        account: AccountId,
        id: CollectionId,
        change: MailboxChange,
    ) -> Result<()> {
        if let Some(name) = &change.name {
            check_name(name)?;
        }
        let inbox = self.with_role(account, Role::Inbox).await?;
        if inbox == Some(id) {
            return Err(Error::forbidden(
                "mailbox",
                "the inbox cannot be renamed, moved or given another role",
            ));
        }
        self.kernel()
            .write(ctx, account, move |batch| {
                of_mail(batch, id)?;
                let role = change.role.map(|role| role.map(Role::word).unwrap_or_default());
                batch.update_collection(id, change.parent, change.name.as_deref(), role, None)
            })
            .await
    }

    /// Says where a mailbox stands among its siblings.
    ///
    /// # Errors
    /// `NotFound` and `Forbidden` by rights.
    pub async fn set_sort_order(
        &self,
        ctx: &Ctx,
        account: AccountId,
        id: CollectionId,
        sort_order: u32,
    ) -> Result<()> {
        self.set_properties(ctx, account, id, move |properties| properties.sort_order = sort_order).await
    }

    /// Tells clients of the owner that something about a mailbox changed that lies outside of its account's history.
    ///
    /// # Errors
    /// `NotFound` and `Forbidden` by rights.
    pub async fn touch_mailbox(&self, ctx: &Ctx, account: AccountId, id: CollectionId) -> Result<()> {
        self.set_properties(ctx, account, id, |properties| properties.revision += 1).await
    }

    async fn set_properties(
        &self,
        ctx: &Ctx,
        account: AccountId,
        id: CollectionId,
        change: impl Fn(&mut Properties) + Send + Sync + 'static,
    ) -> Result<()> {
        self.kernel()
            .write(ctx, account, move |batch| {
                of_mail(batch, id)?;
                let sql = "SELECT state FROM collection WHERE account_id = $1 AND id = $2";
                let state = batch.tx().query_one(sql, params![account, id], |row| row.text(0))?;
                let mut properties = Properties::read(&state);
                change(&mut properties);
                let state = serde_json::to_string(&properties)
                    .map_err(|error| Error::corrupt("mailbox", "has no properties").with_source(error))?;
                batch.update_collection(id, None, None, None, Some(&state))
            })
            .await
    }

    /// Removes a mailbox with its messages, which can be brought back for a while.
    ///
    /// # Errors
    /// `Conflict` while others lie in it, `Forbidden` for the inbox, and by rights.
    pub async fn destroy_mailbox(&self, ctx: &Ctx, account: AccountId, id: CollectionId) -> Result<()> {
        if self.with_role(account, Role::Inbox).await? == Some(id) {
            return Err(Error::forbidden("mailbox", "the inbox cannot be removed"));
        }
        self.kernel()
            .write(ctx, account, move |batch| {
                of_mail(batch, id)?;
                batch.destroy_collection(id)?;
                let sql = "DELETE FROM mailbox_subscription WHERE account_id = $1 AND owner_id = $1 AND mailbox_id = $2";
                batch.tx().later(sql, params![account, id])
            })
            .await?;
        self.views().drop_view(account, id);
        Ok(())
    }

    /// Says whether the reader wants to see a mailbox in lists.
    ///
    /// # Errors
    /// `NotFound` when there is none that it may see.
    pub async fn subscribe(
        &self,
        ctx: &Ctx,
        owner: AccountId,
        mailbox: CollectionId,
        on: bool,
    ) -> Result<()> {
        super::refuse_past(ctx)?;
        self.mailbox(ctx, owner, mailbox).await?;
        let reader = ctx.actor.account;
        self.kernel()
            .store()
            .write([], move |tx| {
                if on {
                    return want(tx, reader, owner, mailbox);
                }
                let sql = "DELETE FROM mailbox_subscription WHERE account_id = $1 AND owner_id = $2 AND mailbox_id = $3";
                tx.later(sql, params![reader, owner, mailbox])
            })
            .await
    }
}

/// A collection of another kind does not exist for mail.
fn of_mail(batch: &mut Batch<'_, '_>, id: CollectionId) -> Result<()> {
    let (kind, _) = batch.collection(id)?;
    if kind == NAME { Ok(()) } else { Err(Error::not_found("mailbox")) }
}
