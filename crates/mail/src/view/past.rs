//! Mailboxes as the history shows them: what arrived lately, whatever became of it, and the account at each of its
//! marks. Whoever looks at one of these trees ([`base::Tree`]) gets mailboxes and views like any other, and can change
//! nothing: the kernel refuses every write of such a reader.
//!
//! Numbers: in the tree of all images a mailbox is the mark's commit and the mailbox's own number in one, with the UIDs that
//! it had and the commit as its UIDVALIDITY; in the tree of one image a mailbox has its own number. In the rescue tree
//! there is one mailbox, whose UIDs are the numbers of objects.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use base::{AccountId, CollectionId, Ctx, Error, ItemId, Result, Seq, Tree};
use kernel::{Item, PastCollection, PastItem, Right, Rights, View as KernelView};

use super::{View, build};
use crate::emails::{Email, Place};
use crate::mailboxes::{self, Mailbox, Role};
use crate::rows::{self, Columns, Row};
use crate::{Mail, images};

const DAY_MS: i64 = 86_400_000;
/// Bits of the number of a mailbox in one of an image's.
const BITS: u32 = 31;
/// The bit that tells the newest image's inbox at the top from the same one below its image.
const TOP: i64 = 1 << 62;
/// The mailbox of what arrived lately: no other one ever has the number.
const RESCUE: CollectionId = CollectionId(TOP);
/// Its UIDs never mean other messages.
const RESCUE_VALIDITY: u32 = 1;
/// Milliseconds after which what arrived lately is looked at again.
const FRESH_MS: i64 = 30_000;

/// What is left of a hash as a state: a number that every client can read.
const STATE_SHIFT: u32 = 12;

type Key = (i64, i64);

/// Views of the past that this node holds.
#[derive(Default)]
pub(crate) struct PastViews(Mutex<HashMap<Key, Held>>);

struct Held {
    view: Arc<View>,
    built_at: i64,
    used_at: i64,
}

impl PastViews {
    fn get(&self, key: Key, ctx: &Ctx) -> Option<Arc<View>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.get_mut(&key)?;
        let now = ctx.now_ms();
        // An image never changes.
        if key.1 == RESCUE.0 && now - held.built_at > FRESH_MS {
            return None;
        }
        held.used_at = now;
        Some(held.view.clone())
    }

    fn put(&self, key: Key, view: &Arc<View>, ctx: &Ctx) {
        let now = ctx.now_ms();
        let idle_ms = i64::try_from(ctx.limits.view_idle_seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, held| now - held.used_at <= idle_ms);
        all.insert(key, Held { view: view.clone(), built_at: now, used_at: now });
    }
}

/// The mailbox of an image: 0 is the level above all of them.
fn of_image(mark: Seq, mailbox: CollectionId) -> Option<CollectionId> {
    let fits = |number: i64| (0..1 << BITS).contains(&number);
    (fits(mark.0) && fits(mailbox.0)).then_some(CollectionId(mark.0 << BITS | mailbox.0))
}

/// The image, and the mailbox in it.
fn parts(id: CollectionId) -> (Seq, CollectionId) {
    let number = id.0 & !TOP;
    (Seq(number >> BITS), CollectionId(number & ((1 << BITS) - 1)))
}

fn read_only() -> Rights {
    [Right::Read].into_iter().collect()
}

/// The name of the level of an image: its moment in UTC.
fn moment(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| at_ms.to_string(), |at| at.strftime("%Y-%m-%d %H.%M.%S").to_string())
}

fn plain(account: AccountId, id: CollectionId, parent: CollectionId, name: String, mark: Seq) -> Mailbox {
    Mailbox {
        account,
        id,
        parent,
        name,
        role: None,
        total: 0,
        unseen: 0,
        bytes: 0,
        uidnext: 1,
        uidvalidity: u32::try_from(mark.0).unwrap_or(1).max(1),
        highest: mark,
        rights: read_only(),
        subscribed: true,
        sort_order: 0,
    }
}

/// The mailboxes of one image, below its level.
fn image(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    (mark, at): (Seq, i64),
    out: &mut Vec<Mailbox>,
) -> Result<()> {
    let Some(top) = of_image(mark, CollectionId(0)) else { return Ok(()) };
    out.push(plain(account, top, CollectionId(0), moment(at), mark));
    for was in images::tree(view, account, mark)? {
        let (Some(id), Some(parent)) = (of_image(mark, was.id), of_image(mark, was.parent)) else { continue };
        out.push(Mailbox {
            total: was.total,
            unseen: was.unseen,
            bytes: was.bytes,
            uidnext: mailboxes::uid(was.uidnext)?,
            ..plain(account, id, parent, was.name, mark)
        });
    }
    Ok(())
}

/// All images, and at the top the inbox of the newest one, which every account must have.
fn every_image(view: &mut KernelView<'_, '_>, account: AccountId) -> Result<Vec<Mailbox>> {
    let marks = view.marks(account)?;
    let mut out = Vec::new();
    if let Some((mark, _)) = marks.first() {
        let newest = images::tree(view, account, *mark)?;
        let inbox = newest.into_iter().find(|was| was.role == Role::Inbox.word());
        if let Some((id, was)) = inbox.and_then(|was| Some((of_image(*mark, was.id)?, was))) {
            out.push(Mailbox {
                role: Some(Role::Inbox),
                total: was.total,
                unseen: was.unseen,
                bytes: was.bytes,
                uidnext: mailboxes::uid(was.uidnext)?,
                ..plain(account, CollectionId(TOP | id.0), CollectionId(0), was.name, *mark)
            });
        }
    }
    for mark in marks {
        image(view, account, mark, &mut out)?;
    }
    Ok(out)
}

/// The mailboxes of one image as they were, with their own numbers.
fn one_image(view: &mut KernelView<'_, '_>, account: AccountId, mark: Seq) -> Result<Vec<Mailbox>> {
    let mailbox = |was: PastCollection| {
        Ok(Mailbox {
            role: Role::from_word(&was.role),
            total: was.total,
            unseen: was.unseen,
            bytes: was.bytes,
            uidnext: mailboxes::uid(was.uidnext)?,
            ..plain(account, was.id, was.parent, was.name, mark)
        })
    };
    images::tree(view, account, mark)?.into_iter().map(mailbox).collect()
}

fn past_entry(item: PastItem, id: ItemId, mark: Seq) -> Item {
    Item {
        id,
        object: item.object,
        content: item.content,
        size: item.size,
        flags: item.flags,
        state: item.state,
        content_seq: mark,
        changed_seq: mark,
    }
}

fn image_view(view: &mut KernelView<'_, '_>, account: AccountId, id: CollectionId) -> Result<View> {
    let (mark, mailbox) = parts(id);
    let tree = images::tree(view, account, mark)?;
    if mailbox.0 == 0 {
        return Ok(View::new(account, id, mark, 1, Vec::new()));
    }
    let was = tree.iter().find(|was| was.id == mailbox).ok_or_else(|| Error::not_found("mailbox"))?;
    let items = images::items(view, account, mark, mailbox)?;
    let items = items.into_iter().map(|item| {
        let id = item.id;
        past_entry(item, id, mark)
    });
    let entries = build::entries(view, account, items.collect())?;
    Ok(View::new(account, id, mark, mailboxes::uid(was.uidnext)?, entries))
}

fn rescue_view(view: &mut KernelView<'_, '_>, account: AccountId, days: i64) -> Result<View> {
    let moment = view.ctx().now_ms().saturating_sub(days.saturating_mul(DAY_MS));
    let since = view.last_before(account, moment)?;
    let seq = view.seq(account)?;
    let items: Vec<Item> = (view.arrived(account, crate::NAME, since)?.into_iter())
        .map(|item| {
            let id = ItemId(item.object.0);
            past_entry(item, id, seq)
        })
        .collect();
    let next = items.last().map_or(1, |item| item.id.0 + 1);
    let entries = build::entries(view, account, items)?;
    Ok(View::new(account, RESCUE, seq, mailboxes::uid(next)?, entries))
}

impl Mail {
    /// A mailbox of the tree that the reader looks at instead of the account's own.
    pub(super) async fn past_view(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
    ) -> Result<Arc<View>> {
        let tree = ctx.tree;
        let mailbox = match tree {
            Tree::Image(mark) => of_image(mark, mailbox).ok_or_else(|| Error::not_found("mailbox"))?,
            _ => mailbox,
        };
        let key = (account.0, mailbox.0);
        let days = self.history_rules().rescue_days;
        self.kernel().read(ctx, move |view| view.require(account, CollectionId(0), Right::Read)).await?;
        if let Some(view) = self.past_views().get(key, ctx) {
            return Ok(view);
        }
        let built = self.kernel().read(ctx, move |view| match tree {
            Tree::Rescue if mailbox == RESCUE => rescue_view(view, account, days),
            Tree::Images | Tree::Image(_) => image_view(view, account, mailbox),
            _ => Err(Error::not_found("mailbox")),
        });
        let view = Arc::new(built.await?);
        self.past_views().put(key, &view, ctx);
        Ok(view)
    }

    /// The mailboxes of that tree.
    pub(crate) async fn past_mailboxes(&self, ctx: &Ctx, account: AccountId) -> Result<Vec<Mailbox>> {
        match ctx.tree {
            Tree::Images => return self.kernel().read(ctx, move |view| every_image(view, account)).await,
            Tree::Image(mark) => {
                return self.kernel().read(ctx, move |view| one_image(view, account, mark)).await;
            }
            Tree::Rescue | Tree::Present => {}
        }
        let view = self.past_view(ctx, account, RESCUE).await?;
        let unseen = view.iter().filter(|entry| entry.flags & kernel::SEEN == 0).count();
        let inbox = plain(account, RESCUE, CollectionId(0), "INBOX".to_owned(), Seq(0));
        Ok(vec![Mailbox {
            role: Some(Role::Inbox),
            total: i64::try_from(view.len()).unwrap_or(i64::MAX),
            unseen: i64::try_from(unseen).unwrap_or(i64::MAX),
            bytes: view.iter().map(|entry| entry.size).sum(),
            uidnext: view.uidnext,
            uidvalidity: RESCUE_VALIDITY,
            highest: view.seq,
            ..inbox
        }])
    }

    /// One of them.
    pub(crate) async fn past_mailbox(
        &self,
        ctx: &Ctx,
        account: AccountId,
        id: CollectionId,
    ) -> Result<Mailbox> {
        let all = self.past_mailboxes(ctx, account).await?;
        all.into_iter().find(|mailbox| mailbox.id == id).ok_or_else(|| Error::not_found("mailbox"))
    }

    /// Their inbox: of images that of the newest one.
    pub(crate) async fn past_inbox(&self, ctx: &Ctx, account: AccountId) -> Result<CollectionId> {
        if ctx.tree == Tree::Rescue {
            return Ok(RESCUE);
        }
        let all = self.past_mailboxes(ctx, account).await?;
        let inbox = all.into_iter().find(|mailbox| mailbox.role == Some(Role::Inbox));
        inbox.map(|mailbox| mailbox.id).ok_or_else(|| Error::not_found("inbox"))
    }
}

/// What a tree shows of an object: its content and its places.
type Shown = BTreeMap<i64, (i64, Vec<Place>)>;

impl Mail {
    /// A number that is another one when what the tree shows is.
    pub(crate) async fn past_state(&self, ctx: &Ctx, account: AccountId) -> Result<Seq> {
        match ctx.tree {
            Tree::Image(mark) => Ok(mark),
            Tree::Rescue => {
                let view = self.past_view(ctx, account, RESCUE).await?;
                let mut hasher = blake3::Hasher::new();
                for entry in view.iter() {
                    hasher.update(&entry.object.to_le_bytes());
                    hasher.update(&entry.flags.to_le_bytes());
                    hasher.update(entry.state.as_deref().unwrap_or_default().as_bytes());
                }
                let hash = hasher.finalize();
                let first = u64::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default());
                Ok(Seq(i64::try_from(first >> STATE_SHIFT).unwrap_or_default()))
            }
            _ => {
                let marks = self.kernel().read(ctx, move |view| view.marks(account)).await?;
                Ok(marks.first().map_or(Seq(0), |(mark, _)| *mark))
            }
        }
    }

    async fn shown(&self, ctx: &Ctx, account: AccountId, wanted: Option<&[i64]>) -> Result<Shown> {
        let mut out = Shown::new();
        for mailbox in self.past_mailboxes(ctx, account).await? {
            let view = self.past_view(ctx, account, mailbox.id).await?;
            let is_wanted = |object| wanted.is_none_or(|wanted| wanted.binary_search(&object).is_ok());
            for entry in view.iter().filter(|entry| is_wanted(entry.object)) {
                let place = Place {
                    mailbox: mailbox.id,
                    uid: entry.uid,
                    flags: entry.flags,
                    state: entry.state.as_deref().map(str::to_owned),
                };
                out.entry(entry.object).or_insert_with(|| (entry.content, Vec::new())).1.push(place);
            }
        }
        Ok(out)
    }

    /// The objects that a tree shows.
    pub(crate) async fn past_objects(&self, ctx: &Ctx, account: AccountId) -> Result<BTreeSet<i64>> {
        Ok(self.shown(ctx, account, None).await?.into_keys().collect())
    }

    /// The content of an object that a tree shows, and a mailbox that it lies in there.
    pub(crate) async fn past_place(
        &self,
        ctx: &Ctx,
        account: AccountId,
        object: i64,
    ) -> Result<Option<(CollectionId, i64)>> {
        let found = self.shown(ctx, account, Some(&[object])).await?;
        let found = found.into_values().next();
        Ok(found.and_then(|(content, places)| Some((places.first()?.mailbox, content))))
    }

    /// Emails of a tree by their objects, which stand in order; with its state.
    pub(crate) async fn past_emails(
        &self,
        ctx: &Ctx,
        account: AccountId,
        objects: &[i64],
        columns: Columns,
    ) -> Result<(Seq, Vec<Email>)> {
        let state = self.past_state(ctx, account).await?;
        let found = self.shown(ctx, account, Some(objects)).await?;
        let mut contents: Vec<i64> = found.values().map(|(content, _)| *content).collect();
        contents.sort_unstable();
        let read = self.kernel().read(ctx, move |view| rows::of(view.tx(), account, &contents, columns));
        let rows: HashMap<i64, Row> = read.await?.into_iter().map(|row| (row.content, row)).collect();
        let email = |(object, (content, places)): (i64, (i64, Vec<Place>))| {
            Some(Email { object, places, row: rows.get(&content)?.clone() })
        };
        Ok((state, found.into_iter().filter_map(email).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_of_an_image_has_a_number_of_its_own() {
        let id = of_image(Seq(77), CollectionId(9)).unwrap();
        assert_eq!(parts(id), (Seq(77), CollectionId(9)));
        assert_eq!(parts(CollectionId(TOP | id.0)), parts(id));
        assert_eq!(of_image(Seq(1 << BITS), CollectionId(9)), None);
        assert!(of_image(Seq((1 << BITS) - 1), CollectionId((1 << BITS) - 1)).unwrap().0 < RESCUE.0);
        assert_eq!(moment(1_800_000_000_000), "2027-01-15 08.00.00");
    }
}
