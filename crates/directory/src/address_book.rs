//! Whom the people of an organisation find: all that is not hidden, for every member; and who stands behind groups.

use std::collections::HashSet;

use base::{AccountId, Ctx, OrganisationId, Result};
use store::{Read, params};

use crate::entries::{self, Entry, Kind};
use crate::links;
use crate::organisations;
use crate::roles::{self, Verb};
use crate::states::State;

/// The kinds that can be found: aliases have nothing of their own.
const KINDS: [Kind; 5] = [Kind::Person, Kind::Group, Kind::List, Kind::Shared, Kind::Resource];

/// Whether an entry is there for others: one that is closed is not.
const fn is_there(state: State) -> bool {
    matches!(state, State::Active | State::Locked)
}

/// The accounts of some that are hidden.
fn hidden(tx: &mut Read<'_>, accounts: &[AccountId]) -> Result<HashSet<i64>> {
    let accounts: Vec<i64> = accounts.iter().map(|account| account.0).collect();
    let sql = "SELECT account_id FROM entry WHERE account_id IN ({list $1}) AND hidden = 1";
    Ok(tx.query(sql, params![accounts], |row| row.int(0))?.into_iter().collect())
}

/// Everyone and everything of the organisation that is not hidden, and the caller itself, by kind and address; at most
/// `directory_query_objects` of them.
///
/// # Errors
/// `NotFound` about another organisation.
pub fn list(tx: &mut Read<'_>, ctx: &Ctx, organisation: OrganisationId) -> Result<Vec<Entry>> {
    organisations::require_member(ctx, organisation, "organisation")?;
    let own = ctx.actor.account;
    let mut all = entries::of_accounts(tx, organisation, &[own])?;
    for kind in KINDS {
        let mut after = String::new();
        loop {
            let page = entries::page(tx, ctx, organisation, kind, &after)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.address);
            let accounts: Vec<AccountId> = page.iter().map(|entry| entry.account).collect();
            let hidden = hidden(tx, &accounts)?;
            all.extend(page.into_iter().filter(|entry| {
                entry.account != own && is_there(entry.state) && !hidden.contains(&entry.account.0)
            }));
            if all.len() as u64 >= ctx.limits.directory_query_objects {
                return Ok(all);
            }
        }
    }
    Ok(all)
}

/// Entries by their accounts, as far as the caller may know of them: what is hidden is seen by itself, by those who may
/// read it, and by whom it shares something with (`known`).
///
/// # Errors
/// `NotFound` about another organisation.
pub fn of_accounts(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    accounts: &[AccountId],
    known: &[AccountId],
) -> Result<Vec<Entry>> {
    organisations::require_member(ctx, organisation, "organisation")?;
    let hidden = hidden(tx, accounts)?;
    let mut found = Vec::with_capacity(accounts.len());
    for entry in entries::of_accounts(tx, organisation, accounts)? {
        if !is_there(entry.state) || !KINDS.contains(&entry.kind) {
            continue;
        }
        let open = !hidden.contains(&entry.account.0) || known.contains(&entry.account);
        if open || roles::require_unless_own(tx, ctx, Verb::AccountRead, &entry.place(), "account").is_ok() {
            found.push(entry);
        }
    }
    Ok(found)
}

/// The people behind accounts, each with all the accounts whose rights it has: people themselves, and the members of
/// groups at every level; at most `most` of them. Lists give no rights to anyone.
///
/// # Errors
/// Those of the database.
pub fn people_behind(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    accounts: &[AccountId],
    most: u64,
) -> Result<Vec<(AccountId, Vec<AccountId>)>> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let (mut people, mut seen) = (Vec::new(), HashSet::new());
    let mut level: Vec<(i64, Kind)> = (entries::of_accounts(tx, organisation, accounts)?.into_iter())
        .map(|entry| (entry.account.0, entry.kind))
        .collect();
    for _ in 0..=ctx.limits.member_depth {
        let mut teams = Vec::new();
        for (account, kind) in level {
            if !seen.insert(account) {
                continue;
            }
            match kind {
                Kind::Person => people.push(AccountId(account)),
                Kind::Group => teams.push(account),
                Kind::List | Kind::Alias | Kind::Shared | Kind::Resource => {}
            }
        }
        if teams.is_empty() || people.len() as u64 >= most {
            break;
        }
        let sql = "SELECT e.account_id, e.kind FROM membership m JOIN entry e ON e.account_id = m.member_id
                    WHERE m.group_id IN ({list $1}) AND m.organisation_id = $2 AND m.member_id <> 0
                    ORDER BY m.group_id, m.member_id LIMIT $3";
        level = tx.query(sql, params![teams, organisation, limit], |row| {
            Ok((row.int(0)?, Kind::from_name(row.str(1)?)?))
        })?;
    }
    people.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    people
        .into_iter()
        .map(|person| Ok((person, links::subjects(tx, person, ctx.limits.member_depth)?)))
        .collect()
}
