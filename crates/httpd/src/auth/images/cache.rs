//! Pictures that were fetched lately: within bounds, forgotten after an hour.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Picture;

/// A picture is asked for again after so long.
const FRESH_MS: i64 = 3_600_000;
/// What a picture costs beside its bytes.
const OVERHEAD: u64 = 256;

#[derive(Debug)]
struct Entry {
    picture: Picture,
    fetched_at_ms: i64,
    used: u64,
}

#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<[u8; 32], Entry>,
    bytes: u64,
    turn: u64,
}

/// Pictures by a hash of their address.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Shelf>);

fn key(address: &str) -> [u8; 32] {
    *blake3::hash(address.as_bytes()).as_bytes()
}

fn cost(picture: &Picture) -> u64 {
    u64::try_from(picture.bytes.len()).unwrap_or(u64::MAX).saturating_add(OVERHEAD)
}

impl Cache {
    /// A picture that is fresh.
    pub(super) fn get(&self, now_ms: i64, address: &str) -> Option<Picture> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.turn += 1;
        let turn = shelf.turn;
        let entry = shelf.entries.get_mut(&key(address))?;
        if now_ms - entry.fetched_at_ms >= FRESH_MS {
            return None;
        }
        entry.used = turn;
        Some(entry.picture.clone())
    }

    /// Keeps a picture; what was not used for longest makes room. One that is larger than an eighth of all is not kept.
    pub(super) fn put(&self, now_ms: i64, most_bytes: u64, address: &str, picture: &Picture) {
        let cost = cost(picture);
        if cost > most_bytes / 8 {
            return;
        }
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.turn += 1;
        let used = shelf.turn;
        shelf.remove(&key(address));
        while shelf.bytes + cost > most_bytes {
            let oldest = shelf.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key);
            let Some(oldest) = oldest else { break };
            shelf.remove(&oldest);
        }
        shelf.bytes += cost;
        shelf.entries.insert(key(address), Entry { picture: picture.clone(), fetched_at_ms: now_ms, used });
    }
}

impl Shelf {
    fn remove(&mut self, key: &[u8; 32]) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= cost(&entry.picture);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn picture(bytes: usize) -> Picture {
        Picture { kind: "image/png", bytes: Bytes::from(vec![0; bytes]) }
    }

    #[test]
    fn what_is_kept_is_bounded_fresh_and_used() {
        let cache = Cache::default();
        for n in 0..100 {
            cache.put(0, 10_000, &format!("{n}"), &picture(744));
            assert!(cache.get(0, "0").is_some(), "what is used stays: {n}");
        }
        let shelf = cache.0.lock().unwrap();
        assert_eq!((shelf.entries.len(), shelf.bytes), (10, 10_000));
        drop(shelf);
        assert!(cache.get(0, "99").is_some() && cache.get(0, "50").is_none());
        assert!(cache.get(FRESH_MS, "99").is_none(), "too old");
        cache.put(0, 10_000, "large", &picture(2_000));
        assert!(cache.get(0, "large").is_none());
        cache.put(0, 10_000, "99", &picture(100));
        assert_eq!(cache.0.lock().unwrap().bytes, 10_000 - 644, "replaced");
    }
}
