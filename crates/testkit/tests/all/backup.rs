//! Backup and restore between engines, beside running writers, and what is refused.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::{AccountId, Limits, Meaning, OrganisationId};
use bytes::Bytes;
use kernel::ItemUpdate;
use store::backup::{self, BackupOptions, Manifest, Progress};
use store::blobs::Reference;
use store::sql::{Dialect, Migration};
use store::{BLOBS, BlobBackend, BlobOptions, Blobs, Part, params};
use testkit::engines::Engine;
use testkit::note;
use testkit::world::{HERE, World, parts};

const SCHEMA: &str = "
-- Something that names a body.
CREATE TABLE leaf (
    organisation_id bigint NOT NULL, -- whose it is
    id bigint NOT NULL, -- its number
    hash {bytes} NOT NULL, -- the body
    weight double precision, -- a number with a fraction
    PRIMARY KEY (organisation_id, id)
);

-- What a trigger noted.
--- sqlite
CREATE TABLE heard (
    id integer PRIMARY KEY AUTOINCREMENT, -- given out by the database
    leaf_id bigint NOT NULL -- the leaf
);
CREATE TRIGGER leaf_heard AFTER INSERT ON leaf BEGIN INSERT INTO heard (leaf_id) VALUES (NEW.id); END;
--- end
--- postgres
CREATE TABLE heard (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- given out by the database
    leaf_id bigint NOT NULL -- the leaf
);
CREATE FUNCTION hear() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN INSERT INTO heard (leaf_id) VALUES (NEW.id); RETURN NULL; END $body$;
CREATE TRIGGER leaf_heard AFTER INSERT ON leaf FOR EACH ROW EXECUTE FUNCTION hear();
--- end
";

const LEAVES: Part = Part {
    name: "leaves",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "first", text: SCHEMA }],
};

struct Server {
    world: World,
    blobs: Blobs,
}

fn quiet() -> Progress {
    Arc::new(|_, _, _| {})
}

fn body(number: i64, bytes: usize) -> Bytes {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut out);
    // Half of it compresses.
    out[bytes / 2..].fill(7);
    out.into()
}

impl Server {
    async fn new(dialect: Dialect) -> Self {
        let parts: Vec<Part> = [BLOBS].into_iter().chain(parts()).chain([LEAVES]).collect();
        let world = World::over(Engine::new(dialect, &parts, Some(kernel::on_lock)).await);
        let backend = BlobBackend::Disk { path: world.engine.folder.path().join("blobs") };
        let limits = Arc::new(Limits::default());
        let options = BlobOptions::new(backend, base::Clock::system(), base::Random::system(), limits);
        let blobs = Blobs::open(world.engine.store.clone(), options).await.unwrap();
        Self { world, blobs }
    }

    async fn leaf(&self, organisation: OrganisationId, number: i64, bytes: usize) {
        let put = self.blobs.put(organisation, body(number, bytes)).await.unwrap();
        let write = self.world.engine.store.write([], move |tx| {
            put.name(tx)?;
            let row = params![organisation, number, put.hash(), 0.1];
            tx.execute("INSERT INTO leaf (organisation_id, id, hash, weight) VALUES ($1, $2, $3, $4)", row)
        });
        write.await.unwrap();
    }

    async fn notes(&self, account: AccountId, name: &str, count: i64) {
        let collection = self.world.collection(account, name).await;
        let ctx = self.world.ctx();
        let write = self.world.kernel.write(&ctx, account, move |batch| {
            for number in 0..count {
                note::create(batch, collection, &format!("note {number}: é \"quoted\"\n"), number % 8)?;
            }
            let some: Vec<_> = (1..count / 3).map(base::ItemId).collect();
            batch.update(collection, &some, &ItemUpdate { set: 16, clear: 1, ..ItemUpdate::default() })?;
            batch.destroy(collection, &some[..2])
        });
        write.await.unwrap();
    }

    /// Notes with a history in two accounts, and bodies of two organisations.
    async fn fill(&self) -> Vec<AccountId> {
        let mut accounts = Vec::new();
        for name in ["one", "two"] {
            let account = self.world.account(HERE).await;
            self.notes(account, name, 700).await;
            self.world.kernel.mark(&self.world.ctx(), account).await.unwrap();
            self.notes(account, "later", 30).await;
            accounts.push(account);
        }
        for number in 0..60 {
            self.leaf(OrganisationId(1 + number % 2), number, 9_000).await;
        }
        self.leaf(HERE, 1_000, 3 << 20).await;
        accounts
    }

    async fn backup(&self, folder: &Path) -> Manifest {
        let options = BackupOptions {
            folder: folder.to_owned(),
            files: vec![("key".to_owned(), b"secret".to_vec())],
            leave_out: Vec::new(),
            program: "test".to_owned(),
            now_ms: 1_793_606_400_000,
            progress: quiet(),
        };
        backup::create(&self.world.engine.store, Some(&self.blobs), options).await.unwrap()
    }

    async fn restore(&self, folder: &Path) -> base::Result<backup::Restored> {
        let verified = backup::verify(folder, &quiet()).await?;
        backup::restore(&self.world.engine.store, Some(&self.blobs), &verified, &[], &quiet()).await
    }

    async fn sound(&self, accounts: &[AccountId]) {
        for account in accounts {
            self.world.sound(*account).await;
        }
        let mut findings = Vec::new();
        let report = self
            .blobs
            .verify(&[Reference::in_table("leaf", "hash")], |finding| findings.push(finding.to_string()))
            .await
            .unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        assert!(report.bodies >= 61);
    }
}

/// Rows and hash of each table; no hash where the database gives out numbers, which are its own.
fn tables(manifest: &Manifest) -> Vec<(&str, u64, &str)> {
    let hash = |table: &str, hash| if table == "heard" { "" } else { hash };
    manifest.tables.iter().map(|file| (&*file.table, file.rows, hash(&file.table, &file.rows_hash))).collect()
}

async fn heard(server: &Server) -> Vec<i64> {
    let sql = "SELECT leaf_id FROM heard ORDER BY id";
    server.world.engine.store.read(move |tx| tx.query(sql, [], |row| row.int(0))).await.unwrap()
}

fn run(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(story);
}

#[test]
fn r05_a_restored_server_equals_the_original() {
    use Dialect::{Postgres, Sqlite};
    for (from, to) in [(Sqlite, Sqlite), (Sqlite, Postgres), (Postgres, Sqlite)] {
        println!("from {} to {}", from.name(), to.name());
        run(async move {
            let (original, copy) = (Server::new(from).await, Server::new(to).await);
            let accounts = original.fill().await;
            let folder = tempfile::tempdir().unwrap();
            let first = original.backup(folder.path()).await;
            assert_eq!((first.body_count, first.copied_bodies), (61, 61));
            let restored = copy.restore(folder.path()).await.unwrap();
            assert_eq!((restored.bodies, restored.tables), (61, first.tables.len() as u64));
            copy.sound(&accounts).await;
            let second_folder = tempfile::tempdir().unwrap();
            let second = copy.backup(second_folder.path()).await;
            assert_eq!(tables(&first), tables(&second));
            assert_eq!(heard(&original).await, heard(&copy).await);
            assert_eq!((first.body_count, first.body_bytes), (second.body_count, second.body_bytes));
            let large = copy.blobs.read(HERE, *blake3::hash(&body(1_000, 3 << 20)).as_bytes(), None).await;
            assert_eq!(large.unwrap(), body(1_000, 3 << 20));
            // The copy goes on as the original would.
            copy.notes(accounts[0], "after the restore", 20).await;
            copy.leaf(HERE, 2_000, 500).await;
            copy.sound(&accounts).await;
        });
    }
}

#[test]
fn r05_a_backup_beside_writers_is_one_moment() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        run(async move {
            let (original, copy) = (Arc::new(Server::new(dialect).await), Server::new(Dialect::Sqlite).await);
            let mut accounts = original.fill().await;
            accounts.push(original.world.account(HERE).await);
            let stop = Arc::new(AtomicBool::new(false));
            let (writer, account, stopped) = (original.clone(), accounts[2], stop.clone());
            let writing = tokio::spawn(async move {
                let mut number = 10_000;
                while !stopped.load(Ordering::Relaxed) {
                    writer.leaf(HERE, number, 2_000).await;
                    writer.notes(account, &format!("box {number}"), 20).await;
                    number += 1;
                }
                number - 10_000
            });
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            let folder = tempfile::tempdir().unwrap();
            let manifest = original.backup(folder.path()).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            stop.store(true, Ordering::Relaxed);
            let written = writing.await.unwrap();
            assert!(written > 1, "writers went on");
            copy.restore(folder.path()).await.unwrap();
            copy.sound(&accounts).await;
            let leaves = manifest.tables.iter().find(|table| table.table == "leaf").unwrap().rows;
            assert!(
                (61..=61 + written).contains(&i64::try_from(leaves).unwrap()),
                "{leaves} of {written} more"
            );
            assert_eq!(manifest.body_count, leaves);
        });
    }
}

#[test]
fn r05_a_second_backup_copies_only_what_is_new() {
    run(async {
        let (original, copy) = (Server::new(Dialect::Sqlite).await, Server::new(Dialect::Sqlite).await);
        let accounts = original.fill().await;
        let folder = tempfile::tempdir().unwrap();
        let first = original.backup(folder.path()).await;
        original.leaf(HERE, 3_000, 4_000).await;
        original.notes(accounts[0], "between", 10).await;
        let second = original.backup(folder.path()).await;
        assert_eq!((second.number, second.body_count, second.copied_bodies), (2, 62, 1));
        assert_eq!(second.containers[0], first.containers[0]);
        assert!(!folder.path().join(&first.tables[0].file).exists(), "the tables of the first are gone");
        copy.restore(folder.path()).await.unwrap();
        copy.sound(&accounts).await;
    });
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn change(folder: &Path, from: &str, to: &str) {
    let path = folder.join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn r05_what_cannot_be_restored_is_refused_before_anything_is_written() {
    run(async {
        let (original, copy) = (Server::new(Dialect::Sqlite).await, Server::new(Dialect::Sqlite).await);
        original.fill().await;
        let refused = async |spoil: &dyn Fn(&Path, &Manifest), meaning: Meaning, words: &str| {
            let folder = tempfile::tempdir().unwrap();
            let manifest = original.backup(folder.path()).await;
            spoil(folder.path(), &manifest);
            let error = copy.restore(folder.path()).await.unwrap_err();
            assert_eq!(error.meaning(), meaning, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        };
        refused(&|f, m| flip(&f.join(&m.containers[0].file)), Meaning::Corrupt, "damaged").await;
        refused(&|f, m| flip(&f.join(&m.tables[1].file)), Meaning::Corrupt, "damaged").await;
        refused(
            &|f, m| std::fs::remove_file(f.join(&m.tables[0].file)).unwrap(),
            Meaning::Corrupt,
            "not there",
        )
        .await;
        refused(&|f, _| change(f, "\"format\": 1", "\"format\": 9"), Meaning::Conflict, "newer").await;
        refused(&|f, _| change(f, "\"note\": 1", "\"note\": 7"), Meaning::Conflict, "newer").await;
        refused(&|f, _| change(f, "\"note\": 1", "\"note\": 0"), Meaning::Conflict, "older").await;
        refused(&|f, _| std::fs::remove_file(f.join("manifest.json")).unwrap(), Meaning::NotFound, "backup")
            .await;
        // Nothing was written: the target still takes a good one, and then no other.
        let folder = tempfile::tempdir().unwrap();
        original.backup(folder.path()).await;
        copy.restore(folder.path()).await.unwrap();
        let error = copy.restore(folder.path()).await.unwrap_err();
        assert!(error.to_string().contains("not empty"), "{error}");
        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join("photo.jpg"), "mine").unwrap();
        assert!(copy.restore(other.path()).await.unwrap_err().to_string().contains("other files"));
    });
}
