//! Signing.

use base::{Error, OrganisationId, Result};
use bytes::Bytes;
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::{Canonicalization, DkimSigner, Signature};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer};
use store::Store;
use zeroize::Zeroizing;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Algorithm, Key, KeyState, of_domain};

/// The header fields that are signed, where a message has them (RFC 6376 section 5.4.1).
const FIELDS: &[&str] = &[
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-ID",
    "Content-Description",
    "Resent-From",
    "Resent-To",
    "Resent-Cc",
    "Resent-Date",
    "Resent-Message-ID",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
];
/// Messages up to this are hashed by the task that sends them; longer ones by a thread that may be busy for a while.
const AT_ONCE_BYTES: usize = 256 << 10;

impl Key {
    fn sign(&self, message: &[u8]) -> Result<Signature> {
        let unusable = |error| Error::corrupt("DKIM key", "cannot be used").with_source(error);
        let der = Zeroizing::new(
            STANDARD.decode(self.secret.expose()).map_err(|_| Error::corrupt("DKIM key", "is no base64"))?,
        );
        let (domain, selector) = (self.domain.as_str(), self.selector.as_str());
        match self.algorithm {
            Algorithm::Rsa => {
                let der = PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der.as_slice()));
                let key = RsaKey::<Sha256>::from_key_der(der).map_err(unusable)?;
                DkimSigner::from_key(key)
                    .domain(domain)
                    .selector(selector)
                    .headers(FIELDS.iter().copied())
                    .header_canonicalization(Canonicalization::Relaxed)
                    .body_canonicalization(Canonicalization::Relaxed)
                    .sign(message)
            }
            Algorithm::Ed25519 => {
                let key = Ed25519Key::from_pkcs8_der(&der).map_err(unusable)?;
                DkimSigner::from_key(key)
                    .domain(domain)
                    .selector(selector)
                    .headers(FIELDS.iter().copied())
                    .header_canonicalization(Canonicalization::Relaxed)
                    .body_canonicalization(Canonicalization::Relaxed)
                    .sign(message)
            }
        }
        .map_err(|error| Error::invalid("message", "cannot be signed").with_source(error))
    }
}

/// The header fields with the signatures of a domain's active keys, to be put before `message`: empty when the domain
/// has none.
///
/// # Errors
/// `Corrupt` for a key that cannot be used, those of the database.
pub async fn signatures(
    store: &Store,
    organisation: OrganisationId,
    domain: &str,
    message: Bytes,
) -> Result<Vec<u8>> {
    let domain = domain.to_owned();
    let keys = store.read(move |tx| of_domain(tx, organisation, &domain)).await?;
    let keys: Vec<Key> = keys.into_iter().filter(|key| key.state == KeyState::Active).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    if message.len() <= AT_ONCE_BYTES {
        return sign_with(&keys, &message);
    }
    tokio::task::spawn_blocking(move || sign_with(&keys, &message))
        .await
        .map_err(|error| Error::corrupt("DKIM", "signing broke off").with_source(error))?
}

fn sign_with(keys: &[Key], message: &[u8]) -> Result<Vec<u8>> {
    let mut fields = Vec::new();
    for key in keys {
        fields.extend_from_slice(key.sign(message)?.to_header().as_bytes());
    }
    Ok(fields)
}
