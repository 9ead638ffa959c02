//! Creating, changing and removing emails: many at once, in one transaction and one commit.

mod receipt;

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{AccountId, CollectionId, Ctx, Error, ItemId, Result, Seq};
use bytes::Bytes;
use kernel::{Batch, ItemUpdate, Right};
use store::blobs::Put;
use store::sql::Locks;

use super::{Place, places, state, union};
use crate::Mail;
use crate::flags::{DELETED, Keywords, NAMED, SEEN};
use crate::messages::append::read;
use crate::messages::{Read, put_again};

/// How keywords change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeywordEdit {
    /// These and no others.
    Replace(Keywords),
    /// These are set, then those taken away.
    Patch {
        /// To set.
        add: Keywords,
        /// To take away.
        remove: Keywords,
    },
}

/// How the mailboxes change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceEdit {
    /// These and no others.
    Replace(Vec<CollectionId>),
    /// Put into those, taken out of these.
    Patch {
        /// To put into.
        add: Vec<CollectionId>,
        /// To take out of.
        remove: Vec<CollectionId>,
    },
}

/// What changes of an email; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmailEdit {
    /// The object.
    pub object: i64,
    /// Its keywords.
    pub keywords: Option<KeywordEdit>,
    /// Its mailboxes.
    pub places: Option<PlaceEdit>,
}

/// An email to be made.
#[derive(Debug, Clone)]
pub struct NewEmail {
    /// The message as it is.
    pub body: Bytes,
    /// Where it is put, at least one.
    pub mailboxes: Vec<CollectionId>,
    /// Its keywords.
    pub keywords: Keywords,
    /// When it arrived, milliseconds since 1970.
    pub received_at: i64,
}

/// A created email.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// The object.
    pub object: i64,
    /// Its conversation.
    pub thread: i64,
    /// Its bytes.
    pub size: i64,
    /// The hash of its body in the blob store.
    pub body: [u8; 32],
}

/// What became of what was asked, each in the order in which it was asked.
#[derive(Debug, Default)]
pub struct Edited {
    /// The state of mail before.
    pub before: Seq,
    /// The state of mail now.
    pub after: Seq,
    /// What was created.
    pub created: Vec<Result<Made>>,
    /// What was changed.
    pub updated: Vec<Result<()>>,
    /// What was removed.
    pub destroyed: Vec<Result<()>>,
}

struct Ready {
    message: Read,
    put: Put,
    mailboxes: Vec<CollectionId>,
    keywords: Keywords,
    received_at: i64,
}

impl Mail {
    /// Creates, changes and removes emails of an account, in one commit. What cannot be done is told one by one, and
    /// the rest is done.
    ///
    /// # Errors
    /// `Limit` for more than one transaction may touch; `Conflict` when `if_state` is not the state of mail.
    pub async fn edit_emails(
        &self,
        ctx: &Ctx,
        account: AccountId,
        if_state: Option<Seq>,
        creates: Vec<NewEmail>,
        updates: Vec<EmailEdit>,
        destroys: Vec<i64>,
    ) -> Result<Edited> {
        let mut ready = Vec::with_capacity(creates.len());
        if !creates.is_empty() {
            let organisation = self.organisation_of(account).await?;
            for NewEmail { body, mailboxes, keywords, received_at } in creates {
                let put = self.put_body(organisation, &body, 0).await?;
                let message = read(self, &body, 0).await?;
                ready.push(Ready { message, put, mailboxes, keywords, received_at });
            }
        }
        let work = Arc::new((ready, updates, destroys));
        let locks = Locks { accounts: vec![account.0], collections: Vec::new() };
        self.kernel()
            .write_many(ctx, locks, move |many| {
                let (ready, updates, destroys) = &*work;
                let quota = if ready.is_empty() && updates.iter().all(|edit| edit.places.is_none()) {
                    None
                } else {
                    directory::resolve::quota_in_force(many.tx(), account)?
                };
                let before = state(many.tx(), account)?;
                if if_state.is_some_and(|wanted| wanted != before) {
                    return Err(Error::conflict("state", "is another one by now; read it again"));
                }
                many.batch(account, |batch| {
                    batch.set_quota(quota);
                    let mut edited = Edited { before, after: before, ..Edited::default() };
                    let mut work = Work::begin(batch, updates, destroys)?;
                    edited.created = ready.iter().map(|new| work.create(batch, new)).collect();
                    edited.updated = work.update(batch, updates)?;
                    edited.destroyed = work.destroy(batch, destroys)?;
                    if work.changed {
                        edited.after = batch.seq();
                    }
                    Ok(edited)
                })
            })
            .await
    }
}

/// What a transaction knows of the emails that it changes.
struct Work {
    mailboxes: Vec<CollectionId>,
    places: BTreeMap<i64, Vec<Place>>,
    changed: bool,
}

/// Messages that change in the same way: the mailbox, bits to set, bits to clear, and the words of all.
type Change = (CollectionId, i64, i64, Option<Vec<String>>);

impl Work {
    fn begin(batch: &mut Batch<'_, '_>, updates: &[EmailEdit], destroys: &[i64]) -> Result<Self> {
        let account = batch.account();
        let ctx = batch.ctx();
        let mailboxes = super::readable(&mut kernel::View::new(batch.tx(), ctx), account)?;
        let mut objects: Vec<i64> = updates.iter().map(|edit| edit.object).collect();
        objects.extend_from_slice(destroys);
        objects.sort_unstable();
        objects.dedup();
        let mut by_object: BTreeMap<i64, Vec<Place>> = BTreeMap::new();
        for (object, place) in places(batch.tx(), account, &objects, &mailboxes)? {
            by_object.entry(object).or_default().push(place);
        }
        Ok(Self { mailboxes, places: by_object, changed: false })
    }

    /// Where an email lies.
    fn at(&self, object: i64) -> Option<&[Place]> {
        self.places.get(&object).map(Vec::as_slice)
    }

    fn mailbox(&self, batch: &mut Batch<'_, '_>, id: CollectionId, right: Right) -> Result<()> {
        if !self.mailboxes.contains(&id) {
            return Err(Error::invalid("mailboxIds", "name a mailbox that does not exist"));
        }
        batch.require(id, right)
    }

    fn create(&mut self, batch: &mut Batch<'_, '_>, new: &Ready) -> Result<Made> {
        for mailbox in &new.mailboxes {
            self.mailbox(batch, *mailbox, Right::Insert)?;
        }
        let (first, rest) = (new.mailboxes.split_first())
            .ok_or_else(|| Error::invalid("mailboxIds", "must name at least one mailbox"))?;
        let keywords = allowed(batch, *first, &new.keywords)?;
        let made = new.message.put(batch, *first, &new.put, new.received_at, &keywords)?;
        self.changed = true;
        let size = new.message.size();
        for mailbox in rest {
            let keywords = allowed(batch, *mailbox, &new.keywords)?;
            put_again(batch, *mailbox, made.object, size, &keywords)?;
        }
        let thread = new.message.thread(batch, made.content)?;
        Ok(Made { object: made.object.0, thread, size, body: new.put.hash() })
    }

    fn update(&mut self, batch: &mut Batch<'_, '_>, updates: &[EmailEdit]) -> Result<Vec<Result<()>>> {
        let mut out = Vec::with_capacity(updates.len());
        let mut keyword_changes: BTreeMap<Change, Vec<ItemId>> = BTreeMap::new();
        let mut moves: BTreeMap<(CollectionId, CollectionId), Vec<ItemId>> = BTreeMap::new();
        let mut copies: BTreeMap<(CollectionId, CollectionId), Vec<ItemId>> = BTreeMap::new();
        let mut removals: BTreeMap<CollectionId, Vec<ItemId>> = BTreeMap::new();
        for edit in updates {
            let plan = self.plan(batch, edit);
            out.push(plan.map(|plan| {
                for (change, item) in plan.keywords {
                    keyword_changes.entry(change).or_default().push(item);
                }
                for (from, item, to) in plan.moves {
                    moves.entry((from, to)).or_default().push(item);
                }
                for (from, item, to) in plan.copies {
                    copies.entry((from, to)).or_default().push(item);
                }
                for (from, item) in plan.removals {
                    removals.entry(from).or_default().push(item);
                }
            }));
        }
        for ((mailbox, set, clear, words), items) in keyword_changes {
            let edit = words.map(|words| {
                move |state: Option<&str>| {
                    let keywords = Keywords { flags: 0, others: words.clone() };
                    crate::flags::FlagChange::Replace(keywords).apply(state)
                }
            });
            let edit = edit.as_ref().map(|edit| edit as kernel::EditState<'_>);
            batch.update(mailbox, &items, &ItemUpdate { set, clear, edit, ..ItemUpdate::default() })?;
            self.changed = true;
        }
        for ((from, to), items) in copies {
            batch.copy_to(from, &items, to)?;
            self.changed = true;
        }
        for ((from, to), items) in moves {
            batch.move_to(from, &items, to)?;
            self.changed = true;
        }
        for (from, items) in removals {
            batch.destroy(from, &items)?;
            self.changed = true;
        }
        Ok(out)
    }

    /// What an edit does, when all of it may be done.
    fn plan(&self, batch: &mut Batch<'_, '_>, edit: &EmailEdit) -> Result<Plan> {
        let at = self.places.get(&edit.object).ok_or_else(|| Error::not_found("email"))?;
        let mut plan = Plan::default();
        if let Some(change) = &edit.keywords {
            plan.keywords = keyword_plan(batch, at, change)?;
        }
        let Some(change) = &edit.places else { return Ok(plan) };
        let now: Vec<CollectionId> = at.iter().map(|place| place.mailbox).collect();
        let (mut add, mut remove) = match change {
            PlaceEdit::Replace(wanted) => (
                wanted.iter().filter(|id| !now.contains(id)).copied().collect::<Vec<_>>(),
                now.iter().filter(|id| !wanted.contains(id)).copied().collect::<Vec<_>>(),
            ),
            PlaceEdit::Patch { add, remove } => (
                add.iter().filter(|id| !now.contains(id)).copied().collect(),
                now.iter().filter(|id| remove.contains(id)).copied().collect(),
            ),
        };
        add.sort_unstable_by_key(|id| id.0);
        add.dedup();
        remove.dedup();
        if add.is_empty() && now.iter().all(|id| remove.contains(id)) {
            return Err(Error::invalid("mailboxIds", "must name at least one mailbox"));
        }
        for id in &add {
            self.mailbox(batch, *id, Right::Insert)?;
        }
        for id in &remove {
            batch.require(*id, Right::Delete)?;
        }
        let mut leaving = at.iter().filter(|place| remove.contains(&place.mailbox)).peekable();
        for to in add {
            if let Some(place) = leaving.next() {
                plan.moves.push((place.mailbox, item(place), to));
            } else {
                let source = at.first().ok_or_else(|| Error::not_found("email"))?;
                plan.copies.push((source.mailbox, item(source), to));
            }
        }
        plan.removals.extend(leaving.map(|place| (place.mailbox, item(place))));
        Ok(plan)
    }

    fn destroy(&mut self, batch: &mut Batch<'_, '_>, destroys: &[i64]) -> Result<Vec<Result<()>>> {
        let mut out = Vec::with_capacity(destroys.len());
        let mut removals: BTreeMap<CollectionId, Vec<ItemId>> = BTreeMap::new();
        for object in destroys {
            let may = match self.places.get(object) {
                Some(at) => {
                    at.iter().try_for_each(|place| batch.require(place.mailbox, Right::Delete)).map(|()| at)
                }
                None => Err(Error::not_found("email")),
            };
            out.push(may.map(|at| {
                for place in at {
                    removals.entry(place.mailbox).or_default().push(item(place));
                }
            }));
        }
        for (from, items) in removals {
            batch.destroy(from, &items)?;
            self.changed = true;
        }
        Ok(out)
    }
}

#[derive(Default)]
struct Plan {
    keywords: Vec<(Change, ItemId)>,
    moves: Vec<(CollectionId, ItemId, CollectionId)>,
    copies: Vec<(CollectionId, ItemId, CollectionId)>,
    removals: Vec<(CollectionId, ItemId)>,
}

fn item(place: &Place) -> ItemId {
    ItemId(i64::from(place.uid))
}

/// The keywords that all places of an email are to have, place by place.
fn keyword_plan(
    batch: &mut Batch<'_, '_>,
    at: &[Place],
    change: &KeywordEdit,
) -> Result<Vec<(Change, ItemId)>> {
    let known = NAMED.iter().fold(0, |all, (bit, _)| all | bit);
    let mut wanted = match change {
        KeywordEdit::Replace(keywords) => keywords.clone(),
        KeywordEdit::Patch { .. } => union(at),
    };
    if let KeywordEdit::Patch { add, remove } = change {
        wanted.flags = (wanted.flags | add.flags) & !remove.flags;
        for word in &add.others {
            if !wanted.has(word) {
                wanted.others.push(word.clone());
            }
        }
        wanted.others.retain(|word| !remove.has(word));
    }
    let mut out = Vec::with_capacity(at.len());
    for place in at {
        let has = Keywords::of_item(place.flags, place.state.as_deref());
        // What no keyword of JMAP names stays: `\Deleted` and bits of others.
        let set = wanted.flags & !has.flags;
        let clear = has.flags & known & !wanted.flags & !DELETED;
        let same_words = has.others.len() == wanted.others.len()
            && has
                .others
                .iter()
                .all(|word| wanted.others.iter().any(|other| other.eq_ignore_ascii_case(word)));
        if (set | clear) & SEEN != 0 {
            batch.require(place.mailbox, Right::Seen)?;
        }
        if (set | clear) & !SEEN != 0 || !same_words {
            batch.require(place.mailbox, Right::Flag)?;
        }
        if set | clear != 0 || !same_words {
            let words = (!same_words).then(|| wanted.others.clone());
            out.push(((place.mailbox, set, clear, words), item(place)));
        }
    }
    Ok(out)
}

/// Keywords of a new email as far as they may be set there (RFC 4314 section 4).
fn allowed(batch: &mut Batch<'_, '_>, mailbox: CollectionId, keywords: &Keywords) -> Result<Keywords> {
    let rights = batch.rights(mailbox)?;
    let mut out = keywords.clone();
    if !rights.has(Right::Seen) {
        out.flags &= !SEEN;
    }
    if !rights.has(Right::Flag) {
        out.flags &= SEEN;
        out.others.clear();
    }
    Ok(out)
}
