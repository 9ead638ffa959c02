//! TLS to others: what DNS (DANE) or the domain (MTA-STS) promises must be kept, and is reported on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::queue::NewMessage;
use rustls::ServerConfig;
use smtp::outbound::Outbound;
use testkit::dns;
use testkit::mail::embedded;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::out_world::{Authority, HOUR_MS, Out, free_port, until};
use crate::peer::{Like, Peer};

const GRACE: Duration = Duration::from_secs(5);

fn with_tls(config: Arc<ServerConfig>) -> Like {
    Like { tls: Some(config), offers: vec!["PIPELINING", "REQUIRETLS"], ..Like::default() }
}

/// A server that answers every request with a policy.
async fn policy_server(address: SocketAddr, config: Arc<ServerConfig>, policy: &'static str) {
    let listener = TcpListener::bind(address).await.unwrap();
    let acceptor = TlsAcceptor::from(config);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 2_048];
            let _ = stream.read(&mut request).await;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{policy}",
                policy.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
}

#[test]
fn p04_tls_is_used_where_it_is_offered_whoever_it_is() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let stranger = Authority::new().leaf("someone.else.test");
        let peer = Peer::start(out.at(2), with_tls(stranger.config)).await;
        out.host("there.test", "mx.there.test", peer.address);
        let outbound = out.start().await;
        out.send(&["bob@there.test"]).await;
        out.until_empty().await;
        assert!(peer.taken()[0].tls);
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_dane_asks_for_the_key_that_dns_names() {
    embedded(1, |world| async move {
        let out = Out::with_dns(world, dns::Dns::signed().await);
        let leaf = Authority::new().leaf("anything.test");
        let other = Authority::new().leaf("anything.test");
        let peer = Peer::start(out.at(2), with_tls(leaf.config)).await;
        let plain = Peer::start(out.at(3), Like::default()).await;
        out.host("there.test", "mx.there.test", peer.address);
        out.host("plain.test", "mx.plain.test", plain.address);
        let record = format!("_{}._tcp", out.port);
        out.dns.add(&format!("{record}.mx.there.test"), "TLSA", &format!("3 1 1 {}", other.key_sha256));
        out.dns.add(&format!("{record}.mx.plain.test"), "TLSA", &format!("3 1 1 {}", leaf.key_sha256));
        let outbound = out.start().await;
        out.send(&["bob@there.test"]).await;
        let answer = out.until_deferred().await;
        assert!(answer.contains("TLS failed"), "{answer}");
        assert!(peer.taken().is_empty());
        out.dns.remove(&format!("{record}.mx.there.test"), "TLSA");
        out.dns.add(&format!("{record}.mx.there.test"), "TLSA", &format!("3 1 1 {}", leaf.key_sha256));
        out.world.mail.queue().flush(&out.world.ctx(), None, None).await.unwrap();
        until("mail over the right key", async || peer.taken().len() == 1).await;
        assert!(peer.taken()[0].tls);
        let strict = NewMessage { requires_tls: true, ..out.message(&["eve@there.test"]).await };
        out.queue(strict).await;
        until("mail that asked for TLS", async || peer.taken().len() == 2).await;
        assert!(peer.taken()[1].mail.contains("REQUIRETLS"), "{}", peer.taken()[1].mail);
        out.send(&["bob@plain.test"]).await;
        let answer = out.until_deferred().await;
        assert!(answer.contains("offers no TLS"), "{answer}");
        assert!(plain.taken().is_empty(), "a promise of TLS is never sent around");
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_tlsa_records_without_dnssec_bind_nobody() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let leaf = Authority::new().leaf("anything.test");
        let peer = Peer::start(out.at(2), with_tls(leaf.config)).await;
        out.host("there.test", "mx.there.test", peer.address);
        out.dns.add(
            &format!("_{}._tcp.mx.there.test", out.port),
            "TLSA",
            &format!("3 1 1 {}", "00".repeat(32)),
        );
        let outbound = out.start().await;
        out.send(&["bob@there.test"]).await;
        out.until_empty().await;
        assert_eq!(peer.taken().len(), 1);
        outbound.stop(GRACE).await;
    });
}

const ENFORCE: &str = "version: STSv1\r\nmode: enforce\r\nmx: mx.there.test\r\nmax_age: 86400\r\n";

/// A world with a policy server for `there.test`.
async fn with_policy(mut out: Out, policy: &'static str) -> Out {
    let web = SocketAddr::new(out.at(4).ip(), free_port());
    out.settings.mta_sts_port = web.port();
    let leaf = out.authority.leaf("mta-sts.there.test");
    policy_server(web, leaf.config, policy).await;
    out.dns.add("mta-sts.there.test", "A", &web.ip().to_string());
    out.dns.add("_mta-sts.there.test", "TXT", "v=STSv1; id=20261102;");
    out
}

#[test]
fn p04_mta_sts_asks_for_a_certificate_and_the_day_after_tells_how_it_went() {
    embedded(1, |world| async move {
        let mut out = with_policy(Out::new(world).await, ENFORCE).await;
        out.settings.report_from = Some("u1@bench.test".to_owned());
        let stranger = Authority::new().leaf("mx.there.test");
        let peer = Peer::start(out.at(2), with_tls(stranger.config)).await;
        out.host("there.test", "mx.there.test", peer.address);
        let reports = Peer::start(out.at(5), Like::default()).await;
        out.host("reports.test", "mx.reports.test", reports.address);
        out.dns.add("_smtp._tls.there.test", "TXT", "v=TLSRPTv1; rua=mailto:tls@reports.test");
        let outbound = out.start().await;
        out.send(&["bob@there.test"]).await;
        let answer = out.until_deferred().await;
        assert!(answer.contains("TLS failed"), "{answer}");
        assert!(peer.taken().is_empty());
        drop(peer);
        let good = Peer::start(out.at(3), with_tls(out.authority.leaf("mx.there.test").config)).await;
        out.dns.remove("mx.there.test", "A");
        out.dns.add("mx.there.test", "A", &good.address.ip().to_string());
        out.world.mail.queue().flush(&out.world.ctx(), None, None).await.unwrap();
        until("mail over a good certificate", async || good.taken().len() == 1).await;
        assert_eq!(outbound.report_tls().await.unwrap(), 0, "the day is not over");
        out.world.engine.clock.advance_ms(24 * HOUR_MS);
        assert_eq!(outbound.report_tls().await.unwrap(), 1);
        until("a report", async || reports.taken().len() == 1).await;
        let report = reports.taken().remove(0).text;
        let parsed = mail_auth::report::tlsrpt::TlsReport::parse_rfc5322(report.as_bytes(), 1 << 20).unwrap();
        let policy = &parsed.policies[0];
        assert_eq!(policy.policy.policy_domain, "there.test");
        assert_eq!((policy.summary.total_success, policy.summary.total_failure), (1, 1));
        assert_eq!(policy.failure_details[0].receiving_mx_hostname.as_deref(), Some("mx.there.test"));
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_mta_sts_sends_to_no_host_that_the_policy_does_not_name() {
    embedded(1, |world| async move {
        let out = with_policy(Out::new(world).await, ENFORCE).await;
        let evil = Peer::start(out.at(2), with_tls(out.authority.leaf("mx.evil.test").config)).await;
        out.host("there.test", "mx.evil.test", evil.address);
        let outbound = out.start().await;
        out.send(&["bob@there.test"]).await;
        let answer = out.until_deferred().await;
        assert!(answer.contains("no host of there.test is in the policy"), "{answer}");
        assert_eq!(evil.connections(), 0);
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_a_policy_that_is_only_tested_stops_no_mail() {
    const TESTING: &str = "version: STSv1\nmode: testing\nmx: mx.there.test\nmax_age: 86400\n";
    embedded(1, |world| async move {
        let out = with_policy(Out::new(world).await, TESTING).await;
        let stranger = Authority::new().leaf("mx.there.test");
        let peer = Peer::start(out.at(2), with_tls(stranger.config)).await;
        out.host("there.test", "mx.there.test", peer.address);
        let outbound: Outbound = out.start().await;
        out.send(&["bob@there.test"]).await;
        out.until_empty().await;
        assert_eq!(peer.taken().len(), 1);
        outbound.stop(GRACE).await;
    });
}
