//! A batch: the changes of one account in one transaction, which make one commit.
//!
//! What must stay true here:
//! - `seq` is taken at the first change and used by all; a batch without a change leaves no commit.
//! - What a mark can see (`from_seq <= mark_seq`) is kept in a past before it is overwritten.
//! - Counters change in the same place as the items that they count.

mod collections;
mod items;
mod purge;
mod shares;

pub use items::BatchItem;

use std::collections::HashMap;

use base::{AccountId, CollectionId, Ctx, Error, ItemId, ObjectId, Result, Seq};
use store::sql::{Bulk, Type};
use store::{Tx, params};

use crate::chain::{self, Link};
use crate::changes::{self, Change};
use crate::rights::{self, Right, Rights};
use crate::rows::{AccountRow, CollectionRow, Rows};
use crate::verbs::Shared;

static COMMIT: Bulk = Bulk::insert(
    "commit_",
    &[
        ("account_id", Type::Int),
        ("seq", Type::Int),
        ("at", Type::Int),
        ("actor_id", Type::Int),
        ("door", Type::Int),
        ("session", Type::Int),
        ("changes", Type::Text),
        ("hash", Type::Bytes),
    ],
);
static COLLECTION_PAST: Bulk = Bulk::insert(
    "collection_past",
    &[
        ("account_id", Type::Int),
        ("id", Type::Int),
        ("to_seq", Type::Int),
        ("from_seq", Type::Int),
        ("parent_id", Type::Int),
        ("name", Type::Text),
        ("role", Type::Text),
        ("state", Type::Text),
        ("uidnext", Type::Int),
        ("total", Type::Int),
        ("unseen", Type::Int),
        ("bytes", Type::Int),
        ("gone", Type::Int),
    ],
);

/// A collection to be made.
#[derive(Debug, Clone, Default)]
pub struct NewCollection<'a> {
    /// The kind of its items.
    pub kind: &'a str,
    /// Where it lies; 0 at the top.
    pub parent: CollectionId,
    /// Its name.
    pub name: &'a str,
    /// What it is for, or empty.
    pub role: &'a str,
    /// Properties of its kind, or empty.
    pub state: &'a str,
}

/// An item to be put into a collection.
#[derive(Debug, Clone, Default)]
pub struct NewItem {
    /// The object, when it exists already (a copy, an undelete); else a new one is made.
    pub object: Option<ObjectId>,
    /// The content, when it exists already; else it has the number of the object.
    pub content: Option<i64>,
    /// The size of the content in bytes.
    pub size: i64,
    /// Small state as bits.
    pub flags: i64,
    /// Small state as text.
    pub state: Option<String>,
    /// The hash of its body, whose first half stands in the commit.
    pub body: Option<[u8; 32]>,
}

/// What was made of a [`NewItem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Created {
    /// Its place in the collection.
    pub item: ItemId,
    /// The object.
    pub object: ObjectId,
    /// The content's id in the table of its kind.
    pub content: i64,
    /// The commit.
    pub seq: Seq,
}

/// Makes the small state of an item from the one it has.
pub type EditState<'a> = &'a (dyn Fn(Option<&str>) -> Option<String> + Sync);

/// What to change on items.
#[derive(Clone, Default)]
pub struct ItemUpdate<'a> {
    /// Flag bits to set.
    pub set: i64,
    /// Flag bits to clear.
    pub clear: i64,
    /// The small state, when it changes.
    pub state: Option<Option<String>>,
    /// How each item's small state changes, when it depends on what it was.
    pub edit: Option<EditState<'a>>,
    /// Leave items alone that changed after this commit (RFC 7162 UNCHANGEDSINCE).
    pub unchanged_since: Option<Seq>,
}

/// What became of items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Items that are as asked now, with their flags; also those that were so before.
    pub done: Vec<(ItemId, i64)>,
    /// Items that are not in the collection (any more).
    pub missing: Vec<ItemId>,
    /// Items that changed after `unchanged_since`.
    pub modified: Vec<ItemId>,
}

/// The changes of one account in one transaction.
pub struct Batch<'b, 'c> {
    tx: &'b mut Tx<'c>,
    ctx: &'b Ctx,
    kernel: &'b Shared,
    account: AccountRow,
    started: bool,
    quota_bytes: Option<i64>,
    changes: Vec<Change>,
    collections: Vec<CollectionId>,
    rights: HashMap<i64, Rights>,
    touched_items: u64,
}

impl<'b, 'c> Batch<'b, 'c> {
    pub(crate) fn begin(
        tx: &'b mut Tx<'c>,
        ctx: &'b Ctx,
        kernel: &'b Shared,
        account: AccountId,
    ) -> Result<Self> {
        let account = Rows::account(tx, account)?;
        Ok(Self {
            tx,
            ctx,
            kernel,
            account,
            started: false,
            quota_bytes: None,
            changes: Vec::new(),
            collections: Vec::new(),
            rights: HashMap::new(),
            touched_items: 0,
        })
    }

    /// The transaction below, for the content tables of a kind.
    pub fn tx(&mut self) -> &mut Tx<'c> {
        self.tx
    }

    /// The context of the request.
    pub fn ctx(&self) -> &'b Ctx {
        self.ctx
    }

    /// The account that is changed.
    pub fn account(&self) -> AccountId {
        self.account.id
    }

    /// The organisation of the account.
    pub fn organisation(&self) -> base::OrganisationId {
        self.account.organisation
    }

    /// The size of all live items of the account.
    pub fn used_bytes(&self) -> i64 {
        self.account.used_bytes
    }

    /// The number that this commit has or will have.
    pub fn seq(&self) -> Seq {
        if self.started { self.account.seq } else { Seq(self.account.seq.0 + 1) }
    }

    /// Refuses items from here on that would make the account larger than this.
    pub fn set_quota(&mut self, quota_bytes: Option<i64>) {
        self.quota_bytes = quota_bytes;
    }

    /// A fresh id of this account, for an object or a content.
    ///
    /// # Errors
    /// `Limit` when all 2^48 are used up.
    pub fn new_id(&mut self) -> Result<i64> {
        let id = self.account.next_id;
        if id > base::MAX_ID {
            return Err(Error::limit("account", "no id is left in this account"));
        }
        self.account.next_id += 1;
        self.start();
        Ok(id)
    }

    /// Notes words for people about what was changed.
    pub fn words(&mut self, text: impl Into<String>) {
        self.start();
        self.changes.push(Change::Words(text.into()));
    }

    fn start(&mut self) -> Seq {
        if !self.started {
            self.started = true;
            self.account.seq = Seq(self.account.seq.0 + 1);
        }
        self.account.seq
    }

    fn count_items(&mut self, by: u64) -> Result<()> {
        self.touched_items += by;
        if self.touched_items > self.ctx.limits.batch_items {
            return Err(Error::limit(
                "batch",
                format!("touches more than {} items; split it", self.ctx.limits.batch_items),
            ));
        }
        Ok(())
    }

    /// The actor's rights on a collection, 0 for the whole account.
    pub fn rights(&mut self, collection: CollectionId) -> Result<Rights> {
        if let Some(rights) = self.rights.get(&collection.0) {
            return Ok(*rights);
        }
        let rights = rights::rights_of(self.tx, self.ctx, self.account.id, collection)?;
        self.rights.insert(collection.0, rights);
        Ok(rights)
    }

    /// Refuses what the actor may not do.
    pub fn require(&mut self, collection: CollectionId, right: Right) -> Result<()> {
        let rights = self.rights(collection)?;
        rights::demand(rights, right)
    }

    fn live(&mut self, id: CollectionId) -> Result<CollectionRow> {
        Rows::collection(self.tx, self.account.id, id)?
            .filter(|row| !row.gone)
            .ok_or_else(|| Error::not_found("collection"))
    }

    /// Keeps what a collection was, when a mark can see it, before the caller changes the row.
    fn keep_collection(&mut self, row: &mut CollectionRow) -> Result<()> {
        let seq = self.start();
        if row.past_seq <= self.account.mark_seq && row.past_seq < seq {
            self.tx.add(
                &COLLECTION_PAST,
                params![
                    self.account.id,
                    row.id,
                    seq,
                    row.past_seq,
                    row.parent,
                    &row.name,
                    &row.role,
                    &row.state,
                    row.uidnext,
                    row.total,
                    row.unseen,
                    row.bytes,
                    row.gone
                ],
            )?;
            row.past_seq = seq;
        }
        row.max_seq = seq;
        if !self.collections.contains(&row.id) {
            self.collections.push(row.id);
        }
        Ok(())
    }

    fn put(&mut self, row: CollectionRow) -> Result<()> {
        Rows::put_collection(self.tx, self.account.id, row)
    }

    /// Writes the commit row, if anything was changed.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { tx, ctx, kernel, mut account, started, changes, collections, .. } = self;
        if !started {
            return Ok(());
        }
        let text = changes::write(&changes);
        account.changed_at = account.changed_at.max(ctx.now_ms());
        let link = Link {
            before: &account.head_hash,
            account: account.id,
            seq: account.seq,
            at: account.changed_at,
            actor: ctx.actor.account.0,
            door: ctx.door.number(),
            session: ctx.session.0,
            changes: &text,
        };
        account.head_hash = chain::hash(&kernel.key, &link);
        tx.add(
            &COMMIT,
            params![
                account.id,
                account.seq,
                account.changed_at,
                ctx.actor.account,
                ctx.door.number(),
                ctx.session,
                text,
                account.head_hash
            ],
        )?;
        kernel.announce(tx, &account, &collections)?;
        Rows::put_account(tx, account)
    }
}
