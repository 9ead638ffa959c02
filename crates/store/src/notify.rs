//! Small texts from one node to all: hints that something may be new, never the news itself.
//!
//! Inside the process they travel through channels. Between nodes on one PostgreSQL they travel by
//! LISTEN/NOTIFY over a connection of their own.
//!
//! What must stay true here:
//! - No NOTIFY is sent inside a transaction that writes: the server runs the commits of such transactions one
//!   by one. What is published within [`EVERY`] goes in one NOTIFY transaction of its own.
//! - A hint may be lost; that one may have been lost is always told ([`Notice::Missed`]), after which a
//!   receiver looks into the database itself.
//! - Publishing never waits: it may be called where nothing may block.

mod away;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::sql::Backend;
use away::Away;
pub use away::EVERY;

/// Hints that a receiver may be behind before it is told [`Notice::Missed`].
const QUEUE: usize = 1_024;

/// What a receiver gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A hint was published.
    Text {
        /// The hint.
        text: Arc<str>,
        /// Whether this process published it.
        local: bool,
    },
    /// Hints may have been lost: look into the database.
    Missed,
}

/// Publishes hints to all nodes and hands out receivers. Cheap to clone.
#[derive(Clone)]
pub struct Notifier(Arc<Shared>);

struct Shared {
    topics: Arc<Topics>,
    away: Option<Away>,
}

/// The receivers of this process, by topic.
#[derive(Default)]
struct Topics(Mutex<HashMap<&'static str, broadcast::Sender<Notice>>>);

impl Topics {
    fn subscribe(&self, topic: &'static str) -> broadcast::Receiver<Notice> {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        topics.entry(topic).or_insert_with(|| broadcast::channel(QUEUE).0).subscribe()
    }

    fn send(&self, topic: &str, notice: Notice) {
        let topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = topics.get(topic) {
            // Nobody who listens is no failure.
            let _ = sender.send(notice);
        }
    }

    fn missed_all(&self) {
        let topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in topics.values() {
            let _ = sender.send(Notice::Missed);
        }
    }
}

impl Notifier {
    /// The connection to other nodes is made when the notifier is used first.
    pub(crate) fn new(backend: &Backend) -> Self {
        let topics = Arc::new(Topics::default());
        let away = match backend {
            Backend::Sqlite { .. } | Backend::Derived { .. } => None,
            Backend::Postgres { url, .. } => Some(Away::new(url.clone(), topics.clone())),
        };
        Self(Arc::new(Shared { topics, away }))
    }

    /// Tells all nodes, this one at once. Receivers are told [`Notice::Missed`] instead of a text that is
    /// too long to send.
    pub fn publish(&self, topic: &'static str, text: &str) {
        self.0.topics.send(topic, Notice::Text { text: text.into(), local: true });
        self.publish_away(topic, text);
    }

    /// Tells all other nodes, for what this one knows already.
    pub fn publish_away(&self, topic: &'static str, text: &str) {
        if let Some(away) = &self.0.away {
            away.publish(topic, text);
        }
    }

    /// Whether there can be other nodes.
    pub fn has_others(&self) -> bool {
        self.0.away.is_some()
    }

    /// Hints on `topic` from now on. A receiver that was just made looks into the database once; on
    /// PostgreSQL it is also told [`Notice::Missed`] whenever the connection is made (again).
    pub fn subscribe(&self, topic: &'static str) -> Receiver {
        let receiver = Receiver(self.0.topics.subscribe(topic));
        if let Some(away) = &self.0.away {
            away.start();
        }
        receiver
    }

    /// Sends what waits and ends the connection; waits for both.
    pub(crate) fn close(&self) {
        if let Some(away) = &self.0.away {
            away.close();
        }
    }

    /// Asks the connection to end, without waiting.
    pub(crate) fn stop(&self) {
        if let Some(away) = &self.0.away {
            away.stop();
        }
    }
}

impl std::fmt::Debug for Notifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Notifier(between nodes: {})", self.0.away.is_some())
    }
}

/// Receives the hints of one topic.
#[derive(Debug)]
pub struct Receiver(broadcast::Receiver<Notice>);

impl Receiver {
    /// The next hint; nothing once the store is gone. May be cancelled without losing a hint.
    pub async fn recv(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(notice) => Some(notice),
            Err(RecvError::Lagged(_)) => Some(Notice::Missed),
            Err(RecvError::Closed) => None,
        }
    }

    /// A hint that is there already.
    pub fn try_recv(&mut self) -> Option<Notice> {
        match self.0.try_recv() {
            Ok(notice) => Some(notice),
            Err(TryRecvError::Lagged(_)) => Some(Notice::Missed),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}
