//! Small texts from one node to all: hints that something may be new, never the news itself.
//!
//! Inside the process they travel through channels. Between nodes on one PostgreSQL they travel by
//! LISTEN/NOTIFY over a connection of their own; between a server and the commands on its embedded database
//! through a socket next to its file.
//!
//! What must stay true here:
//! - No NOTIFY is sent inside a transaction that writes: the server runs the commits of such transactions one
//!   by one. What is published within [`EVERY`] goes in one NOTIFY transaction of its own.
//! - A hint may be lost; that one may have been lost is always told ([`Notice::Missed`]), after which a
//!   receiver looks into the database itself.
//! - Publishing never waits: it may be called where nothing may block.

mod away;
mod beside;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::{Error, Result};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::sql::Backend;
use away::Away;
pub use away::EVERY;
use beside::Beside;

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
    beside: Option<Beside>,
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
        let (away, beside) = match backend {
            Backend::Sqlite { path, .. } => (None, Some(Beside::new(path, topics.clone()))),
            Backend::Derived { .. } => (None, None),
            Backend::Postgres { url, .. } => (Some(Away::new(url.clone(), topics.clone())), None),
        };
        Self(Arc::new(Shared { topics, away, beside }))
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
        if let Some(beside) = &self.0.beside
            && !beside.is_listening()
        {
            beside.publish(topic, text);
        }
    }

    /// Whether there can be other nodes.
    pub fn has_others(&self) -> bool {
        self.0.away.is_some()
    }

    /// Whether somebody else may want to hear of what is published here.
    pub fn tells_others(&self) -> bool {
        self.has_others() || self.0.beside.as_ref().is_some_and(|beside| !beside.is_listening())
    }

    /// Whether hints of others may come.
    pub fn hears_others(&self) -> bool {
        self.has_others() || self.0.beside.as_ref().is_some_and(Beside::is_listening)
    }

    /// Hears commands beside this process, on an embedded database: for the one that serves its folder, before
    /// anybody subscribes.
    ///
    /// # Errors
    /// `Unavailable` when the socket cannot be made.
    pub fn listen_beside(&self) -> Result<()> {
        self.0.beside.as_ref().map_or(Ok(()), Beside::listen).map_err(|error| {
            let rule = "has no room for the socket that commands tell the server by; is its path too long?";
            Error::unavailable("data_dir", rule).with_source(error)
        })
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
        if let Some(beside) = &self.0.beside {
            beside.close();
        }
    }

    /// Asks the connection to end, without waiting.
    pub(crate) fn stop(&self) {
        if let Some(away) = &self.0.away {
            away.stop();
        }
        if let Some(beside) = &self.0.beside {
            beside.close();
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
