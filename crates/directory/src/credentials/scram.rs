//! Keys of SCRAM-SHA-256 (RFC 5802 section 3, RFC 7677): what proves a password without its being sent.
//!
//! They are derived from the password, so they are made whenever it is known: when it is set, and at a login that
//! shows it. They count only beside the very hash they were made with, so that a password that SQL replaces
//! makes them void.

use base::{AccountId, OrganisationId, Random, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use store::{Row, Tx, params};
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;

/// How often the password is hashed: RFC 7677 asks for 4,096 at least. Clients pay it at each login.
pub const SCRAM_ITERATIONS: u32 = 10_000;

/// What is kept of a password for SCRAM-SHA-256. Secret: whoever has it can pretend to be the server, and test
/// guesses of the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// Random, another for each password.
    pub salt: Vec<u8>,
    /// How often the password was hashed.
    pub iterations: u32,
    /// What a proof is checked against.
    pub stored_key: [u8; 32],
    /// What the server proves itself with.
    pub server_key: [u8; 32],
}

impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScramKeys(***)")
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    keyed(key).chain_update(message).finalize().into_bytes().into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length: the other arm is never used.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&[0; 64].into()))
}

/// `SASLprep` as far as passwords that people type need it (RFC 4013 section 2): spaces are one kind of space,
/// characters are composed alike.
fn prepared(password: &str) -> String {
    password.chars().map(|character| if character.is_whitespace() { ' ' } else { character }).nfkc().collect()
}

/// `Hi(password, salt, iterations)`: PBKDF2 with one block.
fn salted_password(password: &str, salt: &[u8], iterations: u32) -> [u8; 32] {
    let start = keyed(prepared(password).as_bytes());
    let mut last: [u8; 32] =
        start.clone().chain_update(salt).chain_update([0, 0, 0, 1]).finalize().into_bytes().into();
    let mut sum = last;
    for _ in 1..iterations {
        last = start.clone().chain_update(last).finalize().into_bytes().into();
        for (sum, byte) in sum.iter_mut().zip(last) {
            *sum ^= byte;
        }
    }
    sum
}

impl ScramKeys {
    /// Derives the keys of a password. Takes milliseconds.
    pub fn derive(password: &str, salt: Vec<u8>, iterations: u32) -> Self {
        let salted = salted_password(password, &salt, iterations);
        let stored_key = Sha256::digest(hmac(&salted, b"Client Key")).into();
        Self { stored_key, server_key: hmac(&salted, b"Server Key"), salt, iterations }
    }

    /// Keys of a new password.
    pub(crate) fn of_password(password: &str, random: &Random) -> Self {
        Self::derive(password, random.bytes::<16>().to_vec(), SCRAM_ITERATIONS)
    }

    /// Keys that no password has, the same for a name each time: nobody learns from them which accounts there are.
    pub(crate) fn of_nobody(secret: &[u8], name: &str) -> Self {
        let derived = blake3::Hasher::new_derive_key("beffroi scram of nobody 1")
            .update(secret)
            .update(name.as_bytes())
            .finalize();
        let salt = derived.as_bytes().get(..16).unwrap_or_default().to_vec();
        Self {
            salt,
            iterations: SCRAM_ITERATIONS,
            stored_key: *derived.as_bytes(),
            server_key: *derived.as_bytes(),
        }
    }

    /// Whether a client's proof for an exchange is right.
    pub fn proves(&self, auth_message: &[u8], proof: &[u8]) -> bool {
        let signature = hmac(&self.stored_key, auth_message);
        if proof.len() != signature.len() {
            return false;
        }
        let client_key: Vec<u8> = proof.iter().zip(signature).map(|(proof, byte)| proof ^ byte).collect();
        Sha256::digest(client_key).as_slice().ct_eq(&self.stored_key).into()
    }

    /// The server's proof for an exchange.
    pub fn signature(&self, auth_message: &[u8]) -> [u8; 32] {
        hmac(&self.server_key, auth_message)
    }

    /// The client's side, for tests and for our own clients: the proof of a password.
    pub fn proof(password: &str, keys: &Self, auth_message: &[u8]) -> Vec<u8> {
        let client_key = hmac(&salted_password(password, &keys.salt, keys.iterations), b"Client Key");
        let signature = hmac(&Sha256::digest(client_key), auth_message);
        client_key.iter().zip(signature).map(|(key, byte)| key ^ byte).collect()
    }
}

/// The keys in four columns of a row; none where there are none.
pub(crate) fn of_row(row: &Row<'_>, from: usize) -> Result<Option<ScramKeys>> {
    let Some(salt) = row.opt_bytes(from)? else { return Ok(None) };
    Ok(Some(ScramKeys {
        salt,
        iterations: u32::try_from(row.int(from + 1)?).unwrap_or(SCRAM_ITERATIONS),
        stored_key: row.hash(from + 2)?,
        server_key: row.hash(from + 3)?,
    }))
}

/// Writes the keys of an account beside the hash that they were made with.
pub(crate) fn store(
    tx: &mut Tx<'_>,
    organisation: OrganisationId,
    account: AccountId,
    hash: &str,
    keys: &ScramKeys,
) -> Result<()> {
    tx.later(
        "INSERT INTO password_scram (account_id, organisation_id, of_hash, salt, iterations, stored_key, server_key)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (account_id) DO UPDATE SET of_hash = excluded.of_hash, salt = excluded.salt,
                iterations = excluded.iterations, stored_key = excluded.stored_key,
                server_key = excluded.server_key",
        params![
            account,
            organisation,
            hash,
            keys.salt.clone(),
            i64::from(keys.iterations),
            keys.stored_key.to_vec(),
            keys.server_key.to_vec()
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_one_password_and_one_exchange() {
        let keys = ScramKeys::derive("secret", vec![1; 16], 100);
        let proof = ScramKeys::proof("secret", &keys, b"exchange");
        assert!(keys.proves(b"exchange", &proof));
        assert!(!keys.proves(b"another", &proof));
        assert!(!keys.proves(b"exchange", &ScramKeys::proof("Secret", &keys, b"exchange")));
        assert!(!keys.proves(b"exchange", &[]));
        assert_eq!(format!("{keys:?}"), "ScramKeys(***)");
    }

    #[test]
    fn passwords_are_prepared_alike() {
        let keys = |password: &str| ScramKeys::derive(password, vec![1], 1);
        assert_eq!(keys("e\u{301}te\u{a0}1"), keys("\u{e9}te 1"));
        assert_eq!(ScramKeys::of_nobody(b"k", "x"), ScramKeys::of_nobody(b"k", "x"));
        assert_ne!(ScramKeys::of_nobody(b"k", "x"), ScramKeys::of_nobody(b"k", "y"));
    }
}
