//! What the outbound client is told: who we are, and which way mail goes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Result, Secret};
use rustls::RootCertStore;

use super::dns::Dns;

/// How mail is handed to a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// SMTP.
    Smtp,
    /// LMTP (RFC 2033): an answer for each recipient.
    Lmtp,
}

/// How a connection to a relay is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayTls {
    /// TLS when it is offered, whoever the certificate says it is.
    Opportunistic,
    /// TLS by STARTTLS with a certificate for the name of the host.
    Required,
    /// TLS from the first byte, with a certificate for the name of the host.
    Implicit,
    /// Never.
    Off,
}

/// A server that takes mail for others over from us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// How the connection is protected.
    pub tls: RelayTls,
    /// Whether the name is a domain whose MX records are asked for.
    pub by_mx: bool,
}

impl Relay {
    /// Reads `host`, `host:port`, or either after `smtp://` (opportunistic TLS, port 25), `starttls://` (port 587),
    /// `smtps://` (port 465), `plain://` (no TLS) or `lmtp://` (port 24, no TLS). `[2001:db8::1]:25` for an IPv6
    /// address.
    ///
    /// # Errors
    /// `Invalid` with what to write instead.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(
                "relay",
                "is none; write host, host:port, or one of these after smtp://, starttls://, smtps://, plain:// or \
                 lmtp://",
            )
        };
        let (scheme, rest) = text.trim().split_once("://").unwrap_or(("smtp", text.trim()));
        let (protocol, tls, usual) = match scheme {
            "smtp" => (Protocol::Smtp, RelayTls::Opportunistic, 25),
            "starttls" => (Protocol::Smtp, RelayTls::Required, 587),
            "smtps" => (Protocol::Smtp, RelayTls::Implicit, 465),
            "plain" => (Protocol::Smtp, RelayTls::Off, 25),
            "lmtp" => (Protocol::Lmtp, RelayTls::Off, 24),
            _ => return Err(wrong()),
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, usual),
            Some((host, port)) => {
                (host, port.strip_prefix(':').and_then(|port| port.parse().ok()).ok_or_else(wrong)?)
            }
            None => match rest.rsplit_once(':') {
                Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
                None => (rest, usual),
            },
        };
        if host.is_empty() || host.contains(['/', ' ', '@', '[', ']']) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_ascii_lowercase(), port, protocol, tls, by_mx: false })
    }
}

/// A name and a password for a relay.
#[derive(Debug, Clone)]
pub struct Login {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// The settings of the outbound client.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of this host, as it greets others.
    pub hostname: String,
    /// The port of other mail servers; 25 but in tests.
    pub port: u16,
    /// Where mail goes that no transport takes; none: to the destination itself.
    pub smarthost: Option<Relay>,
    /// The login at the smarthost.
    pub smarthost_login: Option<Login>,
    /// Relays by domain; a domain that begins with a dot stands for all below it.
    pub transports: Vec<(String, Relay)>,
    /// Addresses of ours: a destination that leads to one of them is a loop.
    pub own_addresses: Vec<IpAddr>,
    /// Whether IPv6 is used.
    pub ipv6: bool,
    /// Whether TLSA records are looked for (DANE, RFC 7672).
    pub dane: bool,
    /// Whether policies of MTA-STS (RFC 8461) are looked for.
    pub mta_sts: bool,
    /// The port of servers of such policies; 443 but in tests.
    pub mta_sts_port: u16,
    /// Who sends reports about TLS (RFC 8460): an address of a domain of ours; none: nothing is reported.
    pub report_from: Option<String>,
    /// Certificate authorities that are trusted.
    pub roots: Arc<RootCertStore>,
    /// The name servers.
    pub dns: Dns,
    /// How often the queue is looked at when nothing says that it should be.
    pub poll: Duration,
    /// How long recipients stay claimed by a node that went away.
    pub lease: Duration,
}

impl Settings {
    /// The usual settings of a host.
    pub fn new(hostname: impl Into<String>, roots: Arc<RootCertStore>, dns: Dns) -> Self {
        Self {
            hostname: hostname.into(),
            port: 25,
            smarthost: None,
            smarthost_login: None,
            transports: Vec::new(),
            own_addresses: Vec::new(),
            ipv6: true,
            dane: true,
            mta_sts: true,
            mta_sts_port: 443,
            report_from: None,
            roots,
            dns,
            poll: Duration::from_secs(5),
            lease: Duration::from_mins(2),
        }
    }

    /// The relay for a domain: of the most exact transport.
    pub(super) fn transport(&self, domain: &str) -> Option<&Relay> {
        let mut rest = domain;
        if let Some((_, relay)) = self.transports.iter().find(|(name, _)| name == domain) {
            return Some(relay);
        }
        while let Some(at) = rest.find('.') {
            let below = rest.get(at..)?;
            if let Some((_, relay)) = self.transports.iter().find(|(name, _)| name == below) {
                return Some(relay);
            }
            rest = rest.get(at + 1..)?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_read_from_text() {
        let relay = Relay::parse("Mail.Example.org").unwrap();
        assert_eq!(
            (relay.host.as_str(), relay.port, relay.tls),
            ("mail.example.org", 25, RelayTls::Opportunistic)
        );
        assert_eq!(Relay::parse("smtps://relay.test").unwrap().port, 465);
        let lmtp = Relay::parse("lmtp://127.0.0.1:2424").unwrap();
        assert_eq!((lmtp.protocol, lmtp.port), (Protocol::Lmtp, 2424));
        let six = Relay::parse("starttls://[2001:db8::1]:2525").unwrap();
        assert_eq!((six.host.as_str(), six.port), ("2001:db8::1", 2525));
        for wrong in ["", "http://x", "host:port", "a b", "[::1", "me@host"] {
            assert!(Relay::parse(wrong).is_err(), "{wrong}");
        }
    }
}
