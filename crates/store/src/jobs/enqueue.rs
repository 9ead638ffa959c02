//! Asking for work: collected over a transaction group and written at its end, sorted.
//!
//! Two groups that ask for the same deduplicated jobs wait for each other's rows; written sorted and last they
//! do so in one order and for the shortest time, and cannot deadlock.

use std::collections::{BTreeMap, BTreeSet};

use base::{AccountId, Error, Result};

use super::{Job, Jobs, TOPIC};
use crate::notify::Notifier;
use crate::sql::{Bulk, Column, GroupState, Tx, Type};

const KEY_BYTES: usize = 255;
/// Below 2^53, so that programs that keep numbers as floating point show it right.
const ID_SHIFT: u32 = 9;

const COLUMNS: &[Column] = &[
    ("id", Type::Int),
    ("queue", Type::Text),
    ("payload", Type::Text),
    ("dedupe_key", Type::Text),
    ("run_at", Type::Int),
    ("priority", Type::Int),
    ("created_at", Type::Int),
    ("account_id", Type::Int),
];
static PLAIN: Bulk = Bulk::insert("job", COLUMNS);
static KEYED: Bulk = Bulk::upsert(
    "job",
    COLUMNS,
    0,
    "ON CONFLICT (queue, dedupe_key) WHERE state = 'waiting' AND dedupe_key IS NOT NULL \
     DO UPDATE SET run_at = excluded.run_at WHERE excluded.run_at < job.run_at",
);

/// Which of the due jobs of a queue goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(i64)]
pub enum Priority {
    /// Someone waits for it.
    Urgent = 0,
    /// As they come.
    #[default]
    Normal = 1,
    /// When nothing else is due.
    Low = 2,
}

impl Priority {
    pub(super) const ALL: [i64; 3] = [Self::Urgent as i64, Self::Normal as i64, Self::Low as i64];
}

/// A job to ask for.
#[derive(Debug, Clone)]
pub struct NewJob {
    queue: &'static str,
    payload: String,
    dedupe_key: Option<String>,
    run_at: Option<i64>,
    priority: Priority,
    account: Option<AccountId>,
}

impl NewJob {
    /// `job`, as soon as possible.
    pub fn new<J: Job>(job: &J) -> Result<Self> {
        let payload = serde_json::to_string(job)
            .map_err(|e| Error::corrupt("job", "cannot be written as JSON").with_source(e))?;
        Ok(Self {
            queue: J::QUEUE,
            payload,
            dedupe_key: None,
            run_at: None,
            priority: Priority::Normal,
            account: None,
        })
    }

    /// Of waiting jobs of this kind with the same key there is one: the first stays, at the earlier of the
    /// times. One that runs already does not count, since it may have looked before the change.
    #[must_use]
    pub fn once(mut self, key: impl Into<String>) -> Self {
        self.dedupe_key = Some(key.into());
        self
    }

    /// Not before this time, milliseconds since 1970.
    #[must_use]
    pub fn not_before(mut self, at_ms: i64) -> Self {
        self.run_at = Some(at_ms);
        self
    }

    /// Before or after others of its kind.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The account it is for.
    #[must_use]
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = Some(account);
        self
    }
}

impl Jobs {
    /// Asks for a job in the transaction of the change that causes it. Runners of all nodes are woken once
    /// it is committed.
    ///
    /// # Errors
    /// `TooLarge` when its fields are longer than `limits.job_payload_bytes` as JSON.
    pub fn enqueue(&self, tx: &mut Tx<'_>, job: &NewJob) -> Result<()> {
        let limit = self.ctx.limits.job_payload_bytes;
        if job.payload.len() as u64 > limit {
            return Err(Error::too_large("job", format!("has at most {limit} bytes of arguments")));
        }
        if job.dedupe_key.as_ref().is_some_and(|key| key.len() > KEY_BYTES || key.contains('\0')) {
            return Err(Error::invalid("job key", format!("has at most {KEY_BYTES} bytes and no NUL")));
        }
        let now_ms = self.ctx.now_ms();
        let row = Row {
            id: self.ctx.random.id() >> ID_SHIFT,
            run_at: job.run_at.unwrap_or(now_ms),
            created_at: now_ms,
            job: job.clone(),
        };
        let state = tx.group::<Enqueued>()?;
        state.notifier.get_or_insert_with(|| self.store.notifier().clone());
        state.add(row);
        Ok(())
    }
}

struct Row {
    id: i64,
    run_at: i64,
    created_at: i64,
    job: NewJob,
}

/// What the transactions of a group asked for.
#[derive(Default)]
struct Enqueued {
    notifier: Option<Notifier>,
    plain: Vec<Row>,
    keyed: BTreeMap<(&'static str, String), Row>,
}

impl Enqueued {
    fn add(&mut self, row: Row) {
        let Some(key) = row.job.dedupe_key.clone() else { return self.plain.push(row) };
        let run_at = row.run_at;
        let first = self.keyed.entry((row.job.queue, key)).or_insert(row);
        first.run_at = first.run_at.min(run_at);
    }
}

impl GroupState for Enqueued {
    fn flush(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let mut queues = BTreeSet::new();
        let plain = std::mem::take(&mut self.plain).into_iter().map(|row| (&PLAIN, row));
        let keyed = std::mem::take(&mut self.keyed).into_values().map(|row| (&KEYED, row));
        for (bulk, Row { id, run_at, created_at, job }) in plain.chain(keyed) {
            queues.insert(job.queue);
            let priority = job.priority as i64;
            let NewJob { queue, payload, dedupe_key, account, .. } = job;
            tx.add(bulk, params![id, queue, payload, dedupe_key, run_at, priority, created_at, account])?;
        }
        if let Some(notifier) = self.notifier.clone().filter(|_| !queues.is_empty()) {
            tx.after_commit(move || queues.iter().for_each(|queue| notifier.publish(TOPIC, queue)));
        }
        Ok(())
    }
}
