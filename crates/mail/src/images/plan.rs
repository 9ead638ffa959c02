//! What bringing an image back would change, found out on one snapshot.

use std::collections::{BTreeMap, HashMap, HashSet};

use base::{AccountId, CollectionId, Error, ItemId, Result};
use kernel::{CollectionInfo, Item, PastCollection, PastItem, View as KernelView};

use super::{ImageRestore, Restoring, Selection, items, tree};
use crate::NAME;

/// What is to be done with the items of one mailbox.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// To be put in.
    pub(super) back: Vec<PastItem>,
    /// Objects that lay there more than once, as what was copied onto itself does, and how often.
    pub(super) often: HashMap<i64, usize>,
    /// To get other flags: the item, its flags and small state.
    pub(super) flags: BTreeMap<(i64, Option<String>), Vec<ItemId>>,
    /// To be removed.
    pub(super) remove: Vec<ItemId>,
}

/// A mailbox of the image with what becomes of it.
#[derive(Debug)]
pub(super) struct Place {
    /// The mailbox as it was.
    pub(super) was: PastCollection,
    /// The mailbox as it is; none when it is gone or another one takes its messages.
    pub(super) now: Option<CollectionInfo>,
    pub(super) items: Items,
}

/// All that is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) places: Vec<Place>,
    /// Mailboxes that were not there, those within before those above.
    pub(super) remove: Vec<CollectionInfo>,
}

/// The mailboxes that are asked for, with all below them.
fn selected(all: Vec<PastCollection>, selection: &Selection) -> Result<Vec<PastCollection>> {
    let Selection::Mailbox(top) = selection else { return Ok(all) };
    let mut ids = HashSet::from([top.0]);
    let chosen: Vec<PastCollection> = all
        .into_iter()
        .filter(|was| was.id == *top || ids.contains(&was.parent.0) && ids.insert(was.id.0))
        .collect();
    if chosen.is_empty() {
        return Err(Error::not_found("mailbox"));
    }
    Ok(chosen)
}

/// All live items of a mailbox.
fn live(view: &mut KernelView<'_, '_>, account: AccountId, mailbox: CollectionId) -> Result<Vec<Item>> {
    let (mut after, mut out) = (ItemId(0), Vec::new());
    loop {
        let page = view.page(account, mailbox, after, u64::MAX)?;
        let Some(last) = page.last() else { return Ok(out) };
        after = last.id;
        out.extend(page);
    }
}

/// What makes a mailbox that is there equal to what it was; `replace`: what came later goes.
fn differences(was: Vec<PastItem>, now: &[Item], replace: bool) -> Items {
    let mut by_id: HashMap<i64, &Item> = now.iter().map(|item| (item.id.0, item)).collect();
    let mut by_object: HashMap<i64, Vec<&Item>> = HashMap::new();
    let ids: HashSet<i64> = was.iter().map(|past| past.id.0).collect();
    for item in now.iter().filter(|item| !ids.contains(&item.id.0)) {
        by_object.entry(item.object.0).or_default().push(item);
    }
    let mut out = Items::default();
    for past in was {
        let same = by_id.remove(&past.id.0).or_else(|| {
            let other = by_object.get_mut(&past.object.0)?.pop()?;
            by_id.remove(&other.id.0)
        });
        match same {
            None => out.back.push(past),
            Some(item) if replace && (item.flags != past.flags || item.state != past.state) => {
                out.flags.entry((past.flags, past.state)).or_default().push(item.id);
            }
            Some(_) => {}
        }
    }
    if replace {
        out.remove = by_id.keys().map(|id| ItemId(*id)).collect();
        out.remove.sort_unstable();
    }
    out
}

/// Of some objects those that lie somewhere.
fn living(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    objects: &[i64],
    live: &[CollectionInfo],
) -> Result<HashSet<i64>> {
    let mailboxes: Vec<CollectionId> = live.iter().map(|info| info.id).collect();
    let places = crate::emails::places(view.tx(), account, objects, &mailboxes)?;
    Ok(places.into_iter().map(|(object, _)| object).collect())
}

pub(super) fn plan(view: &mut KernelView<'_, '_>, account: AccountId, wanted: &ImageRestore) -> Result<Plan> {
    view.require(account, CollectionId(0), kernel::Right::Read)?;
    let present = view.collections(account, Some(NAME))?;
    let chosen = selected(tree(view, account, wanted.mark)?, &wanted.selection)?;
    let replace = matches!(wanted.how, Restoring::Replace);
    let mut out = Plan::default();
    if replace && wanted.selection == Selection::All {
        let there: HashSet<i64> = chosen.iter().map(|was| was.id.0).collect();
        let mut later: Vec<CollectionInfo> =
            present.iter().filter(|info| !there.contains(&info.id.0)).cloned().collect();
        // What lies deeper was made later or moved there: the order is made sure of when they are removed.
        later.sort_unstable_by_key(|info| std::cmp::Reverse(depth(&present, info)));
        out.remove = later;
    }
    for was in chosen {
        let mut past = items(view, account, wanted.mark, was.id)?;
        if let Selection::Emails(objects) = &wanted.selection {
            past.retain(|item| objects.contains(&item.object.0));
        }
        let now = match wanted.how {
            Restoring::Into(_) => None,
            _ => present.iter().find(|info| info.id == was.id).cloned(),
        };
        let is_whole = !matches!(wanted.selection, Selection::Emails(_));
        let often = often(&past);
        let items = match (&wanted.how, &now) {
            (Restoring::Missing, _) => {
                let objects: Vec<i64> = past.iter().map(|item| item.object.0).collect();
                let living = living(view, account, &objects, &present)?;
                past.retain(|item| !living.contains(&item.object.0));
                Items { back: past, ..Items::default() }
            }
            (Restoring::Replace, Some(now)) => differences(past, &live(view, account, now.id)?, is_whole),
            // Where it is gone, what went with it is seen when it is back.
            _ => Items { back: past, ..Items::default() },
        };
        let items = Items { often, ..items };
        if is_whole || !items.back.is_empty() || !items.flags.is_empty() {
            out.places.push(Place { was, now, items });
        }
    }
    Ok(out)
}

/// Objects that lie more than once among items, and how often.
fn often(items: &[PastItem]) -> HashMap<i64, usize> {
    let mut count: HashMap<i64, usize> = HashMap::with_capacity(items.len());
    for item in items {
        *count.entry(item.object.0).or_default() += 1;
    }
    count.retain(|_, times| *times > 1);
    count
}

fn depth(all: &[CollectionInfo], info: &CollectionInfo) -> usize {
    let (mut depth, mut at) = (0, info.parent);
    while let Some(above) = all.iter().find(|other| other.id == at) {
        (depth, at) = (depth + 1, above.parent);
        if depth > all.len() {
            break;
        }
    }
    depth
}
