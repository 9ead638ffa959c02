//! The PROXY protocol, versions 1 and 2: a balancer that we trust says where a connection really comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of a line of version 1 (section 2.1 of the protocol's text).
const LINE_BYTES: usize = 107;
/// Bytes that version 2 may add after its sixteen.
const MOST_BYTES: usize = 4_096;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What the bytes so far come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// More bytes are needed.
    More,
    /// So many bytes are a header that names the client, and the address it called.
    Found(usize, Option<(SocketAddr, SocketAddr)>),
    /// It is no header.
    Wrong,
}

/// Reads a header at the start of a connection.
pub(crate) fn parse(bytes: &[u8]) -> Header {
    if bytes.starts_with(SIGNATURE) {
        return second(bytes);
    }
    if bytes.starts_with(b"PROXY ") {
        return first(bytes);
    }
    let may_become = SIGNATURE.starts_with(bytes) || b"PROXY ".starts_with(bytes);
    if may_become { Header::More } else { Header::Wrong }
}

fn first(bytes: &[u8]) -> Header {
    let Some(end) = bytes.iter().take(LINE_BYTES).position(|byte| *byte == b'\n') else {
        return if bytes.len() >= LINE_BYTES { Header::Wrong } else { Header::More };
    };
    let line = bytes.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let Some(line) = line.and_then(|line| std::str::from_utf8(line).ok()) else { return Header::Wrong };
    let mut words = line.split(' ').skip(1);
    match words.next() {
        Some("UNKNOWN") => return Header::Found(end + 1, None),
        Some("TCP4" | "TCP6") => {}
        _ => return Header::Wrong,
    }
    let mut address = || words.next()?.parse::<IpAddr>().ok();
    let (Some(source), Some(target)) = (address(), address()) else { return Header::Wrong };
    let mut port = || words.next()?.parse::<u16>().ok();
    let (Some(source_port), Some(target_port)) = (port(), port()) else { return Header::Wrong };
    let named = (SocketAddr::new(source, source_port), SocketAddr::new(target, target_port));
    Header::Found(end + 1, Some(named))
}

fn second(bytes: &[u8]) -> Header {
    let Some((&[version, family, high, low], _)) =
        bytes.get(12..).and_then(|rest| rest.split_first_chunk::<4>())
    else {
        return Header::More;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version >> 4 != 2 || length > MOST_BYTES {
        return Header::Wrong;
    }
    let Some(body) = bytes.get(16..16 + length) else { return Header::More };
    let end = 16 + length;
    match (version & 15, family >> 4) {
        // LOCAL: the balancer itself, for example to see whether we live.
        (0, _) | (1, 0 | 3) => Header::Found(end, None),
        (1, 1) => body.first_chunk::<12>().map_or(Header::Wrong, |[a, b, c, d, e, f, g, h, p, q, r, s]| {
            let source = SocketAddr::new(Ipv4Addr::new(*a, *b, *c, *d).into(), u16::from_be_bytes([*p, *q]));
            let target = SocketAddr::new(Ipv4Addr::new(*e, *f, *g, *h).into(), u16::from_be_bytes([*r, *s]));
            Header::Found(end, Some((source, target)))
        }),
        (1, 2) => {
            let address = |from: usize| {
                body.get(from..)?.first_chunk::<16>().map(|bytes| IpAddr::V6(Ipv6Addr::from(*bytes)))
            };
            let port =
                |from: usize| body.get(from..)?.first_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes));
            match (address(0), address(16), port(32), port(34)) {
                (Some(source), Some(target), Some(source_port), Some(target_port)) => Header::Found(
                    end,
                    Some((SocketAddr::new(source, source_port), SocketAddr::new(target, target_port))),
                ),
                _ => Header::Wrong,
            }
        }
        _ => Header::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_both_versions_name_the_client() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 25\r\nEHLO x\r\n";
        let named = ("192.0.2.1:4711".parse().unwrap(), "198.51.100.2:25".parse().unwrap());
        assert_eq!(parse(line), Header::Found(43, Some(named)));
        for end in 0..43 {
            assert_eq!(parse(&line[..end]), Header::More, "{end}");
        }
        let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n";
        let named = ("[2001:db8::1]:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap());
        assert_eq!(parse(line), Header::Found(line.len(), Some(named)));
        assert_eq!(parse(b"PROXY UNKNOWN\r\n"), Header::Found(15, None));

        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x21, 0x11, 0, 15, 192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x67, 0, 25, 9, 9, 9]);
        let named = ("192.0.2.1:4711".parse().unwrap(), "198.51.100.2:25".parse().unwrap());
        assert_eq!(parse(&bytes), Header::Found(31, Some(named)));
        for end in 0..31 {
            assert_eq!(parse(&bytes[..end]), Header::More, "{end}");
        }
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x20, 0, 0, 0]);
        assert_eq!(parse(&bytes), Header::Found(16, None), "the balancer itself");
    }

    #[test]
    fn anything_else_is_wrong_and_never_waits_for_more_than_a_header() {
        for wrong in [
            &b"EHLO x\r\n"[..],
            b"PROXY TCP4 192.0.2.1\r\n",
            b"PROXY TCP4 a b 1 2\r\n",
            b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 99999\r\n",
            b"PROXY UNKNOWN\n",
            b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x01a",
        ] {
            assert_eq!(parse(wrong), Header::Wrong, "{}", wrong.escape_ascii());
        }
        let mut endless = b"PROXY TCP4 ".to_vec();
        endless.resize(200, b'1');
        assert_eq!(parse(&endless), Header::Wrong);
    }
}
