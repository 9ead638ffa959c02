//! What a certificate of another mail server must show: nothing, a name that an authority vouches for, or what its
//! TLSA records say (DANE, RFC 7672).

use std::sync::Arc;

use base::{Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256, Sha512};

use super::dns::{Tlsa, TlsaMatching};

/// Configurations of TLS for the three kinds of trust. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    any: Arc<ClientConfig>,
    named: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts `roots` where a name is to be vouched for.
    pub(super) fn new(roots: Arc<RootCertStore>) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let any = configuration(&provider, Arc::new(Any(provider.clone())))?;
        // Without any authority nobody can be vouched for: every connection that must be verified fails.
        let named = if roots.is_empty() {
            configuration(&provider, Arc::new(Nobody(provider.clone())))?
        } else {
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
                .build()
                .map_err(|error| Error::invalid("certificates", "cannot be used").with_source(error))?;
            configuration(&provider, verifier)?
        };
        Ok(Self { provider, any, named })
    }

    /// Whoever it is: better than no encryption.
    pub(super) fn any(&self) -> Arc<ClientConfig> {
        self.any.clone()
    }

    /// With a certificate for the name of the host from a trusted authority.
    pub(super) fn named(&self) -> Arc<ClientConfig> {
        self.named.clone()
    }

    /// With a certificate that one of these records covers.
    pub(super) fn dane(&self, records: Vec<Tlsa>) -> Result<Arc<ClientConfig>> {
        configuration(&self.provider, Arc::new(Dane { provider: self.provider.clone(), records }))
    }
}

fn configuration(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<Arc<ClientConfig>> {
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::corrupt("TLS", "has no versions in common with itself").with_source(error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The part that all verifiers have in common: the peer has the key of its certificate.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, TlsError> {
            verify_tls12_signature(message, cert, dss, &self.provider().signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, TlsError> {
            verify_tls13_signature(message, cert, dss, &self.provider().signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider().signature_verification_algorithms.supported_schemes()
        }
    };
}

/// Accepts whoever it is.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl Any {
    fn provider(&self) -> &CryptoProvider {
        &self.0
    }
}

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    signatures!();
}

/// Accepts nobody: no authority is trusted.
#[derive(Debug)]
struct Nobody(Arc<CryptoProvider>);

impl Nobody {
    fn provider(&self) -> &CryptoProvider {
        &self.0
    }
}

impl ServerCertVerifier for Nobody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Err(CertificateError::UnknownIssuer.into())
    }

    signatures!();
}

/// Accepts what the TLSA records of the host cover.
#[derive(Debug)]
struct Dane {
    provider: Arc<CryptoProvider>,
    records: Vec<Tlsa>,
}

impl Dane {
    fn provider(&self) -> &CryptoProvider {
        &self.provider
    }
}

impl ServerCertVerifier for Dane {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        // DANE-EE: the record vouches for the certificate whatever its name and dates (RFC 7672 section 3.1.1).
        if self.records.iter().any(|record| !record.is_authority && covers(record, end_entity)) {
            return Ok(ServerCertVerified::assertion());
        }
        // DANE-TA: the chain leads to a covered authority, and the name is the host's (section 3.1.2).
        for record in self.records.iter().filter(|record| record.is_authority) {
            let given = (!record.is_key && record.matching == TlsaMatching::Raw)
                .then(|| CertificateDer::from(record.data.clone()));
            let authorities =
                intermediates.iter().filter(|certificate| covers(record, certificate)).cloned().chain(given);
            for authority in authorities {
                let mut roots = RootCertStore::empty();
                if roots.add(authority).is_err() {
                    continue;
                }
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
                        .build();
                let verified = verifier.ok().is_some_and(|verifier| {
                    verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now).is_ok()
                });
                if verified {
                    return Ok(ServerCertVerified::assertion());
                }
            }
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    signatures!();
}

/// Whether a record covers a certificate (RFC 6698 section 2.1).
fn covers(record: &Tlsa, certificate: &CertificateDer<'_>) -> bool {
    let key;
    let selected: &[u8] = if record.is_key {
        let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
        key = parsed.subject_public_key_info();
        &key
    } else {
        certificate
    };
    match record.matching {
        TlsaMatching::Raw => selected == record.data,
        TlsaMatching::Sha256 => Sha256::digest(selected).as_slice() == record.data,
        TlsaMatching::Sha512 => Sha512::digest(selected).as_slice() == record.data,
    }
}

/// The name that a certificate is asked for.
pub(super) fn server_name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).ok()
}
