//! Slows down who guesses passwords, without locking anyone out from where they are at home.
//!
//! Counters are in memory, one set a node: an attacker who spreads over all nodes gets as many tries more. What an
//! account's networks are is in the database (`known_network`), so it is the same on all nodes and after a restart.
//!
//! What must stay true here:
//! - From a network where the account logged in before, only wrong passwords *for this account from this network*
//!   count: strangers cannot lock its owner out from there.
//! - A try is counted before its password is looked at and taken back when it was right, so that many tries at
//!   once do not slip through together.
//! - The number of counters is bounded.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Error, Limits, Result};

/// Counters that are kept; beyond it the oldest windows go first.
const MOST_COUNTERS: usize = 200_000;

/// A network as it is counted: an IPv4 address, or the 64 bits of an IPv6 address that a subscriber has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(address)),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// Wrong passwords for a login name from networks it does not know.
    Name(u64),
    /// Wrong passwords for a login name from one network that it knows.
    NameAt(u64, Network),
    /// Wrong passwords from one network, for whatever name.
    From(Network),
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began_ms: i64,
    count: u64,
}

/// Counts wrong passwords. Cheap to clone; clones share the counters.
#[derive(Clone, Default)]
pub struct Throttle(Arc<Mutex<HashMap<Key, Window>>>);

/// A try that was counted.
#[derive(Debug)]
#[must_use = "a right password takes the count back"]
pub struct Attempt {
    keys: [Option<Key>; 2],
}

impl Throttle {
    /// Counts a try for a login name from a network; `known` says that the account logged in from there before.
    ///
    /// # Errors
    /// `Limit` when it has to wait.
    pub fn begin(
        &self,
        limits: &Limits,
        now_ms: i64,
        name: &str,
        network: Option<Network>,
        known: bool,
    ) -> Result<Attempt> {
        let name = name_key(name);
        let keys = match network {
            Some(network) if known => {
                [Some((Key::NameAt(name, network), limits.login_failures_per_account)), None]
            }
            Some(network) => [
                Some((Key::Name(name), limits.login_failures_per_account)),
                Some((Key::From(network), limits.login_failures_per_address)),
            ],
            None => [Some((Key::Name(name), limits.login_failures_per_account)), None],
        };
        let length_ms = i64::try_from(limits.login_window_seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, most) in keys.iter().flatten() {
            let Some(window) = windows.get(key) else { continue };
            let ends_ms = window.began_ms.saturating_add(length_ms);
            if ends_ms > now_ms && window.count >= *most {
                let minutes = (ends_ms - now_ms) / 60_000 + 1;
                return Err(Error::limit(
                    "login",
                    format!("too many wrong passwords; try again in {minutes} minutes"),
                ));
            }
        }
        if windows.len() >= MOST_COUNTERS {
            shrink(&mut windows, now_ms, length_ms);
        }
        for (key, _) in keys.iter().flatten() {
            let window = windows.entry(*key).or_insert(Window { began_ms: now_ms, count: 0 });
            if window.began_ms.saturating_add(length_ms) <= now_ms {
                *window = Window { began_ms: now_ms, count: 0 };
            }
            window.count += 1;
        }
        Ok(Attempt { keys: keys.map(|key| key.map(|(key, _)| key)) })
    }

    /// Takes a try back: its password was right, or nobody looked at it.
    pub fn take_back(&self, attempt: &Attempt) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in attempt.keys.iter().flatten() {
            if let Some(window) = windows.get_mut(key) {
                window.count = window.count.saturating_sub(1);
                if window.count == 0 {
                    windows.remove(key);
                }
            }
        }
    }
}

/// Removes windows that are over, and if that is not enough the older half.
fn shrink(windows: &mut HashMap<Key, Window>, now_ms: i64, length_ms: i64) {
    windows.retain(|_, window| window.began_ms.saturating_add(length_ms) > now_ms);
    if windows.len() < MOST_COUNTERS {
        return;
    }
    let mut begins: Vec<i64> = windows.values().map(|window| window.began_ms).collect();
    let middle = begins.len() / 2;
    let (_, median, _) = begins.select_nth_unstable(middle);
    let median = *median;
    let mut kept = 0;
    windows.retain(|_, window| {
        let keep = window.began_ms >= median && kept < MOST_COUNTERS / 2;
        kept += usize::from(keep);
        keep
    });
}

/// Names are counted by a number: an attacker chooses their length.
fn name_key(name: &str) -> u64 {
    crate::short_number(&name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use base::Meaning;

    use super::*;

    fn limits() -> Limits {
        Limits {
            login_failures_per_account: 3,
            login_failures_per_address: 5,
            login_window_seconds: 60,
            ..Limits::default()
        }
    }

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn wrong_passwords_make_wait_and_the_window_ends() {
        let (throttle, limits) = (Throttle::default(), limits());
        for n in 0..3 {
            let _ = throttle.begin(&limits, n, "ada@example.org", Some(network("192.0.2.1")), false).unwrap();
        }
        let error =
            throttle.begin(&limits, 3, "Ada@example.org", Some(network("192.0.2.2")), false).unwrap_err();
        assert_eq!(error.meaning(), Meaning::Limit);
        let _ =
            throttle.begin(&limits, 60_001, "ada@example.org", Some(network("192.0.2.2")), false).unwrap();
    }

    #[test]
    fn strangers_do_not_lock_anyone_out_from_a_network_it_knows() {
        let (throttle, limits) = (Throttle::default(), limits());
        let home = Some(network("2001:db8:1:2::3"));
        for n in 0..50 {
            let from = Some(network(&format!("192.0.2.{n}")));
            drop(throttle.begin(&limits, 0, "ada@example.org", from, false));
        }
        // Even when the guesses for other names come from the same network.
        for n in 0..50 {
            drop(throttle.begin(&limits, 0, &format!("u{n}@example.org"), home, false));
        }
        assert!(throttle.begin(&limits, 0, "ada@example.org", Some(network("198.51.100.1")), false).is_err());
        let _ = throttle.begin(&limits, 0, "ada@example.org", home, true).unwrap();
    }

    #[test]
    fn guesses_from_a_known_network_are_bounded_too() {
        let (throttle, limits) = (Throttle::default(), limits());
        let home = Some(network("192.0.2.1"));
        for _ in 0..3 {
            let _ = throttle.begin(&limits, 0, "ada@example.org", home, true).unwrap();
        }
        assert!(throttle.begin(&limits, 0, "ada@example.org", home, true).is_err());
    }

    #[test]
    fn one_network_has_a_bound_over_all_names_and_ipv6_counts_by_64_bits() {
        let (throttle, limits) = (Throttle::default(), limits());
        for n in 0..5 {
            let from = Some(network(&format!("2001:db8::{n:x}")));
            let _ = throttle.begin(&limits, 0, &format!("u{n}@example.org"), from, false).unwrap();
        }
        assert!(
            throttle.begin(&limits, 0, "u9@example.org", Some(network("2001:db8::ffff")), false).is_err()
        );
        let _ =
            throttle.begin(&limits, 0, "u9@example.org", Some(network("2001:db8:0:1::1")), false).unwrap();
        assert_eq!(Network::of("::ffff:192.0.2.1".parse().unwrap()).to_string(), "192.0.2.1");
        assert_eq!(Network::of("2001:db8::5".parse().unwrap()).to_string(), "2001:db8::/64");
    }

    #[test]
    fn right_passwords_do_not_count() {
        let (throttle, limits) = (Throttle::default(), limits());
        for _ in 0..100 {
            let attempt =
                throttle.begin(&limits, 0, "ada@example.org", Some(network("192.0.2.1")), false).unwrap();
            throttle.take_back(&attempt);
        }
        assert!(throttle.0.lock().unwrap().is_empty());
    }

    #[test]
    fn the_number_of_counters_is_bounded() {
        let (throttle, limits) = (Throttle::default(), limits());
        for n in 0..MOST_COUNTERS {
            drop(throttle.begin(&limits, i64::try_from(n / 10_000).unwrap(), &format!("u{n}"), None, false));
        }
        drop(throttle.begin(&limits, 30, "one more", None, false));
        assert!(throttle.0.lock().unwrap().len() <= MOST_COUNTERS);
    }
}
