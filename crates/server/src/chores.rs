//! What a node does by itself: periodic jobs, each once on whichever node comes first, and following changes
//! that others make by SQL.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{AccountId, OrganisationId, Result};
use directory::{aliases, organisations, resolve, sessions, states, web_sessions};
use kernel::Keep;
use serde::{Deserialize, Serialize};
use store::Blobs;
use store::jobs::{Job, JobCtx, Jobs, QueueCounters, Runner};
use tokio::task::JoinHandle;

use crate::bodies;
use crate::config::Config;
use crate::node::Node;

/// Looking for changes made by SQL costs one read.
const FOLLOW_SQL: Duration = Duration::from_secs(3);
const HOUR: Duration = Duration::from_hours(1);
const DAY_MS: i64 = 86_400_000;
/// Accounts that are asked for at a time.
const PAGE: u64 = 1_000;
/// Sessions that one transaction forgets.
const SESSIONS: i64 = 1_000;

/// The periodic work of a node. Clones are the same.
#[derive(Clone)]
pub struct Chores(Arc<Mutex<Option<Under>>>);

struct Under {
    runner: Runner,
    follow_sql: JoinHandle<()>,
}

/// What the jobs work with.
#[derive(Clone)]
struct Work {
    node: Node,
    blobs: Blobs,
    keep: Keep,
    /// Days for which all that arrived is kept, whatever became of it.
    rescue_days: i64,
}

impl Chores {
    /// Starts them.
    pub async fn start(node: &Node, blobs: &Blobs, config: &Config) -> Result<Self> {
        let history = &config.history;
        let days = |days: u64| i64::try_from(days).unwrap_or(i64::MAX);
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let keep = Keep {
            hourly: count(history.keep_hourly),
            daily: count(history.keep_daily),
            monthly: count(history.keep_monthly),
            undelete_days: days(history.undelete_days),
            sync_days: days(history.sync_days),
        };
        let work =
            Work { node: node.clone(), blobs: blobs.clone(), keep, rescue_days: days(history.rescue_days) };
        let runner = Jobs::new(node.store(), &node.ctx)
            .runner()
            .every(HOUR, &Mark {}, work.clone())?
            .every(HOUR * 24, &Prune {}, work.clone())?
            .every(Duration::from_mins(10), &Tidy {}, work.clone())?
            .every(Duration::from_mins(1), &Pack {}, work.clone())?
            .every(HOUR, &Sweep {}, work.clone())?
            .every(HOUR * 24, &Train {}, work)?
            .start()
            .await?;
        let follow_sql = tokio::spawn(follow_sql(node.clone()));
        Ok(Self(Arc::new(Mutex::new(Some(Under { runner, follow_sql })))))
    }

    /// What became of the jobs that this node ran.
    pub fn counters(&self) -> Vec<QueueCounters> {
        let under = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        under.as_ref().map(|under| under.runner.counters()).unwrap_or_default()
    }

    /// Takes no more, and waits at most `grace` for what runs.
    pub async fn stop(&self, grace: Duration) {
        let under = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(under) = under {
            under.follow_sql.abort();
            under.runner.stop(grace).await;
        }
    }
}

async fn follow_sql(node: Node) {
    loop {
        tokio::time::sleep(FOLLOW_SQL).await;
        if let Err(error) = node.directory.absorb_sql_changes(&node.ctx).await {
            tracing::warn!(?error, "changes made by SQL could not be put into the history; trying again");
        }
    }
}

/// Makes the hourly image of every account that changed.
#[derive(Serialize, Deserialize)]
struct Mark {}

impl Job for Mark {
    type Context = Work;
    const QUEUE: &'static str = "mark";

    async fn run(self, job: &JobCtx<Work>) -> Result<()> {
        let kernel = &job.context.node.kernel;
        let mut after = AccountId(0);
        loop {
            let page = kernel.accounts_changed_since_mark(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = *last;
            for account in page {
                kernel.mark(&job.ctx, account).await?;
            }
        }
    }
}

/// Forgets what no account need keep any longer.
#[derive(Serialize, Deserialize)]
struct Prune {}

impl Job for Prune {
    type Context = Work;
    const QUEUE: &'static str = "prune";
    const TIME_LIMIT: Duration = Duration::from_hours(12);

    async fn run(self, job: &JobCtx<Work>) -> Result<()> {
        let kernel = &job.context.node.kernel;
        let mut after = AccountId(0);
        loop {
            let page = kernel.accounts(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = *last;
            for account in page {
                // A class of service may keep what was removed for longer, or not so long.
                let directory = &job.context.node.directory;
                let days = directory.read(move |tx| resolve::retention_days(tx, account)).await?;
                let undelete_days =
                    days.unwrap_or(job.context.keep.undelete_days).max(job.context.rescue_days);
                kernel.prune(&job.ctx, account, Keep { undelete_days, ..job.context.keep }).await?;
            }
        }
    }
}

/// Does in the directory what has come due: closes, purges, ends temporary addresses, forgets old sessions.
#[derive(Serialize, Deserialize)]
struct Tidy {}

impl Job for Tidy {
    type Context = Work;
    const QUEUE: &'static str = "tidy";

    async fn run(self, job: &JobCtx<Work>) -> Result<()> {
        let directory = &job.context.node.directory;
        let ctx = job.ctx.clone();
        for due in directory.read(move |tx| states::due(tx, &ctx)).await? {
            let apply =
                move |edit: &mut directory::Edit<'_, '_>| states::apply(edit, due.account, due.transition);
            if let Err(error) = directory.edit(&job.ctx, due.organisation, apply).await {
                // One account that cannot be closed must not keep the others open.
                tracing::warn!(account = %due.account, step = due.transition.name(), ?error, "not done; trying again");
            }
        }
        for organisation in organisations_of(job).await? {
            directory.edit(&job.ctx, organisation, aliases::remove_expired).await?;
        }
        let ended_before = job.ctx.now_ms() - job.context.keep.undelete_days.saturating_mul(DAY_MS);
        loop {
            let store = job.context.node.store();
            let now = job.ctx.now_ms();
            let forget = move |tx: &mut store::Tx<'_>| {
                Ok(sessions::forget(tx, ended_before, SESSIONS)? + web_sessions::forget(tx, now, SESSIONS)?)
            };
            let forgotten = store.write([], forget).await?;
            if forgotten == 0 {
                return Ok(());
            }
        }
    }
}

/// Moves bodies that wait in the database into packs of the object store; on a disk there are none.
#[derive(Serialize, Deserialize)]
struct Pack {}

/// Packs are worth making from so many bytes on.
const PACK_FROM_BYTES: u64 = 16 << 20;

impl Job for Pack {
    type Context = Work;
    const QUEUE: &'static str = "blobs-pack";
    const CONCURRENCY: usize = 1;

    async fn run(self, job: &JobCtx<Work>) -> Result<()> {
        let blobs = &job.context.blobs;
        // What waits for long is moved though it is little: once an hour.
        let at_least = if job.created_at % 3_600_000 < 60_000 { 1 } else { PACK_FROM_BYTES };
        blobs.pack_staged(at_least).await.map(|_| ())
    }
}

/// Removes bodies that nothing names any more, and fills the gaps that they leave in packs.
#[derive(Serialize, Deserialize)]
struct Sweep {}

impl Job for Sweep {
    type Context = Work;
    const QUEUE: &'static str = "blobs-sweep";
    const CONCURRENCY: usize = 1;

    async fn run(self, job: &JobCtx<Work>) -> Result<()> {
        let blobs = &job.context.blobs;
        blobs.refresh_dictionary().await?;
        let done = blobs.sweep(&bodies::references(&job.context.node)).await? + blobs.compact().await?;
        if done.bodies_removed > 0 || done.containers_removed > 0 {
            tracing::info!(bodies = done.bodies_removed, containers = done.containers_removed, "swept");
        }
        Ok(())
    }
}

/// Trains the dictionary that new bodies are compressed with.
#[derive(Serialize, Deserialize)]
struct Train {}

impl Job for Train {
    type Context = Work;
    const QUEUE: &'static str = "blobs-train";
    const CONCURRENCY: usize = 1;

    async fn run(self, job: &JobCtx<Work>) -> Result<()> {
        job.context.blobs.train().await.map(|_| ())
    }
}

async fn organisations_of(job: &JobCtx<Work>) -> Result<Vec<OrganisationId>> {
    let mut all: Vec<(OrganisationId, String)> = Vec::new();
    loop {
        let (ctx, after) = (job.ctx.clone(), all.last().map(|(_, name)| name.clone()).unwrap_or_default());
        let page = job.context.node.directory.read(move |tx| organisations::list(tx, &ctx, &after)).await?;
        if page.is_empty() {
            return Ok(all.into_iter().map(|(id, _)| id).collect());
        }
        all.extend(page);
    }
}
