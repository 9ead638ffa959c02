//! `/health/live` and `/health/ready`: whether the process runs, and whether it can do its work.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::{Error, Result};
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long an answer serves everyone who asks, so that asking cannot become a load.
const FRESH: Duration = Duration::from_secs(1);

type Running = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Something that must work before requests are sent here.
struct Check {
    name: &'static str,
    run: Box<dyn Fn() -> Running + Send + Sync>,
}

/// The checks of this node.
#[derive(Default)]
pub struct Health {
    checks: Vec<Check>,
    stopping: AtomicBool,
    last: Mutex<Option<(Instant, Report)>>,
}

/// The outcome of all checks.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whether every check passed.
    pub ready: bool,
    body: Value,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|check| check.name)).finish()
    }
}

impl Health {
    /// Adds a check: what it looks at, and how. It is given three seconds.
    pub fn add<F, R>(&mut self, name: &'static str, run: F)
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        self.checks.push(Check { name, run: Box::new(move || Box::pin(run())) });
    }

    /// From now on the node is not ready: it ends its requests and takes no new ones.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Runs the checks side by side, or repeats an answer of the last second.
    pub async fn report(&self) -> Report {
        if self.stopping.load(Ordering::SeqCst) {
            return Report { ready: false, body: json!({ "status": "stopping" }) };
        }
        let mut last = self.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < FRESH
        {
            return report.clone();
        }
        let outcomes = join_all(self.checks.iter().map(outcome)).await;
        let ready = outcomes.iter().all(|(_, ok, _)| *ok);
        let checks: Map<_, _> =
            outcomes.into_iter().map(|(name, _, state)| (name.to_owned(), state)).collect();
        let status = if ready { "ready" } else { "not ready" };
        let report = Report { ready, body: json!({ "status": status, "checks": checks }) };
        *last = Some((Instant::now(), report.clone()));
        report
    }
}

async fn outcome(check: &Check) -> (&'static str, bool, Value) {
    let begun = Instant::now();
    let result = tokio::time::timeout(PATIENCE, (check.run)())
        .await
        .unwrap_or_else(|_| Err(Error::unavailable(check.name, "does not answer within 3 seconds")));
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    match result {
        Ok(()) => (check.name, true, json!({ "state": "ok", "milliseconds": milliseconds })),
        Err(error) => {
            tracing::warn!(check = check.name, ?error, "not ready");
            let said = json!({
                "state": "failed", "milliseconds": milliseconds,
                "meaning": error.meaning().name(), "error": error.to_string(),
            });
            (check.name, false, said)
        }
    }
}

pub(crate) async fn live() -> Response {
    Json(json!({ "status": "live" })).into_response()
}

pub(crate) async fn ready(health: Arc<Health>) -> Response {
    let report = health.report().await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report.body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_failing_check_is_named_and_the_node_is_not_ready() {
        let mut health = Health::default();
        health.add("store", || async { Ok(()) });
        health.add("blobs", || async { Err(Error::unavailable("blobs", "the disk is full; make room")) });
        let report = health.report().await;
        assert!(!report.ready);
        assert_eq!(report.body["checks"]["store"]["state"], "ok");
        assert_eq!(report.body["checks"]["blobs"]["error"], "blobs: the disk is full; make room");
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_has_failed() {
        let mut health = Health::default();
        health.add("store", std::future::pending);
        let report = health.report().await;
        assert_eq!(report.body["checks"]["store"]["meaning"], "unavailable");
    }

    #[tokio::test]
    async fn a_node_that_stops_is_not_ready() {
        let health = Health::default();
        assert!(health.report().await.ready);
        health.stop();
        assert!(!health.report().await.ready);
    }
}
