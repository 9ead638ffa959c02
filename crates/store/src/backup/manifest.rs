//! What a backup consists of: written last, read first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base::{Error, Result};
use serde::{Deserialize, Serialize};

use super::bodies::Copied;
use super::files::{compare, failed, sync_folder};
use super::{BackupOptions, Progress};
use crate::sql::Store;

/// The version of the form of a backup.
pub const FORMAT: u32 = 1;
const NAME: &str = "manifest.json";

/// A file with the rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFile {
    /// The table.
    pub table: String,
    /// The set of tables that it belongs to.
    pub part: String,
    /// Its columns, in the order of the values in a row.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: u64,
    /// BLAKE3 over the rows before they were compressed: the same on every engine.
    pub rows_hash: String,
    /// The file, below the folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its BLAKE3.
    pub hash: String,
}

/// A file with bodies, one behind the other, each compressed with zstd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerFile {
    /// Its number, as the index names it.
    pub number: u32,
    /// The file, below the folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Bytes in it that this backup needs.
    pub needed_bytes: u64,
    /// Its BLAKE3.
    pub hash: String,
}

/// A file as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlainFile {
    /// Its name.
    pub name: String,
    /// The file, below the folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its BLAKE3.
    pub hash: String,
}

/// What a backup consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the form.
    pub format: u32,
    /// How many backups this folder has seen.
    pub number: u64,
    /// When it was begun, milliseconds since 1970.
    pub at: i64,
    /// The version of the program that made it.
    pub program: String,
    /// The engine that it was read from.
    pub engine: String,
    /// The newest migration of each set of tables.
    pub parts: BTreeMap<String, i64>,
    /// The tables.
    pub tables: Vec<TableFile>,
    /// Where each body is; none without a blob store.
    pub index: Option<PlainFile>,
    /// The bodies.
    pub containers: Vec<ContainerFile>,
    /// How many bodies.
    pub body_count: u64,
    /// Bytes of their plain text.
    pub body_bytes: u64,
    /// Bodies that were copied for this backup; the others were in the folder already.
    pub copied_bodies: u64,
    /// Small files that belong to the server.
    pub files: Vec<PlainFile>,
}

impl Manifest {
    pub(crate) fn new(
        options: &BackupOptions,
        stamp: &str,
        store: &Store,
        tables: Vec<TableFile>,
        copied: Copied,
        files: Vec<PlainFile>,
    ) -> Self {
        let number = stamp.split('-').next().and_then(|number| number.parse().ok()).unwrap_or(1);
        let parts = store.parts().iter().filter(|part| !options.leave_out.contains(&part.name));
        Self {
            format: FORMAT,
            number,
            at: options.now_ms,
            program: options.program.clone(),
            engine: store.dialect().name().to_owned(),
            parts: parts
                .map(|part| (part.name.to_owned(), part.migrations.last().map_or(0, |last| last.number)))
                .collect(),
            tables,
            index: copied.index,
            containers: copied.containers,
            body_count: copied.bodies,
            body_bytes: copied.bytes,
            copied_bodies: copied.fresh,
            files,
        }
    }

    /// Path below the folder, length and hash of each file.
    fn files(&self) -> Vec<(&str, u64, &str)> {
        let tables = self.tables.iter().map(|table| (&*table.file, table.bytes, &*table.hash));
        let plain = self.index.iter().chain(&self.files).map(|file| (&*file.file, file.bytes, &*file.hash));
        let containers = self.containers.iter().map(|file| (&*file.file, file.bytes, &*file.hash));
        tables.chain(plain).chain(containers).collect()
    }

    /// Reads every file whole.
    pub(crate) fn compare_files(&self, folder: &Path, progress: &Progress) -> Result<()> {
        let total = self.files().iter().map(|(_, bytes, _)| bytes).sum();
        let mut done = 0;
        for (file, bytes, hash) in self.files() {
            compare(&folder.join(file), bytes, hash, |read| {
                done += read;
                progress("verifying bytes", done, total);
            })?;
        }
        Ok(())
    }

    /// Refuses a backup whose tables are not those of this program.
    pub(crate) fn compare_schema(&self, store: &Store, leave_out: &[&str]) -> Result<()> {
        let refuse = |rule: String| Err(Error::conflict("backup", rule));
        for (part, number) in &self.parts {
            let known = store.parts().iter().find(|known| known.name == part);
            let last = known.map(|part| part.migrations.last().map_or(0, |last| last.number));
            match last {
                Some(last) if last == *number => {}
                Some(last) if last > *number => {
                    return refuse(format!(
                        "was made by an older program ({}): part {part} is at {number}, here at {last}; \
                         restore it with that program and upgrade afterwards",
                        self.program
                    ));
                }
                _ => {
                    return refuse(format!(
                        "was made by a newer program ({}): part {part} is at {number}; restore it with that one",
                        self.program
                    ));
                }
            }
        }
        let missing = store
            .parts()
            .iter()
            .find(|part| !leave_out.contains(&part.name) && !self.parts.contains_key(part.name));
        match missing {
            Some(part) => refuse(format!(
                "was made by an older program ({}): it has no part {}; restore it with that program and \
                 upgrade afterwards",
                self.program, part.name
            )),
            None => Ok(()),
        }
    }
}

/// The backup in a folder; nothing in a folder that is empty or not there.
pub(crate) fn of_folder(folder: &Path) -> Result<Option<Manifest>> {
    let path = folder.join(NAME);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return if is_ours(folder)? {
                Ok(None)
            } else {
                let rule = format!("{} holds other files; name an empty folder", folder.display());
                Err(Error::conflict("folder", rule))
            };
        }
        Err(error) => return Err(failed(&path, error)),
    };
    let damaged =
        || Error::corrupt(path.display().to_string(), "cannot be understood; the backup is damaged");
    // The version first: the form of a newer one is not known.
    let any: serde_json::Value = serde_json::from_slice(&text).map_err(|e| damaged().with_source(e))?;
    match any.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format > u64::from(FORMAT) => {
            let rule = format!("is of form {format}, this program knows {FORMAT}; use a newer program");
            Err(Error::conflict("backup", rule))
        }
        Some(_) => serde_json::from_value(any).map(Some).map_err(|e| damaged().with_source(e)),
        None => Err(damaged()),
    }
}

/// Whether a folder without a manifest is empty, or holds only the beginnings of a backup.
fn is_ours(folder: &Path) -> Result<bool> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(failed(folder, error)),
    };
    for entry in entries {
        let name = entry.map_err(|e| failed(folder, e))?.file_name();
        if !name.to_str().is_some_and(is_our_name) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_our_name(name: &str) -> bool {
    name == "bodies" || ["tables-", "files-", NAME].iter().any(|prefix| name.starts_with(prefix))
}

/// Replaces the manifest at once.
pub(crate) fn write(folder: &Path, manifest: &Manifest) -> Result<()> {
    let text = serde_json::to_vec_pretty(manifest)
        .map_err(|e| Error::corrupt("manifest", "cannot be written").with_source(e))?;
    let (path, new) = (folder.join(NAME), folder.join(format!("{NAME}.new")));
    let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
    written
        .and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&new, &path))
        .map_err(|e| failed(&path, e))?;
    sync_folder(folder)
}

/// Removes what the manifest does not name. What cannot be removed stays for the next time.
pub(crate) fn clear(folder: &Path, manifest: &Manifest) {
    let needed: BTreeSet<&str> = manifest.files().into_iter().map(|(file, ..)| file).collect();
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && is_our_name(&name) {
            for file in std::fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                let inner = format!("{name}/{}", file.file_name().to_string_lossy());
                if !needed.contains(inner.as_str()) {
                    let _ = std::fs::remove_file(file.path());
                }
            }
            // Stays while something is in it.
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}
