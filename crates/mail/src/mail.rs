//! The handle that doors hold.

use std::sync::{Arc, OnceLock};

use directory::Directory;
use kernel::{Keep, Kernel, Search, Source};
use store::Blobs;

use crate::digest::Digests;
use crate::emails::{KnownCounts, ThreadTables};
use crate::mailboxes::Inboxes;
use crate::queue::Queue;
use crate::recent::Recents;
use crate::sieve::Filter;
use crate::texts::{Fresh, MailTexts};
use crate::view::{PastViews, Views};

/// Mail over a directory and a blob store. Cheap to clone.
#[derive(Clone)]
pub struct Mail(Arc<Inner>);

struct Inner {
    directory: Directory,
    blobs: Blobs,
    filter: Filter,
    inboxes: Inboxes,
    views: Views,
    past_views: PastViews,
    recents: Recents,
    digests: Digests,
    thread_tables: ThreadTables,
    known_counts: KnownCounts,
    search: OnceLock<Search>,
    fresh: Arc<Fresh>,
    history: OnceLock<HistoryRules>,
}

/// How far back people can reach, where their class of service says nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryRules {
    /// Days in which what was removed can be brought back.
    pub recover_days: i64,
    /// Days of which everything that arrived is shown, whatever became of it.
    pub rescue_days: i64,
}

impl Default for HistoryRules {
    fn default() -> Self {
        Self { recover_days: Keep::default().undelete_days, rescue_days: 15 }
    }
}

impl Mail {
    /// Mail over a directory whose store was opened with [`crate::PART`] and [`store::BLOBS`], and whose kernel
    /// knows [`crate::KIND`].
    pub fn new(directory: Directory, blobs: Blobs) -> Self {
        let (filter, views) = (Filter::new(directory.clone()), Views::default());
        Self(Arc::new(Inner {
            directory,
            blobs,
            filter,
            inboxes: Inboxes::default(),
            views,
            past_views: PastViews::default(),
            recents: Recents::default(),
            digests: Digests::default(),
            thread_tables: ThreadTables::default(),
            known_counts: KnownCounts::default(),
            search: OnceLock::new(),
            fresh: Arc::default(),
            history: OnceLock::new(),
        }))
    }

    /// The kernel below.
    pub fn kernel(&self) -> &Kernel {
        self.0.directory.kernel()
    }

    /// The directory below.
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// The blob store below.
    pub fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    /// Mail on its way out, over the same store.
    pub fn queue(&self) -> Queue {
        Queue::new(self.kernel().store())
    }

    /// Filters of incoming mail, and the settings that people make of them.
    pub fn filter(&self) -> &Filter {
        &self.0.filter
    }

    pub(crate) fn inboxes(&self) -> &Inboxes {
        &self.0.inboxes
    }

    pub(crate) fn views(&self) -> &Views {
        &self.0.views
    }

    pub(crate) fn past_views(&self) -> &PastViews {
        &self.0.past_views
    }

    pub(crate) fn recents(&self) -> &Recents {
        &self.0.recents
    }

    pub(crate) fn digests(&self) -> &Digests {
        &self.0.digests
    }

    pub(crate) fn thread_tables(&self) -> &ThreadTables {
        &self.0.thread_tables
    }

    pub(crate) fn known_counts(&self) -> &KnownCounts {
        &self.0.known_counts
    }

    /// What a search index reads the texts of messages from: [`Search::open_with`] takes it.
    pub fn search_source(&self) -> Source {
        let texts = MailTexts::new(self.kernel().clone(), self.blobs().clone(), self.fresh().clone());
        Source { kind: crate::NAME, texts: Arc::new(texts) }
    }

    /// Searches in texts use this index from now on; without one they read every message.
    pub fn use_search(&self, search: Search) {
        let hurry = search.hurry();
        // The first one stays.
        if self.0.search.set(search).is_ok() {
            self.0.fresh.empty_by(hurry);
        }
    }

    /// The index that searches in texts use.
    pub fn search(&self) -> Option<&Search> {
        self.0.search.get()
    }

    /// The server's rules of how far back people can reach; the first ones that are set stay.
    pub fn use_history(&self, rules: HistoryRules) {
        let _ = self.0.history.set(rules);
    }

    pub(crate) fn history_rules(&self) -> HistoryRules {
        self.0.history.get().copied().unwrap_or_default()
    }

    pub(crate) fn fresh(&self) -> &Arc<Fresh> {
        &self.0.fresh
    }
}
