//! Reading an account as it was at a commit: exact at every mark, as long as the mark stands.
//!
//! Driven by `item`: a row was there at S when `created_seq <= S` and it is live or went after S. Its state is
//! its own when `state_seq <= S`, else that of the first past that ended after S.

use base::{AccountId, CollectionId, Error, ItemId, ObjectId, Result, Seq};
use store::params;

use crate::read::View;
use crate::rights::Right;

/// A collection as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCollection {
    /// Its id.
    pub id: CollectionId,
    /// The kind of its items.
    pub kind: String,
    /// Where it lay.
    pub parent: CollectionId,
    /// Its name then.
    pub name: String,
    /// Its role then.
    pub role: String,
    /// Its properties then.
    pub state: String,
    /// Items in it then.
    pub total: i64,
    /// Of these, not seen.
    pub unseen: i64,
    /// Their size.
    pub bytes: i64,
    /// The id that its next item would have had.
    pub uidnext: i64,
}

/// An item as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastItem {
    /// Its place.
    pub id: ItemId,
    /// The object.
    pub object: ObjectId,
    /// Its content then.
    pub content: i64,
    /// Its size then.
    pub size: i64,
    /// Its flags then.
    pub flags: i64,
    /// Its small state then.
    pub state: Option<String>,
}

const TREE: &str = "
    SELECT c.id, c.kind,
           coalesce(p.parent_id, c.parent_id), coalesce(p.name, c.name), coalesce(p.role, c.role),
           coalesce(p.state, c.state), coalesce(p.total, c.total), coalesce(p.unseen, c.unseen),
           coalesce(p.bytes, c.bytes), coalesce(p.uidnext, c.uidnext)
      FROM collection c LEFT JOIN collection_past p
        ON p.account_id = c.account_id AND p.id = c.id AND c.past_seq > $2
       AND p.to_seq = (SELECT min(q.to_seq) FROM collection_past q
                        WHERE q.account_id = c.account_id AND q.id = c.id AND q.to_seq > $2)
     WHERE c.account_id = $1 AND c.created_seq <= $2 AND coalesce(p.gone, c.gone) = 0
     ORDER BY c.id";
/// The page is bounded by the next free id at that commit: what came later is not even looked at.
const PAGE: &str = "
    SELECT i.id, i.object_id, coalesce(p.content_id, i.content_id), coalesce(p.size, i.size),
           coalesce(p.flags, i.flags), CASE WHEN p.id IS NULL THEN i.state ELSE p.state END
      FROM (SELECT account_id, collection_id, id, object_id, content_id, size, flags, state, state_seq
              FROM item
             WHERE account_id = $1 AND collection_id = $2 AND id > $4 AND id < $5 AND created_seq <= $3
               AND (gone = 0 OR changed_seq > $3) AND gone <> 3
             ORDER BY id LIMIT $6) i
      LEFT JOIN past p
        ON p.account_id = i.account_id AND p.collection_id = i.collection_id AND p.id = i.id
       AND i.state_seq > $3
       AND p.to_seq = (SELECT min(q.to_seq) FROM past q
                        WHERE q.account_id = i.account_id AND q.collection_id = i.collection_id
                          AND q.id = i.id AND q.to_seq > $3)
     ORDER BY i.id";

impl View<'_, '_> {
    /// The marks of an account, newest first: the moments that [`View::tree_as_of`] can show.
    pub fn marks(&mut self, account: AccountId) -> Result<Vec<(Seq, i64)>> {
        self.require(account, CollectionId(0), Right::Read)?;
        let sql = "SELECT seq, at FROM mark WHERE account_id = $1 ORDER BY seq DESC LIMIT $2";
        let limit = self.page_limit(u64::MAX);
        self.tx().query(sql, params![account, limit], |row| Ok((Seq(row.int(0)?), row.int(1)?)))
    }

    /// All collections as they were at a mark.
    ///
    /// # Errors
    /// `NotFound` when there is no such mark.
    pub fn tree_as_of(&mut self, account: AccountId, mark: Seq) -> Result<Vec<PastCollection>> {
        self.require(account, CollectionId(0), Right::Read)?;
        self.check_mark(account, mark)?;
        self.tx().query(TREE, params![account, mark], |row| {
            Ok(PastCollection {
                id: CollectionId(row.int(0)?),
                kind: row.text(1)?,
                parent: CollectionId(row.int(2)?),
                name: row.text(3)?,
                role: row.text(4)?,
                state: row.text(5)?,
                total: row.int(6)?,
                unseen: row.int(7)?,
                bytes: row.int(8)?,
                uidnext: row.int(9)?,
            })
        })
    }

    /// A page of the items that lay in a collection at a mark, in rising order, behind `after`.
    ///
    /// # Errors
    /// `NotFound` when there is no such mark, or the collection was not there then.
    pub fn page_as_of(
        &mut self,
        account: AccountId,
        mark: Seq,
        collection: CollectionId,
        after: ItemId,
        limit: u64,
    ) -> Result<Vec<PastItem>> {
        let tree = self.tree_as_of(account, mark)?;
        let was = tree.iter().find(|was| was.id == collection);
        let uidnext = was.ok_or_else(|| Error::not_found("collection"))?.uidnext;
        let limit = self.page_limit(limit);
        self.tx().query(PAGE, params![account, collection, mark, after, uidnext, limit], |row| {
            Ok(PastItem {
                id: ItemId(row.int(0)?),
                object: ObjectId(row.int(1)?),
                content: row.int(2)?,
                size: row.int(3)?,
                flags: row.int(4)?,
                state: row.opt_text(5)?,
            })
        })
    }

    fn check_mark(&mut self, account: AccountId, mark: Seq) -> Result<()> {
        let sql = "SELECT seq FROM mark WHERE account_id = $1 AND seq = $2";
        match self.tx().query_opt(sql, params![account, mark], |row| row.int(0))? {
            Some(_) => Ok(()),
            None => Err(Error::not_found("mark")),
        }
    }

    /// The earlier contents of an item, newest first: when each ended and what it was.
    pub fn versions(
        &mut self,
        account: AccountId,
        collection: CollectionId,
        item: ItemId,
    ) -> Result<Vec<(Seq, PastItem)>> {
        self.require(account, collection, Right::Read)?;
        let sql = "
            SELECT p.to_seq, p.id, i.object_id, p.content_id, p.size, p.flags, p.state
              FROM past p CROSS JOIN item i
             WHERE p.account_id = $1 AND p.collection_id = $2 AND p.id = $3
               AND i.account_id = p.account_id AND i.collection_id = p.collection_id AND i.id = p.id
             ORDER BY p.to_seq DESC LIMIT $4";
        let limit = self.page_limit(u64::MAX);
        self.tx().query(sql, params![account, collection, item, limit], |row| {
            let past = PastItem {
                id: ItemId(row.int(1)?),
                object: ObjectId(row.int(2)?),
                content: row.int(3)?,
                size: row.int(4)?,
                flags: row.int(5)?,
                state: row.opt_text(6)?,
            };
            Ok((Seq(row.int(0)?), past))
        })
    }
}
