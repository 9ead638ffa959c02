//! The same story over both engines.

use std::sync::Arc;

use base::{Clock, Ctx, Limits, Random, Secret};
use store::sql::{Dialect, OnLock};
use store::{Backend, Part, Store, StoreOptions};
use tempfile::TempDir;

use crate::postgres;

/// 2026-11-02T08:00:00Z, a Monday: when every test begins.
pub const START_MS: i64 = 1_793_606_400_000;

/// A database of one engine with a clock of its own; it is removed when this is dropped.
pub struct Engine {
    /// The open store.
    pub store: Store,
    /// The clock of the test.
    pub clock: Clock,
    /// Repeatable randomness.
    pub random: Random,
    /// A folder of the test.
    pub folder: TempDir,
    backend: Backend,
    parts: Vec<Part>,
    on_lock: Option<OnLock>,
    limits: Arc<Limits>,
    database: Option<postgres::Database>,
}

impl Engine {
    /// Makes an empty database and opens it.
    pub async fn new(dialect: Dialect, parts: &[Part], on_lock: Option<OnLock>) -> Self {
        Self::with_limits(dialect, parts, on_lock, Limits::default()).await
    }

    /// The same with limits of the test's choice.
    pub async fn with_limits(
        dialect: Dialect,
        parts: &[Part],
        on_lock: Option<OnLock>,
        limits: Limits,
    ) -> Self {
        let folder = folder();
        let (backend, database) = match dialect {
            Dialect::Sqlite => {
                (Backend::Sqlite { path: folder.path().join("beffroi.sqlite"), readers: 2 }, None)
            }
            Dialect::Postgres => {
                let database = postgres::Database::new();
                let url = Secret::new(database.url());
                (Backend::Postgres { url, writers: 2, readers: 2 }, Some(database))
            }
        };
        let clock = Clock::manual(START_MS);
        let limits = Arc::new(limits);
        let store = open(&backend, parts, on_lock, &limits, &clock).await;
        let random = Random::seeded(1);
        Self { store, clock, random, folder, backend, parts: parts.to_vec(), on_lock, limits, database }
    }

    /// Closes the store and opens the same database again, as after a restart.
    pub async fn reopen(&mut self) {
        self.store.close().await;
        self.store = open(&self.backend, &self.parts, self.on_lock, &self.limits, &self.clock).await;
    }

    /// The parts that the next opening uses.
    pub fn set_parts(&mut self, parts: &[Part]) {
        self.parts = parts.to_vec();
    }

    /// Tries to open the same database with other parts, beside the open store.
    pub async fn try_parts(&mut self, parts: &[Part]) -> base::Result<Store> {
        let options = StoreOptions {
            backend: self.backend.clone(),
            parts: parts.to_vec(),
            on_lock: self.on_lock,
            limits: self.limits.clone(),
            clock: self.clock.clone(),
        };
        Store::open(options).await
    }

    /// A second store on the same database, as another node or the command line has it.
    pub async fn second(&self) -> Store {
        open(&self.backend, &self.parts, self.on_lock, &self.limits, &self.clock).await
    }

    /// Which engine it is.
    pub fn dialect(&self) -> Dialect {
        self.store.dialect()
    }

    /// The context of the program itself with the clock of the test.
    pub fn ctx(&self) -> Ctx {
        Ctx::system(self.clock.clone(), self.random.clone(), self.limits.clone())
    }

    /// The connection text of a PostgreSQL database.
    pub fn postgres_url(&self) -> Option<String> {
        self.database.as_ref().map(postgres::Database::url)
    }
}

/// A folder in memory where there is one: a sync costs nothing there, as on the PostgreSQL server of the
/// tests. What a crash leaves on a real disk is for `cargo xtask crash` to show.
pub fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for the test")
}

async fn open(
    backend: &Backend,
    parts: &[Part],
    on_lock: Option<OnLock>,
    limits: &Arc<Limits>,
    clock: &Clock,
) -> Store {
    let options = StoreOptions {
        backend: backend.clone(),
        parts: parts.to_vec(),
        on_lock,
        limits: limits.clone(),
        clock: clock.clone(),
    };
    Store::open(options).await.expect("the store opens")
}

/// Runs `story` on an empty database of each engine in turn.
pub fn both<S>(parts: &[Part], on_lock: Option<OnLock>, story: impl Fn(Engine) -> S)
where
    S: Future<Output = ()>,
{
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, parts, on_lock, &story);
    }
}

/// Runs `story` on an empty database of one engine.
pub fn on<S>(dialect: Dialect, parts: &[Part], on_lock: Option<OnLock>, story: impl Fn(Engine) -> S)
where
    S: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    println!("on {}", dialect.name());
    runtime.expect("a runtime").block_on(async {
        let engine = Engine::new(dialect, parts, on_lock).await;
        let store = engine.store.clone();
        story(engine).await;
        store.close().await;
    });
}

/// A type with `Drop` is captured whole by an `async move` block: without this, a test that names only
/// `engine.store` would drop the database before its future runs.
impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.database.take());
    }
}
