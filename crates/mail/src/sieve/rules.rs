//! What applies to a recipient, read in one snapshot: filters of its domain, its script, its settings, and what these
//! can ask for while they run.

use std::collections::{BTreeMap, HashMap, HashSet};

use base::{AccountId, CollectionId, Ctx, OrganisationId, Result};
use directory::resolve::Recipient;
use directory::{aliases, classes, entries};
use kernel::View;
use store::{Read, params};

use super::Seen;
use super::settings::{self, Forwarding, Vacation};

/// A filter of a domain that runs for the recipient.
#[derive(Debug, Clone)]
pub(super) struct Before {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) terminal: bool,
}

/// A mailbox as scripts name it.
#[derive(Debug, Clone)]
pub(super) struct Box_ {
    pub(super) id: CollectionId,
    pub(super) path: String,
    pub(super) role: String,
}

/// What applies to one recipient.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub(super) account: AccountId,
    pub(super) name: String,
    /// The primary address.
    pub(super) address: String,
    /// All addresses, the primary one first.
    pub(super) addresses: Vec<String>,
    pub(super) may_forward_outside: bool,
    pub(super) before: Vec<Before>,
    /// The script in force: its name, and all scripts by name when it may include them.
    pub(super) script: Option<(String, String)>,
    pub(super) scripts: HashMap<String, String>,
    pub(super) vacation: Option<Vacation>,
    pub(super) forwarding: Option<Forwarding>,
    pub(super) mailboxes: Vec<Box_>,
    pub(super) seen: HashSet<[u8; 16]>,
}

impl Rules {
    /// Whether nothing is to be done but to put the message where it goes without filters.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty()
            && self.script.is_none()
            && self.vacation.is_none()
            && self.forwarding.is_none()
    }

    /// The domain of the primary address: who sends something on or answers signs with it.
    pub(crate) fn domain(&self) -> Option<&str> {
        self.address.rsplit_once('@').map(|(_, domain)| domain)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let before = self.before.iter().map(|filter| filter.text.as_str());
        before.chain(self.script.iter().map(|(_, text)| text.as_str()))
    }

    fn mentions(&self, word: &str) -> bool {
        self.texts().any(|text| text.contains(word))
    }
}

/// The rules of recipients.
pub(super) struct Found {
    /// In the order of the recipients.
    pub(super) rules: Vec<Rules>,
    /// Accounts without rules of their own.
    pub(super) accounts_without: Vec<i64>,
    /// Organisations without filters of their domains.
    pub(super) organisations_without: Vec<i64>,
}

/// The rules of recipients. One question where nobody has any.
pub(super) fn read(tx: &mut Read<'_>, ctx: &Ctx, recipients: &[Recipient]) -> Result<Found> {
    let accounts: Vec<i64> = recipients.iter().map(|one| one.account.0).collect();
    let mut organisations: Vec<i64> = recipients.iter().map(|one| one.organisation.0).collect();
    organisations.sort_unstable();
    organisations.dedup();
    let found = tx.query(
        "SELECT 1, account_id FROM sieve_account WHERE account_id {in $1}
            AND (script_id IS NOT NULL OR vacation_on = 1 OR forward_on = 1)
         UNION ALL SELECT 2, organisation_id FROM sieve_domain_filter WHERE organisation_id {in $2} AND active = 1",
        params![&accounts, &organisations],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    let found: HashSet<(i64, i64)> = found.into_iter().collect();
    let mut all = Vec::with_capacity(recipients.len());
    let mut filters = BTreeMap::new();
    for one in recipients {
        let own = found.contains(&(1, one.account.0));
        let shared = found.contains(&(2, one.organisation.0));
        if !own && !shared {
            all.push(Rules::default());
            continue;
        }
        let filters = match filters.entry(one.organisation) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(domain_filters(tx, one.organisation)?)
            }
        };
        all.push(of_one(tx, &ctx.trusted(), one, own, filters)?);
    }
    let accounts_without = accounts.into_iter().filter(|id| !found.contains(&(1, *id))).collect();
    let organisations_without = organisations.into_iter().filter(|id| !found.contains(&(2, *id))).collect();
    Ok(Found { rules: all, accounts_without, organisations_without })
}

/// The active filters of an organisation in their order, each with its domain.
fn domain_filters(tx: &mut Read<'_>, organisation: OrganisationId) -> Result<Vec<(i64, Before)>> {
    tx.query(
        "SELECT domain_id, name, text, terminal FROM sieve_domain_filter
         WHERE organisation_id = $1 AND active = 1 ORDER BY position, id",
        params![organisation],
        |row| {
            let before = Before { name: row.text(1)?, text: row.text(2)?, terminal: row.flag(3)? };
            Ok((row.int(0)?, before))
        },
    )
}

fn of_one(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    recipient: &Recipient,
    own: bool,
    filters: &[(i64, Before)],
) -> Result<Rules> {
    let account = recipient.account;
    let entry = entries::load(tx, recipient.organisation, account)?;
    let (may_filter, may_forward_outside) = match recipient.class_id {
        Some(class) => {
            let class = classes::get(tx, ctx, recipient.organisation, class)?;
            (class.int("sieve") != Some(0), class.int("forward_outside") != Some(0))
        }
        None => (true, true),
    };
    let mut rules = Rules {
        account,
        name: entry.name,
        address: entry.address,
        may_forward_outside,
        before: filters
            .iter()
            .filter(|(domain, _)| *domain == 0 || *domain == entry.domain_id)
            .map(|(_, filter)| filter.clone())
            .collect(),
        ..Rules::default()
    };
    if own {
        if may_filter {
            rules.script = tx.query_opt(
                "SELECT s.name, s.text FROM sieve_account a
                 JOIN sieve_script s ON s.account_id = a.account_id AND s.id = a.script_id WHERE a.account_id = $1",
                params![account],
                |row| Ok((row.text(0)?, row.text(1)?)),
            )?;
        }
        let (vacation, forwarding) = settings::read(tx, account)?;
        let now = ctx.now_ms();
        rules.vacation = vacation.filter(|vacation| vacation.is_in_force(now));
        rules.forwarding = forwarding.filter(|forwarding| forwarding.active);
    }
    if rules.is_empty() {
        return Ok(rules);
    }
    add_facts(tx, ctx, recipient, &mut rules)?;
    Ok(rules)
}

/// What the rules can ask for while they run.
fn add_facts(tx: &mut Read<'_>, ctx: &Ctx, recipient: &Recipient, rules: &mut Rules) -> Result<()> {
    let account = recipient.account;
    let owned = aliases::list(tx, ctx, recipient.organisation, account)?;
    rules.addresses = vec![rules.address.clone()];
    rules.addresses.extend(owned.into_iter().map(|one| one.address).filter(|one| *one != rules.address));
    if let Some(vacation) = &rules.vacation {
        rules.addresses.extend(vacation.addresses.iter().cloned());
    }
    if rules.texts().next().is_some() {
        rules.mailboxes = mailboxes(tx, ctx, account)?;
    }
    if rules.script.as_ref().is_some_and(|(_, text)| text.contains("include")) {
        let all =
            tx.query("SELECT name, text FROM sieve_script WHERE account_id = $1", params![account], |row| {
                Ok((row.text(0)?, row.text(1)?))
            })?;
        rules.scripts = all.into_iter().collect();
    }
    if rules.mentions("duplicate") || rules.scripts.values().any(|text| text.contains("duplicate")) {
        let known = tx.query(
            "SELECT key FROM sieve_seen WHERE account_id = $1 AND what = $2 AND expires_at > $3",
            params![account, Seen::MESSAGE, ctx.now_ms()],
            |row| Ok(row.slice(0)?.first_chunk().copied().unwrap_or_default()),
        )?;
        rules.seen = known.into_iter().collect();
    }
    Ok(())
}

/// The mailboxes of an account with their paths; `/` stands between names.
fn mailboxes(tx: &mut Read<'_>, ctx: &Ctx, account: AccountId) -> Result<Vec<Box_>> {
    let all = View::new(tx, ctx).collections(account, Some("mail"))?;
    let by_id: HashMap<i64, (&str, i64)> =
        all.iter().map(|one| (one.id.0, (one.name.as_str(), one.parent.0))).collect();
    let path = |mut id: i64| {
        let mut names = Vec::new();
        while let Some((name, parent)) = by_id.get(&id) {
            names.push(*name);
            id = *parent;
            if names.len() > 64 {
                break;
            }
        }
        names.reverse();
        names.join("/")
    };
    Ok(all
        .iter()
        .map(|one| Box_ {
            id: one.id,
            path: if one.role == "inbox" { "INBOX".to_owned() } else { path(one.id.0) },
            role: one.role.clone(),
        })
        .collect())
}
