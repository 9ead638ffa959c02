//! Submission from outside: logins, senders, and what becomes of a message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use directory::credentials::ScramKeys;
use directory::entries::NewEntry;
use directory::{aliases, classes, people};
use kernel::{Right, Rights};
use mail::Role;
use smtp::{Profile, Settings};
use testkit::mail::{PASSWORD, World, both, embedded};

use crate::client::{Client, Door, settings};
use crate::receiving::{inbox, messages, queued};

async fn submission(world: &World) -> Door {
    Door::open_tls(world, Profile::Submission, settings(false)).await
}

/// A client that is logged in.
async fn logged_in(door: &Door, name: &str) -> Client {
    let mut client = door.tls_client().await;
    client.ask("EHLO laptop.example").await;
    let plain = STANDARD.encode(format!("\0{name}@bench.test\0{PASSWORD}"));
    assert!(client.ask(&format!("AUTH PLAIN {plain}")).await.starts_with("235 2.7.0"));
    client
}

/// Sends a message; the answer to it.
async fn send(client: &mut Client, from: &str, to: &[&str], text: &str) -> String {
    let reply = client.ask(&format!("MAIL FROM:<{from}>")).await;
    if !reply.starts_with("250") {
        return reply;
    }
    for to in to {
        let reply = client.ask(&format!("RCPT TO:<{to}>")).await;
        assert!(reply.starts_with("250"), "{reply}");
    }
    client.ask("DATA").await;
    client.send(format!("{text}\r\n.\r\n")).await;
    client.answer().await
}

#[test]
fn p03_nobody_sends_without_a_login_and_no_password_goes_in_clear() {
    embedded(1, |world| async move {
        let door = Door::open(&world, Profile::Submission, settings(false), None).await;
        let mut client = door.client().await;
        let offers = client.ask("EHLO a.example").await;
        assert!(offers.contains("AUTH SCRAM-SHA-256") && !offers.contains("PLAIN"), "{offers}");
        assert!(offers.contains("FUTURERELEASE 2592000 20"), "{offers}");
        client
            .play(
                "C: MAIL FROM:<u1@bench.test>
                 S: 530 5.7.0
                 C: AUTH PLAIN AGEAYg==
                 S: 538 5.7.11
                 C: AUTH CRAM-MD5
                 S: 504
                 C: STARTTLS
                 S: 220",
            )
            .await;
        let mut client = client.start_tls(&door).await;
        let offers = client.ask("EHLO a.example").await;
        assert!(
            offers.contains("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN"),
            "{offers}"
        );
        let plain = STANDARD.encode(format!("\0u1@bench.test\0{PASSWORD}"));
        let wrong = STANDARD.encode("\0u1@bench.test\0wrong");
        let name = STANDARD.encode("u1@bench.test");
        let password = STANDARD.encode(PASSWORD);
        client
            .play(&format!(
                "C: AUTH PLAIN {wrong}
                 S: 535 5.7.8
                 C: AUTH PLAIN
                 S: 334
                 C: *
                 S: 501
                 C: AUTH PLAIN not/base64!
                 S: 501
                 C: AUTH PLAIN =
                 S: 501
                 C: AUTH LOGIN
                 S: 334 VXNlcm5hbWU6
                 C: {name}
                 S: 334 UGFzc3dvcmQ6
                 C: {password}
                 S: 235 2.7.0
                 C: AUTH PLAIN {plain}
                 S: 503"
            ))
            .await;
    });
}

#[test]
fn p03_scram_logs_in_over_the_wire() {
    embedded(1, |world| async move {
        let door = submission(&world).await;
        let mut client = door.tls_client().await;
        client.ask("EHLO a.example").await;
        let first = STANDARD.encode("n,,n=u1@bench.test,r=client");
        let challenge = client.ask(&format!("AUTH SCRAM-SHA-256 {first}")).await;
        let challenge =
            String::from_utf8(STANDARD.decode(challenge.strip_prefix("334 ").unwrap()).unwrap()).unwrap();
        let value = |key: &str| challenge.split(',').find_map(|part| part.strip_prefix(key)).unwrap();
        let (salt, iterations) = (STANDARD.decode(value("s=")).unwrap(), value("i=").parse().unwrap());
        let keys = ScramKeys::derive(PASSWORD, salt, iterations);
        let last = format!("c=biws,r={}", value("r="));
        let exchange = format!("n=u1@bench.test,r=client,{challenge},{last}");
        let proof = STANDARD.encode(ScramKeys::proof(PASSWORD, &keys, exchange.as_bytes()));
        let answer = client.ask(&STANDARD.encode(format!("{last},p={proof}"))).await;
        let verifier = STANDARD.decode(answer.strip_prefix("334 ").unwrap()).unwrap();
        let expected = format!("v={}", STANDARD.encode(keys.signature(exchange.as_bytes())));
        assert_eq!(verifier, expected.as_bytes(), "the server proves itself");
        assert!(client.ask("").await.starts_with("235"));
    });
}

#[test]
fn p03_a_foreign_from_is_refused_and_the_rule_is_named() {
    both(2, |world| async move {
        let door = submission(&world).await;
        let mut client = logged_in(&door, "u1").await;
        let foreign = send(&mut client, "u2@bench.test", &["u2@bench.test"], "").await;
        assert!(
            foreign.starts_with(
                "550 5.7.1 the sender u2@bench.test is neither an address of yours nor delegated"
            ),
            "{foreign}"
        );
        for from in ["u2@bench.test", "boss@elsewhere.example", "u1@bench.test, u2@bench.test"] {
            let text = format!("From: {from}\r\nSubject: x\r\n\r\n");
            let reply = send(&mut client, "u1@bench.test", &["u2@bench.test"], &text).await;
            assert!(reply.starts_with("550 5.7.1 the author"), "{reply}");
        }
        for text in [
            "Subject: no author\r\n\r\n",
            "From: u1@bench.test\r\nFrom: u1@bench.test\r\n\r\n",
            "From:\r\n\r\n",
        ] {
            let reply = send(&mut client, "u1@bench.test", &["u2@bench.test"], text).await;
            assert!(reply.starts_with("550 5.6.0"), "{text}: {reply}");
        }
        let text = "From: u1@bench.test\r\nSender: u2@bench.test\r\nSubject: x\r\n\r\n";
        let reply = send(&mut client, "u1@bench.test", &["u2@bench.test"], text).await;
        assert!(reply.starts_with("550 5.7.1 the Sender"), "{reply}");
        let text = "From: One <u1+shop@bench.test>\r\nSubject: x\r\n\r\n";
        let reply = send(&mut client, "u1@bench.test", &["u2@bench.test"], text).await;
        assert!(reply.starts_with("250"), "{reply}");
        assert_eq!(inbox(&world, &world.people[1]).await.len(), 1);
        world.sound().await;
    });
}

#[test]
fn p03_aliases_and_delegated_mailboxes_may_be_senders() {
    embedded(2, |world| async move {
        let (ctx, organisation, ada) = (world.ctx(), world.organisation, world.people[0].account);
        let shared = world
            .directory
            .edit(&ctx, organisation, move |edit| {
                aliases::add(edit, ada, "countess@bench.test", None, "")?;
                people::create_shared(edit, &NewEntry { address: "desk@bench.test", name: "Desk" }, &[])
            })
            .await
            .unwrap();
        let desk = world.mail.inbox(&ctx, shared).await.unwrap();
        let door = submission(&world).await;
        let mut client = logged_in(&door, "u1").await;
        let text = |from: &str| format!("From: {from}\r\nSubject: x\r\n\r\n");
        let to = &["u2@bench.test"];
        assert!(
            send(&mut client, "countess@bench.test", to, &text("countess@bench.test"))
                .await
                .starts_with("250")
        );
        assert!(send(&mut client, "desk@bench.test", to, &text("desk@bench.test")).await.starts_with("550"));
        let rights: Rights = [Right::Read, Right::Post].into_iter().collect();
        world.mail.set_acl(&ctx, shared, desk, ada, rights).await.unwrap();
        let reply = send(&mut client, "desk@bench.test", to, &text("desk@bench.test")).await;
        assert!(reply.starts_with("250"), "{reply}");
    });
}

#[test]
fn p03_outside_recipients_are_queued_and_what_is_missing_is_added() {
    both(2, |world| async move {
        let door =
            Door::open_tls(&world, Profile::Submission, Settings { sent_copy: true, ..settings(false) })
                .await;
        let mut client = logged_in(&door, "u1").await;
        let text = "From: u1@bench.test\r\nTo: u2@bench.test, far@elsewhere.example\r\nBcc: hidden@bench.test,\r\n other@bench.test\r\nSubject: x\r\n\r\ntext\r\n";
        let to = &["u2@bench.test", "far@elsewhere.example", "further@elsewhere.example"];
        assert!(send(&mut client, "u1@bench.test", to, text).await.starts_with("250 2.0.0"));
        assert_eq!(
            queued(&world).await,
            ["u1@bench.test -> far@elsewhere.example", "u1@bench.test -> further@elsewhere.example"]
        );
        let id = world.mail.queue().list(0, 1).await.unwrap()[0].id;
        let (message, _) = world.mail.queue().show(id).await.unwrap();
        assert_eq!(message.sign_domain.as_deref(), Some("bench.test"));
        let arrived = inbox(&world, &world.people[1]).await.remove(0);
        assert!(!arrived.contains("hidden@") && !arrived.contains("other@"), "{arrived}");
        assert!(arrived.contains("\r\nMessage-ID: <") && arrived.contains("\r\nDate: "), "{arrived}");
        assert!(arrived.contains("with ESMTPSA id"), "{arrived}");
        let sent = messages(&world, &world.people[0], Role::Sent).await;
        assert_eq!(sent.len(), 1, "a copy is kept");
        world.sound().await;
    });
}

#[test]
fn p03_mail_is_held_for_later() {
    embedded(1, |world| async move {
        let door = submission(&world).await;
        let mut client = logged_in(&door, "u1").await;
        assert!(client.ask("MAIL FROM:<u1@bench.test> HOLDFOR=99999999").await.starts_with("501"));
        client
            .play(
                "C: MAIL FROM:<u1@bench.test> HOLDFOR=3600
                 S: 250
                 C: RCPT TO:<far@elsewhere.example>
                 S: 250
                 C: DATA
                 S: 354
                 C: From: u1@bench.test
                 C:
                 C: .
                 S: 250",
            )
            .await;
        let waiting = world.mail.queue().list(0, 10).await.unwrap();
        assert_eq!(waiting[0].next_at, world.engine.clock.now_ms() + 3_600_000);
    });
}

#[test]
fn p03_a_class_of_service_bounds_what_is_sent() {
    embedded(1, |world| async move {
        let (ctx, organisation, ada) = (world.ctx(), world.organisation, world.people[0].account);
        world
            .directory
            .edit(&ctx, organisation, move |edit| {
                classes::create(edit, "small", &[("max_message_bytes", "200")])?;
                people::change(edit, ada, &[("class", "small")])
            })
            .await
            .unwrap();
        let door = submission(&world).await;
        let mut client = logged_in(&door, "u1").await;
        assert!(client.ask("MAIL FROM:<u1@bench.test> SIZE=300").await.starts_with("552 5.3.4"));
        let text = format!("From: u1@bench.test\r\n\r\n{}", "x".repeat(300));
        let reply = send(&mut client, "u1@bench.test", &["u1@bench.test"], &text).await;
        assert!(reply.starts_with("552 5.3.4"), "{reply}");
    });
}
