//! Randomness as an argument: the system's in production, a repeatable stream in tests.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A source of random bytes. Cheap to clone; clones of a seeded source share its stream.
#[derive(Clone)]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<blake3::OutputReader>>),
}

impl Random {
    /// The operating system's source.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A repeatable stream for tests.
    pub fn seeded(seed: u64) -> Self {
        let reader = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
        Self(Source::Seeded(Arc::new(Mutex::new(reader))))
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// When the operating system has no randomness: nothing safe can be done without it.
    #[expect(clippy::disallowed_methods, clippy::expect_used, reason = "the one place that asks the system")]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        match &self.0 {
            Source::System => getrandom::fill(&mut out).expect("the operating system gives random bytes"),
            Source::Seeded(reader) => {
                reader.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut out);
            }
        }
        out
    }

    /// A random number.
    pub fn u64(&self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    /// A random positive id-like number of 62 bits, for names that are never used again.
    pub fn id(&self) -> i64 {
        i64::try_from(self.u64() >> 2).unwrap_or(0)
    }

    /// `length` letters and digits without the look-alikes `l`, `o`, `0` and `1`: 5 bits a character.
    /// For passwords and codes that people copy by hand.
    pub fn readable(&self, length: usize) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        (0..length)
            .map(|_| {
                let [byte] = self.bytes::<1>();
                char::from(*ALPHABET.get(usize::from(byte & 31)).unwrap_or(&b'a'))
            })
            .collect()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Random::System",
            Source::Seeded(_) => "Random::Seeded",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        assert_eq!(Random::seeded(7).u64(), Random::seeded(7).u64());
        assert_ne!(Random::system().u64(), Random::system().u64());
    }

    #[test]
    fn readable_text_has_no_look_alikes() {
        let text = Random::seeded(1).readable(200);
        assert_eq!(text.len(), 200);
        assert!(!text.contains(['l', 'o', '0', '1']));
    }
}
