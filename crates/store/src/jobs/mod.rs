//! Jobs: work that a change asks for in its own transaction and that is done after it, once, by any node.
//!
//! A job is a struct that can be written as JSON, with a `run`. [`Jobs::enqueue`] writes it beside the change
//! that asks for it; a [`Runner`] claims what is due, runs it, and tries again later when it fails.
//!
//! What must stay true here:
//! - A job is there if and only if the transaction that asked for it was committed.
//! - A job is claimed by one runner at a time, for a time that its runner keeps extending. A runner that went
//!   away loses its claims; what it began is begun again. A job can therefore run twice: `run` must bear that,
//!   or end the job in the transaction of its own effect ([`JobCtx::finish`]).
//! - A job that fails too often is put aside with its last error, and kept until someone decides.
//! - No statement here reads more rows than it takes.

mod enqueue;
mod runner;
mod settle;
mod table;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::{AccountId, Ctx, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::Store;
use crate::sql::{Migration, Part, Tx};
pub use enqueue::{NewJob, Priority};
pub use runner::{QueueCounters, Runner, RunnerBuilder, Timing};
pub use table::{DeadJob, Depth, STATEMENTS};

const SCHEMA: &str = include_str!("../../schema/jobs.sql");

/// The tables of jobs.
pub const PART: Part =
    Part { name: "jobs", schema: SCHEMA, migrations: &[Migration { number: 1, name: "jobs", text: SCHEMA }] };

/// The topic of [`crate::notify`] under which the name of a queue says that it has new work.
const TOPIC: &str = "jobs";

/// A kind of work: what is to be done (the fields, which become JSON) and how.
///
/// Fields may be added in a later version with `#[serde(default)]`; jobs of the version before are still there.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// What every run needs beside its own fields, given when the kind is registered with a runner.
    type Context: Clone + Send + Sync + 'static;

    /// The name of the queue: one for each kind, never changed.
    const QUEUE: &'static str;
    /// How often it is tried before it is put aside; nothing: `limits.job_attempts`.
    const MAX_ATTEMPTS: Option<u64> = None;
    /// How many of this kind one node runs at a time.
    const CONCURRENCY: usize = 4;
    /// A run that takes longer is broken off and counts as failed.
    const TIME_LIMIT: Duration = Duration::from_hours(1);

    /// Does it. An error means: try again later.
    fn run(self, ctx: &JobCtx<Self::Context>) -> impl Future<Output = Result<()>> + Send;
}

/// Asks for work and looks after what is asked for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Jobs {
    store: Store,
    ctx: Ctx,
}

impl Jobs {
    /// The jobs of `store`, with the clock, randomness and limits of `ctx`.
    pub fn new(store: &Store, ctx: &Ctx) -> Self {
        Self { store: store.clone(), ctx: ctx.clone() }
    }

    /// The store they are in.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// The claim of a runner on a job.
#[derive(Debug, Clone)]
struct Claim {
    id: i64,
    runner: Arc<str>,
    attempt: i64,
}

/// What a run is given.
#[derive(Debug, Clone)]
pub struct JobCtx<C> {
    /// What was given when the kind was registered.
    pub context: C,
    /// The program itself as actor, with clock, randomness and limits, as a request of its own.
    pub ctx: Ctx,
    /// To ask for more work.
    pub jobs: Jobs,
    /// Which attempt this is, from 1 on.
    pub attempt: i64,
    /// The account the job is for, if it is for one.
    pub account: Option<AccountId>,
    /// When it was asked for, milliseconds since 1970.
    pub created_at: i64,
    claim: Claim,
    finished: Arc<AtomicBool>,
    stopping: watch::Receiver<bool>,
}

impl<C> JobCtx<C> {
    /// The job's number.
    pub fn id(&self) -> i64 {
        self.claim.id
    }

    /// Ends the job in the transaction of its effect: then both are done, or neither.
    ///
    /// # Errors
    /// `Conflict` when another runner has taken the job over; let it end the transaction.
    pub fn finish(&self, tx: &mut Tx<'_>) -> Result<()> {
        if !table::finish_now(tx, &self.claim)? {
            return Err(Error::conflict("job", "was taken over by another node"));
        }
        let finished = self.finished.clone();
        tx.after_commit(move || finished.store(true, Ordering::SeqCst));
        Ok(())
    }

    /// Whether the node is being stopped: long work ends at the next good place with an error, and is
    /// done again elsewhere.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Returns when the node is being stopped.
    pub async fn stopping(&self) {
        let mut stopping = self.stopping.clone();
        // A runner that is gone has stopped.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }
}
