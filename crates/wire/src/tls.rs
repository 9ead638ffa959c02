//! Certificates by server name, replaced while the server runs. Sessions are resumed by tickets (RFC 8446
//! section 2.2, RFC 5077), whose keys change by themselves.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base::{Error, Result};
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Names whose certificate is remembered.
const MOST_NAMES: usize = 4_096;

/// A certificate with its chain and key.
#[derive(Clone)]
pub struct Certificate(Arc<CertifiedKey>);

impl Certificate {
    /// Reads a chain, the server's own certificate first, and its private key (PKCS#8, PKCS#1 or SEC1), all PEM.
    ///
    /// # Errors
    /// `Invalid` when something is missing or the two do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self> {
        let wrong = |rule: &'static str| {
            move |error| Error::invalid("certificate", rule).with_source(format!("{error}"))
        };
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(wrong("is not a chain of PEM certificates"))?;
        if chain.is_empty() {
            return Err(Error::invalid("certificate", "holds no PEM certificate"));
        }
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(wrong("has a key file without a PEM private key"))?;
        Self::from_der(chain, key)
    }

    /// As [`Certificate::from_pem`], from DER.
    ///
    /// # Errors
    /// `Invalid` when the two do not belong together.
    pub fn from_der(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self> {
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| {
            Error::invalid(
                "certificate",
                "and its private key do not belong together, or are of a kind that is not known",
            )
            .with_source(error)
        })?;
        Ok(Self(Arc::new(key)))
    }

    /// Whether it is for a server of that name.
    pub fn is_for(&self, name: &str) -> bool {
        let Ok(name) = ServerName::try_from(name) else { return false };
        let Some(own) = self.0.cert.first() else { return false };
        ParsedCertificate::try_from(own).is_ok_and(|parsed| verify_server_name(&parsed, &name).is_ok())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Where listeners get their TLS configuration. Cheap to clone; clones see the same certificates.
#[derive(Clone)]
pub struct TlsSource {
    chooser: Arc<Chooser>,
    config: Arc<ServerConfig>,
}

impl TlsSource {
    /// A source of certificates. The first one answers clients that name no server, or one that is not known.
    ///
    /// # Errors
    /// `Invalid` without any certificate.
    pub fn new(certificates: Vec<Certificate>) -> Result<Self> {
        let chooser = Arc::new(Chooser { known: RwLock::new(Known::new(certificates)?) });
        let broken = |error| Error::corrupt("tls", "cannot be configured").with_source(error);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(broken)?
            .with_no_client_auth()
            .with_cert_resolver(chooser.clone());
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(broken)?;
        config.send_tls13_tickets = 1;
        Ok(Self { chooser, config: Arc::new(config) })
    }

    /// Replaces the certificates. Connections that are open go on with the old ones.
    ///
    /// # Errors
    /// `Invalid` without any certificate; the old ones stay.
    pub fn replace(&self, certificates: Vec<Certificate>) -> Result<()> {
        let known = Known::new(certificates)?;
        *self.chooser.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// The configuration for a handshake.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// The same for a protocol that is named in the handshake (ALPN), the preferred one first.
    pub fn config_for(&self, protocols: &[&[u8]]) -> Arc<ServerConfig> {
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    }

    /// The channel binding `tls-server-end-point` (RFC 5929 section 4) of the certificate for a server name.
    pub fn end_point(&self, server_name: Option<&str>) -> Option<Vec<u8>> {
        self.chooser.choose(server_name)?.0.cert.first().and_then(|own| end_point(own))
    }
}

impl fmt::Debug for TlsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsSource")
    }
}

struct Chooser {
    known: RwLock<Known>,
}

struct Known {
    certificates: Vec<Certificate>,
    by_name: HashMap<String, usize>,
}

impl Known {
    fn new(certificates: Vec<Certificate>) -> Result<Self> {
        if certificates.is_empty() {
            return Err(Error::invalid("tls", "has no certificate"));
        }
        Ok(Self { certificates, by_name: HashMap::new() })
    }
}

impl Chooser {
    fn choose(&self, name: Option<&str>) -> Option<Certificate> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(name) = name else { return known.certificates.first().cloned() };
        let name = name.to_ascii_lowercase();
        if let Some(at) = known.by_name.get(&name) {
            return known.certificates.get(*at).cloned();
        }
        let found = known.certificates.iter().position(|certificate| certificate.is_for(&name));
        let chosen = known.certificates.get(found.unwrap_or(0)).cloned();
        drop(known);
        if let Some(at) = found {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.by_name.len() >= MOST_NAMES {
                known.by_name.clear();
            }
            // They may have been replaced in between.
            if known.certificates.get(at).is_some_and(|certificate| certificate.is_for(&name)) {
                known.by_name.insert(name, at);
            }
        }
        chosen
    }
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name()).map(|certificate| certificate.0)
    }
}

impl fmt::Debug for Chooser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chooser")
    }
}

/// The hash of a certificate by the hash function of its signature; SHA-256 for MD5 and SHA-1.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (inside, _) = element(certificate)?;
    let (_, rest) = element(inside)?;
    let (algorithm, _) = element(rest)?;
    let (identifier, _) = element(algorithm)?;
    Some(match identifier {
        // sha384WithRSAEncryption, ecdsa-with-SHA384
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03] => Sha384::digest(certificate).to_vec(),
        // sha512WithRSAEncryption, ecdsa-with-SHA512
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04] => Sha512::digest(certificate).to_vec(),
        _ => Sha256::digest(certificate).to_vec(),
    })
}

/// The contents of a DER element, and what follows it.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[_, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (number, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if number.len() > 4 {
            return None;
        }
        (number.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte)), rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        Certificate::from_pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes())
            .unwrap()
    }

    #[test]
    fn the_certificate_is_chosen_by_name_and_replaced() {
        let source =
            TlsSource::new(vec![certificate(&["mail.one.example"]), certificate(&["*.two.example"])])
                .unwrap();
        let first = source.end_point(None).unwrap();
        assert_eq!(source.end_point(Some("mail.one.example")).unwrap(), first);
        assert_eq!(source.end_point(Some("unknown.example")).unwrap(), first);
        let second = source.end_point(Some("imap.two.example")).unwrap();
        assert_ne!(first, second);
        assert_eq!(source.end_point(Some("IMAP.two.example")).unwrap(), second);
        source.replace(vec![certificate(&["imap.two.example"])]).unwrap();
        assert_ne!(source.end_point(Some("imap.two.example")).unwrap(), second);
        assert!(source.replace(Vec::new()).is_err());
    }

    #[test]
    fn what_is_no_certificate_is_refused_with_a_reason() {
        let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let other = rcgen::generate_simple_self_signed(vec!["b.example".to_owned()]).unwrap();
        for (chain, key) in [
            ("", key.as_str()),
            ("no certificate", &key),
            (&chain, ""),
            (&chain, &other.signing_key.serialize_pem()),
        ] {
            assert!(Certificate::from_pem(chain.as_bytes(), key.as_bytes()).is_err());
        }
    }

    #[test]
    fn the_end_point_is_hashed_as_its_signature_says() {
        // rcgen signs with ecdsa-with-SHA256.
        let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        let der = made.cert.der();
        assert_eq!(end_point(der).unwrap(), Sha256::digest(der).to_vec());
        assert_eq!(end_point(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
