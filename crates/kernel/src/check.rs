//! Verifies an account: the chain of its commits, and that the tables are what the commits make.

use std::collections::BTreeMap;

use base::{AccountId, CollectionId, Ctx, Error, Result, Seq};
use store::{Read, params};

use crate::chain::{self, ChainKey, Link};
use crate::changes;
use crate::kind::Kind;
use crate::replay::{Entry, Replay};
use crate::rows::{AccountRow, CollectionRow, Rows};
use crate::verbs::Kernel;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// A commit is missing, altered, forged or out of order.
    Chain,
    /// A mark does not agree with its commit.
    Mark,
    /// A collection is not what the commits make of it.
    Collection,
    /// An item is not what the commits make of it.
    Item,
    /// A counter is wrong; it can be derived again.
    Counter,
    /// The content of an item is missing.
    Content,
    /// A body that a content names is missing.
    Body,
    /// A right is not what the commits make of it.
    Share,
}

/// Something that is wrong, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The account.
    pub account: AccountId,
    /// What is wrong.
    pub kind: FindingKind,
    /// Where and how, for an administrator.
    pub text: String,
}

/// Findings of one account that are listed; a broken account has the same wrong everywhere.
const MOST: usize = 100;
const PAGE: usize = 1_000;
const PAGE_LIMIT: i64 = 1_000;

struct Check<'a, 'r> {
    tx: &'a mut Read<'r>,
    account: AccountRow,
    findings: Vec<Finding>,
}

impl Kernel {
    /// Everything that is wrong with an account, on one snapshot.
    pub async fn check(&self, account: AccountId) -> Result<Vec<Finding>> {
        let (key, kinds) = (self.key().clone(), self.kinds().to_vec());
        self.store()
            .read(move |tx| {
                let account = AccountRow::find(tx, account)?;
                let mut check = Check { tx, account, findings: Vec::new() };
                let replay = check.chain(&key)?;
                check.marks()?;
                check.tables(&replay)?;
                for kind in &kinds {
                    check.contents(kind)?;
                }
                Ok(check.findings)
            })
            .await
    }

    /// Derives the counters of an account again from its items; how many were wrong.
    pub async fn repair_counters(&self, _ctx: &Ctx, account: AccountId) -> Result<u64> {
        self.store()
            .write([account.0], move |tx| {
                let mut row = Rows::account(tx, account)?;
                let counted = count(tx, account)?;
                let sql = "SELECT id, gone FROM collection WHERE account_id = $1";
                let all = tx.query(sql, params![account], |row| Ok((row.int(0)?, row.flag(1)?)))?;
                let (mut wrong, mut used) = (0, 0);
                for (id, gone) in all {
                    let Some(mut collection) = Rows::collection(tx, account, CollectionId(id))? else {
                        continue;
                    };
                    let (total, unseen, bytes) = counted.get(&id).copied().unwrap_or_default();
                    used += if gone { 0 } else { bytes };
                    if (collection.total, collection.unseen, collection.bytes) != (total, unseen, bytes) {
                        wrong += 1;
                        (collection.total, collection.unseen, collection.bytes) = (total, unseen, bytes);
                        Rows::put_collection(tx, account, collection)?;
                    }
                }
                if row.used_bytes != used {
                    wrong += 1;
                    row.used_bytes = used;
                    Rows::put_account(tx, row)?;
                }
                Ok(wrong)
            })
            .await
    }
}

fn count(tx: &mut Read<'_>, account: AccountId) -> Result<BTreeMap<i64, (i64, i64, i64)>> {
    let sql = "SELECT collection_id, count(*), count(*) - sum(flags & 1), sum(size) FROM item
                WHERE account_id = $1 AND gone = 0 GROUP BY collection_id";
    let sql = match tx.dialect() {
        store::sql::Dialect::Sqlite => sql.to_owned(),
        // PostgreSQL sums bigint as numeric.
        store::sql::Dialect::Postgres => {
            sql.replace("sum(flags & 1)", "sum(flags & 1)::bigint").replace("sum(size)", "sum(size)::bigint")
        }
    };
    let rows =
        tx.query(&sql, params![account], |row| Ok((row.int(0)?, (row.int(1)?, row.int(2)?, row.int(3)?))))?;
    Ok(rows.into_iter().collect())
}

impl Check<'_, '_> {
    fn note(&mut self, kind: FindingKind, text: impl Into<String>) {
        if self.findings.len() < MOST {
            self.findings.push(Finding { account: self.account.id, kind, text: text.into() });
        }
    }

    /// Walks the commits: numbers without gaps, times that do not go back, hashes that follow one another.
    fn chain(&mut self, key: &ChainKey) -> Result<Replay> {
        let sql = "SELECT seq, at, actor_id, door, session, changes, hash FROM commit_
                    WHERE account_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let id = self.account.id;
        let (mut last, mut before, mut time) = (Seq(0), chain::START, i64::MIN);
        let mut replay = Replay::default();
        loop {
            let page = self.tx.query(sql, params![id, last, PAGE_LIMIT], |row| {
                let numbers = [row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?, row.int(4)?];
                Ok((numbers, row.text(5)?, row.bytes(6)?))
            })?;
            let full = page.len() == PAGE;
            for ([seq, at, actor, door, session], changes, hash) in page {
                if seq != last.0 + 1 {
                    self.note(
                        FindingKind::Chain,
                        format!("commits {} to {} are missing", last.0 + 1, seq - 1),
                    );
                }
                if at < time {
                    self.note(FindingKind::Chain, format!("commit {seq} is older than the one before it"));
                }
                let link = Link {
                    before: &before,
                    account: id,
                    seq: Seq(seq),
                    at,
                    actor,
                    door,
                    session,
                    changes: &changes,
                };
                if chain::hash(key, &link)[..] != hash[..] {
                    let text = format!("commit {seq} was altered or does not follow the one before it");
                    self.note(FindingKind::Chain, text);
                }
                let applied = changes::parse(&changes).and_then(|changes| replay.apply(&changes));
                if let Err(error) = applied {
                    self.note(FindingKind::Chain, format!("commit {seq}: {error}"));
                }
                // What follows is measured by the hash that stands there: one altered row is one finding.
                before = hash.try_into().unwrap_or(chain::START);
                (last, time) = (Seq(seq), at);
            }
            if !full {
                break;
            }
        }
        if last != self.account.seq || before != self.account.head_hash {
            let text = format!("the account is at commit {}, its history ends at {last}", self.account.seq);
            self.note(FindingKind::Chain, text);
        }
        Ok(replay)
    }

    fn marks(&mut self) -> Result<()> {
        let sql = "SELECT m.seq, m.hash, c.hash FROM mark m LEFT JOIN commit_ c
                       ON c.account_id = m.account_id AND c.seq = m.seq WHERE m.account_id = $1";
        let marks = self.tx.query(sql, params![self.account.id], |row| {
            Ok((row.int(0)?, row.opt_bytes(1)? == row.opt_bytes(2)?))
        })?;
        for (seq, _) in marks.into_iter().filter(|(_, same)| !same) {
            self.note(FindingKind::Mark, format!("the mark at commit {seq} does not agree with the commit"));
        }
        Ok(())
    }

    fn tables(&mut self, replay: &Replay) -> Result<()> {
        let id = self.account.id;
        let sql = "SELECT id, kind, parent_id, name, role, state, uidnext, total, unseen, bytes,
                          created_seq, state_seq, max_seq, past_seq, gone FROM collection WHERE account_id = $1";
        let rows = self.tx.query(sql, params![id], |row| CollectionRow::read(row, 0))?;
        let counted = count(self.tx, id)?;
        let mut used = 0;
        for row in &rows {
            let Some(folder) = replay.folders.get(&row.id.0) else {
                self.note(FindingKind::Collection, format!("collection {} is in no commit", row.id));
                continue;
            };
            let same = (&folder.name, &folder.role, &folder.state, &folder.kind, folder.parent)
                == (&row.name, &row.role, &row.state, &row.kind, row.parent.0);
            if !same || folder.gone != row.gone || folder.uidnext != row.uidnext {
                let text = format!("collection {} is not what its commits make of it", row.id);
                self.note(FindingKind::Collection, text);
            }
            let counters = counted.get(&row.id.0).copied().unwrap_or_default();
            if counters != (row.total, row.unseen, row.bytes) {
                self.note(FindingKind::Counter, format!("the counters of collection {} are wrong", row.id));
            }
            if folder.counters() != counters {
                self.note(FindingKind::Item, format!("collection {} does not hold its items", row.id));
            }
            used += if row.gone { 0 } else { counters.2 };
            self.items(row.id, &folder.items)?;
        }
        for (folder, _) in replay.folders.iter().filter(|(_, folder)| !folder.gone) {
            if !rows.iter().any(|row| row.id.0 == *folder) {
                self.note(FindingKind::Collection, format!("collection {folder} is missing"));
            }
        }
        if used != self.account.used_bytes {
            let text = format!("{used} bytes are used, {} are counted", self.account.used_bytes);
            self.note(FindingKind::Counter, text);
        }
        self.shares(replay)
    }

    fn items(&mut self, collection: CollectionId, expected: &BTreeMap<i64, Entry>) -> Result<()> {
        let sql = "SELECT id, object_id, content_id, size, flags, state FROM item
                    WHERE account_id = $1 AND collection_id = $2 AND id > $3 AND gone = 0 ORDER BY id LIMIT $4";
        let (mut after, mut seen) = (0, 0);
        loop {
            let page =
                self.tx.query(sql, params![self.account.id, collection, after, PAGE_LIMIT], |row| {
                    let entry = Entry {
                        object: row.int(1)?,
                        content: row.int(2)?,
                        size: row.int(3)?,
                        flags: row.int(4)?,
                        state: row.opt_text(5)?,
                    };
                    Ok((row.int(0)?, entry))
                })?;
            for (id, entry) in &page {
                if expected.get(id) != Some(entry) {
                    let text =
                        format!("item {id} of collection {collection} is not what its commits make of it");
                    self.note(FindingKind::Item, text);
                }
                after = *id;
            }
            seen += page.len();
            if page.len() < PAGE {
                break;
            }
        }
        if seen < expected.len() {
            let text = format!("{} items of collection {collection} are missing", expected.len() - seen);
            self.note(FindingKind::Item, text);
        }
        Ok(())
    }

    fn shares(&mut self, replay: &Replay) -> Result<()> {
        let sql = "SELECT collection_id, subject_id, rights FROM share WHERE account_id = $1";
        let found: BTreeMap<(i64, i64), i64> = self
            .tx
            .query(sql, params![self.account.id], |row| Ok(((row.int(0)?, row.int(1)?), row.int(2)?)))?
            .into_iter()
            .collect();
        let live = |(collection, _): &(i64, i64)| {
            *collection == 0 || replay.folders.get(collection).is_some_and(|folder| !folder.gone)
        };
        let expected = replay.shares.iter().filter(|(key, _)| live(key));
        let same = expected.clone().all(|(key, rights)| found.get(key) == Some(rights));
        if !same || found.keys().any(|key| !replay.shares.contains_key(key)) {
            self.note(FindingKind::Share, "the rights are not what the commits make of them");
        }
        Ok(())
    }

    /// Every live item has its content, and every body that a content names is there.
    fn contents(&mut self, kind: &Kind) -> Result<()> {
        let account = self.account.id;
        if let Some(table) = kind.table {
            let sql = format!(
                "SELECT i.collection_id, i.id FROM item i CROSS JOIN collection c LEFT JOIN {table} t
                     ON t.account_id = i.account_id AND t.id = i.content_id
                  WHERE i.account_id = $1 AND c.account_id = $1 AND c.id = i.collection_id AND c.kind = $2
                    AND i.gone = 0 AND t.id IS NULL LIMIT 100"
            );
            for (collection, item) in
                self.tx.query(&sql, params![account, kind.name], |row| Ok((row.int(0)?, row.int(1)?)))?
            {
                let text = format!("the content of item {item} of collection {collection} is missing");
                self.note(FindingKind::Content, text);
            }
        }
        for body in kind.bodies {
            let (table, column) = (body.table, body.column);
            let sql = format!(
                "SELECT t.id FROM {table} t LEFT JOIN blob b ON b.organisation_id = $2 AND b.hash = t.{column}
                  WHERE t.account_id = $1 AND t.{column} IS NOT NULL AND b.hash IS NULL LIMIT 100"
            );
            let organisation = self.account.organisation;
            for id in self.tx.query(&sql, params![account, organisation], |row| row.int(0))? {
                self.note(FindingKind::Body, format!("the body of {table} {id} is missing"));
            }
        }
        Ok(())
    }
}

impl Finding {
    /// The finding as an error, for those who stop at the first.
    pub fn into_error(self) -> Error {
        Error::corrupt("account", self.text)
    }
}
