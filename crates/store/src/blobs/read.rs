//! Reading bodies.
//!
//! What must stay true here:
//! - A body is found by its organisation and its hash, never by its hash alone: one of another organisation
//!   does not exist.
//! - What is handed out was checked: small bodies against their hash, frames of large ones against theirs.
//! - Compaction may take a container away between the look at the row and the look at the bytes; the row
//!   then has another place already, and is read once more.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use base::{Error, Meaning, OrganisationId, Result};
use bytes::Bytes;
use futures_util::stream::{self, Stream};

use super::backend::{Backend, busy};
use super::disk::Form;
use super::frames::Shape;
use super::record::{FRAMES, HEAD_BYTES, Hash, Head, Place, usize_of};
use super::{Blobs, lookup};
use crate::sql::Read;

const PLACE: &str = "SELECT size, container_id, offset_bytes, stored_bytes, encoding \
     FROM blob WHERE organisation_id = $1 AND hash = $2";
const STAGED: &str = "SELECT data FROM blob_stage WHERE organisation_id = $1 AND hash = $2";
const DICTIONARY: &str = "SELECT data FROM blob_dictionary WHERE id = $1";
/// Frames that a stream holds in memory at a time: 1 MiB of plain text.
const FRAMES_AT_ONCE: u64 = 4;

pub(crate) struct Located {
    pub(crate) place: Place,
    /// The bytes, where they are staged in the database.
    pub(crate) staged: Option<Bytes>,
}

pub(crate) fn locate(read: &mut Read<'_>, organisation: OrganisationId, hash: &Hash) -> Result<Located> {
    let place = read
        .query_opt(PLACE, params![organisation, hash], |row| lookup::place(row, 0))?
        .ok_or_else(|| Error::not_found("body"))?;
    let staged = if place.container == 0 {
        let data = read.query_opt(STAGED, params![organisation, hash], |row| row.bytes(0))?;
        Some(data.map(Bytes::from).ok_or_else(|| Error::corrupt("body", "is not in the staging table"))?)
    } else {
        None
    };
    Ok(Located { place, staged })
}

/// A body as a stream of its parts.
pub struct BodyStream {
    size: u64,
    parts: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>,
}

impl BodyStream {
    /// Bytes of the whole body, whatever the range.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Stream for BodyStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.parts.as_mut().poll_next(cx)
    }
}

impl Blobs {
    /// Bytes of a body.
    ///
    /// # Errors
    /// `NotFound` when the organisation has no such body.
    pub async fn size(&self, organisation: OrganisationId, hash: Hash) -> Result<u64> {
        Ok(self.locate(organisation, hash).await?.place.size)
    }

    /// A body, or the part of it that the range covers, in memory: for bodies that are known to be small.
    /// A range that reaches beyond the end is cut.
    ///
    /// # Errors
    /// `NotFound` when the organisation has no such body; `TooLarge` when the part is longer than
    /// 64 MiB (use [`Blobs::stream`]); `Corrupt` when the bytes are not what was put.
    pub async fn read(
        &self,
        organisation: OrganisationId,
        hash: Hash,
        range: Option<Range<u64>>,
    ) -> Result<Bytes> {
        const MOST: u64 = 64 << 20;
        let mut located = self.locate(organisation, hash).await?;
        let range = cut(range, located.place.size);
        if located.place.encoding != FRAMES {
            let whole = match self.small(organisation, hash, &located).await {
                Err(error) if error.meaning() == Meaning::NotFound => {
                    located = self.locate_again(organisation, hash, &located).await?;
                    self.small(organisation, hash, &located).await.map_err(gone)?
                }
                done => done?,
            };
            return Ok(whole.slice(usize_of(range.start)?..usize_of(range.end)?));
        }
        if range.end - range.start > MOST {
            return Err(Error::too_large("body", "is too long to be read at once; read it in parts"));
        }
        let mut out = Vec::with_capacity(usize_of(range.end - range.start)?);
        let mut at = range.start;
        while at < range.end {
            let part = self.part(organisation, hash, &mut located, at..range.end).await?;
            at += part.len() as u64;
            out.extend_from_slice(&part);
        }
        Ok(Bytes::from(out))
    }

    /// A body of any length, or the part of it that the range covers, piece by piece: about a megabyte of
    /// it is in memory at a time. A range that reaches beyond the end is cut.
    ///
    /// # Errors
    /// As [`Blobs::read`]; later ones come through the stream.
    pub async fn stream(
        &self,
        organisation: OrganisationId,
        hash: Hash,
        range: Option<Range<u64>>,
    ) -> Result<BodyStream> {
        let located = self.locate(organisation, hash).await?;
        let size = located.place.size;
        let range = cut(range, size);
        if located.place.encoding != FRAMES {
            let whole = self.read(organisation, hash, Some(range)).await?;
            return Ok(BodyStream { size, parts: Box::pin(stream::iter([Ok(whole)])) });
        }
        let this = self.clone();
        let parts = stream::try_unfold((located, range), move |(mut located, mut range)| {
            let this = this.clone();
            async move {
                if range.is_empty() {
                    return Ok(None);
                }
                let part = this.part(organisation, hash, &mut located, range.clone()).await?;
                range.start += part.len() as u64;
                Ok(Some((part, (located, range))))
            }
        });
        Ok(BodyStream { size, parts: Box::pin(parts) })
    }

    async fn locate(&self, organisation: OrganisationId, hash: Hash) -> Result<Located> {
        let located = self.0.store.read(move |read| locate(read, organisation, &hash)).await?;
        self.know_dictionary(located.place.encoding).await?;
        Ok(located)
    }

    /// The place of a body whose container was not there.
    async fn locate_again(
        &self,
        organisation: OrganisationId,
        hash: Hash,
        before: &Located,
    ) -> Result<Located> {
        let located = self.locate(organisation, hash).await?;
        if located.place == before.place && located.staged.is_none() {
            return Err(gone(Error::not_found("container")));
        }
        Ok(located)
    }

    /// Fetches a dictionary that another node has trained.
    pub(crate) async fn know_dictionary(&self, encoding: i64) -> Result<()> {
        if self.0.codec.knows(encoding) {
            return Ok(());
        }
        let data = self
            .0
            .store
            .read(move |read| read.query_opt(DICTIONARY, params![encoding], |row| row.bytes(0)))
            .await?
            .ok_or_else(|| {
                Error::corrupt("body", format!("needs dictionary {encoding}, which does not exist"))
            })?;
        self.0.codec.learn(super::encoding::Dictionary::new(encoding, &data));
        Ok(())
    }

    /// A small body, checked against its hash.
    pub(crate) async fn small(
        &self,
        organisation: OrganisationId,
        hash: Hash,
        located: &Located,
    ) -> Result<Bytes> {
        let place = located.place;
        let codec = self.0.codec.clone();
        if let Some(staged) = located.staged.clone() {
            return busy(move || check(&hash, codec.decode(place.encoding, staged, place.size)?)).await;
        }
        let length = usize_of(place.stored.saturating_add(HEAD_BYTES as u64))?;
        match &self.0.backend {
            Backend::Disk(disk) => {
                let disk = disk.disk.clone();
                busy(move || {
                    let record = disk.read(Form::Pack, place.container, place.offset, length)?;
                    let stored = body_of(&record.into(), organisation, &hash, &place)?;
                    check(&hash, codec.decode(place.encoding, stored, place.size)?)
                })
                .await
            }
            Backend::S3(s3) => {
                let record = s3.read(Form::Pack, place.container, place.offset, length).await?;
                let stored = body_of(&record, organisation, &hash, &place)?;
                busy(move || check(&hash, codec.decode(place.encoding, stored, place.size)?)).await
            }
        }
    }

    /// The next part of a large body: what of the range is in the first few frames that it touches.
    async fn part(
        &self,
        organisation: OrganisationId,
        hash: Hash,
        located: &mut Located,
        range: Range<u64>,
    ) -> Result<Bytes> {
        match self.frames(&located.place, range.clone()).await {
            Err(error) if error.meaning() == Meaning::NotFound => {
                *located = self.locate_again(organisation, hash, located).await?;
                self.frames(&located.place, range).await.map_err(gone)
            }
            done => done,
        }
    }

    pub(crate) async fn frames(&self, place: &Place, range: Range<u64>) -> Result<Bytes> {
        let shape = Shape::new(place)?;
        let mut frames = shape.frames_of(&range);
        frames.end = frames.end.min(frames.start + FRAMES_AT_ONCE);
        let entries = shape.entries_of(&frames);
        let id = place.container;
        let length = usize_of(entries.end - entries.start)?;
        let entries = self.0.backend.read(Form::Large, id, entries.start, length).await?;
        let edges = shape.edges(&frames, &entries)?;
        let (first, last) = (edges.first().copied().unwrap_or(0), edges.last().copied().unwrap_or(0));
        let stored = self.0.backend.read(Form::Large, id, first, usize_of(last - first)?).await?;
        let codec = self.0.codec.clone();
        busy(move || {
            let mut out = Vec::new();
            for (frame, edge) in frames.zip(edges.windows(2)) {
                let [begin, end] = edge else { continue };
                let bytes = stored.get(usize_of(begin - first)?..usize_of(end - first)?).unwrap_or_default();
                let plain = codec.expand_frame(bytes, usize_of(shape.size_of(frame))?)?;
                let part = shape.part_of(frame, &range);
                let part = plain.get(usize_of(part.start)?..usize_of(part.end)?);
                out.extend_from_slice(
                    part.ok_or_else(|| Error::corrupt("body", "has a frame that is too short"))?,
                );
            }
            Ok(Bytes::from(out))
        })
        .await
    }
}

fn gone(error: Error) -> Error {
    if error.meaning() == Meaning::NotFound {
        Error::corrupt("body", "is in a container that does not exist").with_source(error)
    } else {
        error
    }
}

fn cut(range: Option<Range<u64>>, size: u64) -> Range<u64> {
    let range = range.unwrap_or(0..size);
    let end = range.end.min(size);
    range.start.min(end)..end
}

/// What stands behind the head of a record, when the head is the one that the row says.
pub(crate) fn body_of(
    record: &Bytes,
    organisation: OrganisationId,
    hash: &Hash,
    place: &Place,
) -> Result<Bytes> {
    let wanted = Head {
        organisation: organisation.0,
        hash: *hash,
        size: place.size,
        stored: place.stored,
        encoding: place.encoding,
    };
    match Head::read(record, place.container) {
        Some(head) if head == wanted => Ok(record.slice(HEAD_BYTES..)),
        Some(_) => Err(Error::corrupt("record", "is of another body")),
        None => Err(Error::corrupt("record", "is not in its place")),
    }
}

fn check(hash: &Hash, body: Bytes) -> Result<Bytes> {
    if blake3::hash(&body).as_bytes() == hash {
        Ok(body)
    } else {
        Err(Error::corrupt("body", "does not have the hash that it is stored under"))
    }
}
