//! Somebody comes from a provider: which account that is, and the groups and roles that follow.

use std::collections::BTreeSet;

use base::{AccountId, Error, Result};
use store::{Read, params};

use super::{Meant, Provider, maps};
use crate::edit::{Edit, What};
use crate::entries::{self, Kind, NewEntry};
use crate::groups;
use crate::people;
use crate::roles::Allowed;
use crate::roles::grants;

/// What a provider tells of somebody, after it was checked that the provider told it.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// What it calls them for ever.
    pub subject: String,
    /// Their address, as the provider's claim of it says.
    pub address: String,
    /// Whether the provider made sure of the address.
    pub is_verified: bool,
    /// Their name.
    pub name: String,
    /// Given names.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The values of the group claim.
    pub groups: Vec<String>,
}

/// What is to change for someone to have what the values of the claim stand for.
struct Change {
    join: Vec<AccountId>,
    leave: Vec<AccountId>,
    receive: Vec<i64>,
    lose: Vec<i64>,
}

impl Change {
    fn is_none(&self) -> bool {
        self.join.is_empty() && self.leave.is_empty() && self.receive.is_empty() && self.lose.is_empty()
    }
}

/// The account that a subject is linked to.
///
/// # Errors
/// Those of the database.
pub fn linked(tx: &mut Read<'_>, provider: &Provider, subject: &str) -> Result<Option<AccountId>> {
    tx.query_opt(
        "SELECT account_id FROM provider_subject
         WHERE organisation_id = $1 AND provider_id = $2 AND subject = $3",
        params![provider.organisation, provider.id, subject],
        |row| Ok(AccountId(row.int(0)?)),
    )
}

/// The account of somebody who came before, when nothing has to change for them.
///
/// # Errors
/// Those of the database.
pub fn known(tx: &mut Read<'_>, provider: &Provider, claims: &Claims) -> Result<Option<AccountId>> {
    let Some(account) = linked(tx, provider, &claims.subject)? else { return Ok(None) };
    Ok(change(tx, provider, account, &claims.groups)?.is_none().then_some(account))
}

/// The account of somebody: linked before, or now by their address, or made where the provider may make people. The
/// groups and roles that its claims stand for follow.
///
/// # Errors
/// `NotFound` about `account` when there is none and none is made; `Forbidden` about `claims` when what the
/// provider tells is not enough; those of making a person.
pub fn arrive(edit: &mut Edit<'_, '_>, provider: &Provider, claims: &Claims) -> Result<AccountId> {
    let account = match linked(edit, provider, &claims.subject)? {
        Some(account) => account,
        None => link(edit, provider, claims)?,
    };
    let change = change(edit, provider, account, &claims.groups)?;
    if !change.is_none() {
        follow(edit, account, &change)?;
    }
    Ok(account)
}

fn link(edit: &mut Edit<'_, '_>, provider: &Provider, claims: &Claims) -> Result<AccountId> {
    if claims.address.is_empty() || !(claims.is_verified || provider.trusts_addresses) {
        return Err(Error::forbidden("claims", "name no address that the provider made sure of"));
    }
    let organisation = edit.organisation();
    let found = entries::account_by_address(edit, organisation.0, &claims.address)?;
    let account = match found {
        Some(account) => {
            // An address of a group or an alias is nobody's own.
            let entry = entries::load(edit, organisation, account)?;
            if entry.kind != Kind::Person {
                return Err(Error::not_found("account"));
            }
            account
        }
        None if provider.makes_people => make(edit, claims)?,
        None => return Err(Error::not_found("account")),
    };
    let now = edit.now_ms();
    edit.execute(
        "INSERT INTO provider_subject (organisation_id, provider_id, subject, account_id, linked_at)
         VALUES ($1, $2, $3, $4, $5)",
        params![organisation, provider.id, &claims.subject, account, now],
    )?;
    let detail = format!("{}: linked to the provider {}", claims.address, provider.name);
    edit.note("person", account.0, What::Changed, detail);
    Ok(account)
}

fn make(edit: &mut Edit<'_, '_>, claims: &Claims) -> Result<AccountId> {
    let name = if claims.name.is_empty() {
        format!("{} {}", claims.given_name, claims.family_name).trim().to_owned()
    } else {
        claims.name.clone()
    };
    // A domain that is not ours makes nobody.
    let organisation = edit.organisation();
    if entries::own_address(edit, organisation, &claims.address).is_err() {
        return Err(Error::not_found("account"));
    }
    let given: Vec<(&str, &str)> =
        [("given_name", claims.given_name.as_str()), ("family_name", claims.family_name.as_str())]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
    people::create(edit, &NewEntry { address: &claims.address, name: &name }, None, &given)
}

/// What has to change. A mapped group or role that no value stands for any more is taken back.
fn change(tx: &mut Read<'_>, provider: &Provider, account: AccountId, values: &[String]) -> Result<Change> {
    let maps = maps(tx, provider.organisation, provider.id)?;
    let is_wanted = |meant: Meant| {
        maps.iter().any(|(value, other)| *other == meant && values.iter().any(|told| told == value))
    };
    let (mut all_groups, mut all_roles) = (BTreeSet::new(), BTreeSet::new());
    for (_, meant) in &maps {
        match meant {
            Meant::Group(group) => drop(all_groups.insert(*group)),
            Meant::Role(role) => drop(all_roles.insert(*role)),
        }
    }
    let mut change = Change { join: Vec::new(), leave: Vec::new(), receive: Vec::new(), lose: Vec::new() };
    if maps.is_empty() {
        return Ok(change);
    }
    let is_in: BTreeSet<AccountId> = tx
        .query(
            "SELECT group_id FROM membership WHERE member_id = $1 AND member_id <> 0",
            params![account],
            |row| Ok(AccountId(row.int(0)?)),
        )?
        .into_iter()
        .collect();
    let has: Vec<(i64, i64)> = tx.query(
        "SELECT role_id, id FROM role_grant
         WHERE organisation_id = $1 AND subject_id = $2 AND scope = 'organisation'",
        params![provider.organisation, account],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    for group in all_groups {
        match (is_wanted(Meant::Group(group)), is_in.contains(&group)) {
            (true, false) => change.join.push(group),
            (false, true) => change.leave.push(group),
            _ => {}
        }
    }
    for role in all_roles {
        let grant = has.iter().find(|(id, _)| *id == role).map(|(_, grant)| *grant);
        match (is_wanted(Meant::Role(role)), grant) {
            (true, None) => change.receive.push(role),
            (false, Some(grant)) => change.lose.push(grant),
            _ => {}
        }
    }
    Ok(change)
}

fn follow(edit: &mut Edit<'_, '_>, account: AccountId, change: &Change) -> Result<()> {
    let organisation = edit.organisation();
    let address = entries::load(edit, organisation, account)?.address;
    for group in &change.join {
        // A group that is full shuts nobody out.
        if groups::has_place(edit, *group)? {
            groups::add_members(edit, *group, &[&address])?;
        }
    }
    for group in &change.leave {
        groups::remove_members(edit, *group, &[&address])?;
    }
    for role in &change.receive {
        grants::grant(edit, account, *role, Allowed::all())?;
    }
    for grant in &change.lose {
        grants::revoke(edit, *grant)?;
    }
    Ok(())
}
