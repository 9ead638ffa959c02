//! Clients that mean harm: ten thousand sessions of garbage, half messages, smuggling and silence. Nothing breaks,
//! nothing is delivered that should not be, and the server answers as before.

use std::time::Duration;

use base::Random;
use smtp::Profile;
use testkit::mail::embedded;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Door, settings};
use crate::receiving::inbox;

const SESSIONS: usize = 10_000;
const AT_ONCE: usize = 50;
/// Resident memory that all of it may add.
const GROWTH_KIB: u64 = 64 * 1_024;

const ENVELOPE: &str = "EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<u1@bench.test>\r\n";

/// What one of them sends.
fn attack(number: usize, random: &Random) -> Vec<u8> {
    let smuggled =
        "MAIL FROM:<smuggled@b.example>\r\nRCPT TO:<u1@bench.test>\r\nDATA\r\nSubject: smuggled\r\n\r\n.\r\n";
    let data = format!("{ENVELOPE}DATA\r\nSubject: x\r\n\r\n");
    let ends = ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r\n\0.\r\n", "\r.\r\n"];
    match number % 12 {
        0 => random.bytes::<1_500>().to_vec(),
        1 => [&b"EHLO "[..], &vec![b'x'; 70_000]].concat(),
        2 => vec![0; 5_000],
        3 => vec![b'\n'; 5_000],
        4 => format!("{data}{}{smuggled}", ends[number / 12 % ends.len()]).into_bytes(),
        5 => format!("{ENVELOPE}BDAT 18446744073709551615 LAST\r\n").into_bytes(),
        6 => format!("{ENVELOPE}BDAT 5000000 LAST\r\nhalf of it").into_bytes(),
        7 => format!("{data}never ends").into_bytes(),
        8 => [data.as_bytes(), &b"A: b\r\n".repeat(20_000)[..]].concat(),
        9 => "EHLO a\r\n".repeat(500).into_bytes(),
        10 => format!("{ENVELOPE}RCPT TO:<{}@bench.test>\r\nRCPT TO:<@@@>\r\nRCPT TO:<\"", "x".repeat(3_000))
            .into_bytes(),
        _ => b"STARTTLS\r\n\x16\x03\x01\xff\xff\xff not a handshake".to_vec(),
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[test]
fn p01_ten_thousand_hostile_sessions_leave_the_server_as_it_was() {
    embedded(1, |world| async move {
        let door = Door::open(&world, Profile::Smtp, settings(false), None).await;
        let random = Random::seeded(7);
        let address = door.address;
        let mut before = 0;
        for round in 0..SESSIONS / AT_ONCE {
            if round == 10 {
                before = resident_kib();
            }
            let mut sessions = tokio::task::JoinSet::new();
            for number in 0..AT_ONCE {
                let bytes = attack(round * AT_ONCE + number, &random);
                sessions.spawn(async move {
                    let Ok(mut stream) = TcpStream::connect(address).await else { return };
                    let talk = async {
                        let _ = stream.write_all(&bytes).await;
                        let _ = stream.shutdown().await;
                        let mut answers = Vec::new();
                        let _ = stream.read_to_end(&mut answers).await;
                        assert!(
                            answers.is_empty() || answers.starts_with(b"220 "),
                            "it answers what it should"
                        );
                    };
                    tokio::time::timeout(Duration::from_mins(1), talk).await.expect("the server lets go");
                });
            }
            while let Some(ended) = sessions.join_next().await {
                ended.unwrap();
            }
        }
        let grown = resident_kib().saturating_sub(before);
        assert!(grown < GROWTH_KIB, "{grown} KiB more");
        assert!(inbox(&world, &world.people[0]).await.is_empty(), "nothing was smuggled in");
        let mut client = door.client().await;
        client.ask("EHLO a.example").await;
        client
            .play("C: MAIL FROM:<a@b.example>\nS: 250\nC: RCPT TO:<u1@bench.test>\nS: 250\nC: DATA\nS: 354\nC: Subject: x\nC:\nC: .\nS: 250")
            .await;
        assert_eq!(inbox(&world, &world.people[0]).await.len(), 1);
        drop(client);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while door.places.open() > 0 {
            assert!(tokio::time::Instant::now() < deadline, "{} sessions are left", door.places.open());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}
