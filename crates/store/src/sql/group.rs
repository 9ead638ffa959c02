//! The threads that run transactions. A writer takes all that waits as one group, runs it in one
//! transaction of the database, and makes it durable with one commit.
//!
//! What must stay true here:
//! - A caller is answered after the commit of its group, never before.
//! - A group in which something failed after it wrote is undone whole and repeated one by one, so that no
//!   transaction sees or keeps the half of another. (Savepoints for each would cost an eighth of the speed.)
//! - A commit whose outcome is not known, because the connection broke, is never repeated.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use base::{Error, Result};
use tokio::sync::oneshot;

use super::open::{Engine, OnLock};
use super::stats::Stats;
use super::tx::{Conn, Read, Tx};

const ATTEMPTS: u32 = 8;
/// How long a writer looks for more work before it sleeps.
const LOOK: Duration = Duration::from_micros(100);

/// What a transaction will write: locked in one order, and read at once for the whole group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locks {
    /// The accounts, which are locked.
    pub accounts: Vec<i64>,
    /// Collections (by their ids in those accounts) that the group reads with them in one statement.
    pub collections: Vec<i64>,
}

impl From<Vec<i64>> for Locks {
    fn from(accounts: Vec<i64>) -> Self {
        Self { accounts, collections: Vec::new() }
    }
}

impl<const N: usize> From<[i64; N]> for Locks {
    fn from(accounts: [i64; N]) -> Self {
        accounts.to_vec().into()
    }
}

/// A transaction that waits, with the accounts that it will write.
pub(crate) struct Work {
    pub(crate) locks: Locks,
    pub(crate) task: Box<dyn Task>,
}

/// A transaction whose type of result is hidden.
pub(crate) trait Task: Send {
    /// Runs it and keeps the result; whether it failed, and whether it may succeed if it is run again.
    fn run(&mut self, tx: &mut Tx<'_>) -> Outcome;
    /// Answers the caller with the kept result, or with the error of the commit.
    fn finish(self: Box<Self>, commit: Result<()>);
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed,
    Transient,
}

pub(crate) struct Typed<F, T> {
    pub(crate) run: F,
    pub(crate) kept: Option<Result<T>>,
    pub(crate) reply: oneshot::Sender<Result<T>>,
}

impl<F, T> Task for Typed<F, T>
where
    F: Fn(&mut Tx<'_>) -> Result<T> + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Outcome {
        let result = catch_unwind(AssertUnwindSafe(|| (self.run)(tx)))
            .unwrap_or_else(|_| Err(Error::corrupt("transaction", "broke off; it is noted in the log")));
        let outcome = match &result {
            Ok(_) => Outcome::Done,
            Err(error) if error.is_transient() => Outcome::Transient,
            Err(_) => Outcome::Failed,
        };
        self.kept = Some(result);
        outcome
    }

    fn finish(self: Box<Self>, commit: Result<()>) {
        let result = match (commit, self.kept) {
            // The closure's own error says more than that of the commit which it prevented.
            (_, Some(Err(error))) | (Err(error), _) => Err(error),
            (Ok(()), Some(done)) => done,
            (Ok(()), None) => Err(Error::corrupt("transaction", "was not run")),
        };
        // A caller that went away does not change what was done.
        let _ = self.reply.send(result);
    }
}

/// A read that waits; it answers its caller itself.
pub(crate) type ReadTask = Box<dyn FnOnce(Result<&mut Read<'_>>) + Send>;

enum Fate {
    Committed,
    /// Undone; nothing of it is in the database.
    Undone(Error),
    /// The connection broke while the commit was under way.
    Unknown(Error),
}

pub(crate) struct Writer {
    pub(crate) engine: Engine,
    pub(crate) queue: Receiver<Work>,
    pub(crate) on_lock: Option<OnLock>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) group_limit: usize,
}

impl Writer {
    /// Runs until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.next() {
            let mut group = vec![first];
            while group.len() < self.group_limit {
                match self.queue.try_recv() {
                    Ok(work) => group.push(work),
                    Err(_) => break,
                }
            }
            self.run_group(group);
            self.engine.after_group(&self.stats);
        }
        self.engine.close();
    }

    /// The next transaction. Whoever was just answered often comes back at once: looking for a moment spares a
    /// lone writer the time that it takes to wake this thread. With a thread for each of several connections
    /// that would take the processors from those that have work.
    fn next(&self) -> Option<Work> {
        let begun = Instant::now();
        while self.engine.is_inside() && begun.elapsed() < LOOK {
            if let Ok(work) = self.queue.try_recv() {
                return Some(work);
            }
            std::hint::spin_loop();
        }
        self.queue.recv_blocking().ok()
    }

    fn run_group(&mut self, mut group: Vec<Work>) {
        let alone = group.len() == 1;
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.attempt(&mut group) {
                Fate::Committed => {
                    Stats::add(&self.stats.groups, 1);
                    Stats::add(&self.stats.transactions, group.len() as u64);
                    for work in group {
                        work.task.finish(Ok(()));
                    }
                    return;
                }
                Fate::Unknown(error) => return self.fail(group, &error),
                Fate::Undone(error) if alone => {
                    if error.is_transient() && attempt < ATTEMPTS {
                        Stats::add(&self.stats.retries, 1);
                        std::thread::sleep(Duration::from_millis(1 << attempt));
                        continue;
                    }
                    Stats::add(&self.stats.failures, 1);
                    for work in std::mem::take(&mut group) {
                        work.task.finish(Err(restate(&error)));
                    }
                    return;
                }
                Fate::Undone(_) => {
                    Stats::add(&self.stats.repeats, 1);
                    for work in group {
                        self.run_group(vec![work]);
                    }
                    return;
                }
            }
        }
    }

    fn fail(&self, group: Vec<Work>, error: &Error) {
        Stats::add(&self.stats.failures, group.len() as u64);
        for work in group {
            work.task.finish(Err(restate(error)));
        }
    }

    fn attempt(&mut self, group: &mut [Work]) -> Fate {
        let conn = match self.engine.conn() {
            Ok(conn) => conn,
            Err(error) => return Fate::Undone(error),
        };
        let mut tx = Tx::new(conn, self.stats.clone());
        let ran = begin(&mut tx)
            .and_then(|()| lock(&mut tx, group, self.on_lock))
            .and_then(|()| run_each(&mut tx, group))
            .and_then(|()| tx.flush_group());
        let fate = match ran {
            Ok(()) => commit(&mut tx),
            Err(error) => Fate::Undone(error),
        };
        match fate {
            Fate::Committed => {
                for hook in tx.take_hooks() {
                    hook();
                }
            }
            Fate::Undone(_) | Fate::Unknown(_) => undo(&mut tx),
        }
        fate
    }
}

fn begin(tx: &mut Tx<'_>) -> Result<()> {
    match tx.conn {
        Conn::Sqlite(conn) => conn.execute("BEGIN IMMEDIATE", &[]).map(|_| ()),
        Conn::Postgres(_) => tx.later_raw("BEGIN", Vec::new()),
    }
}

fn lock(tx: &mut Tx<'_>, group: &[Work], on_lock: Option<OnLock>) -> Result<()> {
    let Some(on_lock) = on_lock else { return Ok(()) };
    let mut all = Locks::default();
    for work in group {
        all.accounts.extend_from_slice(&work.locks.accounts);
        all.collections.extend_from_slice(&work.locks.collections);
    }
    if all.accounts.is_empty() {
        return Ok(());
    }
    for list in [&mut all.accounts, &mut all.collections] {
        list.sort_unstable();
        list.dedup();
    }
    on_lock(tx, &all)
}

fn run_each(tx: &mut Tx<'_>, group: &mut [Work]) -> Result<()> {
    for work in group {
        let touched_before = std::mem::replace(&mut tx.touched, false);
        let outcome = work.task.run(tx);
        if (outcome != Outcome::Done && tx.touched) || tx.broken {
            let error = Error::unavailable("transaction", "was undone");
            return Err(if outcome == Outcome::Transient { error.transient() } else { error });
        }
        tx.touched |= touched_before;
    }
    Ok(())
}

fn commit(tx: &mut Tx<'_>) -> Fate {
    match tx.conn {
        Conn::Sqlite(conn) => match conn.execute("COMMIT", &[]) {
            Ok(_) => Fate::Committed,
            Err(error) => Fate::Undone(error),
        },
        Conn::Postgres(conn) => {
            // The commit travels with the last writes; after a failed write the server turns it into a rollback.
            let sent = tx.later_raw("COMMIT", Vec::new()).and_then(|()| tx.send_queued());
            match sent {
                Ok(()) => Fate::Committed,
                Err(error) if conn.is_closed() => Fate::Unknown(
                    Error::unavailable(
                        "database",
                        "broke off during a commit; it is not known whether it was done: look before you repeat it",
                    )
                    .with_source(error),
                ),
                Err(error) => Fate::Undone(error),
            }
        }
    }
}

fn undo(tx: &mut Tx<'_>) {
    tx.forget_queued();
    let done = match tx.conn {
        // After a full disk SQLite has rolled back by itself.
        Conn::Sqlite(conn) if conn.raw.is_autocommit() => Ok(()),
        Conn::Sqlite(conn) => conn.batch("ROLLBACK"),
        Conn::Postgres(conn) => conn.batch("ROLLBACK"),
    };
    if let Err(error) = done {
        tracing::warn!(%error, "a transaction could not be rolled back");
    }
}

/// The same error for another caller.
fn restate(error: &Error) -> Error {
    let same = Error::new(error.meaning(), error.field().to_owned(), error.rule().to_owned())
        .with_source(format!("{error:?}"));
    if error.is_transient() { same.transient() } else { same }
}

/// Runs reads until the queue is closed and empty.
pub(crate) fn run_reader(mut engine: Engine, queue: &Receiver<ReadTask>, stats: &Arc<Stats>) {
    while let Ok(task) = queue.recv_blocking() {
        Stats::add(&stats.reads, 1);
        let conn = match engine.conn() {
            Ok(conn) => conn,
            Err(error) => {
                task(Err(error));
                continue;
            }
        };
        let mut read = Read::new(conn, stats.clone());
        let begun = match conn {
            Conn::Sqlite(conn) => conn.execute("BEGIN", &[]).map(|_| ()),
            Conn::Postgres(_) => {
                read.later_raw("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", Vec::new())
            }
        };
        match begun {
            Ok(()) => {
                let ran = catch_unwind(AssertUnwindSafe(|| task(Ok(&mut read))));
                if ran.is_err() {
                    tracing::error!("a read broke off");
                }
            }
            Err(error) => task(Err(error)),
        }
        // The caller has its answer already.
        let ended = match conn {
            Conn::Sqlite(conn) => conn.execute("COMMIT", &[]).map(|_| ()),
            Conn::Postgres(conn) if read.broken => {
                read.forget_queued();
                conn.batch("ROLLBACK")
            }
            Conn::Postgres(_) => read.later_raw("COMMIT", Vec::new()).and_then(|()| read.send_queued()),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a read could not be ended");
        }
    }
}
