//! People: who logs in and receives mail; and shared mailboxes and resources, which differ by little.

use base::{AccountId, Ctx, OrganisationId, Result};
use store::{Read, params};

use crate::credentials::{self, HashedPassword};
use crate::edit::Edit;
use crate::entries::{self, ENTRY, Entry, Kind, NewEntry};
use crate::fields::{self, Field, Given, Kind as FieldKind, Noun, Record};
use crate::roles::Verb;

/// What can be set on a person beside the fields of every entry.
pub static PERSON: Noun = Noun {
    name: "person",
    table: "person",
    organisation: "organisation_id",
    key: "account_id",
    fields: &[
        field("given_name", FieldKind::Line, "Given names."),
        field("family_name", FieldKind::Line, "Family name."),
        field("title", FieldKind::Line, "Function in the organisation."),
        field("telephone", FieldKind::Line, "As it is shown."),
        field("language", FieldKind::Choice(&["", "fr", "en"]), "Empty: the server's."),
        field("time_zone", FieldKind::Line, "A name such as Europe/Paris; empty: the server's."),
    ],
};

/// What can be set on a resource beside the fields of every entry.
pub static RESOURCE: Noun = Noun {
    name: "resource",
    table: "resource",
    organisation: "organisation_id",
    key: "account_id",
    fields: &[
        field("purpose", FieldKind::Choice(&["room", "vehicle", "equipment"]), "What it is."),
        field("capacity", FieldKind::Count, "People it holds."),
        field("location", FieldKind::Line, "Where it is."),
        field(
            "booking",
            FieldKind::Choice(&["free", "approval", "closed"]),
            "`free`: accepted when there is no conflict; `approval`: its manager decides; `closed`: declined.",
        ),
        field("max_minutes", FieldKind::Positive, "Longest booking."),
        field("horizon_days", FieldKind::Positive, "How far ahead it can be booked."),
        Field {
            name: "manager",
            column: "manager_id",
            kind: FieldKind::Entry,
            verb: Verb::AccountEdit,
            doc: "Who decides.",
        },
        field("description", FieldKind::Note, "Equipment, access."),
    ],
};

const fn field(name: &'static str, kind: FieldKind, doc: &'static str) -> Field {
    Field { name, column: name, kind, verb: Verb::AccountEdit, doc }
}

/// Creates a person; without a password nobody logs in until one is set.
///
/// # Errors
/// `Forbidden`, `Invalid` or `TooLarge` about a field, `Conflict` when the address is taken, `Limit` of people.
pub fn create(
    edit: &mut Edit<'_, '_>,
    new: &NewEntry<'_>,
    password: Option<&HashedPassword>,
    given: Given<'_>,
) -> Result<AccountId> {
    let entry = entries::create(edit, Kind::Person, new, given)?;
    let organisation = edit.organisation();
    edit.execute(
        "INSERT INTO person (account_id, organisation_id, revision) VALUES ($1, $2, 1)",
        params![entry.account, organisation],
    )?;
    set(edit, &entry, Some(Verb::AccountEdit), given)?;
    if let Some(password) = password {
        credentials::store_password(edit, &entry, password, false)?;
    }
    Ok(entry.account)
}

/// Creates a shared mailbox.
///
/// # Errors
/// As [`create`].
pub fn create_shared(edit: &mut Edit<'_, '_>, new: &NewEntry<'_>, given: Given<'_>) -> Result<AccountId> {
    let entry = entries::create(edit, Kind::Shared, new, given)?;
    set(edit, &entry, Some(Verb::AccountEdit), given)?;
    Ok(entry.account)
}

/// Creates a resource.
///
/// # Errors
/// As [`create`].
pub fn create_resource(edit: &mut Edit<'_, '_>, new: &NewEntry<'_>, given: Given<'_>) -> Result<AccountId> {
    let entry = entries::create(edit, Kind::Resource, new, given)?;
    let organisation = edit.organisation();
    edit.execute(
        "INSERT INTO resource (account_id, organisation_id, revision) VALUES ($1, $2, 1)",
        params![entry.account, organisation],
    )?;
    set(edit, &entry, Some(Verb::AccountEdit), given)?;
    Ok(entry.account)
}

/// Changes fields of a person, shared mailbox, resource, group, list or alias: those of every entry and those of
/// its kind. Each field asks for its own right.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` or `TooLarge` about a field.
pub fn change(edit: &mut Edit<'_, '_>, account: AccountId, given: Given<'_>) -> Result<bool> {
    let organisation = edit.organisation();
    crate::organisations::require_member(edit.ctx(), organisation, "account")?;
    let entry = entries::load(edit, organisation, account)?;
    set(edit, &entry, None, given)
}

/// The table of fields that an entry of this kind has beside [`ENTRY`].
pub fn own_noun(kind: Kind) -> Option<&'static Noun> {
    match kind {
        Kind::Person => Some(&PERSON),
        Kind::Resource => Some(&RESOURCE),
        Kind::Group | Kind::List => Some(&crate::groups::TEAM),
        Kind::Alias | Kind::Shared => None,
    }
}

/// Sets fields of an entry, whichever of its two tables they are in.
pub(crate) fn set(
    edit: &mut Edit<'_, '_>,
    entry: &Entry,
    implied: Option<Verb>,
    given: Given<'_>,
) -> Result<bool> {
    let own = own_noun(entry.kind);
    let is_own = |name: &str| own.is_some_and(|noun| noun.fields.iter().any(|field| field.name == name));
    let (own_fields, common): (Vec<_>, Vec<_>) = given.iter().copied().partition(|(name, _)| is_own(name));
    let mut changed = entries::set(edit, entry, implied, &common)?;
    if let Some(noun) = own {
        let place = entry.place();
        changed |= fields::set(edit, noun, entry.account.0, &entry.address, &place, implied, &own_fields)?;
    }
    Ok(changed)
}

/// An entry with the fields of every entry and those of its kind, if the actor may read it.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub fn get(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    account: AccountId,
) -> Result<(Entry, Vec<Record>)> {
    let (entry, record) = entries::get(tx, ctx, organisation, account)?;
    let mut records = vec![record];
    if let Some(noun) = own_noun(entry.kind) {
        records.push(noun.read(tx, organisation.0, account.0)?);
    }
    Ok((entry, records))
}

/// All fields that a person has, for commands and the header of an import.
pub fn all_fields() -> impl Iterator<Item = &'static Field> {
    ENTRY.fields.iter().chain(PERSON.fields)
}
