//! The runner: claims what is due, keeps its claims, and gives them back when it is stopped.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::{Error, Result};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinError, JoinHandle, JoinSet};
use tokio::time::Instant;

use super::table::{Claimed, Due};
use super::work::{Begin, Counters, Kind};
use super::{Claim, Job, Jobs, NewJob, TOPIC, settle, table};
use crate::notify::{Notice, Receiver};

/// The times that a runner keeps.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// It looks for work this often when nobody tells it that there is some.
    pub poll: Duration,
    /// A claim that is not extended for so long is taken back by any node.
    pub claim: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { poll: Duration::from_secs(3), claim: Duration::from_mins(1) }
    }
}

/// Jobs that end together are replaced together.
const GATHER: Duration = Duration::from_millis(3);
/// When due jobs are being claimed by others, do not ask again at once.
const CONTENDED_WAIT: Duration = Duration::from_millis(20);

/// What became of the jobs of one queue on this node since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCounters {
    /// The queue.
    pub queue: &'static str,
    /// Runs that succeeded.
    pub finished: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Jobs that were put aside, having failed too often.
    pub died: u64,
    /// Runs that were broken off because another node had taken the job over.
    pub lost: u64,
}

/// Takes the kinds of jobs that a node runs.
pub struct RunnerBuilder {
    jobs: Jobs,
    timing: Timing,
    kinds: Vec<Kind>,
}

/// Runs jobs until it is stopped. Dropping it breaks its jobs off; their claims run out.
pub struct Runner {
    kinds: Arc<[Arc<Kind>]>,
    stop: watch::Sender<Option<Duration>>,
    task: JoinHandle<()>,
}

impl Jobs {
    /// A runner to be told what it runs.
    pub fn runner(&self) -> RunnerBuilder {
        RunnerBuilder { jobs: self.clone(), timing: Timing::default(), kinds: Vec::new() }
    }
}

impl RunnerBuilder {
    /// Other times than the usual.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Runs jobs of kind `J`, each with a clone of `context`.
    #[must_use]
    pub fn register<J: Job>(mut self, context: J::Context) -> Self {
        self.kinds.push(Kind::new::<J>(context, &self.jobs.ctx.limits));
        self
    }

    /// Runs `job` at every multiple of `period` since 1970, on whichever node comes first. After a time in
    /// which no node ran it is done once. What still runs from the last time is not begun again.
    pub fn every<J: Job>(mut self, period: Duration, job: &J, context: J::Context) -> Result<Self> {
        let mut kind = Kind::new::<J>(context, &self.jobs.ctx.limits);
        let every_ms = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
        kind.every = Some((every_ms, NewJob::new(job)?.once("every")));
        self.kinds.push(kind);
        Ok(self)
    }

    /// Notes the periodic work and starts.
    pub async fn start(self) -> Result<Runner> {
        let Self { jobs, timing, kinds } = self;
        let mut queues: Vec<_> = kinds.iter().map(|kind| kind.queue).collect();
        queues.sort_unstable();
        if queues.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(Error::corrupt("job", "has a queue that another kind has"));
        }
        let every: Vec<_> =
            kinds.iter().filter_map(|kind| Some((kind.queue, kind.every.as_ref()?.0))).collect();
        let now_ms = jobs.ctx.now_ms();
        if !every.is_empty() {
            let set = move |tx: &mut crate::Tx<'_>| {
                every.iter().try_for_each(|(queue, ms)| table::set_every(tx, queue, *ms, now_ms))
            };
            jobs.store.write([], set).await?;
        }
        let kinds: Arc<[Arc<Kind>]> = kinds.into_iter().map(Arc::new).collect();
        let (stop, stopped) = watch::channel(None);
        let node = Node {
            name: format!("{:x}", jobs.ctx.random.id()).into(),
            kinds: kinds.clone(),
            timing,
            held: HashMap::new(),
            tasks: JoinSet::new(),
            stopping: watch::channel(false).0,
            heard: jobs.store.notifier().subscribe(TOPIC),
            jobs,
        };
        let task = tokio::spawn(node.run(stopped));
        Ok(Runner { kinds, stop, task })
    }
}

impl Runner {
    /// Takes no more jobs, waits at most `grace` for those that run, and gives the others back.
    pub async fn stop(mut self, grace: Duration) {
        self.stop.send_replace(Some(grace));
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the runner of jobs broke off");
        }
    }

    /// What became of the jobs that this node ran.
    pub fn counters(&self) -> Vec<QueueCounters> {
        self.kinds
            .iter()
            .map(|kind| QueueCounters {
                queue: kind.queue,
                finished: kind.counters.finished.load(Ordering::Relaxed),
                failed: kind.counters.failed.load(Ordering::Relaxed),
                died: kind.counters.died.load(Ordering::Relaxed),
                lost: kind.counters.lost.load(Ordering::Relaxed),
            })
            .collect()
    }

    /// The queues that it runs.
    pub fn queues(&self) -> Vec<&'static str> {
        self.kinds.iter().map(|kind| kind.queue).collect()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A job that this node has claimed.
struct Held {
    attempt: i64,
    kind: usize,
    finished: Arc<AtomicBool>,
    abort: AbortHandle,
}

struct Node {
    jobs: Jobs,
    name: Arc<str>,
    kinds: Arc<[Arc<Kind>]>,
    timing: Timing,
    held: HashMap<i64, Held>,
    tasks: JoinSet<i64>,
    stopping: watch::Sender<bool>,
    heard: Receiver,
}

impl Node {
    async fn run(mut self, mut stopped: watch::Receiver<Option<Duration>>) {
        let mut look_at = Instant::now();
        let mut extend_at = Instant::now() + self.timing.claim / 3;
        loop {
            if Instant::now() >= look_at {
                let wait = self.look().await.unwrap_or_else(|error| {
                    tracing::warn!(?error, "could not look for jobs");
                    self.timing.poll
                });
                look_at = Instant::now() + wait;
            }
            tokio::select! {
                _ = stopped.changed() => break,
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    self.forget(&ended);
                    while let Some(ended) = self.tasks.try_join_next() {
                        self.forget(&ended);
                    }
                    let gather = if self.held.is_empty() { Duration::ZERO } else { GATHER };
                    look_at = look_at.min(Instant::now() + gather);
                }
                notice = self.heard.recv() => match notice {
                    Some(notice) => if self.is_for_us(notice) { look_at = Instant::now() },
                    None => break,
                },
                () = tokio::time::sleep_until(extend_at) => {
                    self.extend().await;
                    extend_at = Instant::now() + self.timing.claim / 3;
                }
                () = tokio::time::sleep_until(look_at) => {}
            }
        }
        let grace = stopped.borrow().unwrap_or_default();
        self.end(grace, extend_at).await;
    }

    /// Reads this notice and all that came with it: many commits wake once.
    fn is_for_us(&mut self, first: Notice) -> bool {
        let mut ours = false;
        let mut notice = Some(first);
        while let Some(heard) = notice {
            ours |= match heard {
                Notice::Missed => true,
                Notice::Text { text, .. } => self.kinds.iter().any(|kind| kind.queue == &*text),
            };
            notice = self.heard.try_recv();
        }
        ours
    }

    fn forget(&mut self, ended: &Result<i64, JoinError>) {
        let id = match ended {
            Ok(id) => Some(*id),
            // Broken off, since another node had taken the job over.
            Err(error) => {
                let id = self.held.iter().find(|(_, held)| held.abort.id() == error.id()).map(|(id, _)| *id);
                let kind = id.and_then(|id| self.held.get(&id)).and_then(|held| self.kinds.get(held.kind));
                if let Some(kind) = kind {
                    Counters::count(&kind.counters.lost);
                }
                id
            }
        };
        if let Some(id) = id {
            self.held.remove(&id);
        }
    }

    /// Takes what is due; how long to wait before the next look.
    async fn look(&mut self) -> Result<Duration> {
        let mut free: Vec<usize> = self.kinds.iter().map(|kind| kind.concurrency).collect();
        for held in self.held.values() {
            if let Some(slots) = free.get_mut(held.kind) {
                *slots = slots.saturating_sub(1);
            }
        }
        let named: Vec<(usize, String, usize)> = (self.kinds.iter().zip(free).enumerate())
            .filter(|(_, (_, slots))| *slots > 0)
            .map(|(index, (kind, slots))| (index, kind.queue.to_owned(), slots))
            .collect();
        let queues: Vec<String> = named.iter().map(|(_, queue, _)| queue.clone()).collect();
        let queues_free = queues.len();
        let every: Vec<String> = (self.kinds.iter().filter(|kind| kind.every.is_some()))
            .map(|kind| kind.queue.to_owned())
            .collect();
        let due = self.jobs.store.read(move |tx| table::due(tx, &queues, &every)).await?;
        let now_ms = self.jobs.ctx.now_ms();
        self.take_back(&due, now_ms).await?;
        self.ask_again(&due, now_ms).await?;
        let ready: Vec<_> = named
            .into_iter()
            .filter(|(_, queue, _)| {
                due.queues.iter().any(|(name, times)| {
                    name == queue && times.iter().flatten().any(|run_at| *run_at <= now_ms)
                })
            })
            .collect();
        if !ready.is_empty() {
            let slots: usize = ready.iter().map(|(_, _, slots)| slots).sum();
            let others = queues_free > ready.len();
            return Ok(match self.claim(ready, now_ms).await? {
                0 => CONTENDED_WAIT,
                // Every slot is taken: the next job that ends makes us look.
                claimed if claimed == slots && !others => self.timing.poll,
                _ => Duration::ZERO,
            });
        }
        let next = due.queues.iter().flat_map(|(_, times)| times.iter().flatten()).chain(&due.every).min();
        let wait = next.map_or(u64::MAX, |next| u64::try_from(next - now_ms).unwrap_or(0));
        Ok(Duration::from_millis(wait).clamp(Duration::from_millis(1), self.timing.poll))
    }

    /// Claims for all queues that have work, in one transaction; how many were claimed.
    async fn claim(&mut self, ready: Vec<(usize, String, usize)>, now_ms: i64) -> Result<usize> {
        let name = self.name.clone();
        let until_ms = now_ms + i64::try_from(self.timing.claim.as_millis()).unwrap_or(i64::MAX);
        let claims = self.jobs.store.write([], move |tx| {
            let mut claims = Vec::new();
            for (kind, queue, slots) in &ready {
                let limit = i64::try_from(*slots).unwrap_or(i64::MAX);
                let taken = table::claim(tx, (queue, limit), &name, now_ms, until_ms)?;
                claims.extend(taken.into_iter().map(|claimed| (*kind, claimed)));
            }
            Ok(claims)
        });
        let claims = claims.await?;
        let count = claims.len();
        for (kind, claimed) in claims {
            self.begin(kind, claimed);
        }
        Ok(count)
    }

    fn begin(&mut self, index: usize, claimed: Claimed) {
        let Some(kind) = self.kinds.get(index).cloned() else { return };
        let (id, attempt) = (claimed.claim_id, claimed.attempt);
        let finished = Arc::new(AtomicBool::new(false));
        let begin = Begin {
            jobs: self.jobs.clone(),
            claim: Claim { id, runner: self.name.clone(), attempt },
            finished: finished.clone(),
            stopping: self.stopping.subscribe(),
            claimed,
        };
        let abort = self.tasks.spawn(async move {
            settle::run(kind, begin).await;
            id
        });
        self.held.insert(id, Held { attempt, kind: index, finished, abort });
    }

    /// Takes the jobs of nodes that went away back.
    async fn take_back(&self, due: &Due, now_ms: i64) -> Result<()> {
        if due.expiry.is_none_or(|at| at > now_ms) {
            return Ok(());
        }
        let kinds = self.kinds.clone();
        let usual = i64::try_from(self.jobs.ctx.limits.job_attempts).unwrap_or(i64::MAX);
        let most = move |queue: &str| {
            kinds.iter().find(|kind| kind.queue == queue).map_or(usual, |kind| kind.max_attempts)
        };
        let taken = self.jobs.store.write([], move |tx| table::recover(tx, now_ms, &most)).await?;
        if taken > 0 {
            tracing::warn!(jobs = taken, "jobs of a node that went away were taken back");
            // They may be anyone's: all nodes look.
            for kind in &*self.kinds {
                self.jobs.store.notifier().publish(TOPIC, kind.queue);
            }
        }
        Ok(())
    }

    async fn ask_again(&self, due: &Due, now_ms: i64) -> Result<()> {
        if due.every.is_none_or(|at| at > now_ms) {
            return Ok(());
        }
        let (kinds, jobs) = (self.kinds.clone(), self.jobs.clone());
        let fire = move |tx: &mut crate::Tx<'_>| {
            for kind in &*kinds {
                if let Some((every_ms, job)) = &kind.every {
                    jobs.fire(tx, job, kind.queue, *every_ms)?;
                }
            }
            Ok(())
        };
        self.jobs.store.write([], fire).await
    }

    /// Extends the claims; breaks off what another node has taken over.
    async fn extend(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let ids: Vec<i64> = self.held.keys().copied().collect();
        let name = self.name.clone();
        let claim_ms = i64::try_from(self.timing.claim.as_millis()).unwrap_or(i64::MAX);
        let until_ms = self.jobs.ctx.now_ms() + claim_ms;
        let write = move |tx: &mut crate::Tx<'_>| table::extend(tx, &ids, &name, until_ms);
        let still: HashMap<i64, i64> = match self.jobs.store.write([], write).await {
            Ok(still) => still.into_iter().collect(),
            Err(error) => {
                tracing::warn!(?error, "the claims on running jobs could not be extended");
                return;
            }
        };
        for (id, held) in &self.held {
            // One that has just ended is on its way to us.
            let ended = held.finished.load(Ordering::SeqCst) || held.abort.is_finished();
            if still.get(id) != Some(&held.attempt) && !ended {
                held.abort.abort();
            }
        }
    }

    /// Waits for what runs, then breaks the rest off and gives it back.
    async fn end(mut self, grace: Duration, mut extend_at: Instant) {
        self.stopping.send_replace(true);
        let until = Instant::now() + grace;
        while !self.tasks.is_empty() {
            tokio::select! {
                Some(ended) = self.tasks.join_next() => self.forget(&ended),
                () = tokio::time::sleep_until(until) => break,
                () = tokio::time::sleep_until(extend_at) => {
                    self.extend().await;
                    extend_at = Instant::now() + self.timing.claim / 3;
                }
            }
        }
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok(id) = ended {
                self.held.remove(&id);
            }
        }
        if self.held.is_empty() {
            return;
        }
        let now_ms = self.jobs.ctx.now_ms();
        let claims: Vec<Claim> = (self.held.iter())
            .map(|(id, held)| Claim { id: *id, runner: self.name.clone(), attempt: held.attempt })
            .collect();
        // Being stopped is no failure of the job.
        let given = self.jobs.store.write([], move |tx| {
            claims.iter().try_for_each(|claim| table::release(tx, claim, now_ms, claim.attempt - 1, None))
        });
        if let Err(error) = given.await {
            tracing::warn!(?error, "running jobs could not be given back; their claims run out");
            return;
        }
        for kind in &*self.kinds {
            self.jobs.store.notifier().publish(TOPIC, kind.queue);
        }
    }
}
