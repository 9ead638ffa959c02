//! Passkeys: what is kept of them. The door that speaks Web Authentication makes and checks them; here they are rows.
//!
//! A passkey is a second factor beside the password, and stands for both where its authenticator verified its owner.

use base::{AccountId, Ctx, Error, OrganisationId, Result, Secret};
use store::{Read, Row, Tx, params};

use super::{codes, require};
use crate::edit::{Edit, What};

/// A passkey of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Unique in the account.
    pub id: i64,
    /// What its owner calls it.
    pub label: String,
    /// The host of the web client that it was made for: it opens no other.
    pub site: String,
    /// Public key, counter and flags, in the form of the door that made it.
    pub credential: String,
    /// When it was made.
    pub created_at: i64,
    /// When somebody last logged in with it.
    pub last_used_at: Option<i64>,
}

/// A passkey to keep.
#[derive(Debug, Clone)]
pub struct NewPasskey {
    /// The number that the authenticator gave it.
    pub credential_id: Vec<u8>,
    /// The host of the web client that it was made for.
    pub site: String,
    /// What its owner calls it.
    pub label: String,
    /// Public key, counter and flags.
    pub credential: String,
}

/// What was made with a passkey.
#[derive(Debug, Clone)]
pub struct Added {
    /// The passkey.
    pub passkey: Passkey,
    /// Recovery codes, when it is the first second factor of the account: shown once.
    pub recovery_codes: Vec<Secret>,
}

const COLUMNS: &str = "id, label, site, credential, created_at, last_used_at";

fn passkey(row: &Row<'_>) -> Result<Passkey> {
    Ok(Passkey {
        id: row.int(0)?,
        label: row.text(1)?,
        site: row.text(2)?,
        credential: row.text(3)?,
        created_at: row.int(4)?,
        last_used_at: row.opt_int(5)?,
    })
}

/// Keeps a passkey of one's own account.
///
/// # Errors
/// `Forbidden`, `Invalid` about the label, `Conflict` when it is kept already, `Limit` of passkeys.
pub fn add(edit: &mut Edit<'_, '_>, new: &NewPasskey) -> Result<Added> {
    let (ctx, organisation, now) = (edit.ctx(), edit.organisation(), edit.now_ms());
    let account = ctx.actor.account;
    let entry = require(edit, ctx, organisation, account)?;
    let label = codec::text::name("label", &new.label, ctx.limits.name_bytes)?;
    let (have, last) = edit.query_one(
        "SELECT count(*), coalesce(max(id), 0) FROM passkey WHERE account_id = $1",
        params![account],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    if u64::try_from(have).unwrap_or(u64::MAX) >= ctx.limits.passkeys_per_person {
        return Err(Error::limit("passkey", "are too many; remove one that is not used"));
    }
    let is_first = !codes::has_second_factor(edit, account)?;
    let added = edit.execute(
        "INSERT INTO passkey (account_id, id, organisation_id, credential_id, site, label, credential, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (credential_id) DO NOTHING",
        params![account, last + 1, organisation, new.credential_id.clone(), &new.site, &label, &new.credential, now],
    )?;
    if added == 0 {
        return Err(Error::conflict("passkey", "is here already; remove it first"));
    }
    edit.note(
        entry.kind.name(),
        account.0,
        What::Changed,
        format!("{}: passkey added: {label}", entry.address),
    );
    let recovery_codes = if is_first { codes::make_recovery_codes(edit, account)? } else { Vec::new() };
    let passkey = Passkey {
        id: last + 1,
        label,
        site: new.site.clone(),
        credential: new.credential.clone(),
        created_at: now,
        last_used_at: None,
    };
    Ok(Added { passkey, recovery_codes })
}

/// Calls a passkey something else.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about the label.
pub fn rename(edit: &mut Edit<'_, '_>, account: AccountId, id: i64, label: &str) -> Result<()> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    let entry = require(edit, ctx, organisation, account)?;
    let label = codec::text::name("label", label, ctx.limits.name_bytes)?;
    let renamed = edit.execute(
        "UPDATE passkey SET label = $3 WHERE account_id = $1 AND id = $2",
        params![account, id, &label],
    )?;
    if renamed == 0 {
        return Err(Error::not_found("passkey"));
    }
    edit.note(
        entry.kind.name(),
        account.0,
        What::Changed,
        format!("{}: passkey renamed: {label}", entry.address),
    );
    Ok(())
}

/// Removes a passkey: one's own, or another's with the right `account.password`. Recovery codes go with the last
/// second factor.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub fn remove(edit: &mut Edit<'_, '_>, account: AccountId, id: i64) -> Result<()> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    let entry = require(edit, ctx, organisation, account)?;
    let label = edit
        .query_opt(
            "SELECT label FROM passkey WHERE account_id = $1 AND id = $2",
            params![account, id],
            |row| row.text(0),
        )?
        .ok_or_else(|| Error::not_found("passkey"))?;
    edit.execute("DELETE FROM passkey WHERE account_id = $1 AND id = $2", params![account, id])?;
    codes::remove_recovery_codes_with_the_last(edit, account)?;
    edit.note(
        entry.kind.name(),
        account.0,
        What::Changed,
        format!("{}: passkey removed: {label}", entry.address),
    );
    Ok(())
}

/// The passkeys of an account.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub fn list(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    account: AccountId,
) -> Result<Vec<Passkey>> {
    require(tx, ctx, organisation, account)?;
    of(tx, account)
}

/// The passkeys that an account can log in with.
///
/// # Errors
/// Those of the database.
pub fn of(tx: &mut Read<'_>, account: AccountId) -> Result<Vec<Passkey>> {
    tx.query(
        &format!("SELECT {COLUMNS} FROM passkey WHERE account_id = $1 ORDER BY id"),
        params![account],
        passkey,
    )
}

/// Whose passkey a number is.
///
/// # Errors
/// Those of the database.
pub fn by_credential(tx: &mut Read<'_>, credential_id: &[u8]) -> Result<Option<(AccountId, Passkey)>> {
    tx.query_opt(
        &format!("SELECT {COLUMNS}, account_id FROM passkey WHERE credential_id = $1"),
        params![credential_id.to_vec()],
        |row| Ok((AccountId(row.int(6)?), passkey(row)?)),
    )
}

/// Notes that a passkey was used; `Forbidden` when it is gone meanwhile, or was used at the same time.
pub(crate) fn used(
    tx: &mut Tx<'_>,
    account: AccountId,
    before: &Passkey,
    credential: &str,
    now_ms: i64,
) -> Result<()> {
    let noted = tx.execute(
        "UPDATE passkey SET credential = $4, last_used_at = $5
         WHERE account_id = $1 AND id = $2 AND credential = $3",
        params![account, before.id, &before.credential, credential, now_ms],
    )?;
    if noted == 1 { Ok(()) } else { Err(Error::forbidden("credential", "is no passkey of this account")) }
}
