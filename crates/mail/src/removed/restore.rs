//! Bringing back what was removed: messages with their flags, categories and dates under new UIDs, and mailboxes with
//! all that went with them.

use std::collections::BTreeMap;

use base::{AccountId, CollectionId, Ctx, Error, ItemId, ObjectId, Result, Seq};
use kernel::{Batch, Removed, RemovedCollection, View as KernelView};

use super::{DAY_MS, window};
use crate::flags::DELETED;
use crate::messages::store::chunk_items;
use crate::{Mail, NAME, Role, mailboxes};

/// A message that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredEmail {
    /// The object.
    pub object: i64,
    /// The mailboxes that it lies in now, with its UIDs there.
    pub places: Vec<(CollectionId, u32)>,
}

/// A mailbox that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredMailbox {
    /// The mailbox.
    pub id: CollectionId,
    /// The mailbox that it lies in now; 0 at the top.
    pub parent: CollectionId,
    /// Its name, with a number behind it where its own was taken.
    pub name: String,
    /// The messages that came back with it.
    pub total: i64,
}

/// Items that go from one mailbox to another.
type Moves = BTreeMap<(i64, i64), Vec<(ItemId, i64)>>;

/// Where each removed place goes to: the mailbox that was asked for; else where it was, unless that is the bin or gone
/// itself; else where it was before; else the inbox.
fn targets(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    found: &[Removed],
    to: Option<CollectionId>,
    inbox: CollectionId,
) -> Result<Moves> {
    let live = view.collections(account, Some(NAME))?;
    let bins: Vec<CollectionId> =
        live.iter().filter(|info| info.role == Role::Trash.word()).map(|info| info.id).collect();
    let objects: Vec<ObjectId> = found.iter().map(|removed| removed.object).collect();
    let earlier = if to.is_none() {
        view.earlier_places(account, &objects, &bins)?
    } else {
        BTreeMap::default().into_iter().collect()
    };
    let mut moves = Moves::new();
    for removed in found {
        let was = removed.at.collection;
        let stays = live.iter().any(|info| info.id == was) && !bins.contains(&was);
        let target = match to {
            Some(to) => to,
            None if stays => was,
            None => earlier.get(&removed.object.0).copied().unwrap_or(inbox),
        };
        let list = moves.entry((was.0, target.0)).or_default();
        // Asked for in one mailbox, an email that lay in several comes back once.
        if to.is_none()
            || !found.iter().take_while(|other| *other != removed).any(|other| other.object == removed.object)
        {
            list.push((removed.at.item, removed.object.0));
        }
    }
    Ok(moves)
}

fn bring_back(
    batch: &mut Batch<'_, '_>,
    days: i64,
    objects: &[ObjectId],
    to: Option<CollectionId>,
    inbox: CollectionId,
) -> Result<Vec<RestoredEmail>> {
    let (account, ctx) = (batch.account(), batch.ctx());
    if let Some(to) = to {
        let (kind, _) = batch.collection(to)?;
        if kind != NAME {
            return Err(Error::not_found("mailbox"));
        }
    }
    batch.tx().flush_group()?;
    let quota = directory::resolve::quota_in_force(batch.tx(), account)?;
    let mut view = KernelView::new(batch.tx(), ctx);
    let window = window(&mut view, account, days)?;
    let found = view.removed_objects(account, NAME, window.since, objects)?;
    let moves = targets(&mut view, account, &found, to, inbox)?;
    batch.set_quota(quota);
    let mut out: BTreeMap<i64, Vec<(CollectionId, u32)>> = BTreeMap::new();
    for ((from, target), items) in moves {
        let (from, target) = (CollectionId(from), CollectionId(target));
        let ids: Vec<ItemId> = items.iter().map(|(item, _)| *item).collect();
        for (item, new) in batch.undelete(from, &ids, target, DELETED)? {
            if let Some((_, object)) = items.iter().find(|(known, _)| *known == item) {
                out.entry(*object).or_default().push((target, mailboxes::uid(new.0)?));
            }
        }
    }
    if !out.is_empty() {
        batch.words(format!("brought back: {} messages", out.len()));
    }
    Ok(out.into_iter().map(|(object, places)| RestoredEmail { object, places }).collect())
}

/// A removed mailbox and where it goes to.
struct Return<'a> {
    all: &'a [RemovedCollection],
    times: &'a BTreeMap<Seq, i64>,
    out: Vec<RestoredMailbox>,
}

impl Return<'_> {
    fn at(&self, seq: Seq) -> i64 {
        self.times.get(&seq).copied().unwrap_or(0)
    }

    fn mailbox(
        &mut self,
        batch: &mut Batch<'_, '_>,
        gone: &RemovedCollection,
        parent: CollectionId,
    ) -> Result<()> {
        let info = &gone.info;
        let name = batch.free_name(NAME, parent, &info.name)?;
        batch.restore_collection(info.id, parent, &name)?;
        let account = batch.account();
        mailboxes::want(batch.tx(), account, account, info.id)?;
        self.out.push(RestoredMailbox { id: info.id, parent, name, total: info.total });
        // What was removed shortly before it was removed with it: clients remove a tree from its leaves.
        let since = self.at(gone.seq).saturating_sub(DAY_MS);
        let all = self.all;
        for below in all
            .iter()
            .filter(|below| {
                below.info.parent == info.id && self.times.get(&below.seq).is_some_and(|at| *at >= since)
            })
            .collect::<Vec<_>>()
        {
            self.mailbox(batch, below, info.id)?;
        }
        Ok(())
    }
}

/// The nearest mailbox above that is there; 0 at the top.
fn living_above(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    all: &[RemovedCollection],
    mut parent: CollectionId,
) -> Result<CollectionId> {
    let live = view.collections(account, Some(NAME))?;
    for _ in 0..=view.ctx().limits.collection_depth {
        if parent.0 == 0 || live.iter().any(|info| info.id == parent) {
            return Ok(parent);
        }
        parent =
            all.iter().find(|gone| gone.info.id == parent).map_or(CollectionId(0), |gone| gone.info.parent);
    }
    Ok(CollectionId(0))
}

fn bring_mailbox_back(
    batch: &mut Batch<'_, '_>,
    days: i64,
    id: CollectionId,
    to: Option<CollectionId>,
) -> Result<Vec<RestoredMailbox>> {
    let (account, ctx) = (batch.account(), batch.ctx());
    batch.tx().flush_group()?;
    let quota = directory::resolve::quota_in_force(batch.tx(), account)?;
    let mut view = KernelView::new(batch.tx(), ctx);
    let window = window(&mut view, account, days)?;
    let all = view.removed_collections(account, NAME, window.since)?;
    let gone =
        all.iter().find(|gone| gone.info.id == id).ok_or_else(|| Error::not_found("removed mailbox"))?;
    let seqs: Vec<Seq> = all.iter().map(|gone| gone.seq).collect();
    let times: BTreeMap<Seq, i64> =
        view.commit_heads(account, &seqs)?.into_iter().map(|head| (head.seq, head.at)).collect();
    let parent = match to {
        Some(parent) => parent,
        None => living_above(&mut view, account, &all, gone.info.parent)?,
    };
    batch.set_quota(quota);
    let mut back = Return { all: &all, times: &times, out: Vec::new() };
    back.mailbox(batch, gone, parent)?;
    let out = back.out;
    batch.words(format!("brought back: {} mailboxes", out.len()));
    Ok(out)
}

impl Mail {
    /// Brings removed messages back: into a mailbox, or where they were. UIDs are new; flags, categories and dates are
    /// kept. What cannot be brought back is not in the answer.
    ///
    /// # Errors
    /// `OverQuota`, and `NotFound` and `Forbidden` by rights on the mailbox.
    pub async fn restore_emails(
        &self,
        ctx: &Ctx,
        account: AccountId,
        objects: Vec<i64>,
        to: Option<CollectionId>,
    ) -> Result<Vec<RestoredEmail>> {
        let (inbox, days) = (self.inbox(ctx, account).await?, self.recover_days());
        let mut out = Vec::with_capacity(objects.len());
        for chunk in objects.chunks(chunk_items(ctx)) {
            let chunk: Vec<ObjectId> = chunk.iter().copied().map(ObjectId).collect();
            let part =
                self.kernel().write(ctx, account, move |batch| bring_back(batch, days, &chunk, to, inbox));
            out.extend(part.await?);
        }
        Ok(out)
    }

    /// Brings a removed mailbox back with all that went with it, and with the mailboxes in it that were removed within
    /// the day before it: into another mailbox (0: the top), or where it was. A name that is taken gets a number.
    ///
    /// # Errors
    /// `NotFound` when there is no such removed mailbox, `OverQuota`, `Forbidden` by rights.
    pub async fn restore_mailbox(
        &self,
        ctx: &Ctx,
        account: AccountId,
        id: CollectionId,
        to: Option<CollectionId>,
    ) -> Result<Vec<RestoredMailbox>> {
        let days = self.recover_days();
        self.kernel().write(ctx, account, move |batch| bring_mailbox_back(batch, days, id, to)).await
    }
}
