//! Which of some bodies exist already, with their leases prolonged where they run out soon.

use std::collections::{BTreeMap, HashMap};

use base::{OrganisationId, Result};

use super::recent::Known;
use super::record::{Hash, Place, unsql};
use crate::sql::{Read, Row, Store};

const FIND: &str = "SELECT hash, size, container_id, offset_bytes, stored_bytes, encoding, touched_at \
     FROM blob WHERE organisation_id = $1 AND hash IN ({blobs $2})";
const REFRESH: &str = "UPDATE blob SET touched_at = $3 WHERE organisation_id = $1 AND hash IN ({blobs $2}) \
     RETURNING hash, size, container_id, offset_bytes, stored_bytes, encoding, touched_at";

pub(crate) type Found = HashMap<(i64, Hash), Known>;

/// The bodies that were asked for, by organisation.
pub(crate) type Asked = BTreeMap<i64, Vec<Vec<u8>>>;

pub(crate) fn asked(bodies: impl IntoIterator<Item = (OrganisationId, Hash)>) -> Asked {
    let mut asked = Asked::new();
    for (organisation, hash) in bodies {
        asked.entry(organisation.0).or_default().push(hash.to_vec());
    }
    asked
}

pub(crate) fn place(row: &Row<'_>, first: usize) -> Result<Place> {
    Ok(Place {
        size: unsql(row.int(first)?)?,
        container: row.int(first + 1)?,
        offset: unsql(row.int(first + 2)?)?,
        stored: unsql(row.int(first + 3)?)?,
        encoding: row.int(first + 4)?,
    })
}

fn known(row: &Row<'_>) -> Result<(Hash, Known)> {
    Ok((row.hash(0)?, Known { place: place(row, 1)?, fresh_at: row.int(6)?, named: true }))
}

fn find(read: &mut Read<'_>, asked: &Asked) -> Result<Found> {
    let mut found = Found::new();
    for (organisation, hashes) in asked {
        for (hash, known) in read.query(FIND, params![*organisation, hashes.clone()], known)? {
            found.insert((*organisation, hash), known);
        }
    }
    Ok(found)
}

/// Takes those that need their lease prolonged out of `found`.
fn stale(found: &mut Found, since: i64) -> Asked {
    let stale: Vec<_> =
        found.iter().filter(|(_, known)| known.fresh_at < since).map(|(key, _)| *key).collect();
    for key in &stale {
        found.remove(key);
    }
    asked(stale.into_iter().map(|(organisation, hash)| (OrganisationId(organisation), hash)))
}

fn refresh(tx: &mut crate::sql::Tx<'_>, stale: &Asked, now: i64) -> Result<Found> {
    let mut found = Found::new();
    for (organisation, hashes) in stale {
        let values = params![*organisation, hashes.clone(), now];
        for (hash, known) in tx.query(REFRESH, values, known)? {
            found.insert((*organisation, hash), known);
        }
    }
    Ok(found)
}

/// The bodies that exist with a lease that began at most a quarter of it ago. A body whose row went while
/// its lease was prolonged is not among them.
pub(crate) fn fresh_blocking(
    store: &Store,
    bodies: Vec<(OrganisationId, Hash)>,
    now: i64,
    lease_ms: i64,
) -> Result<Found> {
    if bodies.is_empty() {
        return Ok(Found::new());
    }
    let asked = asked(bodies);
    let mut found = store.read_blocking(move |read| find(read, &asked))?;
    let stale = stale(&mut found, now - lease_ms / 4);
    if !stale.is_empty() {
        found.extend(store.write_blocking([], move |tx| refresh(tx, &stale, now))?);
    }
    Ok(found)
}

/// The same for one body, for a task that may not block.
pub(crate) async fn fresh(
    store: &Store,
    organisation: OrganisationId,
    hash: Hash,
    now: i64,
    lease_ms: i64,
) -> Result<Option<Known>> {
    let asked = asked([(organisation, hash)]);
    let mut found = store.read(move |read| find(read, &asked)).await?;
    let stale = stale(&mut found, now - lease_ms / 4);
    if !stale.is_empty() {
        found = store.write([], move |tx| refresh(tx, &stale, now)).await?;
    }
    Ok(found.remove(&(organisation.0, hash)))
}
