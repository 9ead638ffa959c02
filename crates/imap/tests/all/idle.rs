//! What sessions cost that wait.

use std::time::{Duration, Instant};

use testkit::mail::{embedded, message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::house::House;

/// Sessions before anything is counted: pools, caches and the shared view are there afterwards.
const WARM: usize = 60;
/// Sessions that are counted.
const COUNTED: usize = 340;
/// What one may take: itself, and the client of the test in the same process.
const BYTES: u64 = 12 * 1_024;

/// Memory of this process that is its own.
fn resident() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Private_Dirty:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
}

/// Reads until an answer holds these bytes.
async fn until(stream: &mut TcpStream, wanted: &[u8]) {
    let mut read = Vec::new();
    let mut room = [0; 1_024];
    let found = async {
        while !read.windows(wanted.len()).any(|part| part == wanted) {
            let count = stream.read(&mut room).await.unwrap();
            assert!(count > 0, "the connection ended");
            read.extend_from_slice(&room[..count]);
        }
    };
    tokio::time::timeout(Duration::from_mins(1), found).await.expect("an answer in time");
}

/// A session that waits in IDLE.
async fn idling(house: &House) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", house.port)).await.unwrap();
    stream.write_all(b"a LOGIN u1@bench.test secret\r\nb SELECT INBOX\r\nc IDLE\r\n").await.unwrap();
    until(&mut stream, b"+ idling\r\n").await;
    stream
}

#[test]
fn p11_an_idle_session_costs_kilobytes_and_hears_at_once() {
    embedded(1, |world| async move {
        let house = House::open(&world).await;
        for number in 0..20 {
            world.deliver_one(&world.people[0], message(&format!("Number {number}"), "Text.")).await;
        }
        let mut streams = Vec::with_capacity(WARM + COUNTED);
        for _ in 0..WARM {
            streams.push(idling(&house).await);
        }
        let before = resident();
        for _ in 0..COUNTED {
            streams.push(idling(&house).await);
        }
        let each = resident().saturating_sub(before) / COUNTED as u64;
        println!("{each} bytes an idle session, its client included");
        assert!(each <= BYTES, "an idle session takes {each} bytes");
        let started = Instant::now();
        world.deliver_one(&world.people[0], message("News", "Text.")).await;
        for stream in &mut streams {
            until(stream, b"* 21 EXISTS\r\n").await;
        }
        println!("all {} heard of it after {:?}", streams.len(), started.elapsed());
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        let again = resident().saturating_sub(before) / COUNTED as u64;
        assert!(again <= BYTES, "after a push an idle session takes {again} bytes");
        drop(streams);
        house.close().await;
        world.sound().await;
    });
}
