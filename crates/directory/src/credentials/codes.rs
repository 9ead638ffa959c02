//! The second factor: one-time codes by time (RFC 6238), and recovery codes that replace them once each.

use base::{AccountId, Ctx, Error, OrganisationId, Result, Secret};
use store::{Read, Tx, params};
use totp_rs::{Builder, Totp};

use super::require;
use crate::edit::{Edit, What};

/// Codes that are made at a time.
const RECOVERY_CODES: usize = 10;

/// What someone needs to set up an authenticator: shown once.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The secret in base32, to be typed.
    pub secret: Secret,
    /// The same as an `otpauth:` address, for a picture to be scanned.
    pub address: Secret,
}

fn codes(secret: &[u8], account_name: &str) -> Result<Totp> {
    // A colon separates issuer and name in the address.
    Builder::new()
        .with_secret(secret.to_vec())
        .with_account_name(account_name.replace(':', " "))
        .with_issuer(Some("Beffroi"))
        .build()
        .map_err(|_| Error::corrupt("one_time_code", "has a secret that cannot be used"))
}

/// Begins to set up one-time codes on one's own account: they are in force once a first code was right.
///
/// # Errors
/// `Forbidden` for another's account, `Conflict` when they are in force already.
pub fn begin(edit: &mut Edit<'_, '_>) -> Result<Setup> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    let entry = require(edit, ctx, organisation, ctx.actor.account)?;
    let secret = ctx.random.bytes::<20>();
    let done = edit.execute(
        "INSERT INTO one_time_code (account_id, organisation_id, secret) VALUES ($1, $2, $3)
         ON CONFLICT (account_id) DO UPDATE SET secret = excluded.secret, last_step = 0
         WHERE one_time_code.confirmed_at IS NULL",
        params![entry.account, organisation, secret.to_vec()],
    )?;
    if done == 0 {
        return Err(Error::conflict("one_time_code", "is in force already; remove it first"));
    }
    let totp = codes(&secret, &entry.address)?;
    let address = totp.to_url().map_err(|_| Error::corrupt("one_time_code", "has no address"))?;
    Ok(Setup { secret: Secret::new(totp.secret().to_base32()), address: Secret::new(address) })
}

/// Puts one-time codes in force with a first code; the recovery codes, shown once.
///
/// # Errors
/// `NotFound` when none was begun, `Invalid` for a wrong code.
pub fn confirm(edit: &mut Edit<'_, '_>, code: &str) -> Result<Vec<Secret>> {
    let (ctx, organisation, now) = (edit.ctx(), edit.organisation(), edit.now_ms());
    let entry = require(edit, ctx, organisation, ctx.actor.account)?;
    let secret = edit
        .query_opt(
            "SELECT secret FROM one_time_code WHERE account_id = $1 AND confirmed_at IS NULL",
            params![entry.account],
            |row| row.bytes(0),
        )?
        .ok_or_else(|| Error::not_found("one-time code"))?;
    let step = step_of(&secret, code, now, 0)?.ok_or_else(|| {
        Error::invalid("code", "is wrong; check the clock of the device and type the newest code")
    })?;
    edit.execute(
        "UPDATE one_time_code SET confirmed_at = $2, last_step = $3 WHERE account_id = $1",
        params![entry.account, now, step],
    )?;
    edit.note(
        entry.kind.name(),
        entry.account.0,
        What::Changed,
        format!("{}: second factor added", entry.address),
    );
    make_recovery_codes(edit, entry.account)
}

/// Makes new recovery codes; those before are good no more.
///
/// # Errors
/// `Forbidden`, `NotFound` without a second factor that they could replace.
pub fn renew_recovery_codes(edit: &mut Edit<'_, '_>) -> Result<Vec<Secret>> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    let entry = require(edit, ctx, organisation, ctx.actor.account)?;
    if !has_second_factor(edit, entry.account)? {
        return Err(Error::not_found("second factor"));
    }
    edit.note(
        entry.kind.name(),
        entry.account.0,
        What::Changed,
        format!("{}: recovery codes renewed", entry.address),
    );
    make_recovery_codes(edit, entry.account)
}

pub(super) fn make_recovery_codes(edit: &mut Edit<'_, '_>, account: AccountId) -> Result<Vec<Secret>> {
    edit.execute("DELETE FROM recovery_code WHERE account_id = $1", params![account])?;
    let mut made = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let code = Secret::new(edit.ctx().random.readable(16));
        edit.later(
            "INSERT INTO recovery_code (account_id, hash) VALUES ($1, $2)",
            params![account, recovery_hash(account, code.expose())],
        )?;
        made.push(code);
    }
    Ok(made)
}

fn recovery_hash(account: AccountId, code: &str) -> [u8; 32] {
    let plain: String = code.chars().filter(|character| !matches!(character, ' ' | '-')).collect();
    blake3::Hasher::new_derive_key("beffroi recovery code 1")
        .update(&account.0.to_le_bytes())
        .update(plain.to_lowercase().as_bytes())
        .finalize()
        .into()
}

/// Removes one-time codes: one's own, or another's with the right `account.password`.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub fn remove(edit: &mut Edit<'_, '_>, account: AccountId) -> Result<()> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    let entry = require(edit, ctx, organisation, account)?;
    let removed = edit.execute("DELETE FROM one_time_code WHERE account_id = $1", params![account])?;
    if removed == 0 {
        return Err(Error::not_found("one-time code"));
    }
    remove_recovery_codes_with_the_last(edit, account)?;
    edit.note(
        entry.kind.name(),
        account.0,
        What::Changed,
        format!("{}: second factor removed", entry.address),
    );
    Ok(())
}

/// Recovery codes replace a second factor: without one there is nothing to replace.
pub(super) fn remove_recovery_codes_with_the_last(edit: &mut Edit<'_, '_>, account: AccountId) -> Result<()> {
    if !has_second_factor(edit, account)? {
        edit.execute("DELETE FROM recovery_code WHERE account_id = $1", params![account])?;
    }
    Ok(())
}

/// Whether a login of an account needs more than its password.
///
/// # Errors
/// Those of the database.
pub fn has_second_factor(tx: &mut Read<'_>, account: AccountId) -> Result<bool> {
    tx.query_one(
        "SELECT (SELECT count(*) FROM one_time_code WHERE account_id = $1 AND confirmed_at IS NOT NULL)
                + (SELECT count(*) FROM passkey WHERE account_id = $1)",
        params![account],
        |row| Ok(row.int(0)? > 0),
    )
}

/// Whether an account can be asked for a one-time code.
///
/// # Errors
/// Those of the database.
pub fn is_in_force(tx: &mut Read<'_>, account: AccountId) -> Result<bool> {
    tx.query_one(
        "SELECT count(*) FROM one_time_code WHERE account_id = $1 AND confirmed_at IS NOT NULL",
        params![account],
        |row| Ok(row.int(0)? > 0),
    )
}

/// Whether an account has one-time codes, in force or only begun.
///
/// # Errors
/// Those of the database.
pub fn is_begun(tx: &mut Read<'_>, account: AccountId) -> Result<bool> {
    let found =
        tx.query_opt("SELECT 1 FROM one_time_code WHERE account_id = $1", params![account], |_| Ok(()))?;
    Ok(found.is_some())
}

/// Whether one-time codes are in force, and how many recovery codes are left.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub fn state(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    account: AccountId,
) -> Result<(bool, i64)> {
    require(tx, ctx, organisation, account)?;
    tx.query_one(
        "SELECT (SELECT count(*) FROM one_time_code WHERE account_id = $1 AND confirmed_at IS NOT NULL),
                (SELECT count(*) FROM recovery_code WHERE account_id = $1 AND used_at IS NULL)",
        params![account],
        |row| Ok((row.int(0)? > 0, row.int(1)?)),
    )
}

/// Takes a code of the second factor, or a recovery code: each is good once.
pub(crate) fn take(tx: &mut Tx<'_>, account: AccountId, code: &str, now_ms: i64) -> Result<bool> {
    let found = tx.query_opt(
        "SELECT secret, last_step FROM one_time_code WHERE account_id = $1 AND confirmed_at IS NOT NULL {for update}",
        params![account],
        |row| Ok((row.bytes(0)?, row.int(1)?)),
    )?;
    if let Some((secret, last_step)) = found
        && let Some(step) = step_of(&secret, code, now_ms, last_step)?
    {
        let taken = tx.execute(
            "UPDATE one_time_code SET last_step = $2 WHERE account_id = $1 AND last_step < $2",
            params![account, step],
        )?;
        return Ok(taken == 1);
    }
    let used = tx.execute(
        "UPDATE recovery_code SET used_at = $3 WHERE account_id = $1 AND hash = $2 AND used_at IS NULL",
        params![account, recovery_hash(account, code), now_ms],
    )?;
    Ok(used == 1)
}

/// The step that a code is of: now, the one before or the one after, and none that was taken before.
fn step_of(secret: &[u8], code: &str, now_ms: i64, last_step: i64) -> Result<Option<i64>> {
    let plain: String = code.chars().filter(char::is_ascii_digit).collect();
    if plain.len() != 6 || code.len() > 20 {
        return Ok(None);
    }
    let seconds = u64::try_from(now_ms / 1_000).unwrap_or(0);
    let step = codes(secret, "account")?.check(&plain, seconds).and_then(|step| i64::try_from(step).ok());
    Ok(step.filter(|step| *step > last_step))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1, the last six of its eight digits.
    #[test]
    fn codes_of_the_standard_are_right_at_their_time_only() {
        let secret = b"12345678901234567890";
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")]
        {
            let step = seconds / 30;
            assert_eq!(step_of(secret, code, seconds * 1_000, 0).unwrap(), Some(step), "{seconds}");
            assert_eq!(
                step_of(secret, code, (seconds + 120) * 1_000, 0).unwrap(),
                None,
                "{seconds}: too late"
            );
            assert_eq!(
                step_of(secret, code, seconds * 1_000, step).unwrap(),
                None,
                "{seconds}: taken before"
            );
        }
        assert_eq!(step_of(secret, "28 70 82", 59_000, 0).unwrap(), Some(1), "as it is shown");
        assert_eq!(step_of(secret, "not a code", 59_000, 0).unwrap(), None);
    }
}
