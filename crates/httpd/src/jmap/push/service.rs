//! One request to a push service, at an address that is nobody's inner network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Result};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{StatusCode, Url};
use rustls::RootCertStore;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was taken.
    Taken,
    /// Nobody is there any more.
    Gone,
}

/// What is sent.
pub(super) struct Message {
    pub body: Vec<u8>,
    pub is_encrypted: bool,
    pub authorization: Option<String>,
}

/// Seconds that a push service keeps what it cannot hand on.
const KEPT_SECONDS: &str = "86400";

/// Whether an address belongs to the public network.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_special =
        (a == 192 && b == 0 && c == 0) || (a == 198 && (18..20).contains(&b)) || a >= 240 || a == 0;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || is_shared
        || is_special)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Global unicast is 2000::/3; of it, 2001:db8::/32 is for documents, 2001::/23 for protocols, and 2002::/16 holds
    // addresses of IPv4.
    (first & 0xe000) == 0x2000
        && !(first == 0x2001 && (second == 0x0db8 || second < 0x0200))
        && first != 0x2002
}

/// Sends to push services.
pub(super) struct Service {
    client: reqwest::Client,
    is_private_allowed: bool,
}

/// Resolves names to public addresses only: a name is looked at each time, so that none can change its mind.
struct PublicOnly {
    is_private_allowed: bool,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.is_private_allowed;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fit: Vec<SocketAddr> = found.filter(|address| allowed || is_public(address.ip())).collect();
            if fit.is_empty() {
                return Err("it leads to no public address".into());
            }
            let fit: Addrs = Box::new(fit.into_iter());
            Ok(fit)
        })
    }
}

impl Service {
    pub(super) fn new(roots: Arc<RootCertStore>, seconds: u64, is_private_allowed: bool) -> Result<Self> {
        let failed = |error: String| Error::corrupt("push", "cannot be sent").with_source(error);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(PublicOnly { is_private_allowed }))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(seconds))
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { client, is_private_allowed })
    }

    /// The address, and the origin that a token is made out to.
    ///
    /// # Errors
    /// `Invalid` for an address that nothing is sent to.
    pub(super) fn read(&self, url: &str) -> Result<(Url, String)> {
        let wrong = |why: &'static str| Error::invalid("url", why);
        let url = Url::parse(url).map_err(|_| wrong("is no address"))?;
        let literal = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        if !self.is_private_allowed && (url.scheme() != "https" || literal.is_some_and(|ip| !is_public(ip))) {
            return Err(wrong("is no address of the public network with https"));
        }
        let origin = url.origin().ascii_serialization();
        Ok((url, origin))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// `Unavailable` when it has to be tried again.
    pub(super) async fn send(&self, url: Url, message: Message) -> Result<Sent> {
        let mut request = self
            .client
            .post(url)
            .header(
                "content-type",
                if message.is_encrypted { "application/octet-stream" } else { "application/json" },
            )
            .header("ttl", KEPT_SECONDS)
            .header("urgency", "normal")
            .body(message.body);
        if message.is_encrypted {
            request = request.header("content-encoding", "aes128gcm");
        }
        if let Some(authorization) = message.authorization {
            request = request.header("authorization", authorization);
        }
        // The error of the library holds the address, which is the client's secret.
        let answer = request.send().await.map_err(|error| {
            Error::unavailable("push service", "does not answer").with_source(error.without_url())
        })?;
        match answer.status() {
            status if status.is_success() => Ok(Sent::Taken),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Sent::Gone),
            status => Err(Error::unavailable("push service", format!("answers {}", status.as_u16()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r09_push_never_goes_to_inner_networks() {
        let service = Service::new(Arc::new(RootCertStore::empty()), 1, false).unwrap();
        let wrong = [
            "https://127.0.0.1/",
            "https://10.0.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://0.0.0.0/",
            "https://100.64.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[2002:7f00:1::]/",
            "http://1.1.1.1/",
            "x:",
        ];
        for url in wrong {
            assert!(service.read(url).is_err(), "{url}");
        }
        let (_, origin) = service.read("https://Push.Example:8443/a/b?c").unwrap();
        assert_eq!(origin, "https://push.example:8443");
        assert!(service.read("https://9.9.9.9/").is_ok() && service.read("https://[2620:fe::fe]/").is_ok());
    }

    #[tokio::test]
    async fn r09_a_name_that_leads_inside_is_not_resolved() {
        let resolve = |is_private_allowed| {
            let name: Name = "localhost".parse().unwrap();
            PublicOnly { is_private_allowed }.resolve(name)
        };
        assert!(resolve(false).await.is_err() && resolve(true).await.is_ok());
    }
}
