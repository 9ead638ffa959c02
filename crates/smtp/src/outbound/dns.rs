//! What the outbound client asks the name servers.
//!
//! Mail is routed by plain lookups. What DANE needs is asked of a resolver that validates: only what is secure counts
//! there (RFC 7672 section 2.1).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::{Error, Result};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::rdata::tlsa::{CertUsage, Matching, Selector};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

/// Why a name could not be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is no such name.
    NoName,
    /// No name server answers, or what they answer cannot be trusted.
    NoAnswer,
}

/// The hosts of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mx {
    /// It takes no mail (RFC 7505).
    Null,
    /// Hosts by preference.
    Hosts(Vec<(u16, String)>),
    /// None are named: the domain itself is the host (RFC 5321 section 5.1).
    Implicit,
}

/// A TLSA record that can be used for SMTP (RFC 7672 section 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tlsa {
    /// Whether it names an authority (DANE-TA) instead of the host's own certificate (DANE-EE).
    pub(super) is_authority: bool,
    /// Whether it covers the public key instead of the whole certificate.
    pub(super) is_key: bool,
    /// What it is compared with.
    pub(super) matching: TlsaMatching,
    /// The data or its digest.
    pub(super) data: Vec<u8>,
}

/// What a TLSA record is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsaMatching {
    /// The data itself.
    Raw,
    /// Its SHA-256.
    Sha256,
    /// Its SHA-512.
    Sha512,
}

/// The name servers. Cheap to clone.
#[derive(Clone)]
pub struct Dns {
    plain: TokioResolver,
    validating: Option<TokioResolver>,
    /// Whether the name servers were seen to pass signatures on.
    has_signatures: Arc<AtomicBool>,
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dns(validating: {})", self.validating.is_some())
    }
}

impl Dns {
    /// Asks `plain` for the way of mail, and `validating`, which must validate, for DANE; without it there is no
    /// DANE.
    pub fn new(plain: TokioResolver, validating: Option<TokioResolver>) -> Self {
        Self { plain, validating, has_signatures: Arc::default() }
    }

    /// Name servers by their addresses, asked with and without validation.
    ///
    /// # Errors
    /// `Unavailable` when they cannot be used.
    pub fn at(servers: &[SocketAddr]) -> Result<Self> {
        let one = |server: &SocketAddr| {
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            config.connections.iter_mut().for_each(|connection| connection.port = server.port());
            config
        };
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.iter().map(one).collect());
        let build = |validate| {
            let provider = TokioRuntimeProvider::default();
            let mut builder = TokioResolver::builder_with_config(config.clone(), provider);
            builder.options_mut().use_hosts_file = ResolveHosts::Never;
            builder.options_mut().validate = validate;
            builder.build().map_err(|error: NetError| {
                Error::unavailable("name servers", "cannot be used").with_source(error)
            })
        };
        Ok(Self::new(build(false)?, Some(build(true)?)))
    }

    /// The name servers that the machine is configured with, asked with and without validation.
    ///
    /// # Errors
    /// `Unavailable` when the machine's configuration cannot be read.
    pub fn of_the_machine() -> Result<Self> {
        let failed = |error: NetError| {
            Error::unavailable("name servers", "of the machine cannot be used").with_source(error)
        };
        let plain = TokioResolver::builder_tokio().map_err(failed)?.build().map_err(failed)?;
        let mut builder = TokioResolver::builder_tokio().map_err(failed)?;
        builder.options_mut().validate = true;
        Ok(Self::new(plain, Some(builder.build().map_err(failed)?)))
    }

    /// The resolver without validation.
    pub fn plain(&self) -> &TokioResolver {
        &self.plain
    }

    /// The hosts of a domain.
    pub(super) async fn mx(&self, domain: &str) -> Result<Mx, Trouble> {
        let Some(found) = found(self.plain.lookup(absolute(domain)?, RecordType::MX).await)? else {
            return Ok(Mx::Implicit);
        };
        let mut hosts: Vec<(u16, String)> = (found.answers().iter())
            .filter_map(|record| match &record.data {
                RData::MX(mx) => Some((mx.preference, plain_name(&mx.exchange))),
                _ => None,
            })
            .collect();
        if hosts.is_empty() {
            return Ok(Mx::Implicit);
        }
        if hosts.iter().all(|(_, host)| host.is_empty()) {
            return Ok(Mx::Null);
        }
        hosts.retain(|(_, host)| !host.is_empty());
        hosts.sort();
        Ok(Mx::Hosts(hosts))
    }

    /// The addresses of a host, IPv6 first where it is used.
    pub(super) async fn addresses(&self, host: &str, ipv6: bool) -> Result<Vec<IpAddr>, Trouble> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let name = absolute(host)?;
        let (six, four) = if ipv6 {
            let both = tokio::join!(
                self.plain.lookup(name.clone(), RecordType::AAAA),
                self.plain.lookup(name, RecordType::A)
            );
            (found(both.0), found(both.1))
        } else {
            (Ok(None), found(self.plain.lookup(name, RecordType::A).await))
        };
        let mut all = Vec::new();
        for part in [&six, &four] {
            if let Ok(Some(lookup)) = part {
                all.extend(lookup.answers().iter().filter_map(|record| record.data.ip_addr()));
            }
        }
        match (all.is_empty(), four) {
            (false, _) => Ok(all),
            (true, Err(trouble)) => Err(trouble),
            (true, Ok(_)) => Err(Trouble::NoName),
        }
    }

    /// The texts of a name.
    pub(super) async fn texts(&self, name: &str) -> Result<Vec<String>, Trouble> {
        let lookup = match found(self.plain.lookup(absolute(name)?, RecordType::TXT).await) {
            Ok(Some(lookup)) => lookup,
            Ok(None) | Err(Trouble::NoName) => return Ok(Vec::new()),
            Err(trouble) => return Err(trouble),
        };
        let text = |data: &RData| match data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        };
        Ok(lookup.answers().iter().filter_map(|record| text(&record.data)).collect())
    }

    /// The TLSA records of a host that bind us: none when it has none, or when its names are not secure.
    ///
    /// # Errors
    /// `NoAnswer` when there should be an answer and it cannot be trusted: nothing may be sent then.
    pub(super) async fn tlsa(
        &self,
        domain: Option<&str>,
        host: &str,
        port: u16,
    ) -> Result<Option<Vec<Tlsa>>, Trouble> {
        let Some(validating) = &self.validating else { return Ok(None) };
        // Whoever could forge the way to the host could name a host of their own.
        if let Some(domain) = domain
            && !self.is_secure(validating.lookup(absolute(domain)?, RecordType::MX).await).await?
        {
            return Ok(None);
        }
        if !self.is_secure(validating.lookup(absolute(host)?, RecordType::A).await).await?
            && !self.is_secure(validating.lookup(absolute(host)?, RecordType::AAAA).await).await?
        {
            return Ok(None);
        }
        let lookup = validating.lookup(absolute(&format!("_{port}._tcp.{host}"))?, RecordType::TLSA).await;
        let lookup = match found(lookup) {
            Ok(Some(lookup)) => lookup,
            Ok(None) | Err(Trouble::NoName) => return Ok(None),
            Err(Trouble::NoAnswer) => return Err(Trouble::NoAnswer),
        };
        let secure = lookup.answers().iter().filter(|record| record.proof.is_secure());
        let records: Vec<_> = secure.filter(|record| record.record_type() == RecordType::TLSA).collect();
        if records.is_empty() {
            return Ok(None);
        }
        Ok(Some(records.iter().filter_map(|record| usable(&record.data)).collect()))
    }

    /// Whether an answer is there and secure. One that is there and forged is trouble, unless the name servers pass no
    /// signatures on at all.
    async fn is_secure(&self, answer: Result<Lookup, NetError>) -> Result<bool, Trouble> {
        match found(answer) {
            Ok(Some(lookup)) => {
                let mut proofs = lookup.answers().iter().map(|record| record.proof);
                if proofs.clone().any(|proof| proof.is_bogus()) {
                    return if self.has_signatures().await { Err(Trouble::NoAnswer) } else { Ok(false) };
                }
                Ok(proofs.all(|proof| proof.is_secure()) && !lookup.answers().is_empty())
            }
            Err(Trouble::NoAnswer) if self.has_signatures().await => Err(Trouble::NoAnswer),
            Ok(None) | Err(Trouble::NoName | Trouble::NoAnswer) => Ok(false),
        }
    }

    async fn has_signatures(&self) -> bool {
        if self.has_signatures.load(Ordering::Relaxed) {
            return true;
        }
        let Some(validating) = &self.validating else { return false };
        let signed = match validating.lookup(Name::root(), RecordType::SOA).await {
            Ok(lookup) => lookup.answers().iter().any(|record| record.proof.is_secure()),
            Err(_) => false,
        };
        self.has_signatures.store(signed, Ordering::Relaxed);
        signed
    }
}

/// A TLSA record, if it can be used for SMTP.
fn usable(data: &RData) -> Option<Tlsa> {
    let RData::TLSA(tlsa) = data else { return None };
    let is_authority = match tlsa.cert_usage {
        CertUsage::DaneTa => true,
        CertUsage::DaneEe => false,
        _ => return None,
    };
    let is_key = match tlsa.selector {
        Selector::Full => false,
        Selector::Spki => true,
        _ => return None,
    };
    let matching = match tlsa.matching {
        Matching::Raw => TlsaMatching::Raw,
        Matching::Sha256 => TlsaMatching::Sha256,
        Matching::Sha512 => TlsaMatching::Sha512,
        _ => return None,
    };
    Some(Tlsa { is_authority, is_key, matching, data: tlsa.cert_data.clone() })
}

/// The answer; none when the name has no such records.
fn found(answer: Result<Lookup, NetError>) -> Result<Option<Lookup>, Trouble> {
    match answer {
        Ok(lookup) => Ok(Some(lookup)),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => match none.response_code {
            ResponseCode::NoError => Ok(None),
            ResponseCode::NXDomain => Err(Trouble::NoName),
            _ => Err(Trouble::NoAnswer),
        },
        Err(NetError::Dns(DnsError::Nsec { response, proof, .. })) if !proof.is_bogus() => {
            match response.response_code {
                ResponseCode::NoError => Ok(None),
                ResponseCode::NXDomain => Err(Trouble::NoName),
                _ => Err(Trouble::NoAnswer),
            }
        }
        Err(error) => {
            tracing::debug!(%error, "a name could not be looked up");
            Err(Trouble::NoAnswer)
        }
    }
}

fn absolute(name: &str) -> Result<Name, Trouble> {
    let mut name = Name::from_utf8(name).map_err(|_| Trouble::NoName)?;
    name.set_fqdn(true);
    Ok(name)
}

/// Lower case, without the dot at the end; empty for the root.
fn plain_name(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}
