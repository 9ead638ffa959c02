//! Hints between the processes on one embedded database: commands that run beside a server tell it what they
//! changed, by datagrams to a socket next to the file. The server tells nobody: commands are short.
//!
//! What must stay true here:
//! - Publishing never waits. What did not fit is told as missed with the next datagram, or when the store is closed.
//! - Only the process that serves the folder listens.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Notice, Topics};

/// One datagram; longer hints are told as missed.
const DATAGRAM_BYTES: usize = 8_192;
/// How long the end of a command waits to say that hints were lost.
const LAST_WAIT: Duration = Duration::from_secs(2);
/// How often the thread that hears looks whether the store is closed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) struct Beside {
    socket: PathBuf,
    topics: Arc<Topics>,
    sender: Mutex<Sender>,
    listening: AtomicBool,
    stopping: Arc<AtomicBool>,
}

#[derive(Default)]
struct Sender {
    socket: Option<UnixDatagram>,
    missed: BTreeSet<&'static str>,
}

impl Beside {
    pub(super) fn new(database: &Path, topics: Arc<Topics>) -> Self {
        Self {
            socket: database.with_extension("hints"),
            topics,
            sender: Mutex::default(),
            listening: AtomicBool::new(false),
            stopping: Arc::default(),
        }
    }

    /// Whether this is the process that hears the others.
    pub(super) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::SeqCst)
    }

    /// Hears other processes from now on.
    pub(super) fn listen(&self) -> std::io::Result<()> {
        if self.listening.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        // The one that served before left it behind.
        match std::fs::remove_file(&self.socket) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixDatagram::bind(&self.socket)?;
        socket.set_read_timeout(Some(LOOK_EVERY))?;
        let (topics, stopping, path) = (self.topics.clone(), self.stopping.clone(), self.socket.clone());
        std::thread::Builder::new().name("beside".to_owned()).spawn(move || {
            hear(&socket, &topics, &stopping);
            let _ = std::fs::remove_file(path);
        })?;
        Ok(())
    }

    pub(super) fn publish(&self, topic: &'static str, text: &str) {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let line = serde_json::json!([topic, text]).to_string();
        let is_lost = sender.missed.contains(topic) || line.len() > DATAGRAM_BYTES;
        if is_lost || !sender.send(&self.socket, &line) {
            sender.missed.insert(topic);
        }
        sender.tell_missed(&self.socket);
    }

    /// Says what was lost, and ends the thread that hears.
    pub(super) fn close(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = &sender.socket
            && !sender.missed.is_empty()
        {
            let _ = socket.set_nonblocking(false);
            let _ = socket.set_write_timeout(Some(LAST_WAIT));
        }
        sender.tell_missed(&self.socket);
    }
}

impl Sender {
    /// Whether the hint needs no more care: it is on its way, or nobody listens.
    fn send(&mut self, path: &Path, line: &str) -> bool {
        if self.socket.is_none() {
            self.socket = UnixDatagram::unbound()
                .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
                .inspect_err(|error| tracing::warn!(%error, "a server beside cannot be told of changes"))
                .ok();
        }
        let Some(socket) = &self.socket else { return true };
        match socket.send_to(line.as_bytes(), path) {
            Ok(_) => true,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    fn tell_missed(&mut self, path: &Path) {
        while let Some(topic) = self.missed.first().copied() {
            if !self.send(path, &serde_json::json!([topic]).to_string()) {
                return;
            }
            self.missed.remove(topic);
        }
    }
}

fn hear(socket: &UnixDatagram, topics: &Topics, stopping: &AtomicBool) {
    let mut datagram = vec![0; DATAGRAM_BYTES];
    while !stopping.load(Ordering::SeqCst) {
        let length = match socket.recv(&mut datagram) {
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(error) => {
                tracing::warn!(%error, "what commands beside this server change is heard of late");
                return;
            }
        };
        let line = datagram.get(..length).unwrap_or_default();
        match serde_json::from_slice::<Vec<String>>(line).as_deref() {
            Ok([topic, text]) => {
                topics.send(topic, Notice::Text { text: text.as_str().into(), local: false });
            }
            Ok([topic]) => topics.send(topic, Notice::Missed),
            _ => tracing::warn!("another program sends to our socket"),
        }
    }
}
