//! A name server on loopback that is the whole DNS of a test: it answers for every name, and its records change
//! while it runs. Signed, it is its own root of trust, so that all its answers are secure.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::{Time, TokioRuntimeProvider};
use hickory_server::Server;
use hickory_server::dnssec::NxProofKind;
use hickory_server::proto::dnssec::crypto::Ed25519SigningKey;
use hickory_server::proto::dnssec::rdata::DNSKEY;
use hickory_server::proto::dnssec::{DnssecSigner, SigningKey as _, TrustAnchors};
use hickory_server::proto::rr::rdata::{SOA, TXT};
use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::{TcpListener, UdpSocket};

/// Answers are not kept: what a test changes is seen at once.
const TTL: u32 = 0;
/// Bytes of one text in a TXT record.
const TXT_BYTES: usize = 255;

/// A running name server.
pub struct Dns {
    address: SocketAddr,
    shared: Shared,
    records: Mutex<Vec<Record>>,
    key: Option<PrivatePkcs8KeyDer<'static>>,
    _server: Server<Shared>,
}

/// The catalog in force.
#[derive(Clone)]
struct Shared(Arc<RwLock<Arc<Catalog>>>);

impl RequestHandler for Shared {
    fn handle_request<'s, 'r, 'f, R, T>(
        &'s self,
        request: &'r Request,
        response: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'f>>
    where
        R: ResponseHandler + 'f,
        T: Time + 'f,
        's: 'f,
        'r: 'f,
        Self: 'f,
    {
        let catalog = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move { catalog.handle_request::<R, T>(request, response).await })
    }
}

impl Dns {
    /// Starts one without DNSSEC.
    pub async fn new() -> Self {
        Self::start(None).await
    }

    /// Starts one whose answers are signed.
    pub async fn signed() -> Self {
        Self::start(Some(Ed25519SigningKey::generate_pkcs8().expect("a key"))).await
    }

    async fn start(key: Option<PrivatePkcs8KeyDer<'static>>) -> Self {
        let (udp, tcp, address) = sockets().await;
        let shared = Shared(Arc::new(RwLock::new(Arc::new(Catalog::new()))));
        let mut server = Server::new(shared.clone());
        server.register_socket(udp);
        server.register_listener(tcp, Duration::from_secs(10), 8_192);
        let dns = Self { address, shared, records: Mutex::default(), key, _server: server };
        dns.publish();
        dns
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a record such as `("there.test", "MX", "10 mx.there.test.")`. The data of TXT is the text itself.
    pub fn add(&self, name: &str, kind: &str, data: &str) {
        let kind: RecordType = kind.parse().expect("a type of records");
        let data = match kind {
            RecordType::TXT => {
                let pieces: Vec<&[u8]> = data.as_bytes().chunks(TXT_BYTES).collect();
                RData::TXT(TXT::from_bytes(pieces))
            }
            kind => RData::try_from_str(kind, data).expect("the data of a record"),
        };
        let record = Record::from_rdata(absolute(name), TTL, data);
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        self.publish();
    }

    /// Removes the records of a name and a type.
    pub fn remove(&self, name: &str, kind: &str) {
        let (name, kind) = (absolute(name), kind.parse::<RecordType>().expect("a type of records"));
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|record| record.name != name || record.record_type() != kind);
        self.publish();
    }

    /// What a resolver is configured with to ask this server alone.
    pub fn config(&self) -> ResolverConfig {
        let mut server = NameServerConfig::udp_and_tcp(self.address.ip());
        for connection in &mut server.connections {
            connection.port = self.address.port();
        }
        ResolverConfig::from_parts(None, Vec::new(), vec![server])
    }

    /// The keys that a validating resolver trusts; none when nothing is signed.
    pub fn anchors(&self) -> Option<Arc<TrustAnchors>> {
        let key = Ed25519SigningKey::from_pkcs8(self.key.as_ref()?).expect("a key");
        let mut anchors = TrustAnchors::empty();
        anchors.insert(&key.to_public_key().expect("a public key"));
        Some(Arc::new(anchors))
    }

    /// A resolver that asks this server alone, and validates when it signs.
    pub fn resolver(&self) -> TokioResolver {
        let mut builder = TokioResolver::builder_with_config(self.config(), TokioRuntimeProvider::default());
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        builder.options_mut().cache_size = 0;
        if let Some(anchors) = self.anchors() {
            builder = builder.with_trust_anchor(anchors);
        }
        builder.build().expect("a resolver")
    }

    /// Makes the zone anew: everything below the root.
    fn publish(&self) {
        let root = Name::root();
        let proof = self.key.as_ref().map(|_| NxProofKind::Nsec);
        let mut zone: InMemoryZoneHandler<TokioRuntimeProvider> =
            InMemoryZoneHandler::empty(root.clone(), ZoneType::Primary, AxfrPolicy::Deny, proof);
        let soa = SOA::new(absolute("ns.test"), absolute("admin.test"), 1, 60, 60, 60, TTL);
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let own = [
            Record::from_rdata(root.clone(), TTL, RData::SOA(soa)),
            Record::from_rdata(
                root.clone(),
                TTL,
                RData::try_from_str(RecordType::NS, "ns.test.").expect("NS"),
            ),
        ];
        for record in own.into_iter().chain(records) {
            zone.upsert_mut(record, 1);
        }
        if let Some(der) = &self.key {
            let key = Ed25519SigningKey::from_pkcs8(der).expect("a key");
            let public = DNSKEY::from_key(&key.to_public_key().expect("a public key"));
            let signer = DnssecSigner::new(public, Box::new(key), root.clone(), Duration::from_hours(24));
            zone.add_zone_signing_key_mut(signer).expect("a signing key");
            zone.secure_zone_mut().expect("a signed zone");
        }
        let mut catalog = Catalog::new();
        catalog.upsert(LowerName::new(&root), vec![Arc::new(zone)]);
        *self.shared.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
    }
}

/// UDP and TCP on the same port.
async fn sockets() -> (UdpSocket, TcpListener, SocketAddr) {
    for _ in 0..100 {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
        let address = udp.local_addr().expect("an address");
        if let Ok(tcp) = TcpListener::bind(address).await {
            return (udp, tcp, address);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

fn absolute(name: &str) -> Name {
    let mut name = Name::from_utf8(name).expect("a name");
    name.set_fqdn(true);
    name
}
