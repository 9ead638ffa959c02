//! The sessions of connections: written in groups behind the logins, so that nobody waits for them, and watched,
//! so that a connection whose session was ended elsewhere is closed.
//!
//! What must stay true here:
//! - Every session that acted gets its row: those that began and ended between two groups too.
//! - What waits is bounded by the number of connections.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use base::{Ctx, SessionId};
use directory::Directory;
use directory::sessions::{self, NewSession};

use crate::{Interrupt, Reason};

/// How often rows are written, and ended sessions looked for.
const EVERY: Duration = Duration::from_millis(500);
/// How long the row of a connection lasts unless it is renewed: a node that broke leaves its rows for so long.
const LASTS_MS: i64 = 24 * 3_600_000;
/// How often the rows of open connections are renewed.
const RENEW_MS: i64 = 6 * 3_600_000;
/// Sessions of a group.
const GROUP: usize = 500;
/// How far back ended sessions are looked for: rows of other nodes become visible late.
const OVERLAP_MS: i64 = 10_000;

/// The sessions of this node's connections.
pub(crate) struct Book {
    directory: Directory,
    ctx: Ctx,
    pages: Mutex<Pages>,
    running: AtomicBool,
}

#[derive(Default)]
struct Pages {
    open: HashMap<SessionId, Interrupt>,
    watched: HashMap<SessionId, Vec<(u64, Interrupt)>>,
    next_watch: u64,
    begun: Vec<(SessionId, NewSession)>,
    closed: Vec<SessionId>,
    looked_at_ms: i64,
    renewed_at_ms: i64,
}

/// A session of a connection; it ends when this is dropped.
pub(crate) struct Entry {
    book: Arc<Book>,
    id: SessionId,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut pages = self.book.pages();
        pages.open.remove(&self.id);
        pages.closed.push(self.id);
    }
}

/// Learns that a session was ended elsewhere, or that the server stops, for as long as it lives.
pub struct Watch {
    book: Arc<Book>,
    id: SessionId,
    number: u64,
    interrupt: Interrupt,
}

impl Watch {
    /// What was told, if anything.
    pub fn told(&self) -> Option<Reason> {
        self.interrupt.told()
    }

    /// Waits until the session is ended or the server stops.
    pub async fn ended(&self) -> Reason {
        self.interrupt.wait().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut pages = self.book.pages();
        if let Some(watches) = pages.watched.get_mut(&self.id) {
            watches.retain(|(number, _)| *number != self.number);
            if watches.is_empty() {
                pages.watched.remove(&self.id);
            }
        }
    }
}

impl Book {
    pub(crate) fn new(directory: Directory, ctx: Ctx) -> Arc<Self> {
        let now = ctx.now_ms();
        let pages = Pages { looked_at_ms: now, renewed_at_ms: now, ..Pages::default() };
        Arc::new(Self { directory, ctx, pages: Mutex::new(pages), running: AtomicBool::new(false) })
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a session began; `interrupt` is told when it is ended elsewhere.
    pub(crate) fn begin(self: &Arc<Self>, id: SessionId, new: NewSession, interrupt: Interrupt) -> Entry {
        let mut pages = self.pages();
        pages.begun.push((id, NewSession { lifetime_ms: LASTS_MS, ..new }));
        pages.open.insert(id, interrupt);
        drop(pages);
        self.run();
        Entry { book: self.clone(), id }
    }

    /// Watches a session for a request that stays open. Sessions may have many such requests.
    pub(crate) fn watch(self: &Arc<Self>, id: SessionId) -> Watch {
        let interrupt = Interrupt::default();
        let mut pages = self.pages();
        let number = pages.next_watch;
        pages.next_watch += 1;
        pages.watched.entry(id).or_default().push((number, interrupt.clone()));
        drop(pages);
        self.run();
        Watch { book: self.clone(), id, number, interrupt }
    }

    fn run(self: &Arc<Self>) {
        if !self.running.swap(true, Ordering::AcqRel) {
            tokio::spawn(keep(Arc::downgrade(self)));
        }
    }

    /// Tells all who watch a session that the server stops.
    pub(crate) fn stop(&self) {
        for (_, interrupt) in self.pages().watched.values().flatten() {
            interrupt.tell(Reason::Stopping);
        }
    }

    /// Writes what waits. What cannot be written is tried again with the next group.
    pub(crate) async fn write(&self) -> base::Result<()> {
        loop {
            let now = self.ctx.now_ms();
            let (begun, closed, renewed) = {
                let mut pages = self.pages();
                let count = pages.begun.len().min(GROUP);
                let begun: Vec<_> = pages.begun.drain(..count).collect();
                // A session is closed after its row was written, or together with it.
                let waiting = !pages.begun.is_empty();
                let closed: Vec<_> = if waiting { Vec::new() } else { std::mem::take(&mut pages.closed) };
                let renewed: Vec<_> = if now - pages.renewed_at_ms >= RENEW_MS {
                    pages.renewed_at_ms = now;
                    pages.open.keys().copied().collect()
                } else {
                    Vec::new()
                };
                (Arc::new(begun), Arc::new(closed), Arc::new(renewed))
            };
            if begun.is_empty() && closed.is_empty() && renewed.is_empty() {
                return Ok(());
            }
            let (own, rows, ended) = (self.ctx.clone(), begun.clone(), closed.clone());
            let written = self
                .directory
                .kernel()
                .store()
                .write(Vec::new(), move |tx| {
                    for (id, new) in rows.iter() {
                        sessions::open_as(tx, &own, *id, new)?;
                    }
                    for ended in ended.chunks(GROUP) {
                        sessions::settle(tx, &own, ended, &[], 0)?;
                    }
                    for renewed in renewed.chunks(GROUP) {
                        sessions::settle(tx, &own, &[], renewed, now.saturating_add(LASTS_MS))?;
                    }
                    Ok(())
                })
                .await;
            if let Err(error) = written {
                let mut pages = self.pages();
                pages.begun.splice(0..0, begun.iter().cloned());
                pages.closed.extend(closed.iter().copied());
                return Err(error);
            }
        }
    }

    /// Tells connections whose sessions were ended elsewhere.
    pub(crate) async fn look(&self) -> base::Result<()> {
        let (since, count) = {
            let pages = self.pages();
            (pages.looked_at_ms - OVERLAP_MS, pages.open.len() + pages.watched.len())
        };
        if count == 0 {
            return Ok(());
        }
        let now = self.ctx.now_ms();
        let most = i64::try_from(self.ctx.limits.mail_connections).unwrap_or(i64::MAX).max(10_000);
        let ended = self.directory.read(move |tx| sessions::ended_since(tx, since, most)).await?;
        let mut pages = self.pages();
        pages.looked_at_ms = now;
        for id in ended {
            if let Some(interrupt) = pages.open.get(&id) {
                interrupt.tell(Reason::Ended);
            }
            for (_, interrupt) in pages.watched.get(&id).into_iter().flatten() {
                interrupt.tell(Reason::Ended);
            }
        }
        Ok(())
    }
}

/// Runs while the book is used.
async fn keep(book: Weak<Book>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(book) = book.upgrade() else { return };
        if let Err(error) = book.write().await {
            tracing::warn!(%error, "sessions could not be written; they are tried again");
        }
        if let Err(error) = book.look().await {
            tracing::warn!(%error, "ended sessions could not be looked for; it is tried again");
        }
    }
}
