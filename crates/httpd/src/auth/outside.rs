//! TLS to servers of others.

use std::sync::Arc;

use base::{Error, Result};

/// TLS that trusts the certificate authorities of the system.
///
/// # Errors
/// `Corrupt` when it cannot be set up.
pub(super) fn tls() -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // One that cannot be read is one authority less.
        let _ = roots.add(certificate);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::corrupt("tls", "cannot be set up").with_source(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
