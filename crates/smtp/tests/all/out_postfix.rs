//! A real Postfix as the mail server of others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::queue::{NewMessage, NewRecipient, Notify};
use smtp::{Inbound, Profile};
use testkit::dns;
use testkit::mail::embedded;
use testkit::postfix::{Options, Postfix};
use wire::conn::Patience;
use wire::{Listening, Networks, Places, Stop};

use crate::out_world::{Authority, HOUR_MS, Out, until};

const GRACE: Duration = Duration::from_secs(5);

fn options() -> Options {
    Options {
        domain: "there.test".to_owned(),
        names: vec!["bob".to_owned(), "zoé".to_owned()],
        ..Options::default()
    }
}

#[test]
fn p04_postfix_takes_mail_over_tls_and_its_refusal_reaches_the_sender() {
    embedded(1, |world| async move {
        let out = Out::with_dns(world, dns::Dns::signed().await);
        let leaf = Authority::new().leaf("mx.there.test");
        let postfix = Postfix::start(out.at(2), &Options { pem: Some(leaf.pem.clone()), ..options() });
        out.host("there.test", "mx.there.test", out.at(2));
        out.dns.add(
            &format!("_{}._tcp.mx.there.test", out.port),
            "TLSA",
            &format!("3 1 1 {}", leaf.key_sha256),
        );
        let outbound = out.start().await;
        out.send(&["bob@there.test", "nobody@there.test"]).await;
        until("mail in the mailbox", async || postfix.received("bob").len() == 1).await;
        let text = postfix.received("bob").remove(0);
        assert!(text.contains("How are you?\n.dot\n"), "{text}");
        assert!(text.contains("ESMTPS"), "{text}");
        assert!(text.contains("Return-Path: <u1@bench.test>"), "{text}");
        let ada = out.world.people[0].clone();
        until("a report", async || out.inbox(&ada).await.len() == 1).await;
        let report = out.inbox(&ada).await.remove(0);
        assert!(report.contains("Final-Recipient: rfc822; nobody@there.test"), "{report}");
        assert!(report.contains("Diagnostic-Code: smtp; 550 5.1.1"), "{report}");
        outbound.stop(GRACE).await;
    });
}

#[test]
fn p04_postfix_that_was_down_for_an_hour_gets_the_mail_after() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        out.host("there.test", "mx.there.test", out.at(2));
        let outbound = out.start().await;
        for number in 0..20 {
            let text = format!("From: u1@bench.test\r\nSubject: Number {number}\r\n\r\nHello\r\n");
            let message = out.message_of(&text, &["bob@there.test"]).await;
            out.queue(message).await;
        }
        out.until_deferred().await;
        out.world.engine.clock.advance_ms(HOUR_MS);
        let postfix = Postfix::start(out.at(2), &options());
        out.world.engine.clock.advance_ms(HOUR_MS / 2);
        out.until_empty().await;
        until("all of it", async || postfix.received("bob").len() == 20).await;
        outbound.stop(GRACE).await;
    });
}

#[test]
fn b11_postfix_reports_a_delivery_that_we_asked_it_to_report() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let postfix = Postfix::start(out.at(2), &options());
        out.host("there.test", "mx.there.test", out.at(2));
        let outbound = out.start().await;
        let to = NewRecipient { notify: Notify::SUCCESS, ..NewRecipient::new("zoé@there.test") };
        let message = NewMessage { recipients: vec![to], ..out.message(&[]).await };
        out.queue(message).await;
        out.until_empty().await;
        until("mail to an address beyond ASCII", async || postfix.received("zoé").len() == 1).await;
        until("its report", async || postfix.log().contains("sender delivery status notification")).await;
        assert!(out.inbox(&out.world.people[0]).await.is_empty(), "reporting is Postfix's part");
        outbound.stop(GRACE).await;
    });
}

/// Takes mail from other servers until the test ends.
async fn receive(out: &Out) -> (SocketAddr, Stop) {
    let settings = smtp::Settings::new("mx.bench.test");
    let (mail, ctx) = (out.world.mail.clone(), out.world.ctx());
    let inbound = Inbound::new(Profile::Smtp, settings, mail, &ctx, None, None, None);
    let listening = Listening {
        places: Places::new(100, 100),
        patience: Patience::default(),
        implicit_tls: None,
        proxies: Networks::default(),
        drain: GRACE,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), Stop::default());
    tokio::spawn(wire::serve(listener, Arc::new(inbound), listening, stop.clone()));
    (address, stop)
}

#[test]
fn p04_postfix_sends_to_us_and_hears_of_what_we_refuse() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let (address, stop) = receive(&out).await;
        let relay = format!("relayhost = [{}]:{}", address.ip(), address.port());
        let postfix = Postfix::start(out.at(2), &Options { more: relay, ..options() });
        out.host("there.test", "mx.there.test", out.at(2));
        let text = "From: bob@there.test\nTo: u1@bench.test\nSubject: Back\n\nFine, and you?\n";
        postfix.sendmail("bob@there.test", "u1@bench.test", text);
        postfix.sendmail("bob@there.test", "nobody@bench.test", text);
        let ada = out.world.people[0].clone();
        until("mail from Postfix", async || out.inbox(&ada).await.len() == 1).await;
        assert!(out.inbox(&ada).await[0].contains("Fine, and you?"));
        until("a bounce by Postfix", async || postfix.received("bob").len() == 1).await;
        let bounce = postfix.received("bob").remove(0);
        assert!(bounce.contains("Final-Recipient: rfc822; nobody@bench.test"), "{bounce}");
        assert!(bounce.contains("5.1.1"), "{bounce}");
        stop.stop();
    });
}
