//! Marks, and what may be forgotten: states that no kept mark, undelete window, sync floor or legal hold needs.
//!
//! What must stay true here:
//! - A past or tombstone goes only when no kept mark lies between its beginning and its end.
//! - Every step is one short transaction: deliveries to the same account go on in between.
//! - Commits are never touched: the chain stays whole.

use std::collections::BTreeSet;

use base::{AccountId, Ctx, Result, Seq};
use store::sql::{Bulk, Type};
use store::{Read, Tx, params};

use crate::rows::{AccountRow, CollectionRow, Rows};
use crate::verbs::Kernel;

static MARK: Bulk = Bulk::insert(
    "mark",
    &[("account_id", Type::Int), ("seq", Type::Int), ("at", Type::Int), ("hash", Type::Bytes)],
);

/// The most rows that one transaction removes.
const CHUNK: i64 = 2_000;
const DAY_MS: i64 = 86_400_000;

/// How long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// The newest mark of each of so many hours.
    pub hourly: usize,
    /// The newest mark of each of so many days.
    pub daily: usize,
    /// The newest mark of each of so many months.
    pub monthly: usize,
    /// Days in which what was removed can be brought back.
    pub undelete_days: i64,
    /// Days for which a client that was away is told what changed.
    pub sync_days: i64,
}

impl Default for Keep {
    fn default() -> Self {
        Self { hourly: 48, daily: 30, monthly: 12, undelete_days: 30, sync_days: 90 }
    }
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Marks.
    pub marks: u64,
    /// Earlier states of items and collections.
    pub pasts: u64,
    /// Tombstones of items.
    pub items: u64,
    /// Removed collections.
    pub collections: u64,
    /// Contents that nothing refers to any more.
    pub contents: u64,
}

impl Keep {
    /// Which of the marks (in any order) stay.
    pub fn kept(&self, marks: &[(Seq, i64)]) -> BTreeSet<Seq> {
        let mut newest_first = marks.to_vec();
        newest_first.sort_unstable_by_key(|(seq, at)| std::cmp::Reverse((*at, *seq)));
        let mut kept = BTreeSet::new();
        for (count, bucket) in [
            (self.hourly, (|at| at.div_euclid(3_600_000)) as fn(i64) -> i64),
            (self.daily, |at| at.div_euclid(DAY_MS)),
            (self.monthly, month),
        ] {
            let mut buckets = BTreeSet::new();
            for (seq, at) in &newest_first {
                if buckets.len() >= count {
                    break;
                }
                if buckets.insert(bucket(*at)) {
                    kept.insert(*seq);
                }
            }
        }
        kept
    }
}

fn month(at_ms: i64) -> i64 {
    jiff::Timestamp::from_millisecond(at_ms).map_or(0, |at| {
        let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        i64::from(date.year()) * 12 + i64::from(date.month())
    })
}

/// What a prune works with, read once.
struct Plan {
    account: AccountId,
    /// The newest commit then: what is ended later may be seen by a mark that is made meanwhile.
    seq: Seq,
    marks: Vec<Seq>,
    undelete: Seq,
    floor: Seq,
    collections: Vec<CollectionRow>,
    plain: Vec<i64>,
}

impl Kernel {
    /// Makes an image of the account as it is now, if it changed since the last: from now on this state can be
    /// read again. It costs one row.
    pub async fn mark(&self, ctx: &Ctx, account: AccountId) -> Result<Option<Seq>> {
        let now_ms = ctx.now_ms();
        self.store()
            .write([account.0], move |tx| {
                let mut row = Rows::account(tx, account)?;
                if row.seq == row.mark_seq {
                    return Ok(None);
                }
                row.mark_seq = row.seq;
                tx.add(&MARK, params![account, row.seq, now_ms, row.head_hash])?;
                Rows::put_account(tx, row.clone())?;
                Ok(Some(row.seq))
            })
            .await
    }

    /// Forgets what the account need not keep any longer.
    pub async fn prune(&self, ctx: &Ctx, account: AccountId, keep: Keep) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let now_ms = ctx.now_ms();
        let kinds = self.kinds().to_vec();
        let plan = self
            .store()
            .read(move |tx| {
                let row = AccountRow::find(tx, account)?;
                if row.held { Ok(None) } else { plan(tx, &row, &kinds, keep, now_ms).map(Some) }
            })
            .await?;
        let Some((plan, drop)) = plan else { return Ok(pruned) };
        let sql = "DELETE FROM mark WHERE account_id = $1 AND seq {in $2}";
        pruned.marks =
            self.store().write([], move |tx| tx.execute(sql, params![account, drop.clone()])).await?;
        let mut edges = vec![Seq(0)];
        edges.extend(&plan.marks);
        for (index, &after) in edges.iter().enumerate() {
            let until = edges.get(index + 1).copied().unwrap_or(plan.seq);
            pruned.pasts += self.prune_pasts(&plan, after, until).await?;
            for collection in &plan.collections {
                if collection.max_seq > after {
                    self.prune_items(&plan, collection, after, until, &mut pruned).await?;
                }
            }
        }
        for collection in &plan.collections {
            self.prune_collection(&plan, collection, &mut pruned).await?;
        }
        self.raise_floor(account, plan.floor).await?;
        Ok(pruned)
    }

    async fn prune_pasts(&self, plan: &Plan, after: Seq, until: Seq) -> Result<u64> {
        let (account, plain) = (plan.account, plan.plain.clone());
        self.store()
            .write([], move |tx| {
                let items = tx.execute(
                    "DELETE FROM past WHERE account_id = $1 AND to_seq > $2 AND to_seq <= $3 AND from_seq > $2
                        AND collection_id {in $4}",
                    params![account, after, until, &plain],
                )?;
                let collections = tx.execute(
                    "DELETE FROM collection_past WHERE account_id = $1 AND to_seq > $2 AND to_seq <= $3
                        AND from_seq > $2",
                    params![account, after, until],
                )?;
                Ok(items + collections)
            })
            .await
    }

    /// Tombstones whose whole life lies between two kept marks.
    async fn prune_items(
        &self,
        plan: &Plan,
        collection: &CollectionRow,
        after: Seq,
        until: Seq,
        pruned: &mut Pruned,
    ) -> Result<()> {
        let last = until.min(plan.undelete).min(plan.floor);
        let (account, id) = (plan.account, collection.id);
        if last <= after {
            return Ok(());
        }
        loop {
            let removed = self
                .store()
                .write([account.0], move |tx| {
                    let sql = "
                        SELECT id, object_id, content_id FROM item
                         WHERE account_id = $1 AND collection_id = $2 AND changed_seq > $3 AND changed_seq <= $4
                           AND gone <> 0 AND created_seq > $3 ORDER BY changed_seq, id LIMIT $5";
                    let found = tx.query(sql, params![account, id, after, last, CHUNK], triple)?;
                    let ids: Vec<i64> = found.iter().map(|(id, ..)| *id).collect();
                    let key = params![account, id, ids];
                    tx.execute(
                        "DELETE FROM item WHERE account_id = $1 AND collection_id = $2 AND id {in $3}",
                        key.clone(),
                    )?;
                    tx.execute(
                        "DELETE FROM past WHERE account_id = $1 AND collection_id = $2 AND id {in $3}",
                        key,
                    )?;
                    Ok(found)
                })
                .await?;
            pruned.items += removed.len() as u64;
            pruned.contents += self.prune_contents(account, &collection.kind, &removed).await?;
            if removed.is_empty() {
                return Ok(());
            }
        }
    }

    /// A removed collection that no kept mark shows and no undelete window covers, with all that lay in it.
    async fn prune_collection(&self, plan: &Plan, row: &CollectionRow, pruned: &mut Pruned) -> Result<()> {
        let seen = plan.marks.iter().any(|mark| row.created_seq <= *mark && *mark < row.state_seq);
        if !row.gone || seen || row.state_seq > plan.undelete.min(plan.floor) {
            return Ok(());
        }
        let (account, id) = (plan.account, row.id);
        loop {
            let removed = self
                .store()
                .write([account.0], move |tx| {
                    let sql = "SELECT id, object_id, content_id FROM item
                                WHERE account_id = $1 AND collection_id = $2 ORDER BY id LIMIT $3";
                    let found = tx.query(sql, params![account, id, CHUNK], triple)?;
                    let ids: Vec<i64> = found.iter().map(|(id, ..)| *id).collect();
                    let key = params![account, id, ids];
                    tx.execute(
                        "DELETE FROM item WHERE account_id = $1 AND collection_id = $2 AND id {in $3}",
                        key.clone(),
                    )?;
                    tx.execute(
                        "DELETE FROM past WHERE account_id = $1 AND collection_id = $2 AND id {in $3}",
                        key,
                    )?;
                    if found.is_empty() {
                        let key = params![account, id];
                        tx.execute(
                            "DELETE FROM share WHERE account_id = $1 AND collection_id = $2",
                            key.clone(),
                        )?;
                        tx.execute(
                            "DELETE FROM collection_past WHERE account_id = $1 AND id = $2",
                            key.clone(),
                        )?;
                        tx.execute("DELETE FROM collection WHERE account_id = $1 AND id = $2", key)?;
                    }
                    Ok(found)
                })
                .await?;
            pruned.items += removed.len() as u64;
            pruned.contents += self.prune_contents(account, &row.kind, &removed).await?;
            if removed.is_empty() {
                pruned.collections += 1;
                return Ok(());
            }
        }
    }

    /// Contents of removed items that no other place and no past refers to. The account is locked, so that no
    /// copy of them is made meanwhile.
    async fn prune_contents(&self, account: AccountId, kind: &str, gone: &[(i64, i64, i64)]) -> Result<u64> {
        let Some(table) = self.kinds().iter().find(|known| known.name == kind).and_then(|kind| kind.table)
        else {
            return Ok(0);
        };
        if gone.is_empty() {
            return Ok(0);
        }
        let objects: Vec<i64> = gone.iter().map(|(_, object, _)| *object).collect();
        let contents: BTreeSet<i64> = gone.iter().map(|(_, _, content)| *content).collect();
        self.store()
            .write([account.0], move |tx| {
                let contents = unnamed(tx, account, &objects, &contents)?;
                let sql = format!("DELETE FROM {table} WHERE account_id = $1 AND id {{in $2}}");
                tx.execute(&sql, params![account, contents])
            })
            .await
    }

    async fn raise_floor(&self, account: AccountId, floor: Seq) -> Result<()> {
        self.store()
            .write([account.0], move |tx| {
                let mut row = Rows::account(tx, account)?;
                if row.floor_seq < floor {
                    row.floor_seq = floor;
                    Rows::put_account(tx, row)?;
                }
                Ok(())
            })
            .await
    }

    /// Sets or lifts a legal hold: while it stands nothing of the account's history is pruned. The history says who did
    /// it; who may is the caller's to know.
    ///
    /// # Errors
    /// `NotFound` when there is no such account.
    pub async fn hold(&self, ctx: &Ctx, account: AccountId, held: bool) -> Result<()> {
        self.write(ctx, account, move |batch| batch.hold(held)).await
    }
}

fn triple(row: &store::Row<'_>) -> Result<(i64, i64, i64)> {
    Ok((row.int(0)?, row.int(1)?, row.int(2)?))
}

fn unnamed(
    tx: &mut Tx<'_>,
    account: AccountId,
    objects: &[i64],
    contents: &BTreeSet<i64>,
) -> Result<Vec<i64>> {
    let wanted: Vec<i64> = contents.iter().copied().collect();
    let mut named: BTreeSet<i64> = tx
        .query(
            "SELECT content_id FROM item WHERE account_id = $1 AND object_id {in $2}",
            params![account, objects],
            |row| row.int(0),
        )?
        .into_iter()
        .collect();
    named.extend(tx.query(
        "SELECT content_id FROM past WHERE account_id = $1 AND content_id {in $2}",
        params![account, &wanted],
        |row| row.int(0),
    )?);
    Ok(contents.difference(&named).copied().collect())
}

fn plan(
    tx: &mut Read<'_>,
    row: &AccountRow,
    kinds: &[crate::Kind],
    keep: Keep,
    now_ms: i64,
) -> Result<(Plan, Vec<i64>)> {
    let account = row.id;
    let marks = tx.query("SELECT seq, at FROM mark WHERE account_id = $1", params![account], |row| {
        Ok((Seq(row.int(0)?), row.int(1)?))
    })?;
    let kept = keep.kept(&marks);
    let drop = marks.iter().filter(|(seq, _)| !kept.contains(seq)).map(|(seq, _)| seq.0).collect();
    let sql = "SELECT id, kind, parent_id, name, role, state, uidnext, total, unseen, bytes,
                      created_seq, state_seq, max_seq, past_seq, gone FROM collection WHERE account_id = $1";
    let collections = tx.query(sql, params![account], |row| CollectionRow::read(row, 0))?;
    let every = |name: &str| kinds.iter().any(|kind| kind.name == name && kind.every_version);
    let plain = collections.iter().filter(|row| !every(&row.kind)).map(|row| row.id.0).collect();
    let undelete = last_before(tx, row, now_ms - keep.undelete_days * DAY_MS)?;
    let floor = last_before(tx, row, now_ms - keep.sync_days * DAY_MS)?.max(row.floor_seq);
    Ok((
        Plan {
            account,
            seq: row.seq,
            marks: kept.into_iter().collect(),
            undelete,
            floor,
            collections,
            plain,
        },
        drop,
    ))
}

/// The newest commit before a moment, found by halving: commits are in the order of their times.
pub(crate) fn last_before(tx: &mut Read<'_>, row: &AccountRow, moment_ms: i64) -> Result<Seq> {
    let (mut low, mut high) = (0, row.seq.0);
    while low < high {
        let middle = low + (high - low + 1) / 2;
        let at = tx.query_opt(
            "SELECT at FROM commit_ WHERE account_id = $1 AND seq = $2",
            params![row.id, middle],
            |row| row.int(0),
        )?;
        if at.is_some_and(|at| at < moment_ms) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(Seq(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_thinned_to_hours_days_and_months() {
        let hour = 3_600_000;
        let marks: Vec<_> = (0..24 * 400).map(|n| (Seq(n), n * hour)).collect();
        let kept = Keep::default().kept(&marks);
        let newest = Seq(24 * 400 - 1);
        assert!(kept.contains(&newest) && kept.contains(&Seq(newest.0 - 47)));
        assert!(!kept.contains(&Seq(newest.0 - 49)));
        // 48 hours are 2 days; 28 more days; the months that are not in these yet.
        assert!((48 + 28..=48 + 28 + 12).contains(&kept.len()), "{}", kept.len());
    }
}
