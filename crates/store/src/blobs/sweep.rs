//! Removing bodies that nothing names, and containers that nothing is in.
//!
//! What must stay true here:
//! - A row goes only when its lease is over and no reference names it, both seen while the row is locked.
//!   Whoever names a body touches its row in the same transaction, or relies on a lease that still runs: so
//!   a new reference either keeps the row from being taken here, or comes after it is gone and makes it anew.
//! - Bytes go only after the row of their container said for a whole lease that it is dying.
//! - Every step can be repeated after a crash: first the bytes go, then the row that tells of them.

use std::borrow::Cow;
use std::ops::Add;

use base::Result;

use super::container::{self, Container};
use super::disk::Form;
use super::record::HEAD_LENGTH;
use super::{Blobs, lookup};
use crate::sql::{Bulk, Read, Tx, Type};

/// Rows that one statement looks at.
const LOOK_ROWS: i64 = 5_000;
/// Rows that one transaction removes.
const REMOVE_ROWS: usize = 500;
const CONTAINERS: i64 = 500;

/// A kind of rows that name bodies.
///
/// Both texts are fragments of statements in the store's dialect. They must find every row that names a
/// body, of whatever state; an index on the column with the hash keeps a sweep fast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The table, for people.
    pub name: Cow<'static, str>,
    /// A question that has a row when a row names `blob.hash` of `blob.organisation_id`, such as
    /// `SELECT 1 FROM file f WHERE f.hash = blob.hash AND f.organisation_id = blob.organisation_id`.
    pub exists: Cow<'static, str>,
    /// A question for the organisation and the hash of every row that names a body, such as
    /// `SELECT f.organisation_id, f.hash FROM file f`.
    pub list: Cow<'static, str>,
}

impl Reference {
    /// The rows of a table that has a column `organisation_id`, and names bodies in `column`.
    pub fn in_table(table: &str, column: &str) -> Self {
        Self {
            name: Cow::Owned(table.to_owned()),
            exists: Cow::Owned(format!(
                "SELECT 1 FROM {table} r WHERE r.{column} = blob.hash AND r.organisation_id = blob.organisation_id"
            )),
            list: Cow::Owned(format!(
                "SELECT r.organisation_id, r.{column} FROM {table} r WHERE r.{column} IS NOT NULL"
            )),
        }
    }
}

/// What a sweep or a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Rows that were looked at.
    pub bodies_seen: u64,
    /// Bodies that nothing named, removed.
    pub bodies_removed: u64,
    /// Containers that were given up.
    pub containers_given_up: u64,
    /// Containers whose bytes were removed.
    pub containers_removed: u64,
    /// Bodies that compaction moved.
    pub bodies_moved: u64,
}

impl Add for SweepReport {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            bodies_seen: self.bodies_seen + other.bodies_seen,
            bodies_removed: self.bodies_removed + other.bodies_removed,
            containers_given_up: self.containers_given_up + other.containers_given_up,
            containers_removed: self.containers_removed + other.containers_removed,
            bodies_moved: self.bodies_moved + other.bodies_moved,
        }
    }
}

const PAGE: &str = "SELECT organisation_id, hash FROM blob WHERE (organisation_id, hash) > ($1, $2) \
     ORDER BY organisation_id, hash LIMIT $3";
const OLD: &str = "SELECT organisation_id, hash FROM blob WHERE (organisation_id, hash) > ($1, $2) \
     AND (organisation_id, hash) <= ($3, $4) AND touched_at < $5";
const TAKE: &str = "SELECT hash, size, container_id, offset_bytes, stored_bytes, encoding FROM blob \
     WHERE organisation_id = $1 AND hash IN ({blobs $2}) AND touched_at < $3";

static REMOVE: Bulk = Bulk::delete("blob", &[("organisation_id", Type::Int), ("hash", Type::Bytes)]);
pub(crate) static UNSTAGE: Bulk =
    Bulk::delete("blob_stage", &[("organisation_id", Type::Int), ("hash", Type::Bytes)]);

/// Where a sweep is: behind this organisation and hash.
type Cursor = (i64, Vec<u8>);

struct Page {
    /// Rows that were looked at, and the last of them.
    seen: u64,
    last: Option<Cursor>,
    /// Those whose lease is over and that nothing seems to name.
    old: lookup::Asked,
}

impl Blobs {
    /// Removes bodies whose lease is over and that nothing names, and goes on with what earlier sweeps
    /// began: containers without bodies are given up, those given up a lease ago are removed. `references`
    /// must be all the kinds of rows that name bodies.
    ///
    /// Many may run at a time, on many nodes, beside all else.
    pub async fn sweep(&self, references: &[Reference]) -> Result<SweepReport> {
        self.seal_abandoned().await?;
        let bodies = self.sweep_bodies(references).await?;
        Ok(bodies + self.sweep_containers().await?)
    }

    async fn sweep_bodies(&self, references: &[Reference]) -> Result<SweepReport> {
        let unnamed = unnamed(references);
        let mut report = SweepReport::default();
        let mut cursor: Cursor = (i64::MIN, Vec::new());
        loop {
            let before = self.0.options.clock.now_ms() - self.0.options.lease_ms();
            let (question, from) = (format!("{OLD} {unnamed}"), cursor);
            let page = self.0.store.read(move |read| page(read, &question, &from, before)).await?;
            report.bodies_seen += page.seen;
            for (organisation, hashes) in page.old {
                for some in hashes.chunks(REMOVE_ROWS) {
                    report.bodies_removed +=
                        self.remove_rows(organisation, some.to_vec(), before, &unnamed).await?;
                    self.0.options.faults.at("sweep.rows")?;
                }
            }
            match page.last {
                Some(last) => cursor = last,
                None => return Ok(report),
            }
        }
    }

    async fn remove_rows(
        &self,
        organisation: i64,
        hashes: Vec<Vec<u8>>,
        before: i64,
        unnamed: &str,
    ) -> Result<u64> {
        let take = format!("{TAKE} {unnamed} ORDER BY hash {{skip locked}}");
        self.0
            .store
            .write([], move |tx| {
                let values = params![organisation, hashes.clone(), before];
                let taken = tx.query(&take, values, |row| Ok((row.bytes(0)?, lookup::place(row, 1)?)))?;
                let mut dead = std::collections::BTreeMap::<i64, u64>::new();
                for (hash, place) in &taken {
                    tx.add(&REMOVE, params![organisation, hash])?;
                    tx.add(&UNSTAGE, params![organisation, hash])?;
                    if place.container != 0 {
                        *dead.entry(place.container).or_default() += place.stored + HEAD_LENGTH;
                    }
                }
                for (container, bytes) in dead {
                    container::bury(tx, container, bytes)?;
                }
                Ok(taken.len() as u64)
            })
            .await
    }

    /// Gives up containers that nothing is in, and removes those given up a lease ago.
    async fn sweep_containers(&self) -> Result<SweepReport> {
        let mut report = SweepReport::default();
        let lease = self.0.options.lease_ms();
        for state in ["open", "sealed"] {
            let mut after = (i64::MIN, 0);
            loop {
                let now = self.0.options.clock.now_ms();
                let page = self.containers(state, "touched_at", after, now - lease).await?;
                let Some(last) = page.last() else { break };
                after = (last.touched_at, last.id);
                for container in page {
                    if state == "open" && self.is_written(&container).await? {
                        continue;
                    }
                    let id = container.id;
                    let given = move |tx: &mut Tx<'_>| container::give_up(tx, id, now, now - lease);
                    report.containers_given_up += u64::from(self.0.store.write([], given).await?);
                    self.0.options.faults.at("sweep.dying")?;
                }
            }
        }
        loop {
            let now = self.0.options.clock.now_ms();
            let mut done = 0;
            for container in self.containers("dying", "dying_since", (i64::MIN, 0), now - lease).await? {
                if self.remove_container(&container).await? {
                    report.containers_removed += 1;
                    done += 1;
                }
            }
            if done == 0 {
                return Ok(report);
            }
        }
    }

    /// Whether an open container is a pack on this disk with its file. Such a pack is never given up as it
    /// is: it is being written, or is about to be sealed, and puts of a lease may point into it from then
    /// on. Other open containers are known by their being touched.
    async fn is_written(&self, container: &Container) -> Result<bool> {
        let super::Backend::Disk(disk) = &self.0.backend else { return Ok(false) };
        let (form, path) = (container.form, disk.disk.path(container.form, container.id));
        super::busy(move || Ok(form == Form::Pack && path.try_exists().map_err(super::disk::failed)?)).await
    }

    /// Containers of this place in a state since before `before`, the longest in it first.
    pub(crate) async fn containers(
        &self,
        state: &'static str,
        since: &'static str,
        after: (i64, i64),
        before: i64,
    ) -> Result<Vec<Container>> {
        let place = self.0.backend.place();
        // The object store refuses to remove what its lock still holds.
        let locked_ms = match &self.0.backend {
            super::Backend::S3(s3) if state == "dying" => i64::from(s3.object_lock_days) * 86_400_000,
            _ => 0,
        };
        let created = self.0.options.clock.now_ms() - locked_ms;
        let question = format!(
            "SELECT {} FROM blob_container WHERE state = $1 AND ({since}, id) > ($2, $3) AND {since} <= $4 \
             AND place = $5 AND created_at <= $6 ORDER BY {since}, id LIMIT $7",
            container::COLUMNS
        );
        self.0
            .store
            .read(move |read| {
                let values = params![state, after.0, after.1, before, place, created, CONTAINERS];
                read.query(&question, values, Container::read)
            })
            .await
    }

    /// Removes the bytes and the row of a container that was given up; whether it did.
    async fn remove_container(&self, container: &Container) -> Result<bool> {
        let (id, form) = (container.id, container.form);
        if self.0.store.write([], move |tx| container::revive(tx, id)).await? {
            tracing::warn!(id, "a container that was given up holds a body; it is kept");
            return Ok(false);
        }
        self.0.backend.remove(form, id).await?;
        self.0.options.faults.at("sweep.removed")?;
        self.0.store.write([], move |tx| container::forget(tx, id)).await?;
        Ok(true)
    }
}

fn unnamed(references: &[Reference]) -> String {
    let mut out = String::new();
    for reference in references {
        out.push_str(" AND NOT EXISTS (");
        out.push_str(&reference.exists);
        out.push(')');
    }
    out
}

fn page(read: &mut Read<'_>, question: &str, from: &Cursor, before: i64) -> Result<Page> {
    let (organisation, hash) = from;
    let keys =
        read.query(PAGE, params![*organisation, hash, LOOK_ROWS], |row| Ok((row.int(0)?, row.bytes(1)?)))?;
    let mut page = Page { seen: keys.len() as u64, last: keys.last().cloned(), old: lookup::Asked::new() };
    if let Some((last_organisation, last_hash)) = &page.last {
        let values = params![*organisation, hash, *last_organisation, last_hash, before];
        for (organisation, hash) in read.query(question, values, |row| Ok((row.int(0)?, row.bytes(1)?)))? {
            page.old.entry(organisation).or_default().push(hash);
        }
    }
    Ok(page)
}
