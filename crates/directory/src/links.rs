//! What leads from one entry to others: members of groups and lists, targets of aliases, forwards. Written once:
//! how a text becomes a target, and that no link closes a ring.

use std::collections::{HashMap, HashSet};

use base::{AccountId, Error, Result};
use codec::Address;
use store::{Read, params};

use crate::edit::Edit;
use crate::entries::{self, Kind};

/// The end of a link: an account of the organisation, or an outside address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// An account.
    Account(AccountId),
    /// An address that others receive for.
    Outside(String),
}

impl Target {
    /// As it stands in the database: account (0 for none) and address (empty for none).
    pub fn columns(&self) -> (i64, &str) {
        match self {
            Self::Account(account) => (account.0, ""),
            Self::Outside(address) => (0, address),
        }
    }

    /// From the database.
    pub fn from_columns(account: i64, address: &str) -> Self {
        if account == 0 { Self::Outside(address.to_owned()) } else { Self::Account(AccountId(account)) }
    }
}

/// Finds the targets that addresses lead to, in their order and each once.
///
/// # Errors
/// `Invalid` about `field`, with the address, when it is none or its domain is ours and knows no such address.
pub fn find(edit: &mut Edit<'_, '_>, field: &'static str, texts: &[&str]) -> Result<Vec<Target>> {
    let organisation = edit.organisation();
    let domains: HashMap<String, String> = own_domains(edit, texts)?;
    let mut parsed = Vec::with_capacity(texts.len());
    for text in texts {
        let wrong = |rule: String| Error::invalid(field, format!("{}: {rule}", clipped(text)));
        let address = Address::parse(text.trim()).map_err(|fault| wrong(fault.to_string()))?;
        let Some(real) = address.domain().and_then(|name| domains.get(name)) else {
            parsed.push((address.to_string(), false));
            continue;
        };
        let stored = address.stored().and_then(|stored| stored.at_domain(real));
        parsed.push((stored.map_err(|fault| wrong(fault.to_string()))?.to_string(), true));
    }
    let own: Vec<String> =
        parsed.iter().filter(|(_, own)| *own).map(|(address, _)| address.clone()).collect();
    let accounts: HashMap<String, i64> = edit
        .query(
            "SELECT address, account_id FROM address WHERE address IN ({texts $1}) AND organisation_id = $2",
            params![own, organisation],
            |row| Ok((row.text(0)?, row.int(1)?)),
        )?
        .into_iter()
        .collect();
    let mut seen = HashSet::new();
    let mut targets = Vec::with_capacity(parsed.len());
    for (address, own) in parsed {
        let target = match (own, accounts.get(&address)) {
            (true, Some(account)) => Target::Account(AccountId(*account)),
            (true, None) => {
                return Err(Error::invalid(field, format!("{address}: is no address of this organisation")));
            }
            (false, _) => Target::Outside(address),
        };
        if seen.insert(target.clone()) {
            targets.push(target);
        }
    }
    Ok(targets)
}

/// The domains of the organisation among those of some addresses, with the domain that each stands for.
fn own_domains(edit: &mut Edit<'_, '_>, texts: &[&str]) -> Result<HashMap<String, String>> {
    let names: HashSet<String> = texts
        .iter()
        .filter_map(|text| Address::parse(text.trim()).ok()?.domain().map(str::to_owned))
        .collect();
    let organisation = edit.organisation();
    let rows = edit.query(
        "SELECT d.name, coalesce(t.name, d.name) FROM domain d
         LEFT JOIN domain t ON t.organisation_id = d.organisation_id AND t.id = d.alias_of_id
         WHERE d.name IN ({texts $1}) AND d.organisation_id = $2",
        params![names.into_iter().collect::<Vec<_>>(), organisation],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )?;
    Ok(rows.into_iter().collect())
}

/// Refuses links from `from` to `targets` that would close a ring or reach too deep.
///
/// # Errors
/// `Invalid` about `field` for a ring, `Limit` for more levels than `member_depth`.
pub fn check_no_ring(
    edit: &mut Edit<'_, '_>,
    field: &'static str,
    from: AccountId,
    targets: &[Target],
) -> Result<()> {
    let ring = || Error::invalid(field, "leads back to this entry; a group cannot contain itself");
    let accounts = targets.iter().filter_map(|target| match target {
        Target::Account(account) => Some(account.0),
        Target::Outside(_) => None,
    });
    let mut level: Vec<i64> = accounts.collect();
    if level.contains(&from.0) {
        return Err(ring());
    }
    let below = levels_above(edit, from)?;
    let mut seen: HashSet<i64> = level.iter().copied().collect();
    let mut depth = below;
    while !level.is_empty() {
        let next = edges_of(edit, &level)?;
        if next.contains(&from.0) {
            return Err(ring());
        }
        level = next.into_iter().filter(|account| seen.insert(*account)).collect();
        depth += 1;
        if depth > edit.ctx().limits.member_depth && !level.is_empty() {
            return Err(Error::limit(field, "would stand too many levels of groups deep"));
        }
    }
    Ok(())
}

/// Levels of links that lead to `account` from above, itself included.
fn levels_above(edit: &mut Edit<'_, '_>, account: AccountId) -> Result<u64> {
    let mut level = vec![account.0];
    let mut seen: HashSet<i64> = level.iter().copied().collect();
    let mut depth = 0;
    let most = edit.ctx().limits.member_depth;
    while !level.is_empty() && depth <= most {
        depth += 1;
        let above = edit.query(
            "SELECT group_id FROM membership WHERE member_id IN ({list $1}) AND member_id <> 0
             UNION SELECT account_id FROM redirect WHERE target_id IN ({list $1}) AND target_id <> 0",
            params![&level],
            |row| row.int(0),
        )?;
        level = above.into_iter().filter(|account| seen.insert(*account)).collect();
    }
    Ok(depth)
}

fn edges_of(tx: &mut Read<'_>, accounts: &[i64]) -> Result<Vec<i64>> {
    tx.query(
        "SELECT member_id FROM membership WHERE group_id IN ({list $1}) AND member_id <> 0
         UNION SELECT target_id FROM redirect WHERE account_id IN ({list $1}) AND target_id <> 0",
        params![accounts],
        |row| row.int(0),
    )
}

/// The accounts that share an actor's rights: itself and all groups that it is in, also by way of other groups.
/// Lists and aliases give mail, not rights.
///
/// # Errors
/// Those of the database.
pub fn subjects(tx: &mut Read<'_>, account: AccountId, most_levels: u64) -> Result<Vec<AccountId>> {
    let mut level = vec![account.0];
    let mut seen: HashSet<i64> = level.iter().copied().collect();
    let mut all = vec![account];
    for _ in 0..most_levels {
        if level.is_empty() {
            break;
        }
        let groups = tx.query(
            "SELECT m.group_id FROM membership m JOIN entry g ON g.account_id = m.group_id
             WHERE m.member_id IN ({list $1}) AND m.member_id <> 0 AND g.kind = $2 AND g.state IN ('active', 'locked')",
            params![&level, Kind::Group.name()],
            |row| row.int(0),
        )?;
        level = groups.into_iter().filter(|group| seen.insert(*group)).collect();
        all.extend(level.iter().map(|group| AccountId(*group)));
    }
    Ok(all)
}

/// A target as it stands in the history.
pub(crate) fn shown(edit: &mut Edit<'_, '_>, targets: &[Target]) -> Result<String> {
    let organisation = edit.organisation();
    let mut out = Vec::new();
    for target in targets.iter().take(20) {
        out.push(match target {
            Target::Account(account) => entries::load(edit, organisation, *account)?.address,
            Target::Outside(address) => address.clone(),
        });
    }
    if targets.len() > out.len() {
        out.push(format!("and {} more", targets.len() - out.len()));
    }
    Ok(out.join(", "))
}

fn clipped(text: &str) -> String {
    text.chars().filter(|character| !codec::text::is_hidden(*character)).take(100).collect()
}
