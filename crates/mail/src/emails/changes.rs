//! What changed of emails since a state.
//!
//! A state is a commit. When a client takes the changes in pieces, it is that commit with the last change that the
//! client was told of: changes are told in the order of (commit, object), where an email that is new is told at the
//! commit that made it, any other one at the commit that last changed it.

use std::collections::{BTreeMap, HashSet};

use base::{AccountId, CollectionId, Ctx, Error, Result, Seq};
use kernel::{CollectionChange, View as KernelView};
use store::params;

use super::{CHUNK, state};
use crate::Mail;

/// What a client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmailState {
    /// Everything up to this commit.
    pub seq: Seq,
    /// And of what came later, everything up to this commit and object.
    pub told: Option<(Seq, i64)>,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailChanges {
    /// What the client knows with them.
    pub state: EmailState,
    /// Whether there is more.
    pub has_more: bool,
    /// Objects that are new to the client.
    pub created: Vec<i64>,
    /// Objects that it knows and that changed.
    pub updated: Vec<i64>,
    /// Objects that are gone.
    pub destroyed: Vec<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Created,
    Updated,
    Destroyed,
}

/// What the places of an object say of a time.
#[derive(Debug, Default, Clone, Copy)]
struct Life {
    /// It had a place then.
    before: bool,
    /// It has one now.
    now: bool,
    /// When it got its first place since.
    born: Option<Seq>,
    /// When a place of it changed last.
    last: Seq,
}

/// The objects that something happened to in a mailbox.
fn touched(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    change: &CollectionChange,
    since: Seq,
    out: &mut HashSet<i64>,
) -> Result<()> {
    let sql = if change.gone {
        // It went with all that lay in it.
        "SELECT object_id FROM item WHERE account_id = $1 AND collection_id = $2
            AND (gone = 0 OR changed_seq > $3)"
    } else {
        "SELECT object_id FROM item WHERE account_id = $1 AND collection_id = $2 AND changed_seq > $3"
    };
    out.extend(view.tx().query(sql, params![account, change.info.id, since], |row| row.int(0))?);
    Ok(())
}

/// A mailbox as it matters to what lies in it.
#[derive(Clone, Copy)]
struct Fate {
    /// When it went.
    gone: Option<Seq>,
}

/// All mailboxes that the reader may see or could see before they went.
fn fates(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    changed: &[CollectionChange],
) -> Result<BTreeMap<CollectionId, Fate>> {
    let mut out: BTreeMap<CollectionId, Fate> = view
        .collections(account, Some(crate::NAME))?
        .into_iter()
        .map(|info| (info.id, Fate { gone: None }))
        .collect();
    for change in changed.iter().filter(|change| change.gone) {
        out.insert(change.info.id, Fate { gone: Some(change.info.max_seq) });
    }
    Ok(out)
}

fn lives(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    objects: &[i64],
    since: Seq,
    fates: &BTreeMap<CollectionId, Fate>,
) -> Result<BTreeMap<i64, Life>> {
    let mut out: BTreeMap<i64, Life> = BTreeMap::new();
    for chunk in objects.chunks(CHUNK) {
        let sql = "SELECT object_id, collection_id, created_seq, changed_seq, gone FROM item
                    WHERE account_id = $1 AND object_id {in $2}";
        let found = view.tx().query(sql, params![account, chunk.to_vec()], |row| {
            Ok((row.int(0)?, CollectionId(row.int(1)?), Seq(row.int(2)?), Seq(row.int(3)?), row.int(4)? != 0))
        })?;
        for (object, mailbox, created, changed, gone) in found {
            let Some(fate) = fates.get(&mailbox) else { continue };
            let life = out.entry(object).or_default();
            let ended = if gone { Some(changed) } else { fate.gone };
            life.now |= ended.is_none();
            if created <= since {
                life.before |= ended.is_none_or(|ended| ended > since);
            } else {
                life.born = Some(life.born.map_or(created, |born| born.min(created)));
            }
            let last = changed.max(ended.unwrap_or(changed));
            life.last = life.last.max(last);
        }
    }
    Ok(out)
}

/// What of a life is news, and its place in the order of telling.
fn news(object: i64, life: &Life, known: &EmailState) -> Option<((Seq, i64), What)> {
    let told = known.told.unwrap_or((known.seq, i64::MAX));
    let ends = if life.now { What::Updated } else { What::Destroyed };
    if life.before {
        let key = (life.last, object);
        return (key > told).then_some((key, ends));
    }
    let key = (life.born?, object);
    if key > told {
        return life.now.then_some((key, What::Created));
    }
    // It was told as new already.
    let key = (life.last, object);
    (life.last > told.0).then_some((key, ends))
}

fn check(view: &mut KernelView<'_, '_>, account: AccountId, known: &EmailState) -> Result<()> {
    let newest = state(view.tx(), account)?;
    if known.seq > newest || known.told.is_some_and(|(seq, _)| seq > newest || seq < known.seq) {
        return Err(Error::conflict("since", "is no state of this account; read everything again"));
    }
    Ok(())
}

impl Mail {
    /// What changed of the emails of an account since a state, at most `max` of them.
    ///
    /// # Errors
    /// `Conflict` when the state is none, or lies too far back: the client starts again.
    pub async fn email_changes(
        &self,
        ctx: &Ctx,
        account: AccountId,
        known: EmailState,
        max: Option<u64>,
    ) -> Result<EmailChanges> {
        let most = usize::try_from(max.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        if ctx.is_past() {
            // What changes in what the history shows is nowhere written down.
            let seq = self.past_state(ctx, account).await?;
            if known != (EmailState { seq, told: None }) {
                return Err(Error::conflict("since", "is another state; read everything again"));
            }
            return Ok(told(Vec::new(), &known, seq, most));
        }
        self.kernel()
            .read(ctx, move |view| {
                check(view, account, &known)?;
                let seq = state(view.tx(), account)?;
                let mut all = Vec::new();
                if seq > known.seq {
                    let changed: Vec<_> = (view.collection_changes(account, known.seq)?.into_iter())
                        .filter(|change| change.info.kind == crate::NAME)
                        .collect();
                    let mut objects = HashSet::new();
                    for change in &changed {
                        touched(view, account, change, known.seq, &mut objects)?;
                    }
                    let fates = fates(view, account, &changed)?;
                    let objects: Vec<i64> = objects.into_iter().collect();
                    let lives = lives(view, account, &objects, known.seq, &fates)?;
                    all.extend(lives.iter().filter_map(|(object, life)| news(*object, life, &known)));
                }
                Ok(told(all, &known, seq, most))
            })
            .await
    }
}

/// The first of the news, in their order.
fn told(mut all: Vec<((Seq, i64), What)>, known: &EmailState, seq: Seq, most: usize) -> EmailChanges {
    all.sort_unstable_by_key(|(key, _)| *key);
    let has_more = all.len() > most;
    all.truncate(most);
    let state = match all.last() {
        Some((key, _)) if has_more => EmailState { seq: known.seq, told: Some(*key) },
        _ if has_more => *known,
        _ => EmailState { seq, told: None },
    };
    let of = |what: What| all.iter().filter(|(_, of)| *of == what).map(|((_, object), _)| *object).collect();
    EmailChanges {
        state,
        has_more,
        created: of(What::Created),
        updated: of(What::Updated),
        destroyed: of(What::Destroyed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(before: bool, now: bool, born: Option<i64>, last: i64) -> Life {
        Life { before, now, born: born.map(Seq), last: Seq(last) }
    }

    #[test]
    fn p08_changes_are_told_once_and_in_pieces() {
        let known = EmailState { seq: Seq(10), told: None };
        assert_eq!(news(1, &life(true, true, None, 12), &known), Some(((Seq(12), 1), What::Updated)));
        assert_eq!(news(1, &life(true, false, None, 12), &known), Some(((Seq(12), 1), What::Destroyed)));
        assert_eq!(news(1, &life(false, true, Some(11), 12), &known), Some(((Seq(11), 1), What::Created)));
        assert_eq!(news(1, &life(false, false, Some(11), 12), &known), None);
        assert_eq!(news(1, &life(true, true, None, 10), &known), None);
        // After a part was told: what was new then, and changed since, is an update now.
        let part = EmailState { seq: Seq(10), told: Some((Seq(11), 5)) };
        assert_eq!(news(5, &life(false, true, Some(11), 11), &part), None);
        assert_eq!(news(6, &life(false, true, Some(11), 11), &part), Some(((Seq(11), 6), What::Created)));
        assert_eq!(news(5, &life(false, true, Some(11), 13), &part), Some(((Seq(13), 5), What::Updated)));
        assert_eq!(news(5, &life(false, false, Some(11), 13), &part), Some(((Seq(13), 5), What::Destroyed)));
    }

    #[test]
    fn p08_a_piece_ends_where_the_next_begins() {
        let known = EmailState { seq: Seq(1), told: None };
        let all = vec![((Seq(3), 9), What::Updated), ((Seq(2), 4), What::Created)];
        let first = told(all.clone(), &known, Seq(3), 1);
        assert_eq!((first.created.as_slice(), first.has_more), (&[4][..], true));
        assert_eq!(first.state.told, Some((Seq(2), 4)));
        let whole = told(all, &known, Seq(3), 5);
        assert_eq!(whole.state, EmailState { seq: Seq(3), told: None });
    }
}
