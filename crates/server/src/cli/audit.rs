//! `beffroi audit`: who did what, when, through which door. Read from the histories of accounts.

use std::collections::BTreeMap;

use base::{AccountId, Error, OrganisationId, Seq};
use codec::changes::{self, Change};
use directory::entries;
use kernel::CommitInfo;

use super::Session;
use super::directory::Desk;
use super::output::{Cell, Column};
use crate::failure::Failure;

/// Which commits to tell.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What was done to this account; without it, to the directory of the organisation
    #[arg(long, value_name = "ADDRESS", conflicts_with = "actor")]
    account: Option<String>,
    /// What this person did, in all accounts
    #[arg(long, value_name = "ADDRESS")]
    actor: Option<String>,
    /// Not before this day or moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<i64>,
    /// Before this day or moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<i64>,
    /// At most so many, the newest
    #[arg(long, default_value = "100", value_name = "NUMBER")]
    limit: usize,
}

/// A day in UTC or a moment, in milliseconds since the epoch.
fn moment(text: &str) -> Result<i64, String> {
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse::<jiff::Timestamp>()
        .ok()
        .or_else(|| Some(day()?.timestamp()))
        .map(jiff::Timestamp::as_millisecond)
        .ok_or_else(|| "write a day such as 2027-01-31 or a moment such as 2027-01-31T12:00:00Z".to_owned())
}

struct Row {
    account_name: String,
    actor_name: String,
    commit: CommitInfo,
}

const COLUMNS: [Column<Row>; 6] = [
    Column { key: "at", title: "When", cell: |row| Cell::Time(row.commit.at) },
    Column { key: "actor", title: "Who", cell: |row| Cell::Text(row.actor_name.clone()) },
    Column { key: "door", title: "Door", cell: |row| Cell::maybe(row.commit.door.map(base::Door::name)) },
    Column { key: "account", title: "Account", cell: |row| Cell::Text(row.account_name.clone()) },
    Column { key: "seq", title: "Commit", cell: |row| Cell::Whole(row.commit.seq.0) },
    Column { key: "changes", title: "What", cell: |row| Cell::Text(words(&row.commit.changes)) },
];

/// The changes of a commit for people: their words as they are, everything else as it stands.
fn words(text: &str) -> String {
    let Ok(all) = changes::parse(text) else { return text.to_owned() };
    let shown = all.into_iter().map(|change| match change {
        Change::Words(words) => words,
        other => changes::write(&[other]),
    });
    shown.collect::<Vec<_>>().join("; ")
}

/// Tells them.
pub fn run(session: &Session, arguments: &Arguments) -> Result<(), Failure> {
    session.at_desk(async |desk| {
        let organisation = desk.organisation().await?;
        // What was changed by SQL a moment ago is to be told too.
        desk.directory().absorb_sql_changes(&desk.ctx).await?;
        let found = match (&arguments.actor, &arguments.account) {
            (Some(actor), _) => {
                of_actor(desk, account_of(desk, organisation, actor).await?, arguments).await?
            }
            (None, Some(account)) => {
                of_account(desk, account_of(desk, organisation, account).await?, arguments).await?
            }
            (None, None) => {
                let directory = desk
                    .directory()
                    .read(move |tx| directory::organisations::account(tx, organisation))
                    .await?;
                of_account(desk, directory, arguments).await?
            }
        };
        let rows = named(desk, organisation, found).await?;
        desk.session.out.rows(&COLUMNS, &rows)
    })
}

async fn account_of(
    desk: &Desk<'_>,
    organisation: OrganisationId,
    address: &str,
) -> Result<AccountId, Failure> {
    let address = address.to_owned();
    let found =
        desk.directory().read(move |tx| entries::account_by_address(tx, organisation.0, &address)).await?;
    Ok(found.ok_or_else(|| Error::not_found("account"))?)
}

type Found = Vec<(AccountId, CommitInfo)>;

async fn of_account(desk: &Desk<'_>, account: AccountId, arguments: &Arguments) -> Result<Found, Failure> {
    let mut found = Found::new();
    let mut before = Seq(i64::MAX);
    loop {
        let limit = desk.ctx.limits.page_items;
        let page = desk.node.kernel.read(&desk.ctx, move |view| view.history(account, before, limit)).await?;
        let Some(last) = page.last() else { return Ok(found) };
        before = last.seq;
        for commit in page {
            if arguments.since.is_some_and(|since| commit.at < since) || found.len() >= arguments.limit {
                return Ok(found);
            }
            if arguments.until.is_none_or(|until| commit.at < until) {
                found.push((account, commit));
            }
        }
    }
}

async fn of_actor(desk: &Desk<'_>, actor: AccountId, arguments: &Arguments) -> Result<Found, Failure> {
    let mut found = Found::new();
    let mut before = arguments.until.unwrap_or(i64::MAX);
    loop {
        let limit = desk.ctx.limits.page_items;
        let page =
            desk.node.kernel.read(&desk.ctx, move |view| view.history_of_actor(actor, before, limit)).await?;
        let Some((_, last)) = page.last() else { return Ok(found) };
        before = last.at;
        for row in page {
            if arguments.since.is_some_and(|since| row.1.at < since) || found.len() >= arguments.limit {
                return Ok(found);
            }
            found.push(row);
        }
    }
}

/// Puts addresses to the numbers of accounts and actors.
async fn named(desk: &Desk<'_>, organisation: OrganisationId, found: Found) -> Result<Vec<Row>, Failure> {
    let rows = desk
        .directory()
        .read(move |tx| {
            let mut names: BTreeMap<AccountId, String> = BTreeMap::new();
            let own = directory::organisations::account(tx, organisation)?;
            names.insert(own, "directory".to_owned());
            for (account, commit) in &found {
                for id in [*account, commit.actor].into_iter().filter(|id| id.0 != 0) {
                    if let std::collections::btree_map::Entry::Vacant(free) = names.entry(id) {
                        // Who is gone for good is known by number only.
                        let name = entries::load(tx, organisation, id);
                        free.insert(name.map_or_else(|_| format!("account {id}"), |entry| entry.address));
                    }
                }
            }
            let name = |id: AccountId| names.get(&id).cloned().unwrap_or_default();
            let row = |(account, commit): (AccountId, CommitInfo)| Row {
                account_name: name(account),
                actor_name: if commit.actor.0 == 0 { nobody(commit.door) } else { name(commit.actor) },
                commit,
            };
            Ok(found.into_iter().map(row).collect())
        })
        .await?;
    Ok(rows)
}

/// Who acted where it was no account.
fn nobody(door: Option<base::Door>) -> String {
    match door {
        Some(base::Door::Cli) => "administrator at the machine",
        Some(base::Door::Sql) => "someone with SQL",
        _ => "the server",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_or_moments() {
        assert_eq!(moment("1970-01-02"), Ok(86_400_000));
        assert_eq!(moment("1970-01-01T00:00:01Z"), Ok(1_000));
        assert!(moment("yesterday").is_err());
    }

    #[test]
    fn words_are_told_as_they_are() {
        let text = changes::write(&[
            Change::Words("domain 1 created: a.example".to_owned()),
            Change::Drop { id: 7 },
        ]);
        assert_eq!(words(&text), "domain 1 created: a.example; D 7");
    }
}
