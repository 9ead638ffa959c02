//! Search: an index of words that follows the histories of the accounts, in transactions of its own.
//!
//! What must stay true here:
//! - No write of an account waits for the index; it is derived, and may be deleted and made again at any time.
//! - Results are complete whatever the lag: what changed behind the index's cursor is read directly, and where
//!   that is too much a search waits for the index, a bounded time, or says that it cannot answer now.
//! - The index says where to look. Where an item lies and who may read it is asked of the kernel's own tables,
//!   on a snapshot taken after the index was read.
//! - Words are made here, not by the engines, so that both find the same.

mod find;
mod follow;
mod index;
mod query;
mod source;
mod substring;
mod vocabulary;
mod words;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base::{AccountId, Ctx, Result, Seq};
use store::Store;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::verbs::Kernel;
pub use find::{Found, Hit, Scope};
use index::Index;
pub use source::{Source, Text, Texts, TextsOf};
pub use substring::Candidates;

/// Commits of so many accounts are remembered; beyond that all accounts are looked through.
const REMEMBERED: u64 = 100_000;

/// How far the index is behind, and what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lag {
    /// Accounts with commits that are not in the index yet.
    pub accounts: u64,
    /// Commits that are not in the index yet.
    pub commits: u64,
    /// Contents that were put into the index since the start.
    pub indexed: u64,
    /// Times that an account could not be indexed since the start.
    pub failures: u64,
}

/// The search index of a kernel, and the task that keeps it up to date. Cheap to clone.
#[derive(Clone)]
pub struct Search(Arc<Inner>);

struct Inner {
    kernel: Kernel,
    ctx: Ctx,
    /// Where the texts of kinds come from that are not in the database.
    sources: Vec<Source>,
    index: Index,
    state: Mutex<State>,
    /// Something new is to be indexed.
    wake: Arc<Notify>,
    /// Somebody waits for the index.
    hurry: Arc<Notify>,
    /// Counts up whenever an account was indexed.
    progress: watch::Sender<u64>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct State {
    /// For each account that is behind: the commit before the first that is missing, and the newest known.
    behind: BTreeMap<AccountId, (Seq, Seq)>,
    /// Accounts that are being indexed.
    at_work: BTreeMap<AccountId, Seq>,
    look_through: bool,
    indexed: u64,
    failures: u64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The task sees that we are gone.
        self.wake.notify_one();
    }
}

impl Inner {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, account: AccountId, from: Seq, head: Seq) {
        let mut state = self.state();
        let known = state.behind.entry(account).or_insert((from, head));
        *known = (known.0.min(from), known.1.max(head));
        drop(state);
        self.wake.notify_one();
    }
}

impl Search {
    /// Whoever notifies this has what waits indexed at once: a source that keeps texts for the index, and has many.
    pub fn hurry(&self) -> Arc<Notify> {
        self.0.hurry.clone()
    }

    /// Opens the index (on SQLite a file in `folder`, on PostgreSQL tables of its own) and begins to follow.
    /// Only commits made through this kernel are heard at once; those of other processes are found by looking
    /// through the accounts, at the start and from time to time.
    pub async fn open(kernel: &Kernel, ctx: &Ctx, folder: &Path) -> Result<Self> {
        Self::open_with(kernel, ctx, folder, Vec::new()).await
    }

    /// As [`Search::open`], with sources for kinds whose texts are not all in the database.
    pub async fn open_with(kernel: &Kernel, ctx: &Ctx, folder: &Path, sources: Vec<Source>) -> Result<Self> {
        let index = Index::open(kernel.store(), ctx, folder).await?;
        let heard = kernel.subscribe_all(REMEMBERED);
        let inner = Arc::new(Inner {
            kernel: kernel.clone(),
            ctx: ctx.clone(),
            sources,
            index,
            state: Mutex::new(State { look_through: true, ..State::default() }),
            wake: Arc::default(),
            hurry: Arc::default(),
            progress: watch::channel(0).0,
            task: Mutex::default(),
        });
        let task = tokio::spawn(follow::follow(Arc::downgrade(&inner), heard));
        *inner.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(Self(inner))
    }

    /// Stops following and closes the index.
    pub async fn close(&self) {
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            // Ended by us.
            let _ = task.await;
        }
        self.0.index.store.close().await;
    }

    /// Forgets the index and makes it again, while searches go on (they wait for it or read directly).
    pub async fn rebuild(&self) -> Result<()> {
        self.0.index.clear().await?;
        self.0.state().look_through = true;
        self.0.wake.notify_one();
        Ok(())
    }

    /// The store of the index, for its figures.
    pub fn store(&self) -> &Store {
        &self.0.index.store
    }

    /// How far the index is behind.
    pub fn lag(&self) -> Lag {
        let state = self.0.state();
        let missing = |(from, head): &(Seq, Seq)| u64::try_from(head.0 - from.0).unwrap_or(0);
        Lag {
            accounts: (state.behind.len() + state.at_work.len()) as u64,
            commits: state.behind.values().map(missing).sum(),
            indexed: state.indexed,
            failures: state.failures,
        }
    }

    /// Returns when everything that was known to be missing is in the index.
    pub async fn caught_up(&self) {
        let mut progress = self.0.progress.subscribe();
        loop {
            {
                let state = self.0.state();
                if state.behind.is_empty() && state.at_work.is_empty() && !state.look_through {
                    return;
                }
            }
            self.0.hurry.notify_one();
            // The sender lives as long as we do.
            let _ = progress.changed().await;
        }
    }
}
