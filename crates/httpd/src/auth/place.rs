//! Where a request really comes from and what the browser believes to speak to, behind balancers too.

use std::net::{IpAddr, SocketAddr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};
use base::{Error, Result};

use super::Options;
use crate::request::{Peer, Secure};

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The two ends of a request.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Where it comes from.
    pub address: IpAddr,
    /// Whether the browser spoke TLS.
    pub is_tls: bool,
    /// What the browser has in its address line: scheme, host and port.
    pub origin: String,
}

impl Place {
    /// The ends of a request.
    ///
    /// # Errors
    /// `Corrupt` for a request that came over no connection.
    pub(super) fn of(options: &Options, parts: &Parts) -> Result<Self> {
        let peer = parts.extensions.get::<Peer>();
        let peer = peer.ok_or_else(|| Error::corrupt("request", "comes from nowhere"))?;
        let peer = peer.0.ip().to_canonical();
        let encrypted = parts.extensions.get::<Secure>().is_some();
        let is_proxied = options.proxies.contains(peer);
        let (address, is_tls) = if is_proxied {
            let proto = last(&parts.headers, &FORWARDED_PROTO).map(str::to_owned);
            let proto = proto.or_else(|| said(&parts.headers, "proto").into_iter().next());
            let is_tls = proto.map_or(encrypted, |proto| proto.eq_ignore_ascii_case("https"));
            (forwarded(options, &parts.headers).unwrap_or(peer), is_tls)
        } else {
            (peer, encrypted)
        };
        if let Some(origin) = &options.public_origin {
            return Ok(Self { address, is_tls: origin.starts_with("https:"), origin: origin.clone() });
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| parts.uri.authority().map(axum::http::uri::Authority::as_str));
        let scheme = if is_tls { "https" } else { "http" };
        let origin = format!("{scheme}://{}", host.unwrap_or_default().to_lowercase());
        Ok(Self { address, is_tls, origin })
    }

    /// Refuses what another site made a browser send.
    ///
    /// # Errors
    /// `Forbidden` about `origin`.
    pub(super) fn require_own_site(&self, headers: &HeaderMap) -> Result<()> {
        let site = headers.get(&FETCH_SITE).map(|value| value.as_bytes());
        let is_own_site = site.is_none_or(|site| site == b"same-origin" || site == b"none");
        let origin = headers.get(header::ORIGIN).map(|value| value.as_bytes());
        let is_own_origin = origin.is_none_or(|origin| origin == self.origin.as_bytes());
        if is_own_site && is_own_origin {
            return Ok(());
        }
        Err(Error::forbidden("origin", "is another site: this is only taken from our own pages"))
    }
}

/// Whether a method changes nothing.
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn last<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim)
}

/// The address that the outermost of our own balancers saw: read from the right, over all that are ours.
fn forwarded(options: &Options, headers: &HeaderMap) -> Option<IpAddr> {
    let lines: Vec<&str> =
        headers.get_all(&FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let mut addresses: Vec<String> =
        lines.iter().rev().flat_map(|line| line.rsplit(',')).map(|one| one.trim().to_owned()).collect();
    if addresses.is_empty() {
        addresses = said(headers, "for");
    }
    let mut nearest = None;
    for address in addresses {
        let Some(address) = node(&address) else { return nearest };
        nearest = Some(address);
        if !options.proxies.contains(address) {
            return nearest;
        }
    }
    nearest
}

/// The values of a parameter of `Forwarded` (RFC 7239), the nearest hop first.
fn said(headers: &HeaderMap, parameter: &str) -> Vec<String> {
    let lines: Vec<&str> =
        headers.get_all(header::FORWARDED).iter().filter_map(|line| line.to_str().ok()).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    // A hop that does not say it hides what is behind it.
    hops.map(|hop| {
        let mut pairs = hop.split(';').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case(parameter));
        found.map(|(_, value)| value.trim().trim_matches('"').to_owned()).unwrap_or_default()
    })
    .collect()
}

/// The address of a node: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip()));
    let address = bare.ok().or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use wire::Networks;

    /// The place of a request from an address with these headers.
    fn place(peer: &str, headers: &[(&str, &str)]) -> Place {
        let proxies = Networks::parse(&["10.0.0.0/8", "fd00::/8"]).unwrap();
        let mut request = Request::builder().header("host", "Mail.Example.org");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(Peer(format!("{peer}:1").parse().unwrap()));
        Place::of(&Options { proxies, ..Options::default() }, &parts).unwrap()
    }

    #[test]
    fn only_our_own_balancers_are_believed() {
        for (peer, headers, address, origin) in [
            (
                "192.0.2.9",
                &[("x-forwarded-for", "203.0.113.1"), ("x-forwarded-proto", "https")][..],
                "192.0.2.9",
                "http",
            ),
            ("192.0.2.9", &[("forwarded", "for=203.0.113.1;proto=https")], "192.0.2.9", "http"),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "203.0.113.1"), ("x-forwarded-proto", "https")],
                "203.0.113.1",
                "https",
            ),
            // What a client says before our own balancers is not believed.
            ("10.0.0.1", &[("x-forwarded-for", "127.0.0.1, 203.0.113.1, 10.0.0.2")], "203.0.113.1", "http"),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "203.0.113.1")],
                "203.0.113.1",
                "http",
            ),
            (
                "10.0.0.1",
                &[("forwarded", "for=127.0.0.1, for=\"203.0.113.1:99\";proto=https")],
                "203.0.113.1",
                "https",
            ),
            ("10.0.0.1", &[("forwarded", "For=\"[2001:db8::1]:443\"; Proto=HTTPS")], "2001:db8::1", "https"),
            ("10.0.0.1", &[("forwarded", "for=unknown")], "10.0.0.1", "http"),
            ("10.0.0.1", &[("forwarded", "for=203.0.113.1, by=10.0.0.3")], "10.0.0.1", "http"),
            ("10.0.0.1", &[("x-forwarded-for", "nonsense")], "10.0.0.1", "http"),
            ("10.0.0.1", &[], "10.0.0.1", "http"),
        ] {
            let place = place(peer, headers);
            assert_eq!(place.address.to_string(), address, "{headers:?}");
            assert_eq!(place.origin, format!("{origin}://mail.example.org"), "{headers:?}");
        }
    }
}
