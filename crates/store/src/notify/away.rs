//! The connection to the other nodes: one thread that listens and sends.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base::{Error, Result, Secret};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_postgres::{AsyncMessage, Client};

use super::{Notice, Topics};
use crate::sql::failure;
use crate::sql::postgres::connect;

/// The time in which all that is published goes in one transaction.
pub const EVERY: Duration = Duration::from_millis(15);
/// PostgreSQL takes payloads of less than 8,000 bytes.
const PAYLOAD_BYTES: usize = 7_900;
/// One hint with its topic, written as JSON.
const TEXT_BYTES: usize = 2_000;
/// Hints that wait for a connection; beyond that, the others are told that they missed some.
const PENDING: usize = 20_000;
/// A connection that is silently dead is found after this time, and this long is the answer waited for.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
const ANSWER_WAIT: Duration = Duration::from_secs(10);
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LAST: Duration = Duration::from_secs(5);

pub(super) struct Away {
    state: Arc<State>,
    thread: OnceLock<Mutex<Option<JoinHandle<()>>>>,
}

struct State {
    url: Secret,
    topics: Arc<Topics>,
    pending: Mutex<Pending>,
    wake: Notify,
    /// The server's number of our connection: what it sent comes back to us and is left aside.
    own_pid: AtomicI32,
}

#[derive(Default)]
struct Pending {
    /// Hints in their order, each once: `["topic","text"]`.
    order: Vec<(&'static str, String)>,
    known: HashSet<String>,
    /// Topics of which hints had to be left out.
    missed: BTreeSet<&'static str>,
    stopping: bool,
}

impl Pending {
    fn add(&mut self, topic: &'static str, text: &str) {
        if self.missed.contains(topic) {
            return;
        }
        let line = serde_json::json!([topic, text]).to_string();
        if line.len() > TEXT_BYTES || self.order.len() >= PENDING {
            self.forget(topic);
        } else if self.known.insert(line.clone()) {
            self.order.push((topic, line));
        }
    }

    /// One word that all of a topic may be new stands for all its hints.
    fn forget(&mut self, topic: &'static str) {
        self.order.retain(|(other, _)| *other != topic);
        self.missed.insert(topic);
    }

    fn is_empty(&self) -> bool {
        self.order.is_empty() && self.missed.is_empty()
    }

    /// Packs all that waits into payloads, and the topics that are in them.
    fn take(&mut self) -> (Vec<String>, BTreeSet<&'static str>) {
        self.known.clear();
        let mut topics = std::mem::take(&mut self.missed);
        let missed: Vec<_> = topics.iter().map(|topic| serde_json::json!([topic]).to_string()).collect();
        let mut payloads = Vec::new();
        let mut open = String::new();
        let order = std::mem::take(&mut self.order);
        let lines = order.into_iter().map(|(topic, line)| {
            topics.insert(topic);
            line
        });
        for line in missed.into_iter().chain(lines) {
            if open.len() + line.len() + 2 > PAYLOAD_BYTES {
                payloads.push(format!("[{}]", std::mem::take(&mut open)));
            }
            if !open.is_empty() {
                open.push(',');
            }
            open.push_str(&line);
        }
        if !open.is_empty() {
            payloads.push(format!("[{open}]"));
        }
        (payloads, topics)
    }
}

impl Away {
    pub(super) fn new(url: Secret, topics: Arc<Topics>) -> Self {
        let state =
            State { url, topics, pending: Mutex::default(), wake: Notify::new(), own_pid: AtomicI32::new(0) };
        Self { state: Arc::new(state), thread: OnceLock::new() }
    }

    pub(super) fn start(&self) {
        self.thread.get_or_init(|| {
            let state = self.state.clone();
            let started = std::thread::Builder::new().name("notify".to_owned()).spawn(move || state.run());
            if let Err(error) = &started {
                tracing::error!(%error, "this node cannot hear from others: no thread could be started");
            }
            Mutex::new(started.ok())
        });
    }

    pub(super) fn publish(&self, topic: &'static str, text: &str) {
        self.start();
        self.state.pending().add(topic, text);
        self.state.wake.notify_one();
    }

    pub(super) fn stop(&self) {
        self.state.pending().stopping = true;
        self.state.wake.notify_one();
    }

    pub(super) fn close(&self) {
        self.stop();
        let thread = self.thread.get().map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = thread.flatten()
            && thread.join().is_err()
        {
            tracing::error!("the thread between nodes broke off");
        }
    }
}

impl State {
    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(self: Arc<Self>) {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.stay_connected()),
            Err(error) => tracing::error!(%error, "this node cannot hear from others"),
        }
    }

    async fn stay_connected(self: Arc<Self>) {
        let mut wait = RETRY_FIRST;
        loop {
            match self.serve(&mut wait).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(?error, "the connection between nodes broke; it is made again"),
            }
            let again = Instant::now() + wait;
            wait = (wait * 2).min(RETRY_LAST);
            // What is published meanwhile waits, unless the store is being closed.
            while Instant::now() < again {
                if self.pending().stopping {
                    return;
                }
                let _ = tokio::time::timeout_at(again, self.wake.notified()).await;
            }
        }
    }

    /// Listens and sends over one connection, until the store is closed or the connection breaks.
    async fn serve(self: &Arc<Self>, wait: &mut Duration) -> Result<()> {
        let state = self.clone();
        let (client, connection) = connect(self.url.expose(), move |message| state.hear(&message)).await?;
        let mut connection = tokio::spawn(connection);
        client.batch_execute("LISTEN beffroi").await.map_err(failure::postgres)?;
        let pid = client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(failure::postgres)?;
        self.own_pid.store(pid.get(0), Ordering::SeqCst);
        // Whatever was sent before this moment did not reach us.
        self.topics.missed_all();
        *wait = RETRY_FIRST;
        let mut alive_at = Instant::now() + ALIVE_EVERY;
        loop {
            let stopping = self.pending().stopping;
            if !self.pending().is_empty() {
                alive_at = Instant::now() + ALIVE_EVERY;
                self.send(&client).await?;
                tokio::time::sleep(EVERY).await;
                continue;
            }
            if stopping {
                return Ok(());
            }
            tokio::select! {
                ended = &mut connection => {
                    let error = Error::unavailable("database", "ended the connection between nodes");
                    return Err(error.with_source(format!("{ended:?}")));
                }
                () = self.wake.notified() => {}
                () = tokio::time::sleep_until(alive_at) => {
                    alive_at = Instant::now() + ALIVE_EVERY;
                    answered(client.batch_execute("SELECT 1")).await?;
                }
            }
        }
    }

    async fn send(&self, client: &Client) -> Result<()> {
        let (payloads, topics) = self.pending().take();
        let sql = "SELECT pg_notify('beffroi', payload) FROM unnest($1::text[]) AS payload";
        let sent = answered(client.execute(sql, &[&payloads])).await;
        if sent.is_err() {
            let mut pending = self.pending();
            for topic in topics {
                pending.forget(topic);
            }
        }
        sent.map(|_| ())
    }

    fn hear(&self, message: &AsyncMessage) {
        let AsyncMessage::Notification(note) = message else { return };
        if note.process_id() == self.own_pid.load(Ordering::SeqCst) {
            return;
        }
        let Ok(lines) = serde_json::from_str::<Vec<Vec<String>>>(note.payload()) else {
            tracing::warn!("another program sends on our channel");
            return;
        };
        for line in lines {
            match &line[..] {
                [topic, text] => {
                    self.topics.send(topic, Notice::Text { text: text.as_str().into(), local: false });
                }
                [topic] => self.topics.send(topic, Notice::Missed),
                _ => {}
            }
        }
    }
}

async fn answered<T>(question: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T> {
    match tokio::time::timeout(ANSWER_WAIT, question).await {
        Ok(answer) => answer.map_err(failure::postgres),
        Err(_) => Err(Error::unavailable("database", "does not answer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_packed_once_each_below_the_servers_bound() {
        let mut pending = Pending::default();
        for round in 0..2 {
            for number in 0..2_000 {
                pending.add("push", &format!("{number} \"quoted\""));
            }
            assert_eq!(pending.order.len(), 2_000, "round {round}");
        }
        let (payloads, topics) = pending.take();
        assert!(payloads.len() > 1 && payloads.iter().all(|payload| payload.len() <= PAYLOAD_BYTES));
        let lines: Vec<Vec<String>> =
            payloads.iter().flat_map(|p| serde_json::from_str::<Vec<Vec<String>>>(p).unwrap()).collect();
        assert_eq!(lines.len(), 2_000);
        assert_eq!(lines[7], ["push", "7 \"quoted\""]);
        assert_eq!(topics.into_iter().collect::<Vec<_>>(), ["push"]);
        assert!(pending.is_empty());
    }

    #[test]
    fn a_hint_too_long_or_too_many_become_one_word_that_some_were_missed() {
        let mut pending = Pending::default();
        pending.add("jobs", "kept");
        pending.add("push", "lost");
        pending.add("push", &"x".repeat(TEXT_BYTES));
        pending.add("push", "lost too");
        assert_eq!(pending.take().0, [r#"[["push"],["jobs","kept"]]"#]);
        for number in 0..=PENDING {
            pending.add("push", &number.to_string());
        }
        assert_eq!(pending.take().0, [r#"[["push"]]"#]);
    }
}
