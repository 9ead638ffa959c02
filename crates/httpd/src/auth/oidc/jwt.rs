//! Signed tokens of providers (JWT, RFC 7519): reading them, and whether one of the provider's keys signed them.
//!
//! What must stay true here:
//! - The algorithm is chosen by the kind of the key, and must be the one that the token names: nothing that is not
//!   signed, and nothing that is signed with a public text, is taken.
//! - What a token says counts only after [`Jwt::verify`].

use base::{Error, Limits, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

/// Keys of a provider that are looked at.
const MOST_KEYS: usize = 50;
/// Seconds that clocks may differ.
const LEEWAY_SECONDS: i64 = 60;

/// A token that was read.
#[derive(Debug)]
pub(super) struct Jwt {
    algorithm: String,
    key_id: Option<String>,
    /// What kind of token it says to be.
    pub kind: String,
    /// What it says.
    pub claims: Value,
    signed: String,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    #[serde(default)]
    typ: String,
    /// Extensions that must be understood: none are.
    crit: Option<Value>,
}

fn wrong(rule: &'static str) -> Error {
    Error::forbidden("token", rule)
}

impl Jwt {
    /// Reads a token, without believing it.
    ///
    /// # Errors
    /// `Forbidden` about `token` for what is none.
    pub(super) fn read(text: &str, limits: &Limits) -> Result<Self> {
        let malformed = || wrong("is no signed token");
        if text.len() as u64 > limits.provider_token_bytes {
            return Err(malformed());
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
        let header: Header = serde_json::from_slice(&part(header)?).map_err(|_| malformed())?;
        let claims: Value = serde_json::from_slice(&part(claims)?).map_err(|_| malformed())?;
        if header.crit.is_some() || !claims.is_object() {
            return Err(malformed());
        }
        let signature = part(signature)?;
        let (algorithm, key_id, kind) = (header.alg, header.kid, header.typ);
        Ok(Self { algorithm, key_id, kind, claims, signed: signed.to_owned(), signature })
    }

    /// Whether one of these keys signed it. `false` is a reason to ask for the keys again.
    pub(super) fn verify(&self, keys: &Keys) -> bool {
        let named = |key: &&Key| self.key_id.is_none() || key.id.is_none() || key.id == self.key_id;
        keys.0
            .iter()
            .filter(named)
            .any(|key| key.signed(&self.algorithm, self.signed.as_bytes(), &self.signature))
    }

    /// A claim that is text.
    pub(super) fn text(&self, claim: &str) -> &str {
        self.claims.get(claim).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it is meant for someone: `aud` is a text or a list of them.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(all)) => all.iter().any(|one| one == audience),
            _ => false,
        }
    }

    /// Refuses what ended or did not begin; an end must be there.
    ///
    /// # Errors
    /// `Forbidden` about `token`.
    pub(super) fn check_times(&self, now_ms: i64) -> Result<()> {
        let now = now_ms / 1_000;
        let number = |claim: &str| self.claims.get(claim).and_then(seconds);
        let ends = number("exp").ok_or_else(|| wrong("has no end"))?;
        if ends <= now.saturating_sub(LEEWAY_SECONDS) {
            return Err(wrong("has ended"));
        }
        let early = |at: i64| at > now.saturating_add(LEEWAY_SECONDS);
        if ["nbf", "iat"]
            .into_iter()
            .any(|claim| self.claims.get(claim).is_some() && number(claim).is_none_or(early))
        {
            return Err(wrong("has not begun"));
        }
        Ok(())
    }
}

/// A time of a token, which may have a fraction.
pub(super) fn seconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of a second does not matter")]
    value.as_i64().or_else(|| value.as_f64().filter(|number| number.abs() < 1e15).map(|number| number as i64))
}

/// The keys that a provider publishes (RFC 7517).
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: Option<String>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Keys {
    /// Reads a set; keys that are not understood are left out.
    pub(super) fn read(set: &Value) -> Self {
        let keys = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Self(keys.iter().take(MOST_KEYS).filter_map(Key::read).collect())
    }
}

impl Key {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let point = |length: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            (x.len() == length && y.len() == length).then(|| [&[4][..], &x, &y].concat())
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let unsigned =
                    |name| bytes(name).map(|n| n.into_iter().skip_while(|byte| *byte == 0).collect());
                Material::Rsa { n: unsigned("n")?, e: unsigned("e")? }
            }
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x")?),
            _ => return None,
        };
        Some(Self { id: text("kid").map(str::to_owned), algorithm: text("alg").map(str::to_owned), material })
    }

    fn signed(&self, algorithm: &str, message: &[u8], signed: &[u8]) -> bool {
        if self.algorithm.as_deref().is_some_and(|own| own != algorithm) {
            return false;
        }
        match (&self.material, algorithm) {
            (Material::Rsa { n, e }, _) => {
                let Some(parameters) = rsa(algorithm) else { return false };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signed).is_ok()
            }
            (Material::P256(point), "ES256") => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signed).is_ok()
            }
            (Material::P384(point), "ES384") => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signed).is_ok()
            }
            (Material::Ed25519(key), "EdDSA" | "Ed25519") => {
                UnparsedPublicKey::new(&ED25519, key).verify(message, signed).is_ok()
            }
            _ => false,
        }
    }
}

fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
        "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
        "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    fn encoded(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn read(text: &str) -> Result<Jwt> {
        Jwt::read(text, &Limits::default())
    }

    struct Signer(EcdsaKeyPair, SystemRandom);

    impl Signer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random);
            Self(pair.unwrap(), random)
        }

        fn keys(&self, id: &str) -> Keys {
            let point = self.0.public_key().as_ref();
            let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
            Keys::read(&json!({ "keys": [
                { "kty": "oct", "k": "AAAA" },
                { "kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "x": part(1), "y": part(33) },
            ] }))
        }

        fn token(&self, header: &Value, claims: &Value) -> String {
            let signed = format!("{}.{}", encoded(header), encoded(claims));
            let signature = self.0.sign(&self.1, signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        }
    }

    #[test]
    fn only_what_one_of_the_keys_signed_counts() {
        let (signer, other) = (Signer::new(), Signer::new());
        let keys = signer.keys("a");
        let claims = json!({ "sub": "ada" });
        let good = signer.token(&json!({ "alg": "ES256", "kid": "a" }), &claims);
        assert!(read(&good).unwrap().verify(&keys));
        assert!(!read(&good).unwrap().verify(&other.keys("a")), "another key of that name");
        assert!(!read(&good).unwrap().verify(&signer.keys("b")), "a key of another name");
        for header in
            [json!({ "alg": "none" }), json!({ "alg": "HS256", "kid": "a" }), json!({ "alg": "RS256" })]
        {
            assert!(!read(&signer.token(&header, &claims)).unwrap().verify(&keys), "{header}");
        }
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let changed = format!("{header}.{}.{signature}", encoded(&json!({ "sub": "bob" })));
        assert!(!read(&changed).unwrap().verify(&keys));
        assert!(!read(&format!("{signed}.")).unwrap().verify(&keys));
        let critical = signer.token(&json!({ "alg": "ES256", "crit": ["x"] }), &claims);
        for text in [critical.as_str(), "", ".", "..", "a.b.c", &"A".repeat(20_000)] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_and_audiences_are_looked_at() {
        let signer = Signer::new();
        let said = |claims: Value| read(&signer.token(&json!({ "alg": "ES256" }), &claims)).unwrap();
        let now_ms = 1_000_000_000;
        for (claims, good) in [
            (json!({ "exp": 1_000_001 }), true),
            (json!({ "exp": 1_000_001.5, "iat": 1_000_000, "nbf": 999_999 }), true),
            (json!({ "exp": 999_900 }), false),
            (json!({ "exp": "1000001" }), false),
            (json!({ "exp": 1_000_001, "nbf": "later" }), false),
            (json!({ "exp": 1_000_001, "iat": 1_000_200 }), false),
            (json!({}), false),
        ] {
            assert_eq!(said(claims.clone()).check_times(now_ms).is_ok(), good, "{claims}");
        }
        assert!(
            said(json!({ "aud": ["x", "us"] })).is_for("us") && said(json!({ "aud": "us" })).is_for("us")
        );
        assert!(!said(json!({ "aud": ["usa"] })).is_for("us") && !said(json!({})).is_for(""));
    }
}
