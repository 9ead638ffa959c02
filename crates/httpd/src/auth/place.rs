//! Where a request really comes from and what the browser believes to speak to, behind balancers too.

use std::net::IpAddr;

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
            let proto = last(&parts.headers, &FORWARDED_PROTO);
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
    let addresses = lines.iter().rev().flat_map(|line| line.rsplit(','));
    let mut nearest = None;
    for address in addresses {
        let Ok(address) = address.trim().parse::<IpAddr>() else { return nearest };
        let address = address.to_canonical();
        nearest = Some(address);
        if !options.proxies.contains(address) {
            return nearest;
        }
    }
    nearest
}
