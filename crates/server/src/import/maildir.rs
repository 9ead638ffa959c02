//! Maildir, as Dovecot and Courier write it: folders beside the inbox with a dot before their name (Maildir++), or
//! below one another as on a disk.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use base::{Error, Result};
use bytes::Bytes;
use mail::flags::Keywords;

use super::source::{Entry, Folder, role_by_name, with_crlf};

/// Folders below one another.
const DEPTH: usize = 32;

/// A Maildir.
pub struct Maildir {
    pub(super) name: String,
    root: PathBuf,
    /// The files of the open folder.
    files: Vec<PathBuf>,
}

pub(super) fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::unavailable("source", format!("{} cannot be read", path.display())).with_source(error)
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let entry = entry.map_err(|error| unreadable(folder, error))?;
        if let Ok(name) = entry.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn is_maildir(folder: &Path) -> bool {
    folder.join("cur").is_dir()
}

/// Names on the disk are in modified UTF-7, or just as they are.
fn decoded(name: &str) -> String {
    codec::imap::utf7::decode(name.as_bytes()).unwrap_or_else(|| name.to_owned())
}

impl Maildir {
    /// A Maildir at a path.
    ///
    /// # Errors
    /// `Invalid` when there is none.
    pub fn open(root: &Path) -> Result<Self> {
        let root = root.canonicalize().map_err(|error| unreadable(root, error))?;
        if !is_maildir(&root) {
            return Err(Error::invalid("source", "is no Maildir: it has no folder `cur`"));
        }
        Ok(Self { name: format!("maildir:{}", root.display()), root, files: Vec::new() })
    }

    pub(super) fn folders(&self) -> Result<Vec<Folder>> {
        let mut found = vec![(String::new(), vec!["INBOX".to_owned()])];
        self.below("", &[], &mut found)?;
        let folder = |(name, path): (String, Vec<String>)| {
            let role = role_by_name(&path);
            Folder { name, path, role, closed: None }
        };
        Ok(found.into_iter().map(folder).collect())
    }

    fn below(&self, under: &str, path: &[String], found: &mut Vec<(String, Vec<String>)>) -> Result<()> {
        if path.len() >= DEPTH {
            return Ok(());
        }
        for name in names(&self.root.join(under))? {
            let relative = if under.is_empty() { name.clone() } else { format!("{under}/{name}") };
            if ["cur", "new", "tmp"].contains(&name.as_str()) || !self.root.join(&relative).is_dir() {
                continue;
            }
            let mut path = path.to_vec();
            match name.strip_prefix('.') {
                // Maildir++ has all folders at the top, with dots between the levels.
                Some(levels) if under.is_empty() => path.extend(levels.split('.').map(decoded)),
                Some(_) => continue,
                None => path.push(decoded(&name)),
            }
            if path.iter().any(String::is_empty) {
                continue;
            }
            if is_maildir(&self.root.join(&relative)) {
                found.push((relative.clone(), path.clone()));
            }
            self.below(&relative, &path, found)?;
        }
        Ok(())
    }

    pub(super) fn entries(&mut self, folder: &str) -> Result<Vec<Entry>> {
        let folder = self.root.join(folder);
        let keywords = dovecot_keywords(&folder);
        self.files.clear();
        let mut entries = Vec::new();
        for place in ["cur", "new"] {
            let place = folder.join(place);
            if !place.is_dir() {
                continue;
            }
            for name in names(&place)? {
                let path = place.join(&name);
                let Ok(about) = path.metadata() else { continue };
                if !about.is_file() || name.starts_with('.') {
                    continue;
                }
                let (key, info) = name.split_once(":2,").unwrap_or((&name, ""));
                let arrived = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                entries.push(Entry {
                    key: key.to_owned(),
                    keywords: flags(info, &keywords),
                    received_at: arrived.and_then(|time| i64::try_from(time.as_millis()).ok()),
                    size: about.len(),
                    place: self.files.len() as u64,
                });
                self.files.push(path);
            }
        }
        // In the order in which they arrived.
        entries.sort_by(|one, other| (one.received_at, &one.key).cmp(&(other.received_at, &other.key)));
        Ok(entries)
    }

    pub(super) fn fetch(&self, entry: &Entry) -> Result<Option<Bytes>> {
        let at = usize::try_from(entry.place).unwrap_or(usize::MAX);
        let path = self.files.get(at).ok_or_else(|| Error::corrupt("source", "was changed meanwhile"))?;
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(with_crlf(bytes))),
            // A mail program renamed or removed it meanwhile: the next run sees it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(path, error)),
        }
    }
}

/// Dovecot gives keywords small letters, and writes down which.
fn dovecot_keywords(folder: &Path) -> HashMap<char, String> {
    let text = std::fs::read_to_string(folder.join("dovecot-keywords")).unwrap_or_default();
    let line = |line: &str| {
        let (number, word) = line.split_once(' ')?;
        let letter = char::from(b'a'.checked_add(number.parse().ok()?)?);
        letter.is_ascii_lowercase().then(|| (letter, word.trim().to_owned()))
    };
    text.lines().filter_map(line).collect()
}

fn flags(info: &str, keywords: &HashMap<char, String>) -> Keywords {
    let mut all = Keywords::default();
    for letter in info.chars() {
        let name = match letter {
            'S' => "\\Seen",
            'R' => "\\Answered",
            'F' => "\\Flagged",
            'T' => "\\Deleted",
            'D' => "\\Draft",
            'P' => "$Forwarded",
            other => match keywords.get(&other) {
                Some(word) => word.as_str(),
                None => continue,
            },
        };
        // A word that is none here is left out.
        if let Ok(one) = Keywords::parse([name]) {
            all.flags |= one.flags;
            all.others.extend(one.others);
        }
    }
    all
}
