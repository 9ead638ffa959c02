//! The life of an entry: active, locked, closed, pre-deleted, restored, purged. A table of transitions and one
//! function that applies them.

use base::{AccountId, Ctx, Error, OrganisationId, Result};
use store::{Read, params};

use crate::edit::{Edit, What};
use crate::entries::{self, Entry};
use crate::organisations;
use crate::roles::{self, Verb};

const DAY_MS: i64 = 86_400_000;

/// The state of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Logs in and receives mail.
    Active,
    /// Does not log in; mail still arrives.
    Locked,
    /// Does not log in; mail is refused.
    Closed,
    /// As closed, until it is restored or purged.
    PreDeleted,
}

impl State {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Active, Self::Locked, Self::Closed, Self::PreDeleted];

    /// As it stands in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Closed => "closed",
            Self::PreDeleted => "pre-deleted",
        }
    }

    /// From the database.
    ///
    /// # Errors
    /// `Corrupt` for a name that is none.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| Error::corrupt("entry.state", "is no state"))
    }

    /// Whether mail for it is accepted.
    pub const fn receives(self) -> bool {
        matches!(self, Self::Active | Self::Locked)
    }
}

/// A step from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// No login from now on; mail still arrives.
    Lock,
    /// Login again.
    Unlock,
    /// No login, and mail is refused.
    Close,
    /// Open again after it was closed.
    Reopen,
    /// To be purged after the days that the organisation set.
    PreDelete,
    /// Back to what it was before it was pre-deleted.
    Restore,
    /// Removed for good.
    Purge,
}

impl Transition {
    /// All transitions.
    pub const ALL: [Self; 7] =
        [Self::Lock, Self::Unlock, Self::Close, Self::Reopen, Self::PreDelete, Self::Restore, Self::Purge];

    /// Its name in commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Close => "close",
            Self::Reopen => "reopen",
            Self::PreDelete => "pre-delete",
            Self::Restore => "restore",
            Self::Purge => "purge",
        }
    }

    /// The right that it takes.
    pub const fn verb(self) -> Verb {
        match self {
            Self::Lock | Self::Unlock | Self::Close | Self::Reopen => Verb::AccountState,
            Self::PreDelete | Self::Restore => Verb::AccountDelete,
            Self::Purge => Verb::AccountPurge,
        }
    }
}

/// Where a transition leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// To that state.
    State(State),
    /// To the state before it was pre-deleted.
    Before,
    /// To nothing.
    Gone,
}

/// The table of transitions; none where there is no such step.
pub const fn next(state: State, transition: Transition) -> Option<Next> {
    match (state, transition) {
        (State::Active, Transition::Lock) => Some(Next::State(State::Locked)),
        (State::Locked, Transition::Unlock) | (State::Closed, Transition::Reopen) => {
            Some(Next::State(State::Active))
        }
        (State::Active | State::Locked, Transition::Close) => Some(Next::State(State::Closed)),
        (State::Active | State::Locked | State::Closed, Transition::PreDelete) => {
            Some(Next::State(State::PreDeleted))
        }
        (State::PreDeleted, Transition::Restore) => Some(Next::Before),
        (State::PreDeleted, Transition::Purge) => Some(Next::Gone),
        _ => None,
    }
}

/// Applies a transition to an entry.
///
/// # Errors
/// `Forbidden`, `NotFound`; `Conflict` when its state has no such step, or when an address that it must get back
/// was given to another meanwhile.
pub fn apply(edit: &mut Edit<'_, '_>, account: AccountId, transition: Transition) -> Result<()> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    organisations::require_member(ctx, organisation, "account")?;
    let entry = entries::load(edit, organisation, account)?;
    roles::require(edit, ctx, transition.verb(), &entry.place(), "account")?;
    let next = next(entry.state, transition).ok_or_else(|| {
        Error::conflict("state", format!("is {}: it cannot {} now", entry.state.name(), transition.name()))
    })?;
    let after = match next {
        Next::Gone => return purge(edit, &entry),
        Next::State(state) => state,
        Next::Before => before(edit, account)?,
    };
    let purge_at = match transition {
        Transition::PreDelete => Some(pre_delete(edit, &entry)?),
        Transition::Restore => {
            take_back_addresses(edit, &entry)?;
            None
        }
        _ => None,
    };
    // A pre-deleted entry remembers what it was; the time set for closing it is over once it is closed.
    let remembered = if after == State::PreDeleted { entry.state } else { after };
    let keeps_close_at = after != State::Closed && transition != Transition::Reopen;
    edit.execute(
        "UPDATE entry SET state = $2, state_before = $3, state_changed_at = $4, purge_at = $5,
                close_at = CASE WHEN $6 = 1 THEN close_at END, revision = revision + 1 WHERE account_id = $1",
        params![account, after.name(), remembered.name(), ctx.now_ms(), purge_at, keeps_close_at],
    )?;
    if !matches!(after, State::Active) {
        crate::sessions::end_all_of(edit, account)?;
    }
    let detail = format!("{}: state: {} -> {}", entry.address, entry.state.name(), after.name());
    edit.note(entry.kind.name(), account.0, What::Changed, detail);
    Ok(())
}

fn before(edit: &mut Edit<'_, '_>, account: AccountId) -> Result<State> {
    edit.query_one("SELECT state_before FROM entry WHERE account_id = $1", params![account], |row| {
        State::from_name(row.str(0)?)
    })
}

/// When it is to be purged. Gives the addresses free at once where the organisation says so.
fn pre_delete(edit: &mut Edit<'_, '_>, entry: &Entry) -> Result<i64> {
    let (days, holds) = edit.query_one(
        "SELECT pre_delete_days, holds_addresses FROM organisation WHERE id = $1",
        params![entry.organisation],
        |row| Ok((row.int(0)?, row.flag(1)?)),
    )?;
    if !holds {
        edit.execute(
            "INSERT INTO released_address (account_id, address, organisation_id, domain_id, kind, expires_at, note, created_at)
             SELECT account_id, address, organisation_id, domain_id, kind, expires_at, note, created_at
             FROM address WHERE account_id = $1",
            params![entry.account],
        )?;
        remove_addresses(edit, entry.account)?;
    }
    Ok(edit.now_ms().saturating_add(days.saturating_mul(DAY_MS)))
}

fn remove_addresses(edit: &mut Edit<'_, '_>, account: AccountId) -> Result<()> {
    edit.execute("UPDATE address SET revision = -1 WHERE account_id = $1", params![account])?;
    edit.execute("DELETE FROM address WHERE account_id = $1", params![account]).map(|_| ())
}

/// Brings released addresses back. An alias that went to another is left there; the primary one must be free.
fn take_back_addresses(edit: &mut Edit<'_, '_>, entry: &Entry) -> Result<()> {
    let taken = edit.query_opt(
        "SELECT 1 FROM released_address r JOIN address a ON a.address = r.address
         WHERE r.account_id = $1 AND r.kind = 'primary'",
        params![entry.account],
        |_| Ok(()),
    )?;
    if taken.is_some() {
        return Err(Error::conflict(
            "address",
            "was given to another meanwhile; free it before you restore this account",
        ));
    }
    edit.execute(
        "INSERT INTO address (address, organisation_id, domain_id, account_id, kind, expires_at, note, created_at, revision)
         SELECT address, organisation_id, domain_id, account_id, kind, expires_at, note, created_at, 1
         FROM released_address WHERE account_id = $1 ON CONFLICT (address) DO NOTHING",
        params![entry.account],
    )?;
    edit.execute("DELETE FROM released_address WHERE account_id = $1", params![entry.account]).map(|_| ())
}

/// What goes with an entry for good: `table`, and the column that names the account. Rows that others may write
/// by SQL are marked first, so that their triggers know that it was us.
const MARKED: &[(&str, &str)] = &[
    ("membership", "group_id"),
    ("membership", "member_id"),
    ("redirect", "account_id"),
    ("redirect", "target_id"),
    ("team_sender", "team_id"),
    ("team_sender", "sender_id"),
    ("role_grant", "subject_id"),
    ("password", "account_id"),
    ("address", "account_id"),
    ("person", "account_id"),
    ("team", "account_id"),
    ("resource", "account_id"),
    ("entry", "account_id"),
];
const UNMARKED: &[(&str, &str)] = &[
    ("released_address", "account_id"),
    ("app_password", "account_id"),
    ("one_time_code", "account_id"),
    ("recovery_code", "account_id"),
    ("password_scram", "account_id"),
    ("known_network", "account_id"),
    ("passkey", "account_id"),
    ("provider_subject", "account_id"),
    ("provider_session", "account_id"),
    ("provider_group", "group_id"),
    ("app_session", "account_id"),
    ("session", "account_id"),
];

/// Removes an entry with all that the directory has of it. Its content goes with its account, by the kernel.
fn purge(edit: &mut Edit<'_, '_>, entry: &Entry) -> Result<()> {
    let account = entry.account;
    edit.execute(
        "UPDATE domain SET catch_all_id = NULL, revision = revision + 1 WHERE organisation_id = $1 AND catch_all_id = $2",
        params![entry.organisation, account],
    )?;
    edit.execute(
        "UPDATE resource SET manager_id = NULL, revision = revision + 1 WHERE organisation_id = $1 AND manager_id = $2",
        params![entry.organisation, account],
    )?;
    let group = "DELETE FROM role_grant WHERE organisation_id = $1 AND scope = 'group' AND scope_id = $2";
    edit.execute(
        "UPDATE role_grant SET revision = -1 WHERE organisation_id = $1 AND scope = 'group' AND scope_id = $2",
        params![entry.organisation, account],
    )?;
    edit.execute(group, params![entry.organisation, account])?;
    for (table, column) in UNMARKED {
        edit.execute(&format!("DELETE FROM {table} WHERE {column} = $1"), params![account])?;
    }
    for (table, column) in MARKED {
        // Grants are found by the organisation; links to the account by indexes that leave out the 0 of outside
        // addresses, which the statement has to say as well.
        let link = matches!(*column, "member_id" | "target_id" | "sender_id");
        let not_outside = if link { format!("AND {column} <> 0") } else { String::new() };
        let where_ = format!("WHERE {column} = $1 AND organisation_id = $2 {not_outside}");
        let values = params![account, entry.organisation];
        edit.execute(&format!("UPDATE {table} SET revision = -1 {where_}"), &values)?;
        edit.execute(&format!("DELETE FROM {table} {where_}"), &values)?;
    }
    edit.note(entry.kind.name(), account.0, What::Removed, format!("{}: purged", entry.address));
    Ok(())
}

/// An entry whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Its organisation.
    pub organisation: OrganisationId,
    /// Its account.
    pub account: AccountId,
    /// What is to be done.
    pub transition: Transition,
}

/// Entries that are to be closed or purged by now: the daily job applies each.
///
/// # Errors
/// Those of the database.
pub fn due(tx: &mut Read<'_>, ctx: &Ctx) -> Result<Vec<Due>> {
    let limit = i64::try_from(ctx.limits.page_items).unwrap_or(i64::MAX);
    let now = ctx.now_ms();
    let mut all = tx.query(
        "SELECT organisation_id, account_id FROM entry
         WHERE close_at <= $1 AND state IN ('active', 'locked') ORDER BY close_at LIMIT $2",
        params![now, limit],
        |row| {
            let (organisation, account) = (OrganisationId(row.int(0)?), AccountId(row.int(1)?));
            Ok(Due { organisation, account, transition: Transition::Close })
        },
    )?;
    all.extend(tx.query(
        "SELECT organisation_id, account_id FROM entry
         WHERE purge_at <= $1 AND state = 'pre-deleted' ORDER BY purge_at LIMIT $2",
        params![now, limit],
        |row| {
            let (organisation, account) = (OrganisationId(row.int(0)?), AccountId(row.int(1)?));
            Ok(Due { organisation, account, transition: Transition::Purge })
        },
    )?);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m14_the_table_of_transitions() {
        let mut steps = Vec::new();
        for state in State::ALL {
            for transition in Transition::ALL {
                if let Some(next) = next(state, transition) {
                    let to = match next {
                        Next::State(state) => state.name(),
                        Next::Before => "before",
                        Next::Gone => "gone",
                    };
                    steps.push(format!("{} {} {to}", state.name(), transition.name()));
                }
            }
        }
        assert_eq!(
            steps,
            [
                "active lock locked",
                "active close closed",
                "active pre-delete pre-deleted",
                "locked unlock active",
                "locked close closed",
                "locked pre-delete pre-deleted",
                "closed reopen active",
                "closed pre-delete pre-deleted",
                "pre-deleted restore before",
                "pre-deleted purge gone",
            ]
        );
    }
}
