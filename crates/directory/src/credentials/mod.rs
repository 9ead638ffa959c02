//! What proves who someone is: passwords, app passwords, one-time codes.

pub mod app;
pub mod codes;
mod hashing;
mod legacy;
pub mod passkeys;
pub(crate) mod scram;
mod verified;

use base::{AccountId, Ctx, Error, Meaning, OrganisationId, Result, Secret};
pub use hashing::{Costs, HashedPassword, Hasher};
pub use scram::{SCRAM_ITERATIONS, ScramKeys};
use store::{Read, params};

use crate::edit::{Edit, What};
use crate::entries::{self, Entry, Kind};
use crate::organisations;
use crate::roles::{self, Verb};

/// Refuses passwords that cannot be right: too long to be hashed, too short to be safe, or not text.
///
/// # Errors
/// `Invalid` or `TooLarge` about the password.
pub fn check_password(ctx: &Ctx, password: &Secret) -> Result<()> {
    let text = password.expose();
    let most = ctx.limits.password_bytes;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > most {
        return Err(Error::too_large("password", format!("has at most {most} bytes")));
    }
    let least = ctx.limits.password_least_characters;
    if u64::try_from(text.chars().count()).unwrap_or(u64::MAX) < least {
        return Err(Error::invalid(
            "password",
            format!("has at least {least} characters; choose a longer one"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid("password", "holds a control character"));
    }
    Ok(())
}

/// Sets the password of an account; open sessions end. `must_change`: it is good for one login, to set another.
///
/// # Errors
/// `Forbidden`, `NotFound`; `Invalid` for an entry that nobody logs in to.
pub fn set_password(
    edit: &mut Edit<'_, '_>,
    account: AccountId,
    password: &HashedPassword,
    must_change: bool,
) -> Result<()> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    organisations::require_member(ctx, organisation, "account")?;
    let entry = entries::load(edit, organisation, account)?;
    roles::require(edit, ctx, Verb::AccountPassword, &entry.place(), "account")?;
    replace_password(edit, &entry, password, must_change)
}

/// Sets one's own password; the door has checked the old one in the same request.
///
/// # Errors
/// `Forbidden` for another's account, `NotFound`.
pub fn set_own_password(edit: &mut Edit<'_, '_>, password: &HashedPassword) -> Result<()> {
    let (actor, organisation) = (&edit.ctx().actor, edit.organisation());
    if actor.organisation != organisation || actor.account.0 == 0 {
        return Err(Error::not_found("account"));
    }
    let entry = entries::load(edit, organisation, actor.account)?;
    replace_password(edit, &entry, password, false)
}

fn replace_password(
    edit: &mut Edit<'_, '_>,
    entry: &Entry,
    password: &HashedPassword,
    must_change: bool,
) -> Result<()> {
    store_password(edit, entry, password, must_change)?;
    crate::sessions::end_all_of(edit, entry.account)?;
    edit.note(
        entry.kind.name(),
        entry.account.0,
        What::Changed,
        format!("{}: password changed", entry.address),
    );
    Ok(())
}

/// Writes a password without asking for a right.
pub(crate) fn store_password(
    edit: &mut Edit<'_, '_>,
    entry: &Entry,
    password: &HashedPassword,
    must_change: bool,
) -> Result<()> {
    if !matches!(entry.kind, Kind::Person | Kind::Shared | Kind::Resource) {
        return Err(Error::new(
            Meaning::Invalid,
            "password",
            "is for people, shared mailboxes and resources only",
        ));
    }
    let now = edit.now_ms();
    edit.later(
        "INSERT INTO password (account_id, organisation_id, hash, changed_at, must_change, revision)
         VALUES ($1, $2, $3, $4, $5, 1)
         ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at,
                must_change = excluded.must_change, revision = password.revision + 1",
        params![entry.account, entry.organisation, password.as_str(), now, must_change],
    )?;
    match password.scram() {
        Some(keys) => scram::store(edit, entry.organisation, entry.account, password.as_str(), keys),
        // A hash that was taken over: what there was is void beside it.
        None => Ok(()),
    }
}

/// The stored hash of an account's password, if it has one.
pub(crate) fn hash_of(tx: &mut Read<'_>, account: AccountId) -> Result<Option<String>> {
    tx.query_opt("SELECT hash FROM password WHERE account_id = $1", params![account], |row| row.text(0))
}

/// The right to see or remove the credentials of an account: its owner's, or `account.password`.
pub(crate) fn require(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    account: AccountId,
) -> Result<Entry> {
    organisations::require_member(ctx, organisation, "account")?;
    let entry = entries::load(tx, organisation, account)?;
    roles::require_unless_own(tx, ctx, Verb::AccountPassword, &entry.place(), "account")?;
    Ok(entry)
}
