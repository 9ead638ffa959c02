//! Who did what: the histories of accounts, for those who may read them.
//!
//! What must stay true here:
//! - Everyone reads the history of its own account, and what it did itself, wherever that was.
//! - All else takes the right `audit.read` where the account stands; the directory's history on all of the organisation.

use std::collections::BTreeMap;

use base::{AccountId, Ctx, OrganisationId, Result, Seq};
use kernel::CommitInfo;
use store::{Read, params};

use crate::Directory;
use crate::entries;
use crate::organisations;
use crate::roles::{self, Place, Verb};

/// Whose history is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// What was done to the directory of the organisation.
    Directory,
    /// What was done to an account.
    Account(AccountId),
    /// What someone did, in all accounts.
    Actor(AccountId),
}

/// Which part of a history is read, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Not before this moment, milliseconds since 1970.
    pub since: i64,
    /// Before this moment.
    pub until: i64,
    /// Commits that are looked at, at most.
    pub most: u64,
}

/// A commit and the account that it changed.
pub type Found = Vec<(AccountId, CommitInfo)>;

/// Where a session came from, and by which program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its network address; empty: not known any more.
    pub network_address: String,
    /// The program, as it names itself.
    pub client: String,
}

/// What numbers in a history stand for.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Addresses of accounts; those that are gone for good have none.
    pub addresses: BTreeMap<AccountId, String>,
    /// The account of the organisation itself.
    pub directory: AccountId,
    /// Origins of sessions.
    pub origins: BTreeMap<i64, Origin>,
}

/// Whether the actor may read the history of an account.
fn check_account(tx: &mut Read<'_>, ctx: &Ctx, account: AccountId) -> Result<()> {
    let organisation = ctx.actor.organisation;
    if ctx.actor.system || account == ctx.actor.account {
        return Ok(());
    }
    let place = if account == organisations::account(tx, organisation)? {
        Place::organisation(organisation)
    } else {
        entries::load(tx, organisation, account)?.place()
    };
    roles::require(tx, ctx, Verb::AuditRead, &place, "account").map(|_| ())
}

impl Directory {
    /// The commits of a history in a span, the newest first.
    ///
    /// # Errors
    /// `Forbidden` without the right to read it, `NotFound` for what is in no account of the organisation.
    pub async fn audit(&self, ctx: &Ctx, of: Of, span: Span) -> Result<Found> {
        let (own, organisation) = (ctx.clone(), ctx.actor.organisation);
        let account = self.read(move |tx| {
            let account = match of {
                Of::Directory => organisations::account(tx, organisation)?,
                Of::Account(account) | Of::Actor(account) => account,
            };
            check_account(tx, &own, account).map(|()| account)
        });
        let account = account.await?;
        if of == Of::Directory {
            self.absorb_sql_changes(ctx).await?;
        }
        let by_actor = matches!(of, Of::Actor(_));
        let (mut found, mut before, mut looked) = (Found::new(), (Seq(i64::MAX), span.until), 0);
        loop {
            let page = self.page(ctx, account, by_actor, before).await?;
            let Some((_, last)) = page.last() else { return Ok(found) };
            before = if by_actor { (before.0, last.at) } else { (last.seq, before.1) };
            for (account, commit) in page {
                looked += 1;
                if commit.at < span.since || looked > span.most {
                    return Ok(found);
                }
                if commit.at < span.until {
                    found.push((account, commit));
                }
            }
        }
    }

    async fn page(&self, ctx: &Ctx, account: AccountId, by_actor: bool, before: (Seq, i64)) -> Result<Found> {
        let limit = ctx.limits.page_items;
        let trusted = ctx.trusted();
        let read = self.kernel().read(&trusted, move |view| {
            if !by_actor {
                let page = view.history(account, before.0, limit)?;
                return Ok(page.into_iter().map(|commit| (account, commit)).collect());
            }
            let mut page = view.history_of_actor(account, before.1, limit)?;
            let ends = page.last().map(|(_, commit)| commit.at);
            if page.len() as u64 >= limit && page.first().map(|(_, commit)| commit.at) != ends {
                // The next page begins before its last moment: what has that moment is left for it as a whole.
                page.retain(|(_, commit)| Some(commit.at) != ends);
            }
            Ok(page)
        });
        read.await
    }

    /// Commits by account and number, as far as the actor may read them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn audit_commits(&self, ctx: &Ctx, wanted: Vec<(AccountId, Seq)>) -> Result<Found> {
        let (own, asked) = (ctx.clone(), wanted.clone());
        let readable = self.read(move |tx| {
            let mut readable: BTreeMap<AccountId, bool> = BTreeMap::new();
            for (account, _) in &asked {
                if !readable.contains_key(account) {
                    let may = check_account(tx, &own, *account).is_ok();
                    readable.insert(*account, may);
                }
            }
            Ok(readable)
        });
        let (readable, reader) = (readable.await?, ctx.actor.account);
        let trusted = ctx.trusted();
        let read = self.kernel().read(&trusted, move |view| {
            let mut found = Found::new();
            for (account, seq) in wanted {
                let commit = view.history(account, Seq(seq.0.saturating_add(1)), 1)?.pop();
                let may = readable.get(&account).copied().unwrap_or(false);
                found.extend(
                    commit
                        .filter(|commit| commit.seq == seq && (may || commit.actor == reader))
                        .map(|commit| (account, commit)),
                );
            }
            Ok(found)
        });
        read.await
    }

    /// What the numbers of a history stand for.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn audit_names(&self, ctx: &Ctx, found: &Found) -> Result<Names> {
        let organisation = ctx.actor.organisation;
        let mut accounts: Vec<AccountId> =
            found.iter().flat_map(|(account, commit)| [*account, commit.actor]).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let mut sessions: Vec<i64> =
            found.iter().map(|(_, commit)| commit.session).filter(|id| *id != 0).collect();
        sessions.sort_unstable();
        sessions.dedup();
        self.read(move |tx| {
            let known = entries::of_accounts(tx, organisation, &accounts)?;
            Ok(Names {
                addresses: known.into_iter().map(|entry| (entry.account, entry.address)).collect(),
                directory: organisations::account(tx, organisation)?,
                origins: origins(tx, organisation, sessions)?,
            })
        })
        .await
    }
}

fn origins(
    tx: &mut Read<'_>,
    organisation: OrganisationId,
    sessions: Vec<i64>,
) -> Result<BTreeMap<i64, Origin>> {
    let sql =
        "SELECT id, network_address, client FROM session WHERE id IN ({list $1}) AND organisation_id = $2";
    let rows = tx.query(sql, params![sessions, organisation], |row| {
        Ok((row.int(0)?, Origin { network_address: row.text(1)?, client: row.text(2)? }))
    })?;
    Ok(rows.into_iter().collect())
}
