//! Networks that are trusted: addresses with a prefix length.

use std::net::IpAddr;

use base::{Error, Result};

/// A list of networks, as `10.0.0.0/8` or `2001:db8::/32`; an address alone is a network of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<(IpAddr, u8)>);

impl Networks {
    /// Reads networks.
    ///
    /// # Errors
    /// `Invalid` for what is no network.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self> {
        texts.iter().map(|text| parse(text.as_ref())).collect::<Result<Vec<_>>>().map(Self)
    }

    /// The networks of this machine itself.
    pub fn loopback() -> Self {
        Self(vec![(IpAddr::from([127, 0, 0, 0]), 8), (IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 128)])
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address lies in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|(network, length)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                prefix(u128::from(network.to_bits()) << 96, *length)
                    == prefix(u128::from(address.to_bits()) << 96, *length)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                prefix(network.to_bits(), *length) == prefix(address.to_bits(), *length)
            }
            _ => false,
        })
    }
}

fn prefix(bits: u128, length: u8) -> u128 {
    bits.checked_shr(128 - u32::from(length.min(128))).unwrap_or(0)
}

fn parse(text: &str) -> Result<(IpAddr, u8)> {
    let wrong = || {
        Error::invalid(
            "network",
            format!("{text:?} is no network; write it as 192.0.2.0/24 or 2001:db8::/32"),
        )
    };
    let (address, length) = match text.trim().split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u8>().map_err(|_| wrong())?)),
        None => (text.trim(), None),
    };
    let address = address.parse::<IpAddr>().map_err(|_| wrong())?.to_canonical();
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(most);
    if length > most { Err(wrong()) } else { Ok((address, length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_in_a_network_or_not() {
        let networks = Networks::parse(&["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "0.0.0.0/0"]).unwrap();
        let some = Networks(networks.0[..3].to_vec());
        for (address, lies) in [
            ("10.255.1.2", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:10.1.1.1", true),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(some.contains(address.parse().unwrap()), lies, "{address}");
        }
        assert!(networks.contains("203.0.113.9".parse().unwrap()), "everything of IPv4");
        for wrong in ["", "10.0.0.0/33", "2001:db8::/129", "mail.example", "10.0.0.0/x"] {
            assert!(Networks::parse(&[wrong]).is_err(), "{wrong}");
        }
        assert!(Networks::loopback().contains("127.0.0.9".parse().unwrap()));
    }
}
