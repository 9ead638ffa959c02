//! Reading the present, and what changed since a commit.
//!
//! Every page is a range of one index with a LIMIT, whatever the size of the account.

use base::{AccountId, CollectionId, Ctx, Door, Error, ItemId, ObjectId, Result, Seq};
use store::{Read, Row, params};

use crate::rights::{self, Right, Rights};
use crate::rows::{AccountRow, CollectionRow};

/// A collection as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Its id.
    pub id: CollectionId,
    /// The kind of its items.
    pub kind: String,
    /// Where it lies, 0 at the top.
    pub parent: CollectionId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: String,
    /// Properties of its kind.
    pub state: String,
    /// The id that the next item will have.
    pub uidnext: i64,
    /// Live items.
    pub total: i64,
    /// Live items not seen.
    pub unseen: i64,
    /// The size of the live items.
    pub bytes: i64,
    /// The commit that last changed anything in it.
    pub max_seq: Seq,
    /// What the reader may do in it.
    pub rights: Rights,
}

/// A live item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its place.
    pub id: ItemId,
    /// The object.
    pub object: ObjectId,
    /// The id of its content.
    pub content: i64,
    /// The size of its content in bytes.
    pub size: i64,
    /// Small state as bits.
    pub flags: i64,
    /// Small state as text.
    pub state: Option<String>,
    /// The commit that last changed its content.
    pub content_seq: Seq,
    /// The commit that last changed anything of it.
    pub changed_seq: Seq,
}

/// A change of an item since a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemChange {
    /// The collection.
    pub collection: CollectionId,
    /// The item as it is now; of a removed one, as it was last.
    pub item: Item,
    /// It was not there at that commit.
    pub created: bool,
    /// It is not there any more.
    pub gone: bool,
    /// Its content changed, not only its flags.
    pub content: bool,
}

/// A change of a collection since a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionChange {
    /// The collection as it is now.
    pub info: CollectionInfo,
    /// It was not there at that commit.
    pub created: bool,
    /// It is not there any more.
    pub gone: bool,
    /// Its name, place, role or properties changed, not only what lies in it.
    pub state: bool,
}

/// A commit of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its number.
    pub seq: Seq,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// The account that did it, 0 for the program itself.
    pub actor: AccountId,
    /// The door it came through.
    pub door: Option<Door>,
    /// The session it was done in.
    pub session: i64,
    /// What it did (see [`crate::changes`]).
    pub changes: String,
}

/// A snapshot of the database for one reader.
pub struct View<'v, 'r> {
    tx: &'v mut Read<'r>,
    ctx: &'v Ctx,
}

const ITEM: &str = "id, object_id, content_id, size, flags, state, content_seq, changed_seq";
const PAGE: &str = "
    SELECT id, object_id, content_id, size, flags, state, content_seq, changed_seq FROM item
     WHERE account_id = $1 AND collection_id = $2 AND id > $3 AND gone = 0 ORDER BY id LIMIT $4";
const PAGE_BACK: &str = "
    SELECT id, object_id, content_id, size, flags, state, content_seq, changed_seq FROM item
     WHERE account_id = $1 AND collection_id = $2 AND id < $3 AND gone = 0 ORDER BY id DESC LIMIT $4";
const SINCE: &str = "
    SELECT id, object_id, content_id, size, flags, state, content_seq, changed_seq, created_seq, gone
      FROM item WHERE account_id = $1 AND collection_id = $2
       AND (changed_seq, id) > ($3, $4) ORDER BY changed_seq, id LIMIT $5";
const COLLECTIONS: &str = "
    SELECT id, kind, parent_id, name, role, state, uidnext, total, unseen, bytes,
           created_seq, state_seq, max_seq, past_seq, gone
      FROM collection WHERE account_id = $1 ORDER BY id";

fn item(row: &Row<'_>) -> Result<Item> {
    Ok(Item {
        id: ItemId(row.int(0)?),
        object: ObjectId(row.int(1)?),
        content: row.int(2)?,
        size: row.int(3)?,
        flags: row.int(4)?,
        state: row.opt_text(5)?,
        content_seq: Seq(row.int(6)?),
        changed_seq: Seq(row.int(7)?),
    })
}

pub(crate) fn info(row: CollectionRow, rights: Rights) -> CollectionInfo {
    CollectionInfo {
        id: row.id,
        kind: row.kind,
        parent: row.parent,
        name: row.name,
        role: row.role,
        state: row.state,
        uidnext: row.uidnext,
        total: row.total,
        unseen: row.unseen,
        bytes: row.bytes,
        max_seq: row.max_seq,
        rights,
    }
}

impl<'v, 'r> View<'v, 'r> {
    /// A view on a snapshot that the caller has.
    pub fn new(tx: &'v mut Read<'r>, ctx: &'v Ctx) -> Self {
        Self { tx, ctx }
    }

    /// The snapshot below, for the content tables of a kind.
    pub fn tx(&mut self) -> &mut Read<'r> {
        self.tx
    }

    /// The context of the request.
    pub fn ctx(&self) -> &'v Ctx {
        self.ctx
    }

    /// The rights of the reader on a collection, 0 for the whole account.
    pub fn rights(&mut self, account: AccountId, collection: CollectionId) -> Result<Rights> {
        rights::rights_of(self.tx, self.ctx, account, collection)
    }

    /// Refuses what the reader may not do.
    pub fn require(&mut self, account: AccountId, collection: CollectionId, right: Right) -> Result<()> {
        rights::demand(self.rights(account, collection)?, right)
    }

    pub(crate) fn page_limit(&self, wanted: u64) -> i64 {
        i64::try_from(wanted.min(self.ctx.limits.page_items)).unwrap_or(i64::MAX)
    }

    /// The newest commit of an account: the state that `changes` start from.
    pub fn seq(&mut self, account: AccountId) -> Result<Seq> {
        self.tx
            .query_opt("SELECT seq FROM account WHERE id = $1", params![account], |row| row.int(0))?
            .map(Seq)
            .ok_or_else(|| Error::not_found("account"))
    }

    /// The size of all live items of an account.
    pub fn used_bytes(&mut self, account: AccountId) -> Result<i64> {
        AccountRow::find(self.tx, account).map(|row| row.used_bytes)
    }

    /// The collections of an account that the reader may see; all kinds, or one.
    pub fn collections(&mut self, account: AccountId, kind: Option<&str>) -> Result<Vec<CollectionInfo>> {
        let rows = self.tx.query(COLLECTIONS, params![account], |row| CollectionRow::read(row, 0))?;
        let rights = self.all_rights(account)?;
        Ok(rows
            .into_iter()
            .filter(|row| !row.gone && kind.is_none_or(|kind| kind == row.kind))
            .map(|row| {
                let has = rights(row.id);
                info(row, has)
            })
            .filter(|info| info.rights.has(Right::Read))
            .collect())
    }

    pub(crate) fn all_rights(
        &mut self,
        account: AccountId,
    ) -> Result<impl Fn(CollectionId) -> Rights + use<>> {
        let owner = self.ctx.actor.system || self.ctx.actor.account == account;
        let subjects: Vec<i64> = self.ctx.actor.subjects.iter().map(|subject| subject.0).collect();
        let rows = if owner {
            Vec::new()
        } else {
            let sql = "SELECT collection_id, rights FROM share WHERE account_id = $1 AND subject_id {in $2}";
            self.tx.query(sql, params![account, subjects], |row| Ok((row.int(0)?, row.int(1)?)))?
        };
        Ok(move |id: CollectionId| {
            if owner {
                return Rights::all();
            }
            Rights(rows.iter().filter(|(at, _)| *at == 0 || *at == id.0).fold(0, |all, (_, bits)| all | bits))
        })
    }

    /// The accounts of others in which the reader has a right on anything, in the order of their ids.
    pub fn shared_accounts(&mut self) -> Result<Vec<AccountId>> {
        let subjects: Vec<i64> = self.ctx.actor.subjects.iter().map(|subject| subject.0).collect();
        let sql = "SELECT DISTINCT account_id FROM share WHERE subject_id {in $1} AND account_id <> $2
                    AND rights <> 0 ORDER BY account_id";
        self.tx.query(sql, params![subjects, self.ctx.actor.account], |row| Ok(AccountId(row.int(0)?)))
    }

    /// Who has rights on a collection (0: on all of the account), besides its owner.
    ///
    /// # Errors
    /// `Forbidden` for a reader who may not share it.
    pub fn shares(
        &mut self,
        account: AccountId,
        collection: CollectionId,
    ) -> Result<Vec<(AccountId, Rights)>> {
        self.require(account, collection, Right::Share)?;
        let sql = "SELECT subject_id, rights FROM share WHERE account_id = $1 AND collection_id = $2
                    ORDER BY subject_id";
        self.tx
            .query(sql, params![account, collection], |row| Ok((AccountId(row.int(0)?), Rights(row.int(1)?))))
    }

    /// When items were put where they lie now, in milliseconds since 1970, by their ids.
    pub fn put_at(
        &mut self,
        account: AccountId,
        collection: CollectionId,
        items: &[ItemId],
    ) -> Result<Vec<(ItemId, i64)>> {
        self.require(account, collection, Right::Read)?;
        let ids: Vec<i64> = items.iter().map(|item| item.0).collect();
        let sql = "SELECT i.id, c.at FROM item i
                     JOIN commit_ c ON c.account_id = i.account_id AND c.seq = i.created_seq
                    WHERE i.account_id = $1 AND i.collection_id = $2 AND i.id {in $3} AND i.gone = 0 ORDER BY i.id";
        self.tx.query(sql, params![account, collection, ids], |row| Ok((ItemId(row.int(0)?), row.int(1)?)))
    }

    /// One collection.
    pub fn collection(&mut self, account: AccountId, id: CollectionId) -> Result<CollectionInfo> {
        let rights = self.rights(account, id)?;
        rights::demand(rights, Right::Read)?;
        CollectionRow::find(self.tx, account, id)?
            .filter(|row| !row.gone)
            .map(|row| info(row, rights))
            .ok_or_else(|| Error::not_found("collection"))
    }

    /// A page of live items in rising order of their ids, behind `after`.
    pub fn page(
        &mut self,
        account: AccountId,
        collection: CollectionId,
        after: ItemId,
        limit: u64,
    ) -> Result<Vec<Item>> {
        self.collection(account, collection)?;
        let limit = self.page_limit(limit);
        self.tx.query(PAGE, params![account, collection, after, limit], item)
    }

    /// A page of live items in falling order of their ids, before `before`: the newest first.
    pub fn page_back(
        &mut self,
        account: AccountId,
        collection: CollectionId,
        before: ItemId,
        limit: u64,
    ) -> Result<Vec<Item>> {
        self.collection(account, collection)?;
        let limit = self.page_limit(limit);
        self.tx.query(PAGE_BACK, params![account, collection, before, limit], item)
    }

    /// Live items by their ids; what is not there is left out.
    pub fn get(
        &mut self,
        account: AccountId,
        collection: CollectionId,
        items: &[ItemId],
    ) -> Result<Vec<Item>> {
        self.collection(account, collection)?;
        let ids: Vec<i64> = items.iter().map(|item| item.0).collect();
        let sql = format!(
            "SELECT {ITEM} FROM item WHERE account_id = $1 AND collection_id = $2 AND id {{in $3}}
                AND gone = 0 ORDER BY id"
        );
        self.tx.query(&sql, params![account, collection, ids], item)
    }

    /// Where an object lies now, in collections that the reader may see.
    pub fn places(&mut self, account: AccountId, object: ObjectId) -> Result<Vec<(CollectionId, Item)>> {
        let sql = format!(
            "SELECT {ITEM}, collection_id FROM item WHERE account_id = $1 AND object_id = $2 AND gone = 0"
        );
        let found = self
            .tx
            .query(&sql, params![account, object], |row| Ok((CollectionId(row.int(8)?), item(row)?)))?;
        let mut out = Vec::with_capacity(found.len());
        for (collection, item) in found {
            if self.collection(account, collection).is_ok() {
                out.push((collection, item));
            }
        }
        Ok(out)
    }

    /// What changed in one collection after the commit `since`, oldest change first. A page that is full is
    /// followed by the next from the `changed_seq` and id of its last row.
    ///
    /// # Errors
    /// `Conflict` when `since` lies below what is still known: the reader starts again.
    pub fn changes(
        &mut self,
        account: AccountId,
        collection: CollectionId,
        since: Seq,
        after: ItemId,
        limit: u64,
    ) -> Result<Vec<ItemChange>> {
        self.check_since(account, collection, since)?;
        self.changes_in(account, collection, since, since, after, self.page_limit(limit))
    }

    fn changes_in(
        &mut self,
        account: AccountId,
        collection: CollectionId,
        since: Seq,
        from: Seq,
        after: ItemId,
        limit: i64,
    ) -> Result<Vec<ItemChange>> {
        // At the very first page everything of the commit `since` itself is known already.
        let after = if from == since && after.0 == 0 { ItemId(i64::MAX) } else { after };
        self.tx.query(SINCE, params![account, collection, from, after, limit], |row| {
            let item = item(row)?;
            Ok(ItemChange {
                collection,
                created: row.int(8)? > since.0,
                gone: row.int(9)? != 0,
                content: item.content_seq > since,
                item,
            })
        })
    }

    /// The next page behind the last change of a page before: `since` stays what the reader knows, `last` is
    /// the last change that it was given.
    pub fn changes_after(
        &mut self,
        account: AccountId,
        since: Seq,
        last: &ItemChange,
        limit: u64,
    ) -> Result<Vec<ItemChange>> {
        self.collection(account, last.collection)?;
        let limit = self.page_limit(limit);
        self.changes_in(account, last.collection, since, last.item.changed_seq, last.item.id, limit)
    }

    /// The collections in which anything changed after the commit `since`, that the reader may see; of those
    /// that are gone too.
    ///
    /// # Errors
    /// `Conflict` when `since` lies below what is still known: the reader starts again.
    pub fn collection_changes(&mut self, account: AccountId, since: Seq) -> Result<Vec<CollectionChange>> {
        self.check_floor(account, since)?;
        let sql = "
            SELECT id, kind, parent_id, name, role, state, uidnext, total, unseen, bytes,
                   created_seq, state_seq, max_seq, past_seq, gone
              FROM collection WHERE account_id = $1 AND max_seq > $2 ORDER BY id";
        let rows = self.tx.query(sql, params![account, since], |row| CollectionRow::read(row, 0))?;
        let rights = self.all_rights(account)?;
        Ok(rows
            .into_iter()
            .filter(|row| !(row.gone && row.created_seq > since) && rights(row.id).has(Right::Read))
            .map(|row| CollectionChange {
                created: row.created_seq > since,
                gone: row.gone,
                state: row.state_seq > since,
                info: {
                    let has = rights(row.id);
                    info(row, has)
                },
            })
            .collect())
    }

    /// The collection may be read and `since` is known, in one statement.
    fn check_since(&mut self, account: AccountId, collection: CollectionId, since: Seq) -> Result<()> {
        rights::demand(self.rights(account, collection)?, Right::Read)?;
        let sql = "SELECT a.seq, a.floor_seq FROM account a CROSS JOIN collection c
                    WHERE a.id = $1 AND c.account_id = a.id AND c.id = $2 AND c.gone = 0";
        let found = self
            .tx
            .query_opt(sql, params![account, collection], |row| Ok((Seq(row.int(0)?), Seq(row.int(1)?))))?;
        let (seq, floor) = found.ok_or_else(|| Error::not_found("collection"))?;
        known_since(since, seq, floor)
    }

    fn check_floor(&mut self, account: AccountId, since: Seq) -> Result<()> {
        let row = AccountRow::find(self.tx, account)?;
        known_since(since, row.seq, row.floor_seq)
    }

    /// A page of the history of an account, newest first, before the commit `before`.
    ///
    /// # Errors
    /// `NotFound` unless the reader owns the account or is the program itself.
    pub fn history(&mut self, account: AccountId, before: Seq, limit: u64) -> Result<Vec<CommitInfo>> {
        self.require(account, CollectionId(0), Right::Share)?;
        let sql = "SELECT seq, at, actor_id, door, session, changes FROM commit_
                    WHERE account_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
        self.tx.query(sql, params![account, before, self.page_limit(limit)], |row| commit(row, 0))
    }

    /// A page of what an actor did in all accounts of the reader's reach, newest first, before a moment.
    ///
    /// # Errors
    /// `Forbidden` unless the actor is the reader itself or the reader is the program.
    pub fn history_of_actor(
        &mut self,
        actor: AccountId,
        before_ms: i64,
        limit: u64,
    ) -> Result<Vec<(AccountId, CommitInfo)>> {
        if !self.ctx.actor.system && self.ctx.actor.account != actor {
            return Err(Error::forbidden("actor", "only your own actions; an auditor sees those of others"));
        }
        let sql = "SELECT account_id, seq, at, actor_id, door, session, changes FROM commit_
                    WHERE actor_id = $1 AND at < $2 ORDER BY at DESC LIMIT $3";
        self.tx.query(sql, params![actor, before_ms, self.page_limit(limit)], |row| {
            Ok((AccountId(row.int(0)?), commit(row, 1)?))
        })
    }
}

fn known_since(since: Seq, seq: Seq, floor: Seq) -> Result<()> {
    if since < floor {
        return Err(Error::conflict("since", "lies too far back; read everything again"));
    }
    if since > seq {
        return Err(Error::invalid("since", "lies in the future of this account; read everything again"));
    }
    Ok(())
}

fn commit(row: &Row<'_>, first: usize) -> Result<CommitInfo> {
    Ok(CommitInfo {
        seq: Seq(row.int(first)?),
        at: row.int(first + 1)?,
        actor: AccountId(row.int(first + 2)?),
        door: Door::from_number(row.int(first + 3)?),
        session: row.int(first + 4)?,
        changes: row.text(first + 5)?,
    })
}
