//! What changed of a type of the directory: read from the history of the organisation, which names the object of each change.
//!
//! What must stay true here:
//! - Only who may read all of the type's objects is told: who sees a part would learn of the others.
//! - Where the rights of the caller may have changed as well, or others changed rows by SQL, everything is read anew.

use std::collections::BTreeMap;

use base::{AccountId, Door, Seq};
use codec::changes::{self, Change};
use directory::entries::{self, Kind};
use directory::organisations;
use directory::roles::{self, Place, Verb};

use super::columns;
use crate::engine::{Call, Changes, ChangesRequest, MethodError, ids};

/// Commits that are looked through; a client that was away for longer reads everything.
const COMMITS: u64 = 500;

/// What all entries have in common is noted under this noun, whatever their kind.
const ENTRY_NOUN: &str = "entry";

/// Whether the objects of a noun are entries.
fn has_entries(noun: &str) -> bool {
    Kind::ALL.iter().any(|kind| kind.name() == noun)
}

/// What became of an object, as the history has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Created,
    Updated,
    Destroyed,
    /// It came and went.
    Nothing,
}

/// A line of the history: noun, number, what happened.
fn line(words: &str) -> Option<(&str, i64, Fate)> {
    let mut pieces = words.splitn(4, ' ');
    let (noun, id, what) = (pieces.next()?, pieces.next()?.parse().ok()?, pieces.next()?);
    let fate = match what.strip_suffix(':')? {
        "created" => Fate::Created,
        "changed" => Fate::Updated,
        "removed" => Fate::Destroyed,
        _ => return None,
    };
    Some((noun, id, fate))
}

/// Two things that happened one after the other are one.
const fn then(before: Option<Fate>, now: Fate) -> Fate {
    match (before, now) {
        (Some(Fate::Created), Fate::Destroyed) => Fate::Nothing,
        (Some(Fate::Created), _) => Fate::Created,
        (_, now) => now,
    }
}

/// Who may be told everything of a type.
async fn check_reads_all(call: &Call, noun: &str) -> Result<(), MethodError> {
    if matches!(noun, "organisation" | "domain" | "class" | "unit") {
        return Ok(());
    }
    let verb = if matches!(noun, "role" | "grant") { Verb::RoleGrant } else { Verb::AccountRead };
    let ctx = call.ctx().clone();
    let read = call.mail().directory().read(move |tx| {
        let place = Place::organisation(ctx.actor.organisation);
        Ok(roles::require(tx, &ctx, verb, &place, "organisation").is_ok())
    });
    if read.await? { Ok(()) } else { Err(MethodError::CannotCalculateChanges) }
}

/// What happened to objects of a noun since a commit, the oldest first.
async fn happened(call: &Call, noun: &str, since: Seq) -> Result<BTreeMap<i64, Fate>, MethodError> {
    let organisation = columns::organisation(call);
    let directory = call.mail().directory();
    let account: AccountId = directory.read(move |tx| organisations::account(tx, organisation)).await?;
    let trusted = call.ctx().trusted();
    let read = call.mail().kernel().read(&trusted, move |view| view.history(account, Seq(i64::MAX), COMMITS));
    let mut commits = read.await?;
    let reaches = commits.last().is_none_or(|oldest| oldest.seq.0 <= since.0.saturating_add(1));
    commits.retain(|commit| commit.seq > since);
    let cannot = MethodError::CannotCalculateChanges;
    if !reaches {
        return Err(cannot);
    }
    let mut fates = BTreeMap::new();
    for commit in commits.iter().rev() {
        if commit.door == Some(Door::Sql) {
            return Err(cannot);
        }
        for change in changes::parse(&commit.changes)? {
            let Change::Words(words) = change else { continue };
            let Some((of, id, fate)) = line(&words) else { return Err(cannot) };
            let own_group = of == "group" && call.ctx().actor.subjects.contains(&AccountId(id));
            if own_group || (matches!(of, "role" | "grant") && of != noun) {
                return Err(cannot);
            }
            if of == noun || (of == ENTRY_NOUN && has_entries(noun)) {
                let now = then(fates.get(&id).copied(), fate);
                fates.insert(id, now);
            }
        }
    }
    Ok(fates)
}

/// Leaves out entries of another kind; what is gone was noted under its own.
async fn keep_kind(call: &Call, noun: &str, fates: &mut BTreeMap<i64, Fate>) -> Result<(), MethodError> {
    if !has_entries(noun) {
        return Ok(());
    }
    let organisation = columns::organisation(call);
    let there: Vec<AccountId> =
        fates.iter().filter(|(_, fate)| **fate != Fate::Destroyed).map(|(id, _)| AccountId(*id)).collect();
    let read = call.mail().directory().read(move |tx| entries::of_accounts(tx, organisation, &there));
    let known = read.await?;
    fates.retain(|id, fate| {
        *fate == Fate::Destroyed
            || known.iter().any(|entry| entry.account.0 == *id && entry.kind.name() == noun)
    });
    Ok(())
}

/// What changed of a noun whose ids begin with a letter.
pub(super) async fn changes(
    call: &Call,
    (noun, letter): (&str, char),
    request: ChangesRequest,
) -> Result<Changes, MethodError> {
    let state = super::state(call).await?;
    if state == request.since {
        return Ok(Changes::none(state));
    }
    let cannot = MethodError::CannotCalculateChanges;
    let known = |text: &str| text.parse::<i64>().ok().filter(|seq| *seq >= 0);
    let (Some(since), Some(now)) = (known(&request.since), known(&state)) else { return Err(cannot) };
    if since > now {
        return Err(cannot);
    }
    check_reads_all(call, noun).await?;
    let mut out = Changes::none(state);
    let mut fates = happened(call, noun, Seq(since)).await?;
    keep_kind(call, noun, &mut fates).await?;
    for (id, fate) in fates {
        let id = ids::write(letter, id);
        match fate {
            Fate::Created => out.created.push(id),
            Fate::Updated => out.updated.push(id),
            Fate::Destroyed => out.destroyed.push(id),
            Fate::Nothing => {}
        }
    }
    let count = out.created.len() + out.updated.len() + out.destroyed.len();
    // There is no state between the two that could be told.
    if request.max.is_some_and(|max| count as u64 > max) { Err(cannot) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p08_lines_of_the_history_name_objects() {
        assert_eq!(line("person 12 created: a@b.example"), Some(("person", 12, Fate::Created)));
        assert_eq!(line("unit 3 removed: x: y"), Some(("unit", 3, Fate::Destroyed)));
        assert_eq!(line("something else"), None);
        assert_eq!(then(Some(Fate::Created), Fate::Destroyed), Fate::Nothing);
        assert_eq!(then(Some(Fate::Created), Fate::Updated), Fate::Created);
        assert_eq!(then(None, Fate::Destroyed), Fate::Destroyed);
    }
}
