//! The thread that writes packs: all bodies that wait go into the open pack together, with one
//! `fdatasync`.
//!
//! What must stay true here:
//! - Whoever waits is answered after the bytes are durable, never before.
//! - A record begins where the last durable one ended: what a failed group left behind is written over, or
//!   cut off, and no row can point to it.
//! - While a pack is open its file is locked by this process; an open pack without a lock is nobody's.
//! - After a failed sync nothing more is written to that pack: the system may have dropped its pages.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use async_channel::Receiver;
use base::{Error, OrganisationId, Result};
use bytes::Bytes;
use tokio::sync::oneshot;

use super::container;
use super::disk::{Disk, Form, failed};
use super::lookup;
use super::options::BlobOptions;
use super::recent::{Known, Recent};
use super::record::{HEAD_LENGTH, Hash, Head, Place};
use crate::sql::Store;

/// Bytes that are written with one sync.
const GROUP_BYTES: usize = 8 << 20;
/// Bodies that are written with one sync.
const GROUP_BODIES: usize = 256;
/// The file grows in steps of this: a sync that need not record a new length is a fifth to a third faster.
const STEP_BYTES: u64 = 4 << 20;
const ATTEMPTS: usize = 3;

/// A body that waits to be written.
pub(crate) struct Job {
    pub(crate) organisation: OrganisationId,
    pub(crate) hash: Hash,
    pub(crate) size: u64,
    pub(crate) encoding: i64,
    pub(crate) stored: Bytes,
    /// Moved by compaction: written even though it exists.
    pub(crate) moved: bool,
    pub(crate) reply: oneshot::Sender<Result<Known>>,
}

struct OpenPack {
    id: i64,
    file: File,
    /// Where the last durable record ends.
    end: u64,
    /// The length of the file.
    length: u64,
}

/// The state of the thread.
pub(crate) struct PackWriter {
    pub(crate) store: Store,
    pub(crate) disk: Arc<Disk>,
    pub(crate) recent: Arc<Recent>,
    pub(crate) options: BlobOptions,
    pub(crate) queue: Receiver<Job>,
    open: Option<OpenPack>,
    buffer: Vec<u8>,
}

/// The same error for another who waits.
pub(crate) fn restate(error: &Error) -> Error {
    Error::new(error.meaning(), error.field().to_owned(), error.rule().to_owned())
        .with_source(format!("{error:?}"))
}

impl PackWriter {
    pub(crate) fn new(
        store: Store,
        disk: Arc<Disk>,
        recent: Arc<Recent>,
        options: BlobOptions,
        queue: Receiver<Job>,
    ) -> Self {
        Self { store, disk, recent, options, queue, open: None, buffer: Vec::new() }
    }

    /// Runs until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        while let Ok(first) = self.queue.recv_blocking() {
            let mut bytes = first.stored.len();
            let mut group = vec![first];
            while group.len() < GROUP_BODIES && bytes < GROUP_BYTES {
                let Ok(job) = self.queue.try_recv() else { break };
                bytes += job.stored.len();
                group.push(job);
            }
            self.run_group(group);
        }
        self.seal();
    }

    fn run_group(&mut self, group: Vec<Job>) {
        match self.place(&group) {
            Ok(placed) => {
                for (job, known) in group.into_iter().zip(placed) {
                    if !job.moved {
                        self.recent.put(job.organisation.0, job.hash, known);
                    }
                    // Whoever went away leaves bytes that nothing names.
                    let _ = job.reply.send(Ok(known));
                }
            }
            Err(error) => {
                for job in group {
                    let _ = job.reply.send(Err(restate(&error)));
                }
            }
        }
        if self.open.as_ref().is_some_and(|pack| pack.end >= self.options.pack_bytes) {
            self.seal();
        }
    }

    /// Where each body of the group is, once all of them are durable.
    fn place(&mut self, group: &[Job]) -> Result<Vec<Known>> {
        let now = self.options.clock.now_ms();
        let asked = group.iter().filter(|job| !job.moved).map(|job| (job.organisation, job.hash)).collect();
        let mut known = lookup::fresh_blocking(&self.store, asked, now, self.options.lease_ms())?;
        let mut placed = Vec::with_capacity(group.len());
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let written = self.fill(group, &mut known, &mut placed, &mut buffer, now);
        let written = written.and_then(|()| self.write(&buffer));
        self.buffer = buffer;
        written.map(|()| placed)
    }

    /// Puts the records of all bodies that are not there yet into the buffer.
    fn fill(
        &mut self,
        group: &[Job],
        known: &mut HashMap<(i64, Hash), Known>,
        placed: &mut Vec<Known>,
        buffer: &mut Vec<u8>,
        now: i64,
    ) -> Result<()> {
        for job in group {
            let key = (job.organisation.0, job.hash);
            if let (Some(found), false) = (known.get(&key), job.moved) {
                placed.push(*found);
                continue;
            }
            let (id, end) = self.pack(now)?;
            let place = Place {
                container: id,
                offset: end + buffer.len() as u64,
                stored: job.stored.len() as u64,
                encoding: job.encoding,
                size: job.size,
            };
            let head = Head {
                organisation: job.organisation.0,
                hash: job.hash,
                size: job.size,
                stored: place.stored,
                encoding: job.encoding,
            };
            buffer.extend_from_slice(&head.to_bytes(id));
            buffer.extend_from_slice(&job.stored);
            let made = Known { place, fresh_at: now, named: false };
            if !job.moved {
                known.insert(key, made);
            }
            placed.push(made);
        }
        Ok(())
    }

    /// The id of the open pack and where its next record begins; makes one when none is open.
    fn pack(&mut self, now: i64) -> Result<(i64, u64)> {
        for _ in 0..ATTEMPTS {
            if let Some(pack) = &self.open {
                return Ok((pack.id, pack.end));
            }
            self.open = self.make(now)?;
        }
        Err(Error::unavailable("blob store", "could not begin a pack; try again"))
    }

    /// Makes a pack; nothing when another process took its file for abandoned before it was locked.
    fn make(&self, now: i64) -> Result<Option<OpenPack>> {
        let id = self.options.random.id();
        self.store.write_blocking([], move |tx| container::open(tx, id, Form::Pack, "disk", now))?;
        self.options.faults.at("pack.opened")?;
        let file = self.disk.create(Form::Pack, id)?;
        self.options.faults.at("pack.created")?;
        if file.try_lock().is_err() {
            return Ok(None);
        }
        let open = self.store.write_blocking([], move |tx| container::touch(tx, id, now))?;
        Ok(open.then_some(OpenPack { id, file, end: 0, length: 0 }))
    }

    fn write(&mut self, buffer: &[u8]) -> Result<()> {
        let Some(pack) = &mut self.open else { return Ok(()) };
        if buffer.is_empty() {
            return Ok(());
        }
        let end = pack.end + buffer.len() as u64;
        if end > pack.length {
            let length = end.next_multiple_of(STEP_BYTES);
            // Where that fails the write below says why.
            if pack.file.set_len(length).is_ok() {
                pack.length = length;
            }
        }
        if let Err(error) = pack.file.write_all_at(buffer, pack.end).map_err(failed) {
            // Nothing durable is hurt: the next group begins at the same place.
            pack.length = if pack.file.set_len(pack.end).is_ok() { pack.end } else { 0 };
            return Err(error);
        }
        let synced = self.options.faults.at("pack.written").and_then(|()| {
            pack.file.sync_data().map_err(failed)?;
            self.options.faults.at("pack.synced")
        });
        if synced.is_ok() {
            pack.end = end;
            pack.length = pack.length.max(end);
        } else {
            // It ends with its last durable record; the next body opens another.
            self.seal();
        }
        synced
    }

    /// Closes the open pack. Where that fails, whoever finds it open and not locked seals it later.
    fn seal(&mut self) {
        let Some(pack) = self.open.take() else { return };
        let now = self.options.clock.now_ms();
        let done = self.options.faults.at("pack.sealing").and_then(|()| {
            pack.file.set_len(pack.end).and_then(|()| pack.file.sync_all()).map_err(failed)?;
            self.store.write_blocking([], move |tx| container::seal(tx, pack.id, pack.end, now))
        });
        if let Err(error) = done {
            tracing::warn!(%error, pack = pack.id, "a pack could not be sealed; it will be sealed later");
        }
    }
}

/// The records of a pack from `offset` on that are whole: the head and the place of each.
pub(crate) fn next_record(file: &File, id: i64, offset: u64, length: u64) -> Result<Option<Head>> {
    let mut head = [0; super::record::HEAD_BYTES];
    if offset + HEAD_LENGTH > length {
        return Ok(None);
    }
    file.read_exact_at(&mut head, offset).map_err(failed)?;
    let head = Head::read(&head, id);
    Ok(head.filter(|head| head.stored.saturating_add(offset + HEAD_LENGTH) <= length))
}

/// Cuts what stands behind the last whole record of a pack that nobody writes to; its length then.
pub(crate) fn cut_tail(file: &File, id: i64) -> Result<u64> {
    let length = file.metadata().map_err(failed)?.len();
    let mut end = 0;
    while let Some(head) = next_record(file, id, end, length)? {
        end += HEAD_LENGTH + head.stored;
    }
    if end < length {
        file.set_len(end).and_then(|()| file.sync_all()).map_err(failed)?;
    }
    Ok(end)
}
