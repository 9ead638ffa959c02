//! The folder of a blob store on the local disk.
//!
//! What must stay true here:
//! - A file is made once under a name that is never used again, and bytes once read by others never change.
//! - A file is found after a power cut from the moment its maker returns: its folder is synced.
//! - Nobody but the user of this program can read it.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Error, Result};

const OPEN_FILES: usize = 128;

/// What a container holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Many small bodies.
    Pack,
    /// One large body.
    Large,
}

impl Form {
    /// The name in `blob_container.form`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pack => "pack",
            Self::Large => "large",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self> {
        match name {
            "pack" => Ok(Self::Pack),
            "large" => Ok(Self::Large),
            _ => Err(Error::corrupt("blob_container.form", "is neither pack nor large")),
        }
    }

    /// The name of a container below the folder or the prefix of its place.
    pub(crate) fn key(self, id: i64) -> String {
        let folder = id & 0xff;
        match self {
            Self::Pack => format!("packs/{folder:02x}/{id}.pack"),
            Self::Large => format!("large/{folder:02x}/{id}.body"),
        }
    }
}

/// The folder, with files that were read lately kept open.
pub(crate) struct Disk {
    root: PathBuf,
    open: Mutex<HashMap<(Form, i64), Arc<File>>>,
}

pub(crate) fn failed(error: std::io::Error) -> Error {
    let made = match error.kind() {
        ErrorKind::NotFound => Error::not_found("container"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Error::unavailable(
            "blob store",
            "has no room left on its disk; free some space, nothing was changed",
        ),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Error::unavailable("blob store", "cannot be written or read; look at the rights of its folder")
        }
        ErrorKind::UnexpectedEof => Error::corrupt("container", "is shorter than what is said to be in it"),
        _ => Error::unavailable("blob store", "does not work; look at its disk"),
    };
    made.with_source(error)
}

impl Disk {
    /// Makes the folder when there is none.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(failed)?;
        let disk = Self { root: root.to_owned(), open: Mutex::default() };
        for folder in ["packs", "large"] {
            disk.folder(&root.join(folder))?;
        }
        Ok(disk)
    }

    fn folder(&self, path: &Path) -> Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => sync_folder(path.parent().unwrap_or(&self.root)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    pub(crate) fn path(&self, form: Form, id: i64) -> PathBuf {
        self.root.join(form.key(id))
    }

    /// Makes the file of a container; it is there after a power cut.
    pub(crate) fn create(&self, form: Form, id: i64) -> Result<File> {
        let path = self.path(form, id);
        let folder = path.parent().unwrap_or(&self.root);
        self.folder(folder)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path).map_err(failed)?;
        sync_folder(folder)?;
        Ok(file)
    }

    /// Opens the file of a container, to read it.
    ///
    /// # Errors
    /// `NotFound` when it was removed.
    pub(crate) fn file(&self, form: Form, id: i64) -> Result<Arc<File>> {
        if let Some(file) = self.kept().get(&(form, id)) {
            return Ok(file.clone());
        }
        let file = Arc::new(File::open(self.path(form, id)).map_err(failed)?);
        let mut kept = self.kept();
        if kept.len() >= OPEN_FILES {
            kept.clear();
        }
        kept.insert((form, id), file.clone());
        Ok(file)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<(Form, i64), Arc<File>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads exactly `length` bytes.
    pub(crate) fn read(&self, form: Form, id: i64, offset: u64, length: usize) -> Result<Vec<u8>> {
        let file = self.file(form, id)?;
        let end = offset.saturating_add(length as u64);
        // A wrong length in a row must not make us ask for that much memory.
        if length > (1 << 20) && file.metadata().map_err(failed)?.len() < end {
            return Err(failed(ErrorKind::UnexpectedEof.into()));
        }
        let mut out = vec![0; length];
        file.read_exact_at(&mut out, offset).map_err(failed)?;
        Ok(out)
    }

    /// Opens the file of a pack if no running process writes to it.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    pub(crate) fn abandoned(&self, id: i64) -> Result<Option<File>> {
        let path = self.path(Form::Pack, id);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Removes the file of a container; one that is gone already is no error.
    pub(crate) fn remove(&self, form: Form, id: i64) -> Result<()> {
        self.kept().remove(&(form, id));
        match std::fs::remove_file(self.path(form, id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// The containers whose files are there, for checks and repair.
    pub(crate) fn list(&self) -> Result<Vec<(Form, i64)>> {
        let mut found = Vec::new();
        for (form, name, ending) in [(Form::Pack, "packs", "pack"), (Form::Large, "large", "body")] {
            for folder in std::fs::read_dir(self.root.join(name)).map_err(failed)? {
                for file in std::fs::read_dir(folder.map_err(failed)?.path()).map_err(failed)? {
                    let path = file.map_err(failed)?.path();
                    let stem = path.file_stem().and_then(|stem| stem.to_str());
                    let id = stem.and_then(|stem| stem.parse::<i64>().ok());
                    if let (Some(id), true) = (id, path.extension().is_some_and(|e| e == ending)) {
                        found.push((form, id));
                    }
                }
            }
        }
        found.sort_unstable_by_key(|(form, id)| (form.name(), *id));
        Ok(found)
    }
}

fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed)
}
