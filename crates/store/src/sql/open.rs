//! The store: its configuration, its threads, and the two verbs `read` and `write`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use base::{Clock, Error, Limits, Result};
use tokio::sync::oneshot;

use super::dialect::Dialect;
use super::group::{Locks, ReadTask, Task, Typed, Work, Writer, run_reader};
use super::migrate::{self, Part};
use super::postgres::PgConn;
use super::sqlite::{SqliteConn, Use};
use super::statistics;
use super::stats::{Stats, StatsSnapshot};
use super::tx::{Conn, Read, Tx};
use crate::notify::Notifier;

/// How long a caller waits for a place in a full queue.
const QUEUE_WAIT: Duration = Duration::from_secs(30);
/// The write-ahead log is copied into the database in the background from here on...
const CHECKPOINT_BYTES: u64 = 4 << 20;
/// ... and by the writer itself from here on, so that it cannot grow without bound.
const CHECKPOINT_NOW_BYTES: u64 = 64 << 20;
const CHECKPOINT_EVERY: Duration = Duration::from_millis(250);

/// Where the database is.
#[derive(Debug, Clone)]
pub enum Backend {
    /// A file, inside this process.
    Sqlite {
        /// The file; its folder must exist.
        path: PathBuf,
        /// Threads that read.
        readers: usize,
    },
    /// A file, inside this process, of data that can be made again from another store: after a power cut its newest
    /// commits may be missing, but never a half of one.
    Derived {
        /// The file; its folder must exist.
        path: PathBuf,
        /// Threads that read.
        readers: usize,
    },
    /// A server.
    Postgres {
        /// A connection text (`postgres://user:password@host/database?sslmode=require`).
        url: base::Secret,
        /// Connections that write. Few, with large groups, are faster than many.
        writers: usize,
        /// Connections that read.
        readers: usize,
    },
}

/// Called at the start of a group with all the accounts that its transactions will write, in order.
pub type OnLock = fn(&mut Tx<'_>, &Locks) -> Result<()>;

/// What a store is opened with.
#[derive(Clone)]
pub struct StoreOptions {
    /// Where the database is.
    pub backend: Backend,
    /// The tables, part by part; a part may refer to tables of parts before it.
    pub parts: Vec<Part>,
    /// Locks and reads the accounts of a group.
    pub on_lock: Option<OnLock>,
    /// Sizes of the queues and groups.
    pub limits: Arc<Limits>,
    /// The time that migrations are noted with.
    pub clock: Clock,
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    dialect: Dialect,
    backend: Backend,
    parts: Vec<Part>,
    writers: Vec<Sender<Work>>,
    reads: Sender<ReadTask>,
    next_writer: AtomicUsize,
    stats: Arc<Stats>,
    notifier: Notifier,
    threads: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

/// A connection that is opened when it is needed and again when it broke.
pub(crate) enum Engine {
    Sqlite { conn: SqliteConn, wal: PathBuf, usage: Use },
    Postgres { conn: Option<Box<PgConn>>, url: base::Secret, read_only: bool },
}

impl Engine {
    fn open(backend: &Backend, usage: Use) -> Result<Self> {
        match backend {
            Backend::Sqlite { path, .. } | Backend::Derived { path, .. } => {
                let mut wal = path.clone().into_os_string();
                wal.push("-wal");
                let conn = SqliteConn::open(path, usage)?;
                if matches!(backend, Backend::Derived { .. }) {
                    conn.sync_seldom()?;
                }
                Ok(Self::Sqlite { conn, wal: wal.into(), usage })
            }
            Backend::Postgres { url, .. } => {
                let read_only = usage == Use::Reader;
                let conn = Some(Box::new(PgConn::open(url.expose(), read_only)?));
                Ok(Self::Postgres { conn, url: url.clone(), read_only })
            }
        }
    }

    pub(crate) fn conn(&mut self) -> Result<Conn<'_>> {
        match self {
            Self::Sqlite { conn, .. } => Ok(Conn::Sqlite(conn)),
            Self::Postgres { conn, url, read_only } => {
                if conn.as_ref().is_none_or(|conn| conn.is_closed()) {
                    *conn = None;
                    *conn = Some(Box::new(PgConn::open(url.expose(), *read_only)?));
                }
                conn.as_deref()
                    .map(Conn::Postgres)
                    .ok_or_else(|| Error::unavailable("database", "is not connected"))
            }
        }
    }

    /// Whether the database runs inside this process, with one thread that writes.
    pub(crate) fn is_inside(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }

    pub(crate) fn after_group(&mut self, stats: &Stats) {
        if let Self::Sqlite { conn, wal, usage: Use::Writer } = self
            && std::fs::metadata(&*wal).is_ok_and(|file| file.len() > CHECKPOINT_NOW_BYTES)
        {
            checkpoint(conn, "PASSIVE", stats);
        }
    }

    pub(crate) fn close(&mut self) {
        if let Self::Sqlite { conn, usage: Use::Writer, .. } = self {
            checkpoint(conn, "TRUNCATE", &Stats::default());
        }
    }
}

fn checkpoint(conn: &SqliteConn, how: &str, stats: &Stats) {
    Stats::add(&stats.checkpoints, 1);
    let done = conn.raw.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(()));
    if let Err(error) = done {
        tracing::warn!(%error, "the write-ahead log could not be copied into the database");
    }
}

impl Store {
    /// Opens the database, brings its tables up to date, and starts the threads.
    ///
    /// # Errors
    /// `Unavailable` when it does not answer, `Conflict` when it was made by a newer program.
    pub async fn open(options: StoreOptions) -> Result<Self> {
        tokio::task::spawn_blocking(move || Self::open_blocking(options))
            .await
            .map_err(|e| Error::corrupt("database", "could not be opened").with_source(e))?
    }

    /// The same as [`Store::open`], for a thread that may wait.
    pub fn open_blocking(options: StoreOptions) -> Result<Self> {
        let StoreOptions { backend, parts, on_lock, limits, clock } = options;
        let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        let mut first = Engine::open(&backend, Use::Writer)?;
        migrate::run(&mut Tx::new(first.conn()?, Arc::default()), &parts, clock.now_ms())?;
        if let Conn::Sqlite(conn) = first.conn()? {
            statistics::tell(conn)?;
        }
        let (dialect, writers, readers) = match &backend {
            Backend::Sqlite { readers, .. } | Backend::Derived { readers, .. } => {
                (Dialect::Sqlite, 1, (*readers).max(1))
            }
            Backend::Postgres { writers, readers, .. } => {
                (Dialect::Postgres, (*writers).max(1), (*readers).max(1))
            }
        };
        let stats = Arc::new(Stats::default());
        let mut threads = Vec::new();
        let mut senders = Vec::new();
        let mut first = Some(first);
        for index in 0..writers {
            let (sender, queue) = async_channel::bounded(size(limits.write_queue));
            let engine = match first.take() {
                Some(engine) => engine,
                None => Engine::open(&backend, Use::Writer)?,
            };
            let writer = Writer {
                engine,
                queue,
                on_lock,
                stats: stats.clone(),
                group_limit: size(limits.group_transactions),
            };
            threads.push(spawn(&format!("write-{index}"), move || writer.run())?);
            senders.push(sender);
        }
        let (reads, queue) = async_channel::bounded::<ReadTask>(size(limits.read_queue));
        for index in 0..readers {
            let (engine, queue, stats) = (Engine::open(&backend, Use::Reader)?, queue.clone(), stats.clone());
            threads.push(spawn(&format!("read-{index}"), move || run_reader(engine, &queue, &stats))?);
        }
        if let Backend::Sqlite { path, .. } | Backend::Derived { path, .. } = &backend {
            let (conn, stats, queue) = (SqliteConn::open(path, Use::Writer)?, stats.clone(), queue.clone());
            let wal = PathBuf::from(format!("{}-wal", path.display()));
            threads.push(spawn("checkpoint", move || checkpoints(&conn, &wal, &queue, &stats))?);
        }
        Ok(Self(Arc::new(Inner {
            dialect,
            notifier: Notifier::new(&backend),
            backend,
            parts,
            writers: senders,
            reads,
            next_writer: AtomicUsize::new(0),
            stats,
            threads: std::sync::Mutex::new(threads),
        })))
    }

    /// Runs a transaction that writes; when it returns the result is durable.
    ///
    /// `locks` are the accounts that it writes: transactions of one account run in one order, and accounts
    /// are locked sorted, all of a group first, so that groups cannot deadlock. The closure may run more
    /// than once.
    pub async fn write<T, F>(&self, locks: impl Into<Locks>, run: F) -> Result<T>
    where
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (work, answer) = pack(locks.into(), run);
        let queue = self.queue(&work)?;
        match tokio::time::timeout(QUEUE_WAIT, queue.send(work)).await {
            Ok(Ok(())) => answer.await.map_err(|_| stopped())?,
            Ok(Err(_)) => Err(stopped()),
            Err(_) => Err(full()),
        }
    }

    /// [`Store::write`] for a thread that may wait.
    pub fn write_blocking<T, F>(&self, locks: impl Into<Locks>, run: F) -> Result<T>
    where
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (work, answer) = pack(locks.into(), run);
        self.queue(&work)?.send_blocking(work).map_err(|_| stopped())?;
        answer.blocking_recv().map_err(|_| stopped())?
    }

    /// Runs a read on a snapshot.
    pub async fn read<T, F>(&self, run: F) -> Result<T>
    where
        F: FnOnce(&mut Read<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (task, answer) = pack_read(run);
        match tokio::time::timeout(QUEUE_WAIT, self.0.reads.send(task)).await {
            Ok(Ok(())) => answer.await.map_err(|_| stopped())?,
            Ok(Err(_)) => Err(stopped()),
            Err(_) => Err(full()),
        }
    }

    /// [`Store::read`] for a thread that may wait.
    pub fn read_blocking<T, F>(&self, run: F) -> Result<T>
    where
        F: FnOnce(&mut Read<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (task, answer) = pack_read(run);
        self.0.reads.send_blocking(task).map_err(|_| stopped())?;
        answer.blocking_recv().map_err(|_| stopped())?
    }

    /// One account always goes to one writer of this process, so that its transactions do not wait for a
    /// lock that a neighbour holds.
    fn queue(&self, work: &Work) -> Result<&Sender<Work>> {
        let writers = &self.0.writers;
        let index = match work.locks.accounts.first() {
            Some(&lock) => usize::try_from(lock.unsigned_abs()).unwrap_or(0),
            None => self.0.next_writer.fetch_add(1, Ordering::Relaxed),
        };
        writers.get(index % writers.len().max(1)).ok_or_else(stopped)
    }

    /// The engine below.
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// Where the database is.
    pub fn backend(&self) -> &Backend {
        &self.0.backend
    }

    /// The parts that it was opened with.
    pub fn parts(&self) -> &[Part] {
        &self.0.parts
    }

    /// Hints between the nodes of this database.
    pub fn notifier(&self) -> &Notifier {
        &self.0.notifier
    }

    /// What it did since it was opened.
    pub fn stats(&self) -> StatsSnapshot {
        self.0.stats.snapshot()
    }

    /// Notes the text of every statement from now on, for tests that look at their plans.
    pub fn record_statements(&self) {
        self.0.stats.recording.store(true, Ordering::Relaxed);
    }

    /// The statements noted so far.
    pub fn recorded_statements(&self) -> Vec<String> {
        let recorded = self.0.stats.recorded.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        recorded.iter().cloned().collect()
    }

    /// Transactions and reads that wait now.
    pub fn waiting(&self) -> (usize, usize) {
        (self.0.writers.iter().map(Sender::len).sum(), self.0.reads.len())
    }

    /// Ends the threads after what waits is done. Other clones get errors from now on.
    pub async fn close(&self) {
        let inner = self.0.clone();
        let ended = tokio::task::spawn_blocking(move || inner.shut()).await;
        if ended.is_err() {
            tracing::warn!("the store did not close cleanly");
        }
    }
}

impl Inner {
    fn shut(&self) {
        for queue in &self.writers {
            queue.close();
        }
        self.reads.close();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the store broke off");
            }
        }
        self.notifier.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for queue in &self.writers {
            queue.close();
        }
        self.reads.close();
        self.notifier.stop();
    }
}

fn checkpoints(conn: &SqliteConn, wal: &std::path::Path, queue: &Receiver<ReadTask>, stats: &Stats) {
    while !queue.is_closed() {
        if std::fs::metadata(wal).is_ok_and(|file| file.len() > CHECKPOINT_BYTES) {
            checkpoint(conn, "PASSIVE", stats);
        }
        std::thread::sleep(CHECKPOINT_EVERY);
    }
}

fn pack<T, F>(locks: Locks, run: F) -> (Work, oneshot::Receiver<Result<T>>)
where
    F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    T: Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    // What is logged on the writer's thread belongs to the request that asked.
    let span = tracing::Span::current();
    let run = move |tx: &mut Tx<'_>| span.in_scope(|| timed("write", || run(tx)));
    let task: Box<dyn Task> = Box::new(Typed { run, kept: None, reply });
    (Work { locks, task }, answer)
}

fn pack_read<T, F>(run: F) -> (ReadTask, oneshot::Receiver<Result<T>>)
where
    F: FnOnce(&mut Read<'_>) -> Result<T> + Send + 'static,
    T: Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let span = tracing::Span::current();
    let task: ReadTask = Box::new(move |read| {
        let result = span.in_scope(|| timed("read", || read.and_then(run)));
        // A caller that went away needs no answer.
        let _ = reply.send(result);
    });
    (task, answer)
}

/// Runs a closure of a transaction and tells how long it took, at the level `trace`.
fn timed<T>(what: &'static str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    if !tracing::enabled!(tracing::Level::TRACE) {
        return run();
    }
    let begun = std::time::Instant::now();
    let result = run();
    tracing::trace!(what, ok = result.is_ok(), microseconds = begun.elapsed().as_micros(), "ran");
    result
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|e| Error::unavailable("machine", "cannot start another thread").with_source(e))
}

fn stopped() -> Error {
    Error::unavailable("database", "is being closed; try again in a moment")
}

fn full() -> Error {
    Error::unavailable("database", "has too much waiting; try again in a moment")
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.0.dialect.name())
    }
}
