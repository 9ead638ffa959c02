//! A world that sends: people, an own DNS, an outbound client with quick looks, and certificates of an own authority.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mail::Role;
use mail::queue::{Body, NewMessage, NewRecipient};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig};
use smtp::outbound::{Dns, Outbound, Settings};
use testkit::dns;
use testkit::mail::{Person, World};

/// A sender of the world.
pub const SENDER: &str = "u1@bench.test";
pub const HOUR_MS: i64 = 3_600_000;
const TEXT: &str =
    "From: u1@bench.test\r\nTo: bob@there.test\r\nSubject: Hello\r\n\r\nHow are you?\r\n.dot\r\n";

/// The world with what sends from it.
pub struct Out {
    pub world: World,
    pub dns: dns::Dns,
    pub settings: Settings,
    /// The port of all mail servers.
    pub port: u16,
    pub authority: Authority,
}

impl Out {
    pub async fn new(world: World) -> Self {
        Self::with_dns(world, dns::Dns::new().await)
    }

    pub fn with_dns(world: World, dns: dns::Dns) -> Self {
        let authority = Authority::new();
        let validating = dns.anchors().map(|_| dns.resolver());
        let resolver = Dns::new(dns.resolver(), validating);
        let port = free_port();
        let settings = Settings {
            port,
            ipv6: false,
            poll: Duration::from_millis(30),
            ..Settings::new("mx.bench.test", authority.roots(), resolver)
        };
        Self { world, dns, settings, port, authority }
    }

    pub async fn start(&self) -> Outbound {
        Outbound::start(&self.world.mail, &self.world.ctx(), self.settings.clone()).await.unwrap()
    }

    pub async fn start_with(&self, limits: base::Limits) -> Outbound {
        let ctx = base::Ctx { limits: Arc::new(limits), ..self.world.ctx() };
        Outbound::start(&self.world.mail, &ctx, self.settings.clone()).await.unwrap()
    }

    /// An address of the loopback with the port of mail servers.
    pub fn at(&self, last: u8) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), self.port)
    }

    /// Names the one host of a domain.
    pub fn host(&self, domain: &str, host: &str, address: SocketAddr) {
        self.dns.add(domain, "MX", &format!("10 {host}."));
        self.dns.add(host, "A", &address.ip().to_string());
    }

    pub async fn message(&self, to: &[&str]) -> NewMessage {
        self.message_of(TEXT, to).await
    }

    pub async fn message_of(&self, text: &str, to: &[&str]) -> NewMessage {
        let organisation = self.world.organisation;
        let put = self.world.mail.blobs().put(organisation, Bytes::from(text.to_owned())).await.unwrap();
        let to: Vec<_> = to.iter().map(|address| NewRecipient::new(*address)).collect();
        NewMessage::new(organisation, Body::Put(put), SENDER, to)
    }

    pub async fn send(&self, to: &[&str]) -> i64 {
        let message = self.message(to).await;
        self.queue(message).await
    }

    pub async fn queue(&self, message: NewMessage) -> i64 {
        self.world.mail.queue().send(&self.world.ctx(), message).await.unwrap()
    }

    /// Recipients that wait, with what was last answered.
    pub async fn waiting(&self) -> Vec<(String, i64, String)> {
        let rows = self.world.mail.queue().list(0, 1_000).await.unwrap();
        let row =
            |row: mail::queue::QueuedMessage| (row.address, row.attempts, row.last_reply.unwrap_or_default());
        rows.into_iter().filter(|row| row.state == "waiting").map(row).collect()
    }

    /// Waits until nothing is queued any more.
    pub async fn until_empty(&self) {
        until("an empty queue", async || self.world.mail.queue().list(0, 10).await.unwrap().is_empty()).await;
    }

    /// Waits until something was tried that now waits; what was answered.
    pub async fn until_deferred(&self) -> String {
        until("a deferred recipient", async || {
            self.waiting().await.iter().any(|(_, attempts, reply)| *attempts > 0 && !reply.is_empty())
        })
        .await;
        self.waiting().await.remove(0).2
    }

    /// The messages in the inbox of a person, as texts.
    pub async fn inbox(&self, person: &Person) -> Vec<String> {
        let ctx = self.world.ctx();
        let mailbox = self.world.mailbox(person, Role::Inbox).await;
        let view = self.world.mail.view(&ctx, person.account, mailbox.id).await.unwrap();
        let contents: Vec<i64> = view.iter().map(|entry| entry.content).collect();
        let mut texts = Vec::new();
        for content in contents {
            let body = self.world.mail.body(&ctx, person.account, mailbox.id, content, None).await.unwrap();
            texts.push(String::from_utf8_lossy(&body).into_owned());
        }
        texts
    }
}

/// Waits until it is so.
pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let done = tokio::time::timeout(Duration::from_secs(30), async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(done.await.is_ok(), "waited too long for {what}");
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A certificate authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate for a name.
pub struct Leaf {
    /// The digest of its public key, as TLSA records have it, in hexadecimal.
    pub key_sha256: String,
    pub config: Arc<ServerConfig>,
    /// Chain and key.
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    pub fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        Arc::new(roots)
    }

    pub fn leaf(&self, name: &str) -> Leaf {
        use sha2::{Digest, Sha256};
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let certificate = signed.der().clone();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone(), self.issuer.der().clone()], private)
            .unwrap();
        let parsed = rustls::server::ParsedCertificate::try_from(&certificate).unwrap();
        let digest = Sha256::digest(parsed.subject_public_key_info());
        let key_sha256: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let key_sha256 = key_sha256.concat();
        let pem = format!("{}{}{}", key.serialize_pem(), signed.pem(), self.issuer.pem());
        Leaf { key_sha256, config: Arc::new(config), pem }
    }
}
