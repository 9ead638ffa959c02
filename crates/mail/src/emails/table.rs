//! Which conversation every message of an account belongs to, in memory: sixteen bytes a message, read once and grown
//! by what is new, since messages never change and their numbers only grow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::{AccountId, Ctx, Result};
use store::params;
use tokio::sync::Mutex as AsyncMutex;

use crate::Mail;

/// Messages by their numbers, with their conversations.
#[derive(Debug, Default, Clone)]
pub struct ThreadTable(Vec<(i64, i64)>);

impl ThreadTable {
    /// The conversation of a message; its own number when it is not known.
    pub fn of(&self, content: i64) -> i64 {
        let at = self.0.binary_search_by_key(&content, |(known, _)| *known);
        at.ok().and_then(|at| self.0.get(at)).map_or(content, |(_, thread)| *thread)
    }

    fn last(&self) -> i64 {
        self.0.last().map_or(0, |(content, _)| *content)
    }
}

/// The tables that this node holds.
#[derive(Default)]
pub(crate) struct ThreadTables(Mutex<HashMap<i64, Arc<Slot>>>);

#[derive(Default)]
struct Slot {
    held: AsyncMutex<Arc<ThreadTable>>,
    used: Mutex<(i64, usize)>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ThreadTables {
    fn slot(&self, account: AccountId) -> Arc<Slot> {
        locked(&self.0).entry(account.0).or_default().clone()
    }

    /// Lets go of the least used until what is left fits.
    fn tidy(&self, limit_bytes: u64) {
        let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
        let mut slots = locked(&self.0);
        let mut all: Vec<((i64, usize), i64)> =
            slots.iter().map(|(account, slot)| (*locked(&slot.used), *account)).collect();
        all.sort_unstable_by_key(|((used_at, _), account)| (std::cmp::Reverse(*used_at), *account));
        let mut sum = 0_usize;
        for ((_, bytes), account) in all {
            sum = sum.saturating_add(bytes);
            if sum > limit {
                slots.remove(&account);
            }
        }
    }
}

impl Mail {
    /// The conversations of all messages of an account; rights are the caller's.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn thread_table(&self, ctx: &Ctx, account: AccountId) -> Result<Arc<ThreadTable>> {
        let slot = self.thread_tables().slot(account);
        let mut held = slot.held.lock().await;
        let last = held.last();
        // From the beginning the index on conversations says it all; later the few new rows are read.
        let sql = if last == 0 {
            "SELECT id, thread_id FROM message WHERE account_id = $1 AND thread_id > $2"
        } else {
            "SELECT id, thread_id FROM message WHERE account_id = $1 AND id > $2 ORDER BY id"
        };
        let read = self
            .kernel()
            .store()
            .read(move |tx| tx.query(sql, params![account, last], |row| Ok((row.int(0)?, row.int(1)?))));
        let mut new: Vec<(i64, i64)> = read.await?;
        if !new.is_empty() {
            new.sort_unstable();
            Arc::make_mut(&mut held).0.append(&mut new);
        }
        let table = held.clone();
        drop(held);
        *locked(&slot.used) = (ctx.now_ms(), table.0.len() * size_of::<(i64, i64)>());
        self.thread_tables().tidy(ctx.limits.thread_table_bytes);
        Ok(table)
    }
}
