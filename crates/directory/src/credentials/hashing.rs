//! Hashing of passwords: slow on purpose, so it runs on threads of its own and a few at a time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base::{AccountId, Error, Limits, Random, Result, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::legacy;
use super::scram::ScramKeys;
use super::verified::Verified;

/// What hashing a password costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// KiB of memory.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Costs {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

/// The hash of a password as text: argon2id, or one of an older system that is replaced at the next login. With it
/// the keys of SCRAM-SHA-256 when the password itself was known.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedPassword {
    text: String,
    scram: Option<Arc<ScramKeys>>,
}

impl HashedPassword {
    /// Takes a hash that exists already, from the database or another system.
    ///
    /// # Errors
    /// `Invalid` for a form that is not known.
    pub fn existing(hash: &str) -> Result<Self> {
        if hash.len() <= 512 && (hash.starts_with("$argon2id$") || legacy::is_known(hash)) {
            return Ok(Self { text: hash.to_owned(), scram: None });
        }
        Err(Error::invalid(
            "password_hash",
            "is $argon2id$..., {SSHA}, {SSHA256}, {SSHA512}, {SHA}, {SHA256}, {SHA512} or {CRYPT} with $5$ or $6$",
        ))
    }

    /// The text for the database.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The keys of SCRAM-SHA-256, when the password was known.
    pub(crate) fn scram(&self) -> Option<&ScramKeys> {
        self.scram.as_deref()
    }
}

impl fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedPassword(***)")
    }
}

/// Hashes and verifies. Cheap to clone; clones share the bound on how many run at a time.
#[derive(Clone)]
pub struct Hasher {
    argon2: Argon2<'static>,
    costs: Costs,
    places: Arc<Semaphore>,
    dummy: Arc<str>,
    verified: Arc<Verified>,
    slow: Arc<AtomicU64>,
}

impl Hasher {
    /// A hasher that runs at most `at_a_time` hashes at once.
    ///
    /// # Errors
    /// `Invalid` for costs that argon2 does not take.
    pub fn new(costs: Costs, at_a_time: usize, random: &Random) -> Result<Self> {
        let params = Params::new(costs.memory_kib, costs.passes, costs.lanes, None)
            .map_err(|_| Error::invalid("password_costs", "are not what argon2 takes; use the defaults"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&argon2, "no such account", random)?;
        let places = Arc::new(Semaphore::new(at_a_time.max(1)));
        let verified = Arc::new(Verified::new(random));
        Ok(Self { argon2, costs, places, dummy: dummy.into(), verified, slow: Arc::default() })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// `Unavailable` when the program ends.
    pub async fn hash(&self, password: Secret, random: &Random) -> Result<HashedPassword> {
        let (argon2, random) = (self.argon2.clone(), random.clone());
        self.run(move || hash_whole(&argon2, &password, &random)).await
    }

    /// As [`Hasher::hash`], for a thread that may wait.
    ///
    /// # Errors
    /// `Corrupt` when argon2 fails.
    pub fn hash_blocking(&self, password: &Secret, random: &Random) -> Result<HashedPassword> {
        hash_whole(&self.argon2, password, random)
    }

    /// The keys of SCRAM-SHA-256 of a password, on a thread that may work.
    pub(crate) async fn scram(&self, password: Secret, random: &Random) -> Result<ScramKeys> {
        let random = random.clone();
        self.run(move || Ok(ScramKeys::of_password(password.expose(), &random))).await
    }

    /// Something of this process that nobody outside knows: the hash of no account.
    pub(crate) fn unknown(&self) -> &[u8] {
        self.dummy.as_bytes()
    }

    /// Whether a password is the one of a hash. Without a hash it takes as long and is wrong, so that nobody
    /// learns which accounts there are.
    ///
    /// # Errors
    /// `Unavailable` when the program ends.
    pub async fn verify(&self, password: Secret, hash: Option<String>) -> Result<bool> {
        let dummy = self.dummy.clone();
        self.run(move || Ok(verify(password.expose(), hash.as_deref(), &dummy))).await
    }

    /// As [`Hasher::verify`] for the stored hash of an account. A password that was right before for the very same
    /// hash is known without the slow work.
    ///
    /// # Errors
    /// `Unavailable` when the program ends.
    pub async fn verify_stored(
        &self,
        limits: &Limits,
        account: AccountId,
        password: &Secret,
        hash: &str,
    ) -> Result<bool> {
        if self.verified.knows(limits, account, hash, password.expose()) {
            return Ok(true);
        }
        let right = self.verify(password.clone(), Some(hash.to_owned())).await?;
        if right {
            self.verified.note(limits, account, hash, password.expose());
        }
        Ok(right)
    }

    /// Slow hashes that were worked on since the start.
    pub fn slow_hashes(&self) -> u64 {
        self.slow.load(Ordering::Relaxed)
    }

    /// Whether a hash is to be replaced by a new one of the same password: of an older system, or cheaper than
    /// hashes are made now.
    pub fn is_outdated(&self, hash: &str) -> bool {
        let Costs { memory_kib, passes, lanes } = self.costs;
        !hash.starts_with(&format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}$"))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let ended = || Error::unavailable("login", "is not possible while the program ends");
        self.slow.fetch_add(1, Ordering::Relaxed);
        let place = self.places.clone().acquire_owned().await.map_err(|_| ended())?;
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        })
        .await
        .map_err(|_| ended())?
    }
}

/// KiB of memory of the dearest hash that is verified.
const MOST_MEMORY_KIB: u32 = 1 << 20;
/// Passes of the dearest hash that is verified.
const MOST_PASSES: u32 = 64;

/// Room for the memory of one hash. From 32 MiB on the usual allocator gives memory back to the system as soon as
/// it is free; 19 MiB it would keep for every thread that hashed once. What is not used of the room costs nothing.
const ROOM_BLOCKS: usize = 33 * 1_024;

/// Hashes into 32 bytes; nothing when the costs or the salt are none that argon2 takes.
fn digest(argon2: &Argon2<'_>, password: &str, salt: &[u8]) -> Option<[u8; 32]> {
    let blocks = argon2.params().block_count();
    let mut memory = Vec::with_capacity(blocks.max(ROOM_BLOCKS));
    memory.resize(blocks, Block::default());
    let mut out = [0; 32];
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut out, memory).ok()?;
    Some(out)
}

fn hash_whole(argon2: &Argon2<'_>, password: &Secret, random: &Random) -> Result<HashedPassword> {
    let text = hash(argon2, password.expose(), random)?;
    let scram = ScramKeys::of_password(password.expose(), random);
    Ok(HashedPassword { text, scram: Some(Arc::new(scram)) })
}

fn hash(argon2: &Argon2<'_>, password: &str, random: &Random) -> Result<String> {
    let salt = random.bytes::<16>();
    let digest =
        digest(argon2, password, &salt).ok_or_else(|| Error::corrupt("password", "could not be hashed"))?;
    let params = argon2.params();
    Ok(format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        params.m_cost(),
        params.t_cost(),
        params.p_cost(),
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(digest)
    ))
}

/// Whether a password has an argon2id hash, at the costs that the hash names.
fn matches(password: &str, hash: &str) -> bool {
    recompute(password, hash).is_some_and(|(computed, stored)| computed.ct_eq(&stored).into())
}

/// What the password hashes to with the salt and costs of `hash`, and what `hash` says.
fn recompute(password: &str, hash: &str) -> Option<([u8; 32], Vec<u8>)> {
    let mut parts = hash.strip_prefix("$argon2id$v=19$")?.split('$');
    let (costs, salt, stored) = (parts.next()?, parts.next()?, parts.next()?);
    let mut costs = costs.split(',');
    let mut cost = |name: &str| costs.next()?.strip_prefix(name)?.parse::<u32>().ok();
    let (memory_kib, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
    // A hash that was imported may name any costs; one login must not take the whole machine.
    if memory_kib > MOST_MEMORY_KIB || passes > MOST_PASSES {
        return None;
    }
    let params = Params::new(memory_kib, passes, lanes, None).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let computed = digest(&argon2, password, &STANDARD_NO_PAD.decode(salt).ok()?)?;
    Some((computed, STANDARD_NO_PAD.decode(stored).ok()?))
}

fn verify(password: &str, hash: Option<&str>, dummy: &str) -> bool {
    match hash {
        Some(hash) if hash.starts_with("$argon2id$") => matches(password, hash),
        Some(hash) => {
            // An older hash is quick to verify: the slow one is done as well, or its speed would show that the
            // account exists.
            let right = legacy::verify(password, hash);
            matches(password, dummy);
            right
        }
        None => {
            matches(password, dummy);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Hasher {
        Hasher::new(Costs { memory_kib: 8, passes: 1, lanes: 1 }, 2, &Random::seeded(1)).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_its_own_hash_and_no_other() {
        let hasher = cheap();
        let hash = hasher.hash(Secret::new("correct horse"), &Random::seeded(2)).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        assert!(hasher.verify(Secret::new("correct horse"), Some(hash.as_str().to_owned())).await.unwrap());
        assert!(!hasher.verify(Secret::new("wrong horse"), Some(hash.as_str().to_owned())).await.unwrap());
        assert!(!hasher.verify(Secret::new("no such account"), None).await.unwrap(), "not even the dummy's");
        assert_eq!(format!("{hash:?}"), "HashedPassword(***)");
    }

    #[test]
    fn a_hash_of_other_costs_or_of_another_system_is_outdated() {
        let (cheap, usual) = (cheap(), Hasher::new(Costs::default(), 1, &Random::seeded(1)).unwrap());
        let hash = cheap.hash_blocking(&Secret::new("secret"), &Random::seeded(2)).unwrap();
        assert!(!cheap.is_outdated(hash.as_str()));
        assert!(usual.is_outdated(hash.as_str()));
        assert!(cheap.is_outdated("{SSHA}abc"));
    }

    #[test]
    fn the_hash_of_the_reference_program_is_verified() {
        // The test vector of the reference implementation: password "password", salt "somesalt".
        let hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(matches("password", hash));
        assert!(!matches("differentpassword", hash));
        for broken in
            ["$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ", "$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$AA"]
        {
            assert!(!matches("password", broken));
        }
    }

    #[test]
    fn only_known_forms_of_hashes_are_taken_over() {
        assert!(HashedPassword::existing("{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=").is_ok());
        assert!(HashedPassword::existing("{CRYPT}$6$saltstring$abc").is_ok());
        for bad in ["secret", "{MD5}abc", "{CRYPT}$1$abc$def", "", "{PLAIN}secret"] {
            assert_eq!(HashedPassword::existing(bad).unwrap_err().field(), "password_hash", "{bad}");
        }
    }
}
