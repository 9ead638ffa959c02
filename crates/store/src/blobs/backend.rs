//! Where containers are, behind one face: the local disk or an object store.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use async_channel::Sender;
use base::{Error, Result};
use bytes::Bytes;

use super::disk::{Disk, Form};
use super::pack::Job;
use super::s3::S3;

/// The local disk and the thread that writes its packs.
pub(crate) struct DiskBackend {
    pub(crate) disk: Arc<Disk>,
    pub(crate) queue: Sender<Job>,
    pub(crate) thread: Mutex<Option<JoinHandle<()>>>,
}

/// One of both.
pub(crate) enum Backend {
    Disk(DiskBackend),
    S3(S3),
}

impl Backend {
    /// The name in `blob_container.place`.
    pub(crate) fn place(&self) -> &'static str {
        match self {
            Self::Disk(_) => "disk",
            Self::S3(_) => "s3",
        }
    }

    /// Reads exactly `length` bytes of a container.
    ///
    /// # Errors
    /// `NotFound` when the container was removed.
    pub(crate) async fn read(&self, form: Form, id: i64, offset: u64, length: usize) -> Result<Bytes> {
        match self {
            Self::Disk(disk) => {
                let disk = disk.disk.clone();
                busy(move || disk.read(form, id, offset, length).map(Bytes::from)).await
            }
            Self::S3(s3) => s3.read(form, id, offset, length).await,
        }
    }

    /// Removes the bytes of a container; it is no error when they are gone.
    pub(crate) async fn remove(&self, form: Form, id: i64) -> Result<()> {
        match self {
            Self::Disk(disk) => {
                let disk = disk.disk.clone();
                busy(move || disk.remove(form, id)).await
            }
            Self::S3(s3) => s3.remove(form, id).await,
        }
    }
}

/// Runs what may take a while on a thread of its own.
pub(crate) async fn busy<T: Send + 'static>(run: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(run)
        .await
        .map_err(|e| Error::corrupt("blob store", "broke off; it is noted in the log").with_source(e))?
}
