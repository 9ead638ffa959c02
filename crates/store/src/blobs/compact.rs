//! Moving what lives out of packs that are mostly dead.
//!
//! What must stay true here:
//! - Only packs untouched for a lease are emptied: no put that is still to be named points into them.
//! - A copy is durable before its row points to it, and the row moves only if it still has the old place.
//! - A pack is never removed here: empty, it goes the way of all containers, a lease later, so that readers
//!   which hold the old place are served meanwhile.

use std::collections::{BTreeMap, HashMap};

use base::{Meaning, OrganisationId, Result};
use bytes::Bytes;
use tokio::sync::oneshot;

use super::backend::{Backend, busy};
use super::container::{self, Container};
use super::disk::Form;
use super::pack::Job;
use super::read::body_of;
use super::record::{HEAD_BYTES, HEAD_LENGTH, Hash, Place, sql, usize_of};
use super::sweep::{SweepReport, UNSTAGE};
use super::{Blobs, lookup};
use crate::sql::{Bulk, Tx, Type};

/// Bodies that are moved by one transaction.
const MOVE_ROWS: i64 = 200;
/// Packs shorter than this part of a full one are merged: restarts leave them behind.
const SHORT_PART: i64 = 16;

const IN_PACK: &str = "SELECT organisation_id, hash, size, container_id, offset_bytes, stored_bytes, \
     encoding FROM blob WHERE container_id = $1 AND offset_bytes >= $2 ORDER BY offset_bytes LIMIT $3";
const LOCK: &str = "SELECT hash, container_id, offset_bytes FROM blob \
     WHERE organisation_id = $1 AND hash IN ({blobs $2}) ORDER BY hash {for update}";
static MOVE: Bulk = Bulk::update(
    "blob",
    &[
        ("organisation_id", Type::Int),
        ("hash", Type::Bytes),
        ("container_id", Type::Int),
        ("offset_bytes", Type::Int),
    ],
    2,
);

/// A row of a container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    pub(crate) organisation: OrganisationId,
    pub(crate) hash: Hash,
    pub(crate) place: Place,
}

impl Blobs {
    /// Copies what lives in packs that are more than half dead, or very short, into the current pack. The
    /// emptied packs are given up by the next sweep.
    pub async fn compact(&self) -> Result<SweepReport> {
        let mut report = SweepReport::default();
        let mut after = (i64::MIN, 0);
        loop {
            let before = self.0.options.clock.now_ms() - self.0.options.lease_ms();
            let page = self.containers("sealed", "touched_at", after, before).await?;
            let Some(last) = page.last() else { return Ok(report) };
            after = (last.touched_at, last.id);
            for container in page.iter().filter(|container| self.worth_moving(container)) {
                report.bodies_moved += self.empty(container).await?;
            }
        }
    }

    fn worth_moving(&self, container: &Container) -> bool {
        let full = sql(self.0.options.pack_bytes);
        container.form == Form::Pack
            && (container.dead.saturating_mul(2) > container.stored
                || (container.stored < full / SHORT_PART && matches!(self.0.backend, Backend::Disk(_))))
    }

    /// Moves all bodies out of a pack; how many.
    async fn empty(&self, container: &Container) -> Result<u64> {
        let mut moved = 0;
        let mut from = 0;
        loop {
            let page = self.residents(container.id, from).await?;
            let Some(last) = page.last() else { return Ok(moved) };
            from = last.place.offset + 1;
            moved += match &self.0.backend {
                Backend::Disk(_) => self.move_on_disk(page).await?,
                Backend::S3(_) => self.move_on_s3(page).await?,
            };
        }
    }

    /// Bodies in a container from an offset on, in its order.
    pub(crate) async fn residents(&self, id: i64, from: u64) -> Result<Vec<Resident>> {
        self.0
            .store
            .read(move |read| {
                read.query(IN_PACK, params![id, sql(from), MOVE_ROWS], |row| {
                    let organisation = OrganisationId(row.int(0)?);
                    Ok(Resident { organisation, hash: row.hash(1)?, place: lookup::place(row, 2)? })
                })
            })
            .await
    }

    /// The stored bytes of a body, when its record is there and of it. What is broken stays where it is,
    /// for `beffroi check` to report.
    pub(crate) async fn stored(&self, resident: &Resident) -> Result<Option<Bytes>> {
        let Resident { organisation, hash, place } = *resident;
        let length = usize_of(place.stored + HEAD_LENGTH)?.max(HEAD_BYTES);
        let record = self.0.backend.read(Form::Pack, place.container, place.offset, length).await;
        let stored = record.and_then(|record| body_of(&record, organisation, &hash, &place));
        let stored = match stored {
            Ok(stored) => stored,
            Err(error) if matches!(error.meaning(), Meaning::Corrupt | Meaning::NotFound) => {
                tracing::warn!(%error, container = place.container, "a body cannot be moved");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.know_dictionary(place.encoding).await?;
        let codec = self.0.codec.clone();
        let kept = stored.clone();
        let whole = busy(move || {
            let plain = codec.decode(place.encoding, stored, place.size)?;
            Ok(blake3::hash(&plain).as_bytes() == &hash)
        })
        .await;
        match whole {
            Ok(true) => Ok(Some(kept)),
            Ok(false) => Ok(None),
            Err(error) if error.meaning() == Meaning::Corrupt => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn move_on_disk(&self, page: Vec<Resident>) -> Result<u64> {
        let Backend::Disk(disk) = &self.0.backend else { return Ok(0) };
        let mut waiting = Vec::new();
        for resident in page {
            let Some(stored) = self.stored(&resident).await? else { continue };
            let (reply, answer) = oneshot::channel();
            let job = Job {
                organisation: resident.organisation,
                hash: resident.hash,
                size: resident.place.size,
                encoding: resident.place.encoding,
                stored,
                moved: true,
                reply,
            };
            disk.queue.send(job).await.map_err(|_| super::stopped())?;
            waiting.push((resident, answer));
        }
        let mut moves = Vec::new();
        for (resident, answer) in waiting {
            let known = answer.await.map_err(|_| super::stopped())??;
            moves.push((resident, known.place));
        }
        self.0.options.faults.at("compact.copied")?;
        let moved = self.point_to(moves).await?;
        self.0.options.faults.at("compact.moved")?;
        Ok(moved)
    }

    /// Points rows to new places, if they still have the old ones; how many did.
    async fn point_to(&self, moves: Vec<(Resident, Place)>) -> Result<u64> {
        self.0.store.write([], move |tx| repoint(tx, &moves, false)).await
    }
}

/// Points rows to new places, if they still have the old ones; how many did. The bytes that are of no use
/// afterwards are noted. `staged`: their rows leave the staging table.
pub(crate) fn repoint(tx: &mut Tx<'_>, moves: &[(Resident, Place)], staged: bool) -> Result<u64> {
    let asked = lookup::asked(moves.iter().map(|(resident, _)| (resident.organisation, resident.hash)));
    let mut current = HashMap::new();
    for (organisation, hashes) in asked {
        for (hash, place) in tx.query(LOCK, params![organisation, hashes], |row| {
            Ok((row.hash(0)?, (row.int(1)?, row.int(2)?)))
        })? {
            current.insert((organisation, hash), place);
        }
    }
    let mut moved = 0;
    let mut dead = BTreeMap::<i64, u64>::new();
    for (resident, place) in moves {
        let (key, old) = ((resident.organisation.0, resident.hash), resident.place);
        let now_at = current.get(&key).copied();
        let still = now_at == Some((old.container, sql(old.offset)));
        if staged && (still || now_at.is_some_and(|(container, _)| container != 0)) {
            tx.add(&UNSTAGE, params![key.0, key.1])?;
        }
        if old == *place {
            continue;
        }
        if still {
            tx.add(&MOVE, params![key.0, key.1, place.container, sql(place.offset)])?;
            moved += 1;
        }
        let of_no_use = if still { old.container } else { place.container };
        *dead.entry(of_no_use).or_default() += place.stored + HEAD_LENGTH;
    }
    for (container, bytes) in dead.into_iter().filter(|(container, _)| *container != 0) {
        container::bury(tx, container, bytes)?;
    }
    Ok(moved)
}
