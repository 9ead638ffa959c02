//! The rows of containers: the statements that move one from state to state.
//!
//! What must stay true here:
//! - The row is committed before the first byte of the container exists.
//! - A container is given up only when no row of `blob` is in it and nothing wrote to it for a lease, and its
//!   bytes are removed only after another lease, when there is still no row in it.

use base::Result;

use super::disk::Form;
use super::record::sql;
use crate::sql::{Row, Tx};

const OPEN: &str = "INSERT INTO blob_container (id, form, place, state, created_at, touched_at) \
     VALUES ($1, $2, $3, 'open', $4, $4)";
const SEAL: &str = "UPDATE blob_container SET state = 'sealed', stored_bytes = $2, touched_at = $3 \
     WHERE id = $1 AND state = 'open'";
const TOUCH: &str = "UPDATE blob_container SET touched_at = $2 WHERE id = $1 AND state = 'open'";
const GIVE_UP: &str = "UPDATE blob_container SET state = 'dying', dying_since = $2 \
     WHERE id = $1 AND state <> 'dying' AND touched_at <= $3 \
       AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.container_id = blob_container.id)";
const REVIVE: &str = "UPDATE blob_container SET state = 'sealed', dying_since = NULL WHERE id = $1 \
     AND EXISTS (SELECT 1 FROM blob b WHERE b.container_id = blob_container.id)";
const FORGET: &str = "DELETE FROM blob_container WHERE id = $1 AND state = 'dying'";
const BURY: &str = "UPDATE blob_container SET dead_bytes = dead_bytes + $2 WHERE id = $1";

/// Notes a container that is going to be written.
pub(crate) fn open(tx: &mut Tx<'_>, id: i64, form: Form, place: &str, now: i64) -> Result<()> {
    tx.execute(OPEN, params![id, form.name(), place, now]).map(|_| ())
}

/// Notes that a container is complete; whether it was open.
pub(crate) fn seal(tx: &mut Tx<'_>, id: i64, stored: u64, now: i64) -> Result<bool> {
    Ok(tx.execute(SEAL, params![id, sql(stored), now])? > 0)
}

/// Notes that an open container is being written to; whether it is still open.
pub(crate) fn touch(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<bool> {
    Ok(tx.execute(TOUCH, params![id, now])? > 0)
}

/// Gives up a container that was not touched after `before` and has nothing in it; whether it was.
pub(crate) fn give_up(tx: &mut Tx<'_>, id: i64, now: i64, before: i64) -> Result<bool> {
    Ok(tx.execute(GIVE_UP, params![id, now, before])? > 0)
}

/// Takes back that a container was given up, when something is in it after all.
pub(crate) fn revive(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    Ok(tx.execute(REVIVE, params![id])? > 0)
}

/// Removes the row of a container whose bytes are gone.
pub(crate) fn forget(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    tx.execute(FORGET, params![id]).map(|_| ())
}

/// Notes that `bytes` of a container are of no use any more.
pub(crate) fn bury(tx: &mut Tx<'_>, id: i64, bytes: u64) -> Result<()> {
    tx.later(BURY, params![id, sql(bytes)])
}

/// The columns that [`Container::read`] reads, in its order.
pub(crate) const COLUMNS: &str = "id, form, stored_bytes, dead_bytes, touched_at";

/// A row of `blob_container`.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) id: i64,
    pub(crate) form: Form,
    pub(crate) stored: i64,
    pub(crate) dead: i64,
    pub(crate) touched_at: i64,
}

impl Container {
    pub(crate) fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.int(0)?,
            form: Form::from_name(row.str(1)?)?,
            stored: row.int(2)?,
            dead: row.int(3)?,
            touched_at: row.int(4)?,
        })
    }
}
