//! Bringing back what can be derived: rows of bodies from the heads of their records, and rows of
//! containers from the files on the disk.
//!
//! What must stay true here: nothing is pointed to that was not read whole and compared with its hash, and
//! nothing is removed: what turns out to be of no use goes the way of all containers.

use std::collections::HashSet;

use base::{OrganisationId, Result};

use super::Blobs;
use super::backend::{Backend, busy};
use super::compact::Resident;
use super::container::Container;
use super::disk::{Form, failed};
use super::record::{HEAD_BYTES, HEAD_LENGTH, Hash, Head, Place, sql, unsql, usize_of};
use super::sweep::Reference;

/// Bytes of a pack that are read at a time.
const CHUNK_BYTES: u64 = 4 << 20;
const NOTE: &str = "INSERT INTO blob_container (id, form, place, state, stored_bytes, created_at, touched_at) \
     VALUES ($1, $2, $3, 'sealed', $4, $5, $5)";
const POINT: &str = "INSERT INTO blob (organisation_id, hash, size, container_id, offset_bytes, \
     stored_bytes, encoding, touched_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT (organisation_id, hash) DO UPDATE SET size = excluded.size, \
     container_id = excluded.container_id, offset_bytes = excluded.offset_bytes, \
     stored_bytes = excluded.stored_bytes, encoding = excluded.encoding, touched_at = excluded.touched_at";

/// What a repair did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Bodies that were missing or broken where their rows point.
    pub bodies_broken: u64,
    /// Those of them that were found elsewhere, whole; their rows point there now.
    pub bodies_mended: u64,
    /// Files that the database did not know, and knows now.
    pub files_noted: u64,
}

impl Blobs {
    /// Mends what [`Blobs::verify`] finds, as far as the bytes are there. What is still broken afterwards
    /// must come from a backup.
    pub async fn repair(&self, references: &[Reference]) -> Result<RepairReport> {
        self.seal_abandoned().await?;
        let mut report = RepairReport { files_noted: self.note_files().await?, ..RepairReport::default() };
        let mut broken: HashSet<(OrganisationId, Hash)> = HashSet::new();
        self.verify(references, |finding| {
            if finding.organisation.0 != 0 {
                broken.insert((finding.organisation, finding.hash));
            }
        })
        .await?;
        report.bodies_broken = broken.len() as u64;
        let mut after = (i64::MIN, 0);
        while !broken.is_empty() {
            let now = self.0.options.clock.now_ms();
            let page = self.containers("sealed", "touched_at", after, now).await?;
            let Some(last) = page.last() else { break };
            after = (last.touched_at, last.id);
            for container in &page {
                for resident in self.records(container).await? {
                    let key = (resident.organisation, resident.hash);
                    if broken.contains(&key) && self.flaw_of(&resident).await?.is_none() {
                        self.point(&resident).await?;
                        broken.remove(&key);
                        report.bodies_mended += 1;
                    }
                }
            }
        }
        Ok(report)
    }

    /// Makes rows for the files of containers that have none.
    async fn note_files(&self) -> Result<u64> {
        let Backend::Disk(disk) = &self.0.backend else { return Ok(0) };
        let mut noted = 0;
        for (form, id) in self.unknown_files().await? {
            let path = disk.disk.path(form, id);
            let length = busy(move || Ok(std::fs::metadata(path).map_err(failed)?.len())).await?;
            let now = self.0.options.clock.now_ms();
            let values = params![id, form.name(), "disk", sql(length), now];
            self.0.store.write([], move |tx| tx.execute(NOTE, values.clone())).await?;
            noted += 1;
        }
        Ok(noted)
    }

    async fn point(&self, resident: &Resident) -> Result<()> {
        let Resident { organisation, hash, place } = *resident;
        let now = self.0.options.clock.now_ms();
        let (size, offset, stored) = (sql(place.size), sql(place.offset), sql(place.stored));
        let values = params![organisation, hash, size, place.container, offset, stored, place.encoding, now];
        self.0.store.write([], move |tx| tx.execute(POINT, values.clone())).await.map(|_| ())
    }

    /// The records of a container, as their heads tell.
    async fn records(&self, container: &Container) -> Result<Vec<Resident>> {
        let length = unsql(container.stored)?;
        if container.form == Form::Large {
            let Some(offset) = length.checked_sub(HEAD_LENGTH) else { return Ok(Vec::new()) };
            let head = self.0.backend.read(Form::Large, container.id, offset, HEAD_BYTES).await;
            let head = head.ok().and_then(|bytes| Head::read(&bytes, container.id));
            return Ok(head.map(|head| resident(&head, container.id, 0)).into_iter().collect());
        }
        let mut found = Vec::new();
        let mut at = 0;
        while at + HEAD_LENGTH <= length {
            let chunk = CHUNK_BYTES.min(length - at);
            // A pack whose bytes are gone has no records.
            let Ok(bytes) = self.0.backend.read(Form::Pack, container.id, at, usize_of(chunk)?).await else {
                break;
            };
            let begin = at;
            while let Some(head) =
                bytes.get(usize_of(at - begin)?..).and_then(|rest| Head::read(rest, container.id))
            {
                found.push(resident(&head, container.id, at));
                at += HEAD_LENGTH + head.stored;
            }
            if at == begin {
                break;
            }
        }
        Ok(found)
    }
}

fn resident(head: &Head, container: i64, offset: u64) -> Resident {
    Resident {
        organisation: OrganisationId(head.organisation),
        hash: head.hash,
        place: Place { container, offset, stored: head.stored, encoding: head.encoding, size: head.size },
    }
}
