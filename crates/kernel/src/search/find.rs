//! Answering a search: what the index says, with what changed behind it, where the asker may read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::{AccountId, CollectionId, Ctx, Error, ItemId, ObjectId, Result, Seq};
use tokio::time::Instant;

use super::Search;
use super::index::Page;
use super::query::Query;
use super::source::{self, Place, Text};
use super::words::words;
use crate::read::View;

/// How long a search waits for an index that is too far behind.
const WAIT: Duration = Duration::from_secs(10);
/// Contents that are asked of the index at a time.
const PAGE: usize = 300;
/// Pages after which an answer is given, with a place to go on, even if it is not full.
const ROUNDS: usize = 20;
/// Text that is read directly for one search.
const TAIL_BYTES: i64 = 64 << 20;
/// Texts that are read together to look for a phrase.
const CHUNK_BYTES: i64 = 4 << 20;

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Only in these collections; nothing: in all that the asker may read.
    pub collections: Option<Vec<CollectionId>>,
    /// Go on behind the content where the page before ended.
    pub after: Option<i64>,
    /// As many items as this, and the other places of the last one.
    pub limit: u64,
}

/// An item that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// The collection that it lies in.
    pub collection: CollectionId,
    /// Its place there.
    pub item: ItemId,
    /// The object.
    pub object: ObjectId,
    /// Its content.
    pub content: i64,
}

/// A page of what was found, the newest contents first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The items.
    pub hits: Vec<Hit>,
    /// Where to go on; nothing when that was all.
    pub more: Option<i64>,
}

/// What one look found.
enum Look {
    /// Contents that match, and those whose text must be looked at.
    Places { sure: Contents, unsure: Contents, allowed: BTreeSet<CollectionId> },
    /// Too much changed behind the index.
    Behind(Seq, Seq),
}

/// Contents and where they lie.
type Contents = BTreeMap<i64, Vec<Place>>;

/// What one look needs.
struct Ask {
    account: AccountId,
    query: Query,
    collections: Option<Vec<CollectionId>>,
    page: Page,
    /// Contents below this, and from this on.
    below: i64,
    from: i64,
}

impl Search {
    /// The items of an account whose text holds what is searched for: all `words`, `"a phrase"`, `begin*`,
    /// without `-word` or `NOT word`.
    ///
    /// # Errors
    /// `NotFound` for an account or a collection in which the asker may read nothing, `Invalid` and `Limit` for
    /// a search that cannot be read, `Unavailable` when the index is so far behind that waiting did not help.
    pub async fn search(&self, ctx: &Ctx, account: AccountId, text: &str, scope: &Scope) -> Result<Found> {
        let query = Query::parse(text, &ctx.limits)?;
        let limit = usize::try_from(scope.limit.clamp(1, ctx.limits.page_items)).unwrap_or(usize::MAX);
        let mut below = scope.after.unwrap_or(i64::MAX);
        let mut found = Found::default();
        let until = Instant::now() + WAIT;
        let mut rounds = 0;
        loop {
            let page = self.0.index.page(account, &query, below, PAGE).await?;
            let full = page.full;
            // Below the last content of a full page the index may have more.
            let from = if full { page.hits.last().map_or(0, |(content, _)| *content) } else { 0 };
            let collections = scope.collections.clone();
            let ask = Ask { account, query: query.clone(), collections, page, below, from };
            match self.0.kernel.read(ctx, move |view| look(view, &ask)).await? {
                Look::Behind(cursor, head) => {
                    self.wait(account, cursor, head, until).await?;
                    continue;
                }
                Look::Places { sure, unsure, allowed } => {
                    let mut matching = self.verify(account, &query, unsure).await?;
                    matching.extend(sure);
                    found.hits.extend(hits(matching, &allowed));
                }
            }
            rounds += 1;
            below = from;
            if found.hits.len() >= limit || !full || rounds >= ROUNDS {
                found.more = full.then_some(from);
                cut(&mut found, limit);
                return Ok(found);
            }
        }
    }

    async fn wait(&self, account: AccountId, cursor: Seq, head: Seq, until: Instant) -> Result<()> {
        let mut progress = self.0.progress.subscribe();
        self.hurry_up(account, cursor, head);
        match tokio::time::timeout_at(until, progress.changed()).await {
            Ok(_) if Instant::now() < until => Ok(()),
            _ => Err(Error::unavailable("search", "the index is being made; try again in a few minutes")),
        }
    }
}

/// Keeps `limit` items and the other places of the last content.
fn cut(found: &mut Found, limit: usize) {
    let Some(last) = limit.checked_sub(1).and_then(|index| found.hits.get(index)).copied() else { return };
    let end = found.hits.iter().position(|hit| hit.content < last.content);
    if let Some(end) = end {
        found.hits.truncate(end);
        found.more = Some(last.content);
    }
}

fn look(view: &mut View<'_, '_>, ask: &Ask) -> Result<Look> {
    let allowed = allowed(view, ask)?;
    let limits = view.ctx().limits.clone();
    let tx = view.tx();
    let (head, floor) = source::head(tx, ask.account)?.ok_or_else(|| Error::not_found("account"))?;
    let cursor = ask.page.seq;
    if cursor < floor && cursor > Seq(0) {
        return Ok(Look::Behind(cursor, head));
    }
    // All that changed behind the index: each content of it is read, whatever the index says of it.
    let mut left = usize::try_from(limits.search_tail_items).unwrap_or(usize::MAX);
    let mut objects = BTreeSet::new();
    for collection in source::collections(tx, ask.account, cursor)? {
        let page =
            source::changed(tx, ask.account, collection, (cursor.0, i64::MAX), left.saturating_add(1))?;
        if page.len() > left {
            return Ok(Look::Behind(cursor, head));
        }
        left -= page.len();
        objects.extend(page.iter().map(|moved| moved.object));
    }
    let mut tail: BTreeMap<i64, Vec<Place>> = BTreeMap::new();
    let mut indexed: BTreeMap<i64, Vec<Place>> = BTreeMap::new();
    let hits: BTreeSet<i64> = ask.page.hits.iter().map(|(content, _)| *content).collect();
    let mut all = objects.clone();
    all.extend(ask.page.hits.iter().map(|(_, object)| *object));
    let all: Vec<i64> = all.into_iter().collect();
    for place in source::places(tx, ask.account, &all)? {
        if objects.contains(&place.object.0) {
            tail.entry(place.content).or_default().push(place);
        } else if hits.contains(&place.content) {
            indexed.entry(place.content).or_default().push(place);
        }
    }
    // Of what changed, a content that is as old as the index is in it: only its flags or places changed.
    let old = |places: &Vec<Place>| places.iter().all(|place| place.content_seq <= cursor.0);
    tail.retain(|content, places| {
        let keep = !old(places);
        if !keep && hits.contains(content) {
            indexed.insert(*content, places.clone());
        }
        keep && (ask.from..ask.below).contains(content)
    });
    let reach = |places: &Vec<Place>| places.iter().any(|place| allowed.contains(&place.collection));
    tail.retain(|_, places| reach(places));
    indexed.retain(|_, places| reach(places));
    if tail.values().flatten().map(|place| place.size).sum::<i64>() > TAIL_BYTES {
        return Ok(Look::Behind(cursor, head));
    }
    if ask.query.needs_text() {
        tail.append(&mut indexed);
    }
    Ok(Look::Places { sure: indexed, unsure: tail, allowed })
}

fn hits(matching: Contents, allowed: &BTreeSet<CollectionId>) -> Vec<Hit> {
    let mut out: Vec<Hit> = (matching.into_values().flatten())
        .filter(|place| allowed.contains(&place.collection))
        .map(|Place { collection, item, object, content, .. }| Hit { collection, item, object, content })
        .collect();
    out.sort_unstable_by_key(|hit| (std::cmp::Reverse(hit.content), hit.collection, hit.item));
    out
}

/// The collections that are searched.
fn allowed(view: &mut View<'_, '_>, ask: &Ask) -> Result<BTreeSet<CollectionId>> {
    let visible = view.collections(ask.account, None)?;
    let actor = &view.ctx().actor;
    if visible.is_empty() && !actor.system && actor.account != ask.account {
        return Err(Error::not_found("account"));
    }
    let visible: BTreeSet<CollectionId> = visible.into_iter().map(|info| info.id).collect();
    match &ask.collections {
        None => Ok(visible),
        Some(wanted) if wanted.iter().all(|id| visible.contains(id)) => Ok(wanted.iter().copied().collect()),
        Some(_) => Err(Error::not_found("collection")),
    }
}

impl Search {
    /// Keeps the contents whose text matches.
    async fn verify(&self, account: AccountId, query: &Query, contents: Contents) -> Result<Contents> {
        let limit = self.0.ctx.limits.search_text_bytes;
        let mut out = Contents::new();
        let mut waiting = contents.into_iter().peekable();
        while waiting.peek().is_some() {
            let (mut chunk, mut bytes) = (Contents::new(), 0);
            while bytes < CHUNK_BYTES {
                let Some((content, places)) = waiting.next() else { break };
                bytes += places.first().map_or(0, |place| place.size);
                chunk.insert(content, places);
            }
            let firsts = chunk.values().filter_map(|places| places.first().copied()).collect();
            let texts = self.0.texts(account, firsts, limit).await?;
            let query = query.clone();
            let matching = tokio::task::spawn_blocking(move || {
                let matches = |(_, text): &(&i64, &Text)| query.matches(&words(text.as_str(), limit));
                texts.iter().filter(matches).map(|(content, _)| *content).collect::<BTreeSet<i64>>()
            });
            let matching =
                matching.await.map_err(|e| Error::corrupt("text", "could not be searched").with_source(e))?;
            chunk.retain(|content, _| matching.contains(content));
            out.append(&mut chunk);
        }
        Ok(out)
    }
}
