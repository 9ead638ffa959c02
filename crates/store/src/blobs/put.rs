//! Putting bodies, and naming them.
//!
//! What must stay true here:
//! - A [`Put`] exists only when its bytes are durable, or travel with it into the transaction that names it.
//! - A body is named within half a lease from the moment its lease began, so that the transaction has the
//!   other half to commit before a sweep may take the body for unnamed.
//! - That naming writes nothing is allowed only when the row of the body was committed with a lease that
//!   still has that time to run.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base::{Clock, Error, OrganisationId, Result};
use bytes::Bytes;
use tokio::sync::oneshot;

use super::backend::Backend;
use super::pack::Job;
use super::recent::{Known, Recent};
use super::record::{Hash, Place, sql};
use super::{Blobs, lookup};
use crate::sql::{Bulk, Tx, Type};

/// Bodies up to this are kept in packs and handled in memory; larger ones get a container of their own.
pub const SMALL_BODY: usize = 1 << 20;
/// Bodies up to this are hashed and compressed by the task that puts them; longer ones by a thread that may
/// be busy for a while.
const AT_ONCE_BYTES: usize = 64 << 10;

static NAME: Bulk = Bulk::upsert(
    "blob",
    &[
        ("organisation_id", Type::Int),
        ("hash", Type::Bytes),
        ("size", Type::Int),
        ("container_id", Type::Int),
        ("offset_bytes", Type::Int),
        ("stored_bytes", Type::Int),
        ("encoding", Type::Int),
        ("touched_at", Type::Int),
    ],
    2,
    "ON CONFLICT (organisation_id, hash) DO UPDATE SET touched_at = excluded.touched_at",
);
static STAGE: Bulk = Bulk::upsert(
    "blob_stage",
    &[("organisation_id", Type::Int), ("hash", Type::Bytes), ("data", Type::Bytes)],
    2,
    "ON CONFLICT (organisation_id, hash) DO NOTHING",
);
const KEEP: &str = "UPDATE blob SET touched_at = $3 WHERE organisation_id = $1 AND hash = $2";

/// A body that is stored and waits for a name. Cheap to clone; one put may be named by many transactions.
#[derive(Clone)]
pub struct Put(Arc<Inner>);

struct Inner {
    organisation: OrganisationId,
    hash: Hash,
    place: Place,
    /// The bytes that go into the transaction, where the body is staged in the database.
    stage: Option<Bytes>,
    /// Until when it may be named, when its row is not known to be there.
    fresh_at: i64,
    /// When a row with this body was committed or touched, as far as is known; `i64::MIN` when not.
    row_at: AtomicI64,
    lease_ms: i64,
    clock: Clock,
    recent: Arc<Recent>,
}

impl Put {
    pub(crate) fn new(
        blobs: &Blobs,
        organisation: OrganisationId,
        hash: Hash,
        known: Known,
        stage: Option<Bytes>,
    ) -> Self {
        let row_at = AtomicI64::new(if known.named { known.fresh_at } else { i64::MIN });
        Self(Arc::new(Inner {
            organisation,
            hash,
            place: known.place,
            stage,
            fresh_at: known.fresh_at,
            row_at,
            lease_ms: blobs.0.options.lease_ms(),
            clock: blobs.0.options.clock.clone(),
            recent: blobs.0.recent.clone(),
        }))
    }

    /// BLAKE3 of the body.
    pub fn hash(&self) -> Hash {
        self.0.hash
    }

    /// Bytes of the body.
    pub fn size(&self) -> u64 {
        self.0.place.size
    }

    /// The organisation that the body belongs to.
    pub fn organisation(&self) -> OrganisationId {
        self.0.organisation
    }

    /// Names the body: call it in the transaction that writes the row which refers to it. The transaction
    /// must commit within half a lease.
    ///
    /// # Errors
    /// `Unavailable` when it was put too long ago: put it again.
    pub fn name(&self, tx: &mut Tx<'_>) -> Result<()> {
        let inner = &self.0;
        let now = inner.clock.now_ms();
        let row_at = inner.row_at.load(Ordering::Acquire);
        if now.saturating_sub(row_at.max(inner.fresh_at)) > inner.lease_ms / 2 {
            return Err(Error::unavailable("body", "was put too long ago; put it again"));
        }
        if now.saturating_sub(row_at) <= inner.lease_ms / 2 {
            return Ok(());
        }
        let place = inner.place;
        let (organisation, hash) = (inner.organisation, inner.hash);
        let (size, offset, stored) = (sql(place.size), sql(place.offset), sql(place.stored));
        tx.add(
            &NAME,
            params![organisation, hash, size, place.container, offset, stored, place.encoding, now],
        )?;
        if let Some(data) = &inner.stage {
            tx.add(&STAGE, params![organisation, hash, &data[..]])?;
        }
        let this = self.0.clone();
        tx.after_commit(move || {
            this.row_at.fetch_max(now, Ordering::AcqRel);
            let known = Known { place, fresh_at: now, named: true };
            this.recent.put(organisation.0, hash, known);
        });
        Ok(())
    }
}

impl std::fmt::Debug for Put {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Put({} bytes)", self.0.place.size)
    }
}

/// Names a body that something names already, for a copy, a version or an undelete: call it in the
/// transaction that writes the new reference.
///
/// # Errors
/// `NotFound` when there is no such body in the organisation.
pub fn name_again(tx: &mut Tx<'_>, organisation: OrganisationId, hash: &Hash, now_ms: i64) -> Result<()> {
    match tx.execute(KEEP, params![organisation, hash, now_ms])? {
        0 => Err(Error::not_found("body")),
        _ => Ok(()),
    }
}

impl Blobs {
    /// Stores a body. When it returns the bytes are durable, or are carried by the `Put`; they stay if
    /// the body is named ([`Put::name`]) within half a lease.
    ///
    /// # Errors
    /// `TooLarge` over the limit `body_bytes`; `Unavailable` when the disk is full or the store does not
    /// answer: nothing is left behind then, and the same call may work later.
    pub async fn put(&self, organisation: OrganisationId, body: Bytes) -> Result<Put> {
        self.check_size(body.len() as u64)?;
        if body.len() > SMALL_BODY {
            let mut writer = self.writer(organisation);
            writer.write(&body).await?;
            return writer.finish().await;
        }
        if body.len() <= AT_ONCE_BYTES {
            return match self.recall_or_encode(organisation, &body)? {
                Ready::Known(put) => Ok(put),
                Ready::Encoded(small) => self.store_small(small).await,
            };
        }
        let this = self.clone();
        let ready = tokio::task::spawn_blocking(move || this.recall_or_encode(organisation, &body)).await;
        match ready.map_err(|e| Error::corrupt("body", "could not be compressed").with_source(e))?? {
            Ready::Known(put) => Ok(put),
            Ready::Encoded(small) => self.store_small(small).await,
        }
    }

    pub(crate) fn check_size(&self, size: u64) -> Result<()> {
        let limit = self.0.options.limits.body_bytes;
        if size > limit {
            return Err(Error::too_large("body", format!("has at most {limit} bytes")));
        }
        Ok(())
    }

    fn recall_or_encode(&self, organisation: OrganisationId, body: &Bytes) -> Result<Ready> {
        let hash = *blake3::hash(body).as_bytes();
        if let Some(put) = self.recall(organisation, hash) {
            return Ok(Ready::Known(put));
        }
        let (encoding, stored) = self.0.codec.encode(body)?;
        Ok(Ready::Encoded(Small { organisation, hash, size: body.len() as u64, encoding, stored }))
    }

    /// A put of a body that was put a short time ago.
    pub(crate) fn recall(&self, organisation: OrganisationId, hash: Hash) -> Option<Put> {
        let since = self.0.options.clock.now_ms() - self.0.options.lease_ms() / 4;
        let known = self.0.recent.get(organisation.0, &hash, since)?;
        Some(Put::new(self, organisation, hash, known, None))
    }

    async fn store_small(&self, small: Small) -> Result<Put> {
        let Small { organisation, hash, size, encoding, stored } = small;
        match &self.0.backend {
            Backend::Disk(disk) => {
                let (reply, answer) = oneshot::channel();
                let job = Job { organisation, hash, size, encoding, stored, moved: false, reply };
                disk.queue.send(job).await.map_err(|_| super::stopped())?;
                let known = answer.await.map_err(|_| super::stopped())??;
                Ok(Put::new(self, organisation, hash, known, None))
            }
            Backend::S3(_) => {
                let options = &self.0.options;
                let now = options.clock.now_ms();
                let found = lookup::fresh(&self.0.store, organisation, hash, now, options.lease_ms()).await?;
                if let Some(known) = found {
                    self.0.recent.put(organisation.0, hash, known);
                    return Ok(Put::new(self, organisation, hash, known, None));
                }
                let place = Place { container: 0, offset: 0, stored: stored.len() as u64, encoding, size };
                let known = Known { place, fresh_at: now, named: false };
                Ok(Put::new(self, organisation, hash, known, Some(stored)))
            }
        }
    }
}

enum Ready {
    Known(Put),
    Encoded(Small),
}

struct Small {
    organisation: OrganisationId,
    hash: Hash,
    size: u64,
    encoding: i64,
    stored: Bytes,
}
