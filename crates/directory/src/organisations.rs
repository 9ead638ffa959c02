//! Organisations: the borders that no answer crosses.

use base::{AccountId, Ctx, Error, OrganisationId, Result};
use store::{Read, Tx, params};

use crate::edit::{Edit, What};
use crate::fields::{self, Field, Given, Kind, Noun, Record};
use crate::roles::{self, Place, Verb};

/// What can be set on an organisation.
pub static ORGANISATION: Noun = Noun {
    name: "organisation",
    table: "organisation",
    organisation: "id",
    key: "id",
    fields: &[
        field("display_name", "display_name", Kind::Line, "Name for people."),
        field(
            "state",
            "state",
            Kind::Choice(&["active", "locked", "closed"]),
            "`locked`: nobody logs in; `closed`: mail is refused too.",
        ),
        field("max_people", "max_people", Kind::Count, "People it may have."),
        field("max_quota_bytes", "max_quota_bytes", Kind::Bytes, "Largest quota that one account may have."),
        field("default_class", "default_class_id", Kind::Class, "Class of service of new accounts."),
        field(
            "pre_delete_days",
            "pre_delete_days",
            Kind::Days,
            "Days that a pre-deleted account can be restored.",
        ),
        field(
            "holds_addresses",
            "holds_addresses",
            Kind::Flag,
            "Whether addresses of pre-deleted accounts stay theirs.",
        ),
        field("note", "note", Kind::Note, "For administrators."),
    ],
};

const fn field(name: &'static str, column: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, column, kind, verb: Verb::OrganisationEdit, doc }
}

/// The id of an organisation that is to be created, before its account is made.
///
/// # Errors
/// `Forbidden` for all but the program itself, `Invalid`, `Conflict` when the name is taken.
pub(crate) fn reserve(tx: &mut Tx<'_>, ctx: &Ctx, name: &str) -> Result<OrganisationId> {
    if !ctx.actor.system {
        return Err(Error::forbidden("organisation", "is created at the machine only"));
    }
    let name = short_name(name)?;
    if by_name(tx, &name)?.is_some() {
        return Err(Error::conflict("name", "is the name of another organisation; choose another"));
    }
    tx.query_one("SELECT coalesce(max(id), 0) + 1 FROM organisation", [], |row| {
        Ok(OrganisationId(row.int(0)?))
    })
}

/// Writes the organisation that was reserved, with the account that keeps its history.
pub(crate) fn create(
    edit: &mut Edit<'_, '_>,
    account: AccountId,
    name: &str,
    given: Given<'_>,
) -> Result<OrganisationId> {
    let name = short_name(name)?;
    let (organisation, now) = (edit.organisation(), edit.now_ms());
    edit.execute(
        "INSERT INTO organisation (id, account_id, name, created_at, revision) VALUES ($1, $2, $3, $4, 1)",
        params![organisation, account, &name, now],
    )?;
    edit.execute(
        "INSERT INTO directory_counter (organisation_id, next_id) VALUES ($1, 1)",
        params![organisation],
    )?;
    edit.note("organisation", organisation.0, What::Created, name.clone());
    fields::set(edit, &ORGANISATION, organisation.0, &name, &Place::organisation(organisation), None, given)?;
    Ok(organisation)
}

/// Changes the settings of the organisation.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about a field.
pub fn change(edit: &mut Edit<'_, '_>, given: Given<'_>) -> Result<bool> {
    let organisation = edit.organisation();
    let name = name(edit, organisation)?;
    fields::set(edit, &ORGANISATION, organisation.0, &name, &Place::organisation(organisation), None, given)
}

/// An organisation with its settings.
///
/// # Errors
/// `NotFound` also for those of others.
pub fn get(tx: &mut Read<'_>, ctx: &Ctx, organisation: OrganisationId) -> Result<Record> {
    if !ctx.actor.system && ctx.actor.organisation != organisation {
        return Err(Error::not_found("organisation"));
    }
    ORGANISATION.read(tx, organisation.0, organisation.0)
}

/// The account that keeps the history of an organisation's directory.
///
/// # Errors
/// `NotFound`.
pub fn account(tx: &mut Read<'_>, organisation: OrganisationId) -> Result<AccountId> {
    tx.query_opt("SELECT account_id FROM organisation WHERE id = $1", params![organisation], |row| {
        Ok(AccountId(row.int(0)?))
    })?
    .ok_or_else(|| Error::not_found("organisation"))
}

/// The organisation of that name.
///
/// # Errors
/// Those of the database.
pub fn by_name(tx: &mut Read<'_>, name: &str) -> Result<Option<OrganisationId>> {
    tx.query_opt("SELECT id FROM organisation WHERE name = $1", params![name], |row| {
        Ok(OrganisationId(row.int(0)?))
    })
}

/// The name of an organisation.
///
/// # Errors
/// `NotFound`.
pub fn name(tx: &mut Read<'_>, organisation: OrganisationId) -> Result<String> {
    tx.query_opt("SELECT name FROM organisation WHERE id = $1", params![organisation], |row| row.text(0))?
        .ok_or_else(|| Error::not_found("organisation"))
}

/// All organisations by name, for the program itself and administrators at the machine; others see their own.
///
/// # Errors
/// Those of the database.
pub fn list(tx: &mut Read<'_>, ctx: &Ctx, after: &str) -> Result<Vec<(OrganisationId, String)>> {
    let limit = i64::try_from(ctx.limits.page_items).unwrap_or(i64::MAX);
    tx.query(
        "SELECT id, name FROM organisation WHERE name > $1 AND ($2 = 0 OR id = $2) ORDER BY name LIMIT $3",
        params![after, if ctx.actor.system { 0 } else { ctx.actor.organisation.0 }, limit],
        |row| Ok((OrganisationId(row.int(0)?), row.text(1)?)),
    )
}

/// Short names stand in commands and file names: lower-case letters, digits, `-` and `_`.
fn short_name(name: &str) -> Result<String> {
    let name = codec::text::name("name", name, 63)?;
    let fits =
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    if fits && !name.starts_with('-') {
        return Ok(name);
    }
    Err(Error::invalid("name", "has lower-case letters, digits, - and _ only; display_name takes the rest"))
}

/// Whether the actor may see the objects of `organisation` at all.
pub(crate) fn require_member(ctx: &Ctx, organisation: OrganisationId, what: &'static str) -> Result<()> {
    if ctx.actor.system || ctx.actor.organisation == organisation {
        return Ok(());
    }
    Err(Error::not_found(what))
}

/// The place of the organisation itself after asking for a right on all of it.
pub(crate) fn require_all(edit: &mut Edit<'_, '_>, verb: Verb, what: &'static str) -> Result<Place> {
    let place = Place::organisation(edit.organisation());
    let ctx = edit.ctx();
    roles::require(edit, ctx, verb, &place, what)?;
    Ok(place)
}
