//! What clients ask of a mailbox all the time - UIDs, flags, sizes, dates - kept in memory, built once for all who
//! look, brought up to date by what changed, and dropped when nobody looks any more.
//!
//! What must stay true here:
//! - A [`View`] never changes: who holds one sees the mailbox as of its `seq`.
//! - A view that was asked for after a change was committed on this node shows that change.
//! - Views share what did not change (chunks of entries), so that bringing one up to date copies little.

mod build;
mod past;
mod registry;

use std::ops::RangeInclusive;
use std::sync::Arc;

use base::{AccountId, CollectionId, Seq};

pub(crate) use past::PastViews;
pub(crate) use registry::Views;

/// Entries of one chunk.
const CHUNK: usize = 256;

/// A message in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its UID.
    pub uid: u32,
    /// Its flags that have a bit.
    pub flags: i64,
    /// The object.
    pub object: i64,
    /// The content's number.
    pub content: i64,
    /// Bytes.
    pub size: i64,
    /// When it arrived, milliseconds since 1970.
    pub received_at: i64,
    /// The zone in which that was said, minutes east of UTC.
    pub received_zone: i16,
    /// The commit that last changed it.
    pub modseq: Seq,
    /// Its other keywords and properties, as they stand in its item.
    pub state: Option<Arc<str>>,
}

/// What changed in a mailbox since a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Messages that are new or have other flags, by UID.
    pub changed: Vec<Entry>,
    /// UIDs of messages that are gone, in order. Some may never have been known to the asker.
    pub gone: Vec<u32>,
    /// The commit up to which this is all.
    pub seq: Seq,
}

/// Some entries that follow one another.
#[derive(Debug, Clone, Default)]
struct Chunk {
    entries: Vec<Entry>,
    /// The newest change of any of them.
    newest: Seq,
}

impl Chunk {
    fn of(entries: Vec<Entry>) -> Arc<Self> {
        let newest = entries.iter().map(|entry| entry.modseq).max().unwrap_or_default();
        Arc::new(Self { entries, newest })
    }
}

/// A mailbox as of a commit.
#[derive(Debug, Clone)]
pub struct View {
    /// Whose mailbox it is.
    pub account: AccountId,
    /// The mailbox.
    pub mailbox: CollectionId,
    /// The commit that last changed anything in it.
    pub seq: Seq,
    /// The UID that the next message gets.
    pub uidnext: u32,
    /// Changes since a commit below this one are not known here.
    floor: Seq,
    chunks: Vec<Arc<Chunk>>,
    /// How many entries lie before each chunk.
    starts: Vec<usize>,
    len: usize,
    /// Messages that went, with the commit, in the order of commits.
    gone: Arc<Vec<(Seq, u32)>>,
}

impl View {
    /// Messages in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry at a place, from 0 on.
    pub fn at(&self, index: usize) -> Option<&Entry> {
        let chunk = self.starts.partition_point(|start| *start <= index).checked_sub(1)?;
        self.chunks.get(chunk)?.entries.get(index - self.starts.get(chunk)?)
    }

    /// The chunk that would hold a UID.
    fn chunk_of(&self, uid: u32) -> usize {
        let after = |chunk: &Arc<Chunk>| chunk.entries.first().is_some_and(|first| first.uid <= uid);
        self.chunks.partition_point(after).saturating_sub(1)
    }

    /// The place of a UID, from 0 on; an error says where it would be.
    pub fn index_of(&self, uid: u32) -> Result<usize, usize> {
        let chunk = self.chunk_of(uid);
        let start = self.starts.get(chunk).copied().unwrap_or(0);
        let entries = self.chunks.get(chunk).map_or(&[][..], |chunk| &chunk.entries);
        entries.binary_search_by_key(&uid, |entry| entry.uid).map(|at| start + at).map_err(|at| start + at)
    }

    /// The message with a UID.
    pub fn entry(&self, uid: u32) -> Option<&Entry> {
        let chunk = self.chunks.get(self.chunk_of(uid))?;
        let at = chunk.entries.binary_search_by_key(&uid, |entry| entry.uid).ok()?;
        chunk.entries.get(at)
    }

    /// All messages in the order of their UIDs.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.chunks.iter().flat_map(|chunk| chunk.entries.iter())
    }

    /// The messages with these UIDs, in order.
    pub fn range(&self, uids: RangeInclusive<u32>) -> impl Iterator<Item = &Entry> {
        let (first, last) = uids.into_inner();
        let chunks = self.chunks.get(self.chunk_of(first)..).unwrap_or_default();
        (chunks.iter().flat_map(|chunk| chunk.entries.iter()))
            .skip_while(move |entry| entry.uid < first)
            .take_while(move |entry| entry.uid <= last)
    }

    /// What changed after a commit; nothing when that lies too far back for what is known here.
    pub fn changes_since(&self, since: Seq) -> Option<Changes> {
        if since < self.floor {
            return None;
        }
        let changed = (self.chunks.iter())
            .filter(|chunk| chunk.newest > since)
            .flat_map(|chunk| chunk.entries.iter())
            .filter(|entry| entry.modseq > since)
            .cloned()
            .collect();
        let from = self.gone.partition_point(|(seq, _)| *seq <= since);
        let mut gone: Vec<u32> =
            self.gone.get(from..).unwrap_or_default().iter().map(|(_, uid)| *uid).collect();
        gone.sort_unstable();
        Some(Changes { changed, gone, seq: self.seq })
    }

    fn new(account: AccountId, mailbox: CollectionId, seq: Seq, uidnext: u32, entries: Vec<Entry>) -> Self {
        let mut chunks = Vec::with_capacity(entries.len().div_ceil(CHUNK));
        let mut rest = entries.into_iter().peekable();
        while rest.peek().is_some() {
            chunks.push(Chunk::of(rest.by_ref().take(CHUNK).collect()));
        }
        let gone = Arc::default();
        let mut view =
            Self { account, mailbox, seq, uidnext, floor: seq, chunks, starts: Vec::new(), len: 0, gone };
        view.count();
        view
    }

    fn count(&mut self) {
        self.chunks.retain(|chunk| !chunk.entries.is_empty());
        self.starts.clear();
        self.len = 0;
        for chunk in &self.chunks {
            self.starts.push(self.len);
            self.len += chunk.entries.len();
        }
    }

    /// The same mailbox after changes: entries that are new or changed, and UIDs that went with their commits.
    fn with(
        &self,
        seq: Seq,
        uidnext: u32,
        changed: Vec<Entry>,
        gone: &[(Seq, u32)],
        remembered: usize,
    ) -> Self {
        let mut next = Self { seq, uidnext, ..self.clone() };
        for (_, uid) in gone {
            next.remove(*uid);
        }
        for entry in changed {
            next.set(entry);
        }
        if !gone.is_empty() {
            let mut all = Vec::clone(&self.gone);
            all.extend_from_slice(gone);
            all.sort_unstable();
            if all.len() > remembered {
                let cut = all.len() - remembered;
                next.floor = all.get(cut - 1).map_or(next.floor, |(seq, _)| (*seq).max(next.floor));
                all.drain(..cut);
            }
            next.gone = Arc::new(all);
        }
        next.count();
        next
    }

    fn remove(&mut self, uid: u32) {
        let at = self.chunk_of(uid);
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        if let Ok(place) = chunk.entries.binary_search_by_key(&uid, |entry| entry.uid) {
            Arc::make_mut(chunk).entries.remove(place);
        }
    }

    fn set(&mut self, entry: Entry) {
        // A chunk may have become empty by a removal before: such ones are skipped by their missing first entry.
        self.chunks.retain(|chunk| !chunk.entries.is_empty());
        let at = self.chunk_of(entry.uid);
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(Chunk::of(vec![entry]));
            return;
        };
        let modseq = entry.modseq;
        match chunk.entries.binary_search_by_key(&entry.uid, |known| known.uid) {
            Ok(place) => {
                if let Some(known) = Arc::make_mut(chunk).entries.get_mut(place) {
                    *known = entry;
                }
            }
            Err(place) if place == chunk.entries.len() && place >= CHUNK => {
                self.chunks.insert(at + 1, Chunk::of(vec![entry]));
                return;
            }
            Err(place) => Arc::make_mut(chunk).entries.insert(place, entry),
        }
        let chunk = Arc::make_mut(chunk);
        chunk.newest = chunk.newest.max(modseq);
    }
}

#[cfg(test)]
mod tests;
