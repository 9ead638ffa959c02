//! Mail domains: own ones with their settings, and aliases of them.

use base::{Ctx, Error, OrganisationId, Result};
use store::{Read, params};

use crate::edit::{Edit, What};
use crate::fields::{self, Field, Given, Kind, Noun, Record};
use crate::organisations;
use crate::roles::{self, Place, Verb};

/// What can be set on a domain.
pub static DOMAIN: Noun = Noun {
    name: "domain",
    table: "domain",
    organisation: "organisation_id",
    key: "id",
    fields: &[
        field(
            "state",
            "state",
            Kind::Choice(&["active", "locked", "closed"]),
            "`locked`: no login with its addresses; `closed`: mail is refused too.",
        ),
        field("max_people", "max_people", Kind::Count, "People it may have."),
        field(
            "max_quota_bytes",
            "max_quota_bytes",
            Kind::Bytes,
            "Largest quota that one of its accounts may have.",
        ),
        field("default_class", "default_class_id", Kind::Class, "Class of service of its new accounts."),
        field(
            "password_days",
            "password_days",
            Kind::Positive,
            "Days a password lasts before it must be changed.",
        ),
        field("catch_all", "catch_all_id", Kind::Entry, "Who receives mail for unknown addresses."),
        field("detail_separator", "detail_separator", Kind::Separator, "`name+detail@` reaches `name@`."),
        field("relay_host", "relay_host", Kind::Host, "The server where unknown addresses live."),
        field("note", "note", Kind::Note, "For administrators."),
    ],
};

const fn field(name: &'static str, column: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, column, kind, verb: Verb::DomainEdit, doc }
}

/// A domain as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its id.
    pub id: i64,
    /// Its name in A-labels.
    pub name: String,
    /// The domain that it is an alias of.
    pub alias_of: Option<i64>,
}

/// Adds a domain that the organisation receives mail for.
///
/// # Errors
/// `Forbidden`, `Invalid`, `Conflict` when someone on this server has it already.
pub fn create(edit: &mut Edit<'_, '_>, name: &str, given: Given<'_>) -> Result<i64> {
    let id = insert(edit, name, None)?;
    let place = Place::domain(edit.organisation(), id);
    let name = self::name(edit, place.organisation, id)?;
    fields::set(edit, &DOMAIN, id, &name, &place, Some(Verb::DomainEdit), given)?;
    Ok(id)
}

/// Adds a domain where every address is the same address at another domain.
///
/// # Errors
/// As [`create`]; `Invalid` when the other domain is an alias itself.
pub fn create_alias(edit: &mut Edit<'_, '_>, name: &str, alias_of: i64) -> Result<i64> {
    let organisation = edit.organisation();
    let target = load(edit, organisation, alias_of)?;
    if target.alias_of.is_some() {
        return Err(Error::invalid(
            "alias_of",
            "is an alias of a domain itself; name the domain that it stands for",
        ));
    }
    insert(edit, name, Some(alias_of))
}

fn insert(edit: &mut Edit<'_, '_>, name: &str, alias_of: Option<i64>) -> Result<i64> {
    let organisation = organisations::require_all(edit, Verb::DomainCreate, "domain")?.organisation;
    let name = codec::domain::parse(name)
        .map_err(|fault| Error::new(Error::from(fault).meaning(), "name", fault.to_string()))?;
    let taken = edit.query_opt("SELECT 1 FROM domain WHERE name = $1", params![&name], |_| Ok(()))?;
    if taken.is_some() {
        return Err(Error::conflict("name", "is received for on this server already"));
    }
    let (id, now) = (edit.next_id()?, edit.now_ms());
    edit.execute(
        "INSERT INTO domain (organisation_id, id, name, alias_of_id, created_at, revision) VALUES ($1, $2, $3, $4, $5, 1)",
        params![organisation, id, &name, alias_of, now],
    )?;
    edit.note("domain", id, What::Created, name);
    Ok(id)
}

/// Changes the settings of a domain.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about a field.
pub fn change(edit: &mut Edit<'_, '_>, id: i64, given: Given<'_>) -> Result<bool> {
    let place = require(edit, Verb::DomainEdit, id)?;
    let name = name(edit, place.organisation, id)?;
    fields::set(edit, &DOMAIN, id, &name, &place, Some(Verb::DomainEdit), given)
}

/// Removes a domain that nothing refers to any more.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Conflict` while it has addresses, aliases or grants.
pub fn remove(edit: &mut Edit<'_, '_>, id: i64) -> Result<()> {
    let organisation = require(edit, Verb::DomainDelete, id)?.organisation;
    let name = name(edit, organisation, id)?;
    let used = edit.query_opt(
        "SELECT 1 FROM address WHERE organisation_id = $1 AND domain_id = $2
         UNION ALL SELECT 1 FROM entry WHERE organisation_id = $1 AND domain_id = $2
         UNION ALL SELECT 1 FROM domain WHERE organisation_id = $1 AND alias_of_id = $2
         UNION ALL SELECT 1 FROM role_grant WHERE organisation_id = $1 AND scope = 'domain' AND scope_id = $2 LIMIT 1",
        params![organisation, id],
        |_| Ok(()),
    )?;
    if used.is_some() {
        return Err(Error::conflict("domain", "still has addresses, aliases or grants; remove them first"));
    }
    edit.execute(
        "UPDATE domain SET revision = -1 WHERE organisation_id = $1 AND id = $2",
        params![organisation, id],
    )?;
    edit.execute("DELETE FROM domain WHERE organisation_id = $1 AND id = $2", params![organisation, id])?;
    edit.note("domain", id, What::Removed, name);
    Ok(())
}

/// A domain with its settings.
///
/// # Errors
/// `NotFound`.
pub fn get(tx: &mut Read<'_>, ctx: &Ctx, organisation: OrganisationId, id: i64) -> Result<Record> {
    organisations::require_member(ctx, organisation, "domain")?;
    DOMAIN.read(tx, organisation.0, id)
}

/// The domains of an organisation by name, from after a name on.
///
/// # Errors
/// `NotFound` about another organisation.
pub fn list(tx: &mut Read<'_>, ctx: &Ctx, organisation: OrganisationId, after: &str) -> Result<Vec<Domain>> {
    organisations::require_member(ctx, organisation, "organisation")?;
    tx.query(
        "SELECT id, name, alias_of_id FROM domain WHERE organisation_id = $1 AND name > $2 ORDER BY name LIMIT $3",
        params![organisation, after, i64::try_from(ctx.limits.page_items).unwrap_or(i64::MAX)],
        |row| Ok(Domain { id: row.int(0)?, name: row.text(1)?, alias_of: row.opt_int(2)? }),
    )
}

/// The organisation that acts for a domain: its own; for a domain that nobody here has the first one.
///
/// # Errors
/// `NotFound` when there is no organisation at all.
pub fn organisation_for(tx: &mut Read<'_>, name: &str) -> Result<OrganisationId> {
    let own = tx.query_opt("SELECT organisation_id FROM domain WHERE name = $1", params![name], |row| {
        Ok(OrganisationId(row.int(0)?))
    })?;
    match own {
        Some(own) => Ok(own),
        None => tx
            .query_opt("SELECT id FROM organisation ORDER BY id LIMIT 1", params![], |row| {
                Ok(OrganisationId(row.int(0)?))
            })?
            .ok_or_else(|| Error::not_found("organisation")),
    }
}

/// Whether mail is received for a domain; `name` in lower case.
///
/// # Errors
/// Those of the database.
pub fn is_received_for(tx: &mut Read<'_>, name: &str) -> Result<bool> {
    let found = tx.query_opt("SELECT 1 FROM postfix_domains WHERE name = $1", params![name], |_| Ok(()))?;
    Ok(found.is_some())
}

/// The domain of that name, in whatever form it is written.
///
/// # Errors
/// Those of the database.
pub fn by_name(tx: &mut Read<'_>, organisation: OrganisationId, name: &str) -> Result<Option<Domain>> {
    let Ok(name) = codec::domain::parse(name) else { return Ok(None) };
    tx.query_opt(
        "SELECT id, name, alias_of_id FROM domain WHERE organisation_id = $1 AND name = $2",
        params![organisation, name],
        |row| Ok(Domain { id: row.int(0)?, name: row.text(1)?, alias_of: row.opt_int(2)? }),
    )
}

/// A domain of the organisation by its id.
pub(crate) fn load(tx: &mut Read<'_>, organisation: OrganisationId, id: i64) -> Result<Domain> {
    tx.query_opt(
        "SELECT id, name, alias_of_id FROM domain WHERE organisation_id = $1 AND id = $2",
        params![organisation, id],
        |row| Ok(Domain { id: row.int(0)?, name: row.text(1)?, alias_of: row.opt_int(2)? }),
    )?
    .ok_or_else(|| Error::not_found("domain"))
}

fn name(tx: &mut Read<'_>, organisation: OrganisationId, id: i64) -> Result<String> {
    load(tx, organisation, id).map(|domain| domain.name)
}

fn require(edit: &mut Edit<'_, '_>, verb: Verb, id: i64) -> Result<Place> {
    let (ctx, place) = (edit.ctx(), Place::domain(edit.organisation(), id));
    load(edit, place.organisation, id)?;
    roles::require(edit, ctx, verb, &place, "domain")?;
    Ok(place)
}
