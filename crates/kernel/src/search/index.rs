//! The tables of the index, in a store of their own: a file beside the database, or tables in the same
//! PostgreSQL over connections of their own, so that no transaction of an account ever waits for them.

use std::path::Path;
use std::sync::Arc;

use base::{AccountId, Ctx, Error, Meaning, Result, Seq};
use store::sql::{Dialect, Migration};
use store::{Backend, Part, Read, Store, StoreOptions, Tx, params};

use super::query::{ANY, Query};
use super::vocabulary::Vocabulary;
use super::words::WordSet;

const SCHEMA: &str = include_str!("../../schema/search.sql");
const PART: Part = Part {
    name: "search",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "search", text: SCHEMA }],
};
/// The contents of one account have row numbers of their own: one range of every list of the index.
const CONTENT_BITS: u32 = 36;
const FILE: &str = "search.sqlite";

/// A node that does not extend its hold on an account for so long loses it.
const BUSY_MS: i64 = 60_000;

/// The tables of the index.
#[derive(Clone)]
pub(super) struct Index {
    pub(super) store: Store,
    pub(super) dialect: Dialect,
    pub(super) vocabulary: Arc<Vocabulary>,
    node: String,
    ctx: Ctx,
}

/// What must be among the words of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Clause {
    /// One of these words.
    Any(Vec<String>),
    /// A word that begins so.
    Begins(String),
}

/// Words of one question; more are asked in several.
const WORDS: usize = 200;

/// A content to be put into the index, with its words.
#[derive(Debug, Clone)]
pub(super) struct Doc {
    pub(super) content: i64,
    pub(super) object: i64,
    pub(super) content_seq: i64,
    pub(super) words: WordSet,
}

/// A content as the index has it: content, object, the commit of its text.
pub(super) type Known = (i64, i64, i64);

/// Contents that may match, the newest first.
pub(super) struct Page {
    /// The commit up to which the index is complete.
    pub(super) seq: Seq,
    /// Content and object.
    pub(super) hits: Vec<(i64, i64)>,
    pub(super) full: bool,
}

impl Index {
    /// Opens the index of a database. A file that cannot be read is made anew: all in it can be found again.
    pub(super) async fn open(main: &Store, ctx: &Ctx, folder: &Path) -> Result<Self> {
        let backend = match main.backend() {
            Backend::Sqlite { .. } | Backend::Derived { .. } => {
                Backend::Derived { path: folder.join(FILE), readers: 1 }
            }
            Backend::Postgres { url, .. } => Backend::Postgres { url: url.clone(), writers: 1, readers: 1 },
        };
        let options = StoreOptions {
            backend,
            parts: vec![PART],
            on_lock: None,
            limits: ctx.limits.clone(),
            clock: ctx.clock.clone(),
        };
        let store = match Store::open(options.clone()).await {
            Err(error) if error.meaning() == Meaning::Corrupt && main.dialect() == Dialect::Sqlite => {
                tracing::warn!(?error, "the search index is unreadable and is made anew");
                for name in [FILE.to_owned(), format!("{FILE}-wal"), format!("{FILE}-shm")] {
                    // One that is not there need not go.
                    let _ = std::fs::remove_file(folder.join(name));
                }
                Store::open(options).await?
            }
            opened => opened?,
        };
        if store.dialect() == Dialect::Sqlite {
            let words =
                "CREATE VIRTUAL TABLE IF NOT EXISTS search_vocabulary USING fts5vocab(search_words, row)";
            store.write([], move |tx| tx.execute(words, [])).await?;
            // More pieces before they are merged: less is written again and again.
            let merge = "INSERT INTO search_words (search_words, rank) VALUES ('automerge', 8)";
            store.write([], move |tx| tx.execute(merge, [])).await?;
            // One process follows a file: whoever held an account is gone.
            let free = "UPDATE search_account SET busy_by = '', busy_until = 0 WHERE busy_by <> ''";
            store.write([], move |tx| tx.execute(free, [])).await?;
        }
        let node = format!("{:x}", ctx.random.id());
        Ok(Self { dialect: store.dialect(), store, vocabulary: Arc::default(), node, ctx: ctx.clone() })
    }

    /// Takes hold of an account; the commit up to which it is indexed. Nothing when another node has it.
    pub(super) async fn begin(&self, account: AccountId) -> Result<Option<Seq>> {
        if self.dialect == Dialect::Sqlite {
            // One process follows a file, and knows itself what it is at.
            let sql = "SELECT seq FROM search_account WHERE account_id = $1";
            let read = move |tx: &mut Read<'_>| tx.query_opt(sql, params![account], |row| row.int(0));
            if let Some(seq) = self.store.read(read).await? {
                return Ok(Some(Seq(seq)));
            }
        }
        let (node, now_ms) = (self.node.clone(), self.ctx.now_ms());
        let take = "INSERT INTO search_account (account_id, seq, busy_by, busy_until) VALUES ($1, 0, $2, $3) \
                    ON CONFLICT (account_id) DO UPDATE SET busy_by = $2, busy_until = $3 \
                    WHERE search_account.busy_by IN ('', $2) OR search_account.busy_until < $4";
        self.store
            .write([], move |tx| {
                let taken = tx.execute(take, params![account, &node, now_ms + BUSY_MS, now_ms])?;
                if taken == 0 { Ok(None) } else { cursor(tx, account).map(Some) }
            })
            .await
    }

    /// What the index has of these objects.
    pub(super) async fn known(&self, account: AccountId, objects: Vec<i64>) -> Result<Vec<Known>> {
        let sql = "SELECT content_id, object_id, content_seq FROM search_doc \
                   WHERE account_id = $1 AND object_id {in $2}";
        self.store
            .read(move |tx| {
                tx.query(sql, params![account, objects], |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)))
            })
            .await
    }

    /// The contents of an account in the index after `after`, with their objects.
    pub(super) async fn contents(
        &self,
        account: AccountId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, i64)>> {
        let sql = "SELECT content_id, object_id FROM search_doc WHERE account_id = $1 AND content_id > $2 \
                   ORDER BY content_id LIMIT $3";
        self.store
            .read(move |tx| {
                tx.query(sql, params![account, after, limit], |row| Ok((row.int(0)?, row.int(1)?)))
            })
            .await
    }

    /// Takes contents out and puts others in, which are not in it. With `done` the account is complete up to that commit and let go.
    ///
    /// # Errors
    /// `Conflict` when another node has taken the account.
    pub(super) async fn put(
        &self,
        account: AccountId,
        docs: Vec<Doc>,
        gone: Vec<i64>,
        done: Option<Seq>,
    ) -> Result<()> {
        let index = self.clone();
        let until_ms = self.ctx.now_ms() + BUSY_MS;
        let hold = "UPDATE search_account SET busy_until = $3 WHERE account_id = $1 AND busy_by = $2";
        let end = "UPDATE search_account SET seq = $2, busy_by = '', busy_until = 0 WHERE account_id = $1";
        let docs = Arc::new(docs);
        let put = docs.clone();
        self.store
            .write([], move |tx| {
                if index.dialect == Dialect::Postgres
                    && tx.execute(hold, params![account, &index.node, until_ms])? == 0
                {
                    return Err(Error::conflict("search index", "is being written by another node"));
                }
                let slot = index.slot(tx, account)?;
                for content in &gone {
                    index.remove(tx, account, slot, *content)?;
                }
                for doc in put.iter() {
                    index.insert(tx, account, slot, doc)?;
                }
                if let Some(seq) = done {
                    tx.later(end, params![account, seq])?;
                }
                Ok(())
            })
            .await?;
        self.vocabulary.add(docs.iter().flat_map(|doc| doc.words.iter()), self.ctx.now_ms()).await;
        Ok(())
    }

    /// Contents of an account for which all clauses hold, and those with the word `also`, with the commit up to which
    /// that is all. Without clauses nothing is asked but the latter.
    pub(super) async fn holding(
        &self,
        account: AccountId,
        mut clauses: Vec<Clause>,
        also: &'static str,
    ) -> Result<(Seq, Vec<i64>, Vec<i64>)> {
        // The clause with the most words is asked in pieces; the others are part of each question.
        let many = |clause: &Clause| match clause {
            Clause::Any(words) => words.len(),
            Clause::Begins(_) => 0,
        };
        clauses.sort_by_key(many);
        let last = clauses.pop();
        clauses.retain(|clause| many(clause) <= WORDS);
        let ask = |clauses: &[Clause]| match self.dialect {
            Dialect::Sqlite => clauses.iter().map(Clause::fts).collect::<Vec<_>>().join(" AND "),
            Dialect::Postgres => {
                clauses.iter().map(|clause| clause.tsquery(account)).collect::<Vec<_>>().join(" & ")
            }
        };
        let questions: Vec<String> = match last {
            None => Vec::new(),
            Some(Clause::Any(words)) => words
                .chunks(WORDS)
                .map(|some| {
                    clauses.push(Clause::Any(some.to_vec()));
                    let question = ask(&clauses);
                    clauses.pop();
                    question
                })
                .collect(),
            Some(begins) => {
                clauses.push(begins);
                vec![ask(&clauses)]
            }
        };
        let also = ask(&[Clause::Any(vec![also.to_owned()])]);
        let sqlite = self.dialect == Dialect::Sqlite;
        self.store
            .read(move |tx| {
                let seq = cursor(tx, account)?;
                let mut find = |question: &str| if sqlite {
                    sqlite_all(tx, account, question)
                } else {
                    let sql = "SELECT content_id FROM search_doc WHERE account_id = $1 AND words @@ $2::text::tsquery";
                    tx.query(sql, params![account, question], |row| row.int(0))
                };
                let mut found = Vec::new();
                for question in &questions {
                    found.extend(find(question)?);
                }
                Ok((seq, found, find(&also)?))
            })
            .await
    }

    /// Those of these contents that were indexed when the index stood at a commit.
    pub(super) async fn among(&self, account: AccountId, contents: Vec<i64>, seq: Seq) -> Result<Vec<i64>> {
        let sql = "SELECT content_id FROM search_doc
                    WHERE account_id = $1 AND content_id {in $2} AND content_seq <= $3 ORDER BY content_id";
        self.store.read(move |tx| tx.query(sql, params![account, contents, seq], |row| row.int(0))).await
    }

    /// Lets an account go that could not be indexed.
    pub(super) async fn release(&self, account: AccountId) -> Result<()> {
        if self.dialect == Dialect::Sqlite {
            return Ok(());
        }
        let node = self.node.clone();
        let sql =
            "UPDATE search_account SET busy_by = '', busy_until = 0 WHERE account_id = $1 AND busy_by = $2";
        self.store.write([], move |tx| tx.later(sql, params![account, &node])).await
    }

    fn slot(&self, tx: &mut Read<'_>, account: AccountId) -> Result<i64> {
        if self.dialect == Dialect::Postgres {
            return Ok(0);
        }
        tx.query_one("SELECT slot FROM search_account WHERE account_id = $1", params![account], |row| {
            row.int(0)
        })
    }

    fn row_number(slot: i64, content: i64) -> Result<i64> {
        if content >> CONTENT_BITS != 0 {
            return Err(Error::limit("search index", "takes no more contents of this account"));
        }
        Ok((slot << CONTENT_BITS) | content)
    }

    fn remove(&self, tx: &mut Tx<'_>, account: AccountId, slot: i64, content: i64) -> Result<()> {
        let gone = "DELETE FROM search_doc WHERE account_id = $1 AND content_id = $2";
        if self.dialect == Dialect::Postgres {
            return tx.later(gone, params![account, content]);
        }
        if tx.execute(gone, params![account, content])? == 1 {
            tx.execute(
                "DELETE FROM search_words WHERE rowid = $1",
                params![Self::row_number(slot, content)?],
            )?;
        }
        Ok(())
    }

    fn insert(&self, tx: &mut Tx<'_>, account: AccountId, slot: i64, doc: &Doc) -> Result<()> {
        let Doc { content, object, content_seq, words } = doc;
        if self.dialect == Dialect::Postgres {
            let words: Vec<String> =
                words.iter().chain([ANY]).map(|word| format!("{account}:{word}")).collect();
            let sql = "INSERT INTO search_doc (account_id, content_id, object_id, content_seq, words) \
                       VALUES ($1, $2, $3, $4, array_to_tsvector($5::text[]))";
            return tx.later(sql, params![account, *content, *object, *content_seq, words]);
        }
        let sql =
            "INSERT INTO search_doc (account_id, content_id, object_id, content_seq) VALUES ($1, $2, $3, $4)";
        tx.execute(sql, params![account, *content, *object, *content_seq])?;
        let text = format!("{ANY} {}", words.joined());
        let row_number = Self::row_number(slot, *content)?;
        tx.execute("INSERT INTO search_words (rowid, words) VALUES ($1, $2)", params![row_number, text])?;
        Ok(())
    }

    /// Contents below `before` that may match, with the commit up to which that is all there is.
    pub(super) async fn page(
        &self,
        account: AccountId,
        query: &Query,
        before: i64,
        limit: usize,
    ) -> Result<Page> {
        let rows = i64::try_from(limit).unwrap_or(i64::MAX);
        let sqlite = self.dialect == Dialect::Sqlite;
        let text = if sqlite { query.fts() } else { query.tsquery(account.0) };
        self.store
            .read(move |tx| {
                let seq = cursor(tx, account)?;
                let read = |row: &store::Row<'_>| Ok((row.int(0)?, row.int(1)?));
                let hits = if sqlite {
                    sqlite_page(tx, account, text, before, rows)?
                } else {
                    let sql = "SELECT content_id, object_id FROM search_doc WHERE account_id = $1 \
                               AND words @@ $2::text::tsquery AND content_id < $3 \
                               ORDER BY content_id DESC LIMIT $4";
                    tx.query(sql, params![account, text, before, rows], read)?
                };
                Ok(Page { seq, full: hits.len() >= limit, hits })
            })
            .await
    }

    /// How far the accounts after `after` up to `last` are.
    pub(super) async fn cursors(&self, after: i64, last: i64) -> Result<Vec<(i64, i64)>> {
        let sql = "SELECT account_id, seq FROM search_account WHERE account_id > $1 AND account_id <= $2";
        self.store
            .read(move |tx| tx.query(sql, params![after, last], |row| Ok((row.int(0)?, row.int(1)?))))
            .await
    }

    /// Forgets everything.
    pub(super) async fn clear(&self) -> Result<()> {
        let sqlite = self.dialect == Dialect::Sqlite;
        self.store
            .write([], move |tx| {
                if sqlite {
                    tx.execute("INSERT INTO search_words (search_words) VALUES ('delete-all')", [])?;
                    tx.execute("DELETE FROM search_doc", [])?;
                } else {
                    tx.execute("TRUNCATE search_doc", [])?;
                }
                // Who is at work on an account finds that it no longer holds it.
                tx.execute("DELETE FROM search_account", []).map(|_| ())
            })
            .await?;
        self.vocabulary.clear().await;
        Ok(())
    }

    /// Forgets an account.
    pub(super) async fn forget(&self, account: AccountId) -> Result<()> {
        let index = self.clone();
        self.store
            .write([], move |tx| {
                let sql = "SELECT content_id FROM search_doc WHERE account_id = $1";
                let contents = tx.query(sql, params![account], |row| row.int(0))?;
                if !contents.is_empty() {
                    let slot = index.slot(tx, account)?;
                    for content in contents {
                        index.remove(tx, account, slot, content)?;
                    }
                }
                tx.execute("UPDATE search_account SET seq = 0 WHERE account_id = $1", params![account])
                    .map(|_| ())
            })
            .await
    }
}

impl Clause {
    /// For SQLite's FTS5.
    fn fts(&self) -> String {
        match self {
            Self::Begins(word) => format!("\"{word}\" *"),
            Self::Any(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("({})", words.join(" OR "))
            }
        }
    }

    /// For PostgreSQL's `tsquery`; every word has its account before it.
    fn tsquery(&self, account: AccountId) -> String {
        match self {
            Self::Begins(word) => format!("'{account}:{word}':*"),
            Self::Any(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("'{account}:{word}'")).collect();
                format!("({})", words.join(" | "))
            }
        }
    }
}

/// All contents of an account that match.
fn sqlite_all(tx: &mut Read<'_>, account: AccountId, question: &str) -> Result<Vec<i64>> {
    let slot = "SELECT slot FROM search_account WHERE account_id = $1";
    let Some(slot) = tx.query_opt(slot, params![account], |row| row.int(0))? else { return Ok(Vec::new()) };
    let first = slot << CONTENT_BITS;
    let last = first | ((1 << CONTENT_BITS) - 1);
    let sql = "SELECT rowid FROM search_words WHERE search_words MATCH $1 AND rowid BETWEEN $2 AND $3";
    tx.query(sql, params![question, first, last], |row| Ok(row.int(0)? - first))
}

pub(super) fn cursor(tx: &mut Read<'_>, account: AccountId) -> Result<Seq> {
    let sql = "SELECT seq FROM search_account WHERE account_id = $1";
    Ok(Seq(tx.query_opt(sql, params![account], |row| row.int(0))?.unwrap_or(0)))
}

fn sqlite_page(
    tx: &mut Read<'_>,
    account: AccountId,
    text: String,
    before: i64,
    limit: i64,
) -> Result<Vec<(i64, i64)>> {
    let slot = "SELECT slot FROM search_account WHERE account_id = $1";
    let Some(slot) = tx.query_opt(slot, params![account], |row| row.int(0))? else { return Ok(Vec::new()) };
    let first = slot << CONTENT_BITS;
    let last = first | before.clamp(0, 1 << CONTENT_BITS).saturating_sub(1).max(0);
    let sql = "SELECT d.content_id, d.object_id FROM \
               (SELECT rowid AS row_number FROM search_words \
                 WHERE search_words MATCH $1 AND rowid BETWEEN $2 AND $3 ORDER BY rowid DESC LIMIT $4) w \
               CROSS JOIN search_doc d WHERE d.account_id = $5 AND d.content_id = w.row_number - $2 \
               ORDER BY w.row_number DESC";
    tx.query(sql, params![text, first, last, limit, account], |row| Ok((row.int(0)?, row.int(1)?)))
}
