//! Roles and their grants. Nobody gives what they do not hold: neither a verb, nor a part of the organisation,
//! nor a limit.

use std::collections::BTreeSet;

use base::{AccountId, Ctx, Error, OrganisationId, Result};
use store::{Read, params};

use super::{Allowed, Place, Scope, Verb, held, is_below, require};
use crate::edit::{Edit, What};
use crate::entries;
use crate::organisations;

/// A role with its verbs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its verbs.
    pub verbs: BTreeSet<Verb>,
}

/// A role that someone has on a part of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: i64,
    /// The person or group that has it.
    pub subject: AccountId,
    /// The role.
    pub role_id: i64,
    /// Where, and within which limits.
    pub allowed: Allowed,
}

/// Creates a role. Its maker must hold every verb of it on all of the organisation, since the role may be granted
/// anywhere.
///
/// # Errors
/// `Forbidden`, `Invalid`, `Conflict` when the name is taken.
pub fn create_role(edit: &mut Edit<'_, '_>, name: &str, description: &str, verbs: &[Verb]) -> Result<i64> {
    let organisation = organisations::require_all(edit, Verb::RoleEdit, "role")?.organisation;
    require_verbs(edit, verbs)?;
    let limits = edit.ctx().limits.clone();
    let name = codec::text::name("name", name, limits.name_bytes)?;
    let description = codec::text::note("description", description, limits.text_bytes)?;
    let taken = edit.query_opt(
        "SELECT 1 FROM role WHERE organisation_id = $1 AND name = $2",
        params![organisation, &name],
        |_| Ok(()),
    )?;
    if taken.is_some() {
        return Err(Error::conflict("name", "is the name of another role; choose another"));
    }
    let id = edit.next_id()?;
    edit.execute(
        "INSERT INTO role (organisation_id, id, name, description, revision) VALUES ($1, $2, $3, $4, 1)",
        params![organisation, id, &name, description],
    )?;
    put_verbs(edit, id, verbs)?;
    edit.note("role", id, What::Created, format!("{name}: {}", names(verbs)));
    Ok(id)
}

/// Replaces the verbs of a role, for all who have it. Who does that holds every verb of it, before and after.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub fn set_verbs(edit: &mut Edit<'_, '_>, role_id: i64, verbs: &[Verb]) -> Result<()> {
    let organisation = organisations::require_all(edit, Verb::RoleEdit, "role")?.organisation;
    let role = role(edit, organisation, role_id)?;
    let before: Vec<Verb> = role.verbs.iter().copied().collect();
    require_verbs(edit, &before)?;
    require_verbs(edit, verbs)?;
    remove_verbs(edit, role_id)?;
    put_verbs(edit, role_id, verbs)?;
    edit.execute(
        "UPDATE role SET revision = revision + 1 WHERE organisation_id = $1 AND id = $2",
        params![organisation, role_id],
    )?;
    let detail = format!("{}: verbs: {} -> {}", role.name, names(&before), names(verbs));
    edit.note("role", role_id, What::Changed, detail);
    Ok(())
}

/// Removes a role that nobody has.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Conflict` while someone has it.
pub fn remove_role(edit: &mut Edit<'_, '_>, role_id: i64) -> Result<()> {
    let organisation = organisations::require_all(edit, Verb::RoleEdit, "role")?.organisation;
    let role = role(edit, organisation, role_id)?;
    let used = edit.query_opt(
        "SELECT 1 FROM role_grant WHERE organisation_id = $1 AND role_id = $2",
        params![organisation, role_id],
        |_| Ok(()),
    )?;
    if used.is_some() {
        return Err(Error::conflict("role", "is granted to someone; take it back first"));
    }
    remove_verbs(edit, role_id)?;
    edit.execute(
        "DELETE FROM provider_group WHERE organisation_id = $1 AND role_id = $2",
        params![organisation, role_id],
    )?;
    edit.execute(
        "UPDATE role SET revision = -1 WHERE organisation_id = $1 AND id = $2",
        params![organisation, role_id],
    )?;
    edit.execute("DELETE FROM role WHERE organisation_id = $1 AND id = $2", params![organisation, role_id])?;
    edit.note("role", role_id, What::Removed, role.name);
    Ok(())
}

/// Grants a role to a person or group. Who grants holds each of its verbs there, with limits no tighter.
///
/// # Errors
/// `Forbidden` for what the granter does not hold, `NotFound`, `Conflict` when it is granted already.
pub fn grant(edit: &mut Edit<'_, '_>, subject: AccountId, role_id: i64, wanted: Allowed) -> Result<i64> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    organisations::require_member(ctx, organisation, "role")?;
    let subject_entry = entries::load(edit, organisation, subject)?;
    let role = role(edit, organisation, role_id)?;
    check_scope(edit, organisation, wanted.scope)?;
    let verbs: Vec<Verb> = role.verbs.iter().copied().collect();
    require_to_give(edit, &verbs, &wanted)?;
    let (scope, scope_id) = wanted.scope.columns();
    let taken = edit.query_opt(
        "SELECT 1 FROM role_grant WHERE organisation_id = $1 AND subject_id = $2 AND role_id = $3
         AND scope = $4 AND scope_id = $5",
        params![organisation, subject, role_id, scope, scope_id],
        |_| Ok(()),
    )?;
    if taken.is_some() {
        return Err(Error::conflict("role", "is granted there already; take it back to change its limits"));
    }
    let id = edit.next_id()?;
    edit.execute(
        "INSERT INTO role_grant (organisation_id, id, subject_id, role_id, scope, scope_id, max_people, max_quota_bytes, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)",
        params![organisation, id, subject, role_id, scope, scope_id, wanted.max_people, wanted.max_quota_bytes],
    )?;
    let detail = format!("{}: {} on {scope} {scope_id}", subject_entry.address, role.name);
    edit.note("grant", id, What::Created, detail);
    Ok(id)
}

/// Takes a grant back. Who does that could have given it; anyone may give up a grant of their own.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub fn revoke(edit: &mut Edit<'_, '_>, grant_id: i64) -> Result<()> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    organisations::require_member(ctx, organisation, "grant")?;
    let grant = edit
        .query_opt(
            "SELECT id, subject_id, role_id, scope, scope_id, max_people, max_quota_bytes FROM role_grant
             WHERE organisation_id = $1 AND id = $2",
            params![organisation, grant_id],
            grant_row,
        )?
        .ok_or_else(|| Error::not_found("grant"))?;
    let role = role(edit, organisation, grant.role_id)?;
    if ctx.actor.system || ctx.actor.account != grant.subject {
        let verbs: Vec<Verb> = role.verbs.iter().copied().collect();
        require_to_give(edit, &verbs, &grant.allowed)?;
    }
    let values = params![organisation, grant_id];
    edit.execute("UPDATE role_grant SET revision = -1 WHERE organisation_id = $1 AND id = $2", &values)?;
    edit.execute("DELETE FROM role_grant WHERE organisation_id = $1 AND id = $2", &values)?;
    edit.note("grant", grant_id, What::Removed, role.name);
    Ok(())
}

/// The roles of an organisation by name.
///
/// # Errors
/// `NotFound` about another organisation.
pub fn roles(tx: &mut Read<'_>, ctx: &Ctx, organisation: OrganisationId) -> Result<Vec<Role>> {
    organisations::require_member(ctx, organisation, "organisation")?;
    let limit = i64::try_from(ctx.limits.page_items).unwrap_or(i64::MAX);
    let mut roles = tx.query(
        "SELECT id, name, description FROM role WHERE organisation_id = $1 ORDER BY name LIMIT $2",
        params![organisation, limit],
        |row| {
            Ok(Role {
                id: row.int(0)?,
                name: row.text(1)?,
                description: row.text(2)?,
                verbs: BTreeSet::new(),
            })
        },
    )?;
    let ids: Vec<i64> = roles.iter().map(|role| role.id).collect();
    let verbs = tx.query(
        "SELECT role_id, verb FROM role_verb WHERE organisation_id = $1 AND role_id IN ({list $2})",
        params![organisation, ids],
        |row| Ok((row.int(0)?, Verb::from_name(row.str(1)?))),
    )?;
    for (id, verb) in verbs {
        if let Some(role) = roles.iter_mut().find(|role| role.id == id) {
            role.verbs.extend(verb);
        }
    }
    Ok(roles)
}

/// The grants of a subject, or with none all of the organisation.
///
/// # Errors
/// `NotFound` about another organisation, `Forbidden` for other subjects than oneself.
pub fn grants(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    subject: Option<AccountId>,
) -> Result<Vec<Grant>> {
    organisations::require_member(ctx, organisation, "organisation")?;
    if subject.is_none_or(|subject| !ctx.actor.subjects.contains(&subject)) {
        require(tx, ctx, Verb::RoleGrant, &Place::organisation(organisation), "grant")?;
    }
    tx.query(
        "SELECT id, subject_id, role_id, scope, scope_id, max_people, max_quota_bytes FROM role_grant
         WHERE organisation_id = $1 AND ($2 = 0 OR subject_id = $2) ORDER BY id LIMIT $3",
        params![
            organisation,
            subject.map_or(0, |subject| subject.0),
            i64::try_from(ctx.limits.page_items).unwrap_or(i64::MAX)
        ],
        grant_row,
    )
}

fn grant_row(row: &store::Row<'_>) -> Result<Grant> {
    Ok(Grant {
        id: row.int(0)?,
        subject: AccountId(row.int(1)?),
        role_id: row.int(2)?,
        allowed: Allowed {
            scope: Scope::from_columns(row.str(3)?, row.int(4)?)?,
            max_people: row.opt_int(5)?,
            max_quota_bytes: row.opt_int(6)?,
        },
    })
}

fn role(tx: &mut Read<'_>, organisation: OrganisationId, id: i64) -> Result<Role> {
    let (name, description) = tx
        .query_opt(
            "SELECT name, description FROM role WHERE organisation_id = $1 AND id = $2",
            params![organisation, id],
            |row| Ok((row.text(0)?, row.text(1)?)),
        )?
        .ok_or_else(|| Error::not_found("role"))?;
    let verbs = tx.query(
        "SELECT verb FROM role_verb WHERE organisation_id = $1 AND role_id = $2",
        params![organisation, id],
        |row| Ok(Verb::from_name(row.str(0)?)),
    )?;
    Ok(Role { id, name, description, verbs: verbs.into_iter().flatten().collect() })
}

/// The scope's object must be one of the organisation.
fn check_scope(tx: &mut Read<'_>, organisation: OrganisationId, scope: Scope) -> Result<()> {
    match scope {
        Scope::Organisation => Ok(()),
        Scope::Domain(id) => crate::domains::load(tx, organisation, id).map(|_| ()),
        Scope::Unit(id) => tx
            .query_opt(
                "SELECT 1 FROM unit WHERE organisation_id = $1 AND id = $2",
                params![organisation, id],
                |_| Ok(()),
            )?
            .ok_or_else(|| Error::not_found("unit")),
        Scope::Group(account) => {
            entries::load_kind(tx, organisation, account, &[entries::Kind::Group, entries::Kind::List])
                .map(|_| ())
        }
    }
}

/// All verbs on all of the organisation, without limits.
fn require_verbs(edit: &mut Edit<'_, '_>, verbs: &[Verb]) -> Result<()> {
    require_held(edit, verbs, &Allowed::all())
}

/// Asks whether the actor may give a role on the whole organisation.
///
/// # Errors
/// `Forbidden`, `NotFound`.
pub(crate) fn require_role(edit: &mut Edit<'_, '_>, role_id: i64) -> Result<()> {
    let organisation = edit.organisation();
    let verbs: Vec<Verb> = role(edit, organisation, role_id)?.verbs.iter().copied().collect();
    require_to_give(edit, &verbs, &Allowed::all())
}

/// `role.grant` and every verb of the role, on the part of the organisation and within the limits.
fn require_to_give(edit: &mut Edit<'_, '_>, verbs: &[Verb], wanted: &Allowed) -> Result<()> {
    let mut all = vec![Verb::RoleGrant];
    all.extend_from_slice(verbs);
    require_held(edit, &all, wanted)
}

fn require_held(edit: &mut Edit<'_, '_>, verbs: &[Verb], wanted: &Allowed) -> Result<()> {
    let ctx = edit.ctx();
    if ctx.actor.system {
        return Ok(());
    }
    for verb in verbs {
        let mut holds = false;
        for grant in held(edit, ctx, *verb)? {
            holds |= is_within(edit, ctx.actor.organisation, wanted, &grant)?;
        }
        if !holds {
            return Err(Error::forbidden(
                "role",
                format!("holds {verb}, which you do not hold there; nobody gives more than they have"),
            ));
        }
    }
    Ok(())
}

/// Whether a grant is no wider than another: its part of the organisation and its limits.
fn is_within(
    tx: &mut Read<'_>,
    organisation: OrganisationId,
    inner: &Allowed,
    outer: &Allowed,
) -> Result<bool> {
    let limits = is_tighter(inner.max_people, outer.max_people)
        && is_tighter(inner.max_quota_bytes, outer.max_quota_bytes);
    let scope = match (inner.scope, outer.scope) {
        (_, Scope::Organisation) => true,
        (Scope::Unit(inner), Scope::Unit(outer)) => {
            inner == outer || is_below(tx, organisation, inner, outer)?
        }
        (inner, outer) => inner == outer,
    };
    Ok(limits && scope)
}

const fn is_tighter(inner: Option<i64>, outer: Option<i64>) -> bool {
    match (inner, outer) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(inner), Some(outer)) => inner <= outer,
    }
}

fn put_verbs(edit: &mut Edit<'_, '_>, role_id: i64, verbs: &[Verb]) -> Result<()> {
    let organisation = edit.organisation();
    for verb in verbs.iter().collect::<BTreeSet<_>>() {
        edit.later(
            "INSERT INTO role_verb (organisation_id, role_id, verb, revision) VALUES ($1, $2, $3, 1)",
            params![organisation, role_id, verb.name()],
        )?;
    }
    Ok(())
}

fn remove_verbs(edit: &mut Edit<'_, '_>, role_id: i64) -> Result<()> {
    let values = params![edit.organisation(), role_id];
    edit.execute("UPDATE role_verb SET revision = -1 WHERE organisation_id = $1 AND role_id = $2", &values)?;
    edit.execute("DELETE FROM role_verb WHERE organisation_id = $1 AND role_id = $2", &values).map(|_| ())
}

fn names(verbs: &[Verb]) -> String {
    verbs.iter().map(|verb| verb.name()).collect::<Vec<_>>().join(" ")
}
