//! Rights in the directory: roles are sets of verbs, granted to people or groups on a part of the
//! organisation. One function, [`require`], answers for every other file here.
//!
//! What must stay true: an object of another organisation is answered for as one that does not exist.

pub mod grants;
mod verbs;

use base::{AccountId, Ctx, Error, OrganisationId, Result};
use store::{Read, params};
pub use verbs::Verb;

/// Where in an organisation an object stands: what the scopes of grants are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The domain of its primary address; 0 for none.
    pub domain: i64,
    /// Its unit; 0 for none.
    pub unit: i64,
    /// Its account, for scopes that are groups; 0 for none.
    pub account: AccountId,
}

impl Place {
    /// The organisation as a whole: only grants on all of it reach there.
    pub const fn organisation(organisation: OrganisationId) -> Self {
        Self { organisation, domain: 0, unit: 0, account: AccountId(0) }
    }

    /// A domain.
    pub const fn domain(organisation: OrganisationId, domain: i64) -> Self {
        Self { organisation, domain, unit: 0, account: AccountId(0) }
    }

    /// A unit.
    pub const fn unit(organisation: OrganisationId, unit: i64) -> Self {
        Self { organisation, domain: 0, unit, account: AccountId(0) }
    }
}

/// The part of an organisation that a grant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of it.
    Organisation,
    /// The entries of a domain, and the domain itself.
    Domain(i64),
    /// A unit and those below it.
    Unit(i64),
    /// A group or list and its direct members.
    Group(AccountId),
}

impl Scope {
    /// As it stands in the database: its name and its id.
    pub const fn columns(self) -> (&'static str, i64) {
        match self {
            Self::Organisation => ("organisation", 0),
            Self::Domain(id) => ("domain", id),
            Self::Unit(id) => ("unit", id),
            Self::Group(account) => ("group", account.0),
        }
    }

    /// From the database.
    ///
    /// # Errors
    /// `Corrupt` for a name that is none.
    pub fn from_columns(name: &str, id: i64) -> Result<Self> {
        match name {
            "organisation" => Ok(Self::Organisation),
            "domain" => Ok(Self::Domain(id)),
            "unit" => Ok(Self::Unit(id)),
            "group" => Ok(Self::Group(AccountId(id))),
            _ => Err(Error::corrupt("role_grant.scope", "is no scope")),
        }
    }
}

/// A grant that allows a verb: where, and within which limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// The part of the organisation.
    pub scope: Scope,
    /// People that may exist in it when its holder creates one; none: no limit.
    pub max_people: Option<i64>,
    /// The largest quota that its holder may give; none: no limit.
    pub max_quota_bytes: Option<i64>,
}

impl Allowed {
    /// Everything: the program itself, or an administrator at the machine.
    pub const fn all() -> Self {
        Self { scope: Scope::Organisation, max_people: None, max_quota_bytes: None }
    }

    /// Whether a quota (none: no limit at all) is within the limit.
    pub fn allows_quota(&self, quota_bytes: Option<i64>) -> bool {
        match (self.max_quota_bytes, quota_bytes) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(most), Some(wanted)) => wanted <= most,
        }
    }
}

/// The grants by which the actor may do `verb` at `place`: at least one.
///
/// # Errors
/// `Forbidden` when there is none; `NotFound` about `what` when the place is in another organisation.
pub fn require(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    verb: Verb,
    place: &Place,
    what: &'static str,
) -> Result<Vec<Allowed>> {
    if ctx.actor.system {
        return Ok(vec![Allowed::all()]);
    }
    if ctx.actor.organisation != place.organisation {
        return Err(Error::not_found(what));
    }
    let mut allowed = Vec::new();
    for grant in held(tx, ctx, verb)? {
        if covers(tx, &grant.scope, place)? {
            allowed.push(grant);
        }
    }
    if allowed.is_empty() {
        return Err(Error::forbidden(
            what,
            format!("needs the right {verb} here; ask an administrator for it"),
        ));
    }
    Ok(allowed)
}

/// As [`require`], but one's own account needs no grant.
///
/// # Errors
/// As [`require`].
pub fn require_unless_own(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    verb: Verb,
    place: &Place,
    what: &'static str,
) -> Result<()> {
    let own = place.account.0 != 0 && ctx.actor.account == place.account;
    if own && ctx.actor.organisation == place.organisation {
        return Ok(());
    }
    require(tx, ctx, verb, place, what).map(|_| ())
}

/// The grants of `verb` that the actor holds, wherever they are for.
///
/// # Errors
/// Those of the database.
pub fn held(tx: &mut Read<'_>, ctx: &Ctx, verb: Verb) -> Result<Vec<Allowed>> {
    let subjects: Vec<i64> = ctx.actor.subjects.iter().map(|subject| subject.0).collect();
    tx.query(
        "SELECT g.scope, g.scope_id, g.max_people, g.max_quota_bytes FROM role_grant g
         JOIN role_verb v ON v.organisation_id = g.organisation_id AND v.role_id = g.role_id AND v.verb = $3
         WHERE g.organisation_id = $1 AND g.subject_id IN ({list $2})",
        params![ctx.actor.organisation, subjects, verb.name()],
        |row| {
            Ok(Allowed {
                scope: Scope::from_columns(row.str(0)?, row.int(1)?)?,
                max_people: row.opt_int(2)?,
                max_quota_bytes: row.opt_int(3)?,
            })
        },
    )
}

/// Whether what is at `place` is in `scope`.
///
/// # Errors
/// Those of the database.
pub fn covers(tx: &mut Read<'_>, scope: &Scope, place: &Place) -> Result<bool> {
    match *scope {
        Scope::Organisation => Ok(true),
        Scope::Domain(id) => Ok(place.domain == id),
        Scope::Unit(_) if place.unit == 0 => Ok(false),
        Scope::Unit(id) => Ok(place.unit == id || is_below(tx, place.organisation, place.unit, id)?),
        Scope::Group(_) if place.account.0 == 0 => Ok(false),
        Scope::Group(group) if group == place.account => Ok(true),
        Scope::Group(group) => Ok(tx
            .query_opt(
                "SELECT 1 FROM membership WHERE group_id = $1 AND member_id = $2 AND member_address = ''",
                params![group, place.account],
                |_| Ok(()),
            )?
            .is_some()),
    }
}

/// Whether `unit` stands somewhere below `above`. The number of levels is bounded, also for a tree that SQL by
/// others made a ring.
pub(crate) fn is_below(
    tx: &mut Read<'_>,
    organisation: OrganisationId,
    unit: i64,
    above: i64,
) -> Result<bool> {
    let found = tx.query_opt(
        "WITH RECURSIVE up (id, parent_id, level) AS (
             SELECT id, parent_id, 1 FROM unit WHERE organisation_id = $1 AND id = $2
             UNION ALL
             SELECT u.id, u.parent_id, up.level + 1 FROM up
             JOIN unit u ON u.organisation_id = $1 AND u.id = up.parent_id WHERE up.level < 64)
         SELECT 1 FROM up WHERE parent_id = $3",
        params![organisation, unit, above],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}
