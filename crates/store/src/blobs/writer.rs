//! Bodies that arrive piece by piece. Short ones are gathered and go the way of [`Blobs::put`]; as soon as
//! one is longer it goes into a container of its own, frame by frame.
//!
//! What must stay true here:
//! - At most four frames of plain text and one part for the object store are in memory.
//! - The row of the container is there before its first byte, is touched while it is being written, and
//!   sealed only when all of it is durable.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use base::{Error, OrganisationId, Result};
use bytes::Bytes;
use object_store::MultipartUpload;

use super::backend::{Backend, busy};
use super::disk::{Disk, Form, failed};
use super::encoding::Codec;
use super::frames::FRAME_SIZE;
use super::put::{Put, SMALL_BODY};
use super::recent::Known;
use super::record::{FRAMES, HEAD_LENGTH, Head, Place};
use super::{Blobs, container, lookup, s3};

/// Plain text that is compressed at a time: a whole number of frames.
const BATCH_BYTES: usize = 4 * FRAME_SIZE;
/// Bytes of one part of an upload to the object store: with at most 10,000 parts, bodies up to 80 GB.
const PART_BYTES: usize = 8 << 20;

/// Takes a body piece by piece. Dropped before the end, it leaves nothing that is named.
pub struct BlobWriter {
    blobs: Blobs,
    organisation: OrganisationId,
    /// Plain text that was not yet given to `large`.
    pending: Vec<u8>,
    size: u64,
    large: Option<Large>,
}

/// A container that is being written.
struct Large {
    id: i64,
    hasher: blake3::Hasher,
    /// Where each frame ends.
    ends: Vec<u64>,
    end: u64,
    touched_at: i64,
    sink: Sink,
    finished: bool,
    blobs: Blobs,
}

enum Sink {
    Disk { file: Arc<File>, disk: Arc<Disk> },
    S3 { upload: Box<dyn MultipartUpload>, part: Vec<u8> },
    Gone,
}

impl Blobs {
    /// Begins a body that arrives piece by piece.
    pub fn writer(&self, organisation: OrganisationId) -> BlobWriter {
        BlobWriter { blobs: self.clone(), organisation, pending: Vec::new(), size: 0, large: None }
    }
}

impl BlobWriter {
    /// Takes the next piece.
    ///
    /// # Errors
    /// `TooLarge` over the limit `body_bytes`; `Unavailable` as for [`Blobs::put`]. The body is lost then.
    pub async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.size += piece.len() as u64;
        self.blobs.check_size(self.size)?;
        let mut rest = piece;
        while !rest.is_empty() {
            // A body of exactly the largest small size stays small.
            if self.pending.len() >= BATCH_BYTES {
                self.send().await?;
            }
            let room = BATCH_BYTES - self.pending.len();
            let (now, after) = rest.split_at(room.min(rest.len()));
            self.pending.extend_from_slice(now);
            rest = after;
        }
        Ok(())
    }

    /// Bytes that were taken so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Ends the body; when it returns the bytes are as durable as after [`Blobs::put`].
    pub async fn finish(mut self) -> Result<Put> {
        if self.large.is_none() && self.pending.len() <= SMALL_BODY {
            let body = Bytes::from(std::mem::take(&mut self.pending));
            return Box::pin(self.blobs.put(self.organisation, body)).await;
        }
        self.send().await?;
        match self.large.take() {
            Some(large) => large.finish(&self.blobs, self.organisation, self.size).await,
            None => Err(Error::corrupt("body", "was not written")),
        }
    }

    /// Gives what is pending to the container of its own, which is begun when there is none.
    async fn send(&mut self) -> Result<()> {
        let plain = std::mem::take(&mut self.pending);
        let large = match &mut self.large {
            Some(large) => large,
            none => none.insert(Large::begin(&self.blobs).await?),
        };
        self.pending = large.take(plain).await?;
        Ok(())
    }
}

impl Large {
    async fn begin(blobs: &Blobs) -> Result<Self> {
        let options = &blobs.0.options;
        let (id, now, place) = (options.random.id(), options.clock.now_ms(), blobs.0.backend.place());
        blobs.0.store.write([], move |tx| container::open(tx, id, Form::Large, place, now)).await?;
        options.faults.at("large.opened")?;
        let sink = match &blobs.0.backend {
            Backend::Disk(disk) => {
                let (disk, maker) = (disk.disk.clone(), disk.disk.clone());
                let file = busy(move || maker.create(Form::Large, id)).await?;
                Sink::Disk { file: Arc::new(file), disk }
            }
            Backend::S3(s3) => Sink::S3 { upload: s3.begin(Form::Large, id).await?, part: Vec::new() },
        };
        Ok(Self {
            id,
            hasher: blake3::Hasher::new(),
            ends: Vec::new(),
            end: 0,
            touched_at: now,
            sink,
            finished: false,
            blobs: blobs.clone(),
        })
    }

    /// Compresses and writes some plain text; gives its buffer back, empty.
    async fn take(&mut self, mut plain: Vec<u8>) -> Result<Vec<u8>> {
        self.touch().await?;
        let codec = self.blobs.0.codec.clone();
        let (mut hasher, mut ends) = (self.hasher.clone(), std::mem::take(&mut self.ends));
        let begin = self.end;
        let (plain, hasher, ends, bytes) = busy(move || {
            hasher.update(&plain);
            let bytes = frames(&codec, &plain, begin, &mut ends)?;
            plain.clear();
            Ok((plain, hasher, ends, bytes))
        })
        .await?;
        (self.hasher, self.ends) = (hasher, ends);
        self.append(bytes).await?;
        self.blobs.0.options.faults.at("large.written")?;
        Ok(plain)
    }

    async fn append(&mut self, bytes: Vec<u8>) -> Result<()> {
        let at = self.end;
        self.end += bytes.len() as u64;
        match &mut self.sink {
            Sink::Disk { file, .. } => {
                let file = file.clone();
                busy(move || file.write_all_at(&bytes, at).map_err(failed)).await
            }
            Sink::S3 { upload, part } => {
                part.extend_from_slice(&bytes);
                while part.len() >= PART_BYTES {
                    let rest = part.split_off(PART_BYTES);
                    let whole = std::mem::replace(part, rest);
                    upload.put_part(whole.into()).await.map_err(s3::failed)?;
                }
                Ok(())
            }
            Sink::Gone => Err(super::stopped()),
        }
    }

    /// An upload may take longer than a lease.
    async fn touch(&mut self) -> Result<()> {
        let options = &self.blobs.0.options;
        let (id, now) = (self.id, options.clock.now_ms());
        if now - self.touched_at < options.lease_ms() / 4 {
            return Ok(());
        }
        if !self.blobs.0.store.write([], move |tx| container::touch(tx, id, now)).await? {
            return Err(Error::unavailable("body", "came too slowly and was given up; put it again"));
        }
        self.touched_at = now;
        Ok(())
    }

    async fn finish(mut self, blobs: &Blobs, organisation: OrganisationId, size: u64) -> Result<Put> {
        let hash = *self.hasher.finalize().as_bytes();
        let options = &blobs.0.options;
        let now = options.clock.now_ms();
        let found = match blobs.recall(organisation, hash) {
            Some(put) => return Ok(put),
            None => lookup::fresh(&blobs.0.store, organisation, hash, now, options.lease_ms()).await?,
        };
        if let Some(known) = found {
            return Ok(Put::new(blobs, organisation, hash, known, None));
        }
        let stored = self.end + 8 * self.ends.len() as u64 + HEAD_LENGTH;
        let head = Head { organisation: organisation.0, hash, size, stored, encoding: FRAMES };
        let mut tail: Vec<u8> = self.ends.iter().flat_map(|end| end.to_le_bytes()).collect();
        tail.extend_from_slice(&head.to_bytes(self.id));
        self.append(tail).await?;
        match &mut self.sink {
            Sink::Disk { file, .. } => {
                let file = file.clone();
                busy(move || file.sync_all().map_err(failed)).await?;
            }
            Sink::S3 { upload, part } => {
                if !part.is_empty() {
                    upload.put_part(std::mem::take(part).into()).await.map_err(s3::failed)?;
                }
                upload.complete().await.map_err(s3::failed)?;
            }
            Sink::Gone => return Err(super::stopped()),
        }
        self.finished = true;
        options.faults.at("large.synced")?;
        let (id, now) = (self.id, options.clock.now_ms());
        if !blobs.0.store.write([], move |tx| container::seal(tx, id, stored, now)).await? {
            return Err(Error::unavailable("body", "came too slowly and was given up; put it again"));
        }
        options.faults.at("large.sealed")?;
        let place = Place { container: id, offset: 0, stored, encoding: FRAMES, size };
        let known = Known { place, fresh_at: now, named: false };
        blobs.0.recent.put(organisation.0, hash, known);
        Ok(Put::new(blobs, organisation, hash, known, None))
    }
}

/// Compresses plain text frame by frame, and notes where each ends.
fn frames(codec: &Codec, plain: &[u8], begin: u64, ends: &mut Vec<u64>) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(plain.len() / 2);
    for frame in plain.chunks(FRAME_SIZE) {
        codec.append_frame(frame, &mut bytes)?;
        ends.push(begin + bytes.len() as u64);
    }
    Ok(bytes)
}

/// What was not finished is of no use: its bytes go now, its row when a sweep finds it untouched.
impl Drop for Large {
    fn drop(&mut self) {
        if self.finished || self.blobs.0.options.faults.struck() {
            return;
        }
        match std::mem::replace(&mut self.sink, Sink::Gone) {
            Sink::Disk { disk, .. } => {
                if let Err(error) = disk.remove(Form::Large, self.id) {
                    tracing::warn!(%error, "the start of a body that was given up could not be removed");
                }
            }
            Sink::S3 { mut upload, .. } => {
                // Without a runtime the server's own rule for unfinished uploads has to do.
                let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
                runtime.spawn(async move {
                    if let Err(error) = upload.abort().await {
                        tracing::debug!(%error, "an unfinished upload could not be ended");
                    }
                });
            }
            Sink::Gone => {}
        }
    }
}
