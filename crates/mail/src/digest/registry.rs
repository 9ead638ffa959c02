//! The digests that this node holds.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use base::{AccountId, CollectionId, Ctx, Result, Seq};
use tokio::sync::Mutex as AsyncMutex;

use super::{Digest, build};
use crate::{Columns, Mail, View};

type Key = (i64, i64);

/// Messages whose rows are read at a time.
const ROWS: usize = 1_000;

/// The digests that this node holds, by account and mailbox.
#[derive(Default)]
pub(crate) struct Digests {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    held: AsyncMutex<Held>,
    meta: Mutex<Meta>,
}

#[derive(Default)]
struct Held {
    digest: Arc<Digest>,
    /// The commit up to which every message is in it.
    seq: Seq,
}

#[derive(Default, Clone, Copy)]
struct Meta {
    used_at: i64,
    bytes: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Digests {
    fn slot(&self, key: Key, ctx: &Ctx) -> Arc<Slot> {
        let slot = locked(&self.slots).entry(key).or_default().clone();
        locked(&slot.meta).used_at = ctx.now_ms();
        slot
    }

    /// Lets go of the least used until what is left fits, and of what was not used for long.
    fn tidy(&self, ctx: &Ctx) {
        let limit = usize::try_from(ctx.limits.digest_bytes).unwrap_or(usize::MAX);
        let idle_ms = i64::try_from(ctx.limits.view_idle_seconds.saturating_mul(4_000)).unwrap_or(i64::MAX);
        let since = ctx.now_ms().saturating_sub(idle_ms);
        let mut slots = locked(&self.slots);
        let mut all: Vec<(Meta, Key)> = slots.iter().map(|(key, slot)| (*locked(&slot.meta), *key)).collect();
        all.sort_unstable_by_key(|(meta, key)| (std::cmp::Reverse(meta.used_at), *key));
        let mut sum = 0_usize;
        for (meta, key) in all {
            sum = sum.saturating_add(meta.bytes);
            if sum > limit || meta.used_at < since {
                slots.remove(&key);
            }
        }
    }
}

impl Mail {
    /// What is known of the messages of a view, brought up to date.
    ///
    /// # Errors
    /// `NotFound` when the reader may not read the mailbox.
    pub async fn digest(&self, ctx: &Ctx, view: &View) -> Result<Arc<Digest>> {
        let (account, mailbox) = (view.account, view.mailbox);
        let slot = self.digests().slot((account.0, mailbox.0), ctx);
        let mut held = slot.held.lock().await;
        if held.seq >= view.seq && (view.is_empty() || !held.digest.known.is_empty()) {
            return Ok(held.digest.clone());
        }
        let live = view.len();
        if held.digest.len() > 2 * live + ROWS {
            // More is gone than is there.
            *held = Held::default();
        }
        let known = &held.digest;
        let mut missing: Vec<i64> = (view.iter().map(|entry| entry.content))
            .filter(|content| known.place(*content).is_none())
            .collect();
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            let digest = Arc::make_mut(&mut held.digest);
            self.extend(ctx, (account, mailbox), missing, digest).await?;
        }
        held.seq = view.seq;
        let digest = held.digest.clone();
        let bytes = digest.bytes();
        drop(held);
        locked(&slot.meta).bytes = bytes;
        self.digests().tidy(ctx);
        Ok(digest)
    }

    async fn extend(
        &self,
        ctx: &Ctx,
        (account, mailbox): (AccountId, CollectionId),
        missing: Vec<i64>,
        digest: &mut Digest,
    ) -> Result<()> {
        let columns = Columns { thread: true, texts: true, fields: true, ..Columns::default() };
        let mut asked = HashSet::new();
        for chunk in missing.chunks(ROWS) {
            let rows = self.rows(ctx, account, mailbox, chunk.to_vec(), columns).await?;
            for row in rows {
                if !asked.insert(row.content) {
                    continue;
                }
                if build::is_complete(&row) {
                    digest.add(&row, &row.fields);
                } else {
                    let range = Some(0..row.header_bytes.unsigned_abs());
                    let header = self.body(ctx, account, mailbox, row.content, range).await?;
                    digest.add(&row, &header);
                }
            }
        }
        Ok(())
    }
}
