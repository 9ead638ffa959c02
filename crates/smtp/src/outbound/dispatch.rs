//! Which destinations get a connection, and when: one task a node.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mail::queue::DueRoute;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::worker::{self, Ended};
use super::{Shared, report};

/// Destinations that one look reads.
const PAGE: i64 = 500;
/// Looks are no closer together than this many times what one takes.
const LOOK_SHARE: u32 = 10;
const LOOK_LEAST: Duration = Duration::from_millis(10);
const WRITE_COUNTS: Duration = Duration::from_mins(1);
/// How long a destination is left alone when our own database failed.
const BROKEN_MS: i64 = 10_000;
const REPORT: Duration = Duration::from_hours(1);

/// What a worker and the dispatcher know of each other.
#[derive(Default)]
pub(super) struct Route {
    /// Workers that wait a moment for more.
    pub(super) lingering: AtomicUsize,
    /// Wakes one of them.
    pub(super) more: Notify,
}

#[derive(Default)]
struct State {
    route: Arc<Route>,
    active: usize,
    /// It did not answer: nothing is tried before.
    held_until: i64,
    /// When it did not answer last.
    held_at: i64,
    failures: i64,
}

struct Dispatcher {
    shared: Arc<Shared>,
    routes: HashMap<String, State>,
    tasks: JoinSet<(String, Ended)>,
    /// Told by workers that there is more than they took.
    again: Arc<Notify>,
    per_route: usize,
}

/// Runs until the node is stopped and what is under way has ended.
pub(super) async fn run(shared: Arc<Shared>) {
    let per_route =
        usize::try_from(shared.ctx.limits.outbound_connections_per_destination).unwrap_or(1).max(1);
    let mut wakings = shared.queue.listen();
    let mut stopping = shared.stopping.clone();
    let again = Arc::new(Notify::new());
    let mut dispatcher = Dispatcher {
        shared: shared.clone(),
        routes: HashMap::new(),
        tasks: JoinSet::new(),
        again: again.clone(),
        per_route,
    };
    let lease = shared.settings.lease / 3;
    let (mut extend_at, mut write_at, mut report_at) =
        (Instant::now() + lease, Instant::now() + WRITE_COUNTS, Instant::now() + WRITE_COUNTS);
    let mut look_at = Instant::now();
    while !shared.is_stopping() {
        if Instant::now() >= look_at {
            let began = Instant::now();
            let wait = dispatcher.look().await;
            let pause = (began.elapsed() * LOOK_SHARE).clamp(LOOK_LEAST, Duration::from_secs(1));
            look_at = Instant::now() + wait.max(pause);
        }
        let soon = Instant::now() + LOOK_LEAST;
        tokio::select! {
            waking = wakings.next() => match waking {
                None => break,
                Some(()) => look_at = look_at.min(soon),
            },
            Some(ended) = dispatcher.tasks.join_next() => {
                dispatcher.ended(ended);
                look_at = look_at.min(soon);
            }
            () = again.notified() => look_at = look_at.min(soon),
            () = tokio::time::sleep_until(look_at) => {}
            () = tokio::time::sleep_until(extend_at) => {
                dispatcher.extend().await;
                extend_at = Instant::now() + lease;
            }
            () = tokio::time::sleep_until(write_at) => {
                shared.write_tls_counts().await;
                write_at = Instant::now() + WRITE_COUNTS;
            }
            () = tokio::time::sleep_until(report_at) => {
                if let Err(error) = report::send(&shared).await {
                    tracing::warn!(?error, "reports about TLS could not be sent");
                }
                report_at = Instant::now() + REPORT;
            }
            _ = stopping.changed() => {}
        }
    }
    dispatcher.end(lease).await;
}

impl Dispatcher {
    /// Looks at what is due and begins it; how long nothing more is due.
    async fn look(&mut self) -> Duration {
        let poll = self.shared.settings.poll;
        let now_ms = self.shared.ctx.now_ms();
        let (mut next_at, mut after) = (i64::MAX, String::new());
        loop {
            let page = match self.shared.queue.due(&after, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(?error, "the queue could not be looked at");
                    return poll;
                }
            };
            if page.paused.iter().any(|route| route == "*") {
                return poll;
            }
            self.forget_holds(&page.flushes);
            let count = page.routes.len();
            for due in page.routes {
                if due.next_at > now_ms {
                    next_at = next_at.min(due.next_at);
                } else if !page.paused.contains(&due.route) {
                    self.begin(&due, now_ms);
                }
                after = due.route;
            }
            if i64::try_from(count).unwrap_or(0) < PAGE {
                break;
            }
        }
        if self.routes.len() > 10_000 {
            self.routes.retain(|_, state| state.active > 0 || state.held_until > now_ms);
        }
        Duration::from_millis(u64::try_from(next_at.saturating_sub(now_ms)).unwrap_or(0)).min(poll)
    }

    /// What was flushed after it was found not to answer is tried at once.
    fn forget_holds(&mut self, flushes: &[(String, i64)]) {
        for (route, at) in flushes {
            let flushed = (self.routes.iter_mut())
                .filter(|(name, state)| (route == "*" || route == *name) && state.held_at <= *at);
            flushed.for_each(|(_, state)| state.held_until = 0);
        }
    }

    fn begin(&mut self, due: &DueRoute, now_ms: i64) {
        let state = self.routes.entry(due.route.clone()).or_default();
        if state.held_until > now_ms {
            return;
        }
        if state.route.lingering.load(Ordering::SeqCst) > 0 {
            state.route.more.notify_one();
            return;
        }
        if state.active >= self.per_route {
            return;
        }
        // None left: the next worker that ends makes us look.
        let Ok(permit) = self.shared.connections.clone().try_acquire_owned() else { return };
        state.active += 1;
        let (shared, name, route, again) =
            (self.shared.clone(), due.route.clone(), state.route.clone(), self.again.clone());
        self.tasks.spawn(async move {
            let ended = Box::pin(worker::run(&shared, &name, &route, &again)).await;
            drop(permit);
            (name, ended)
        });
    }

    fn ended(&mut self, ended: Result<(String, Ended), tokio::task::JoinError>) {
        let (name, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // Its leases run out by themselves; its place is freed when all others of its destination end.
                tracing::error!(?error, "a worker of the queue broke off; please report it");
                self.routes
                    .values_mut()
                    .for_each(|state| state.active = state.active.min(self.per_route - 1));
                return;
            }
        };
        let Some(state) = self.routes.get_mut(&name) else { return };
        state.active = state.active.saturating_sub(1);
        match ended {
            Ended::Idle => state.failures = 0,
            Ended::Down => {
                state.failures += 1;
                state.held_at = self.shared.ctx.now_ms();
                let first = self.shared.ctx.limits.queue_retry_first_seconds.saturating_mul(1_000);
                let doubled = i64::try_from(first).unwrap_or(i64::MAX) << (state.failures - 1).clamp(0, 3);
                state.held_until = self.shared.ctx.now_ms().saturating_add(doubled);
            }
            Ended::Broken => {
                let soon = self.shared.ctx.now_ms() + BROKEN_MS;
                state.held_until = state.held_until.max(soon);
            }
        }
    }

    /// Extends our leases, and takes back those of nodes that went away.
    async fn extend(&self) {
        let shared = &self.shared;
        let held = shared.held();
        if !held.is_empty()
            && let Err(error) = shared.queue.extend(&shared.ctx, held, &shared.lease).await
        {
            tracing::warn!(?error, "the leases on mail that is being sent could not be extended");
        }
        match shared.queue.take_back(&shared.ctx, &shared.lease).await {
            Ok(0) => {}
            Ok(recipients) => tracing::warn!(recipients, "mail of a node that went away was taken back"),
            Err(error) => tracing::warn!(?error, "mail of nodes that went away could not be taken back"),
        }
    }

    /// Waits for what is being sent.
    async fn end(mut self, lease: Duration) {
        self.routes.values().for_each(|state| state.route.more.notify_waiters());
        while !self.tasks.is_empty() {
            tokio::select! {
                _ = self.tasks.join_next() => {}
                () = tokio::time::sleep(lease) => self.extend().await,
            }
        }
    }
}
