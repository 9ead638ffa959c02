//! What a filter remembers, written in the transaction of the delivery.

use base::{AccountId, Limits, Result};
use store::{Tx, params};

use super::Seen;

/// Remembers something for an account whose row is locked; `false` when it is remembered already. A reply whose
/// claim says `false` is not sent: two messages of one sender that arrive together get one answer.
///
/// What expired is removed on the way. An account that remembers `sieve_seen` things already remembers nothing new,
/// and answers nobody, until some of them expire.
///
/// # Errors
/// Those of the database.
pub fn claim(tx: &mut Tx<'_>, limits: &Limits, account: AccountId, seen: &Seen, now_ms: i64) -> Result<bool> {
    tx.execute(
        "DELETE FROM sieve_seen WHERE account_id = $1 AND expires_at <= $2",
        params![account, now_ms],
    )?;
    let most = i64::try_from(limits.sieve_seen).unwrap_or(i64::MAX);
    let full = tx.query_opt(
        "SELECT expires_at FROM sieve_seen WHERE account_id = $1 ORDER BY expires_at LIMIT 1 OFFSET $2",
        params![account, most.saturating_sub(1).max(0)],
        |_| Ok(()),
    )?;
    if full.is_some() {
        return Ok(false);
    }
    let added = tx.execute(
        "INSERT INTO sieve_seen (account_id, what, key, expires_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (account_id, what, key) DO NOTHING",
        params![account, seen.what, seen.key.as_slice(), seen.expires_at],
    )?;
    Ok(added == 1)
}
