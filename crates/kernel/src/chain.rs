//! The hash chain over the commits of an account.
//!
//! It covers `changes` and not the pasts, so that pruning keeps it whole. Its key stays outside the
//! database: who can only write SQL cannot forge it.

use base::{AccountId, Seq};

/// The secret key of the chain.
#[derive(Clone)]
pub struct ChainKey([u8; 32]);

impl ChainKey {
    /// Takes 32 secret bytes over.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What a commit says, as its hash covers it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link<'a> {
    pub(crate) before: &'a [u8],
    pub(crate) account: AccountId,
    pub(crate) seq: Seq,
    pub(crate) at: i64,
    pub(crate) actor: i64,
    pub(crate) door: i64,
    pub(crate) session: i64,
    pub(crate) changes: &'a str,
}

/// The hash of the account before its first commit.
pub(crate) const START: [u8; 32] = [0; 32];

pub(crate) fn hash(key: &ChainKey, link: &Link<'_>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(&key.0);
    // Every part has a fixed length or its length in front, so that no two commits read the same.
    hasher.update(&(link.before.len() as u64).to_le_bytes());
    hasher.update(link.before);
    for number in [link.account.0, link.seq.0, link.at, link.actor, link.door, link.session] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(&(link.changes.len() as u64).to_le_bytes());
    hasher.update(link.changes.as_bytes());
    hasher.finalize().into()
}
