//! Who receives mail for an address. One function: aliases of domains, aliases, temporary addresses, details,
//! lists and groups within one another, catch-all, forwards, states. One query a level, whatever the number of
//! members.
//!
//! Links that close a ring are refused when they are written; here a ring that SQL by others made is walked once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use base::{AccountId, Ctx, Error, OrganisationId, Result};
use codec::Address;
use store::{Read, Row, params};

use crate::entries::Kind;
use crate::states::State;

/// The quota in force of `e`, with its class `c`, its domain `d` and its organisation `o`: its own or its class's,
/// and no more than the domain and the organisation allow. NULL: no limit.
macro_rules! quota_in_force {
    () => {
        "nullif({least}(coalesce(e.quota_bytes, c.quota_bytes, 9223372036854775807), \
         coalesce(d.max_quota_bytes, 9223372036854775807), \
         coalesce(o.max_quota_bytes, 9223372036854775807)), 9223372036854775807)"
    };
}

/// A mailbox that receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Its account.
    pub account: AccountId,
    /// Its organisation.
    pub organisation: OrganisationId,
    /// What it is.
    pub kind: Kind,
    /// The quota in force; none: no limit.
    pub quota_bytes: Option<i64>,
    /// Its class of service.
    pub class_id: Option<i64>,
}

/// The group, list or alias that an address is the address of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// Its account.
    pub account: AccountId,
    /// What it is.
    pub kind: Kind,
}

/// All who receive mail for an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recipients {
    /// Mailboxes, each once, by account.
    pub mailboxes: Vec<Recipient>,
    /// Outside addresses, each once, in order.
    pub outside: Vec<String>,
    /// The group or list that was written to: whether the sender may is [`crate::groups::posting`]'s to say.
    pub via: Option<Via>,
    /// What stood after the separator: `lists` of `ada+lists@example.org`.
    pub detail: Option<String>,
}

/// Why nobody receives mail for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such address.
    Unknown,
    /// Who had it receives no more: closed or pre-deleted, or the domain or organisation is closed.
    Closed,
    /// A group or alias that leads to nobody.
    Empty,
    /// More recipients than `resolve_recipients`, or more levels than `member_depth`.
    TooMany,
}

impl Refusal {
    /// A stable name for logs and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Closed => "closed",
            Self::Empty => "empty",
            Self::TooMany => "too-many",
        }
    }
}

/// What an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// We do not receive for its domain.
    NotOurs,
    /// Someone receives.
    Found(Recipients),
    /// Not known here; the domain's other server may know it.
    Relay(String),
    /// Nobody receives.
    Refused(Refusal),
}

struct OwnDomain {
    organisation: OrganisationId,
    name: String,
    closed: bool,
    catch_all: Option<AccountId>,
    separator: Option<char>,
    relay_host: Option<String>,
}

const DOMAIN: &str = "
    SELECT d.organisation_id, coalesce(t.name, d.name),
           CASE WHEN d.state = 'closed' OR t.state = 'closed' OR o.state = 'closed' THEN 1 ELSE 0 END,
           CASE WHEN t.id IS NULL THEN d.catch_all_id ELSE t.catch_all_id END,
           CASE WHEN t.id IS NULL THEN d.detail_separator ELSE t.detail_separator END,
           CASE WHEN t.id IS NULL THEN d.relay_host ELSE t.relay_host END
    FROM domain d JOIN organisation o ON o.id = d.organisation_id
    LEFT JOIN domain t ON t.organisation_id = d.organisation_id AND t.id = d.alias_of_id
    WHERE d.name = $1";

/// A row of an entry that a link leads to.
struct Reached {
    recipient: Recipient,
    receives: bool,
    keeps_copy: bool,
}

const REACHED: &str = concat!(
    "e.account_id, e.organisation_id, e.kind, e.class_id, ",
    quota_in_force!(),
    ", CASE WHEN e.state IN ('active', 'locked') THEN 1 ELSE 0 END, e.keeps_copy"
);
const REACHED_JOINS: &str = "
    JOIN organisation o ON o.id = e.organisation_id
    JOIN domain d ON d.organisation_id = e.organisation_id AND d.id = e.domain_id
    LEFT JOIN class_of_service c ON c.organisation_id = e.organisation_id AND c.id = e.class_id";

fn reached(row: &Row<'_>, from: usize) -> Result<Reached> {
    Ok(Reached {
        recipient: Recipient {
            account: AccountId(row.int(from)?),
            organisation: OrganisationId(row.int(from + 1)?),
            kind: Kind::from_name(row.str(from + 2)?)?,
            class_id: row.opt_int(from + 3)?,
            quota_bytes: row.opt_int(from + 4)?,
        },
        receives: row.flag(from + 5)?,
        keeps_copy: row.flag(from + 6)?,
    })
}

/// Finds who receives mail for an address.
///
/// # Errors
/// Those of the database; an address that nobody has is no error.
pub fn resolve(tx: &mut Read<'_>, ctx: &Ctx, address: &Address) -> Result<Resolution> {
    let Some(domain) = own_domain(tx, address)? else { return Ok(Resolution::NotOurs) };
    if domain.closed {
        return Ok(Resolution::Refused(Refusal::Closed));
    }
    let Some(candidates) = candidates(address, &domain) else {
        return Ok(Resolution::Refused(Refusal::Unknown));
    };
    let (found, detail) = match find(tx, ctx, &candidates)? {
        Some(found) => found,
        None => match catch_all(tx, &domain)? {
            Some(found) => (found, None),
            None => {
                return Ok(domain
                    .relay_host
                    .map_or(Resolution::Refused(Refusal::Unknown), Resolution::Relay));
            }
        },
    };
    if !found.receives {
        return Ok(Resolution::Refused(Refusal::Closed));
    }
    expand(tx, ctx, found, detail)
}

fn own_domain(tx: &mut Read<'_>, address: &Address) -> Result<Option<OwnDomain>> {
    let Some(name) = address.domain() else { return Ok(None) };
    tx.query_opt(DOMAIN, params![name], |row| {
        Ok(OwnDomain {
            organisation: OrganisationId(row.int(0)?),
            name: row.text(1)?,
            closed: row.flag(2)?,
            catch_all: row.opt_int(3)?.map(AccountId),
            separator: row.str(4)?.chars().next(),
            relay_host: row.opt_text(5)?,
        })
    })
}

/// An address as it may be stored, and the detail that was split off for it.
type Candidate = (String, Option<String>);

/// The forms under which the address may be stored, the most exact first.
fn candidates(address: &Address, domain: &OwnDomain) -> Option<Vec<Candidate>> {
    let stored = address.stored().ok()?.at_domain(&domain.name).ok()?;
    let mut all = vec![(stored.to_string(), None)];
    let split = domain.separator.and_then(|separator| stored.without_detail(separator));
    if let Some((plain, detail)) = split {
        all.push((plain.to_string(), Some(detail.to_owned())));
    }
    Some(all)
}

fn find(tx: &mut Read<'_>, ctx: &Ctx, candidates: &[Candidate]) -> Result<Option<(Reached, Option<String>)>> {
    let texts: Vec<String> = candidates.iter().map(|(text, _)| text.clone()).collect();
    let mut rows = tx.query(
        &format!(
            "SELECT a.address, {REACHED} FROM address a JOIN entry e ON e.account_id = a.account_id {REACHED_JOINS}
             WHERE a.address IN ({{texts $1}}) AND (a.expires_at IS NULL OR a.expires_at > $2)"
        ),
        params![texts, ctx.now_ms()],
        |row| Ok((row.text(0)?, reached(row, 1)?)),
    )?;
    for (text, detail) in candidates {
        if let Some(at) = rows.iter().position(|(found, _)| found == text) {
            let (_, found) = rows.swap_remove(at);
            return Ok(Some((found, detail.clone())));
        }
    }
    Ok(None)
}

fn catch_all(tx: &mut Read<'_>, domain: &OwnDomain) -> Result<Option<Reached>> {
    let Some(account) = domain.catch_all else { return Ok(None) };
    tx.query_opt(
        &format!(
            "SELECT {REACHED} FROM entry e {REACHED_JOINS} WHERE e.account_id = $1 AND e.organisation_id = $2"
        ),
        params![account, domain.organisation],
        |row| reached(row, 0),
    )
    .map(|found| found.filter(|found| found.receives))
}

/// Follows the links of a level all at once, until nothing new is reached.
fn expand(tx: &mut Read<'_>, ctx: &Ctx, first: Reached, detail: Option<String>) -> Result<Resolution> {
    let via = first
        .recipient
        .kind
        .fans_out()
        .then_some(Via { account: first.recipient.account, kind: first.recipient.kind });
    let most = usize::try_from(ctx.limits.resolve_recipients).unwrap_or(usize::MAX);
    let mut mailboxes: BTreeMap<AccountId, Recipient> = BTreeMap::new();
    let mut outside: BTreeSet<String> = BTreeSet::new();
    let mut seen: HashSet<i64> = HashSet::from([first.recipient.account.0]);
    let mut level = vec![first];
    let mut levels = 0;
    while !level.is_empty() {
        levels += 1;
        if levels > ctx.limits.member_depth + 1 {
            return Ok(Resolution::Refused(Refusal::TooMany));
        }
        let links = follow(tx, &level)?;
        let leading: HashSet<i64> = links.iter().map(|link| link.from).collect();
        for here in level.drain(..) {
            let redirected = leading.contains(&here.recipient.account.0) && !here.keeps_copy;
            if !here.recipient.kind.fans_out() && !redirected {
                mailboxes.insert(here.recipient.account, here.recipient);
            }
        }
        for link in links {
            match link.to {
                Ok(to) if to.receives && seen.insert(to.recipient.account.0) => level.push(to),
                Ok(_) => {}
                Err(address) => {
                    outside.insert(address);
                }
            }
        }
        if mailboxes.len() + outside.len() > most {
            return Ok(Resolution::Refused(Refusal::TooMany));
        }
    }
    if mailboxes.is_empty() && outside.is_empty() {
        return Ok(Resolution::Refused(Refusal::Empty));
    }
    Ok(Resolution::Found(Recipients {
        mailboxes: mailboxes.into_values().collect(),
        outside: outside.into_iter().collect(),
        via,
        detail,
    }))
}

struct Link {
    from: i64,
    /// An entry, or an outside address.
    to: Result<Reached, String>,
}

/// The links of a level: members of groups and lists, targets of aliases, forwards of the others.
fn follow(tx: &mut Read<'_>, level: &[Reached]) -> Result<Vec<Link>> {
    let (teams, others): (Vec<_>, Vec<_>) = level
        .iter()
        .map(|here| &here.recipient)
        .partition(|recipient| matches!(recipient.kind, Kind::Group | Kind::List));
    let mut links = Vec::new();
    for (recipients, table, from, to, outside) in [
        (teams, "membership", "group_id", "member_id", "member_address"),
        (others, "redirect", "account_id", "target_id", "target_address"),
    ] {
        if recipients.is_empty() {
            continue;
        }
        let accounts: Vec<i64> = recipients.iter().map(|recipient| recipient.account.0).collect();
        let found = tx.query(
            &format!(
                "SELECT l.{from}, l.{outside}, {REACHED} FROM {table} l
                 JOIN entry e ON e.account_id = l.{to} AND e.organisation_id = l.organisation_id {REACHED_JOINS}
                 WHERE l.{from} IN ({{list $1}}) AND l.{to} <> 0"
            ),
            params![&accounts],
            |row| Ok(Link { from: row.int(0)?, to: Ok(reached(row, 2)?) }),
        )?;
        links.extend(found);
        let found = tx.query(
            &format!("SELECT {from}, {outside} FROM {table} WHERE {from} IN ({{list $1}}) AND {to} = 0"),
            params![&accounts],
            |row| Ok(Link { from: row.int(0)?, to: Err(row.text(1)?) }),
        )?;
        links.extend(found);
    }
    Ok(links)
}

/// Whose address it is, also with a detail: its account and organisation. What it leads to does not matter here.
///
/// # Errors
/// Those of the database; an address that nobody has is no error.
pub fn owner(tx: &mut Read<'_>, ctx: &Ctx, address: &Address) -> Result<Option<Recipient>> {
    let Some(domain) = own_domain(tx, address)? else { return Ok(None) };
    let Some(candidates) = candidates(address, &domain) else { return Ok(None) };
    Ok(find(tx, ctx, &candidates)?.map(|(found, _)| found.recipient))
}

/// The largest message that an account may send, by its class of service; none: the server's limit.
///
/// # Errors
/// Those of the database.
pub fn largest_message(tx: &mut Read<'_>, account: AccountId) -> Result<Option<i64>> {
    let found = tx.query_opt(
        "SELECT c.max_message_bytes FROM entry e
         JOIN class_of_service c ON c.organisation_id = e.organisation_id AND c.id = e.class_id
         WHERE e.account_id = $1",
        params![account],
        |row| row.opt_int(0),
    )?;
    Ok(found.flatten())
}

/// The quota in force of an account; none: no limit.
///
/// # Errors
/// `NotFound` when the directory has no such account.
pub fn quota_in_force(tx: &mut Read<'_>, account: AccountId) -> Result<Option<i64>> {
    tx.query_opt(
        &format!("SELECT {} FROM entry e {REACHED_JOINS} WHERE e.account_id = $1", quota_in_force!()),
        params![account],
        |row| row.opt_int(0),
    )?
    .ok_or_else(|| Error::not_found("account"))
}

/// Days that removed items of an account are kept, as its class of service says; none: the server's rule.
///
/// # Errors
/// Those of the database.
pub fn retention_days(tx: &mut Read<'_>, account: AccountId) -> Result<Option<i64>> {
    let sql = "SELECT c.retention_days FROM entry e
                 JOIN class_of_service c ON c.organisation_id = e.organisation_id AND c.id = e.class_id
                WHERE e.account_id = $1";
    Ok(tx.query_opt(sql, params![account], |row| row.opt_int(0))?.flatten())
}

/// The stored form of a login name or address in whichever of our domains; none when its domain is not ours.
pub(crate) fn stored_address(tx: &mut Read<'_>, text: &str) -> Result<Option<String>> {
    let Ok(address) = Address::parse(text.trim()) else { return Ok(None) };
    let Some(domain) = own_domain(tx, &address)? else { return Ok(None) };
    Ok(address
        .stored()
        .and_then(|stored| stored.at_domain(&domain.name))
        .ok()
        .map(|stored| stored.to_string()))
}

/// The state of an account.
///
/// # Errors
/// `NotFound` when the directory has no such account.
pub fn state(tx: &mut Read<'_>, account: AccountId) -> Result<State> {
    tx.query_opt("SELECT state FROM entry WHERE account_id = $1", params![account], |row| {
        State::from_name(row.str(0)?)
    })?
    .ok_or_else(|| Error::not_found("account"))
}
