//! Which conversation a message belongs to: the one in which another message has or names one of its ids, under the
//! same base subject (RFC 8621 section 3).

use base::{AccountId, Result};
use store::sql::{Bulk, Type};
use store::{Tx, params};

static INSERT: Bulk = Bulk::upsert(
    "thread_reference",
    &[("account_id", Type::Int), ("reference", Type::Int), ("thread_id", Type::Int)],
    2,
    "ON CONFLICT (account_id, reference) DO NOTHING",
);

/// Hashes of the ids that a message has and names, with its base subject.
pub(crate) fn keys<'a>(ids: impl IntoIterator<Item = &'a str>, base_subject: &str) -> Vec<i64> {
    let mut out: Vec<i64> = ids
        .into_iter()
        .filter(|id| !id.is_empty())
        .map(|id| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(id.as_bytes());
            hasher.update(&[0]);
            hasher.update(base_subject.as_bytes());
            let hash = hasher.finalize();
            i64::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default())
        })
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// The conversation of a message with these keys, which is `own` when no other message is known.
pub(crate) fn find(tx: &mut Tx<'_>, account: AccountId, keys: &[i64], own: i64) -> Result<i64> {
    if keys.is_empty() {
        return Ok(own);
    }
    let sql = "SELECT reference, thread_id FROM thread_reference WHERE account_id = $1 AND reference {in $2}";
    let known = tx.query(sql, params![account, keys.to_vec()], |row| Ok((row.int(0)?, row.int(1)?)))?;
    // Of several the oldest: later messages join it, earlier ones stay where clients know them.
    let thread = known.iter().map(|(_, thread)| *thread).min().unwrap_or(own);
    for key in keys {
        if !known.iter().any(|(reference, _)| reference == key) {
            tx.add(&INSERT, params![account, *key, thread])?;
        }
    }
    Ok(thread)
}
