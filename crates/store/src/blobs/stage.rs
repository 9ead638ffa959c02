//! Moving small bodies from the staging table into packs in the object store.
//!
//! What must stay true here:
//! - The row of the pack is committed before the upload begins, and sealed only when the upload is complete.
//! - A body leaves the staging table in the transaction that points its row to the pack.
//! - Two nodes may do this at a time: who comes second finds the rows moved, and its pack is given up.

use std::collections::HashMap;

use base::{OrganisationId, Result};
use object_store::MultipartUpload;

use super::backend::Backend;
use super::compact::{Resident, repoint};
use super::disk::Form;
use super::record::{HEAD_LENGTH, Head, Place, unsql};
use super::s3::{self, S3};
use super::{Blobs, container, lookup};
use crate::sql::Read;

/// Rows that one statement looks at.
const LOOK_ROWS: i64 = 2_000;
/// Rows that one transaction points to the pack.
const MOVE_ROWS: usize = 1_000;
/// Bytes that are read from the database, and sent as one part of an upload.
const PART_BYTES: u64 = 8 << 20;

const WAITING: &str = "SELECT CAST(coalesce(sum(b.stored_bytes), 0) AS bigint) FROM blob_stage s \
     JOIN blob b ON b.organisation_id = s.organisation_id AND b.hash = s.hash";
const PAGE: &str = "SELECT b.organisation_id, b.hash, b.size, b.container_id, b.offset_bytes, b.stored_bytes, \
     b.encoding FROM blob_stage s \
     JOIN blob b ON b.organisation_id = s.organisation_id AND b.hash = s.hash \
     WHERE (s.organisation_id, s.hash) > ($1, $2) ORDER BY s.organisation_id, s.hash LIMIT $3";
const DATA: &str = "SELECT hash, data FROM blob_stage WHERE organisation_id = $1 AND hash IN ({blobs $2})";

impl Blobs {
    /// Bytes of bodies that wait in the staging table.
    pub async fn staged_bytes(&self) -> Result<u64> {
        let waiting = self.0.store.read(|read| read.query_one(WAITING, [], |row| row.int(0))).await?;
        unsql(waiting)
    }

    /// Moves bodies from the staging table into packs, when at least `at_least` bytes wait; how many
    /// bodies. Does nothing where bodies are kept on the local disk.
    pub async fn pack_staged(&self, at_least: u64) -> Result<u64> {
        let Backend::S3(s3) = &self.0.backend else { return Ok(0) };
        let mut moved = 0;
        let mut after = (i64::MIN, Vec::new());
        if self.staged_bytes().await? < at_least.max(1) {
            return Ok(0);
        }
        loop {
            let mut pack = Vec::new();
            let mut bytes = 0;
            while bytes < self.0.options.pack_bytes {
                let page = self.staged(after.clone()).await?;
                let Some(last) = page.last() else { break };
                after = (last.organisation.0, last.hash.to_vec());
                for resident in page {
                    bytes += resident.place.stored + HEAD_LENGTH;
                    pack.push(resident);
                }
            }
            // Bodies that are in a pack already only leave the staging table.
            let (pack, moved_before): (Vec<_>, Vec<_>) =
                pack.into_iter().partition(|resident| resident.place.container == 0);
            if pack.is_empty() && moved_before.is_empty() {
                return Ok(moved);
            }
            let moves = moved_before.into_iter().map(|resident| (resident, resident.place)).collect();
            self.point_staged(moves).await?;
            if !pack.is_empty() {
                moved += self.pack_some(s3, pack).await?;
            }
        }
    }

    async fn staged(&self, after: (i64, Vec<u8>)) -> Result<Vec<Resident>> {
        self.0
            .store
            .read(move |read| {
                read.query(PAGE, params![after.0, after.1, LOOK_ROWS], |row| {
                    let organisation = OrganisationId(row.int(0)?);
                    Ok(Resident { organisation, hash: row.hash(1)?, place: lookup::place(row, 2)? })
                })
            })
            .await
    }

    /// Writes one pack and points the rows of its bodies to it; how many.
    async fn pack_some(&self, s3: &S3, bodies: Vec<Resident>) -> Result<u64> {
        let options = &self.0.options;
        let (id, now) = (options.random.id(), options.clock.now_ms());
        self.0.store.write([], move |tx| container::open(tx, id, Form::Pack, "s3", now)).await?;
        options.faults.at("stage.opened")?;
        let mut upload = s3.begin(Form::Pack, id).await?;
        let (moves, end) = match self.send(&mut upload, id, &bodies).await {
            Ok(sent) if !sent.0.is_empty() => sent,
            done => {
                // The container is given up by a sweep, with what the object store may have of it.
                if let Err(error) = upload.abort().await {
                    tracing::debug!(%error, "an unfinished upload could not be ended");
                }
                return done.map(|_| 0);
            }
        };
        options.faults.at("stage.sent")?;
        let now = options.clock.now_ms();
        if !self.0.store.write([], move |tx| container::seal(tx, id, end, now)).await? {
            return Ok(0);
        }
        self.point_staged(moves).await
    }

    /// Uploads the records of staged bodies; where each is, and the length of all.
    async fn send(
        &self,
        upload: &mut Box<dyn MultipartUpload>,
        id: i64,
        bodies: &[Resident],
    ) -> Result<(Vec<(Resident, Place)>, u64)> {
        let mut moves = Vec::with_capacity(bodies.len());
        let (mut part, mut end) = (Vec::new(), 0);
        let mut rest = bodies;
        while !rest.is_empty() {
            let (some, after) = rest.split_at(part_of(rest));
            rest = after;
            for (resident, data) in self.data_of(some).await? {
                moves.push((resident, Place { container: id, offset: end, ..resident.place }));
                part.extend_from_slice(&head_of(&resident).to_bytes(id));
                part.extend_from_slice(&data);
                end += HEAD_LENGTH + data.len() as u64;
            }
            if part.len() as u64 >= PART_BYTES {
                upload.put_part(std::mem::take(&mut part).into()).await.map_err(s3::failed)?;
                let now = self.0.options.clock.now_ms();
                self.0.store.write([], move |tx| container::touch(tx, id, now)).await?;
            }
        }
        if !moves.is_empty() {
            if !part.is_empty() {
                upload.put_part(part.into()).await.map_err(s3::failed)?;
            }
            upload.complete().await.map_err(s3::failed)?;
        }
        Ok((moves, end))
    }

    async fn point_staged(&self, moves: Vec<(Resident, Place)>) -> Result<u64> {
        let mut moved = 0;
        for some in moves.chunks(MOVE_ROWS) {
            let some = some.to_vec();
            moved += self.0.store.write([], move |tx| repoint(tx, &some, true)).await?;
            self.0.options.faults.at("stage.moved")?;
        }
        Ok(moved)
    }

    /// The staged bytes of some bodies; those that were removed or moved meanwhile are left out.
    async fn data_of(&self, bodies: &[Resident]) -> Result<Vec<(Resident, Vec<u8>)>> {
        let asked = lookup::asked(bodies.iter().map(|body| (body.organisation, body.hash)));
        let read = move |read: &mut Read<'_>| {
            let mut found = HashMap::new();
            for (organisation, hashes) in asked {
                let values = params![organisation, hashes];
                for (hash, data) in read.query(DATA, values, |row| Ok((row.hash(0)?, row.bytes(1)?)))? {
                    found.insert((organisation, hash), data);
                }
            }
            Ok(found)
        };
        let mut data = self.0.store.read(read).await?;
        Ok(bodies
            .iter()
            .filter_map(|body| Some((*body, data.remove(&(body.organisation.0, body.hash))?)))
            .filter(|(body, data)| data.len() as u64 == body.place.stored)
            .collect())
    }

    /// Copies bodies out of packs in the object store that are mostly dead, into a new one.
    pub(crate) async fn move_on_s3(&self, page: Vec<Resident>) -> Result<u64> {
        let Backend::S3(s3) = &self.0.backend else { return Ok(0) };
        let options = &self.0.options;
        let (id, now) = (options.random.id(), options.clock.now_ms());
        let mut moves = Vec::new();
        let mut bytes = Vec::new();
        for resident in page {
            let Some(stored) = self.stored(&resident).await? else { continue };
            let place = Place { container: id, offset: bytes.len() as u64, ..resident.place };
            bytes.extend_from_slice(&head_of(&resident).to_bytes(id));
            bytes.extend_from_slice(&stored);
            moves.push((resident, place));
        }
        if moves.is_empty() {
            return Ok(0);
        }
        self.0.store.write([], move |tx| container::open(tx, id, Form::Pack, "s3", now)).await?;
        options.faults.at("stage.opened")?;
        let length = bytes.len() as u64;
        s3.write(Form::Pack, id, bytes.into()).await?;
        options.faults.at("compact.copied")?;
        let moved = self
            .0
            .store
            .write([], move |tx| {
                if !container::seal(tx, id, length, now)? {
                    return Ok(0);
                }
                repoint(tx, &moves, false)
            })
            .await?;
        options.faults.at("compact.moved")?;
        Ok(moved)
    }
}

fn head_of(resident: &Resident) -> Head {
    let place = resident.place;
    Head {
        organisation: resident.organisation.0,
        hash: resident.hash,
        size: place.size,
        stored: place.stored,
        encoding: place.encoding,
    }
}

/// How many of the bodies make one part.
fn part_of(bodies: &[Resident]) -> usize {
    let mut bytes = 0;
    let full = bodies.iter().position(|body| {
        bytes += body.place.stored + HEAD_LENGTH;
        bytes >= PART_BYTES
    });
    full.map_or(bodies.len(), |last| last + 1)
}
