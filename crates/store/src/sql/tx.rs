//! A transaction as its closure sees it.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use base::{Error, Result};

use super::bulk::{Bulk, Segment};
use super::dialect::Dialect;
use super::postgres::{Parameters, PgConn};
use super::row::Row;
use super::sqlite::SqliteConn;
use super::stats::Stats;
use super::value::Value;

#[derive(Clone, Copy)]
pub(crate) enum Conn<'c> {
    Sqlite(&'c SqliteConn),
    Postgres(&'c PgConn),
}

enum Queued {
    Statement(Cow<'static, str>, Vec<Value>),
    Rows(Segment),
}

/// A snapshot of the database, to read from.
pub struct Read<'c> {
    pub(crate) conn: Conn<'c>,
    queued: Vec<Queued>,
    /// A statement failed: nothing of this transaction may be kept.
    pub(crate) broken: bool,
    stats: Arc<Stats>,
}

/// State of a transaction group that spares statements: rows that are read and written once a group.
pub trait GroupState: Any {
    /// Writes what changed, before the commit.
    fn flush(&mut self, tx: &mut Tx<'_>) -> Result<()>;
}

/// A transaction that writes. It may run more than once: its effects outside the database go into
/// [`Tx::after_commit`].
pub struct Tx<'c> {
    read: Read<'c>,
    states: Vec<(TypeId, Option<Box<dyn GroupState>>)>,
    hooks: Vec<Box<dyn FnOnce() + Send>>,
    /// Something was written or noted since the group began.
    pub(crate) touched: bool,
}

impl<'c> Read<'c> {
    pub(crate) fn new(conn: Conn<'c>, stats: Arc<Stats>) -> Self {
        Self { conn, queued: Vec::new(), broken: false, stats }
    }

    /// The engine below, for the rare statement that needs to know.
    pub fn dialect(&self) -> Dialect {
        match self.conn {
            Conn::Sqlite(_) => Dialect::Sqlite,
            Conn::Postgres(_) => Dialect::Postgres,
        }
    }

    /// All rows of a question, mapped one by one.
    pub fn query<T>(
        &mut self,
        sql: &str,
        values: impl AsRef<[Value]>,
        mut map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        Stats::add(&self.stats.statements, 1);
        self.stats.record(sql);
        let done = match self.conn {
            Conn::Sqlite(conn) => conn.query(sql, values.as_ref(), &mut map),
            Conn::Postgres(conn) => {
                Stats::add(&self.stats.round_trips, 1);
                conn.query(self.take_queued(), sql, values.as_ref(), &mut map)
            }
        };
        self.watch(done)
    }

    /// The first row of a question, if there is one.
    pub fn query_opt<T>(
        &mut self,
        sql: &str,
        values: impl AsRef<[Value]>,
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.query(sql, values, map)?.into_iter().next())
    }

    /// The one row that must be there.
    ///
    /// # Errors
    /// `NotFound` when it is not.
    pub fn query_one<T>(
        &mut self,
        sql: &str,
        values: impl AsRef<[Value]>,
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.query_opt(sql, values, map)?.ok_or_else(|| Error::not_found("row"))
    }

    /// How the engine would run a statement, a line a step, for tests that refuse scans.
    pub fn explain(&mut self, sql: &str) -> Result<Vec<String>> {
        let Conn::Postgres(conn) = self.conn else {
            return self.query(&format!("EXPLAIN QUERY PLAN {sql}"), [], |row| row.text(3));
        };
        self.send_queued()?;
        let text = Dialect::Postgres.rewrite(sql)?;
        let most = (1..=40).rev().find(|n| text.contains(&format!("${n}"))).unwrap_or(0);
        // A table of a test is small: without this the planner would rightly scan it.
        conn.batch(&format!(
            "SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan; PREPARE looked AS {text}"
        ))?;
        let nulls = vec!["NULL"; most].join(", ");
        let call = if most == 0 { "looked".to_owned() } else { format!("looked({nulls})") };
        let plan = self.query(&format!("EXPLAIN EXECUTE {call}"), [], |row| row.text(0));
        conn.batch("DEALLOCATE looked")?;
        plan
    }

    fn watch<T>(&mut self, done: Result<T>) -> Result<T> {
        self.broken |= done.is_err();
        done
    }

    fn take_queued(&mut self) -> Vec<(Cow<'static, str>, Parameters)> {
        Stats::add(&self.stats.statements, self.queued.len() as u64);
        std::mem::take(&mut self.queued)
            .into_iter()
            .map(|queued| match queued {
                Queued::Statement(sql, values) => (sql, Parameters::Row(values)),
                Queued::Rows(segment) => {
                    (Cow::Borrowed(segment.bulk.array_text()), Parameters::Arrays(segment.into_arrays()))
                }
            })
            .collect()
    }

    pub(crate) fn later_raw(&mut self, sql: impl Into<Cow<'static, str>>, values: Vec<Value>) -> Result<()> {
        let sql = sql.into();
        match self.conn {
            Conn::Sqlite(conn) => {
                Stats::add(&self.stats.statements, 1);
                let done = conn.execute(&sql, &values).map(|_| ());
                self.watch(done)
            }
            Conn::Postgres(_) => {
                self.queued.push(Queued::Statement(sql, values));
                Ok(())
            }
        }
    }

    pub(crate) fn send_queued(&mut self) -> Result<()> {
        if self.queued.is_empty() {
            return Ok(());
        }
        match self.conn {
            Conn::Sqlite(_) => Ok(()),
            Conn::Postgres(conn) => {
                Stats::add(&self.stats.round_trips, 1);
                let done = conn.flush(self.take_queued());
                self.watch(done)
            }
        }
    }

    pub(crate) fn forget_queued(&mut self) {
        self.queued.clear();
    }
}

impl<'c> Tx<'c> {
    pub(crate) fn new(conn: Conn<'c>, stats: Arc<Stats>) -> Self {
        Self { read: Read::new(conn, stats), states: Vec::new(), hooks: Vec::new(), touched: false }
    }

    /// Runs a statement now; the number of rows it changed.
    pub fn execute(&mut self, sql: &str, values: impl AsRef<[Value]>) -> Result<u64> {
        self.touched = true;
        Stats::add(&self.read.stats.statements, 1);
        self.read.stats.record(sql);
        let done = match self.read.conn {
            Conn::Sqlite(conn) => conn.execute(sql, values.as_ref()),
            Conn::Postgres(conn) => {
                Stats::add(&self.read.stats.round_trips, 1);
                conn.execute(self.read.take_queued(), sql, values.as_ref())
            }
        };
        self.read.watch(done)
    }

    /// Runs a statement whose result nobody reads: before the next question or the commit.
    pub fn later(&mut self, sql: impl Into<Cow<'static, str>>, values: impl Into<Vec<Value>>) -> Result<()> {
        self.touched = true;
        let sql = sql.into();
        self.read.stats.record(&sql);
        self.read.later_raw(sql, values.into())
    }

    /// Adds a row to a bulk statement that runs before the next question or the commit, in its place among
    /// the other statements of its table.
    pub fn add(&mut self, bulk: &'static Bulk, row: impl Into<Vec<Value>>) -> Result<()> {
        self.touched = true;
        let row = row.into();
        debug_assert_eq!(row.len(), bulk.columns.len(), "{}", bulk.table);
        self.read.stats.record(match self.read.conn {
            Conn::Sqlite(_) => bulk.row_text(),
            Conn::Postgres(_) => bulk.array_text(),
        });
        if let Conn::Sqlite(conn) = self.read.conn {
            Stats::add(&self.read.stats.statements, 1);
            let done = conn.execute(bulk.row_text(), &row).map(|_| ());
            return self.read.watch(done);
        }
        for queued in self.read.queued.iter_mut().rev() {
            match queued {
                Queued::Rows(segment) if std::ptr::eq(segment.bulk, bulk) => {
                    segment.push(row);
                    return Ok(());
                }
                // Another statement on the same table, or one whose tables are not known, stays before.
                Queued::Rows(segment) if segment.bulk.table == bulk.table => break,
                Queued::Rows(_) => {}
                Queued::Statement(..) => break,
            }
        }
        let mut segment = Segment::new(bulk);
        segment.push(row);
        self.read.queued.push(Queued::Rows(segment));
        Ok(())
    }

    /// Says that a question (`INSERT ... RETURNING`) has written something.
    pub fn touch(&mut self) {
        self.touched = true;
    }

    /// Makes sure that nothing of this transaction is kept, if it has written: even if its closure returns
    /// without an error.
    pub fn doom_if_touched(&mut self) {
        self.read.broken |= self.touched;
    }

    /// Does something once the transaction is durable and before its caller is answered. Must not block.
    pub fn after_commit(&mut self, hook: impl FnOnce() + Send + 'static) {
        self.hooks.push(Box::new(hook));
    }

    /// The state of type `S` that the transactions of this group share, made on first use.
    ///
    /// # Errors
    /// `Corrupt` when the state is asked for while it is being flushed.
    pub fn group<S: GroupState + Default>(&mut self) -> Result<&mut S> {
        self.touched = true;
        self.peek_group()
    }

    /// The same, by someone who will not change it.
    pub fn peek_group<S: GroupState + Default>(&mut self) -> Result<&mut S> {
        let id = TypeId::of::<S>();
        if !self.states.iter().any(|(known, _)| *known == id) {
            self.states.push((id, Some(Box::new(S::default()))));
        }
        self.states
            .iter_mut()
            .find(|(known, _)| *known == id)
            .and_then(|(_, state)| state.as_mut())
            .and_then(|state| (state.as_mut() as &mut dyn Any).downcast_mut())
            .ok_or_else(|| Error::corrupt("transaction", "uses a group state while it is being written"))
    }

    /// Writes the group states now, so that statements see what they hold.
    pub fn flush_group(&mut self) -> Result<()> {
        for index in 0..self.states.len() {
            let Some(mut state) = self.states.get_mut(index).and_then(|(_, state)| state.take()) else {
                continue;
            };
            let done = state.flush(self);
            if let Some((_, slot)) = self.states.get_mut(index) {
                *slot = Some(state);
            }
            done?;
        }
        Ok(())
    }

    pub(crate) fn take_hooks(&mut self) -> Vec<Box<dyn FnOnce() + Send>> {
        std::mem::take(&mut self.hooks)
    }
}

impl<'c> Deref for Tx<'c> {
    type Target = Read<'c>;

    fn deref(&self) -> &Read<'c> {
        &self.read
    }
}

impl<'c> DerefMut for Tx<'c> {
    fn deref_mut(&mut self) -> &mut Read<'c> {
        &mut self.read
    }
}
