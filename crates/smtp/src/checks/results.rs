//! SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489) and ARC (RFC 8617), and what they come to in one field (RFC 8601).

use std::net::SocketAddr;

use base::{Error, Result};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, AuthenticationResults, DkimResult, DmarcResult, MessageAuthenticator, SpfResult,
};

use super::{CheckSettings, Seen, Verdict};
use crate::inbound::reply::Reply;

/// Asks the given name servers, or those of the machine.
pub(super) fn authenticator(name_servers: &[SocketAddr]) -> Result<MessageAuthenticator> {
    let failed = |error: hickory_resolver::net::NetError| {
        Error::unavailable("dns", "has no name servers; set some").with_source(error.to_string())
    };
    if name_servers.is_empty() {
        return MessageAuthenticator::new_system_conf().map_err(failed);
    }
    let servers = name_servers
        .iter()
        .map(|address| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
                .map(|mut connection| {
                    connection.port = address.port();
                    connection
                })
                .to_vec();
            NameServerConfig::new(address.ip(), true, connections)
        })
        .collect();
    let mut options = ResolverOpts::default();
    options.attempts = 2;
    let config = ResolverConfig::from_parts(None, Vec::new(), servers);
    MessageAuthenticator::new(config, options).map_err(failed)
}

/// Looks at a message: the field of results goes to the verdict's header, a policy that it breaks is applied.
pub(super) async fn look(
    authenticator: &MessageAuthenticator,
    settings: &CheckSettings,
    seen: &Seen<'_>,
    verdict: &mut Verdict,
) {
    let Some(message) = AuthenticatedMessage::parse(seen.message) else { return };
    let hostname = settings.hostname.as_str();
    let parameters = match seen.sender {
        "" => SpfParameters::verify_ehlo(seen.peer, seen.hello, hostname),
        sender => SpfParameters::verify_mail_from(seen.peer, seen.hello, hostname, sender),
    };
    let spf = authenticator.verify_spf(parameters).await;
    let dkim = authenticator.verify_dkim(&message).await;
    let arc = authenticator.verify_arc(&message).await;
    let domain = seen.sender.rsplit_once('@').map_or(seen.hello, |(_, domain)| domain);
    let dmarc = authenticator.verify_dmarc(DmarcParameters::new(&message, &dkim, domain, &spf)).await;

    let mut results = AuthenticationResults::new(hostname).with_dkim_results(&dkim, message.from());
    results = match seen.sender {
        "" => results.with_spf_ehlo_result(&spf, seen.peer, seen.hello),
        sender => results.with_spf_mailfrom_result(&spf, seen.peer, sender, seen.hello),
    };
    if *arc.result() != DkimResult::None {
        results = results.with_arc_result(&arc, seen.peer);
    }
    results = results.with_dmarc_result(&dmarc);
    let mut field = Vec::new();
    results.write_header(&mut field);
    // The results are of our making, but hold what the message says of itself.
    verdict.header.push_str(&String::from_utf8_lossy(&field));

    // A chain of forwarders (ARC) explains nothing: anyone can write one.
    if matches!(dmarc.result(), DmarcResult::Fail(_)) {
        match dmarc.policy() {
            Policy::Reject if settings.dmarc_rejects => {
                verdict.refusal = Some(Reply::new(
                    550,
                    "5.7.1",
                    format!("the policy of {} (DMARC) is to refuse this message", dmarc.domain()),
                ));
            }
            Policy::Reject | Policy::Quarantine => verdict.junk = true,
            Policy::None | Policy::Unspecified => {}
        }
    }
    if spf.result() == SpfResult::Fail && dmarc.result() == DmarcResult::None {
        verdict.junk = true;
    }
}
