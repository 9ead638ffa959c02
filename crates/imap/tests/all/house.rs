//! A server on loopback over a world in process.

use std::sync::Arc;
use std::time::Duration;

use imap::{Imap, Options};
use testkit::mail::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wire::auth::Authenticator;
use wire::conn::Patience;
use wire::{Listening, Networks, Places, Stop};

/// How long a client waits for a line before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs.
pub struct House {
    pub port: u16,
    pub stop: Stop,
    pub authenticator: Authenticator,
    task: tokio::task::JoinHandle<base::Result<()>>,
}

impl House {
    /// Opens the door of a world.
    pub async fn open(world: &World) -> Self {
        Self::open_with(world, Options { tls: None, plain_from_loopback: true }).await
    }

    /// Opens the door of a world in another way.
    pub async fn open_with(world: &World, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let tls = options.tls.clone();
        let authenticator = Authenticator::new(world.directory.clone(), world.ctx(), tls);
        let door = Imap::new(world.mail.clone(), authenticator.clone(), world.ctx(), options);
        let listening = Listening {
            places: Places::new(20_000, 20_000),
            patience: Patience::default(),
            implicit_tls: None,
            proxies: Networks::default(),
            drain: Duration::from_secs(5),
        };
        let stop = Stop::default();
        let task = tokio::spawn(wire::serve(listener, Arc::new(door), listening, stop.clone()));
        Self { port, stop, authenticator, task }
    }

    /// A client that was greeted.
    pub async fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("a connection");
        let mut client = Client { stream, read: Vec::new(), ended: false };
        let greeting = client.line().await;
        assert!(greeting.starts_with("* OK [CAPABILITY "), "{greeting}");
        client
    }

    /// A client that is logged in.
    pub async fn logged_in(&self, name: &str) -> Client {
        let mut client = self.client().await;
        client.send(&format!("login LOGIN {name}@bench.test secret\r\n")).await;
        let answer = client.line().await;
        assert!(answer.starts_with("login OK "), "{answer}");
        client
    }

    /// Closes the door.
    pub async fn close(self) {
        self.stop.stop();
        let ended = self.task.await.expect("the listener");
        ended.expect("all sessions ended");
        self.authenticator.settle().await.expect("the sessions are written");
    }
}

/// A client that speaks lines.
pub struct Client {
    stream: TcpStream,
    read: Vec<u8>,
    /// The connection ended.
    pub ended: bool,
}

impl Client {
    /// Sends bytes as they are.
    pub async fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes()).await;
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        // A server that closed the connection is seen when it is read from.
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next line, without its end; empty at the end of the connection.
    pub async fn line(&mut self) -> String {
        loop {
            if let Some(at) = self.read.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.read[..at]).into_owned();
                self.read.drain(..at + 2);
                return line;
            }
            let mut room = [0; 16_384];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut room)).await;
            match read.expect("a line in time") {
                Ok(0) | Err(_) => {
                    self.ended = true;
                    return String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned();
                }
                Ok(count) => self.read.extend_from_slice(&room[..count]),
            }
        }
    }
}
