//! Which messages are `\Recent` (RFC 3501 section 2.3.2): those that no session was told of before. Each is recent in one
//! session, the first that hears of it.
//!
//! The sessions of a node share a number a mailbox, in memory while anyone has it selected and in a row otherwise. So
//! hearing of a message writes nothing; two nodes, and a node that was killed, may tell a message as recent twice, which
//! the RFC allows where it cannot be told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::{AccountId, CollectionId, Result};
use store::sql::{Bulk, Type};
use store::{Store, params};

use crate::Mail;

type Key = (i64, i64);

static KEEP: Bulk = Bulk::upsert(
    "mailbox_recent",
    &[("account_id", Type::Int), ("mailbox_id", Type::Int), ("uid", Type::Int)],
    2,
    "ON CONFLICT (account_id, mailbox_id) DO UPDATE SET uid = excluded.uid",
);

/// The mailboxes that sessions of this node have selected.
#[derive(Debug, Default)]
pub(crate) struct Recents(Arc<Mutex<HashMap<Key, Slot>>>);

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// The first UID that nobody was told of.
    next: u32,
    /// What the row says.
    kept: u32,
    /// Who holds it: sessions, and a write on its way.
    holders: usize,
}

impl Recents {
    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, key: Key) -> Option<u32> {
        self.slots().get(&key).map(|slot| slot.next)
    }
}

/// What a session holds of a mailbox that it selected.
pub struct Recent {
    key: Key,
    slots: Recents,
    store: Store,
}

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recent").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Recent {
    /// Everything below `uidnext` is told now: the first UID that nobody was told of before.
    pub fn claim(&self, uidnext: u32) -> u32 {
        let mut slots = self.slots.slots();
        let Some(slot) = slots.get_mut(&self.key) else { return uidnext };
        let first = slot.next;
        slot.next = first.max(uidnext);
        first
    }

    /// The first UID that nobody was told of.
    pub fn peek(&self) -> u32 {
        self.slots.next(self.key).unwrap_or(u32::MAX)
    }
}

impl Drop for Recent {
    fn drop(&mut self) {
        let mut slots = self.slots.slots();
        let Some(slot) = slots.get_mut(&self.key) else { return };
        slot.holders = slot.holders.saturating_sub(1);
        if slot.holders > 0 {
            return;
        }
        let runtime = tokio::runtime::Handle::try_current();
        let Some(runtime) = runtime.ok().filter(|_| slot.next > slot.kept) else {
            slots.remove(&self.key);
            return;
        };
        // It is tried once: what could not be written is told again some day.
        slot.holders = 1;
        slot.kept = slot.next;
        let (key, next) = (self.key, slot.next);
        drop(slots);
        let again = Self { key, slots: Recents(self.slots.0.clone()), store: self.store.clone() };
        runtime.spawn(async move { again.keep(next).await });
    }
}

impl Recent {
    /// Writes down what was told; whoever selects the mailbox meanwhile finds it in memory still.
    async fn keep(self, next: u32) {
        let key = self.key;
        let written = self
            .store
            .write(Vec::new(), move |tx| tx.add(&KEEP, params![key.0, key.1, i64::from(next)]))
            .await;
        if let Err(error) = written {
            tracing::debug!(%error, "what is recent in a mailbox could not be written");
        }
    }
}

impl Mail {
    /// Takes part in what is recent in a mailbox. Whether its reader may read it is the caller's to know.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn recent(&self, account: AccountId, mailbox: CollectionId) -> Result<Recent> {
        let key = (account.0, mailbox.0);
        let recent = |slots: &mut HashMap<Key, Slot>, kept: u32| {
            let slot = slots.entry(key).or_insert(Slot { next: kept, kept, holders: 0 });
            slot.holders += 1;
            let shared = Recents(self.recents().0.clone());
            Recent { key, slots: shared, store: self.kernel().store().clone() }
        };
        {
            let mut slots = self.recents().slots();
            if slots.contains_key(&key) {
                return Ok(recent(&mut slots, 0));
            }
        }
        let kept = self.kept_recent(account, mailbox).await?;
        Ok(recent(&mut self.recents().slots(), kept))
    }

    /// The first UID of a mailbox that no session was told of.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn first_recent(&self, account: AccountId, mailbox: CollectionId) -> Result<u32> {
        match self.recents().next((account.0, mailbox.0)) {
            Some(next) => Ok(next),
            None => self.kept_recent(account, mailbox).await,
        }
    }

    async fn kept_recent(&self, account: AccountId, mailbox: CollectionId) -> Result<u32> {
        let sql = "SELECT uid FROM mailbox_recent WHERE account_id = $1 AND mailbox_id = $2";
        let read = self
            .kernel()
            .store()
            .read(move |tx| tx.query_opt(sql, params![account, mailbox], |row| row.int(0)));
        Ok(read.await?.and_then(|uid| u32::try_from(uid).ok()).unwrap_or(0))
    }
}
