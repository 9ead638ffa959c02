//! App passwords: one for each program or device, 128 random bits, shown once. A quick hash is enough for them.

use base::{AccountId, Ctx, Door, Error, OrganisationId, Result, Secret};
use store::{Read, Tx, params};

use super::require;
use crate::edit::{Edit, What};

/// The doors that an app password can be made for.
pub const DOORS: [Door; 6] = [Door::Jmap, Door::Imap, Door::Pop3, Door::Submission, Door::Sieve, Door::Dav];

/// An app password as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPassword {
    /// Unique in the account.
    pub id: i64,
    /// The program or device it is for.
    pub label: String,
    /// The doors it opens; empty: all that take passwords.
    pub doors: Vec<Door>,
    /// When it was made.
    pub created_at: i64,
    /// When it last opened a door, within an hour.
    pub last_used_at: Option<i64>,
    /// When it ends.
    pub expires_at: Option<i64>,
}

/// The hash of an app password: bound to its account.
pub(crate) fn hash(account: AccountId, password: &str) -> [u8; 32] {
    // People type what they see in groups: spaces and dashes are no part of it.
    let plain: String = password.chars().filter(|character| !matches!(character, ' ' | '-')).collect();
    blake3::Hasher::new_derive_key("beffroi app password 1")
        .update(&account.0.to_le_bytes())
        .update(plain.as_bytes())
        .finalize()
        .into()
}

/// Makes an app password: 26 letters and digits in groups. It is shown once and stored nowhere.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about the label, `Limit` of app passwords.
pub fn create(
    edit: &mut Edit<'_, '_>,
    account: AccountId,
    label: &str,
    doors: &[Door],
    expires_at: Option<i64>,
) -> Result<(i64, Secret)> {
    let (ctx, organisation, now) = (edit.ctx(), edit.organisation(), edit.now_ms());
    let entry = require(edit, ctx, organisation, account)?;
    let label = codec::text::name("label", label, ctx.limits.name_bytes)?;
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Error::invalid("expires_at", "is in the past"));
    }
    let (have, last) = edit.query_one(
        "SELECT count(*), coalesce(max(id), 0) FROM app_password WHERE account_id = $1",
        params![account],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    if u64::try_from(have).unwrap_or(u64::MAX) >= ctx.limits.app_passwords_per_person {
        return Err(Error::limit("app_password", "are too many; remove one that is not used"));
    }
    // 26 characters of 5 bits: 130 bits.
    let plain = ctx.random.readable(26);
    let names: Vec<_> = doors.iter().map(|door| door.name()).collect();
    edit.execute(
        "INSERT INTO app_password (account_id, id, organisation_id, hash, label, doors, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![account, last + 1, organisation, hash(account, &plain), &label, names.join(" "), now, expires_at],
    )?;
    edit.note(
        entry.kind.name(),
        account.0,
        What::Changed,
        format!("{}: app password added: {label}", entry.address),
    );
    let groups: Vec<&str> =
        plain.as_bytes().chunks(5).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    Ok((last + 1, Secret::new(groups.join("-"))))
}

/// Removes an app password, and ends the sessions that it opened.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub fn remove(edit: &mut Edit<'_, '_>, account: AccountId, id: i64) -> Result<()> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    let entry = require(edit, ctx, organisation, account)?;
    let label = edit
        .query_opt(
            "SELECT label FROM app_password WHERE account_id = $1 AND id = $2",
            params![account, id],
            |row| row.text(0),
        )?
        .ok_or_else(|| Error::not_found("app password"))?;
    edit.execute("DELETE FROM app_password WHERE account_id = $1 AND id = $2", params![account, id])?;
    let now = edit.now_ms();
    edit.execute(
        "UPDATE session SET ended_at = $3 WHERE ended_at IS NULL AND id IN
             (SELECT session_id FROM app_session WHERE account_id = $1 AND app_password_id = $2)",
        params![account, id, now],
    )?;
    edit.execute(
        "DELETE FROM app_session WHERE account_id = $1 AND app_password_id = $2",
        params![account, id],
    )?;
    edit.note(
        entry.kind.name(),
        account.0,
        What::Changed,
        format!("{}: app password removed: {label}", entry.address),
    );
    Ok(())
}

/// The app passwords of an account.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub fn list(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    account: AccountId,
) -> Result<Vec<AppPassword>> {
    require(tx, ctx, organisation, account)?;
    tx.query(
        "SELECT id, label, doors, created_at, last_used_at, expires_at FROM app_password
         WHERE account_id = $1 ORDER BY id",
        params![account],
        |row| {
            Ok(AppPassword {
                id: row.int(0)?,
                label: row.text(1)?,
                doors: doors(row.str(2)?),
                created_at: row.int(3)?,
                last_used_at: row.opt_int(4)?,
                expires_at: row.opt_int(5)?,
            })
        },
    )
}

fn doors(names: &str) -> Vec<Door> {
    names.split(' ').filter_map(|name| Door::ALL.into_iter().find(|door| door.name() == name)).collect()
}

/// The app password of an account that a password is, if it opens this door now: its id, and when it was last
/// used.
pub(crate) fn find(
    tx: &mut Read<'_>,
    account: AccountId,
    password: &str,
    door: Door,
    now_ms: i64,
) -> Result<Option<(i64, Option<i64>)>> {
    let found = tx.query_opt(
        "SELECT id, doors, last_used_at, expires_at FROM app_password WHERE account_id = $1 AND hash = $2",
        params![account, hash(account, password)],
        |row| Ok((row.int(0)?, doors(row.str(1)?), row.opt_int(2)?, row.opt_int(3)?)),
    )?;
    Ok(found
        .filter(|(_, doors, _, expires_at)| {
            (doors.is_empty() || doors.contains(&door)) && expires_at.is_none_or(|at| at > now_ms)
        })
        .map(|(id, _, last_used_at, _)| (id, last_used_at)))
}

/// Notes that an app password was used.
pub(crate) fn touch(tx: &mut Tx<'_>, account: AccountId, id: i64, now_ms: i64) -> Result<()> {
    tx.later(
        "UPDATE app_password SET last_used_at = $3 WHERE account_id = $1 AND id = $2",
        params![account, id, now_ms],
    )
}
