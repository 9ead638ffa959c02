//! Classes of service: what the accounts that have one may use, and how much.

use base::{Ctx, Error, OrganisationId, Result};
use store::{Read, params};

use crate::edit::{Edit, What};
use crate::fields::{self, Field, Given, Kind, Noun, Record};
use crate::organisations;
use crate::roles::Verb;

/// What can be set on a class of service.
pub static CLASS: Noun = Noun {
    name: "class",
    table: "class_of_service",
    organisation: "organisation_id",
    key: "id",
    fields: &[
        field("name", Kind::Name, "Unique in the organisation."),
        field("quota_bytes", Kind::Bytes, "Bytes of an account without a quota of its own."),
        field("max_message_bytes", Kind::Positive, "Largest message an account may send."),
        field("max_aliases", Kind::Count, "Aliases of one account."),
        field("retention_days", Kind::Positive, "Days that versions and destroyed items are kept."),
        field("webmail", Kind::Flag, "Web client and JMAP."),
        field("imap", Kind::Flag, "IMAP."),
        field("pop3", Kind::Flag, "POP3."),
        field("submission", Kind::Flag, "Sending with a mail program."),
        field("sieve", Kind::Flag, "Filters of its own."),
        field("dav", Kind::Flag, "CalDAV, CardDAV and WebDAV."),
        field("mobile", Kind::Flag, "Synchronisation of telephones."),
        field("calendar", Kind::Flag, "Calendars."),
        field("contacts", Kind::Flag, "Address books."),
        field("files", Kind::Flag, "Files."),
        field("crm", Kind::Flag, "Customer records."),
        field("forward_outside", Kind::Flag, "Forwarding to outside addresses."),
        field("price_cents", Kind::Amount, "Price of one account a month, in cents."),
        field("note", Kind::Note, "For administrators."),
    ],
};

const fn field(name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, column: name, kind, verb: Verb::ClassEdit, doc }
}

/// Creates a class of service.
///
/// # Errors
/// `Forbidden`, `Invalid`, `Conflict` when the name is taken.
pub fn create(edit: &mut Edit<'_, '_>, name: &str, given: Given<'_>) -> Result<i64> {
    let place = organisations::require_all(edit, Verb::ClassEdit, "class")?;
    let name = codec::text::name("name", name, edit.ctx().limits.name_bytes)?;
    let organisation = edit.organisation();
    if id_by_name(edit, organisation.0, &name)?.is_some() {
        return Err(Error::conflict("name", "is the name of another class of service; choose another"));
    }
    let id = edit.next_id()?;
    edit.execute(
        "INSERT INTO class_of_service (organisation_id, id, name, revision) VALUES ($1, $2, $3, 1)",
        params![organisation, id, &name],
    )?;
    edit.note("class", id, What::Created, name.clone());
    fields::set(edit, &CLASS, id, &name, &place, Some(Verb::ClassEdit), given)?;
    Ok(id)
}

/// Changes a class of service: what it gives changes for all its accounts at once.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about a field, `Conflict` when the new name is taken.
pub fn change(edit: &mut Edit<'_, '_>, id: i64, given: Given<'_>) -> Result<bool> {
    let place = organisations::require_all(edit, Verb::ClassEdit, "class")?;
    let label = CLASS.read(edit, place.organisation.0, id)?.text("name").to_owned();
    fields::set(edit, &CLASS, id, &label, &place, Some(Verb::ClassEdit), given)
}

/// Removes a class of service that nobody has.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Conflict` while an account has it or a default names it.
pub fn remove(edit: &mut Edit<'_, '_>, id: i64) -> Result<()> {
    let place = organisations::require_all(edit, Verb::ClassEdit, "class")?;
    let organisation = place.organisation;
    let label = CLASS.read(edit, organisation.0, id)?.text("name").to_owned();
    let used = edit.query_opt(
        "SELECT 1 FROM entry WHERE organisation_id = $1 AND class_id = $2
         UNION ALL SELECT 1 FROM domain WHERE organisation_id = $1 AND default_class_id = $2
         UNION ALL SELECT 1 FROM organisation WHERE id = $1 AND default_class_id = $2 LIMIT 1",
        params![organisation, id],
        |_| Ok(()),
    )?;
    if used.is_some() {
        return Err(Error::conflict("class", "is in use; give its accounts another one first"));
    }
    edit.execute(
        "UPDATE class_of_service SET revision = -1 WHERE organisation_id = $1 AND id = $2",
        params![organisation, id],
    )?;
    edit.execute(
        "DELETE FROM class_of_service WHERE organisation_id = $1 AND id = $2",
        params![organisation, id],
    )?;
    edit.note("class", id, What::Removed, label);
    Ok(())
}

/// A class of service with its settings.
///
/// # Errors
/// `NotFound`.
pub fn get(tx: &mut Read<'_>, ctx: &Ctx, organisation: OrganisationId, id: i64) -> Result<Record> {
    organisations::require_member(ctx, organisation, "class")?;
    CLASS.read(tx, organisation.0, id)
}

/// The classes of an organisation by name, from after a name on.
///
/// # Errors
/// `NotFound` about another organisation.
pub fn list(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    after: &str,
) -> Result<Vec<(i64, String)>> {
    organisations::require_member(ctx, organisation, "organisation")?;
    tx.query(
        "SELECT id, name FROM class_of_service WHERE organisation_id = $1 AND name > $2 ORDER BY name LIMIT $3",
        params![organisation, after, i64::try_from(ctx.limits.page_items).unwrap_or(i64::MAX)],
        |row| Ok((row.int(0)?, row.text(1)?)),
    )
}

/// The class of that name.
///
/// # Errors
/// Those of the database.
pub fn id_by_name(tx: &mut Read<'_>, organisation: i64, name: &str) -> Result<Option<i64>> {
    tx.query_opt(
        "SELECT id FROM class_of_service WHERE organisation_id = $1 AND name = $2",
        params![organisation, name.trim()],
        |row| row.int(0),
    )
}
