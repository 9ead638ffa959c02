//! Bodies, stored once in an organisation under the hash of their plain text, on the local disk or in an
//! object store. `docs/blobs.md` has the protocol: who may write and remove what, when, and what a crash
//! leaves behind.
//!
//! What must stay true here:
//! - The bytes of a body are durable before the row that names them is.
//! - What one organisation put is not there for another.
//! - A body that something names is never removed; one that nothing names is, after its lease.
//! - No body larger than [`SMALL_BODY`] is ever whole in memory.

mod backend;
mod compact;
mod container;
mod disk;
mod encoding;
mod frames;
mod lookup;
mod options;
mod pack;
mod put;
mod read;
mod recent;
mod record;
mod repair;
mod s3;
mod stage;
mod sweep;
mod train;
mod verify;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};

use base::{Error, Result};

use crate::sql::{Migration, Part, Store};
use backend::{Backend, DiskBackend, busy};
use container::Container;
use disk::{Disk, Form};
use encoding::{Codec, Dictionary};
use pack::PackWriter;
use recent::Recent;
use s3::S3;

pub use options::{BlobBackend, BlobOptions, FAULT_POINTS, Faults, S3Options};
pub use put::{Put, SMALL_BODY, name_again};
pub use read::BodyStream;
pub use record::Hash;
pub use repair::RepairReport;
pub use sweep::{Reference, SweepReport};
pub use train::SAMPLES_LEAST;
pub use verify::{Finding, Flaw, VerifyReport};
pub use writer::BlobWriter;

const SCHEMA: &str = include_str!("../../schema/blobs.sql");

/// The tables of the blob store.
pub const BLOBS: Part = Part {
    name: "blobs",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "bodies", text: SCHEMA }],
};

const NEWEST: &str = "SELECT id, data FROM blob_dictionary ORDER BY id DESC LIMIT 1";

/// The blob store. Cheap to clone.
#[derive(Clone)]
pub struct Blobs(Arc<Inner>);

struct Inner {
    store: Store,
    options: BlobOptions,
    codec: Arc<Codec>,
    recent: Arc<Recent>,
    backend: Backend,
}

fn stopped() -> Error {
    Error::unavailable("blob store", "is being closed; try again in a moment")
}

impl Blobs {
    /// Opens the blob store whose rows are in `store`, which has the part [`BLOBS`]. Packs that a process
    /// left open when it ended are sealed.
    ///
    /// # Errors
    /// `Unavailable` when the folder or the database cannot be used, `Invalid` for settings that make no
    /// sense.
    pub async fn open(store: Store, options: BlobOptions) -> Result<Self> {
        let recent = Arc::new(Recent::default());
        let backend = match &options.backend {
            options::BlobBackend::Disk { path } => {
                let path = path.clone();
                let disk = Arc::new(busy(move || Disk::open(&path)).await?);
                let waiting = usize::try_from(options.limits.write_queue).unwrap_or(usize::MAX).max(1);
                let (queue, jobs) = async_channel::bounded(waiting);
                let writer =
                    PackWriter::new(store.clone(), disk.clone(), recent.clone(), options.clone(), jobs);
                let thread =
                    std::thread::Builder::new().name("pack".to_owned()).spawn(move || writer.run()).map_err(
                        |e| Error::unavailable("machine", "cannot start another thread").with_source(e),
                    )?;
                Backend::Disk(DiskBackend { disk, queue, thread: Mutex::new(Some(thread)) })
            }
            options::BlobBackend::S3(s3) => Backend::S3(S3::open(s3)?),
        };
        let codec = Arc::new(Codec::default());
        let blobs = Self(Arc::new(Inner { store, options, codec, recent, backend }));
        blobs.refresh_dictionary().await?;
        blobs.seal_abandoned().await?;
        Ok(blobs)
    }

    /// Uses the newest dictionary, which another node may have trained, for new bodies.
    pub async fn refresh_dictionary(&self) -> Result<()> {
        let newest = self
            .0
            .store
            .read(|read| read.query_opt(NEWEST, [], |row| Ok((row.int(0)?, row.bytes(1)?))))
            .await?;
        if let Some((id, data)) = newest {
            self.0.codec.learn(Dictionary::new(id, &data));
        }
        Ok(())
    }

    /// Seals packs on this disk that are open although no process writes to them. Those whose files were
    /// never made stay, until a sweep gives them up.
    pub(crate) async fn seal_abandoned(&self) -> Result<()> {
        let Backend::Disk(disk) = &self.0.backend else { return Ok(()) };
        let open = self.0.store.read(|read| read.query(&open_packs(), [], Container::read)).await?;
        for container in open {
            let (disk, id) = (disk.disk.clone(), container.id);
            let length = busy(move || match disk.abandoned(id) {
                Ok(Some(file)) => pack::cut_tail(&file, id).map(Some),
                Ok(None) => Ok(None),
                Err(error) if error.meaning() == base::Meaning::NotFound => Ok(None),
                Err(error) => Err(error),
            });
            if let Some(length) = length.await? {
                let now = self.0.options.clock.now_ms();
                self.0.store.write([], move |tx| container::seal(tx, id, length, now)).await?;
            }
        }
        Ok(())
    }

    /// Ends the thread that writes packs, after what waits is done. Puts fail from now on; bodies can still
    /// be named and read.
    pub async fn close(&self) {
        let Backend::Disk(disk) = &self.0.backend else { return };
        disk.queue.close();
        let thread = disk.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let ended = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::error!("the thread that writes packs broke off");
        }
    }
}

fn open_packs() -> String {
    format!(
        "SELECT {} FROM blob_container WHERE state = 'open' AND form = '{}' AND place = 'disk'",
        container::COLUMNS,
        Form::Pack.name()
    )
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Backend::Disk(disk) = &self.backend {
            disk.queue.close();
        }
    }
}

impl std::fmt::Debug for Blobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blobs({})", self.0.backend.place())
    }
}
