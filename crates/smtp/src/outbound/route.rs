//! From a destination to hosts and addresses, and what must be true of a connection to each.

use std::net::{IpAddr, SocketAddr};

use mail::queue::{Reply, Verdict};

use super::Shared;
use super::dns::{Mx, Trouble};
use super::session::{Target, Trust};
use super::settings::{Login, Protocol, Relay, RelayTls};
use super::sts::{Mode, Policy};

/// Which way mail for a destination goes.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// To a relay.
    Relay(Relay, Option<Login>),
    /// To the hosts of the domain.
    Domain(String),
}

/// What bound us on a connection, for reports about TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bound {
    /// `sts`, `tlsa` or `no-policy-found`.
    pub(super) policy_type: &'static str,
    /// The policy, as lines.
    pub(super) text: String,
}

/// The hosts of a destination in the order in which they are tried.
pub(super) struct Plan {
    pub(super) hosts: Vec<String>,
    way: Way,
    /// Whether the hosts come from MX records, which DANE then needs to be secure, too.
    by_mx: bool,
    policy: Option<Policy>,
    /// What went wrong when the policy was asked for, for the report.
    pub(super) problem: Option<&'static str>,
}

/// A host with what must be true of a connection to it.
pub(super) struct Hop {
    pub(super) targets: Vec<Target>,
    pub(super) bound: Bound,
    /// What is tried when the policy is only being tested and does not hold.
    pub(super) fallback: Option<Trust>,
}

/// Why there is no way, and whether there may be one later.
pub(super) type NoWay = (Verdict, Reply);

fn later(enhanced: &str, text: impl Into<String>) -> NoWay {
    (Verdict::Deferred, Reply::local(enhanced, text))
}

fn never(enhanced: &str, text: impl Into<String>) -> NoWay {
    (Verdict::Failed, Reply::local(enhanced, text))
}

impl Shared {
    /// The way of mail for a domain that is not ours.
    pub(super) fn way(&self, route: &str) -> Way {
        let settings = &self.settings;
        if let Some(relay) = settings.transport(route) {
            return Way::Relay(relay.clone(), None);
        }
        match &settings.smarthost {
            Some(relay) => Way::Relay(relay.clone(), settings.smarthost_login.clone()),
            None => Way::Domain(route.to_owned()),
        }
    }

    /// The hosts of a way.
    pub(super) async fn plan(&self, way: Way) -> Result<Plan, NoWay> {
        let domain = match &way {
            Way::Relay(relay, _) => {
                let hosts = vec![relay.host.clone()];
                return Ok(Plan { hosts, way, by_mx: false, policy: None, problem: None });
            }
            Way::Domain(domain) => domain.clone(),
        };
        if let Some(literal) = literal(&domain) {
            let hosts = vec![literal.to_string()];
            return Ok(Plan { hosts, way, by_mx: false, policy: None, problem: None });
        }
        let (hosts, by_mx) = match self.settings.dns.mx(&domain).await {
            Ok(Mx::Null) => return Err(never("5.1.10", format!("{domain} takes no mail"))),
            Ok(Mx::Hosts(hosts)) => (self.without_loops(&domain, hosts)?, true),
            Ok(Mx::Implicit) => (vec![domain.clone()], false),
            Err(Trouble::NoName) => return Err(never("5.1.2", format!("there is no domain {domain}"))),
            Err(Trouble::NoAnswer) => {
                return Err(later("4.4.3", format!("the name servers of {domain} do not answer")));
            }
        };
        let promise = if self.settings.mta_sts {
            self.sts.promise(&self.ctx, &self.queue, &domain).await
        } else {
            super::sts::Promise::default()
        };
        let policy = promise.policy.filter(|policy| policy.mode != Mode::None);
        let allowed = |host: &String| policy.as_ref().is_none_or(|policy| policy.allows(host));
        let is_enforced = policy.as_ref().is_some_and(|policy| policy.mode == Mode::Enforce);
        let hosts: Vec<String> = hosts.into_iter().filter(|host| !is_enforced || allowed(host)).collect();
        if hosts.is_empty() {
            return Err(later("4.7.5", format!("no host of {domain} is in the policy that it published")));
        }
        let most = usize::try_from(self.ctx.limits.outbound_hosts_per_destination).unwrap_or(usize::MAX);
        let hosts = hosts.into_iter().take(most).collect();
        Ok(Plan { hosts, way, by_mx, policy, problem: promise.problem })
    }

    /// Hosts in the order of their preference, those of one preference in any order; none from ourselves on.
    fn without_loops(&self, domain: &str, hosts: Vec<(u16, String)>) -> Result<Vec<String>, NoWay> {
        let own = self.settings.hostname.to_ascii_lowercase();
        let ours = hosts.iter().filter(|(_, host)| *host == own).map(|(preference, _)| *preference).min();
        let mut before: Vec<(u16, u64, String)> = (hosts.into_iter())
            .filter(|(preference, _)| ours.is_none_or(|ours| *preference < ours))
            .map(|(preference, host)| (preference, self.ctx.random.u64(), host))
            .collect();
        if before.is_empty() {
            let text = format!("mail for {domain} leads back to this server, which does not receive for it");
            return Err(never("5.4.6", text));
        }
        before.sort();
        Ok(before.into_iter().map(|(_, _, host)| host).collect())
    }

    /// The addresses of a host, and what a connection must show.
    pub(super) async fn hop(&self, plan: &Plan, host: &str) -> Result<Hop, NoWay> {
        let settings = &self.settings;
        let no_host = |trouble: Trouble| match trouble {
            Trouble::NoName => never("5.4.4", format!("the host {host} has no address")),
            Trouble::NoAnswer => later("4.4.3", format!("the name servers of {host} do not answer")),
        };
        let addresses = match (settings.dns.addresses(host, settings.ipv6).await, &plan.way) {
            (Ok(addresses), _) => addresses,
            (Err(trouble), Way::Domain(_)) => return Err(no_host(trouble)),
            // A relay may have a name that only this machine knows.
            (Err(trouble), Way::Relay(relay, _)) => match tokio::net::lookup_host((host, relay.port)).await {
                Ok(found) => found.map(|address| address.ip()).collect(),
                Err(_) => return Err(no_host(trouble)),
            },
        };
        let bound = |policy_type, text| Bound { policy_type, text };
        let (port, protocol, login, trust, bound, fallback) = match &plan.way {
            Way::Relay(relay, login) => {
                let trust = match relay.tls {
                    RelayTls::Opportunistic if login.is_some() => Trust::Verified(self.tls.named()),
                    RelayTls::Opportunistic => Trust::Opportunistic(self.tls.any()),
                    RelayTls::Required => Trust::Verified(self.tls.named()),
                    RelayTls::Implicit => Trust::Implicit(self.tls.named()),
                    RelayTls::Off => Trust::Off,
                };
                (relay.port, relay.protocol, login.clone(), trust, Bound::default(), None)
            }
            Way::Domain(domain) => {
                let (trust, bound, fallback) = match self.dane(plan, domain, host).await? {
                    Some((trust, text)) => (trust, bound("tlsa", text), None),
                    None => match &plan.policy {
                        Some(policy) if policy.mode == Mode::Enforce => {
                            (Trust::Verified(self.tls.named()), bound("sts", policy.text.clone()), None)
                        }
                        Some(policy) => (
                            Trust::Verified(self.tls.named()),
                            bound("sts", policy.text.clone()),
                            Some(Trust::Opportunistic(self.tls.any())),
                        ),
                        None => (
                            Trust::Opportunistic(self.tls.any()),
                            bound("no-policy-found", String::new()),
                            None,
                        ),
                    },
                };
                (settings.port, Protocol::Smtp, None, trust, bound, fallback)
            }
        };
        let is_relay = matches!(plan.way, Way::Relay(..));
        let targets: Vec<Target> = (addresses.into_iter())
            .filter(|address| is_relay || !settings.own_addresses.contains(address))
            .map(|address| Target {
                host: host.to_owned(),
                address: SocketAddr::new(address, port),
                protocol,
                trust: trust.clone(),
                login: login.clone(),
            })
            .collect();
        if targets.is_empty() {
            return Err(never(
                "5.4.6",
                format!("the host {host} is this server, which does not receive for it"),
            ));
        }
        Ok(Hop { targets, bound, fallback })
    }

    /// What the TLSA records of a host ask for; none when it has none.
    async fn dane(&self, plan: &Plan, domain: &str, host: &str) -> Result<Option<(Trust, String)>, NoWay> {
        if !self.settings.dane || literal(domain).is_some() {
            return Ok(None);
        }
        let by_mx = plan.by_mx.then_some(domain);
        let records = match self.settings.dns.tlsa(by_mx, host, self.settings.port).await {
            Ok(Some(records)) => records,
            Ok(None) => return Ok(None),
            Err(_) => return Err(later("4.7.5", format!("the DNSSEC records of {host} cannot be verified"))),
        };
        let text = format!("_{}._tcp.{host}", self.settings.port);
        if records.is_empty() {
            // There are records, and none that we can use: TLS is a must, whoever it is (RFC 7672 section 2.2).
            return Ok(Some((Trust::Verified(self.tls.any()), text)));
        }
        let config = self.tls.dane(records).map_err(|error| later("4.3.0", error.to_string()))?;
        Ok(Some((Trust::Verified(config), text)))
    }
}

/// The address of a literal such as `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
fn literal(route: &str) -> Option<IpAddr> {
    let inner = route.strip_prefix('[')?.strip_suffix(']')?;
    let bare =
        inner.split_once(':').filter(|(tag, _)| tag.eq_ignore_ascii_case("IPv6")).map(|(_, rest)| rest);
    bare.unwrap_or(inner).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_addresses() {
        assert_eq!(literal("[192.0.2.1]").unwrap().to_string(), "192.0.2.1");
        assert_eq!(literal("[IPv6:2001:db8::1]").unwrap().to_string(), "2001:db8::1");
        assert_eq!(literal("example.org"), None);
    }
}
