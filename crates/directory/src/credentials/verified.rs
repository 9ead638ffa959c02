//! Passwords that were right, so that the second login with one costs no slow hash.
//!
//! What must stay true here:
//! - Only what the slow hash found right is noted; a wrong password always pays for the slow hash.
//! - A proof covers the account, the stored hash and the password: a password that was changed, by whomever, has
//!   another stored hash, so that what is noted of the old one is worth nothing at once.
//! - Proofs are keyed with a number that exists in this process only, and are compared in constant time.
//! - Their number is bounded.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base::{AccountId, Limits, Random};
use subtle::ConstantTimeEq as _;

type Proof = [u8; 32];

/// The proofs of a process.
pub(super) struct Verified {
    key: [u8; 32],
    generations: Mutex<Generations>,
}

/// Two generations: what is asked for moves to the young one, and the old one is forgotten as a whole when the young
/// one is full.
#[derive(Default)]
struct Generations {
    young: HashMap<AccountId, Proof>,
    old: HashMap<AccountId, Proof>,
}

impl Verified {
    pub(super) fn new(random: &Random) -> Self {
        Self { key: random.bytes::<32>(), generations: Mutex::default() }
    }

    fn proof(&self, account: AccountId, hash: &str, password: &str) -> Proof {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&account.0.to_le_bytes());
        hasher.update(&u64::try_from(hash.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(hash.as_bytes());
        hasher.update(password.as_bytes());
        hasher.finalize().into()
    }

    /// Whether this password was right for this stored hash before.
    pub(super) fn knows(&self, limits: &Limits, account: AccountId, hash: &str, password: &str) -> bool {
        let proof = self.proof(account, hash, password);
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(noted) = generations.young.get(&account) {
            return noted.ct_eq(&proof).into();
        }
        let Some(noted) = generations.old.remove(&account) else { return false };
        let right = noted.ct_eq(&proof).into();
        generations.put(limits, account, noted);
        right
    }

    /// Notes that a password is right for a stored hash.
    pub(super) fn note(&self, limits: &Limits, account: AccountId, hash: &str, password: &str) {
        let proof = self.proof(account, hash, password);
        self.generations.lock().unwrap_or_else(PoisonError::into_inner).put(limits, account, proof);
    }
}

impl Generations {
    fn put(&mut self, limits: &Limits, account: AccountId, proof: Proof) {
        let most = usize::try_from(limits.verified_passwords / 2).unwrap_or(usize::MAX).max(1);
        if self.young.len() >= most && !self.young.contains_key(&account) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&account);
        self.young.insert(account, proof);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: AccountId = AccountId(1);

    #[test]
    fn a_proof_is_good_for_its_account_its_hash_and_its_password_only() {
        let (verified, limits) = (Verified::new(&Random::seeded(1)), Limits::default());
        verified.note(&limits, ADA, "$hash", "secret");
        assert!(verified.knows(&limits, ADA, "$hash", "secret"));
        assert!(!verified.knows(&limits, ADA, "$hash", "Secret"));
        assert!(!verified.knows(&limits, ADA, "$hash2", "secret"));
        assert!(!verified.knows(&limits, ADA, "$has", "hsecret"));
        assert!(!verified.knows(&limits, AccountId(2), "$hash", "secret"));
        assert!(verified.knows(&limits, ADA, "$hash", "secret"), "a wrong one takes nothing away");
        verified.note(&limits, ADA, "$hash2", "other");
        assert!(!verified.knows(&limits, ADA, "$hash", "secret"), "one an account");
    }

    #[test]
    fn the_number_of_proofs_is_bounded_and_those_in_use_stay() {
        let verified = Verified::new(&Random::seeded(1));
        let limits = Limits { verified_passwords: 20, ..Limits::default() };
        for account in 1..100 {
            verified.note(&limits, AccountId(account), "$hash", "secret");
            assert!(verified.knows(&limits, ADA, "$hash", "secret"), "after {account}");
        }
        let generations = verified.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 20);
    }
}
