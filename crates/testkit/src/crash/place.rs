//! Where the data of the crash test is, and how it is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Clock, CollectionId, Ctx, Limits, OrganisationId, Random, Result, Secret};
use kernel::{ChainKey, Kernel, NewCollection, create_accounts};
use store::{BLOBS, Backend, BlobBackend, BlobOptions, Blobs, Store, StoreOptions, params};

use super::tables;

/// The organisation that everything belongs to.
pub(crate) const HERE: OrganisationId = OrganisationId(1);

/// How long a body is kept without a name: short, so that sweeps have something to do.
const LEASE: Duration = Duration::from_secs(4);
/// Small, so that packs fill and are compacted.
const PACK_BYTES: u64 = 4 << 20;

/// A data folder, and a database elsewhere if there is one.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder.
    pub folder: PathBuf,
    /// The connection text of PostgreSQL; SQLite in the folder without.
    pub url: Option<String>,
}

/// The opened floors.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) kernel: Kernel,
    pub(crate) blobs: Blobs,
    pub(crate) ctx: Ctx,
}

impl Place {
    /// The database's file, where it is one.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("beffroi.sqlite")
    }

    pub(crate) async fn open(&self) -> Result<Opened> {
        let limits = Arc::new(Limits::default());
        let backend = match &self.url {
            None => Backend::Sqlite { path: self.file(), readers: 2 },
            Some(url) => Backend::Postgres { url: Secret::new(url.clone()), writers: 2, readers: 2 },
        };
        let store = Store::open(StoreOptions {
            backend,
            parts: vec![BLOBS, kernel::PART, tables::PART],
            on_lock: Some(kernel::on_lock),
            limits: limits.clone(),
            clock: Clock::system(),
        })
        .await?;
        let kernel = Kernel::new(store.clone(), vec![tables::KIND], ChainKey::new([9; 32]));
        let ctx = Ctx::system(Clock::system(), Random::system(), limits.clone());
        let backend = BlobBackend::Disk { path: self.folder.join("blobs") };
        let mut options = BlobOptions::new(backend, Clock::system(), Random::system(), limits);
        (options.lease, options.pack_bytes) = (LEASE, PACK_BYTES);
        let blobs = Blobs::open(store.clone(), options).await?;
        Ok(Opened { store, kernel, blobs, ctx })
    }
}

impl Opened {
    pub(crate) async fn close(self) {
        self.blobs.close().await;
        self.store.close().await;
    }

    /// Makes accounts, and for each writer two collections in one of them and a third in another.
    pub(crate) async fn furnish(&self, accounts: u32, writers: u32) -> Result<Vec<AccountId>> {
        let (count, now_ms) = (i64::from(accounts), self.ctx.now_ms());
        let made = self.store.write([], move |tx| create_accounts(tx, HERE, "person", count, now_ms)).await?;
        for writer in 0..writers {
            let home = made[(writer % accounts) as usize];
            let other = made[((writer + 1) % accounts) as usize];
            let inbox = self.collection(home, format!("inbox {writer}")).await?;
            let archive = self.collection(home, format!("archive {writer}")).await?;
            let elsewhere = self.collection(other, format!("elsewhere {writer}")).await?;
            let row = params![writer, home, other, inbox, archive, elsewhere, 0];
            let sql = "INSERT INTO letter_writer VALUES ($1, $2, $3, $4, $5, $6, $7)";
            self.store.write([], move |tx| tx.execute(sql, row.clone())).await?;
        }
        Ok(made)
    }

    async fn collection(&self, account: AccountId, name: String) -> Result<CollectionId> {
        self.kernel
            .write(&self.ctx, account, move |batch| {
                let new = NewCollection { kind: tables::KIND.name, name: &name, ..NewCollection::default() };
                batch.create_collection(&new)
            })
            .await
    }
}

/// A folder that is removed when this is dropped.
pub(crate) fn fresh_folder(parent: &Path) -> tempfile::TempDir {
    tempfile::Builder::new().prefix("beffroi-crash-").tempdir_in(parent).expect("a folder for the data")
}
