//! The tree of units: where people stand in the organisation, and a scope of roles.

use base::{Ctx, Error, OrganisationId, Result};
use store::{Read, params};

use crate::edit::{Edit, What};
use crate::organisations;
use crate::roles::{self, Place, Verb};

/// A unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its id.
    pub id: i64,
    /// The unit above; 0 at the top.
    pub parent_id: i64,
    /// Its name, unique below its parent.
    pub name: String,
}

/// Creates a unit below `parent_id` (0: at the top).
///
/// # Errors
/// `Forbidden`, `NotFound` about the parent, `Invalid`, `Conflict` when the name is taken there, `Limit` of depth.
pub fn create(edit: &mut Edit<'_, '_>, parent_id: i64, name: &str) -> Result<i64> {
    let organisation = edit.organisation();
    let name = unit_name(edit, name)?;
    require(edit, parent_id)?;
    if parent_id != 0 && depth(edit, organisation, parent_id)? >= depth_limit(edit.ctx()) {
        return Err(Error::limit("unit", "would stand too deep in the tree"));
    }
    free(edit, parent_id, &name)?;
    let id = edit.next_id()?;
    edit.execute(
        "INSERT INTO unit (organisation_id, id, parent_id, name, revision) VALUES ($1, $2, $3, $4, 1)",
        params![organisation, id, parent_id, &name],
    )?;
    edit.note("unit", id, What::Created, name);
    Ok(id)
}

/// Renames a unit.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid`, `Conflict` when the name is taken.
pub fn rename(edit: &mut Edit<'_, '_>, id: i64, name: &str) -> Result<()> {
    let organisation = edit.organisation();
    let unit = load(edit, organisation, id)?;
    require(edit, id)?;
    let name = unit_name(edit, name)?;
    if name == unit.name {
        return Ok(());
    }
    free(edit, unit.parent_id, &name)?;
    edit.execute(
        "UPDATE unit SET name = $3, revision = revision + 1 WHERE organisation_id = $1 AND id = $2",
        params![organisation, id, &name],
    )?;
    edit.note("unit", id, What::Changed, format!("{}: name: {} -> {name}", unit.name, unit.name));
    Ok(())
}

/// Moves a unit below another one (0: to the top).
///
/// # Errors
/// `Forbidden` on either end, `NotFound`, `Invalid` when it would stand below itself, `Conflict`, `Limit`.
pub fn move_to(edit: &mut Edit<'_, '_>, id: i64, parent_id: i64) -> Result<()> {
    let organisation = edit.organisation();
    let unit = load(edit, organisation, id)?;
    require(edit, id)?;
    require(edit, parent_id)?;
    if parent_id == id || (parent_id != 0 && roles::is_below(edit, organisation, parent_id, id)?) {
        return Err(Error::invalid("parent", "stands below this unit; a unit cannot be below itself"));
    }
    let above = if parent_id == 0 { 0 } else { depth(edit, organisation, parent_id)? };
    if above + height(edit, organisation, id)? > depth_limit(edit.ctx()) {
        return Err(Error::limit("unit", "would stand too deep in the tree"));
    }
    free(edit, parent_id, &unit.name)?;
    edit.execute(
        "UPDATE unit SET parent_id = $3, revision = revision + 1 WHERE organisation_id = $1 AND id = $2",
        params![organisation, id, parent_id],
    )?;
    edit.note("unit", id, What::Changed, format!("{}: parent: {} -> {parent_id}", unit.name, unit.parent_id));
    Ok(())
}

/// Removes a unit that has neither entries nor units nor grants.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Conflict` while something is in it.
pub fn remove(edit: &mut Edit<'_, '_>, id: i64) -> Result<()> {
    let organisation = edit.organisation();
    let unit = load(edit, organisation, id)?;
    require(edit, id)?;
    let used = edit.query_opt(
        "SELECT 1 FROM unit WHERE organisation_id = $1 AND parent_id = $2
         UNION ALL SELECT 1 FROM entry WHERE organisation_id = $1 AND unit_id = $2
         UNION ALL SELECT 1 FROM role_grant WHERE organisation_id = $1 AND scope = 'unit' AND scope_id = $2 LIMIT 1",
        params![organisation, id],
        |_| Ok(()),
    )?;
    if used.is_some() {
        return Err(Error::conflict("unit", "still has people, units or grants; move them first"));
    }
    edit.execute(
        "UPDATE unit SET revision = -1 WHERE organisation_id = $1 AND id = $2",
        params![organisation, id],
    )?;
    edit.execute("DELETE FROM unit WHERE organisation_id = $1 AND id = $2", params![organisation, id])?;
    edit.note("unit", id, What::Removed, unit.name);
    Ok(())
}

/// The units directly below one (0: at the top), by name.
///
/// # Errors
/// `NotFound` about another organisation.
pub fn below(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    parent_id: i64,
    after: &str,
) -> Result<Vec<Unit>> {
    organisations::require_member(ctx, organisation, "unit")?;
    tx.query(
        "SELECT id, parent_id, name FROM unit
         WHERE organisation_id = $1 AND parent_id = $2 AND name > $3 ORDER BY name LIMIT $4",
        params![organisation, parent_id, after, i64::try_from(ctx.limits.page_items).unwrap_or(i64::MAX)],
        |row| Ok(Unit { id: row.int(0)?, parent_id: row.int(1)?, name: row.text(2)? }),
    )
}

/// The path of a unit, such as `Sciences/Physics`.
///
/// # Errors
/// `NotFound`.
pub fn path(tx: &mut Read<'_>, organisation: OrganisationId, id: i64) -> Result<String> {
    let mut unit = load(tx, organisation, id)?;
    let mut path = unit.name;
    // Deeper than any tree can be: a ring made by SQL must not hang its reader.
    for _ in 0..64 {
        if unit.parent_id == 0 {
            break;
        }
        unit = load(tx, organisation, unit.parent_id)?;
        path = format!("{}/{path}", unit.name);
    }
    Ok(path)
}

/// The unit at a path such as `Sciences/Physics`.
///
/// # Errors
/// Those of the database.
pub fn id_by_path(tx: &mut Read<'_>, organisation: i64, path: &str) -> Result<Option<i64>> {
    let mut id = 0;
    for name in path.split('/').take(64) {
        let found = tx.query_opt(
            "SELECT id FROM unit WHERE organisation_id = $1 AND parent_id = $2 AND name = $3",
            params![organisation, id, name.trim()],
            |row| row.int(0),
        )?;
        match found {
            Some(found) => id = found,
            None => return Ok(None),
        }
    }
    Ok(Some(id))
}

/// Levels from the top down to a unit, itself included.
fn depth(tx: &mut Read<'_>, organisation: OrganisationId, id: i64) -> Result<i64> {
    tx.query_one(
        "WITH RECURSIVE up (parent_id, level) AS (
             SELECT parent_id, 1 FROM unit WHERE organisation_id = $1 AND id = $2
             UNION ALL
             SELECT u.parent_id, up.level + 1 FROM up
             JOIN unit u ON u.organisation_id = $1 AND u.id = up.parent_id WHERE up.level < 64)
         SELECT coalesce(max(level), 0) FROM up",
        params![organisation, id],
        |row| row.int(0),
    )
}

/// Levels from a unit down to the lowest below it, itself included.
fn height(tx: &mut Read<'_>, organisation: OrganisationId, id: i64) -> Result<i64> {
    tx.query_one(
        "WITH RECURSIVE down (id, level) AS (
             SELECT id, 1 FROM unit WHERE organisation_id = $1 AND id = $2
             UNION ALL
             SELECT u.id, down.level + 1 FROM down
             JOIN unit u ON u.organisation_id = $1 AND u.parent_id = down.id WHERE down.level < 64)
         SELECT coalesce(max(level), 0) FROM down",
        params![organisation, id],
        |row| row.int(0),
    )
}

/// The ids of units and of all units below them.
pub(crate) fn with_all_below(
    tx: &mut Read<'_>,
    organisation: OrganisationId,
    ids: &[i64],
) -> Result<Vec<i64>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    tx.query(
        "WITH RECURSIVE down (id, level) AS (
             SELECT id, 1 FROM unit WHERE organisation_id = $1 AND id IN ({list $2})
             UNION ALL
             SELECT u.id, down.level + 1 FROM down
             JOIN unit u ON u.organisation_id = $1 AND u.parent_id = down.id WHERE down.level < 64)
         SELECT DISTINCT id FROM down",
        params![organisation, ids],
        |row| row.int(0),
    )
}

fn load(tx: &mut Read<'_>, organisation: OrganisationId, id: i64) -> Result<Unit> {
    tx.query_opt(
        "SELECT id, parent_id, name FROM unit WHERE organisation_id = $1 AND id = $2",
        params![organisation, id],
        |row| Ok(Unit { id: row.int(0)?, parent_id: row.int(1)?, name: row.text(2)? }),
    )?
    .ok_or_else(|| Error::not_found("unit"))
}

/// The right on a unit that exists; at the top it is a right on all of the organisation.
fn require(edit: &mut Edit<'_, '_>, id: i64) -> Result<()> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    if id == 0 {
        return roles::require(edit, ctx, Verb::UnitEdit, &Place::organisation(organisation), "unit")
            .map(|_| ());
    }
    load(edit, organisation, id)?;
    roles::require(edit, ctx, Verb::UnitEdit, &Place::unit(organisation, id), "unit").map(|_| ())
}

fn free(edit: &mut Edit<'_, '_>, parent_id: i64, name: &str) -> Result<()> {
    let organisation = edit.organisation();
    let taken = edit.query_opt(
        "SELECT 1 FROM unit WHERE organisation_id = $1 AND parent_id = $2 AND name = $3",
        params![organisation, parent_id, name],
        |_| Ok(()),
    )?;
    match taken {
        Some(()) => Err(Error::conflict("name", "is the name of another unit there; choose another")),
        None => Ok(()),
    }
}

fn unit_name(edit: &Edit<'_, '_>, name: &str) -> Result<String> {
    let name = codec::text::name("name", name, edit.ctx().limits.name_bytes)?;
    if name.contains('/') {
        return Err(Error::invalid("name", "holds a /, which separates units in a path; choose another"));
    }
    Ok(name)
}

fn depth_limit(ctx: &Ctx) -> i64 {
    i64::try_from(ctx.limits.collection_depth).unwrap_or(i64::MAX).min(60)
}
