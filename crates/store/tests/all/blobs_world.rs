//! What the tests of the blob store share: a world on every pair of engine and place, bodies, and a table
//! that names them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Limits, OrganisationId, Random, Result};
use bytes::Bytes;
use store::blobs::{Faults, Put, Reference, SweepReport};
use store::sql::{Dialect, Migration};
use store::{BLOBS, BlobBackend, BlobOptions, Blobs, Part, Store, params};
use testkit::engines::{Engine, on};
use testkit::s3::Server;

const SCHEMA: &str = "
-- Something that names a body.
CREATE TABLE note (
    organisation_id bigint NOT NULL, -- whose it is
    id bigint NOT NULL, -- its number
    hash {bytes} NOT NULL, -- the body
    PRIMARY KEY (organisation_id, id)
);
CREATE INDEX note_hash ON note (hash);";

const NOTES: Part = Part {
    name: "notes",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "first", text: SCHEMA }],
};

/// What differs from world to world.
#[derive(Clone, Default)]
pub struct Setup {
    /// The limit on bodies.
    pub body_bytes: Option<u64>,
    /// When packs are full.
    pub pack_bytes: Option<u64>,
    /// Crashes.
    pub faults: Faults,
}

/// A blob store with its database.
#[derive(Clone)]
pub struct World {
    pub engine: Arc<Engine>,
    pub store: Store,
    pub blobs: Blobs,
    pub clock: Clock,
    pub lease_ms: i64,
    pub options: BlobOptions,
    /// The object store, where bodies are in one.
    pub server: Option<Arc<Server>>,
}

/// All that names bodies in these tests.
pub const REFERENCES: &[Reference] = &[Reference {
    name: Cow::Borrowed("note"),
    exists: Cow::Borrowed(
        "SELECT 1 FROM note n WHERE n.hash = blob.hash AND n.organisation_id = blob.organisation_id",
    ),
    list: Cow::Borrowed("SELECT organisation_id, hash FROM note"),
}];

impl World {
    pub async fn new(engine: Engine, server: Option<Server>, setup: &Setup) -> Self {
        let backend = match &server {
            Some(server) => BlobBackend::S3(server.options()),
            None => BlobBackend::Disk { path: engine.folder.path().join("blobs") },
        };
        let mut limits = Limits::default();
        limits.body_bytes = setup.body_bytes.unwrap_or(limits.body_bytes);
        // Ids of containers come from the system: those of the tests meet in one bucket.
        let random = Random::system();
        let mut options = BlobOptions::new(backend, engine.clock.clone(), random, Arc::new(limits));
        options.lease = Duration::from_secs(60);
        options.pack_bytes = setup.pack_bytes.unwrap_or(options.pack_bytes);
        options.faults = setup.faults.clone();
        let store = engine.store.clone();
        let blobs = Blobs::open(store.clone(), options.clone()).await.unwrap();
        let clock = engine.clock.clone();
        let server = server.map(Arc::new);
        Self { engine: Arc::new(engine), store, blobs, clock, lease_ms: 60_000, options, server }
    }

    /// As after a restart of the program.
    pub async fn reopen(mut self) -> Self {
        self.blobs.close().await;
        self.blobs = Blobs::open(self.store.clone(), self.options.clone()).await.unwrap();
        self
    }

    pub async fn sweep(&self) -> SweepReport {
        self.blobs.sweep(REFERENCES).await.unwrap()
    }

    /// Lets leases end and sweeps until nothing more goes.
    pub async fn settle(&self) {
        for _ in 0..3 {
            self.clock.advance_ms(self.lease_ms + 1);
            self.sweep().await;
        }
    }

    /// The files in which bodies are, with their lengths.
    pub fn containers(&self) -> Vec<(PathBuf, u64)> {
        let folder = match (&self.options.backend, &self.server) {
            (BlobBackend::Disk { path }, _) => path.clone(),
            (_, Some(server)) => server.bucket(),
            (_, None) => unreachable!("an object store has a server"),
        };
        let mut found = files(&folder);
        // s3s-fs keeps files of its own beside the objects.
        found.retain(|(path, _)| path.extension().is_some_and(|e| e == "pack" || e == "body"));
        found
    }

    /// Checks everything; there must be no flaw.
    pub async fn check(&self) {
        let mut flaws = Vec::new();
        self.blobs.verify(REFERENCES, |finding| flaws.push(finding.to_string())).await.unwrap();
        assert!(flaws.is_empty(), "{flaws:#?}");
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        self.store.read(move |tx| tx.query_one(sql, [], |row| row.int(0))).await.unwrap()
    }

    /// Bytes that bodies take in packs, in containers of their own and in the staging table.
    pub async fn stored_bytes(&self) -> i64 {
        let staged = self.count("SELECT coalesce(sum({octets}(data)), 0)::bigint FROM blob_stage");
        let staged = match self.engine.dialect() {
            Dialect::Postgres => staged.await,
            Dialect::Sqlite => self.count("SELECT coalesce(sum(length(data)), 0) FROM blob_stage").await,
        };
        // An open pack is longer than what is in it.
        self.blobs.close().await;
        staged + self.containers().iter().map(|(_, length)| i64::try_from(*length).unwrap()).sum::<i64>()
    }
}

/// A type with `Drop` is captured whole by a story's `async move` block.
impl Drop for World {
    fn drop(&mut self) {}
}

/// The files of a folder and of those in it, with their lengths.
pub fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path(), entry.metadata().unwrap().len()));
        }
    }
    found
}

/// Writes a row that names a body.
pub async fn name(world: &World, put: &Put, note: u64) -> Result<()> {
    let put = put.clone();
    world
        .store
        .write([], move |tx| {
            put.name(tx)?;
            let sql = "INSERT INTO note (organisation_id, id, hash) VALUES ($1, $2, $3)";
            tx.execute(sql, params![put.organisation(), note.cast_signed(), put.hash()]).map(|_| ())
        })
        .await
}

/// Removes the row that names a body.
pub async fn unname(world: &World, organisation: OrganisationId, note: u64) {
    let sql = "DELETE FROM note WHERE organisation_id = $1 AND id = $2";
    world
        .store
        .write([], move |tx| tx.execute(sql, params![organisation, note.cast_signed()]))
        .await
        .unwrap();
}

/// A text of `size` bytes that differs with `seed` and compresses about threefold, as mail does.
pub fn body(seed: u64, size: usize) -> Bytes {
    let mut out = Vec::with_capacity(size + 64);
    let mut random = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    let mut bytes = [0; 8];
    while out.len() < size {
        random.fill(&mut bytes);
        let number = u64::from_le_bytes(bytes);
        out.extend_from_slice(format!("the {number} letters of the organisation\r\n").as_bytes());
    }
    out.truncate(size);
    Bytes::from(out)
}

/// Runs a story on both engines with both places.
pub fn everywhere<S: Future<Output = ()>>(setup: &Setup, story: impl Fn(World) -> S) {
    let story = &story;
    on_disk(setup, story);
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        println!("with bodies in an object store");
        on(dialect, &[BLOBS, NOTES], None, |engine| async {
            story(World::new(engine, Some(Server::new()), setup).await).await;
        });
    }
}

/// Runs a story on SQLite with bodies on the local disk.
pub fn on_sqlite<S: Future<Output = ()>>(setup: &Setup, story: impl Fn(World) -> S) {
    on(Dialect::Sqlite, &[BLOBS, NOTES], None, |engine| async {
        story(World::new(engine, None, setup).await).await;
    });
}

/// Runs a long story on each engine and on each place once: SQLite with the local disk, PostgreSQL with the
/// object store.
pub fn crosswise<S: Future<Output = ()>>(setup: &Setup, story: impl Fn(World) -> S) {
    on(Dialect::Sqlite, &[BLOBS, NOTES], None, |engine| async {
        story(World::new(engine, None, setup).await).await;
    });
    on(Dialect::Postgres, &[BLOBS, NOTES], None, |engine| async {
        story(World::new(engine, Some(Server::new()), setup).await).await;
    });
}

/// Runs a story on both engines with bodies on the local disk.
pub fn on_disk<S: Future<Output = ()>>(setup: &Setup, story: impl Fn(World) -> S) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, &[BLOBS, NOTES], None, |engine| async {
            story(World::new(engine, None, setup).await).await;
        });
    }
}
