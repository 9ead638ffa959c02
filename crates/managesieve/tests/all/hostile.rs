//! Clients that mean harm.

use std::net::SocketAddr;
use std::time::Duration;

use base::Random;
use testkit::mail::embedded;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::served::{Client, Served};

/// Pieces that sessions are made of.
const PIECES: &[&[u8]] = &[
    b"AUTHENTICATE \"PLAIN\" \"AHUxQGJlbmNoLnRlc3QAc2VjcmV0\"\r\n",
    b"AUTHENTICATE \"SCRAM-SHA-256\" \"biws\"\r\n",
    b"AUTHENTICATE \"PLAIN\" {99999999+}\r\n",
    b"PUTSCRIPT \"a\" {5+}\r\nkeep;\r\n",
    b"PUTSCRIPT \"a\" {500000+}\r\n",
    b"PUTSCRIPT {3+}\r\nabc {4294967295+}\r\n",
    b"CHECKSCRIPT \"if not not not\"\r\n",
    b"GETSCRIPT \"a\r\n",
    b"SETACTIVE \"\\",
    b"NOOP {0+}\r\n\r\n",
    b"LOGOUT\r\n",
    b"STARTTLS\r\nNOOP \"injected\"\r\n",
    b"\r\n",
    b"\0\0\0\0",
    b"\xff\xfe\x16\x03\x01\x02\x00\x01",
    b"{1+}\r\n",
    b"*\r\n",
    b"HAVESPACE \"x\" 99999999999999999999\r\n",
];

async fn session(address: SocketAddr, random: Random) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut bytes = Vec::new();
    for _ in 0..random.u64() % 12 {
        let piece = PIECES[usize::try_from(random.u64()).unwrap_or(0) % PIECES.len()];
        let cut = usize::try_from(random.u64() % 8).unwrap();
        bytes.extend_from_slice(if cut == 0 { &piece[..piece.len() / 2] } else { piece });
    }
    // It may be sent away in the middle.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
    let mut said = Vec::new();
    let read = stream.read_to_end(&mut said);
    let _ = tokio::time::timeout(Duration::from_mins(1), read).await.expect("an end");
    assert!(said.len() < 1 << 20);
}

#[test]
fn p09_ten_thousand_hostile_sessions_do_no_harm() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        let random = Random::seeded(4190);
        for _ in 0..200 {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..50 {
                tasks.spawn(session(served.address, Random::seeded(random.u64())));
            }
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap();
            }
        }
        // Wrong passwords made this network wait.
        world.engine.clock.advance_ms(3_600_000);
        let mut client = Client::logged_in(&served, "u1@bench.test").await;
        assert_eq!(client.ask("NOOP").await, "OK \"Done\"\r\n");
        served.end().await;
        world.sound().await;
    });
}
