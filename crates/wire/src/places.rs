//! How many connections may be open: in all, and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts open connections. Cheap to clone; clones count together, so that the listeners of a protocol share one.
#[derive(Debug, Clone)]
pub struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    total: u64,
    per_address: u64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: u64,
    by_address: HashMap<IpAddr, u64>,
}

/// A place that a connection holds until this is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    address: Option<IpAddr>,
}

/// The 64 bits of an IPv6 address that a subscriber has; IPv4 as it is.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

impl Places {
    /// So many in all, and so many from one address (IPv6: /64).
    pub fn new(total: u64, per_address: u64) -> Self {
        Self(Arc::new(Inner { total, per_address, open: Mutex::default() }))
    }

    /// Takes a place; none when all are taken. Without an address only the total counts.
    pub fn take(&self, address: Option<IpAddr>) -> Option<Place> {
        let address = address.map(counted);
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let from = address.and_then(|address| open.by_address.get(&address)).copied().unwrap_or(0);
        if open.total >= self.0.total || (address.is_some() && from >= self.0.per_address) {
            return None;
        }
        open.total += 1;
        if let Some(address) = address {
            open.by_address.insert(address, from + 1);
        }
        Some(Place { places: self.clone(), address })
    }

    /// Open connections.
    pub fn open(&self) -> u64 {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total = open.total.saturating_sub(1);
        if let Some(address) = self.address
            && let Some(count) = open.by_address.get_mut(&address)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_in_all_and_from_one_address_and_come_back() {
        let places = Places::new(3, 2);
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let other: IpAddr = "192.0.2.1".parse().unwrap();
        let (first, second) = (places.take(Some(one)), places.take(Some(neighbour)));
        assert!(first.is_some() && second.is_some());
        assert!(places.take(Some(one)).is_none(), "two from one network");
        let third = places.take(Some(other));
        assert!(third.is_some());
        assert!(places.take(None).is_none(), "three in all");
        drop(first);
        assert!(places.take(Some(one)).is_some());
        drop((second, third));
        assert_eq!(places.open(), 0);
    }
}
