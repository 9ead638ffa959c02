//! What was removed and can still be brought back: items that are gone, and what went with removed collections, the
//! newest first. A view of the history like any other; nothing is copied to keep it.

use std::collections::HashMap;

use base::{AccountId, CollectionId, Door, ItemId, ObjectId, Result, Seq};
use store::{Row, params};

use crate::past::PastItem;
use crate::read::{self, CollectionInfo, View};
use crate::retention;
use crate::rights::{Right, Rights};
use crate::rows::{AccountRow, CollectionRow};

/// Where an item stands in the order of removals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemovedAt {
    /// The commit that removed it, or the collection that it lay in.
    pub seq: Seq,
    /// The collection that it lay in.
    pub collection: CollectionId,
    /// The item.
    pub item: ItemId,
}

impl RemovedAt {
    /// Behind everything: where the newest first page begins.
    pub const END: Self =
        Self { seq: Seq(i64::MAX), collection: CollectionId(i64::MAX), item: ItemId(i64::MAX) };
    /// Before everything.
    pub const START: Self = Self { seq: Seq(0), collection: CollectionId(0), item: ItemId(0) };
}

/// An item that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Where and when.
    pub at: RemovedAt,
    /// The object, which lives nowhere any more.
    pub object: ObjectId,
    /// Its content.
    pub content: i64,
    /// The size of its content in bytes.
    pub size: i64,
    /// Its flags when it was removed.
    pub flags: i64,
    /// Its small state when it was removed.
    pub state: Option<String>,
    /// It went with its collection.
    pub with_collection: bool,
}

/// A collection that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedCollection {
    /// The collection as it was last.
    pub info: CollectionInfo,
    /// The commit that removed it.
    pub seq: Seq,
}

/// Who made a commit, when, and through what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitHead {
    /// Its number.
    pub seq: Seq,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// The account that did it, 0 for the program itself.
    pub actor: AccountId,
    /// The door it came through.
    pub door: Option<Door>,
}

/// Each object at the last place that it was removed from; one that lies anywhere, in a removed collection too, is
/// none of these.
const ITEMS: &str = "
    SELECT i.changed_seq, i.collection_id, i.id, i.object_id, i.content_id, i.size, i.flags, i.state FROM item i
     WHERE i.account_id = $1 AND i.gone = 1 AND i.changed_seq > $2
       AND (i.changed_seq, i.collection_id, i.id) < ($3, $4, $5)
       AND NOT EXISTS (SELECT 1 FROM item o WHERE o.account_id = i.account_id AND o.object_id = i.object_id
                          AND (o.gone = 0 OR o.gone = 1
                               AND (o.changed_seq, o.collection_id, o.id) > (i.changed_seq, i.collection_id, i.id)))
     ORDER BY i.changed_seq DESC, i.collection_id DESC, i.id DESC LIMIT $6";
/// What lies in a removed collection and in no other.
const WITHIN: &str = "
    SELECT i.changed_seq, i.collection_id, i.id, i.object_id, i.content_id, i.size, i.flags, i.state FROM item i
     WHERE i.account_id = $1 AND i.collection_id = $2 AND i.id < $3 AND i.gone = 0
       AND NOT EXISTS (SELECT 1 FROM item o CROSS JOIN collection c
                        WHERE o.account_id = i.account_id AND o.object_id = i.object_id AND o.gone = 0
                          AND c.account_id = o.account_id AND c.id = o.collection_id AND c.gone = 0)
     ORDER BY i.id DESC LIMIT $4";
/// What was put into a collection after a commit, in the order of its last change.
const ARRIVED: &str = "
    SELECT id, object_id, content_id, size, flags, state, created_seq, changed_seq FROM item
     WHERE account_id = $1 AND collection_id = $2 AND (changed_seq, id) > ($3, $4) AND created_seq > $5 AND gone <> 3
     ORDER BY changed_seq, id LIMIT $6";
/// Items that one statement reads.
const PAGE: i64 = 1_000;
/// Objects that one statement asks for.
const CHUNK: usize = 500;
const COLLECTIONS: &str = "
    SELECT id, kind, parent_id, name, role, state, uidnext, total, unseen, bytes,
           created_seq, state_seq, max_seq, past_seq, gone
      FROM collection WHERE account_id = $1 ORDER BY id";

fn removed(row: &Row<'_>, with_collection: bool) -> Result<Removed> {
    Ok(Removed {
        at: RemovedAt {
            seq: Seq(row.int(0)?),
            collection: CollectionId(row.int(1)?),
            item: ItemId(row.int(2)?),
        },
        object: ObjectId(row.int(3)?),
        content: row.int(4)?,
        size: row.int(5)?,
        flags: row.int(6)?,
        state: row.opt_text(7)?,
        with_collection,
    })
}

/// Whether someone may see what was removed from a collection: who may remove things there.
fn may_see(rights: Rights) -> bool {
    rights.has(Right::Read) && rights.has(Right::Delete)
}

impl View<'_, '_> {
    /// The newest commit before a moment, 0 when there is none.
    pub fn last_before(&mut self, account: AccountId, moment_ms: i64) -> Result<Seq> {
        let row = AccountRow::find(self.tx(), account)?;
        retention::last_before(self.tx(), &row, moment_ms)
    }

    /// Whether a legal hold stands on the account.
    pub fn is_held(&mut self, account: AccountId) -> Result<bool> {
        Ok(AccountRow::find(self.tx(), account)?.held)
    }

    /// The commit after which what was removed can be brought back: the newest before a moment, or under a legal hold
    /// none at all.
    pub fn removed_since(&mut self, account: AccountId, moment_ms: i64) -> Result<Seq> {
        let row = AccountRow::find(self.tx(), account)?;
        if row.held { Ok(Seq(0)) } else { retention::last_before(self.tx(), &row, moment_ms) }
    }

    /// The collections of a kind that were removed after a commit and that the reader may remove things from, the
    /// newest first.
    pub fn removed_collections(
        &mut self,
        account: AccountId,
        kind: &str,
        since: Seq,
    ) -> Result<Vec<RemovedCollection>> {
        let rows = self.tx().query(COLLECTIONS, params![account], |row| CollectionRow::read(row, 0))?;
        let rights = self.all_rights(account)?;
        let mut found: Vec<RemovedCollection> = rows
            .into_iter()
            .filter(|row| row.gone && !row.purged && row.kind == kind && row.state_seq > since)
            .map(|row| {
                let (seq, has) = (row.state_seq, rights(row.id));
                RemovedCollection { info: read::info(row, has), seq }
            })
            .filter(|row| may_see(row.info.rights))
            .collect();
        found.sort_unstable_by_key(|row| std::cmp::Reverse((row.seq, row.info.id.0)));
        Ok(found)
    }

    /// A page of items of a kind that were removed after the commit `since`, the newest first, before the place
    /// `before`. Each object stands once, at the last place that it was removed from.
    pub fn removed(
        &mut self,
        account: AccountId,
        kind: &str,
        since: Seq,
        before: RemovedAt,
        limit: u64,
    ) -> Result<Vec<Removed>> {
        let limit = usize::try_from(self.page_limit(limit)).unwrap_or(usize::MAX);
        let mut found = self.removed_items(account, kind, since, before, limit)?;
        found.extend(self.removed_within(account, kind, since, before, limit)?);
        found.sort_unstable_by_key(|row| std::cmp::Reverse(row.at));
        found.truncate(limit);
        Ok(found)
    }

    fn removed_items(
        &mut self,
        account: AccountId,
        kind: &str,
        since: Seq,
        mut before: RemovedAt,
        limit: usize,
    ) -> Result<Vec<Removed>> {
        let rows = self.tx().query(COLLECTIONS, params![account], |row| CollectionRow::read(row, 0))?;
        let rights = self.all_rights(account)?;
        let shown: HashMap<i64, bool> =
            rows.iter().map(|row| (row.id.0, row.kind == kind && may_see(rights(row.id)))).collect();
        let mut out = Vec::new();
        loop {
            let page = i64::try_from(limit).unwrap_or(i64::MAX);
            let values = params![account, since, before.seq, before.collection, before.item, page];
            let found = self.tx().query(ITEMS, values, |row| removed(row, false))?;
            let Some(last) = found.last() else { return Ok(out) };
            before = last.at;
            let full = found.len() >= limit;
            out.extend(found.into_iter().filter(|row| shown.get(&row.at.collection.0) == Some(&true)));
            if !full || out.len() >= limit {
                return Ok(out);
            }
        }
    }

    fn removed_within(
        &mut self,
        account: AccountId,
        kind: &str,
        since: Seq,
        before: RemovedAt,
        limit: usize,
    ) -> Result<Vec<Removed>> {
        let mut out = Vec::new();
        for gone in self.removed_collections(account, kind, since)? {
            let id = gone.info.id;
            let here = (gone.seq, id.0);
            if out.len() >= limit || here > (before.seq, before.collection.0) {
                continue;
            }
            let last = if here == (before.seq, before.collection.0) { before.item } else { ItemId(i64::MAX) };
            let page = i64::try_from(limit - out.len()).unwrap_or(i64::MAX);
            let found =
                self.tx().query(WITHIN, params![account, id, last, page], |row| removed(row, true))?;
            // It went when its collection did.
            out.extend(
                found.into_iter().map(|row| Removed { at: RemovedAt { seq: gone.seq, ..row.at }, ..row }),
            );
        }
        Ok(out)
    }

    /// Of these objects what can be brought back: each place that it was removed from last, in one commit.
    pub fn removed_objects(
        &mut self,
        account: AccountId,
        kind: &str,
        since: Seq,
        objects: &[ObjectId],
    ) -> Result<Vec<Removed>> {
        let ids: Vec<i64> = objects.iter().map(|object| object.0).collect();
        let rows = self.tx().query(COLLECTIONS, params![account], |row| CollectionRow::read(row, 0))?;
        let rights = self.all_rights(account)?;
        let collections: HashMap<i64, &CollectionRow> = rows.iter().map(|row| (row.id.0, row)).collect();
        let sql = "SELECT changed_seq, collection_id, id, object_id, content_id, size, flags, state, gone
                     FROM item WHERE account_id = $1 AND object_id {in $2} AND gone < 2";
        let places =
            self.tx().query(sql, params![account, ids], |row| Ok((removed(row, false)?, row.int(8)?)))?;
        let mut last: HashMap<i64, Vec<Removed>> = HashMap::new();
        let mut living = Vec::new();
        for (mut place, gone) in places {
            let Some(collection) = collections.get(&place.at.collection.0) else { continue };
            if gone == 0 {
                if !collection.gone {
                    living.push(place.object.0);
                    continue;
                }
                (place.at.seq, place.with_collection) = (collection.state_seq, true);
            }
            let shown = collection.kind == kind && !collection.purged && may_see(rights(collection.id));
            if !shown || place.at.seq <= since {
                continue;
            }
            let known = last.entry(place.object.0).or_default();
            let newest = known.first().map_or(Seq(0), |known| known.at.seq);
            if place.at.seq > newest {
                known.clear();
            }
            if place.at.seq >= newest {
                known.push(place);
            }
        }
        let mut out: Vec<Removed> = last
            .into_iter()
            .filter(|(object, _)| !living.contains(object))
            .flat_map(|(_, all)| all)
            .collect();
        out.sort_unstable_by_key(|row| std::cmp::Reverse(row.at));
        Ok(out)
    }

    /// The collection that each of these objects lay in before, outside of the collections `without`, newest first.
    pub fn earlier_places(
        &mut self,
        account: AccountId,
        objects: &[ObjectId],
        without: &[CollectionId],
    ) -> Result<HashMap<i64, CollectionId>> {
        let rights = self.all_rights(account)?;
        let ids: Vec<i64> = objects.iter().map(|object| object.0).collect();
        let sql = "SELECT i.object_id, i.collection_id FROM item i CROSS JOIN collection c
                    WHERE i.account_id = $1 AND i.object_id {in $2} AND c.account_id = i.account_id
                      AND c.id = i.collection_id AND c.gone = 0 AND i.gone <> 3 ORDER BY i.created_seq";
        let found = self
            .tx()
            .query(sql, params![account, ids], |row| Ok((row.int(0)?, CollectionId(row.int(1)?))))?;
        // The later one of an object stays.
        let shown = |id: CollectionId| !without.contains(&id) && rights(id).has(Right::Read);
        Ok(found.into_iter().filter(|(_, collection)| shown(*collection)).collect())
    }

    /// What was put into collections of a kind after a commit and was nowhere in the account before, whatever became of it,
    /// as it was last, in the order of the objects.
    pub fn arrived(&mut self, account: AccountId, kind: &str, since: Seq) -> Result<Vec<PastItem>> {
        self.require(account, CollectionId(0), Right::Read)?;
        let rows = self.tx().query(COLLECTIONS, params![account], |row| CollectionRow::read(row, 0))?;
        let mut newest: HashMap<i64, (i64, PastItem)> = HashMap::new();
        for row in rows.iter().filter(|row| row.kind == kind && row.max_seq > since) {
            let (mut at, mut after) = (since.0, i64::MAX);
            loop {
                let found =
                    self.tx().query(ARRIVED, params![account, row.id, at, after, since, PAGE], |row| {
                        let item = PastItem {
                            id: ItemId(row.int(0)?),
                            object: ObjectId(row.int(1)?),
                            content: row.int(2)?,
                            size: row.int(3)?,
                            flags: row.int(4)?,
                            state: row.opt_text(5)?,
                        };
                        Ok((row.int(6)?, row.int(7)?, item))
                    })?;
                let Some((_, changed, last)) = found.last() else { break };
                (at, after) = (*changed, last.id.0);
                for (created, _, item) in found {
                    // The last place that it was put into says what it was last.
                    match newest.get(&item.object.0) {
                        Some((known, _)) if *known >= created => {}
                        _ => {
                            newest.insert(item.object.0, (created, item));
                        }
                    }
                }
            }
        }
        let objects: Vec<i64> = newest.keys().copied().collect();
        for chunk in objects.chunks(CHUNK) {
            let sql = "SELECT DISTINCT object_id FROM item
                        WHERE account_id = $1 AND object_id {in $2} AND created_seq <= $3";
            let before = self.tx().query(sql, params![account, chunk.to_vec(), since], |row| row.int(0))?;
            for object in before {
                newest.remove(&object);
            }
        }
        let mut out: Vec<PastItem> = newest.into_values().map(|(_, item)| item).collect();
        out.sort_unstable_by_key(|item| item.object.0);
        Ok(out)
    }

    /// Who made commits, and when, in the order of their numbers.
    pub fn commit_heads(&mut self, account: AccountId, seqs: &[Seq]) -> Result<Vec<CommitHead>> {
        let mut seqs: Vec<i64> = seqs.iter().map(|seq| seq.0).collect();
        seqs.sort_unstable();
        seqs.dedup();
        let sql =
            "SELECT seq, at, actor_id, door FROM commit_ WHERE account_id = $1 AND seq {in $2} ORDER BY seq";
        self.tx().query(sql, params![account, seqs], |row| {
            Ok(CommitHead {
                seq: Seq(row.int(0)?),
                at: row.int(1)?,
                actor: AccountId(row.int(2)?),
                door: Door::from_number(row.int(3)?),
            })
        })
    }
}
