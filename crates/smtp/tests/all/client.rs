//! A world with a listener, and a client that speaks line by line.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use smtp::checks::Checks;
use smtp::{Inbound, Profile, Settings};
use testkit::mail::World;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use wire::auth::Authenticator;
use wire::conn::Patience;
use wire::tls::{Certificate, TlsSource};
use wire::{Listening, Networks, Places, Stop, serve};

/// A listener of a world.
pub struct Door {
    pub address: SocketAddr,
    pub connector: TlsConnector,
    pub places: Places,
    stop: Stop,
}

/// Whoever comes from this machine is trusted, or not.
pub fn settings(trusted: bool) -> Settings {
    let mut settings = Settings::new("mx.bench.test");
    if !trusted {
        settings.trusted = Networks::default();
    }
    settings
}

impl Door {
    /// Opens a listener.
    pub async fn open(world: &World, profile: Profile, settings: Settings, checks: Option<Checks>) -> Self {
        Self::open_with(world, profile, settings, checks, false, &world.ctx()).await
    }

    /// The same, with TLS from the first byte on.
    pub async fn open_tls(world: &World, profile: Profile, settings: Settings) -> Self {
        Self::open_with(world, profile, settings, None, true, &world.ctx()).await
    }

    /// The same in clear, with other limits.
    pub async fn open_limited(
        world: &World,
        profile: Profile,
        settings: Settings,
        limits: base::Limits,
    ) -> Self {
        let mut ctx = world.ctx();
        ctx.limits = Arc::new(limits);
        Self::open_with(world, profile, settings, None, false, &ctx).await
    }

    async fn open_with(
        world: &World,
        profile: Profile,
        settings: Settings,
        checks: Option<Checks>,
        implicit: bool,
        ctx: &base::Ctx,
    ) -> Self {
        let (tls, connector) = certificate();
        let authenticator = Authenticator::new(world.directory.clone(), ctx.clone(), Some(tls.clone()));
        let inbound = Inbound::new(
            profile,
            settings,
            world.mail.clone(),
            ctx,
            Some(authenticator),
            Some(tls.clone()),
            checks,
        );
        let places = Places::new(2_000, 2_000);
        let listening = Listening {
            places: places.clone(),
            patience: Patience::default(),
            implicit_tls: implicit.then_some(tls),
            proxies: Networks::default(),
            drain: Duration::from_secs(10),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), Stop::default());
        tokio::spawn(serve(listener, Arc::new(inbound), listening, stop.clone()));
        Self { address, connector, places, stop }
    }

    /// A client that was greeted.
    pub async fn client(&self) -> Client {
        let mut client = self.silent_client().await;
        assert!(client.line().await.starts_with("220 "));
        client
    }

    /// A client before the greeting.
    pub async fn silent_client(&self) -> Client {
        Client::over(TcpStream::connect(self.address).await.unwrap())
    }

    /// A client with TLS from the first byte on, that was greeted.
    pub async fn tls_client(&self) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("mail.test").unwrap();
        let mut client = Client::over(self.connector.connect(name, stream).await.unwrap());
        assert!(client.line().await.starts_with("220 "));
        client
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// A certificate for `mail.test`, and what a client trusts it with.
pub fn certificate() -> (TlsSource, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(vec!["mail.test".to_owned()]).unwrap();
    let certificate =
        Certificate::from_pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes())
            .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (TlsSource::new(vec![certificate]).unwrap(), TlsConnector::from(Arc::new(config)))
}

trait Both: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Both for T {}

/// A client.
pub struct Client(BufReader<Box<dyn Both>>);

impl Client {
    fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self(BufReader::new(Box::new(stream)))
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref()).await;
        let _ = self.0.flush().await;
    }

    /// A line of the server; empty at the end.
    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = tokio::time::timeout(Duration::from_secs(20), self.0.read_line(&mut line));
        let _ = read.await.expect("the server answers");
        line.trim_end().to_owned()
    }

    /// A whole answer.
    pub async fn answer(&mut self) -> String {
        let mut all = String::new();
        loop {
            let line = self.line().await;
            let more = line.get(3..4) == Some("-");
            all.push_str(&line);
            if !more {
                return all;
            }
            all.push('\n');
        }
    }

    /// Sends a command; the answer.
    pub async fn ask(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n")).await;
        self.answer().await
    }

    /// Plays a transcript: lines that begin with `C: ` are sent, those with `S: ` are the beginning of what is
    /// answered, line by line.
    pub async fn play(&mut self, transcript: &str) {
        for line in transcript.lines() {
            let line = line.trim_start();
            if let Some(sent) = line.strip_prefix("C: ") {
                self.send(format!("{sent}\r\n")).await;
            } else if let Some(expected) = line.strip_prefix("S: ") {
                let answered = self.line().await;
                assert!(answered.starts_with(expected), "{expected:?} was expected, not {answered:?}");
            } else if line == "C:" {
                self.send("\r\n").await;
            }
        }
    }

    /// Negotiates TLS after `STARTTLS` was answered.
    pub async fn start_tls(self, door: &Door) -> Self {
        let name = ServerName::try_from("mail.test").unwrap();
        Self::over(door.connector.connect(name, self.0.into_inner()).await.unwrap())
    }
}
