//! Removing for good what was removed: before its time, because somebody who may do so asked for it.
//!
//! What must stay true here:
//! - What lives anywhere is left alone: only what is gone from everywhere is purged.
//! - The rows of items stay as tombstones, so that clients still learn that they went; contents and earlier states go.

use std::collections::{BTreeMap, BTreeSet};

use base::{CollectionId, Error, ItemId, ObjectId, Result};
use store::params;

use super::Batch;
use crate::SEEN;
use crate::changes::{Change, Ranges};
use crate::rights::Right;
use crate::rows::Rows;

/// An item of an object that is to be purged.
struct Place {
    collection: i64,
    id: i64,
    object: i64,
    content: i64,
    size: i64,
    flags: i64,
    gone: i64,
}

/// What stands in `item.gone` of what was purged.
const PURGED: i64 = 3;

impl Batch<'_, '_> {
    /// Forgets removed objects for good: their contents and earlier states, in images too. Those that live somewhere
    /// are left alone; the others are returned.
    ///
    /// # Errors
    /// `Forbidden` for who may not remove anything in the account, `Conflict` under a legal hold.
    pub fn purge(&mut self, objects: &[ObjectId]) -> Result<Vec<ObjectId>> {
        self.require(CollectionId(0), Right::Delete)?;
        self.refuse_hold()?;
        self.count_items(objects.len() as u64)?;
        let ids: Vec<i64> = objects.iter().map(|object| object.0).collect();
        self.tx.flush_group()?;
        let sql = "SELECT collection_id, id, object_id, content_id, size, flags, gone FROM item
                    WHERE account_id = $1 AND object_id {in $2}";
        let mut places = self.tx.query(sql, params![self.account.id, ids], |row| {
            Ok(Place {
                collection: row.int(0)?,
                id: row.int(1)?,
                object: row.int(2)?,
                content: row.int(3)?,
                size: row.int(4)?,
                flags: row.int(5)?,
                gone: row.int(6)?,
            })
        })?;
        let mut living = BTreeSet::new();
        for place in places.iter().filter(|place| place.gone == 0) {
            if self.live(CollectionId(place.collection)).is_ok() {
                living.insert(place.object);
            }
        }
        places.retain(|place| !living.contains(&place.object) && place.gone != PURGED);
        let purged: BTreeSet<i64> = places.iter().map(|place| place.object).collect();
        if purged.is_empty() {
            return Ok(Vec::new());
        }
        self.forget(&places)?;
        Ok(purged.into_iter().map(ObjectId).collect())
    }

    /// Sets or lifts a legal hold; where it is so already, nothing is done.
    pub(crate) fn hold(&mut self, held: bool) -> Result<()> {
        if self.account.held == held {
            return Ok(());
        }
        self.tx.execute("UPDATE account SET held = $2 WHERE id = $1", params![self.account.id, held])?;
        self.account.held = held;
        self.words(if held { "legal hold set" } else { "legal hold lifted" });
        Ok(())
    }

    /// Refuses while nothing of the account may be forgotten.
    fn refuse_hold(&self) -> Result<()> {
        if self.account.held {
            return Err(Error::conflict(
                "account",
                "is under a legal hold: nothing of it is removed for good",
            ));
        }
        Ok(())
    }

    fn forget(&mut self, places: &[Place]) -> Result<()> {
        let seq = self.start();
        let mut by_collection: BTreeMap<i64, Vec<&Place>> = BTreeMap::new();
        for place in places {
            by_collection.entry(place.collection).or_default().push(place);
        }
        let mut contents: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        let account = self.account.id;
        for (collection, places) in by_collection {
            let id = CollectionId(collection);
            let row = Rows::collection(self.tx, account, id)?;
            let mut row = row.ok_or_else(|| Error::corrupt("item", "lies in no collection"))?;
            let here = contents.entry(row.kind.clone()).or_default();
            here.extend(places.iter().map(|place| place.content));
            let items: Vec<i64> = places.iter().map(|place| place.id).collect();
            let sql =
                "SELECT content_id FROM past WHERE account_id = $1 AND collection_id = $2 AND id {in $3}";
            here.extend(self.tx.query(sql, params![account, id, &items], |row| row.int(0))?);
            let sql = "DELETE FROM past WHERE account_id = $1 AND collection_id = $2 AND id {in $3}";
            self.tx.execute(sql, params![account, id, &items])?;
            // What went with its collection goes from it now; the others keep the commit that they went in.
            let went: Vec<&&Place> = places.iter().filter(|place| place.gone == 0).collect();
            if !went.is_empty() {
                self.keep_collection(&mut row)?;
                for place in &went {
                    row.total -= 1;
                    row.unseen -= i64::from(place.flags & SEEN == 0);
                    row.bytes -= place.size;
                }
                let items: Ranges = went.iter().map(|place| place.id).collect();
                self.changes.push(Change::Remove { collection, items });
                let ids: Vec<i64> = went.iter().map(|place| place.id).collect();
                let sql = "UPDATE item SET changed_seq = $4 WHERE account_id = $1 AND collection_id = $2 AND id {in $3}";
                self.tx.execute(sql, params![account, id, ids, seq])?;
                self.put(row)?;
            }
            let sql = "UPDATE item SET gone = $4 WHERE account_id = $1 AND collection_id = $2 AND id {in $3}";
            self.tx.execute(sql, params![account, id, &items, PURGED])?;
            let listed: Ranges = items.into_iter().collect();
            self.words(format!("purged for good from collection {collection}: {listed}"));
        }
        for (kind, contents) in contents {
            self.forget_contents(&kind, &contents)?;
        }
        Ok(())
    }

    /// Contents that no earlier state refers to any more.
    fn forget_contents(&mut self, kind: &str, contents: &BTreeSet<i64>) -> Result<()> {
        let Some(table) = self.kernel.kind(kind).and_then(|kind| kind.table) else { return Ok(()) };
        let account = self.account.id;
        let wanted: Vec<i64> = contents.iter().copied().collect();
        let sql = "SELECT content_id FROM past WHERE account_id = $1 AND content_id {in $2}";
        let named: BTreeSet<i64> =
            self.tx.query(sql, params![account, wanted], |row| row.int(0))?.into_iter().collect();
        let free: Vec<i64> = contents.difference(&named).copied().collect();
        let sql = format!("DELETE FROM {table} WHERE account_id = $1 AND id {{in $2}}");
        self.tx.execute(&sql, params![account, free]).map(|_| ())
    }

    /// Marks a removed collection as one that cannot be brought back; what lay in it is purged before.
    ///
    /// # Errors
    /// `NotFound` when there is no such removed one, `Conflict` while something lies in it or under a legal hold.
    pub fn purge_collection(&mut self, id: CollectionId) -> Result<()> {
        self.require(CollectionId(0), Right::Delete)?;
        self.refuse_hold()?;
        let mut row = Rows::collection(self.tx, self.account.id, id)?
            .filter(|row| row.gone && !row.purged)
            .ok_or_else(|| Error::not_found("removed collection"))?;
        self.tx.flush_group()?;
        self.keep_collection(&mut row)?;
        row.purged = true;
        self.words(format!("purged for good: collection {id}"));
        self.put(row)
    }

    /// Removed objects that lie in a removed collection, or were removed from it, at most `limit` of them.
    pub fn objects_in(
        &mut self,
        collection: CollectionId,
        after: ItemId,
        limit: u64,
    ) -> Result<Vec<(ItemId, ObjectId)>> {
        self.require(collection, Right::Read)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT id, object_id FROM item WHERE account_id = $1 AND collection_id = $2 AND id > $3
                    AND gone < 2 ORDER BY id LIMIT $4";
        self.tx.query(sql, params![self.account.id, collection, after, limit], |row| {
            Ok((ItemId(row.int(0)?), ObjectId(row.int(1)?)))
        })
    }
}
