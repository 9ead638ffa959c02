//! SMTP and LMTP from outside: each extension, and what is refused.

use base::Door as Through;
use directory::entries::{Kind, NewEntry};
use directory::states::{Transition, apply};
use directory::{aliases, groups, people};
use mail::{Columns, Role};
use smtp::{Profile, Settings};
use testkit::mail::{Person, World, both, embedded};

use crate::client::{Door, settings};

/// The messages in a mailbox of a person, by its role.
pub async fn messages(world: &World, person: &Person, role: Role) -> Vec<String> {
    let mailbox = world.mailbox(person, role).await;
    let ctx = world.ctx_of(person, Through::Imap).await;
    let view = world.mail.view(&ctx, person.account, mailbox.id).await.unwrap();
    let contents: Vec<i64> = view.iter().map(|entry| entry.content).collect();
    let rows = world.mail.rows(&ctx, person.account, mailbox.id, contents, Columns::default()).await.unwrap();
    let mut messages = Vec::new();
    for row in rows {
        let body = world.mail.body(&ctx, person.account, mailbox.id, row.content, None).await.unwrap();
        messages.push(String::from_utf8_lossy(&body).into_owned());
    }
    messages
}

/// The same of its inbox.
pub async fn inbox(world: &World, person: &Person) -> Vec<String> {
    messages(world, person, Role::Inbox).await
}

/// What waits in the queue: sender and recipient of each.
pub async fn queued(world: &World) -> Vec<String> {
    let all = world.mail.queue().list(0, 100).await.unwrap();
    all.into_iter().map(|queued| format!("{} -> {}", queued.sender, queued.address)).collect()
}

async fn smtp(world: &World) -> Door {
    Door::open(world, Profile::Smtp, settings(false), None).await
}

#[test]
fn p01_a_message_arrives_with_its_trace() {
    both(1, |world| async move {
        let door = smtp(&world).await;
        let mut client = door.client().await;
        client
            .play(
                "C: EHLO client.example.org
                 S: 250-mx.bench.test greets client.example.org
                 S: 250-PIPELINING
                 S: 250-8BITMIME
                 S: 250-SMTPUTF8
                 S: 250-CHUNKING
                 S: 250-ENHANCEDSTATUSCODES
                 S: 250-DSN
                 S: 250-SIZE 67108864
                 S: 250-LIMITS RCPTMAX=1000
                 S: 250 STARTTLS
                 C: MAIL FROM:<ada@example.org> SIZE=100 BODY=8BITMIME
                 S: 250 2.1.0
                 C: RCPT TO:<U1@Bench.Test> NOTIFY=FAILURE ORCPT=rfc822;u1@bench.test
                 S: 250 2.1.5
                 C: DATA
                 S: 354
                 C: Subject: dots
                 C:
                 C: ..
                 C: ..two
                 C: .
                 S: 250 2.0.0
                 C: NOOP
                 S: 250 2.0.0
                 C: VRFY u1
                 S: 252
                 C: EXPN list
                 S: 502
                 C: HELP
                 S: 214
                 C: QUIT
                 S: 221",
            )
            .await;
        assert_eq!(client.line().await, "", "closed");
        let [message] = inbox(&world, &world.people[0]).await.try_into().unwrap();
        assert!(
            message.starts_with("Return-Path: <ada@example.org>\r\nDelivered-To: U1@bench.test\r\n"),
            "{message}"
        );
        assert!(message.contains(
            "Received: from client.example.org ([127.0.0.1])\r\n\tby mx.bench.test with ESMTP id "
        ));
        assert!(message.contains("\r\n\tfor <U1@bench.test>;\r\n\t"));
        assert!(message.ends_with("\r\nSubject: dots\r\n\r\n.\r\n.two\r\n"), "{message}");
        world.sound().await;
    });
}

#[test]
fn p01_pipelined_commands_are_answered_in_order() {
    embedded(2, |world| async move {
        let door = smtp(&world).await;
        let mut client = door.silent_client().await;
        client
            .send("EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<u1@bench.test>\r\nRCPT TO:<nobody@bench.test>\r\nRCPT TO:<u2@bench.test>\r\nDATA\r\n")
            .await;
        assert!(client.line().await.starts_with("220"));
        assert!(client.answer().await.ends_with("STARTTLS"));
        for code in ["250 2.1.0", "250 2.1.5", "550 5.1.1", "250 2.1.5", "354"] {
            assert!(client.line().await.starts_with(code), "{code}");
        }
        client.send("Subject: one\r\n\r\nx\r\n.\r\nRSET\r\nMAIL FROM:<a@b.example>\r\nQUIT\r\n").await;
        for code in ["250 2.0.0", "250 2.0.0 begin", "250 2.1.0", "221"] {
            assert!(client.line().await.starts_with(code), "{code}");
        }
        assert_eq!(inbox(&world, &world.people[0]).await.len(), 1);
        assert_eq!(inbox(&world, &world.people[1]).await.len(), 1);
    });
}

#[test]
fn p01_chunks_make_a_message() {
    embedded(1, |world| async move {
        let door = smtp(&world).await;
        let mut client = door.client().await;
        client.ask("EHLO a.example").await;
        client.play("C: BDAT 3\nC: abQUIT\nS: 503").await;
        let mut client = door.client().await;
        client.ask("EHLO a.example").await;
        client.ask("MAIL FROM:<ada@example.org>").await;
        client.ask("RCPT TO:<u1@bench.test>").await;
        client.send("BDAT 14\r\nSubject: c\r\n\r\nBDAT 7\r\n.\r\nab\r\n").await;
        assert!(client.line().await.starts_with("250 2.0.0 14 bytes"));
        assert!(client.line().await.starts_with("250 2.0.0 7 bytes"));
        assert!(client.ask("DATA").await.starts_with("503"));
        assert!(client.ask("BDAT 0 LAST").await.starts_with("250 2.0.0"));
        let [message] = inbox(&world, &world.people[0]).await.try_into().unwrap();
        assert!(message.ends_with("\r\nSubject: c\r\n\r\n.\r\nab\r\n"), "{message}");
        client.ask("MAIL FROM:<ada@example.org>").await;
        client.ask("RCPT TO:<u1@bench.test>").await;
        client.send("BDAT 5 LAST\r\nab\ncd").await;
        assert!(client.line().await.starts_with("550 5.6.0"), "a bare line feed in a chunk");
    });
}

#[test]
fn p01_utf8_goes_where_it_was_asked_for() {
    embedded(1, |world| async move {
        let account = world.people[0].account;
        let ctx = world.ctx();
        let add =
            move |edit: &mut directory::Edit<'_, '_>| aliases::add(edit, account, "zoé@bench.test", None, "");
        world.directory.edit(&ctx, world.organisation, add).await.unwrap();
        let door = smtp(&world).await;
        let mut client = door.client().await;
        client
            .play(
                "C: HELO a.example
                 S: 250 mx.bench.test
                 C: MAIL FROM:<rené@example.org>
                 S: 550 5.6.7
                 C: MAIL FROM:<ada@example.org>
                 S: 250
                 C: RCPT TO:<zoé@bench.test>
                 S: 553 5.6.7
                 C: RSET
                 S: 250
                 C: MAIL FROM:<rené@example.org> SMTPUTF8
                 S: 250
                 C: RCPT TO:<zoé@bench.test>
                 S: 250
                 C: DATA
                 S: 354
                 C: Subject: été
                 C:
                 C: .
                 S: 250",
            )
            .await;
        assert!(inbox(&world, &world.people[0]).await[0].contains("Return-Path: <rené@example.org>"));
    });
}

#[test]
fn p01_starttls_begins_anew_and_what_was_injected_is_gone() {
    embedded(1, |world| async move {
        let door = smtp(&world).await;
        let mut client = door.client().await;
        client.ask("EHLO a.example").await;
        client.send("STARTTLS\r\nMAIL FROM:<injected@example.org>\r\n").await;
        assert!(client.line().await.starts_with("220"));
        let mut client = client.start_tls(&door).await;
        assert!(client.ask("MAIL FROM:<ada@example.org>").await.starts_with("503"), "hello is forgotten");
        let offers = client.ask("EHLO a.example").await;
        assert!(!offers.contains("STARTTLS"), "{offers}");
        client
            .play("C: MAIL FROM:<ada@example.org>\nS: 250\nC: RCPT TO:<u1@bench.test>\nS: 250\nC: DATA\nS: 354\nC: Subject: s\nC:\nC: .\nS: 250")
            .await;
        let message = inbox(&world, &world.people[0]).await.remove(0);
        assert!(message.contains("with ESMTPS id"), "{message}");
        assert!(message.contains("(TLSv1.3 TLS13_"), "{message}");
    });
}

#[test]
fn p01_commands_out_of_order_and_errors_without_end() {
    embedded(1, |world| async move {
        let door = smtp(&world).await;
        let mut client = door.client().await;
        client
            .play(
                "C: MAIL FROM:<a@b.example>
                 S: 503
                 C: LHLO a.example
                 S: 500
                 C: EHLO a.example
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250 STARTTLS
                 C: RCPT TO:<u1@bench.test>
                 S: 503
                 C: DATA
                 S: 503
                 C: AUTH PLAIN AGEAYg==
                 S: 502
                 C: XCLIENT ADDR=192.0.2.1
                 S: 550
                 C: MAIL FROM:<a@b.example> SIZE=99999999999
                 S: 552 5.3.4
                 C: MAIL FROM:<a@b.example> HOLDFOR=60
                 S: 555
                 C: MAIL FROM:<a@b.example>
                 S: 250
                 C: MAIL FROM:<a@b.example>
                 S: 503
                 C: DATA
                 S: 554 5.5.1",
            )
            .await;
        let mut last = String::new();
        for _ in 0..30 {
            last = client.ask("WHAT").await;
            if last.starts_with("421") {
                break;
            }
        }
        assert!(last.starts_with("421 4.7.0"), "{last}");
        assert_eq!(client.line().await, "");
        let mut client = door.client().await;
        client.send("EHLO a.example\nMAIL FROM:<a@b.example>\r\n").await;
        assert!(client.line().await.starts_with("500 5.5.2"), "a bare line feed");
        assert_eq!(client.line().await, "", "and the connection is closed");
    });
}

#[test]
fn p01_recipients_are_answered_as_the_directory_says() {
    embedded(3, |world| async move {
        let (ctx, organisation) = (world.ctx(), world.organisation);
        let (closed, locked) = (world.people[1].account, world.people[2].account);
        world
            .directory
            .edit(&ctx, organisation, move |edit| {
                apply(edit, closed, Transition::Close)?;
                apply(edit, locked, Transition::Lock)?;
                let new = |address| NewEntry { address, name: "" };
                aliases::create(edit, &new("outside@bench.test"), &["far@elsewhere.example"], &[])?;
                let team = groups::create(
                    edit,
                    Kind::List,
                    &new("team@bench.test"),
                    &[("posting", "organisation")],
                )?;
                groups::add_members(edit, team, &["u1@bench.test"])?;
                groups::create(edit, Kind::List, &new("empty@bench.test"), &[])?;
                let open = groups::create(edit, Kind::List, &new("open@bench.test"), &[])?;
                groups::add_members(edit, open, &["u1@bench.test", "u3@bench.test"])?;
                people::create(edit, &new("full@bench.test"), None, &[("quota_bytes", "10")])?;
                Ok(())
            })
            .await
            .unwrap();
        let door = smtp(&world).await;
        let mut client = door.client().await;
        client.ask("HELO a.example").await;
        client
            .play(
                "C: MAIL FROM:<ada@example.org> SIZE=5
                 S: 250
                 C: RCPT TO:<nobody@bench.test>
                 S: 550 5.1.1
                 C: RCPT TO:<u2@bench.test>
                 S: 550 5.2.1
                 C: RCPT TO:<u3+detail@bench.test>
                 S: 250
                 C: RCPT TO:<far@elsewhere.example>
                 S: 550 5.7.1
                 C: RCPT TO:<team@bench.test>
                 S: 550 5.7.2
                 C: RCPT TO:<empty@bench.test>
                 S: 550 5.2.4
                 C: RCPT TO:<open@bench.test>
                 S: 250
                 C: RCPT TO:<outside@bench.test>
                 S: 250
                 C: RCPT TO:<postmaster>
                 S: 550 5.1.1
                 C: RCPT TO:<full@bench.test>
                 S: 250
                 C: RSET
                 S: 250
                 C: MAIL FROM:<ada@example.org> SIZE=50
                 S: 250
                 C: RCPT TO:<full@bench.test>
                 S: 552 5.2.2
                 C: RSET
                 S: 250
                 C: MAIL FROM:<>
                 S: 250
                 C: RCPT TO:<open@bench.test>
                 S: 550 5.7.1
                 C: RCPT TO:<u1@bench.test>
                 S: 250
                 C: RCPT TO:<outside@bench.test>
                 S: 250
                 C: DATA
                 S: 354
                 C: Subject: x
                 C:
                 C: .
                 S: 250",
            )
            .await;
        assert_eq!(queued(&world).await, [" -> far@elsewhere.example"], "an alias leads outside");
        client
            .play(
                "C: MAIL FROM:<ada@example.org>
                 S: 250
                 C: RCPT TO:<outside@bench.test>
                 S: 250
                 C: DATA
                 S: 354
                 C: Subject: x
                 C:
                 C: .
                 S: 250",
            )
            .await;
        assert!(
            queued(&world).await.contains(&"outside@bench.test -> far@elsewhere.example".to_owned()),
            "the forwarding address answers for it"
        );
        assert_eq!(inbox(&world, &world.people[0]).await.len(), 1);
    });
}

#[test]
fn p01_mail_that_goes_round_in_circles_is_refused() {
    embedded(1, |world| async move {
        let (ctx, organisation) = (world.ctx(), world.organisation);
        let alias = |edit: &mut directory::Edit<'_, '_>| {
            let new = NewEntry { address: "outside@bench.test", name: "" };
            aliases::create(edit, &new, &["far@elsewhere.example"], &[])
        };
        world.directory.edit(&ctx, organisation, alias).await.unwrap();
        let door = smtp(&world).await;
        let mut client = door.client().await;
        client.ask("HELO a.example").await;
        for (to, head) in [
            ("u1@bench.test", "Received: from a by b; x\r\n".repeat(51)),
            ("outside@bench.test", "Delivered-To: outside@bench.test\r\n".to_owned()),
        ] {
            client.ask("MAIL FROM:<ada@example.org>").await;
            client.ask(&format!("RCPT TO:<{to}>")).await;
            client.ask("DATA").await;
            client.send(format!("{head}Subject: x\r\n\r\n.\r\n")).await;
            assert!(client.line().await.starts_with("554 5.4.6"), "{to}");
        }
        assert!(queued(&world).await.is_empty());
    });
}

#[test]
fn p02_lmtp_answers_for_each_recipient_after_the_delivery() {
    both(2, |world| async move {
        let (ctx, organisation) = (world.ctx(), world.organisation);
        let full = |edit: &mut directory::Edit<'_, '_>| {
            let new = NewEntry { address: "full@bench.test", name: "" };
            people::create(edit, &new, None, &[("quota_bytes", "10")])
        };
        world.directory.edit(&ctx, organisation, full).await.unwrap();
        let door = Door::open(&world, Profile::Lmtp, settings(true), None).await;
        let mut client = door.client().await;
        client
            .play(
                "C: EHLO a.example
                 S: 500
                 C: LHLO a.example
                 S: 250-mx.bench.test
                 S: 250-PIPELINING
                 S: 250-8BITMIME
                 S: 250-SMTPUTF8
                 S: 250-CHUNKING
                 S: 250-ENHANCEDSTATUSCODES
                 S: 250-DSN
                 S: 250-SIZE
                 S: 250-LIMITS
                 S: 250-STARTTLS
                 S: 250 XCLIENT
                 C: MAIL FROM:<ada@example.org>
                 S: 250
                 C: RCPT TO:<u1@bench.test>
                 S: 250
                 C: RCPT TO:<nobody@bench.test>
                 S: 550
                 C: RCPT TO:<full@bench.test>
                 S: 250
                 C: RCPT TO:<u2@bench.test>
                 S: 250
                 C: DATA
                 S: 354
                 C: Subject: x
                 C:
                 C: text
                 C: .
                 S: 250 2.0.0 u1@bench.test
                 S: 452 4.2.2
                 S: 250 2.0.0 u2@bench.test
                 C: QUIT
                 S: 221",
            )
            .await;
        for person in &world.people {
            let [message] = inbox(&world, person).await.try_into().unwrap();
            assert!(message.contains("with LMTP id"), "{message}");
            assert!(!message.contains("Delivered-To"), "several recipients share what is before it");
        }
        world.sound().await;
    });
}

#[test]
fn p02_lmtp_is_for_trusted_networks() {
    embedded(1, |world| async move {
        let door = Door::open(&world, Profile::Lmtp, settings(false), None).await;
        let mut client = door.silent_client().await;
        assert!(client.line().await.starts_with("554 "));
        assert_eq!(client.line().await, "");
    });
}

#[test]
fn p01_a_trusted_relay_says_who_its_client_is() {
    embedded(1, |world| async move {
        let mut own = settings(true);
        own.postmaster = Some("u1@bench.test".to_owned());
        let door = Door::open(&world, Profile::Smtp, own, None).await;
        let mut client = door.client().await;
        client.ask("EHLO relay.example").await;
        assert!(
            client
                .ask("XCLIENT ADDR=203.0.113.9 HELO=real.example NAME=[UNAVAILABLE]")
                .await
                .starts_with("220 ")
        );
        client
            .play(
                "C: EHLO relay.example
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250-
                 S: 250 STARTTLS
                 C: MAIL FROM:<ada@example.org>
                 S: 250
                 C: RCPT TO:<Postmaster>
                 S: 250
                 C: DATA
                 S: 354
                 C: Subject: x
                 C:
                 C: .
                 S: 250",
            )
            .await;
        let message = inbox(&world, &world.people[0]).await.remove(0);
        assert!(message.contains("Received: from real.example ([203.0.113.9])"), "{message}");
    });
}

#[test]
fn p01_a_network_that_may_relay_reaches_outside_addresses() {
    embedded(1, |world| async move {
        let relaying = Settings { relay_from: wire::Networks::loopback(), ..settings(false) };
        let door = Door::open(&world, Profile::Smtp, relaying, None).await;
        let mut client = door.client().await;
        client
            .play(
                "C: HELO scanner.bench.test
                 S: 250
                 C: MAIL FROM:<scanner@bench.test> RET=HDRS ENVID=abc
                 S: 250
                 C: RCPT TO:<far@elsewhere.example> NOTIFY=SUCCESS,DELAY
                 S: 250
                 C: DATA
                 S: 354
                 C: Subject: x
                 C:
                 C: .
                 S: 250",
            )
            .await;
        assert_eq!(queued(&world).await, ["scanner@bench.test -> far@elsewhere.example"]);
        let id = world.mail.queue().list(0, 1).await.unwrap()[0].id;
        let (message, _) = world.mail.queue().show(id).await.unwrap();
        assert_eq!(message.envelope_id.as_deref(), Some("abc"));
    });
}

#[test]
fn p01_a_network_may_hand_over_so_much_in_an_hour() {
    embedded(1, |world| async move {
        let limits = base::Limits { smtp_messages_per_address_hour: 2, ..base::Limits::default() };
        let door = Door::open_limited(&world, Profile::Smtp, settings(false), limits).await;
        let mut client = door.client().await;
        client.ask("HELO a.example").await;
        for code in ["250", "250", "450 4.7.1"] {
            assert!(client.ask("MAIL FROM:<a@b.example>").await.starts_with(code));
            client.ask("RSET").await;
        }
        world.engine.clock.advance_ms(3_600_001);
        assert!(client.ask("MAIL FROM:<a@b.example>").await.starts_with("250"));
    });
}

#[test]
fn p01_one_full_mailbox_brings_nobody_a_second_copy_and_loses_nothing() {
    both(2, |world| async move {
        let (ctx, organisation) = (world.ctx(), world.organisation);
        let full = |edit: &mut directory::Edit<'_, '_>| {
            let new = NewEntry { address: "full@bench.test", name: "" };
            people::create(edit, &new, None, &[("quota_bytes", "10")])?;
            let new = NewEntry { address: "some@bench.test", name: "" };
            let some = groups::create(edit, Kind::List, &new, &[])?;
            groups::add_members(edit, some, &["u2@bench.test", "full@bench.test"])
        };
        world.directory.edit(&ctx, organisation, full).await.unwrap();
        let door = smtp(&world).await;
        let mut client = door.client().await;
        client.ask("HELO a.example").await;
        client
            .play(
                "C: MAIL FROM:<ada@example.org>
                 S: 250
                 C: RCPT TO:<u1@bench.test>
                 S: 250
                 C: RCPT TO:<full@bench.test>
                 S: 250
                 C: DATA
                 S: 354
                 C: Subject: one
                 C:
                 C: .
                 S: 250 2.0.0 some have it
                 C: MAIL FROM:<ada@example.org>
                 S: 250
                 C: RCPT TO:<full@bench.test>
                 S: 250
                 C: DATA
                 S: 354
                 C: Subject: alone
                 C:
                 C: .
                 S: 452 4.2.2",
            )
            .await;
        assert_eq!(
            queued(&world).await,
            ["ada@example.org -> full@bench.test"],
            "it is tried again for one alone"
        );
        assert_eq!(inbox(&world, &world.people[0]).await.len(), 1);
        let lmtp = Door::open(&world, Profile::Lmtp, settings(true), None).await;
        let mut client = lmtp.client().await;
        client.ask("LHLO a.example").await;
        client
            .play(
                "C: MAIL FROM:<ada@example.org>
                 S: 250
                 C: RCPT TO:<some@bench.test>
                 S: 250
                 C: RCPT TO:<full@bench.test>
                 S: 250
                 C: DATA
                 S: 354
                 C: Subject: two
                 C:
                 C: .
                 S: 250 2.0.0 some have it
                 S: 452 4.2.2",
            )
            .await;
        assert_eq!(queued(&world).await.len(), 2, "one member of a group is not the whole group");
        assert_eq!(inbox(&world, &world.people[1]).await.len(), 1);
    });
}
