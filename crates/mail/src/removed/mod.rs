//! The bin below the bin: messages and mailboxes that were removed, for as long as they can be brought back. They count
//! against no quota. What is shown here is a view of the history (`kernel::View::removed`).

mod purge;
mod restore;

use std::collections::{HashMap, HashSet};

use base::{AccountId, CollectionId, Ctx, Door, ObjectId, Result, Seq};
use kernel::{CommitHead, Removed, View as KernelView};

pub use kernel::RemovedAt;
pub use restore::{RestoredEmail, RestoredMailbox};

use crate::flags::Keywords;
use crate::mailboxes::Role;
use crate::rows::{self, Columns, Row};
use crate::{Mail, NAME};

const DAY_MS: i64 = 86_400_000;
/// Removed messages that one look into the history reads.
const PAGE: u64 = 500;

/// Which removed messages are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemovedFilter {
    /// Subject or sender hold this, whatever the case.
    pub text: Option<String>,
    /// They lay in this mailbox last.
    pub mailbox: Option<CollectionId>,
    /// Removed at this moment or later, milliseconds since 1970.
    pub after_ms: Option<i64>,
    /// Removed before this moment.
    pub before_ms: Option<i64>,
}

/// Who removed something, when, and through what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// When, milliseconds since 1970.
    pub at: i64,
    /// Until when it can be brought back; none: while a legal hold stands.
    pub until: Option<i64>,
    /// The account that did it, 0 for the program itself.
    pub by: AccountId,
    /// The door it came through.
    pub door: Option<Door>,
}

/// A message that can be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedEmail {
    /// Its place in the order of removals, from which the next page goes on.
    pub at: RemovedAt,
    /// The object.
    pub object: i64,
    /// The mailboxes that it was removed from last, at least one.
    pub mailboxes: Vec<CollectionId>,
    /// The path of the first of these, as it was last.
    pub path: String,
    /// It went with its mailbox.
    pub with_mailbox: bool,
    /// Its flags and keywords.
    pub keywords: Keywords,
    /// What its row says, with its texts and its conversation.
    pub row: Row,
    /// Who removed it, and when.
    pub removal: Removal,
}

/// A mailbox that can be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedMailbox {
    /// The mailbox.
    pub id: CollectionId,
    /// The mailbox that it lay in; 0 at the top.
    pub parent: CollectionId,
    /// Its name.
    pub name: String,
    /// Its path as it was last.
    pub path: String,
    /// What it was for.
    pub role: Option<Role>,
    /// Messages that went with it.
    pub total: i64,
    /// Those of them not seen.
    pub unseen: i64,
    /// Their size.
    pub bytes: i64,
    /// Who removed it, and when.
    pub removal: Removal,
}

/// What can be brought back of an account: what was removed after this commit.
#[derive(Debug, Clone, Copy)]
struct Window {
    since: Seq,
    days: Option<i64>,
}

/// The paths of all mailboxes of an account, of removed ones too.
struct Paths(HashMap<i64, (CollectionId, String)>);

impl Paths {
    fn read(view: &mut KernelView<'_, '_>, account: AccountId) -> Result<Self> {
        let gone = view.removed_collections(account, NAME, Seq(0))?.into_iter().map(|gone| gone.info);
        let all = view.collections(account, Some(NAME))?.into_iter().chain(gone);
        Ok(Self(all.map(|info| (info.id.0, (info.parent, info.name))).collect()))
    }

    fn of(&self, mailbox: CollectionId, deepest: u64) -> String {
        let (mut path, mut at) = (String::new(), mailbox);
        for _ in 0..=deepest {
            let Some((parent, name)) = self.0.get(&at.0) else { break };
            path = if path.is_empty() { name.clone() } else { format!("{name}/{path}") };
            at = *parent;
        }
        path
    }
}

fn window(view: &mut KernelView<'_, '_>, account: AccountId, server_days: i64) -> Result<Window> {
    let days = directory::resolve::retention_days(view.tx(), account)?.unwrap_or(server_days);
    let moment = view.ctx().now_ms().saturating_sub(days.saturating_mul(DAY_MS));
    let since = view.removed_since(account, moment)?;
    let held = since == Seq(0) && view.is_held(account)?;
    Ok(Window { since, days: (!held).then_some(days) })
}

fn removals(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    window: Window,
    seqs: &[Seq],
) -> Result<HashMap<Seq, Removal>> {
    let removal = |head: CommitHead| Removal {
        at: head.at,
        until: window.days.map(|days| head.at.saturating_add(days.saturating_mul(DAY_MS))),
        by: head.actor,
        door: head.door,
    };
    let heads = view.commit_heads(account, seqs)?;
    Ok(heads.into_iter().map(|head| (head.seq, removal(head))).collect())
}

/// Walks through what was removed, the newest first, until `limit` messages pass the filter.
fn walk(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    window: Window,
    filter: &RemovedFilter,
    mut before: RemovedAt,
    limit: usize,
) -> Result<Vec<Removed>> {
    let mut since = window.since;
    if let Some(after) = filter.after_ms {
        since = since.max(view.removed_since(account, after)?);
    }
    if let Some(end) = filter.before_ms {
        let last = RemovedAt { seq: Seq(view.last_before(account, end)?.0 + 1), ..RemovedAt::START };
        before = before.min(last);
    }
    let wanted = filter.text.as_deref().map(codec::fold::fold);
    let (mut out, mut seen, mut looked): (Vec<Removed>, HashSet<i64>, u64) = Default::default();
    loop {
        let page = view.removed(account, NAME, since, before, PAGE)?;
        let Some(last) = page.last() else { return Ok(out) };
        before = last.at;
        looked += page.len() as u64;
        let fits: Option<HashSet<i64>> = match &wanted {
            Some(wanted) => Some(holding(view, account, &page, wanted)?),
            None => None,
        };
        for removed in page {
            let here = filter.mailbox.is_none_or(|mailbox| removed.at.collection == mailbox);
            let fits = fits.as_ref().is_none_or(|fits| fits.contains(&removed.content));
            if here && fits && seen.insert(removed.object.0) {
                out.push(removed);
                if out.len() >= limit {
                    return Ok(out);
                }
            }
        }
        if looked >= view.ctx().limits.removed_looked_at {
            return Ok(out);
        }
    }
}

/// The contents whose subject or sender holds a text.
fn holding(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    page: &[Removed],
    wanted: &str,
) -> Result<HashSet<i64>> {
    let mut contents: Vec<i64> = page.iter().map(|removed| removed.content).collect();
    contents.sort_unstable();
    let rows = rows::of(view.tx(), account, &contents, Columns { texts: true, ..Columns::default() })?;
    let holds = |text: &str| codec::fold::fold(text).contains(wanted);
    Ok(rows
        .into_iter()
        .filter(|row| holds(&row.subject) || holds(&row.sender))
        .map(|row| row.content)
        .collect())
}

/// Removed messages with all that is told of them, in the order given; the places of one object stand together.
fn describe(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    window: Window,
    found: Vec<Removed>,
) -> Result<Vec<RemovedEmail>> {
    let mut contents: Vec<i64> = found.iter().map(|removed| removed.content).collect();
    contents.sort_unstable();
    contents.dedup();
    let columns = Columns { texts: true, thread: true, ..Columns::default() };
    let rows = rows::of(view.tx(), account, &contents, columns)?;
    let rows: HashMap<i64, Row> = rows.into_iter().map(|row| (row.content, row)).collect();
    let seqs: Vec<Seq> = found.iter().map(|removed| removed.at.seq).collect();
    let removals = removals(view, account, window, &seqs)?;
    let paths = Paths::read(view, account)?;
    let deepest = view.ctx().limits.collection_depth;
    let mut out: Vec<RemovedEmail> = Vec::with_capacity(found.len());
    for removed in found {
        let mailbox = removed.at.collection;
        if let Some(known) = out.iter_mut().rev().find(|known| known.object == removed.object.0) {
            known.mailboxes.push(mailbox);
            continue;
        }
        let (Some(row), Some(removal)) = (rows.get(&removed.content), removals.get(&removed.at.seq)) else {
            continue;
        };
        out.push(RemovedEmail {
            at: removed.at,
            object: removed.object.0,
            mailboxes: vec![mailbox],
            path: paths.of(mailbox, deepest),
            with_mailbox: removed.with_collection,
            keywords: Keywords::of_item(removed.flags, removed.state.as_deref()),
            row: row.clone(),
            removal: *removal,
        });
    }
    Ok(out)
}

impl Mail {
    fn recover_days(&self) -> i64 {
        self.history_rules().recover_days
    }

    /// A page of messages that were removed and can be brought back, the newest removal first, before a place in their
    /// order; `limit` is at most `page_items`.
    ///
    /// # Errors
    /// Those of the database. Who may not remove anything in a mailbox sees nothing that was removed from it.
    pub async fn removed(
        &self,
        ctx: &Ctx,
        account: AccountId,
        filter: RemovedFilter,
        before: Option<RemovedAt>,
        limit: u64,
    ) -> Result<Vec<RemovedEmail>> {
        let (days, before) = (self.recover_days(), before.unwrap_or(RemovedAt::END));
        let limit = usize::try_from(limit.min(ctx.limits.page_items)).unwrap_or(usize::MAX);
        self.kernel()
            .read(ctx, move |view| {
                let window = window(view, account, days)?;
                let found = walk(view, account, window, &filter, before, limit)?;
                describe(view, account, window, found)
            })
            .await
    }

    /// The objects of all that [`Mail::removed`] would give, at most so many, with the newest commit of the account.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn removed_ids(
        &self,
        ctx: &Ctx,
        account: AccountId,
        filter: RemovedFilter,
        most: u64,
    ) -> Result<(Seq, Vec<i64>)> {
        let days = self.recover_days();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        self.kernel()
            .read(ctx, move |view| {
                let window = window(view, account, days)?;
                let seq = view.seq(account)?;
                let found = walk(view, account, window, &filter, RemovedAt::END, most)?;
                Ok((seq, found.into_iter().map(|removed| removed.object.0).collect()))
            })
            .await
    }

    /// Removed messages by their objects, with the newest commit of the account; what cannot be brought back, or
    /// lives somewhere, is left out.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn removed_by_ids(
        &self,
        ctx: &Ctx,
        account: AccountId,
        objects: Vec<i64>,
    ) -> Result<(Seq, Vec<RemovedEmail>)> {
        let days = self.recover_days();
        self.kernel()
            .read(ctx, move |view| {
                let window = window(view, account, days)?;
                let seq = view.seq(account)?;
                let objects: Vec<ObjectId> = objects.into_iter().map(ObjectId).collect();
                let found = view.removed_objects(account, NAME, window.since, &objects)?;
                Ok((seq, describe(view, account, window, found)?))
            })
            .await
    }

    /// The mailboxes that were removed and can be brought back, the newest removal first, with the newest commit.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn removed_mailboxes(
        &self,
        ctx: &Ctx,
        account: AccountId,
    ) -> Result<(Seq, Vec<RemovedMailbox>)> {
        let days = self.recover_days();
        self.kernel()
            .read(ctx, move |view| {
                let window = window(view, account, days)?;
                let seq = view.seq(account)?;
                let found = view.removed_collections(account, NAME, window.since)?;
                let seqs: Vec<Seq> = found.iter().map(|gone| gone.seq).collect();
                let removals = removals(view, account, window, &seqs)?;
                let paths = Paths::read(view, account)?;
                let deepest = view.ctx().limits.collection_depth;
                let all = found.into_iter().filter_map(|gone| {
                    let removal = *removals.get(&gone.seq)?;
                    Some(RemovedMailbox {
                        id: gone.info.id,
                        parent: gone.info.parent,
                        path: paths.of(gone.info.id, deepest),
                        name: gone.info.name,
                        role: Role::from_word(&gone.info.role),
                        total: gone.info.total,
                        unseen: gone.info.unseen,
                        bytes: gone.info.bytes,
                        removal,
                    })
                });
                Ok((seq, all.collect()))
            })
            .await
    }
}
