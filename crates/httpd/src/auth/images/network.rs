//! Where pictures may come from: public networks, and those that the configuration names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use base::{Error, Result};
use url::{Host, Url};
use wire::Networks;

/// What pictures are asked for at: anything else is no web server of somebody.
const PORTS: [u16; 2] = [80, 443];

fn refused(rule: &'static str) -> Error {
    Error::forbidden("address", rule)
}

/// The address of a picture, as far as it can be judged without asking anybody.
///
/// # Errors
/// `Forbidden` about `address`.
pub(super) fn target(text: &str) -> Result<Url> {
    let address = Url::parse(text).map_err(|_| refused("is none"))?;
    if !matches!(address.scheme(), "http" | "https") || address.host().is_none() {
        return Err(refused("is no address of the web"));
    }
    if !address.username().is_empty() || address.password().is_some() {
        return Err(refused("holds a name or a password"));
    }
    Ok(address)
}

/// The sockets that a picture may be asked for at: of all that its name leads to, those that are allowed.
///
/// # Errors
/// `Forbidden` about `address` when there is none, `Unavailable` when the name leads nowhere.
pub(super) async fn sockets(address: &Url, own: &Networks) -> Result<Vec<SocketAddr>> {
    let port = address.port_or_known_default().unwrap_or(0);
    let found: Vec<SocketAddr> = match address.host() {
        Some(Host::Ipv4(address)) => vec![SocketAddr::new(address.into(), port)],
        Some(Host::Ipv6(address)) => vec![SocketAddr::new(address.into(), port)],
        Some(Host::Domain(name)) => tokio::net::lookup_host((name, port))
            .await
            .map_err(|_| Error::unavailable("address", "leads nowhere"))?
            .collect(),
        None => Vec::new(),
    };
    let allowed: Vec<SocketAddr> =
        found.into_iter().filter(|socket| is_allowed(*socket, own)).take(8).collect();
    if allowed.is_empty() { Err(refused("is not on a public network")) } else { Ok(allowed) }
}

fn is_allowed(socket: SocketAddr, own: &Networks) -> bool {
    let address = socket.ip().to_canonical();
    own.contains(address) || (PORTS.contains(&socket.port()) && is_public(address))
}

/// Whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// All but what the registry of special addresses lists (RFC 6890 and later).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !is_special
}

/// Global unicast; addresses that hold one of IPv4 are judged by that.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [first, second, third, ..] = segments;
    let holds = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match first {
        // NAT64.
        0x64 => matches!(segments, [_, 0xff9b, 0, 0, 0, 0, high, low] if holds(high, low)),
        // 6to4.
        0x2002 => holds(second, third),
        // Teredo, benchmarks, documentation, identifiers.
        0x2001 => !(second < 0x200 || second == 0xdb8),
        0x3fff => second >= 0x1000,
        0x2000..0x4000 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_public_are_refused_however_they_are_written() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.5",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2002:c0a8:101::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "100::1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(!is_public(address.to_canonical()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "193.0.6.139",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "2001:67c:2e8::1",
            "2002:101:101::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[tokio::test]
    async fn no_way_of_writing_an_address_leads_inside() {
        let none = Networks::default();
        for text in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://10.0.0.1:8080/",
            "http://169.254.169.254/latest/meta-data/",
            "http://1.1.1.1:22/",
            "http://0/",
            "http://\u{ff11}27.0.0.1/",
            "https://[64:ff9b::7f00:1]/",
        ] {
            let address = target(text).unwrap();
            assert!(sockets(&address, &none).await.is_err(), "{text}");
        }
        for text in [
            "file:///etc/passwd",
            "ftp://1.1.1.1/",
            "data:image/png;base64,AA",
            "//1.1.1.1/",
            "http://",
            "http://a:b@1.1.1.1/",
            "cid:x",
            "javascript:1",
        ] {
            assert!(target(text).is_err(), "{text}");
        }
        let address = target("http://1.1.1.1/a.png").unwrap();
        assert_eq!(sockets(&address, &none).await.unwrap(), ["1.1.1.1:80".parse().unwrap()]);
        let own = Networks::loopback();
        let address = target("http://127.0.0.1:8080/a.png").unwrap();
        assert_eq!(sockets(&address, &own).await.unwrap(), ["127.0.0.1:8080".parse().unwrap()]);
    }
}
