//! Providers that people log in at (OpenID Connect): what an organisation says of them, and who people are there.
//! The door that speaks the protocol checks what a provider tells; here it becomes an account, groups and roles.
//!
//! What must stay true here:
//! - A provider speaks for people of its organisation only.
//! - Someone is known by what the provider calls them for ever, never again by an address once they are linked.

mod arriving;
mod sessions;

use base::{AccountId, Ctx, Error, OrganisationId, Result, Secret};
use store::{Read, Row, params};

pub use arriving::{Claims, arrive, known, linked};
pub use sessions::{Origin, begin_session, end_sessions, origin};

use crate::edit::{Edit, What};
use crate::entries::{self, Kind as EntryKind};
use crate::fields::{self, Field, Given, Kind, Noun, Record};
use crate::organisations;
use crate::roles::{Place, Verb, grants};

/// What can be set on a provider.
pub static PROVIDER: Noun = Noun {
    name: "provider",
    table: "login_provider",
    organisation: "organisation_id",
    key: "id",
    fields: &[
        field("name", Kind::Name, "Unique in the organisation; shown where people log in."),
        field("issuer", Kind::Line, "Its address, exactly as it names itself."),
        field("client_id", Kind::Line, "What it calls this server."),
        field("scopes", Kind::Line, "What it is asked for, separated by spaces; `openid` must be there."),
        field("address_claim", Kind::Line, "The claim that names the address of an account."),
        field("group_claim", Kind::Line, "The claim that names groups."),
        field("trusts_addresses", Kind::Flag, "Addresses count without `email_verified`."),
        field("makes_people", Kind::Flag, "A person is made at the first login."),
        field(
            "token_audience",
            Kind::Line,
            "Audience of its access tokens that open IMAP, POP3, Sieve and submission; empty: none do.",
        ),
        field("introspects", Kind::Flag, "It is asked about access tokens that are not signed."),
    ],
};

const fn field(name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, column: name, kind, verb: Verb::OrganisationEdit, doc }
}

/// A provider as the door needs it.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Whose people log in there.
    pub organisation: OrganisationId,
    /// Unique in the organisation.
    pub id: i64,
    /// What people see.
    pub name: String,
    /// Its address, as it names itself.
    pub issuer: String,
    /// What it calls this server.
    pub client_id: String,
    /// What this server proves itself with; may be empty.
    pub client_secret: Secret,
    /// What it is asked for.
    pub scopes: String,
    /// The claim that names the address of an account.
    pub address_claim: String,
    /// The claim that names groups.
    pub group_claim: String,
    /// Addresses count without `email_verified`.
    pub trusts_addresses: bool,
    /// A person is made at the first login.
    pub makes_people: bool,
    /// The audience of access tokens that open doors of mail; empty: none do.
    pub token_audience: String,
    /// It is asked about access tokens that are not signed.
    pub introspects: bool,
}

const COLUMNS: &str = "organisation_id, id, name, issuer, client_id,
                       coalesce((SELECT s.secret FROM provider_secret s WHERE s.organisation_id = login_provider.organisation_id
                                 AND s.provider_id = login_provider.id), ''), scopes, address_claim, group_claim,
                       trusts_addresses, makes_people, token_audience, introspects";

fn provider(row: &Row<'_>) -> Result<Provider> {
    Ok(Provider {
        organisation: OrganisationId(row.int(0)?),
        id: row.int(1)?,
        name: row.text(2)?,
        issuer: row.text(3)?,
        client_id: row.text(4)?,
        client_secret: Secret::new(row.text(5)?),
        scopes: row.text(6)?,
        address_claim: row.text(7)?,
        group_claim: row.text(8)?,
        trusts_addresses: row.flag(9)?,
        makes_people: row.flag(10)?,
        token_audience: row.text(11)?,
        introspects: row.flag(12)?,
    })
}

/// Whoever says who a provider is, says who anybody is: that needs the right to set any password, too.
fn require(edit: &mut Edit<'_, '_>) -> Result<Place> {
    organisations::require_all(edit, Verb::AccountPassword, "provider")?;
    organisations::require_all(edit, Verb::OrganisationEdit, "provider")
}

/// Names a provider: what this server is registered with there follows in `given`.
///
/// # Errors
/// `Forbidden`, `Invalid`, `Conflict` when the name is taken.
pub fn create(
    edit: &mut Edit<'_, '_>,
    name: &str,
    issuer: &str,
    client_id: &str,
    given: Given<'_>,
) -> Result<i64> {
    let place = require(edit)?;
    let name = codec::text::name("name", name, edit.ctx().limits.name_bytes)?;
    check(given)?;
    check_issuer(issuer)?;
    let organisation = edit.organisation();
    if id_by_name(edit, organisation, &name)?.is_some() {
        return Err(Error::conflict("name", "is the name of another provider; choose another"));
    }
    let id = edit.next_id()?;
    edit.execute(
        "INSERT INTO login_provider (organisation_id, id, name, issuer, client_id, revision)
         VALUES ($1, $2, $3, $4, $5, 1)",
        params![organisation, id, &name, issuer, client_id],
    )?;
    edit.note("provider", id, What::Created, format!("{name}: {issuer}"));
    fields::set(edit, &PROVIDER, id, &name, &place, Some(Verb::OrganisationEdit), given)?;
    Ok(id)
}

/// Changes what is known of a provider.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about a field, `Conflict` when the new name is taken.
pub fn change(edit: &mut Edit<'_, '_>, id: i64, given: Given<'_>) -> Result<bool> {
    let place = require(edit)?;
    check(given)?;
    let label = PROVIDER.read(edit, place.organisation.0, id)?.text("name").to_owned();
    fields::set(edit, &PROVIDER, id, &label, &place, Some(Verb::OrganisationEdit), given)
}

fn check(given: Given<'_>) -> Result<()> {
    for (name, value) in given {
        match *name {
            "issuer" => check_issuer(value)?,
            "scopes" if !value.split(' ').any(|scope| scope == "openid") => {
                return Err(Error::invalid("scopes", "must hold openid"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Providers are spoken to over TLS; in clear only on the machine itself.
fn check_issuer(text: &str) -> Result<()> {
    let wrong = || Error::invalid("issuer", "is an address such as https://login.example.org/realms/us");
    let is_plain = !text.chars().any(|character| character.is_whitespace() || "?#@".contains(character));
    let host = text.strip_prefix("https://").or_else(|| {
        let rest = text.strip_prefix("http://")?;
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        matches!(host, "localhost" | "127.0.0.1").then_some(rest)
    });
    if is_plain && host.is_some_and(|host| !host.is_empty()) { Ok(()) } else { Err(wrong()) }
}

/// Sets what this server proves itself with; empty: nothing.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub fn set_secret(edit: &mut Edit<'_, '_>, id: i64, secret: &Secret) -> Result<()> {
    let place = require(edit)?;
    let label = PROVIDER.read(edit, place.organisation.0, id)?.text("name").to_owned();
    edit.execute(
        "DELETE FROM provider_secret WHERE organisation_id = $1 AND provider_id = $2",
        params![place.organisation, id],
    )?;
    if !secret.expose().is_empty() {
        edit.execute(
            "INSERT INTO provider_secret (organisation_id, provider_id, secret) VALUES ($1, $2, $3)",
            params![place.organisation, id, secret.expose()],
        )?;
    }
    edit.note("provider", id, What::Changed, format!("{label}: secret changed"));
    Ok(())
}

/// Forgets a provider, and who people are there. Their sessions go on.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub fn remove(edit: &mut Edit<'_, '_>, id: i64) -> Result<()> {
    let organisation = require(edit)?.organisation;
    let label = PROVIDER.read(edit, organisation.0, id)?.text("name").to_owned();
    for table in ["provider_secret", "provider_group", "provider_subject", "provider_session"] {
        edit.execute(
            &format!("DELETE FROM {table} WHERE organisation_id = $1 AND provider_id = $2"),
            params![organisation, id],
        )?;
    }
    edit.execute(
        "UPDATE login_provider SET revision = -1 WHERE organisation_id = $1 AND id = $2",
        params![organisation, id],
    )?;
    edit.execute(
        "DELETE FROM login_provider WHERE organisation_id = $1 AND id = $2",
        params![organisation, id],
    )?;
    edit.note("provider", id, What::Removed, label);
    Ok(())
}

/// A provider with its settings, without its secret.
///
/// # Errors
/// `NotFound`.
pub fn get(tx: &mut Read<'_>, ctx: &Ctx, organisation: OrganisationId, id: i64) -> Result<Record> {
    organisations::require_member(ctx, organisation, "provider")?;
    PROVIDER.read(tx, organisation.0, id)
}

/// The provider of that name.
///
/// # Errors
/// Those of the database.
pub fn id_by_name(tx: &mut Read<'_>, organisation: OrganisationId, name: &str) -> Result<Option<i64>> {
    tx.query_opt(
        "SELECT id FROM login_provider WHERE organisation_id = $1 AND name = $2",
        params![organisation, name.trim()],
        |row| row.int(0),
    )
}

/// Providers of an organisation that are looked at.
const MOST: i64 = 50;

/// The providers of an organisation by name, for the door: people who are not logged in yet see their names.
///
/// # Errors
/// Those of the database.
pub fn of_organisation(tx: &mut Read<'_>, organisation: OrganisationId) -> Result<Vec<Provider>> {
    tx.query(
        &format!("SELECT {COLUMNS} FROM login_provider WHERE organisation_id = $1 ORDER BY name LIMIT $2"),
        params![organisation, MOST],
        provider,
    )
}

/// The providers that a name can log in at: those of its domain, or of the only organisation that there is.
///
/// # Errors
/// Those of the database.
pub fn for_name(tx: &mut Read<'_>, name: &str) -> Result<Vec<Provider>> {
    let organisation = match name.rsplit_once('@') {
        Some((_, domain)) => tx.query_opt(
            "SELECT organisation_id FROM domain WHERE name = $1",
            params![domain.trim().to_lowercase()],
            |row| row.int(0),
        )?,
        None => match tx
            .query("SELECT id FROM organisation ORDER BY id LIMIT 2", params![], |row| row.int(0))?[..]
        {
            [only] => Some(only),
            _ => None,
        },
    };
    organisation.map_or_else(|| Ok(Vec::new()), |id| of_organisation(tx, OrganisationId(id)))
}

/// A provider, for the door.
///
/// # Errors
/// `NotFound`.
pub fn load(tx: &mut Read<'_>, organisation: OrganisationId, id: i64) -> Result<Provider> {
    tx.query_opt(
        &format!("SELECT {COLUMNS} FROM login_provider WHERE organisation_id = $1 AND id = $2"),
        params![organisation, id],
        provider,
    )?
    .ok_or_else(|| Error::not_found("provider"))
}

/// The providers behind an address: several organisations may use one.
///
/// # Errors
/// Those of the database.
pub fn by_issuer(tx: &mut Read<'_>, issuer: &str) -> Result<Vec<Provider>> {
    tx.query(
        &format!(
            "SELECT {COLUMNS} FROM login_provider WHERE issuer = $1 ORDER BY organisation_id, id LIMIT $2"
        ),
        params![issuer, MOST],
        provider,
    )
}

/// What a value of the group claim stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// A group that people with the value are in.
    Group(AccountId),
    /// A role that they have on the whole organisation.
    Role(i64),
}

impl Meant {
    const fn columns(self) -> (i64, i64) {
        match self {
            Self::Group(AccountId(id)) => (id, 0),
            Self::Role(id) => (0, id),
        }
    }
}

/// Says what a value of the group claim stands for.
///
/// # Errors
/// `Forbidden` for a role that the actor could not grant on the whole organisation, too; `NotFound` about the provider,
/// the group or the role; `Invalid` for an entry that is no group.
pub fn map(edit: &mut Edit<'_, '_>, id: i64, value: &str, meant: Meant) -> Result<()> {
    let organisation = require(edit)?.organisation;
    let label = PROVIDER.read(edit, organisation.0, id)?.text("name").to_owned();
    let value = codec::text::name("value", value, edit.ctx().limits.name_bytes)?;
    match meant {
        Meant::Group(group) => {
            let entry = entries::load(edit, organisation, group)?;
            if !matches!(entry.kind, EntryKind::Group | EntryKind::List) {
                return Err(Error::invalid("group", "is no group"));
            }
            organisations::require_all(edit, Verb::GroupMembers, "group")?;
        }
        Meant::Role(role) => grants::require_role(edit, role)?,
    }
    let (group, role) = meant.columns();
    edit.execute(
        "INSERT INTO provider_group (organisation_id, provider_id, value, group_id, role_id)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        params![organisation, id, &value, group, role],
    )?;
    edit.note("provider", id, What::Changed, format!("{label}: {value} is mapped"));
    Ok(())
}

/// Takes back what a value stands for; whoever has it keeps it.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub fn unmap(edit: &mut Edit<'_, '_>, id: i64, value: &str) -> Result<()> {
    let organisation = require(edit)?.organisation;
    let label = PROVIDER.read(edit, organisation.0, id)?.text("name").to_owned();
    let removed = edit.execute(
        "DELETE FROM provider_group WHERE organisation_id = $1 AND provider_id = $2 AND value = $3",
        params![organisation, id, value],
    )?;
    if removed == 0 {
        return Err(Error::not_found("value"));
    }
    edit.note("provider", id, What::Changed, format!("{label}: {value} is mapped no more"));
    Ok(())
}

/// What the values of the group claim stand for.
///
/// # Errors
/// Those of the database.
pub fn maps(tx: &mut Read<'_>, organisation: OrganisationId, id: i64) -> Result<Vec<(String, Meant)>> {
    tx.query(
        "SELECT value, group_id, role_id FROM provider_group
         WHERE organisation_id = $1 AND provider_id = $2 ORDER BY value, group_id, role_id",
        params![organisation, id],
        |row| {
            let (group, role) = (row.int(1)?, row.int(2)?);
            Ok((row.text(0)?, if role == 0 { Meant::Group(AccountId(group)) } else { Meant::Role(role) }))
        },
    )
}
