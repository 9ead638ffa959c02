use mail::Role;
use testkit::mail::{World, embedded, message};

use crate::served::{Client, Served, base64_of};

async fn fill(world: &World, subjects: &[&str]) {
    for subject in subjects {
        world.deliver_one(&world.people[0], message(subject, ".dot\r\n..two\r\nthree")).await;
    }
}

async fn left(world: &World) -> u64 {
    u64::try_from(world.mailbox(&world.people[0], Role::Inbox).await.total).unwrap()
}

#[test]
fn p10_a_session_of_the_rfc() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        fill(&world, &["one", "two", "six"]).await;
        let [one, two, six] = ["one", "two", "six"].map(|text| message(text, ".dot\r\n..two\r\nthree").len());
        let mut client = served.client().await;
        client
            .transcript(&format!(
                r"
                S: +OK Beffroi is ready
                C: STAT
                S: -ERR Log in first
                C: PASS secret
                S: -ERR The name comes first
                C: USER u1@bench.test
                S: +OK ...
                C: PASS wrong
                S: -ERR [AUTH] ...
                C: USER u1@bench.test
                S: +OK ...
                C: PASS secret
                S: +OK 3 messages, {all} bytes
                C: STAT
                S: +OK 3 {all}
                C: LIST 2
                S: +OK 2 {two}
                C: LIST 4
                S: -ERR There is no such message
                C: DELE 2
                S: +OK ...
                C: DELE 2
                S: -ERR There is no such message
                C: RETR 2
                S: -ERR There is no such message
                C: LIST
                S: +OK
                S: 1 {one}
                S: 3 {six}
                S: .
                C: RSET
                S: +OK
                C: STAT
                S: +OK 3 {all}
                C: NOOP
                S: +OK
                C: USER u1@bench.test
                S: -ERR Not for someone who is logged in
                C: XYZZY
                S: -ERR Unknown command
                C: DELE 1
                S: +OK ...
                C: QUIT
                S: +OK Goodbye
                ",
                all = one + two + six
            ))
            .await;
        assert_eq!(client.line().await, "");
        assert_eq!(left(&world).await, 2);
        served.end().await;
        world.sound().await;
    });
}

#[test]
fn p10_messages_come_as_they_are() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        let text = message("one", ".dot\r\n..two\r\nthree");
        let large = message("large", &"A line of a large message.\r\n.\r\n".repeat(20_000));
        world.deliver_one(&world.people[0], text.clone()).await;
        world.deliver_one(&world.people[0], large.clone()).await;
        let (mut client, _) = Client::logged_in(&served, "u1@bench.test").await;
        assert_eq!(client.ask_all("RETR 1").await, text);
        assert!(client.ask_all("RETR 2").await == large, "a large message comes as it is");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(client.ask_all("TOP 1 0").await, format!("{head}\r\n\r\n"));
        let two: String = body.split_inclusive("\r\n").take(2).collect();
        assert_eq!(client.ask_all("TOP 1 2").await, format!("{head}\r\n\r\n{two}"));
        assert_eq!(client.ask_all("TOP 1 99").await, text);
        served.end().await;
    });
}

#[test]
fn p10_unique_ids_stay_over_sessions() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        fill(&world, &["one", "two"]).await;
        let (mut client, _) = Client::logged_in(&served, "u1@bench.test").await;
        let before = client.ask_all("UIDL").await;
        client.ask("DELE 1").await;
        assert_eq!(client.ask("QUIT").await, "+OK Goodbye\r\n");
        fill(&world, &["three"]).await;
        let (mut client, _) = Client::logged_in(&served, "u1@bench.test").await;
        let after = client.ask_all("UIDL").await;
        let ids = |text: &str| {
            text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect::<Vec<_>>()
        };
        let (before, after) = (ids(&before), ids(&after));
        assert_eq!(after[0], before[1]);
        assert!(!before.contains(&after[1]));
        assert_eq!(client.ask("UIDL 1").await, format!("+OK 1 {}\r\n", after[0]));
        served.end().await;
    });
}

#[test]
fn p10_without_quit_nothing_is_removed() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        fill(&world, &["one"]).await;
        let (mut client, _) = Client::logged_in(&served, "u1@bench.test").await;
        client.ask("DELE 1").await;
        drop(client);
        let (_, said) = Client::logged_in(&served, "u1@bench.test").await;
        assert!(said.starts_with("+OK 1 messages"), "{said}");
        served.end().await;
    });
}

#[test]
fn p10_several_sessions_on_one_mailbox_do_no_harm() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        fill(&world, &["one", "two"]).await;
        let (mut first, _) = Client::logged_in(&served, "u1@bench.test").await;
        let (mut second, _) = Client::logged_in(&served, "u1@bench.test").await;
        fill(&world, &["three"]).await;
        for client in [&mut first, &mut second] {
            client.ask("DELE 1").await;
        }
        assert_eq!(first.ask("QUIT").await, "+OK Goodbye\r\n");
        assert_eq!(second.ask("DELE 2").await, "+OK It goes with QUIT\r\n");
        assert_eq!(second.ask("QUIT").await, "+OK Goodbye\r\n");
        assert_eq!(left(&world).await, 1);
        served.end().await;
        world.sound().await;
    });
}

#[test]
fn p10_deletions_are_one_commit() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        fill(&world, &["one", "two", "three"]).await;
        let account = world.people[0].account;
        let seq =
            async || world.mail.kernel().read(&world.ctx(), move |view| view.seq(account)).await.unwrap();
        let before = seq().await;
        let (mut client, _) = Client::logged_in(&served, "u1@bench.test").await;
        for number in 1..=3 {
            client.ask(&format!("DELE {number}")).await;
        }
        client.ask("QUIT").await;
        assert_eq!((seq().await.0, left(&world).await), (before.0 + 1, 0));
        served.end().await;
    });
}

#[test]
fn p10_capabilities_and_logins_without_tls() {
    embedded(1, |world| async move {
        let served = Served::new(&world, false).await;
        let mut client = served.client().await;
        client.line().await;
        let offered = client.ask_all("CAPA").await;
        for line in [
            "TOP",
            "UIDL",
            "RESP-CODES",
            "AUTH-RESP-CODE",
            "PIPELINING",
            "EXPIRE NEVER",
            "UTF8 USER",
            "STLS",
            "SASL SCRAM-SHA-256",
        ] {
            assert!(offered.lines().any(|one| one == line), "{line} in {offered}");
        }
        assert!(!offered.contains("\r\nUSER\r\n"), "{offered}");
        assert_eq!(client.ask("USER u1@bench.test").await, "-ERR Begin TLS first\r\n");
        let plain = base64_of(b"\0u1@bench.test\0secret");
        assert_eq!(
            client.ask(&format!("AUTH PLAIN {plain}")).await,
            "-ERR This mechanism is not offered here\r\n"
        );
        served.end().await;
    });
}

#[test]
fn p10_sasl_logs_in_and_pipelined_commands_are_answered_in_order() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        fill(&world, &["one"]).await;
        let mut client = served.client().await;
        client.line().await;
        assert_eq!(client.ask("AUTH PLAIN").await, "+ \r\n");
        assert!(client.ask("*").await.starts_with("-ERR"));
        let plain = base64_of(b"\0u1@bench.test\0secret");
        assert!(client.ask(&format!("AUTH PLAIN {plain}")).await.starts_with("+OK 1 messages"));
        client.say("NOOP\r\nSTAT\r\nDELE 1\r\nQUIT").await;
        let mut said = Vec::new();
        for _ in 0..4 {
            said.push(client.line().await);
        }
        assert_eq!(said[0], "+OK\r\n");
        assert!(
            said[1].starts_with("+OK 1 ") && said[2].starts_with("+OK") && said[3].starts_with("+OK Goodbye")
        );
        served.end().await;
    });
}

#[test]
fn p10_three_wrong_passwords_end_the_connection() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        let mut client = served.client().await;
        client.line().await;
        for _ in 0..3 {
            client.ask("USER u1@bench.test").await;
            assert!(client.ask("PASS wrong").await.starts_with("-ERR [AUTH]"));
        }
        assert_eq!(client.line().await, "-ERR Too many mistakes\r\n");
        assert_eq!(client.line().await, "");
        served.end().await;
    });
}

#[test]
fn a08_at_the_rescue_address_everything_that_arrived_is_read_and_nothing_removed() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        fill(&world, &["one", "two"]).await;
        let (mut own, _) = Client::logged_in(&served, "u1@bench.test").await;
        for number in 1..=2 {
            assert!(own.ask(&format!("DELE {number}")).await.starts_with("+OK"));
        }
        assert!(own.ask("QUIT").await.starts_with("+OK"));
        assert_eq!(left(&world).await, 0);
        let (mut rescue, _) = Client::logged_in(&served, "u1@secours.bench.test").await;
        assert!(rescue.ask("STAT").await.starts_with("+OK 2 "));
        assert!(rescue.ask_all("RETR 1").await.contains("Subject: one"));
        assert!(rescue.ask("DELE 1").await.starts_with("-ERR"));
        assert!(rescue.ask("QUIT").await.starts_with("+OK"));
        let (mut again, _) = Client::logged_in(&served, "u1@secours.bench.test").await;
        assert!(again.ask("STAT").await.starts_with("+OK 2 "));
        served.end().await;
    });
}
