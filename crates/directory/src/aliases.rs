//! Addresses of entries: aliases, temporary addresses, the primary one; aliases with several targets; forwards.

use base::{AccountId, Ctx, Error, OrganisationId, Result};
use store::{Read, params};

use crate::edit::{Edit, What};
use crate::entries::{self, Entry, Kind, NewEntry};
use crate::fields::Given;
use crate::links::{self, Target};
use crate::organisations;
use crate::people;
use crate::roles::{self, Verb};

/// An address of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedAddress {
    /// The address as it is stored.
    pub address: String,
    /// `primary`, `alias` or `temporary`.
    pub kind: String,
    /// When a temporary address ends.
    pub expires_at: Option<i64>,
    /// What it was made for.
    pub note: String,
}

/// Adds an alias; with a time it is a temporary address that ends then.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about the address, `Conflict` when it is taken, `Limit` of aliases.
pub fn add(
    edit: &mut Edit<'_, '_>,
    account: AccountId,
    address: &str,
    expires_at: Option<i64>,
    note: &str,
) -> Result<String> {
    let entry = require(edit, account)?;
    let (organisation, now) = (entry.organisation, edit.now_ms());
    let own = entries::own_address(edit, organisation, address)?;
    let note = codec::text::optional_name("note", note, edit.ctx().limits.name_bytes)?;
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Error::invalid("expires_at", "is in the past"));
    }
    entries::check_free(edit, &own.address)?;
    check_room(edit, &entry)?;
    let kind = if expires_at.is_some() { "temporary" } else { "alias" };
    edit.execute(
        "INSERT INTO address (address, organisation_id, domain_id, account_id, kind, expires_at, note, created_at, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)",
        params![&own.address, organisation, own.domain_id, account, kind, expires_at, note, now],
    )?;
    let detail = format!("{}: {kind} added: {}", entry.address, own.address);
    edit.note(entry.kind.name(), account.0, What::Changed, detail);
    Ok(own.address)
}

fn check_room(edit: &mut Edit<'_, '_>, entry: &Entry) -> Result<()> {
    let (have, of_class) = edit.query_one(
        "SELECT (SELECT count(*) FROM address WHERE account_id = $1 AND kind <> 'primary'),
                (SELECT max_aliases FROM class_of_service WHERE organisation_id = $2 AND id = $3)",
        params![entry.account, entry.organisation, entry.class_id],
        |row| Ok((row.int(0)?, row.opt_int(1)?)),
    )?;
    let most = i64::try_from(edit.ctx().limits.aliases_per_person).unwrap_or(i64::MAX);
    let most = of_class.map_or(most, |of_class| of_class.min(most));
    if have >= most {
        return Err(Error::limit("address", format!("has at most {most} aliases; remove one first")));
    }
    Ok(())
}

/// Removes an alias or a temporary address of an entry.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Conflict` for a primary address.
pub fn remove(edit: &mut Edit<'_, '_>, account: AccountId, address: &str) -> Result<()> {
    let entry = require(edit, account)?;
    let own = entries::own_address(edit, entry.organisation, address)?;
    let kind = edit
        .query_opt(
            "SELECT kind FROM address WHERE address = $1 AND account_id = $2",
            params![&own.address, account],
            |row| row.text(0),
        )?
        .ok_or_else(|| Error::not_found("address"))?;
    if kind == "primary" {
        return Err(Error::conflict("address", "is the primary one; make another one primary first"));
    }
    delete(edit, &own.address)?;
    let detail = format!("{}: {kind} removed: {}", entry.address, own.address);
    edit.note(entry.kind.name(), account.0, What::Changed, detail);
    Ok(())
}

fn delete(edit: &mut Edit<'_, '_>, address: &str) -> Result<()> {
    edit.execute("UPDATE address SET revision = -1 WHERE address = $1", params![address])?;
    edit.execute("DELETE FROM address WHERE address = $1", params![address]).map(|_| ())
}

/// Makes an address the primary one; the one before stays as an alias. The new one may be an alias of the entry
/// already, or a free address.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about the address, `Conflict` when it is another's.
pub fn set_primary(edit: &mut Edit<'_, '_>, account: AccountId, address: &str) -> Result<()> {
    let entry = require(edit, account)?;
    let (organisation, now) = (entry.organisation, edit.now_ms());
    let own = entries::own_address(edit, organisation, address)?;
    if own.address == entry.address {
        return Ok(());
    }
    let owner =
        edit.query_opt("SELECT account_id FROM address WHERE address = $1", params![&own.address], |row| {
            Ok(AccountId(row.int(0)?))
        })?;
    if owner.is_some_and(|owner| owner != account) {
        return Err(Error::conflict("address", "is taken; choose another"));
    }
    if own.domain_id != entry.domain_id {
        let place = roles::Place { domain: own.domain_id, ..entry.place() };
        let ctx = edit.ctx();
        let allowed = roles::require(edit, ctx, Verb::AddressEdit, &place, "domain")?;
        if entry.kind == Kind::Person {
            entries::check_room(edit, &place, &allowed)?;
        }
    }
    edit.execute(
        "UPDATE address SET kind = 'alias', revision = revision + 1 WHERE address = $1",
        params![&entry.address],
    )?;
    edit.execute(
        "INSERT INTO address (address, organisation_id, domain_id, account_id, kind, created_at, revision)
         VALUES ($1, $2, $3, $4, 'primary', $5, 1)
         ON CONFLICT (address) DO UPDATE SET kind = 'primary', expires_at = NULL, revision = address.revision + 1",
        params![&own.address, organisation, own.domain_id, account, now],
    )?;
    edit.execute(
        "UPDATE entry SET address = $2, domain_id = $3, revision = revision + 1 WHERE account_id = $1",
        params![account, &own.address, own.domain_id],
    )?;
    let detail = format!("{}: address: {} -> {}", entry.address, entry.address, own.address);
    edit.note(entry.kind.name(), account.0, What::Changed, detail);
    Ok(())
}

/// The addresses of an entry, the primary one first.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub fn list(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    account: AccountId,
) -> Result<Vec<OwnedAddress>> {
    organisations::require_member(ctx, organisation, "account")?;
    let entry = entries::load(tx, organisation, account)?;
    roles::require_unless_own(tx, ctx, Verb::AccountRead, &entry.place(), "account")?;
    tx.query(
        "SELECT address, kind, expires_at, note FROM address WHERE account_id = $1
         ORDER BY CASE kind WHEN 'primary' THEN 0 ELSE 1 END, address",
        params![account],
        |row| {
            Ok(OwnedAddress {
                address: row.text(0)?,
                kind: row.text(1)?,
                expires_at: row.opt_int(2)?,
                note: row.text(3)?,
            })
        },
    )
}

/// Creates an alias that reaches several targets: accounts of the organisation and outside addresses.
///
/// # Errors
/// `Forbidden`, `Invalid` about an address or a ring, `Conflict` when the address is taken, `Limit`.
pub fn create(
    edit: &mut Edit<'_, '_>,
    new: &NewEntry<'_>,
    targets: &[&str],
    given: Given<'_>,
) -> Result<AccountId> {
    let entry = entries::create(edit, Kind::Alias, new, given)?;
    people::set(edit, &entry, Some(Verb::AccountEdit), given)?;
    put_targets(edit, &entry, targets)?;
    Ok(entry.account)
}

/// Replaces the targets of an alias, or the forwards of a person, shared mailbox or resource. With the field
/// `keeps_copy` a person says whether mail stays in the mailbox too.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about an address or a ring, `Limit`.
pub fn set_targets(edit: &mut Edit<'_, '_>, account: AccountId, targets: &[&str]) -> Result<()> {
    let entry = require(edit, account)?;
    if matches!(entry.kind, Kind::Group | Kind::List) {
        return Err(Error::invalid("target", "a group or list has members instead"));
    }
    put_targets(edit, &entry, targets)
}

fn put_targets(edit: &mut Edit<'_, '_>, entry: &Entry, texts: &[&str]) -> Result<()> {
    let most = usize::try_from(edit.ctx().limits.shares_per_collection).unwrap_or(usize::MAX);
    if texts.len() > most {
        return Err(Error::limit("target", format!("has at most {most} targets; use a list for more")));
    }
    if entry.kind == Kind::Alias && texts.is_empty() {
        return Err(Error::invalid("target", "is missing; an alias has at least one"));
    }
    let targets = links::find(edit, "target", texts)?;
    links::check_no_ring(edit, "target", entry.account, &targets)?;
    check_outside(edit, entry, &targets)?;
    edit.execute("UPDATE redirect SET revision = -1 WHERE account_id = $1", params![entry.account])?;
    edit.execute("DELETE FROM redirect WHERE account_id = $1", params![entry.account])?;
    for target in &targets {
        let (account, address) = target.columns();
        edit.later(
            "INSERT INTO redirect (account_id, target_id, target_address, organisation_id, revision)
             VALUES ($1, $2, $3, $4, 1)",
            params![entry.account, account, address, entry.organisation],
        )?;
    }
    let shown = links::shown(edit, &targets)?;
    let detail = format!("{}: targets: {}", entry.address, if shown.is_empty() { "none" } else { &shown });
    edit.note(entry.kind.name(), entry.account.0, What::Changed, detail);
    Ok(())
}

/// A class of service may keep mail inside the organisation.
fn check_outside(edit: &mut Edit<'_, '_>, entry: &Entry, targets: &[Target]) -> Result<()> {
    if !targets.iter().any(|target| matches!(target, Target::Outside(_))) {
        return Ok(());
    }
    let allowed = edit.query_opt(
        "SELECT forward_outside FROM class_of_service WHERE organisation_id = $1 AND id = $2",
        params![entry.organisation, entry.class_id],
        |row| row.flag(0),
    )?;
    if allowed == Some(false) {
        return Err(Error::forbidden(
            "target",
            "is outside; the class of service keeps mail inside the organisation",
        ));
    }
    Ok(())
}

/// The targets of an alias, or the forwards of another entry.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub fn targets(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    account: AccountId,
) -> Result<Vec<Target>> {
    organisations::require_member(ctx, organisation, "account")?;
    let entry = entries::load(tx, organisation, account)?;
    roles::require_unless_own(tx, ctx, Verb::AccountRead, &entry.place(), "account")?;
    tx.query(
        "SELECT target_id, target_address FROM redirect WHERE account_id = $1 ORDER BY target_id, target_address",
        params![account],
        |row| Ok(Target::from_columns(row.int(0)?, row.str(1)?)),
    )
}

/// Removes temporary addresses of the organisation that ended; how many. They stopped working by themselves.
///
/// # Errors
/// Those of the database.
pub fn remove_expired(edit: &mut Edit<'_, '_>) -> Result<usize> {
    let (organisation, now) = (edit.organisation(), edit.now_ms());
    let most = i64::try_from(edit.ctx().limits.batch_items).unwrap_or(i64::MAX);
    let ended = edit.query(
        "SELECT a.address, e.account_id, e.kind, e.address FROM address a JOIN entry e ON e.account_id = a.account_id
         WHERE a.organisation_id = $1 AND a.expires_at <= $2 LIMIT $3",
        params![organisation, now, most],
        |row| Ok((row.text(0)?, row.int(1)?, Kind::from_name(row.str(2)?)?, row.text(3)?)),
    )?;
    for (address, account, kind, primary) in &ended {
        delete(edit, address)?;
        edit.note(kind.name(), *account, What::Changed, format!("{primary}: temporary ended: {address}"));
    }
    Ok(ended.len())
}

/// The right on an entry's addresses; those of aliases belong to who keeps groups.
fn require(edit: &mut Edit<'_, '_>, account: AccountId) -> Result<Entry> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    organisations::require_member(ctx, organisation, "account")?;
    let entry = entries::load(edit, organisation, account)?;
    let verb = if entry.kind == Kind::Alias { Verb::GroupMembers } else { Verb::AddressEdit };
    roles::require(edit, ctx, verb, &entry.place(), "account")?;
    Ok(entry)
}
