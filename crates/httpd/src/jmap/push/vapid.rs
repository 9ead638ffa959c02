//! How push services know this installation (VAPID, RFC 8292): a token for each of them, signed with one key.

use base::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mail::Mail;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;

/// Seconds that a token is good for; the standard allows a day.
const LIFETIME_SECONDS: i64 = 12 * 3_600;

/// The key of this installation.
pub(super) struct Vapid {
    pair: EcdsaKeyPair,
    contact: String,
}

impl Vapid {
    /// The key of the database, which is made the first time; `contact` is an address for those who run a push service.
    ///
    /// # Errors
    /// Those of the database; `Corrupt` for a key that is none.
    pub(super) async fn open(mail: &Mail, contact: String) -> Result<Self> {
        let random = SystemRandom::new();
        let new = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| Error::unavailable("push", "has no key now; try again"))?;
        let kept = mail.push_key(STANDARD.encode(new.as_ref())).await?;
        let wrong = || Error::corrupt("push_key", "is no key; remove the row, and clients subscribe anew");
        let bytes = STANDARD.decode(kept).map_err(|_| wrong())?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes, &random)
            .map_err(|_| wrong())?;
        Ok(Self { pair, contact })
    }

    /// The public key in base64url: clients subscribe with it.
    pub(super) fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key())
    }

    /// The header `Authorization` for a push service, which is known by scheme, host and port.
    ///
    /// # Errors
    /// `Unavailable` when nothing can be signed.
    pub(super) fn authorization(&self, origin: &str, now_ms: i64) -> Result<String> {
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let until = now_ms / 1_000 + LIFETIME_SECONDS;
        let head = part(json!({ "typ": "JWT", "alg": "ES256" }));
        let claims = part(json!({ "aud": origin, "exp": until, "sub": self.contact }));
        let signed = format!("{head}.{claims}");
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| Error::unavailable("push", "cannot be signed now; try again"))?;
        Ok(format!("vapid t={signed}.{}, k={}", URL_SAFE_NO_PAD.encode(signature), self.public()))
    }
}
