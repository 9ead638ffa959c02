//! The index of the bodies in a backup: entries of one length, sorted by organisation and hash, so that
//! indexes are compared and merged by reading them once.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use base::{Error, Result};

use super::files::{Hashed, failed};

/// Organisation and hash.
pub(crate) type Key = (i64, [u8; 32]);

/// Where a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    /// The number of the container.
    pub(crate) container: u32,
    pub(crate) offset: u64,
    /// Bytes there.
    pub(crate) stored: u64,
    /// Bytes of the plain text.
    pub(crate) size: u64,
}

const ENTRY_BYTES: usize = 8 + 32 + 4 + 8 + 8 + 8;

impl Entry {
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(ENTRY_BYTES);
        out.extend_from_slice(&self.key.0.to_le_bytes());
        out.extend_from_slice(&self.key.1);
        out.extend_from_slice(&self.container.to_le_bytes());
        for number in [self.offset, self.stored, self.size] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out
    }

    fn read(bytes: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let (organisation, rest) = bytes.split_first_chunk::<8>()?;
        let (hash, rest) = rest.split_first_chunk::<32>()?;
        let (container, rest) = rest.split_first_chunk::<4>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (stored, rest) = rest.split_first_chunk::<8>()?;
        Some(Self {
            key: (i64::from_le_bytes(*organisation), *hash),
            container: u32::from_le_bytes(*container),
            offset: u64::from_le_bytes(*offset),
            stored: u64::from_le_bytes(*stored),
            size: u64::from_le_bytes(*rest.first_chunk()?),
        })
    }
}

/// An index that is being written.
pub(crate) struct Writer(BufWriter<Hashed>, std::path::PathBuf);

impl Writer {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Ok(Self(BufWriter::new(Hashed::create(path)?), path.to_owned()))
    }

    pub(crate) fn add(&mut self, entry: &Entry) -> Result<()> {
        self.0.write_all(&entry.bytes()).map_err(|e| failed(&self.1, e))
    }

    pub(crate) fn finish(self) -> Result<(u64, String)> {
        let file = self.0.into_inner().map_err(|e| failed(&self.1, e.into_error()))?;
        file.finish()
    }
}

/// An index that is being read.
pub(crate) struct Reader {
    file: BufReader<File>,
    path: std::path::PathBuf,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| failed(path, e))?;
        Ok(Self { file: BufReader::with_capacity(1 << 16, file), path: path.to_owned() })
    }

    pub(crate) fn next(&mut self) -> Result<Option<Entry>> {
        let mut bytes = [0; ENTRY_BYTES];
        match self.file.read_exact(&mut bytes) {
            Ok(()) => Ok(Entry::read(&bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(failed(&self.path, error)),
        }
    }
}

/// Several indexes, asked for keys in their order.
pub(crate) struct Merged(Vec<(Reader, Option<Entry>)>);

impl Merged {
    pub(crate) fn open<'p>(paths: impl Iterator<Item = &'p Path>) -> Result<Self> {
        let mut readers = Vec::new();
        for path in paths {
            let mut reader = Reader::open(path)?;
            let first = reader.next()?;
            readers.push((reader, first));
        }
        Ok(Self(readers))
    }

    /// The entry of a key, which must not be before the key of the last call, if it `suits`.
    pub(crate) fn find(&mut self, key: &Key, suits: impl Fn(&Entry) -> bool) -> Result<Option<Entry>> {
        let mut found = None;
        for (reader, at) in &mut self.0 {
            while let Some(entry) = at
                && entry.key < *key
            {
                let next = reader.next()?;
                if next.is_some_and(|next| next.key <= entry.key) {
                    return Err(Error::corrupt(reader.path.display().to_string(), "is not in order"));
                }
                *at = next;
            }
            if let Some(entry) = at
                && entry.key == *key
                && suits(entry)
            {
                found = Some(*entry);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(organisation: i64, byte: u8, container: u32) -> Entry {
        Entry { key: (organisation, [byte; 32]), container, offset: 7, stored: 8, size: 9 }
    }

    #[test]
    fn merged_indexes_find_what_any_of_them_has() {
        let folder = tempfile::tempdir().unwrap();
        let lists =
            [vec![entry(1, 1, 1), entry(1, 3, 1), entry(2, 1, 1)], vec![entry(1, 2, 2), entry(2, 1, 2)]];
        let mut paths = Vec::new();
        for (number, list) in lists.iter().enumerate() {
            let path = folder.path().join(number.to_string());
            let mut writer = Writer::create(&path).unwrap();
            for entry in list {
                writer.add(entry).unwrap();
            }
            assert_eq!(writer.finish().unwrap().0, (list.len() * ENTRY_BYTES) as u64);
            paths.push(path);
        }
        let mut merged = Merged::open(paths.iter().map(|path| path.as_path())).unwrap();
        let mut find = |organisation, byte| {
            let found = merged.find(&(organisation, [byte; 32]), |entry| entry.container != 9).unwrap();
            found.map(|entry| entry.container)
        };
        assert_eq!([find(1, 0), find(1, 1), find(1, 2), find(1, 3)], [None, Some(1), Some(2), Some(1)]);
        assert_eq!([find(1, 4), find(2, 1), find(3, 0)], [None, Some(2), None]);
    }
}
