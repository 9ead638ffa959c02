//! The follower: puts what changed into the index, account by account.
//!
//! An account is held by one follower at a time. Its cursor moves only after everything up to that commit is in
//! the index; what is in it beyond the cursor does no harm, since searches read behind the cursor directly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use base::{AccountId, Error, Meaning, Result, Seq};
use store::{Read, params};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::index::Doc;
use super::source::{self, Place};
use super::{Inner, Search};
use crate::push::{Push, Subscription};

/// Commits that come together are indexed together: a search reads directly what is not in the index yet.
const GATHER: Duration = Duration::from_secs(1);
/// The accounts are looked through this often for commits of processes that went away.
const LOOK_THROUGH_EVERY: Duration = Duration::from_mins(10);
/// After a failure nothing is tried for so long.
const FAILURE_WAIT: Duration = Duration::from_secs(2);
/// What another node is at is looked at again after so long.
const BUSY_WAIT: Duration = Duration::from_secs(1);
const ACCOUNTS_AT_ONCE: usize = 8;
const PAGE: usize = 500;
/// Contents that are read and written together, by count and by size.
const CHUNK_DOCS: usize = 100;
const CHUNK_BYTES: i64 = 4 << 20;
const ACCOUNT_PAGE: i64 = 1_000;
const SWEEP_PAGE: i64 = 500;

/// What is read and written together.
#[derive(Default)]
struct Chunk {
    /// By content.
    places: BTreeMap<i64, Place>,
    bytes: i64,
    /// Contents that go out, some to come in again with another text.
    gone: Vec<i64>,
}

/// What is read of an account at first.
struct Begun {
    head: Seq,
    floor: Seq,
    /// Those in which something changed.
    collections: Vec<i64>,
}

/// Where to go on among the changes of an account: the collections before `collection` are done.
#[derive(Clone, Copy)]
struct Cursor {
    collection: usize,
    since: Seq,
    /// The commit and the item after which the changes of the collection count.
    after: (i64, i64),
}

impl From<Seq> for Cursor {
    fn from(since: Seq) -> Self {
        Self { collection: 0, since, after: (since.0, i64::MAX) }
    }
}

/// Some of what changed in an account.
struct Slice {
    objects: Vec<i64>,
    places: Vec<Place>,
    next: Option<Cursor>,
}

/// What changed in these collections from a place on, of about a page of items.
fn slice(tx: &mut Read<'_>, account: AccountId, collections: &[i64], from: Cursor) -> Result<Slice> {
    let (mut objects, mut at) = (Vec::new(), from);
    while let Some(collection) = collections.get(at.collection).filter(|_| objects.len() < PAGE) {
        let page = source::changed(tx, account, *collection, at.after, PAGE)?;
        at = match page.last() {
            Some(last) if page.len() >= PAGE => Cursor { after: (last.changed_seq, last.id), ..at },
            _ => Cursor { collection: at.collection + 1, after: (at.since.0, i64::MAX), ..at },
        };
        objects.extend(page.into_iter().map(|moved| moved.object));
    }
    objects.sort_unstable();
    objects.dedup();
    let places = source::places(tx, account, &objects)?;
    Ok(Slice { objects, places, next: (at.collection < collections.len()).then_some(at) })
}

/// What became of an account.
enum Step {
    Done,
    /// Another node is at it.
    Busy,
}

pub(super) async fn follow(weak: Weak<Inner>, mut heard: Subscription) {
    let mut look_at = Instant::now();
    loop {
        let Some(inner) = weak.upgrade() else { return };
        if Instant::now() >= look_at {
            inner.state().look_through = true;
            look_at = Instant::now() + LOOK_THROUGH_EVERY;
        }
        let clean = inner.work_off(&mut heard).await;
        inner.progress.send_modify(|count| *count += 1);
        let wake = inner.wake.clone();
        // While we wait, whoever opened the index may drop it.
        drop(inner);
        if !clean {
            tokio::time::sleep(FAILURE_WAIT).await;
            continue;
        }
        let push = tokio::select! {
            push = heard.next() => Some(push),
            () = wake.notified() => None,
            () = tokio::time::sleep_until(look_at) => None,
        };
        let Some(inner) = weak.upgrade() else { return };
        if let Some(push) = push {
            inner.hear(push);
            let hurry = inner.hurry.clone();
            drop(inner);
            // Whoever waits for the index does not wait for more to come.
            let _ = tokio::time::timeout(GATHER, hurry.notified()).await;
        }
    }
}

impl Inner {
    fn hear(&self, push: Push) {
        match push {
            Push::Missed => self.state().look_through = true,
            Push::Changed(change) => self.note(change.account, Seq(change.seq.0 - 1), change.seq),
        }
    }

    /// Indexes until nothing is missing; whether all went well.
    async fn work_off(self: &Arc<Self>, heard: &mut Subscription) -> bool {
        let mut tasks: JoinSet<(AccountId, Result<Step>)> = JoinSet::new();
        let mut clean = true;
        loop {
            while let Some(push) = heard.try_next() {
                self.hear(push);
            }
            let look_through = self.state().look_through;
            if look_through && let Err(error) = self.look_through().await {
                tracing::warn!(?error, "the accounts could not be looked through for the search index");
                clean = false;
            }
            while clean && tasks.len() < ACCOUNTS_AT_ONCE {
                let mut state = self.state();
                let busy = &state.at_work;
                let next = state.behind.keys().find(|account| !busy.contains_key(account)).copied();
                let Some((account, (_, head))) = next.and_then(|account| state.behind.remove_entry(&account))
                else {
                    break;
                };
                state.at_work.insert(account, head);
                drop(state);
                let inner = self.clone();
                tasks.spawn(async move { (account, inner.step(account).await) });
            }
            match tasks.join_next().await {
                Some(Ok((account, done))) => clean &= self.ended(account, done),
                Some(Err(error)) => {
                    tracing::error!(%error, "indexing for search broke off");
                    clean = false;
                }
                None => break,
            }
        }
        // What broke off is found again by looking through.
        let mut state = self.state();
        if !state.at_work.is_empty() {
            state.at_work.clear();
            state.look_through = true;
        }
        clean
    }

    fn ended(self: &Arc<Self>, account: AccountId, done: Result<Step>) -> bool {
        let mut state = self.state();
        let head = state.at_work.remove(&account);
        let clean = match done {
            Ok(Step::Done) => true,
            Ok(Step::Busy) => {
                // It may have begun before our newest commit.
                let (inner, head) = (self.clone(), head.unwrap_or_default());
                tokio::spawn(async move {
                    tokio::time::sleep(BUSY_WAIT).await;
                    inner.note(account, Seq(head.0 - 1), head);
                });
                true
            }
            Err(error) => {
                tracing::warn!(?error, %account, "an account could not be indexed for search");
                state.failures += 1;
                let head = head.unwrap_or_default();
                let known = state.behind.entry(account).or_insert((Seq(head.0 - 1), head));
                known.1 = known.1.max(head);
                false
            }
        };
        drop(state);
        self.progress.send_modify(|count| *count += 1);
        clean
    }

    /// Compares the cursors of all accounts with their histories, page by page.
    async fn look_through(&self) -> Result<()> {
        let mut after = 0;
        loop {
            let sql = "SELECT id, seq FROM account WHERE id > $1 ORDER BY id LIMIT $2";
            let accounts = self.kernel.store().read(move |tx| {
                tx.query(sql, params![after, ACCOUNT_PAGE], |row| Ok((row.int(0)?, row.int(1)?)))
            });
            let accounts = accounts.await?;
            let Some(&(last, _)) = accounts.last() else { break };
            let cursors: BTreeMap<i64, i64> = self.index.cursors(after, last).await?.into_iter().collect();
            for (account, head) in accounts {
                let cursor = cursors.get(&account).copied().unwrap_or(0);
                if cursor < head {
                    self.note(AccountId(account), Seq(cursor), Seq(head));
                }
            }
            after = last;
        }
        self.state().look_through = false;
        Ok(())
    }

    async fn step(self: &Arc<Self>, account: AccountId) -> Result<Step> {
        let Some(cursor) = self.index.begin(account).await? else { return Ok(Step::Busy) };
        match self.catch_up(account, cursor).await {
            // Another node took it over, after we were away for long.
            Err(error) if error.meaning() == Meaning::Conflict => Ok(Step::Busy),
            Err(error) => {
                if let Err(more) = self.index.release(account).await {
                    tracing::debug!(?more, "the hold on an account runs out");
                }
                Err(error)
            }
            Ok(()) => Ok(Step::Done),
        }
    }

    async fn catch_up(self: &Arc<Self>, account: AccountId, cursor: Seq) -> Result<()> {
        let store = self.kernel.store();
        let first = store.read(move |tx| {
            let (head, floor) = source::head(tx, account)?.unwrap_or_default();
            let begun = Begun { head, floor, collections: source::collections(tx, account, cursor)? };
            let slice = slice(tx, account, &begun.collections, Cursor::from(cursor))?;
            Ok((begun, slice))
        });
        let (mut begun, mut found) = first.await?;
        if cursor < begun.floor && cursor > Seq(0) {
            // Which contents went is no longer known: the account is indexed anew.
            self.index.forget(account).await?;
            let again = store.read(move |tx| {
                let collections = source::collections(tx, account, Seq(0))?;
                let slice = slice(tx, account, &collections, Cursor::from(Seq(0)))?;
                Ok((collections, slice))
            });
            (begun.collections, found) = again.await?;
        }
        let collections = Arc::new(begun.collections);
        let mut waiting = Chunk::default();
        loop {
            self.take_in(account, found.objects, found.places, &mut waiting).await?;
            let Some(next) = found.next else { break };
            let collections = collections.clone();
            found = store.read(move |tx| slice(tx, account, &collections, next)).await?;
        }
        let head = begun.head;
        self.put_chunk(account, waiting, Some(head)).await
    }

    /// Brings what the index has of these objects up to date; the last of it is left in `waiting`.
    async fn take_in(
        self: &Arc<Self>,
        account: AccountId,
        objects: Vec<i64>,
        places: Vec<Place>,
        waiting: &mut Chunk,
    ) -> Result<()> {
        let known = self.index.known(account, objects).await?;
        // Of a content that lies in several places, the newest text counts.
        let mut wanted: BTreeMap<i64, Place> = BTreeMap::new();
        for place in places {
            let slot = wanted.entry(place.content).or_insert(place);
            if place.content_seq > slot.content_seq {
                *slot = place;
            }
        }
        for (content, _, content_seq) in known {
            match wanted.get(&content) {
                Some(place) if place.content_seq <= content_seq => {
                    wanted.remove(&content);
                }
                _ => waiting.gone.push(content),
            }
        }
        for (content, place) in wanted {
            waiting.bytes += place.size;
            waiting.places.insert(content, place);
            if waiting.places.len() >= CHUNK_DOCS || waiting.bytes >= CHUNK_BYTES {
                self.put_chunk(account, std::mem::take(waiting), None).await?;
            }
        }
        Ok(())
    }

    async fn put_chunk(self: &Arc<Self>, account: AccountId, chunk: Chunk, done: Option<Seq>) -> Result<()> {
        let Chunk { places, gone, .. } = chunk;
        let places: Vec<Place> = places.into_values().collect();
        let limit = self.ctx.limits.search_text_bytes;
        let texts = self.texts(account, places.clone(), limit.saturating_add(8)).await?;
        let docs = tokio::task::spawn_blocking(move || {
            let doc = |place: Place| {
                let words = texts.get(&place.content)?.index_words(limit).clone();
                let Place { content, content_seq, object, .. } = place;
                Some(Doc { content, object: object.0, content_seq, words })
            };
            places.into_iter().filter_map(doc).collect::<Vec<_>>()
        });
        let docs =
            docs.await.map_err(|e| Error::corrupt("text", "could not be read into words").with_source(e))?;
        let count = docs.len() as u64;
        self.index.put(account, docs, gone, done).await?;
        self.state().indexed += count;
        Ok(())
    }
}

impl Search {
    /// Indexes an account now if it is behind, for a search that waits for it.
    pub(super) fn hurry_up(&self, account: AccountId, from: Seq, head: Seq) {
        self.0.note(account, from, head);
        self.0.hurry.notify_one();
    }

    /// Takes the contents out of the index that lie nowhere any more: those of removed collections, once
    /// retention has forgotten them. How many there were. It is to be called after pruning.
    ///
    /// # Errors
    /// `Unavailable` while the account is being indexed.
    pub async fn sweep(&self, account: AccountId) -> Result<u64> {
        if self.0.index.begin(account).await?.is_none() {
            return Err(Error::unavailable("search", "is indexing this account; try again later"));
        }
        // While we hold the account, nothing that comes back is indexed before we let it go.
        let swept = self.0.sweep(account).await;
        self.0.index.release(account).await?;
        swept
    }
}

impl Inner {
    async fn sweep(&self, account: AccountId) -> Result<u64> {
        let (mut after, mut swept) = (0, 0);
        loop {
            let page = self.index.contents(account, after, SWEEP_PAGE).await?;
            let Some(&(last, _)) = page.last() else { return Ok(swept) };
            after = last;
            let objects: Vec<i64> = page.iter().map(|(_, object)| *object).collect();
            let places = self.kernel.store().read(move |tx| source::places(tx, account, &objects)).await?;
            let live: BTreeSet<i64> = places.iter().map(|place| place.content).collect();
            let gone: Vec<i64> =
                page.iter().map(|(content, _)| *content).filter(|content| !live.contains(content)).collect();
            swept += gone.len() as u64;
            if !gone.is_empty() {
                self.index.put(account, Vec::new(), gone, None).await?;
            }
        }
    }
}
