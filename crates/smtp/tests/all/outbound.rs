//! Sending to servers that behave, and to such that do not.

use std::time::Duration;

use base::{Limits, Secret};
use directory::entries::{Kind, NewEntry};
use directory::{groups, people};
use mail::queue::{NewMessage, NewRecipient, Notify, ReturnText};
use smtp::outbound::{Login, Relay};
use testkit::mail::{both, embedded};

use crate::out_world::{HOUR_MS, Out, SENDER, until};
use crate::peer::{Like, Peer};

const GRACE: Duration = Duration::from_secs(5);

fn usual() -> Like {
    Like { offers: vec!["PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 100000"], ..Like::default() }
}

#[test]
fn p04_mail_reaches_the_host_of_its_domain() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let peer = Peer::start(out.at(2), usual()).await;
        out.host("there.test", "mx.there.test", peer.address);
        let outbound = out.start().await;
        let to = NewRecipient {
            notify: Notify::SUCCESS,
            original: Some("rfc822;b+b@there.test".into()),
            ..NewRecipient::new("bob@There.test")
        };
        let message = NewMessage {
            recipients: vec![to, NewRecipient::new("eve@there.test")],
            envelope_id: Some("a=b".into()),
            return_text: ReturnText::Headers,
            ..out.message(&[]).await
        };
        out.queue(message).await;
        out.until_empty().await;
        let taken = peer.taken();
        assert_eq!(taken.len(), 1, "one transaction for both");
        assert_eq!(taken[0].mail, "MAIL FROM:<u1@bench.test> SIZE=79 RET=HDRS ENVID=a+3Db");
        assert_eq!(
            taken[0].rcpts,
            [
                "RCPT TO:<bob@there.test> NOTIFY=SUCCESS ORCPT=rfc822;b+2Bb@there.test",
                "RCPT TO:<eve@there.test>"
            ]
        );
        assert!(taken[0].text.ends_with("How are you?\r\n.dot\r\n"), "{}", taken[0].text);
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_a_peer_down_for_an_hour_gets_the_mail_after() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        out.host("there.test", "mx.there.test", out.at(2));
        let outbound = out.start().await;
        out.send(&["bob@there.test"]).await;
        let answer = out.until_deferred().await;
        assert!(answer.contains("does not answer"), "{answer}");
        for _ in 0..6 {
            out.world.engine.clock.advance_ms(HOUR_MS / 6);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let (_, attempts, _) = out.waiting().await.remove(0);
        assert!((2..=6).contains(&attempts), "{attempts} attempts in an hour");
        let peer = Peer::start(out.at(2), usual()).await;
        out.world.engine.clock.advance_ms(HOUR_MS);
        out.until_empty().await;
        assert_eq!(peer.taken().len(), 1);
        assert!(out.inbox(&out.world.people[0]).await.is_empty(), "nobody was bothered");
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_a_bounce_reaches_the_inbox_of_the_sender_with_the_reason() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let refuses = vec![("bob", "550 5.1.1 no such user here"), ("busy", "450 4.2.1 later")];
        let peer = Peer::start(out.at(2), Like { refuses, ..usual() }).await;
        out.host("there.test", "mx.there.test", peer.address);
        let outbound = out.start().await;
        out.send(&["bob@there.test", "eve@there.test", "busy@there.test"]).await;
        let ada = out.world.people[0].clone();
        until("a report", async || !out.inbox(&ada).await.is_empty()).await;
        let report = out.inbox(&ada).await.remove(0);
        for part in [
            "Return-Path: <>",
            "Final-Recipient: rfc822; bob@there.test",
            "Status: 5.1.1",
            "Diagnostic-Code: smtp; 550 5.1.1 no such user here",
            "Remote-MTA: dns; mx.there.test",
        ] {
            assert!(report.contains(part), "{part} in {report}");
        }
        assert!(!report.contains("eve@"), "she has it: {report}");
        assert_eq!(peer.taken()[0].rcpts, ["RCPT TO:<eve@there.test>"]);
        until("one that waits", async || out.waiting().await.len() == 1).await;
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_a_destination_has_so_many_connections_and_no_more() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let slow = Like { slow: Duration::from_millis(100), ..usual() };
        let peer = Peer::start(out.at(2), slow).await;
        out.host("there.test", "mx.there.test", peer.address);
        for number in 0..30 {
            out.send(&[&format!("bob{number}@there.test")]).await;
        }
        let limits = Limits {
            outbound_connections_per_destination: 3,
            outbound_recipients_per_transaction: 2,
            ..Limits::default()
        };
        let outbound = out.start_with(limits).await;
        out.until_empty().await;
        assert_eq!(peer.taken().len(), 30);
        assert_eq!(peer.most_open(), 3, "as many as allowed");
        assert_eq!(peer.connections(), 3, "and each is used again");
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_what_is_queued_outlives_a_server_that_was_killed() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let slow = Like { slow: Duration::from_mins(10), ..usual() };
        let stuck = Peer::start(out.at(2), slow).await;
        out.host("there.test", "mx.there.test", stuck.address);
        let outbound = out.start().await;
        out.send(&["bob@there.test"]).await;
        until("a message in flight", async || !stuck.taken().is_empty()).await;
        let rows = out.world.mail.queue().list(0, 10).await.unwrap();
        assert_eq!(rows[0].state, "sending");
        // As after kill -9: nobody gives anything back.
        std::mem::forget(outbound);
        drop(stuck);
        let peer = Peer::start(out.at(3), usual()).await;
        out.dns.remove("mx.there.test", "A");
        out.dns.add("mx.there.test", "A", &peer.address.ip().to_string());
        let again = out.start().await;
        until("the message at last", async || peer.taken().len() == 1).await;
        out.until_empty().await;
        again.stop(GRACE).await;
    });
}

#[test]
fn p04_hosts_are_tried_in_order_and_loops_are_refused() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let second = Peer::start(out.at(3), usual()).await;
        out.dns.add("there.test", "MX", "10 dead.there.test.");
        out.dns.add("there.test", "MX", "20 mx2.there.test.");
        out.dns.add("dead.there.test", "A", "127.0.0.9");
        out.dns.add("mx2.there.test", "A", &second.address.ip().to_string());
        out.dns.add("null.test", "MX", "0 .");
        out.dns.add("loop.test", "MX", "10 mx.bench.test.");
        out.dns.add("plain.test", "A", &second.address.ip().to_string());
        let outbound = out.start().await;
        out.send(&["a@there.test", "b@null.test", "c@loop.test", "d@none.test", "e@plain.test"]).await;
        out.until_empty().await;
        let mut reached: Vec<_> = second.taken().into_iter().flat_map(|taken| taken.rcpts).collect();
        reached.sort();
        assert_eq!(reached, ["RCPT TO:<a@there.test>", "RCPT TO:<e@plain.test>"]);
        let reports = out.inbox(&out.world.people[0]).await.concat();
        for part in ["null.test takes no mail", "leads back to this server", "there is no domain none.test"] {
            assert!(reports.contains(part), "{part} in {reports}");
        }
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_relays_take_mail_by_domain_and_the_smarthost_all_the_rest() {
    embedded(1, |world| async move {
        let mut out = Out::new(world).await;
        let leaf = out.authority.leaf("relay.test");
        // "\0name\0password" in base64.
        let login = Some("AG5hbWUAcGFzc3dvcmQ=".to_owned());
        let relay = Peer::start(out.at(2), Like { tls: Some(leaf.config), login, ..usual() }).await;
        let lmtp = Peer::start(out.at(3), Like { lmtp: true, ..usual() }).await;
        out.dns.add("relay.test", "A", &relay.address.ip().to_string());
        out.settings.smarthost = Some(Relay::parse(&format!("starttls://relay.test:{}", out.port)).unwrap());
        let password = Secret::new("password");
        out.settings.smarthost_login = Some(Login { name: "name".to_owned(), password });
        let lists = Relay::parse(&format!("lmtp://{}", lmtp.address)).unwrap();
        out.settings.transports = vec![(".lists.test".to_owned(), lists)];
        let outbound = out.start().await;
        out.send(&["a@de.lists.test", "b@de.lists.test", "c@anywhere.test"]).await;
        out.until_empty().await;
        let taken = lmtp.taken();
        assert_eq!(taken[0].rcpts, ["RCPT TO:<a@de.lists.test>", "RCPT TO:<b@de.lists.test>"]);
        let taken = relay.taken();
        assert_eq!(taken[0].rcpts, ["RCPT TO:<c@anywhere.test>"]);
        assert!(taken[0].tls);
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_a_paused_destination_waits_and_a_flush_goes_at_once() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let peer = Peer::start(out.at(2), usual()).await;
        out.host("there.test", "mx.there.test", peer.address);
        out.host("down.test", "mx.down.test", out.at(3));
        let queue = out.world.mail.queue();
        queue.pause(&out.world.ctx(), "there.test", "").await.unwrap();
        let outbound = out.start().await;
        out.send(&["bob@there.test"]).await;
        out.send(&["eve@down.test"]).await;
        out.until_deferred().await;
        assert!(peer.taken().is_empty());
        let back = Peer::start(out.at(3), usual()).await;
        queue.flush(&out.world.ctx(), None, None).await.unwrap();
        until("the flushed one", async || back.taken().len() == 1).await;
        assert!(peer.taken().is_empty(), "a flush ends no pause");
        queue.resume("there.test").await.unwrap();
        until("the paused one", async || peer.taken().len() == 1).await;
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_what_a_server_cannot_take_comes_back() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let plain = Like { offers: vec!["SIZE 70"], ..Like::default() };
        let small = Peer::start(out.at(2), plain).await;
        let ascii = Peer::start(out.at(3), Like::default()).await;
        out.host("small.test", "mx.small.test", small.address);
        out.host("ascii.test", "mx.ascii.test", ascii.address);
        let outbound = out.start().await;
        out.send(&["bob@small.test"]).await;
        out.send(&["zoé@ascii.test"]).await;
        let strict = NewMessage { requires_tls: true, ..out.message(&["strict@ascii.test"]).await };
        out.queue(strict).await;
        out.until_empty().await;
        let reports = out.inbox(&out.world.people[0]).await.concat();
        for status in ["Status: 5.3.4", "Status: 5.6.7", "Status: 5.7.30"] {
            assert!(reports.contains(status), "{status} in {reports}");
        }
        assert!(small.taken().is_empty() && ascii.taken().is_empty());
        outbound.stop(GRACE).await;
    });
}

#[test]
fn b11_a_delivery_to_a_server_without_reports_is_reported_by_us() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let peer = Peer::start(out.at(2), Like::default()).await;
        out.host("there.test", "mx.there.test", peer.address);
        let outbound = out.start().await;
        let to = NewRecipient { notify: Notify::SUCCESS, ..NewRecipient::new("bob@there.test") };
        let message = NewMessage { recipients: vec![to], ..out.message(&[]).await };
        out.queue(message).await;
        let local = NewRecipient { notify: Notify::SUCCESS, ..NewRecipient::new(SENDER) };
        let message = NewMessage { recipients: vec![local], ..out.message(&[]).await };
        out.queue(message).await;
        out.until_empty().await;
        let reports = out.inbox(&out.world.people[0]).await.concat();
        assert!(reports.contains("Action: relayed"), "{reports}");
        assert!(reports.contains("Action: delivered"), "{reports}");
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_a_full_member_of_a_group_is_tried_again_and_the_others_are_not() {
    both(2, |world| async move {
        let out = Out::new(world).await;
        let (ctx, organisation) = (out.world.ctx(), out.world.organisation);
        let team = |edit: &mut directory::Edit<'_, '_>| {
            let new = NewEntry { address: "full@bench.test", name: "" };
            people::create(edit, &new, None, &[("quota_bytes", "10")])?;
            let new = NewEntry { address: "team@bench.test", name: "" };
            let team = groups::create(edit, Kind::Group, &new, &[])?;
            groups::add_members(edit, team, &["u2@bench.test", "full@bench.test"])
        };
        out.world.directory.edit(&ctx, organisation, team).await.unwrap();
        let outbound = out.start().await;
        out.send(&["team@bench.test"]).await;
        let reply = out.until_deferred().await;
        assert!(reply.contains("4.2.2"), "{reply}");
        let waiting: Vec<String> = out.waiting().await.into_iter().map(|(address, ..)| address).collect();
        assert_eq!(waiting, ["full@bench.test"], "the group as a whole is done with");
        assert_eq!(out.inbox(&out.world.people[1]).await.len(), 1);
        outbound.stop(GRACE).await;
    });
}
