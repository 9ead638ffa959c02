//! A kind of job behind one face, so that a runner can hold many.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base::{Error, Limits, Result};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::table::Claimed;
use super::{Claim, Job, JobCtx, Jobs, NewJob};

/// What a run needs beside the context of its kind.
pub(super) struct Begin {
    pub(super) jobs: Jobs,
    pub(super) claimed: Claimed,
    pub(super) claim: Claim,
    pub(super) finished: Arc<AtomicBool>,
    pub(super) stopping: watch::Receiver<bool>,
}

type Run = Box<dyn Fn(Begin) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A registered kind.
pub(super) struct Kind {
    pub(super) queue: &'static str,
    pub(super) max_attempts: i64,
    pub(super) concurrency: usize,
    time_limit: Duration,
    run: Run,
    /// For periodic work: how often, and the job that is asked for.
    pub(super) every: Option<(i64, NewJob)>,
    pub(super) counters: Counters,
}

/// What became of the jobs of a kind on this node.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) finished: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) died: AtomicU64,
    pub(super) lost: AtomicU64,
}

impl Counters {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Kind {
    pub(super) fn new<J: Job>(context: J::Context, limits: &Limits) -> Self {
        let run: Run = Box::new(move |begin| {
            let context = context.clone();
            Box::pin(async move {
                let job: J = serde_json::from_str(&begin.claimed.payload)
                    .map_err(|e| Error::corrupt("job", "has arguments of another form").with_source(e))?;
                let ctx = JobCtx {
                    context,
                    ctx: begin.jobs.request(),
                    jobs: begin.jobs,
                    attempt: begin.claimed.attempt,
                    account: begin.claimed.account,
                    created_at: begin.claimed.created_at,
                    claim: begin.claim,
                    finished: begin.finished,
                    stopping: begin.stopping,
                };
                job.run(&ctx).await
            })
        });
        let attempts = J::MAX_ATTEMPTS.unwrap_or(limits.job_attempts);
        Self {
            queue: J::QUEUE,
            max_attempts: i64::try_from(attempts).unwrap_or(i64::MAX).max(1),
            concurrency: J::CONCURRENCY.max(1),
            time_limit: J::TIME_LIMIT,
            run,
            every: None,
            counters: Counters::default(),
        }
    }

    /// Runs one job; a panic and a run over its time are failures like others.
    pub(super) async fn run(&self, begin: Begin) -> Result<()> {
        let run = AssertUnwindSafe(async { (self.run)(begin).await }).catch_unwind();
        match tokio::time::timeout(self.time_limit, run).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::corrupt("job", "broke off; it is noted in the log")),
            Err(_) => {
                let seconds = self.time_limit.as_secs();
                Err(Error::limit("job", format!("took longer than {seconds} s and was broken off")))
            }
        }
    }
}

impl Jobs {
    /// A context of the program itself as a new request.
    fn request(&self) -> base::Ctx {
        base::Ctx::system(self.ctx.clock.clone(), self.ctx.random.clone(), self.ctx.limits.clone())
    }
}
