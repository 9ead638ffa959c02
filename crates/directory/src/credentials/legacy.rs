//! Hashes of older systems, verified once and then replaced: the RFC 2307 forms of LDAP directories.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha_crypt::{PasswordVerifier as _, ShaCrypt};
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

/// Rounds that a `{CRYPT}` hash may ask for: a hash of another system must not stop the server.
const MOST_ROUNDS: u32 = 500_000;

/// Whether the form is one of those that [`verify`] knows.
pub fn is_known(hash: &str) -> bool {
    let Some((scheme, rest)) = split(hash) else { return false };
    match scheme.as_str() {
        "SHA" | "SSHA" | "SHA256" | "SSHA256" | "SHA512" | "SSHA512" => true,
        "CRYPT" => (rest.starts_with("$5$") || rest.starts_with("$6$")) && rounds(rest) <= MOST_ROUNDS,
        _ => false,
    }
}

/// Whether a password is the one of a hash; false for a form that is not known.
pub fn verify(password: &str, hash: &str) -> bool {
    let Some((scheme, rest)) = split(hash) else { return false };
    match scheme.as_str() {
        "SHA" | "SSHA" => salted::<Sha1>(password, rest, 20),
        "SHA256" | "SSHA256" => salted::<Sha256>(password, rest, 32),
        "SHA512" | "SSHA512" => salted::<Sha512>(password, rest, 64),
        "CRYPT" if is_known(hash) => ShaCrypt::SHA512.verify_password(password.as_bytes(), rest).is_ok(),
        _ => false,
    }
}

/// `{SCHEME}rest`; a bare `$6$...` is what `/etc/shadow` has.
fn split(hash: &str) -> Option<(String, &str)> {
    if hash.starts_with("$5$") || hash.starts_with("$6$") {
        return Some(("CRYPT".to_owned(), hash));
    }
    let (scheme, rest) = hash.strip_prefix('{')?.split_once('}')?;
    Some((scheme.to_ascii_uppercase(), rest))
}

/// `rounds=n` of a crypt text; 5000 when it says nothing.
fn rounds(crypt: &str) -> u32 {
    let field = crypt.split('$').nth(2).unwrap_or_default();
    field.strip_prefix("rounds=").map_or(5_000, |number| number.parse().unwrap_or(u32::MAX))
}

/// base64(digest(password, salt), salt): the salt is what is left after the digest.
fn salted<D: Digest>(password: &str, encoded: &str, length: usize) -> bool {
    let Ok(bytes) = STANDARD.decode(encoded.trim()) else { return false };
    let Some((digest, salt)) = bytes.split_at_checked(length) else { return false };
    let computed = D::new().chain_update(password.as_bytes()).chain_update(salt).finalize();
    computed.as_slice().ct_eq(digest).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl passwd -5` and `-6`.
    const KNOWN: &[(&str, &str)] = &[
        ("secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
        ("Hello world!", "{CRYPT}$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        (
            "Hello world!",
            "{CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "Hello world!",
            "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
        ),
    ];

    #[test]
    fn known_answers_of_older_systems() {
        for (password, hash) in KNOWN {
            assert!(is_known(hash), "{hash}");
            assert!(verify(password, hash), "{hash}");
            assert!(!verify("another", hash), "{hash}");
        }
    }

    #[test]
    fn salted_hashes_are_verified_in_each_length() {
        fn encoded<D: Digest>(scheme: &str) -> String {
            let mut bytes = D::new().chain_update(b"secret").chain_update(b"salt").finalize().to_vec();
            bytes.extend_from_slice(b"salt");
            format!("{{{scheme}}}{}", STANDARD.encode(bytes))
        }
        for hash in [encoded::<Sha1>("SSHA"), encoded::<Sha256>("ssha256"), encoded::<Sha512>("SSHA512")] {
            assert!(verify("secret", &hash), "{hash}");
            assert!(!verify("Secret", &hash), "{hash}");
        }
    }

    #[test]
    fn broken_hashes_are_wrong_and_nothing_else() {
        for hash in [
            "",
            "{SSHA}",
            "{SSHA}not base64",
            "{SSHA}AAAA",
            "{CRYPT}",
            "{CRYPT}$6$",
            "{CRYPT}$6$rounds=999999999$salt$x",
            "{",
            "secret",
        ] {
            assert!(!verify("secret", hash), "{hash}");
        }
    }
}
