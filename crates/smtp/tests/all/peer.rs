//! A mail server of others as a test wants it: it keeps what it takes, and refuses what it is told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A message that it took.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// MAIL with its parameters.
    pub mail: String,
    /// The RCPTs that it accepted, with their parameters.
    pub rcpts: Vec<String>,
    /// The message without the doubled dots.
    pub text: String,
    /// Whether it came over TLS.
    pub tls: bool,
}

/// What it is like.
#[derive(Clone, Default)]
pub struct Like {
    /// It offers STARTTLS with this.
    pub tls: Option<Arc<ServerConfig>>,
    /// It speaks LMTP.
    pub lmtp: bool,
    /// The extensions that it offers beside STARTTLS.
    pub offers: Vec<&'static str>,
    /// The answers to RCPT of addresses that contain the text; all others are accepted.
    pub refuses: Vec<(&'static str, &'static str)>,
    /// How long it takes to answer DATA.
    pub slow: Duration,
    /// The login that it asks for: `AUTH PLAIN` with this initial answer.
    pub login: Option<String>,
}

/// A running one; it ends when this is dropped.
pub struct Peer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    taken: Mutex<Vec<Taken>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

impl Peer {
    pub async fn start(address: SocketAddr, like: Like) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, like) = (own.clone(), like.clone());
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
                shared.most_open.fetch_max(open, Ordering::SeqCst);
                tokio::spawn(async move {
                    let _ = plain(stream, &like, &shared).await;
                    shared.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, shared, task }
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Connections that were open at the same time at most.
    pub fn most_open(&self) -> usize {
        self.shared.most_open.load(Ordering::SeqCst)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn plain(stream: tokio::net::TcpStream, like: &Like, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 peer ESMTP\r\n").await?;
    if !talk(&mut stream, like, shared, false).await? {
        return Ok(());
    }
    let Some(config) = &like.tls else { return Ok(()) };
    let stream = TlsAcceptor::from(config.clone()).accept(stream.into_inner()).await?;
    talk(&mut BufReader::new(stream), like, shared, true).await.map(|_| ())
}

/// Talks until the end, or until TLS is to begin.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    like: &Like,
    shared: &Shared,
    tls: bool,
) -> std::io::Result<bool> {
    let mut taken = Taken { tls, ..Taken::default() };
    let mut is_in = like.login.is_none();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(false);
        }
        let line = line.trim_end().to_owned();
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" | "LHLO" if (verb == "LHLO") == like.lmtp => {
                let mut offers: Vec<String> = like.offers.iter().map(|offer| (*offer).to_owned()).collect();
                if like.tls.is_some() && !tls {
                    offers.push("STARTTLS".to_owned());
                }
                if like.login.is_some() && tls {
                    offers.push("AUTH PLAIN".to_owned());
                }
                offers.insert(0, "peer".to_owned());
                let last = offers.len() - 1;
                let lines = offers
                    .iter()
                    .enumerate()
                    .map(|(index, offer)| format!("250{}{offer}\r\n", if index == last { ' ' } else { '-' }));
                lines.collect::<String>()
            }
            "STARTTLS" if like.tls.is_some() => {
                stream.write_all(b"220 go on\r\n").await?;
                return Ok(true);
            }
            "AUTH" => {
                is_in = like.login.as_ref().is_some_and(|login| line == format!("AUTH PLAIN {login}"));
                if is_in { "235 2.7.0 in\r\n".to_owned() } else { "535 5.7.8 no\r\n".to_owned() }
            }
            "MAIL" if !is_in => "530 5.7.0 log in\r\n".to_owned(),
            "MAIL" => {
                taken = Taken { mail: line, tls, ..Taken::default() };
                "250 2.1.0 fine\r\n".to_owned()
            }
            "RCPT" => {
                if let Some((_, answer)) = like.refuses.iter().find(|(part, _)| line.contains(part)) {
                    format!("{answer}\r\n")
                } else {
                    taken.rcpts.push(line);
                    "250 2.1.5 fine\r\n".to_owned()
                }
            }
            "DATA" if taken.rcpts.is_empty() => "554 5.5.1 nobody\r\n".to_owned(),
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                taken.text = text(stream).await?;
                let count = if like.lmtp { taken.rcpts.len() } else { 1 };
                shared.taken.lock().unwrap().push(std::mem::take(&mut taken));
                tokio::time::sleep(like.slow).await;
                "250 2.0.0 taken\r\n".repeat(count)
            }
            "RSET" | "NOOP" => "250 2.0.0 fine\r\n".to_owned(),
            "QUIT" => {
                stream.write_all(b"221 2.0.0 bye\r\n").await?;
                return Ok(false);
            }
            _ => "502 5.5.1 what?\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

async fn text<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<String> {
    let mut text = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(String::from_utf8_lossy(&text).into_owned());
        }
        text.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
