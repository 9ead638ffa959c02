//! A door that is served on loopback, and a client of few words.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use managesieve::ManageSieve;
use testkit::mail::World;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
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
        let door = ManageSieve::new(world.mail.clone(), authenticator, Some(tls), in_clear);
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
    /// A client of a person who is logged in.
    pub async fn logged_in(served: &Served, name: &str) -> Self {
        let mut client = served.client().await;
        client.answer().await;
        let plain = base64_of(format!("\0{name}\0{}", testkit::mail::PASSWORD).as_bytes());
        let said = client.ask(&format!("AUTHENTICATE \"PLAIN\" \"{plain}\"")).await;
        assert!(said.starts_with("OK"), "{said}");
        client
    }

    /// Reads up to the line that ends an answer.
    pub async fn answer(&mut self) -> String {
        let mut all = String::new();
        loop {
            let line = self.line().await;
            all += &line;
            // A literal in the status line, or in the data before it.
            if let Some(size) = line.trim_end().strip_suffix('}').and_then(|line| line.rsplit_once('{')) {
                let mut literal = vec![0; size.1.parse().unwrap()];
                self.0.read_exact(&mut literal).await.unwrap();
                all += &String::from_utf8(literal).unwrap();
                all += &self.line().await;
            }
            if ["OK", "NO", "BYE"].iter().any(|word| line.starts_with(word)) || line.is_empty() {
                return all;
            }
        }
    }

    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        tokio::io::AsyncBufReadExt::read_line(&mut self.0, &mut line).await.unwrap();
        line
    }

    pub async fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
    }

    /// Sends a command; its answer.
    pub async fn ask(&mut self, command: &str) -> String {
        self.say(command).await;
        self.answer().await
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
