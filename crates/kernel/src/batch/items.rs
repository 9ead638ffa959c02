//! Items: put in, change, move, copy, remove, bring back.

use std::collections::BTreeMap;

use base::{CollectionId, Error, ItemId, ObjectId, Result, Seq};
use store::params;
use store::sql::{Bulk, Type};

use super::{Batch, Changed, Created, ItemUpdate, NewItem};
use crate::SEEN;
use crate::changes::{Change, Ranges};
use crate::rights::Right;
use crate::rows::{CollectionRow, Rows};

static INSERT: Bulk = Bulk::insert(
    "item",
    &[
        ("account_id", Type::Int),
        ("collection_id", Type::Int),
        ("id", Type::Int),
        ("object_id", Type::Int),
        ("content_id", Type::Int),
        ("size", Type::Int),
        ("flags", Type::Int),
        ("state", Type::Text),
        ("created_seq", Type::Int),
        ("content_seq", Type::Int),
        ("state_seq", Type::Int),
        ("changed_seq", Type::Int),
        ("gone", Type::Int),
    ],
);
static UPDATE: Bulk = Bulk::update(
    "item",
    &[
        ("account_id", Type::Int),
        ("collection_id", Type::Int),
        ("id", Type::Int),
        ("content_id", Type::Int),
        ("size", Type::Int),
        ("flags", Type::Int),
        ("state", Type::Text),
        ("content_seq", Type::Int),
        ("state_seq", Type::Int),
        ("changed_seq", Type::Int),
    ],
    3,
);
static BURY: Bulk = Bulk::update(
    "item",
    &[
        ("account_id", Type::Int),
        ("collection_id", Type::Int),
        ("id", Type::Int),
        ("changed_seq", Type::Int),
        ("gone", Type::Int),
    ],
    3,
);
static PAST: Bulk = Bulk::upsert(
    "past",
    &[
        ("account_id", Type::Int),
        ("collection_id", Type::Int),
        ("id", Type::Int),
        ("to_seq", Type::Int),
        ("from_seq", Type::Int),
        ("content_id", Type::Int),
        ("size", Type::Int),
        ("flags", Type::Int),
        ("state", Type::Text),
    ],
    4,
    "ON CONFLICT DO NOTHING",
);

const FIND: &str = "
    SELECT id, object_id, content_id, size, flags, state, created_seq, content_seq, state_seq, changed_seq, gone
      FROM item WHERE account_id = $1 AND collection_id = $2 AND id {in $3} ORDER BY id";

/// Removed by someone.
const REMOVED: i64 = 1;
/// Moved to another collection.
const MOVED: i64 = 2;

struct ItemRow {
    id: i64,
    object: i64,
    content: i64,
    size: i64,
    flags: i64,
    state: Option<String>,
    content_seq: Seq,
    state_seq: Seq,
    changed_seq: Seq,
    gone: i64,
}

/// A live item as a batch sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchItem {
    /// Its place.
    pub id: ItemId,
    /// The object.
    pub object: ObjectId,
    /// Its content.
    pub content: i64,
    /// The size of the content in bytes.
    pub size: i64,
    /// Small state as bits.
    pub flags: i64,
    /// Small state as text.
    pub state: Option<String>,
}

impl Batch<'_, '_> {
    /// Puts an item into a collection. The caller writes the row of its content under [`Created::content`]
    /// in the same transaction, when the content is new.
    ///
    /// # Errors
    /// `OverQuota`, when a quota was set and the item does not fit.
    pub fn create(&mut self, collection: CollectionId, new: NewItem) -> Result<Created> {
        self.require(collection, Right::Insert)?;
        self.check_state(new.state.as_deref())?;
        if new.size < 0 {
            return Err(Error::invalid("size", "is negative"));
        }
        self.check_quota(new.size)?;
        let row = self.live(collection)?;
        let object = match new.object {
            Some(object) => object.0,
            None => self.new_id()?,
        };
        let content = new.content.unwrap_or(object);
        let body = new.body.and_then(|hash| hash.first_chunk::<16>().copied());
        self.insert(row, object, content, new.size, new.flags, new.state, body)
    }

    fn insert(
        &mut self,
        mut row: CollectionRow,
        object: i64,
        content: i64,
        size: i64,
        flags: i64,
        state: Option<String>,
        body: Option<[u8; 16]>,
    ) -> Result<Created> {
        self.count_items(1)?;
        self.keep_collection(&mut row)?;
        let seq = self.account.seq;
        let (account, collection, item) = (self.account.id, row.id, row.uidnext);
        if item > base::MAX_ID {
            return Err(Error::limit("collection", "no id is left in this collection"));
        }
        row.uidnext += 1;
        row.total += 1;
        row.unseen += i64::from(flags & SEEN == 0);
        row.bytes += size;
        self.account.used_bytes += size;
        self.tx.add(
            &INSERT,
            params![
                account,
                collection,
                item,
                object,
                content,
                size,
                flags,
                state.as_deref(),
                seq,
                seq,
                seq,
                seq,
                0
            ],
        )?;
        self.changes.push(Change::Put {
            collection: collection.0,
            item,
            object,
            content,
            size,
            flags,
            state,
            body,
        });
        self.put(row)?;
        Ok(Created { item: ItemId(item), object: ObjectId(object), content, seq })
    }

    /// Sets and clears flags and the small state of items.
    pub fn update(
        &mut self,
        collection: CollectionId,
        items: &[ItemId],
        update: &ItemUpdate<'_>,
    ) -> Result<Changed> {
        if (update.set | update.clear) & SEEN != 0 {
            self.require(collection, Right::Seen)?;
        }
        if (update.set | update.clear) & !SEEN != 0 || update.state.is_some() || update.edit.is_some() {
            self.require(collection, Right::Flag)?;
        }
        if let Some(state) = &update.state {
            self.check_state(state.as_deref())?;
        }
        let mut row = self.live(collection)?;
        let (found, mut changed) = self.find(collection, items)?;
        let mut by_effect: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
        for mut item in found {
            if update.unchanged_since.is_some_and(|since| item.changed_seq > since) {
                changed.modified.push(ItemId(item.id));
                continue;
            }
            let flags = (item.flags | update.set) & !update.clear;
            let mut state = update.state.clone().unwrap_or_else(|| item.state.clone());
            if let Some(edit) = update.edit {
                state = edit(state.as_deref());
                self.check_state(state.as_deref())?;
            }
            changed.done.push((ItemId(item.id), flags));
            if flags == item.flags && state == item.state {
                continue;
            }
            self.keep_collection(&mut row)?;
            self.keep_item(collection, &item)?;
            row.unseen += i64::from(flags & SEEN == 0) - i64::from(item.flags & SEEN == 0);
            if flags != item.flags {
                by_effect.entry((flags & !item.flags, item.flags & !flags)).or_default().push(item.id);
            }
            if state != item.state {
                let state = state.clone();
                self.changes.push(Change::State { collection: collection.0, item: item.id, state });
            }
            (item.flags, item.state) = (flags, state);
            self.write(collection, &item)?;
        }
        for ((set, cleared), items) in by_effect {
            let items: Ranges = items.into_iter().collect();
            self.changes.push(Change::Flags { collection: collection.0, items, set, cleared });
        }
        if self.started {
            self.put(row)?;
        }
        Ok(changed)
    }

    /// Gives an item another content, whose row the caller has written under `content` ([`Batch::new_id`]).
    /// The earlier content is a version of it while its kind keeps every version or a mark sees it.
    pub fn set_content(
        &mut self,
        collection: CollectionId,
        item: ItemId,
        content: i64,
        size: i64,
        body: Option<[u8; 32]>,
    ) -> Result<()> {
        self.require(collection, Right::Change)?;
        let mut row = self.live(collection)?;
        let (found, _) = self.find(collection, &[item])?;
        let mut found = found.into_iter().next().ok_or_else(|| Error::not_found("item"))?;
        self.check_quota(size - found.size)?;
        self.keep_collection(&mut row)?;
        self.keep_item(collection, &found)?;
        row.bytes += size - found.size;
        self.account.used_bytes += size - found.size;
        (found.content, found.size, found.content_seq) = (content, size, self.account.seq);
        self.write(collection, &found)?;
        let body = body.and_then(|hash| hash.first_chunk::<16>().copied());
        self.changes.push(Change::Content { collection: collection.0, item: item.0, content, size, body });
        self.put(row)
    }

    /// Says that the content of an item, which is a row that its kind changes in place, was changed: the words
    /// tell people what.
    pub fn touch(&mut self, collection: CollectionId, item: ItemId, words: impl Into<String>) -> Result<()> {
        self.require(collection, Right::Change)?;
        let (found, _) = self.find(collection, &[item])?;
        let found = found.into_iter().next().ok_or_else(|| Error::not_found("item"))?;
        self.set_content(collection, item, found.content, found.size, None)?;
        self.words(words);
        Ok(())
    }

    /// Moves items to another collection of the account; the old and the new id of each that was there.
    pub fn move_to(
        &mut self,
        from: CollectionId,
        items: &[ItemId],
        to: CollectionId,
    ) -> Result<Vec<(ItemId, ItemId)>> {
        self.require(from, Right::Delete)?;
        self.require(to, Right::Insert)?;
        if from == to {
            return Err(Error::invalid("target", "is the collection that the items are in"));
        }
        let (mut source, mut target) = (self.live(from)?, self.live(to)?);
        let (found, _) = self.find(from, items)?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        same_kind(&source, &target)?;
        self.keep_collection(&mut source)?;
        self.keep_collection(&mut target)?;
        let seq = self.account.seq;
        let first = target.uidnext;
        let mut moved = Vec::with_capacity(found.len());
        for item in &found {
            let id = target.uidnext;
            target.uidnext += 1;
            self.bury(&mut source, item, MOVED)?;
            let unseen = i64::from(item.flags & SEEN == 0);
            target.total += 1;
            target.unseen += unseen;
            target.bytes += item.size;
            self.account.used_bytes += item.size;
            self.tx.add(
                &INSERT,
                params![
                    self.account.id,
                    to,
                    id,
                    item.object,
                    item.content,
                    item.size,
                    item.flags,
                    item.state.as_deref(),
                    seq,
                    item.content_seq,
                    seq,
                    seq,
                    0
                ],
            )?;
            moved.push((ItemId(item.id), ItemId(id)));
        }
        let items = found.iter().map(|item| item.id).collect();
        self.changes.push(Change::Move { collection: from.0, items, target: to.0, first });
        self.put(source)?;
        self.put(target)?;
        Ok(moved)
    }

    /// Live items of a collection by their ids, as this batch sees them; what is not there is left out.
    pub fn items(&mut self, collection: CollectionId, items: &[ItemId]) -> Result<Vec<BatchItem>> {
        self.require(collection, Right::Read)?;
        self.live(collection)?;
        let (found, _) = self.find(collection, items)?;
        Ok(found
            .into_iter()
            .map(|row| BatchItem {
                id: ItemId(row.id),
                object: ObjectId(row.object),
                content: row.content,
                size: row.size,
                flags: row.flags,
                state: row.state,
            })
            .collect())
    }

    /// Puts items into another collection of the account as well: the same objects in a second place.
    pub fn copy_to(
        &mut self,
        from: CollectionId,
        items: &[ItemId],
        to: CollectionId,
    ) -> Result<Vec<(ItemId, ItemId)>> {
        self.require(from, Right::Read)?;
        self.require(to, Right::Insert)?;
        let source = self.live(from)?;
        let (found, _) = self.find(from, items)?;
        self.check_quota(found.iter().map(|item| item.size).sum())?;
        let mut copied = Vec::with_capacity(found.len());
        for item in found {
            let target = self.live(to)?;
            same_kind(&source, &target)?;
            let made =
                self.insert(target, item.object, item.content, item.size, item.flags, item.state, None)?;
            copied.push((ItemId(item.id), made.item));
        }
        Ok(copied)
    }

    /// Removes items. They stay as tombstones, from which they can be brought back.
    pub fn destroy(&mut self, collection: CollectionId, items: &[ItemId]) -> Result<Changed> {
        self.require(collection, Right::Delete)?;
        let mut row = self.live(collection)?;
        let (found, mut changed) = self.find(collection, items)?;
        if found.is_empty() {
            return Ok(changed);
        }
        self.keep_collection(&mut row)?;
        for item in &found {
            self.bury(&mut row, item, REMOVED)?;
            changed.done.push((ItemId(item.id), item.flags));
        }
        let items = found.iter().map(|item| item.id).collect();
        self.changes.push(Change::Remove { collection: collection.0, items });
        self.put(row)?;
        Ok(changed)
    }

    /// Brings removed items back into a collection, with new ids and their flags but for the bits of `without`; the old
    /// and the new id.
    pub fn undelete(
        &mut self,
        from: CollectionId,
        items: &[ItemId],
        to: CollectionId,
        without: i64,
    ) -> Result<Vec<(ItemId, ItemId)>> {
        self.require(from, Right::Read)?;
        self.require(to, Right::Insert)?;
        let mut found = self.rows(from, items)?;
        // What lies in a removed collection went with it.
        let went = Rows::collection(self.tx, self.account.id, from)?.is_some_and(|row| row.gone);
        found.retain(|item| item.gone == REMOVED || went && item.gone == 0);
        self.check_quota(found.iter().map(|item| item.size).sum())?;
        let mut back = Vec::with_capacity(found.len());
        for item in found {
            let target = self.live(to)?;
            let made = self.insert(
                target,
                item.object,
                item.content,
                item.size,
                item.flags & !without,
                item.state,
                None,
            )?;
            back.push((ItemId(item.id), made.item));
        }
        Ok(back)
    }

    fn rows(&mut self, collection: CollectionId, items: &[ItemId]) -> Result<Vec<ItemRow>> {
        self.count_items(items.len() as u64)?;
        let mut ids: Vec<i64> = items.iter().map(|item| item.0).collect();
        ids.sort_unstable();
        ids.dedup();
        self.tx.query(FIND, params![self.account.id, collection, ids], |row| {
            Ok(ItemRow {
                id: row.int(0)?,
                object: row.int(1)?,
                content: row.int(2)?,
                size: row.int(3)?,
                flags: row.int(4)?,
                state: row.opt_text(5)?,
                content_seq: Seq(row.int(7)?),
                state_seq: Seq(row.int(8)?),
                changed_seq: Seq(row.int(9)?),
                gone: row.int(10)?,
            })
        })
    }

    /// The live ones of the items, and the ids of the others as missing.
    fn find(&mut self, collection: CollectionId, items: &[ItemId]) -> Result<(Vec<ItemRow>, Changed)> {
        let mut found = self.rows(collection, items)?;
        found.retain(|item| item.gone == 0);
        let mut changed = Changed::default();
        for item in items {
            if found.binary_search_by_key(&item.0, |row| row.id).is_err() {
                changed.missing.push(*item);
            }
        }
        Ok((found, changed))
    }

    fn keep_item(&mut self, collection: CollectionId, item: &ItemRow) -> Result<()> {
        let seq = self.account.seq;
        let every = self.live(collection).ok().and_then(|row| self.kernel.kind(&row.kind));
        let seen_by_mark = item.state_seq <= self.account.mark_seq;
        if item.state_seq >= seq || !(seen_by_mark || every.is_some_and(|kind| kind.every_version)) {
            return Ok(());
        }
        self.tx.add(
            &PAST,
            params![
                self.account.id,
                collection,
                item.id,
                seq,
                item.state_seq,
                item.content,
                item.size,
                item.flags,
                item.state.as_deref()
            ],
        )
    }

    fn write(&mut self, collection: CollectionId, item: &ItemRow) -> Result<()> {
        let seq = self.account.seq;
        self.tx.add(
            &UPDATE,
            params![
                self.account.id,
                collection,
                item.id,
                item.content,
                item.size,
                item.flags,
                item.state.as_deref(),
                item.content_seq,
                seq,
                seq
            ],
        )
    }

    fn bury(&mut self, row: &mut CollectionRow, item: &ItemRow, how: i64) -> Result<()> {
        row.total -= 1;
        row.unseen -= i64::from(item.flags & SEEN == 0);
        row.bytes -= item.size;
        self.account.used_bytes -= item.size;
        self.tx.add(&BURY, params![self.account.id, row.id, item.id, self.account.seq, how])
    }

    fn check_state(&self, state: Option<&str>) -> Result<()> {
        let most = self.ctx.limits.state_bytes;
        if state.is_some_and(|state| state.len() as u64 > most) {
            return Err(Error::too_large("state", format!("has more than {most} bytes; shorten it")));
        }
        Ok(())
    }
}

fn same_kind(source: &CollectionRow, target: &CollectionRow) -> Result<()> {
    if source.kind == target.kind {
        return Ok(());
    }
    Err(Error::invalid("target", format!("holds {}, not {}", target.kind, source.kind)))
}
