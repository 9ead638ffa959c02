//! Bodies of a backup: compressed, one behind the other in container files, with a sorted index.
//!
//! What must stay true here:
//! - Bodies are copied in passes, before the snapshot of the tables is taken, until a pass finds little that
//!   is new. What the snapshot names and no pass has copied was put since the last pass began: its lease
//!   still runs, no sweep can have taken it, and it is copied first of all.
//! - Container files are never changed once they are written: an earlier backup in the folder may name them
//!   until the manifest is replaced.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;

use base::{Error, Meaning, OrganisationId, Result};
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::{pending, try_join_all};
use tokio::sync::oneshot;

use super::files::{Hashed, create_folder, failed, sync_folder};
use super::index::{Entry, Merged, Reader, Writer};
use super::manifest::{ContainerFile, Manifest, PlainFile};
use super::tables::page_of_bodies;
use super::{BackupOptions, Progress, Restored};
use crate::blobs::{Blobs, Put, SMALL_BODY};
use crate::sql::Store;

const LEVEL: i32 = 3;
/// The length from which a container takes no more bodies.
const CONTAINER_BYTES: u64 = 256 << 20;
/// Passes at most, and what a pass may find that was the last.
const PASSES: u32 = 6;
const FEW: u64 = 500;
/// Bodies that are put back at a time, and the bytes they may have together.
const AT_ONCE: usize = 64;
const AT_ONCE_BYTES: u64 = 16 << 20;

/// What the manifest tells of the bodies.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    pub(crate) index: Option<PlainFile>,
    pub(crate) containers: Vec<ContainerFile>,
    pub(crate) bodies: u64,
    pub(crate) bytes: u64,
    pub(crate) fresh: u64,
}

/// A container that is being written.
struct Open {
    number: u32,
    file: String,
    out: Hashed,
}

/// Copies bodies into the folder.
pub(crate) struct Copier {
    folder: PathBuf,
    stamp: String,
    progress: Progress,
    /// Containers of the backup before whose bodies are used again, and those of this one.
    containers: BTreeMap<u32, ContainerFile>,
    /// Sorted indexes: that of the backup before, and one a pass.
    indexes: Vec<PathBuf>,
    open: Option<Open>,
    next: u32,
    fresh: u64,
}

impl Copier {
    pub(crate) fn begin(options: &BackupOptions, stamp: &str, earlier: Option<&Manifest>) -> Result<Self> {
        create_folder(&options.folder.join("bodies"))?;
        let (mut containers, mut indexes, mut next) = (BTreeMap::new(), Vec::new(), 1);
        if let Some(earlier) = earlier {
            next = earlier.containers.iter().map(|file| file.number).max().unwrap_or(0) + 1;
            // A container of which less than half is needed goes: what is needed of it is copied anew.
            let useful = earlier.containers.iter().filter(|file| {
                let there = std::fs::metadata(options.folder.join(&file.file));
                file.needed_bytes * 2 >= file.bytes && there.is_ok_and(|there| there.len() == file.bytes)
            });
            containers.extend(useful.map(|file| (file.number, file.clone())));
            indexes.extend(earlier.index.iter().map(|index| options.folder.join(&index.file)));
        }
        Ok(Self {
            folder: options.folder.clone(),
            stamp: stamp.to_owned(),
            progress: options.progress.clone(),
            containers,
            indexes,
            open: None,
            next,
            fresh: 0,
        })
    }

    fn merged(&self) -> Result<Merged> {
        Merged::open(self.indexes.iter().map(PathBuf::as_path))
    }

    /// Copies what is there, again and again until little is new.
    pub(crate) async fn passes(&mut self, store: &Store, blobs: &Blobs) -> Result<()> {
        let total = store.read(|tx| tx.query_one("SELECT count(*) FROM blob", [], |row| row.int(0))).await?;
        for pass in 0..PASSES {
            if self.pass(store, blobs, pass, total.unsigned_abs()).await? <= FEW {
                break;
            }
        }
        Ok(())
    }

    async fn pass(&mut self, store: &Store, blobs: &Blobs, pass: u32, total: u64) -> Result<u64> {
        let mut known = self.merged()?;
        let path = self.folder.join("bodies").join(format!("{}.pass{pass}", self.stamp));
        let mut index = Writer::create(&path)?;
        let (mut after, mut seen, mut copied) = ((i64::MIN, Vec::new()), 0, 0);
        loop {
            let page = store.read(move |tx| page_of_bodies(tx, &after)).await?;
            let Some(last) = page.last() else { break };
            after = (last.key.0, last.key.1.to_vec());
            for body in &page {
                if known.find(&body.key, |entry| self.has(entry))?.is_none()
                    && let Some(entry) = self.copy(blobs, body).await?
                {
                    index.add(&entry)?;
                    copied += 1;
                }
            }
            seen += page.len() as u64;
            (self.progress)("copying bodies", seen, total.max(seen));
        }
        index.finish()?;
        self.indexes.push(path);
        Ok(copied)
    }

    fn has(&self, entry: &Entry) -> bool {
        self.containers.contains_key(&entry.container)
            || self.open.as_ref().is_some_and(|open| open.number == entry.container)
    }

    /// Copies one body; nothing when a sweep has removed it meanwhile.
    async fn copy(&mut self, blobs: &Blobs, body: &Entry) -> Result<Option<Entry>> {
        let (organisation, hash) = body.key;
        let stream = match blobs.stream(OrganisationId(organisation), hash, None).await {
            Err(error) if error.meaning() == Meaning::NotFound => return Ok(None),
            stream => stream?,
        };
        let open = self.container()?;
        let (number, offset) = (open.number, open.out.bytes());
        let path = PathBuf::from(&open.file);
        let wrong = |e| failed(&path, e);
        let mut out = zstd::Encoder::new(&mut open.out, LEVEL).map_err(wrong)?;
        let mut stream = pin!(stream);
        let mut size = 0;
        while let Some(piece) = stream.try_next().await? {
            size += piece.len() as u64;
            out.write_all(&piece).map_err(wrong)?;
        }
        let stored = out.finish().map_err(wrong)?.bytes() - offset;
        if size != body.size {
            return Err(Error::corrupt("body", "has another length than its row says; run `beffroi check`"));
        }
        self.fresh += 1;
        Ok(Some(Entry { key: body.key, container: number, offset, stored, size }))
    }

    /// The container that takes the next body.
    fn container(&mut self) -> Result<&mut Open> {
        if self.open.as_ref().is_some_and(|open| open.out.bytes() >= CONTAINER_BYTES) {
            self.seal()?;
        }
        let open = if let Some(open) = self.open.take() {
            open
        } else {
            let number = self.next;
            self.next += 1;
            let file = format!("bodies/{number:08}-{}.bodies", self.stamp);
            let out = Hashed::create(&self.folder.join(&file))?;
            Open { number, file, out }
        };
        Ok(self.open.insert(open))
    }

    fn seal(&mut self) -> Result<()> {
        if let Some(Open { number, file, out }) = self.open.take() {
            let (bytes, hash) = out.finish()?;
            self.containers.insert(number, ContainerFile { number, file, bytes, needed_bytes: 0, hash });
        }
        Ok(())
    }

    /// Copies what the snapshot names and no pass has seen, and writes the index of exactly those bodies.
    pub(crate) async fn finish(
        mut self,
        blobs: &Blobs,
        wanted: oneshot::Receiver<PathBuf>,
    ) -> Result<Copied> {
        let Ok(wanted) = wanted.await else {
            // The snapshot failed; its own error is the one to tell.
            return pending().await;
        };
        let mut known = self.merged()?;
        let file = format!("bodies/{}.index", self.stamp);
        let mut index = Writer::create(&self.folder.join(&file))?;
        let mut list = Reader::open(&wanted)?;
        let mut copied = Copied::default();
        let mut needed: BTreeMap<u32, u64> = BTreeMap::new();
        while let Some(body) = list.next()? {
            let found = known.find(&body.key, |entry| self.has(entry))?;
            let entry = match found {
                Some(entry) => Some(entry),
                // What is gone now was named by nothing: see the head of this file.
                None => self.copy(blobs, &body).await?,
            };
            if let Some(entry) = entry {
                index.add(&entry)?;
                *needed.entry(entry.container).or_default() += entry.stored;
                copied.bodies += 1;
                copied.bytes += entry.size;
            }
        }
        self.seal()?;
        let (bytes, hash) = index.finish()?;
        sync_folder(&self.folder.join("bodies"))?;
        copied.index = Some(PlainFile { name: "index".to_owned(), file, bytes, hash });
        copied.fresh = self.fresh;
        copied.containers = self
            .containers
            .into_values()
            .filter_map(|file| {
                let needed_bytes = *needed.get(&file.number)?;
                Some(ContainerFile { needed_bytes, ..file })
            })
            .collect();
        Ok(copied)
    }
}

/// Puts every body of a backup into a blob store and names it.
pub(crate) async fn put_back(
    store: &Store,
    blobs: &Blobs,
    folder: &Path,
    manifest: &Manifest,
    progress: &Progress,
    restored: &mut Restored,
) -> Result<()> {
    let Some(index) = &manifest.index else { return Ok(()) };
    let mut index = Reader::open(&folder.join(&index.file))?;
    let (mut some, mut bytes, mut ended) = (Vec::new(), 0, false);
    while !ended {
        match index.next()? {
            Some(entry) => {
                bytes += entry.size;
                some.push(entry);
            }
            None => ended = true,
        }
        if !ended && some.len() < AT_ONCE && bytes < AT_ONCE_BYTES {
            continue;
        }
        let puts = try_join_all(some.iter().map(|entry| put(blobs, folder, manifest, *entry))).await?;
        // Named at once: a body must be within half a lease.
        store.write([], move |tx| puts.iter().try_for_each(|put| put.name(tx))).await?;
        restored.bodies += some.len() as u64;
        restored.body_bytes += bytes;
        progress("writing bodies", restored.bodies, manifest.body_count);
        some.clear();
        bytes = 0;
    }
    Ok(())
}

async fn put(blobs: &Blobs, folder: &Path, manifest: &Manifest, entry: Entry) -> Result<Put> {
    let file = manifest.containers.iter().find(|file| file.number == entry.container).ok_or_else(|| {
        Error::corrupt("backup", format!("names container {}, which it does not have", entry.container))
    })?;
    let path = folder.join(&file.file);
    let organisation = OrganisationId(entry.key.0);
    let mut plain = open(&path, &entry)?;
    let put = if entry.size <= SMALL_BODY as u64 {
        let mut body = Vec::new();
        // One byte more than there may be shows a body that is too long.
        let most = entry.size + 1;
        plain.by_ref().take(most).read_to_end(&mut body).map_err(|e| failed(&path, e))?;
        blobs.put(organisation, Bytes::from(body)).await?
    } else {
        let mut writer = blobs.writer(organisation);
        let mut piece = vec![0; 1 << 20];
        loop {
            let read = plain.read(&mut piece).map_err(|e| failed(&path, e))?;
            if read == 0 {
                break;
            }
            writer.write(piece.get(..read).unwrap_or_default()).await?;
        }
        writer.finish().await?
    };
    if put.hash() != entry.key.1 {
        return Err(Error::corrupt(
            path.display().to_string(),
            "holds a body that is not what its index says",
        ));
    }
    Ok(put)
}

fn open(path: &Path, entry: &Entry) -> Result<impl Read + use<>> {
    let wrong = |e| failed(path, e);
    let mut file = File::open(path).map_err(wrong)?;
    file.seek(SeekFrom::Start(entry.offset)).map_err(wrong)?;
    let stored = BufReader::new(file.take(entry.stored));
    zstd::Decoder::with_buffer(stored).map_err(wrong)
}
