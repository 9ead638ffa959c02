//! Files of a backup: private, hashed while they are written, durable before the manifest names them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base::{Error, Meaning, Result};

use super::BackupOptions;
use super::manifest::{Manifest, PlainFile};

/// Says which file of a backup failed, and what to do.
pub(crate) fn failed(path: &Path, error: std::io::Error) -> Error {
    let rule = match error.kind() {
        std::io::ErrorKind::StorageFull => "has no room left on its disk; free some space",
        std::io::ErrorKind::NotFound => "is not there",
        _ => "cannot be read or written; look at its disk and its rights",
    };
    let meaning =
        if error.kind() == std::io::ErrorKind::NotFound { Meaning::Corrupt } else { Meaning::Unavailable };
    Error::new(meaning, path.display().to_string(), rule).with_source(error)
}

pub(crate) fn create_folder(folder: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| failed(folder, e))
}

/// The name of this backup among those that the folder has seen: the time, and one more where that is taken.
pub(crate) fn stamp(now_ms: i64, earlier: Option<&Manifest>) -> String {
    let last = earlier.map_or(0, |manifest| manifest.number);
    format!("{:06}-{now_ms}", last + 1)
}

/// A file that is being written.
pub(crate) struct Hashed {
    path: PathBuf,
    file: File,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Hashed {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = file.map_err(|e| failed(path, e))?;
        Ok(Self { path: path.to_owned(), file, hasher: blake3::Hasher::new(), bytes: 0 })
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes it durable; its length and hash.
    pub(crate) fn finish(self) -> Result<(u64, String)> {
        self.file.sync_all().map_err(|e| failed(&self.path, e))?;
        Ok((self.bytes, self.hasher.finalize().to_hex().to_string()))
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Makes the entries of a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(|e| failed(folder, e))
}

/// Compares a file with what the manifest says of it.
pub(crate) fn compare(path: &Path, bytes: u64, hash: &str, mut tell: impl FnMut(u64)) -> Result<()> {
    let mut file = File::open(path).map_err(|e| failed(path, e))?;
    let damaged = |rule: String| Err(Error::corrupt(path.display().to_string(), rule));
    let length = file.metadata().map_err(|e| failed(path, e))?.len();
    if length != bytes {
        return damaged(format!("has {length} bytes, not {bytes}; the backup is damaged"));
    }
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(|e| failed(path, e))?;
        if read == 0 {
            break;
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        tell(read as u64);
    }
    if hasher.finalize().to_hex().as_str() != hash {
        return damaged("is not as it was written; the backup is damaged".to_owned());
    }
    Ok(())
}

/// Writes the small files that belong to the server.
pub(crate) fn write_extra(options: &BackupOptions, stamp: &str) -> Result<Vec<PlainFile>> {
    let folder = options.folder.join(format!("files-{stamp}"));
    create_folder(&folder)?;
    let mut written = Vec::new();
    for (name, content) in &options.files {
        if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
            return Err(Error::invalid("file", format!("{name:?} is no plain name of a file")));
        }
        let path = folder.join(name);
        let mut file = Hashed::create(&path)?;
        file.write_all(content).map_err(|e| failed(&path, e))?;
        let (bytes, hash) = file.finish()?;
        written.push(PlainFile { name: name.clone(), file: format!("files-{stamp}/{name}"), bytes, hash });
    }
    sync_folder(&folder)?;
    Ok(written)
}
