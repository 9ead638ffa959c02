//! A door that is served on loopback, and a client of few words.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pop3::Pop3;
use testkit::mail::World;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use wire::auth::Authenticator;
use wire::conn::Patience;
use wire::tls::{Certificate, TlsSource};
use wire::{Listening, Networks, Places, Stop, serve};

/// A served door.
pub struct Served {
    pub address: SocketAddr,
    stop: Stop,
    task: JoinHandle<base::Result<()>>,
}

/// A certificate for localhost.
pub fn certificate() -> Certificate {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    Certificate::from_pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap()
}

impl Served {
    /// Serves the people of a world; `in_clear` lets passwords pass without TLS.
    pub async fn new(world: &World, in_clear: bool) -> Self {
        let tls = TlsSource::new(vec![certificate()]).unwrap();
        let authenticator = Authenticator::new(world.directory.clone(), world.ctx(), Some(tls.clone()));
        let door = Pop3::new(world.mail.clone(), authenticator, Some(tls), in_clear);
        let listening = Listening {
            places: Places::new(1_000, 1_000),
            patience: Patience::default(),
            implicit_tls: None,
            proxies: Networks::default(),
            drain: Duration::from_secs(10),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), Stop::default());
        let task = tokio::spawn(serve(listener, Arc::new(door), listening, stop.clone()));
        Self { address, stop, task }
    }

    pub async fn client(&self) -> Client {
        Client(BufReader::new(TcpStream::connect(self.address).await.unwrap()))
    }

    pub async fn end(self) {
        self.stop.stop();
        self.task.await.unwrap().unwrap();
    }
}

/// A client that writes and expects.
pub struct Client(pub BufReader<TcpStream>);

impl Client {
    /// A client of a person who is logged in; what it was told.
    pub async fn logged_in(served: &Served, name: &str) -> (Self, String) {
        let mut client = served.client().await;
        assert_eq!(client.line().await, "+OK Beffroi is ready\r\n");
        client.ask(&format!("USER {name}")).await;
        let said = client.ask(&format!("PASS {}", testkit::mail::PASSWORD)).await;
        assert!(said.starts_with("+OK"), "{said}");
        (client, said)
    }

    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        tokio::io::AsyncBufReadExt::read_line(&mut self.0, &mut line).await.unwrap();
        line
    }

    pub async fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
    }

    /// Sends a command; the line of its answer.
    pub async fn ask(&mut self, command: &str) -> String {
        self.say(command).await;
        self.line().await
    }

    /// The lines of an answer up to the dot, dots unstuffed.
    pub async fn rest(&mut self) -> String {
        let mut all = String::new();
        loop {
            let line = self.line().await;
            if line == ".\r\n" || line.is_empty() {
                return all;
            }
            all += line.strip_prefix('.').unwrap_or(&line);
        }
    }

    /// Sends a command with an answer of several lines; those after the first.
    pub async fn ask_all(&mut self, command: &str) -> String {
        let first = self.ask(command).await;
        assert!(first.starts_with("+OK"), "{command}: {first}");
        self.rest().await
    }

    /// Sends commands and expects answers: `C: ` and `S: ` lines; `...` at the end of an answer stands for anything.
    pub async fn transcript(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split_once(": ") {
                Some(("C", command)) => self.say(&command.replace("\\r\\n", "\r\n")).await,
                Some(("S", expected)) => {
                    let said = self.line().await;
                    match expected.strip_suffix("...") {
                        Some(start) => assert!(said.starts_with(start), "{line}, not {said}"),
                        None => assert_eq!(said.trim_end(), expected, "{line}"),
                    }
                }
                _ => panic!("{line}"),
            }
        }
    }
}

/// Base64, written here so that no test trusts what it tests.
pub fn base64_of(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63] as char;
            out.push(if place <= chunk.len() { letter } else { '=' });
        }
    }
    out
}
