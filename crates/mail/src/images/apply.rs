//! Bringing back what an image shows: beside what is there, or in its place.
//!
//! What must stay true here:
//! - A restore that breaks off is gone on with by asking for it again: what is there already is not put in twice.
//! - What a restore replaces is removed like anything else, and can be brought back itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use base::{AccountId, CollectionId, Ctx, ItemId, Result, Seq};
use kernel::{Batch, ItemUpdate, NewCollection, NewItem, PastCollection, PastItem, View as KernelView};
use store::params;

use super::plan::{Items, Place, Plan, plan};
use crate::mailboxes::{self, Role};
use crate::messages::store::chunk_items;
use crate::{Mail, NAME};

/// What of an image is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All mailboxes.
    All,
    /// A mailbox with those in it.
    Mailbox(CollectionId),
    /// Messages by their objects.
    Emails(Vec<i64>),
}

/// Where to, and what becomes of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restoring {
    /// As copies below this mailbox (0: the top), with the tree of the image; messages that were asked for one by one
    /// come into the mailbox itself.
    Into(CollectionId),
    /// In place, only what lies nowhere any more.
    Missing,
    /// In place, so that it is what it was: flags are as they were, what came later is removed.
    Replace,
}

/// What is to be brought back, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRestore {
    /// The image.
    pub mark: Seq,
    /// What of it.
    pub selection: Selection,
    /// How.
    pub how: Restoring,
}

/// What a restore changed, or would change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImageReport {
    /// Mailboxes that come back or are made.
    pub mailboxes_back: u64,
    /// Mailboxes that get the name, place or role that they had.
    pub mailboxes_changed: u64,
    /// Mailboxes that were not there then, and go.
    pub mailboxes_removed: u64,
    /// Messages that come back.
    pub emails_back: u64,
    /// Their size.
    pub bytes_back: i64,
    /// Messages that get the flags that they had.
    pub emails_changed: u64,
    /// Messages that were not there then, and go.
    pub emails_removed: u64,
}

fn differs(was: &PastCollection, now: &kernel::CollectionInfo) -> bool {
    (&was.name, was.parent, &was.role) != (&now.name, now.parent, &now.role)
}

fn report(plan: &Plan, wanted: &ImageRestore) -> ImageReport {
    let mut out = ImageReport { mailboxes_removed: plan.remove.len() as u64, ..ImageReport::default() };
    for place in &plan.places {
        match &place.now {
            None if matches!(wanted.selection, Selection::Emails(_)) => {}
            None => out.mailboxes_back += 1,
            Some(now) => {
                let changes = wanted.how == Restoring::Replace && differs(&place.was, now);
                out.mailboxes_changed += u64::from(changes);
            }
        }
        out.emails_back += place.items.back.len() as u64;
        out.bytes_back += place.items.back.iter().map(|item| item.size).sum::<i64>();
        out.emails_changed += place.items.flags.values().map(|items| items.len() as u64).sum::<u64>();
        out.emails_removed += place.items.remove.len() as u64;
    }
    out
}

/// Gives a mailbox of the image the place that it had, and whoever stands there another name or no role.
fn put_in_place(batch: &mut Batch<'_, '_>, was: &PastCollection) -> Result<()> {
    batch.tx().flush_group()?;
    let (account, ctx) = (batch.account(), batch.ctx());
    let all = KernelView::new(batch.tx(), ctx).collections(account, Some(NAME))?;
    for other in all.iter().filter(|other| other.id != was.id) {
        if other.parent == was.parent && other.name == was.name {
            let name = batch.free_name(NAME, other.parent, &other.name)?;
            batch.update_collection(other.id, None, Some(&name), None, None)?;
        }
        if !was.role.is_empty() && other.role == was.role {
            batch.update_collection(other.id, None, None, Some(""), None)?;
        }
    }
    batch.update_collection(was.id, Some(was.parent), Some(&was.name), Some(&was.role), Some(&was.state))
}

/// Brings the mailboxes of an image back to where they were.
fn settle(batch: &mut Batch<'_, '_>, plan: &Plan, replace: bool) -> Result<()> {
    let top = CollectionId(0);
    let account = batch.account();
    for place in &plan.places {
        let was = &place.was;
        match &place.now {
            // At the top first: what it lay in may lie in itself now.
            None => {
                let name = batch.free_name(NAME, top, &was.name)?;
                batch.restore_collection(was.id, top, &name)?;
                mailboxes::want(batch.tx(), account, account, was.id)?;
            }
            Some(now) if replace && now.parent != was.parent => {
                let name = batch.free_name(NAME, top, &now.name)?;
                batch.update_collection(now.id, Some(top), Some(&name), None, None)?;
            }
            Some(_) => {}
        }
    }
    for place in plan.places.iter().filter(|place| replace || place.now.is_none()) {
        if replace {
            put_in_place(batch, &place.was)?;
            continue;
        }
        // Beside what is there: under another name where its own is taken, at the top where its place is gone.
        let was = &place.was;
        let above = if was.parent.0 == 0 || batch.collection(was.parent).is_ok() { was.parent } else { top };
        let (kind_of_place, name) = (above, was.name.as_str());
        batch.tx().flush_group()?;
        let ctx = batch.ctx();
        let all = KernelView::new(batch.tx(), ctx).collections(account, Some(NAME))?;
        let taken = all.iter().any(|other| other.id != was.id && other.parent == above && other.name == name);
        let name = if taken { batch.free_name(NAME, kind_of_place, name)? } else { name.to_owned() };
        batch.update_collection(was.id, Some(above), Some(&name), None, None)?;
    }
    for later in &plan.remove {
        batch.destroy_collection(later.id)?;
        let sql =
            "DELETE FROM mailbox_subscription WHERE account_id = $1 AND owner_id = $1 AND mailbox_id = $2";
        batch.tx().later(sql, params![account, later.id])?;
    }
    Ok(())
}

/// Makes the tree of the image below a mailbox where it is not there yet: the mailbox for each of the image's.
fn make_tree(
    batch: &mut Batch<'_, '_>,
    plan: &Plan,
    below: CollectionId,
) -> Result<HashMap<i64, CollectionId>> {
    let account = batch.account();
    let mut made: HashMap<i64, CollectionId> = HashMap::new();
    batch.tx().flush_group()?;
    let ctx = batch.ctx();
    let present = KernelView::new(batch.tx(), ctx).collections(account, Some(NAME))?;
    for place in &plan.places {
        let was = &place.was;
        let parent = made.get(&was.parent.0).copied().unwrap_or(below);
        let known = present.iter().find(|info| info.parent == parent && info.name == was.name);
        let id = if let Some(info) = known {
            info.id
        } else {
            let new = NewCollection { kind: NAME, parent, name: &was.name, role: "", state: &was.state };
            let id = batch.create_collection(&new)?;
            mailboxes::want(batch.tx(), account, account, id)?;
            id
        };
        made.insert(was.id.0, id);
    }
    Ok(made)
}

/// Puts messages in as they were; those that lie there as often as they did (`often`, else once) are left alone. How many
/// came, and their bytes.
fn put_back(
    batch: &mut Batch<'_, '_>,
    mailbox: CollectionId,
    past: &[PastItem],
    often: &HashMap<i64, usize>,
) -> Result<(u64, i64)> {
    let account = batch.account();
    let mut objects: Vec<i64> = past.iter().map(|item| item.object.0).collect();
    objects.sort_unstable();
    objects.dedup();
    let mut there: HashMap<i64, usize> = HashMap::new();
    for (object, _) in crate::emails::places(batch.tx(), account, &objects, &[mailbox])? {
        *there.entry(object).or_default() += 1;
    }
    let contents: Vec<i64> = past.iter().map(|item| item.content).collect();
    let sql = "SELECT id FROM message WHERE account_id = $1 AND id {in $2}";
    let kept: HashSet<i64> =
        batch.tx().query(sql, params![account, contents], |row| row.int(0))?.into_iter().collect();
    let quota = directory::resolve::quota_in_force(batch.tx(), account)?;
    batch.set_quota(quota);
    let (mut count, mut bytes) = (0, 0);
    for item in past {
        let times = there.entry(item.object.0).or_default();
        if *times >= often.get(&item.object.0).copied().unwrap_or(1) || !kept.contains(&item.content) {
            continue;
        }
        *times += 1;
        let new = NewItem {
            object: Some(item.object),
            content: Some(item.content),
            size: item.size,
            flags: item.flags,
            state: item.state.clone(),
            body: None,
        };
        batch.create(mailbox, new)?;
        (count, bytes) = (count + 1, bytes + item.size);
    }
    Ok((count, bytes))
}

impl Mail {
    /// What bringing an image back would change.
    ///
    /// # Errors
    /// `NotFound` when there is no such image, or no such mailbox in it.
    pub async fn plan_restore(
        &self,
        ctx: &Ctx,
        account: AccountId,
        wanted: ImageRestore,
    ) -> Result<ImageReport> {
        self.kernel().read(ctx, move |view| Ok(report(&plan(view, account, &wanted)?, &wanted))).await
    }

    /// Brings an image back, or a part of it. Large ones take several transactions; asked for again, what broke off is
    /// gone on with.
    ///
    /// # Errors
    /// As [`Mail::plan_restore`]; `OverQuota`, `Forbidden` by rights.
    pub async fn restore_image(
        &self,
        ctx: &Ctx,
        account: AccountId,
        wanted: ImageRestore,
    ) -> Result<ImageReport> {
        self.inbox(ctx, account).await?;
        let first = self.plan_of(ctx, account, &wanted).await?;
        let mut out = report(&first, &wanted);
        if matches!(wanted.how, Restoring::Into(_)) {
            // What lies there already is not put in again: it is counted as it comes.
            (out.emails_back, out.bytes_back) = (0, 0);
        }
        let gone: Vec<CollectionId> = first.remove.iter().map(|info| info.id).collect();
        let targets = self.settle_mailboxes(ctx, account, &wanted, first).await?;
        for mailbox in gone {
            self.views().drop_view(account, mailbox);
        }
        // The mailboxes are there now, with all that came back with them.
        let mut second = self.plan_of(ctx, account, &wanted).await?;
        if wanted.how == Restoring::Missing {
            self.put_scattered(ctx, account, &mut second.places).await?;
        }
        for Place { was, items, .. } in second.places {
            let target = targets.get(&was.id.0).copied().unwrap_or(was.id);
            let (count, bytes) = self.set_items(ctx, account, target, items).await?;
            if matches!(wanted.how, Restoring::Into(_)) {
                (out.emails_back, out.bytes_back) = (out.emails_back + count, out.bytes_back + bytes);
            }
        }
        Ok(out)
    }

    async fn plan_of(&self, ctx: &Ctx, account: AccountId, wanted: &ImageRestore) -> Result<Plan> {
        let wanted = wanted.clone();
        self.kernel().read(ctx, move |view| plan(view, account, &wanted)).await
    }

    /// The mailbox that each one of the image's goes to, where that is not itself.
    async fn settle_mailboxes(
        &self,
        ctx: &Ctx,
        account: AccountId,
        wanted: &ImageRestore,
        plan: Plan,
    ) -> Result<HashMap<i64, CollectionId>> {
        let (how, mark) = (wanted.how, wanted.mark);
        let one_by_one = matches!(wanted.selection, Selection::Emails(_));
        let inbox = self.with_role(account, Role::Inbox).await?.unwrap_or(CollectionId(0));
        self.kernel()
            .write(ctx, account, move |batch| {
                let targets = match how {
                    Restoring::Into(CollectionId(0)) if one_by_one => {
                        plan.places.iter().map(|place| (place.was.id.0, inbox)).collect()
                    }
                    Restoring::Into(target) if one_by_one => {
                        plan.places.iter().map(|place| (place.was.id.0, target)).collect()
                    }
                    Restoring::Into(below) => make_tree(batch, &plan, below)?,
                    _ => {
                        settle(batch, &plan, how == Restoring::Replace)?;
                        HashMap::new()
                    }
                };
                batch.words(format!("image of commit {mark} brought back"));
                Ok(targets)
            })
            .await
    }

    /// Puts back what lay in several places, each message in one transaction: once one place is back it is missing no
    /// more, and who goes on with what broke off would leave the others out.
    async fn put_scattered(&self, ctx: &Ctx, account: AccountId, places: &mut [Place]) -> Result<()> {
        let mut waiting = take_scattered(places).into_iter().peekable();
        let often: HashMap<i64, HashMap<i64, usize>> =
            places.iter().map(|place| (place.was.id.0, place.items.often.clone())).collect();
        let often = Arc::new(often);
        while waiting.peek().is_some() {
            let (mut chunk, mut count): (BTreeMap<i64, Vec<PastItem>>, usize) = (BTreeMap::new(), 0);
            while let Some(items) =
                waiting.next_if(|items| count == 0 || count + items.len() <= chunk_items(ctx))
            {
                count += items.len();
                for (mailbox, item) in items {
                    chunk.entry(mailbox).or_default().push(item);
                }
            }
            let often = often.clone();
            let write = self.kernel().write(ctx, account, move |batch| {
                for (mailbox, items) in &chunk {
                    let often = often.get(mailbox).cloned().unwrap_or_default();
                    put_back(batch, CollectionId(*mailbox), items, &often)?;
                }
                Ok(())
            });
            write.await?;
        }
        Ok(())
    }

    async fn set_items(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        items: Items,
    ) -> Result<(u64, i64)> {
        let (mut count, mut bytes) = (0, 0);
        let Items { back, often, flags, remove } = items;
        let often = Arc::new(often);
        for chunk in remove.chunks(chunk_items(ctx)) {
            let chunk = chunk.to_vec();
            let write =
                self.kernel().write_into(ctx, account, mailbox, move |batch| batch.destroy(mailbox, &chunk));
            write.await?;
        }
        for ((bits, state), chunk) in split(flags, chunk_items(ctx)) {
            let write = self.kernel().write_into(ctx, account, mailbox, move |batch| {
                let update = ItemUpdate {
                    set: bits,
                    clear: !bits,
                    state: Some(state.clone()),
                    ..ItemUpdate::default()
                };
                batch.update(mailbox, &chunk, &update)
            });
            write.await?;
        }
        for chunk in back.chunks(chunk_items(ctx)) {
            let (chunk, often) = (chunk.to_vec(), often.clone());
            let write = self
                .kernel()
                .write_into(ctx, account, mailbox, move |batch| put_back(batch, mailbox, &chunk, &often));
            let (more, more_bytes) = write.await?;
            (count, bytes) = (count + more, bytes + more_bytes);
        }
        Ok((count, bytes))
    }
}

/// Takes out what is to be put into more than one place: by message the mailboxes with what it was there.
fn take_scattered(places: &mut [Place]) -> Vec<Vec<(i64, PastItem)>> {
    let mut times: HashMap<i64, usize> = HashMap::new();
    for item in places.iter().flat_map(|place| &place.items.back) {
        *times.entry(item.object.0).or_default() += 1;
    }
    let mut out: BTreeMap<i64, Vec<(i64, PastItem)>> = BTreeMap::new();
    for place in places {
        let is_scattered = |item: &PastItem| times.get(&item.object.0).is_some_and(|times| *times > 1);
        let (scattered, rest) = std::mem::take(&mut place.items.back).into_iter().partition(is_scattered);
        place.items.back = rest;
        let scattered: Vec<PastItem> = scattered;
        for item in scattered {
            out.entry(item.object.0).or_default().push((place.was.id.0, item));
        }
    }
    out.into_values().collect()
}

/// Groups of items, none larger than so many.
fn split<K: Clone>(groups: BTreeMap<K, Vec<ItemId>>, most: usize) -> Vec<(K, Vec<ItemId>)> {
    let pieces = groups.into_iter().flat_map(|(key, items)| {
        let pieces: Vec<_> = items.chunks(most).map(|chunk| (key.clone(), chunk.to_vec())).collect();
        pieces
    });
    pieces.collect()
}
