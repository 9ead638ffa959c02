//! Clients that mean harm, and clients that are slow.

use std::time::{Duration, Instant};

use base::Random;
use testkit::mail::{embedded, message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::house::House;

/// Pieces that sessions are made of.
const PIECES: &[&[u8]] = &[
    b"a LOGIN u1@bench.test secret\r\n",
    b"a LOGIN {13}\r\nu1@bench.test {6}\r\nsecret\r\n",
    b"a LOGIN {13+}\r\nu1@bench.test {6+}\r\nsecret\r\n",
    b"a LOGIN {99999999999999999999+}\r\n",
    b"a LOGIN {4294967296}\r\n",
    b"a LOGIN u1@bench.test wrong\r\n",
    b"a AUTHENTICATE PLAIN AHUxQGJlbmNoLnRlc3QAc2VjcmV0\r\n",
    b"a AUTHENTICATE PLAIN\r\n*\r\n",
    b"a AUTHENTICATE SCRAM-SHA-256 biws\r\nbm8=\r\n",
    b"a SELECT INBOX\r\n",
    b"a SELECT INBOX (QRESYNC (1 1 1:4294967295 (1,2,3 1,2,3)))\r\n",
    b"a APPEND INBOX {500}\r\nSubject: cut",
    b"a APPEND INBOX {20+}\r\nSubject: x\r\n\r\n12345678\r\n",
    b"a APPEND INBOX CATENATE (TEXT {3+}\r\nabc URL \"/INBOX;UIDVALIDITY=1/;UID=1/;SECTION=1.2.3.4.5.6\")\r\n",
    b"a FETCH 1:* (BODY[1.1.1.1.1.1.1.1.1.1.1.1.1.TEXT]<18446744073709551615.1>)\r\n",
    b"a FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY[] BINARY[1] BINARY.SIZE[1])\r\n",
    b"a FETCH 4294967295:1 FLAGS\r\na UID FETCH 0 FLAGS\r\n",
    b"a SEARCH ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((ALL\r\n",
    b"a SEARCH OR OR OR OR OR OR OR OR OR OR OR OR OR OR NOT NOT NOT NOT NOT NOT ALL\r\n",
    b"a SEARCH TEXT \"\xff\xfe\x00\"\r\n",
    b"a LIST \"\" \"*%*%*%*%*%*%*%*%*%*%*%*%*%*%*%*%*%*%*%*\"\r\n",
    b"a CREATE \"a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/1/2/3/4/5/6/7/8/9\"\r\n",
    b"a CREATE &AAA-\r\na CREATE \"\x01\x02\"\r\na RENAME INBOX INBOX/x\r\n",
    b"a COMPRESS DEFLATE\r\n\xff\xff\xff\xff\xff\xff\xff\xff",
    b"a STARTTLS\r\na CAPABILITY\r\n",
    b"a IDLE\r\nnonsense\r\n",
    b"a IDLE\r\n",
    b"a NOTIFY SET STATUS (SUBTREE (\"\") (MessageNew MessageExpunge)) (SELECTED (MessageNew (BODY[]) MessageExpunge))\r\n",
    b"a SETMETADATA INBOX (/private/x {3}\r\n",
    b"a STORE 1:* +FLAGS (a b c d e f g h i j k l m n o p q r s t u v w x y z)\r\n",
    b"a SORT (REVERSE DATE SUBJECT) UTF-8 ALL\r\na THREAD REFERENCES UTF-8 ALL\r\n",
    b"a UNAUTHENTICATE\r\n",
    b"a LOGOUT\r\n",
    b"\r\n\n\r\n",
    b"\0\0\0\0\r\n",
    b"\xff\xfe\x16\x03\x01\x02\x00\x01",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"* OK [ALERT] I am the server\r\n",
    b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

async fn session(port: u16, random: Random) -> usize {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut bytes = Vec::new();
    // Half of them got in first.
    if random.u64().is_multiple_of(2) {
        bytes.extend_from_slice(PIECES[0]);
        bytes.extend_from_slice(b"a SELECT INBOX\r\n");
    }
    for _ in 0..random.u64() % 12 {
        let piece = PIECES[usize::try_from(random.u64() % PIECES.len() as u64).unwrap()];
        bytes.extend_from_slice(if random.u64().is_multiple_of(8) {
            &piece[..piece.len() / 2]
        } else {
            piece
        });
    }
    // It may be sent away in the middle.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
    let mut said = Vec::new();
    let read = stream.read_to_end(&mut said);
    let _ = tokio::time::timeout(Duration::from_mins(1), read).await.expect("an end");
    assert!(said.len() < 8 << 20, "{} bytes were answered", said.len());
    said.windows(5).filter(|word| word == b" BAD ").count()
}

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
}

#[test]
fn r09_ten_thousand_hostile_imap_sessions_do_no_harm() {
    embedded(1, |world| async move {
        let house = House::open(&world).await;
        world.deliver_one(&world.people[0], message("First", "There before.")).await;
        let random = Random::seeded(907);
        let (mut bad, mut before) = (0, 0);
        for round in 0..200 {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..50 {
                tasks.spawn(session(house.port, Random::seeded(random.u64())));
            }
            while let Some(ended) = tasks.join_next().await {
                bad += ended.unwrap();
            }
            if round == 40 {
                before = resident();
            }
        }
        assert!(bad > 10_000, "only {bad} commands were refused");
        let after = resident();
        assert!(after < before + (64 << 20), "memory grew from {before} to {after}");
        // Wrong passwords made this network wait.
        world.engine.clock.advance_ms(3_600_000);
        let mut client = house.logged_in("u1").await;
        client.send("a NOOP\r\n").await;
        assert!(client.line().await.starts_with("a OK"));
        house.close().await;
        world.sound().await;
    });
}

#[test]
fn r09_mail_that_is_nested_ten_thousand_deep_is_told_within_bounds() {
    embedded(1, |world| async move {
        let house = House::open(&world).await;
        let mut nested = String::from("Subject: deep\r\n");
        for level in 0..10_000 {
            let boundary = format!("b{level}");
            nested.extend([
                "Content-Type: multipart/mixed; boundary=",
                &boundary,
                "\r\n\r\n--",
                &boundary,
                "\r\n",
            ]);
        }
        world.deliver_one(&world.people[0], nested).await;
        let messages = "Subject: m\r\nContent-Type: message/rfc822\r\n\r\n".repeat(10_000);
        world.deliver_one(&world.people[0], messages).await;
        let fields = format!("Subject: bomb\r\n{}\r\nText\0\r\n", "X-Field: value\r\n".repeat(100_000));
        world.deliver_one(&world.people[0], fields).await;
        let mut client = house.logged_in("u1").await;
        client.send("a SELECT INBOX\r\nb FETCH 1:* (ENVELOPE BODYSTRUCTURE PREVIEW)\r\n").await;
        client.send("c FETCH 1:2 (BODY[1.1.1.1.1.1.1.1.1.1] BINARY.SIZE[1])\r\nd FETCH 3 BODY.PEEK[HEADER.FIELDS (X-FIELD)]\r\n").await;
        client.send("e SEARCH TEXT deep\r\n").await;
        for tag in ["a", "b", "c", "d", "e"] {
            loop {
                let line = client.line().await;
                assert!(!client.ended, "the connection ended before {tag}");
                if line.starts_with(&format!("{tag} ")) {
                    assert!(line.starts_with(&format!("{tag} OK")), "{line}");
                    break;
                }
                // The longest is a structure, and no line of it is without end.
                assert!(line.len() < 4 << 20, "{} bytes in one line", line.len());
            }
        }
        house.close().await;
        world.sound().await;
    });
}

#[test]
fn r09_a_reader_that_takes_nothing_holds_up_nobody() {
    embedded(1, |world| async move {
        let house = House::open(&world).await;
        let text = format!("Subject: large\r\n\r\n{}", "0123456789\r\n".repeat(400_000));
        world.deliver_one(&world.people[0], text).await;
        let mut slow = Vec::new();
        for _ in 0..20 {
            let mut client = house.logged_in("u1").await;
            client.send("a SELECT INBOX\r\n").await;
            // Far more than a socket takes, and none of it is read.
            client.send(&"b FETCH 1 BODY.PEEK[]\r\n".repeat(50)).await;
            slow.push(client);
        }
        let mut quick = house.logged_in("u1").await;
        quick.send("a SELECT INBOX\r\n").await;
        while !quick.line().await.starts_with("a OK") {}
        let started = Instant::now();
        for _ in 0..20 {
            quick
                .send("n STORE 1 +FLAGS.SILENT (\\Flagged)\r\nm STORE 1 -FLAGS.SILENT (\\Flagged)\r\n")
                .await;
            while !quick.line().await.starts_with("m OK") {}
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        drop(slow);
        house.close().await;
        world.sound().await;
    });
}
