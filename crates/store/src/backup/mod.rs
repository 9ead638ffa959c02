//! Copies of a whole database and its bodies in a folder, made while the server runs, and put back into an
//! empty database of either engine and either place for bodies. `docs/backup.md` tells how it is used.
//!
//! What must stay true here:
//! - The tables are one snapshot, and every body that it names is in the folder before the manifest is.
//! - The manifest is written last and replaced at once: a folder holds a whole backup or the one before.
//! - Nothing is written into a target before every file of the backup was read and found as it was written.
//! - Memory is bounded by a page of rows and a few bodies, whatever the size of the server.

mod bodies;
mod files;
mod index;
mod manifest;
mod rows;
mod tables;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Error, Result};

use crate::blobs::Blobs;
use crate::sql::Store;

pub use manifest::{ContainerFile, FORMAT, Manifest, TableFile};

/// Hears how far the work is: what is being done, how much of it is done, and of how much (0: nobody knows).
pub type Progress = Arc<dyn Fn(&'static str, u64, u64) + Send + Sync>;

/// What a backup is made with.
#[derive(Clone)]
pub struct BackupOptions {
    /// The folder: empty, not there yet, or with an earlier backup, whose bodies are used again.
    pub folder: PathBuf,
    /// Small files that belong to the server and not to its database, such as the key of the histories.
    pub files: Vec<(String, Vec<u8>)>,
    /// Parts whose tables are derived from others and are left out.
    pub leave_out: Vec<&'static str>,
    /// The version of the program, for people.
    pub program: String,
    /// The time.
    pub now_ms: i64,
    /// Hears how far it is.
    pub progress: Progress,
}

/// What a restore did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Tables that were filled.
    pub tables: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bodies.
    pub bodies: u64,
    /// Bytes of the bodies' plain text.
    pub body_bytes: u64,
}

/// Copies the database and its bodies into a folder. All else goes on meanwhile.
///
/// # Errors
/// `Conflict` when the folder holds something else, `Unavailable` when it cannot be written.
pub async fn create(store: &Store, blobs: Option<&Blobs>, options: BackupOptions) -> Result<Manifest> {
    let earlier = manifest::of_folder(&options.folder)?;
    files::create_folder(&options.folder)?;
    let stamp = files::stamp(options.now_ms, earlier.as_ref());
    let mut copier = bodies::Copier::begin(&options, &stamp, earlier.as_ref())?;
    if let Some(blobs) = blobs {
        copier.passes(store, blobs).await?;
    }
    let (snapshot, wanted) = tables::snapshot(store, &options, &stamp, blobs.is_some());
    let copied = async {
        match blobs {
            Some(blobs) => copier.finish(blobs, wanted).await,
            None => Ok(bodies::Copied::default()),
        }
    };
    let (tables, copied) = futures_util::future::try_join(snapshot, copied).await?;
    let extra = files::write_extra(&options, &stamp)?;
    let manifest = Manifest::new(&options, &stamp, store, tables, copied, extra);
    manifest::write(&options.folder, &manifest)?;
    // What only the backup before needed.
    manifest::clear(&options.folder, &manifest);
    Ok(manifest)
}

/// A backup of which every file was read and found as it was written.
#[derive(Debug, Clone)]
pub struct Verified {
    folder: PathBuf,
    manifest: Manifest,
}

impl Verified {
    /// What it consists of.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The content of one of [`BackupOptions::files`].
    ///
    /// # Errors
    /// `NotFound` when it has no such file.
    pub fn file(&self, name: &str) -> Result<Vec<u8>> {
        let file = self.manifest.files.iter().find(|file| file.name == name);
        let path = self.folder.join(&file.ok_or_else(|| Error::not_found("file of the backup"))?.file);
        std::fs::read(&path).map_err(|e| files::failed(&path, e))
    }
}

/// Reads a whole backup and compares every file with the manifest.
///
/// # Errors
/// `NotFound` without a backup, `Corrupt` for one that is damaged, `Conflict` for one of a newer program.
pub async fn verify(folder: &Path, progress: &Progress) -> Result<Verified> {
    let (folder, progress) = (folder.to_owned(), progress.clone());
    tokio::task::spawn_blocking(move || {
        let manifest = manifest::of_folder(&folder)?.ok_or_else(|| {
            Error::new(base::Meaning::NotFound, "backup", format!("is not in {}", folder.display()))
        })?;
        manifest.compare_files(&folder, &progress)?;
        Ok(Verified { folder, manifest })
    })
    .await
    .map_err(|e| Error::corrupt("backup", "could not be read").with_source(e))?
}

/// Puts a backup into an empty database and an empty blob store. `leave_out` are the parts of the target whose
/// tables are derived.
///
/// # Errors
/// `Conflict` when the target is not empty or the backup is of another version of the program; nothing was
/// written then. Other errors leave a part of it behind: begin again with an empty target.
pub async fn restore(
    store: &Store,
    blobs: Option<&Blobs>,
    verified: &Verified,
    leave_out: &[&'static str],
    progress: &Progress,
) -> Result<Restored> {
    let Verified { folder, manifest } = verified;
    manifest.compare_schema(store, leave_out)?;
    tables::refuse_what_is_not_empty(store).await?;
    if blobs.is_none() && manifest.body_count > 0 {
        return Err(Error::invalid("backup", "has bodies, and there is no blob store to put them into"));
    }
    let mut restored = Restored::default();
    if let Some(blobs) = blobs {
        bodies::put_back(store, blobs, folder, manifest, progress, &mut restored).await?;
    }
    tables::put_back(store, folder, manifest, progress, &mut restored).await?;
    Ok(restored)
}
