//! Sending: the queue's messages go to the hosts of their destinations, to a relay, or into mailboxes here.
//!
//! What must stay true here:
//! - What became of a recipient is noted before the next message is sent on the same connection.
//! - A destination that does not answer costs one attempt of what was claimed for it, not of all that waits for it.
//! - Connections, messages in memory, hosts, answers and waits have limits.
//! - Without a promise of the destination (DANE, MTA-STS) TLS is used where it works and fails nothing; with one,
//!   nothing is sent over a connection that does not keep it.

mod dispatch;
mod dns;
mod line;
mod local;
mod offers;
mod report;
mod route;
mod session;
mod settings;
mod sts;
mod tls;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{Ctx, Result};
use mail::Mail;
use mail::queue::{Lease, Queue, Reporter, TlsResult};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

pub use dns::Dns;
pub use settings::{Login, Protocol, Relay, RelayTls, Settings};

use session::Waits;
use sts::Sts;
use tls::Tls;

/// Results about TLS that are kept in memory before they are written down.
const TLS_COUNTS: usize = 10_000;

/// What all workers of a node share.
struct Shared {
    mail: Mail,
    queue: Queue,
    ctx: Ctx,
    settings: Settings,
    tls: Tls,
    sts: Sts,
    waits: Waits,
    lease: Lease,
    reporter: Reporter,
    /// Connections that may still be opened.
    connections: Arc<Semaphore>,
    /// KiB of messages that may still be in memory.
    memory: Arc<Semaphore>,
    memory_kib: u32,
    /// How many recipients' groups of each message this node has leased.
    held: Mutex<HashMap<i64, usize>>,
    tls_counts: Mutex<HashMap<(String, TlsResult), i64>>,
    stopping: watch::Receiver<bool>,
}

impl Shared {
    fn hold(&self, message: i64) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner).entry(message).or_default() += 1;
    }

    fn let_go(&self, message: i64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&message) {
            *count -= 1;
            if *count == 0 {
                held.remove(&message);
            }
        }
    }

    fn held(&self) -> Vec<i64> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Counts a session for the report about TLS.
    fn count_tls(&self, domain: &str, result: TlsResult) {
        let mut counts = self.tls_counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() < TLS_COUNTS {
            *counts.entry((domain.to_owned(), result)).or_default() += 1;
        }
    }

    /// Writes down what was counted.
    async fn write_tls_counts(&self) {
        let counts = std::mem::take(&mut *self.tls_counts.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() {
            return;
        }
        let rows = counts.into_iter().map(|((domain, result), count)| (domain, result, count)).collect();
        if let Err(error) = self.queue.count_tls(&self.ctx, rows).await {
            tracing::warn!(?error, "results about TLS could not be written down");
        }
    }
}

/// The outbound client of a node, at work.
pub struct Outbound {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Outbound {
    /// Starts sending what is queued.
    ///
    /// # Errors
    /// `Invalid` for settings that make no sense, those of the database.
    pub async fn start(mail: &Mail, ctx: &Ctx, settings: Settings) -> Result<Self> {
        let (stop, stopping) = watch::channel(false);
        let tls = Tls::new(settings.roots.clone())?;
        let sts = Sts::new(ctx, &settings.dns, &tls.named(), settings.mta_sts_port, settings.ipv6)?;
        let node = format!("{}-{:016x}", settings.hostname, ctx.random.u64());
        let lasts_ms = i64::try_from(settings.lease.as_millis()).unwrap_or(i64::MAX);
        let count =
            |number: u64| usize::try_from(number).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        let memory_kib =
            u32::try_from(ctx.limits.outbound_memory_bytes / 1_024).unwrap_or(u32::MAX >> 4).max(1);
        let shared = Arc::new(Shared {
            queue: mail.queue(),
            waits: Waits::of(&ctx.limits),
            lease: Lease { node, lasts_ms },
            reporter: Reporter { hostname: settings.hostname.clone() },
            connections: Arc::new(Semaphore::new(count(ctx.limits.outbound_connections))),
            memory: Arc::new(Semaphore::new(memory_kib as usize)),
            memory_kib,
            held: Mutex::default(),
            tls_counts: Mutex::default(),
            mail: mail.clone(),
            ctx: ctx.clone(),
            settings,
            tls,
            sts,
            stopping,
        });
        shared.queue.take_back_all(&shared.lease).await?;
        let task = tokio::spawn(dispatch::run(shared.clone()));
        Ok(Self { shared, stop, task })
    }

    /// Begins nothing more, waits at most `grace` for what is being sent, and gives the rest back.
    pub async fn stop(self, grace: Duration) {
        self.stop.send_replace(true);
        let mut task = self.task;
        if tokio::time::timeout(grace, &mut task).await.is_err() {
            task.abort();
            let _ = task.await;
        }
        let held = self.shared.held();
        if !held.is_empty()
            && let Err(error) = self.shared.queue.release(held, "*", &self.shared.lease).await
        {
            tracing::warn!(?error, "mail that was being sent could not be given back; its leases run out");
        }
        self.shared.write_tls_counts().await;
    }

    /// Sends the reports about TLS that are due now, instead of waiting for the hour; how many. For tests and
    /// administrators.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn report_tls(&self) -> Result<usize> {
        self.shared.write_tls_counts().await;
        report::send(&self.shared).await
    }
}
