//! Bodies that were put lately, so that the same body again costs no question and no write.
//!
//! What must stay true here: an entry is used only while it is fresh (a quarter of a lease), so that
//! whoever gets it has at least another quarter to name the body.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::record::{Hash, Place};

/// Entries of one half; when it is full it becomes the old half, and the old half is forgotten.
const HALF: usize = 4_096;

/// What is known of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) place: Place,
    /// Its lease runs from here: its row was touched, or its record written, not before this.
    pub(crate) fresh_at: i64,
    /// Its row is in the database.
    pub(crate) named: bool,
}

type Key = (i64, Hash);

/// A bounded memory in two halves.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Halves>);

#[derive(Default)]
struct Halves {
    young: HashMap<Key, Known>,
    old: HashMap<Key, Known>,
}

impl Recent {
    /// What is known, if its lease began at `since` or later.
    pub(crate) fn get(&self, organisation: i64, hash: &Hash, since: i64) -> Option<Known> {
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (organisation, *hash);
        let known = halves.young.get(&key).or_else(|| halves.old.get(&key))?;
        (known.fresh_at >= since).then_some(*known)
    }

    pub(crate) fn put(&self, organisation: i64, hash: Hash, known: Known) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.young.len() >= HALF {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.young.insert((organisation, hash), known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_the_oldest_and_answers_only_while_fresh() {
        let recent = Recent::default();
        let place = Place { container: 1, offset: 0, stored: 1, encoding: 0, size: 1 };
        let known = Known { place, fresh_at: 10, named: false };
        recent.put(1, [0; 32], known);
        assert_eq!(recent.get(1, &[0; 32], 10), Some(known));
        assert_eq!(recent.get(1, &[0; 32], 11), None);
        assert_eq!(recent.get(2, &[0; 32], 0), None);
        for n in 0..2 * HALF as u64 {
            let mut hash = [1; 32];
            hash[..8].copy_from_slice(&n.to_le_bytes());
            recent.put(1, hash, known);
        }
        assert_eq!(recent.get(1, &[0; 32], 0), None);
    }
}
