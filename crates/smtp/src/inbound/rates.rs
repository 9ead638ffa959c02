//! How often something may happen in an hour: messages from a network, recipients of an account. Counted in memory,
//! one set a node; the number of counters is bounded.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Milliseconds of a window.
const HOUR_MS: i64 = 3_600_000;
/// Counters that are kept; beyond it those of windows that are over go first.
const MOST_COUNTERS: usize = 100_000;

/// Counts things by their key.
#[derive(Debug)]
pub struct Rates<K>(Mutex<HashMap<K, Window>>);

#[derive(Debug, Clone, Copy)]
struct Window {
    began_ms: i64,
    count: u64,
}

impl<K> Default for Rates<K> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash> Rates<K> {
    /// Counts `more` for a key unless that is above `most` in this hour; whether it was counted.
    pub fn count(&self, key: K, more: u64, most: u64, now_ms: i64) -> bool {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST_COUNTERS {
            windows.retain(|_, window| window.began_ms + HOUR_MS > now_ms);
            if windows.len() >= MOST_COUNTERS {
                windows.clear();
            }
        }
        let window = windows.entry(key).or_insert(Window { began_ms: now_ms, count: 0 });
        if window.began_ms + HOUR_MS <= now_ms {
            *window = Window { began_ms: now_ms, count: 0 };
        }
        if window.count.saturating_add(more) > most {
            return false;
        }
        window.count += more;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_so_many_and_the_next_one_again() {
        let rates = Rates::default();
        assert!(rates.count("a", 2, 3, 0));
        assert!(!rates.count("a", 2, 3, 1));
        assert!(rates.count("a", 1, 3, 2));
        assert!(rates.count("b", 3, 3, 2));
        assert!(!rates.count("a", 1, 3, HOUR_MS - 1));
        assert!(rates.count("a", 3, 3, HOUR_MS));
    }
}
