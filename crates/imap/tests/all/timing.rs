//! How long what clients ask most takes in a mailbox of 2,000 messages. Prints figures; they mean something only in a
//! build with optimisation: `cargo nextest run --release -p imap timing --no-capture`.

use std::time::{Duration, Instant};

use codec::imap::Ranges;
use testkit::mail::embedded;

use crate::data::Box;

const MESSAGES: i64 = 2_000;

async fn fill(inbox: &mut Box) {
    let words = ["reunion", "budget", "invoice", "planning", "report", "lunch", "projet", "facture"];
    for part in 0..10 {
        let messages = (0..MESSAGES / 10).map(|n| {
            let n = part * MESSAGES / 10 + n;
            let word = |at: i64| words[usize::try_from((n + at) % 8).unwrap()];
            let refs = if n % 5 == 0 { String::new() } else { format!("References: <m{}@a.example>\r\n", n - n % 5) };
            let body = format!("Line {n} about {} and {} in thread {}.\r\n", word(1), word(3), n / 5).repeat(60);
            let text = format!(
                "From: Person {} <p{}@a.example>\r\nTo: bob@b.example\r\nSubject: {} {} {}\r\nMessage-ID: <m{n}@a.example>\r\n\
                 {refs}Date: Mon, 2 Nov 2026 09:{:02}:00 +0100\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}",
                n % 90, n % 90, if n % 5 == 0 { "" } else { "Re:" }, word(0), n / 5, n % 60,
            );
            (text.into_bytes(), &[][..], n * 1_000)
        });
        inbox.add(messages.collect()).await;
    }
}

/// The median of some runs.
async fn measure(name: &str, mut run: impl AsyncFnMut() -> usize) {
    let mut times = Vec::new();
    let mut size = 0;
    for _ in 0..7 {
        let started = Instant::now();
        size = run().await;
        times.push(started.elapsed());
    }
    let first = times.first().copied().unwrap_or(Duration::ZERO);
    times.sort_unstable();
    println!("{name}: median {:?}, first {first:?} ({size})", times[3]);
}

#[test]
fn p07_timing_of_a_mailbox_of_2000_messages() {
    embedded(1, |world| async move {
        let mut inbox = Box::open(world).await;
        let index = inbox.with_index().await;
        let started = Instant::now();
        fill(&mut inbox).await;
        println!("filled in {:?}", started.elapsed());
        let started = Instant::now();
        index.caught_up().await;
        println!("indexed after {:?}", started.elapsed());
        for items in [
            "(FLAGS UID)",
            "(FLAGS UID INTERNALDATE RFC822.SIZE ENVELOPE)",
            "(UID BODY.PEEK[HEADER.FIELDS (FROM TO CC SUBJECT DATE MESSAGE-ID REFERENCES)])",
            "(UID BODYSTRUCTURE)",
        ] {
            measure(&format!("FETCH {items}"), async || inbox.fetch(items).await.len()).await;
        }
        let all = inbox.selected.uids.clone();
        for (count, items) in [(50, "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])"), (20, "(UID BODY.PEEK[])")] {
            inbox.selected.uids = Ranges::span(1, count);
            measure(&format!("FETCH {items} of {count}"), async || inbox.fetch(items).await.len()).await;
        }
        inbox.selected.uids = all;
        for keys in [
            "UNSEEN",
            "SUBJECT invoice",
            "FROM p42",
            "TEXT zzqqnotthere",
            "TEXT lunc",
            "TEXT \"about lunch\"",
            "BODY planning",
        ] {
            let found = async || inbox.search(keys).await.len();
            measure(&format!("SEARCH {keys}"), found).await;
        }
        for criteria in ["REVERSE DATE", "SUBJECT DATE", "FROM"] {
            measure(&format!("SORT ({criteria})"), async || inbox.sort(criteria).await.len()).await;
        }
        measure("THREAD REFERENCES", async || inbox.thread("REFERENCES").await.len()).await;
        assert_eq!(inbox.search("TEXT \"about lunch\"").await.len(), 250);
        assert_eq!(inbox.search("SUBJECT invoice").await.len(), 250);
        index.close().await;
    });
}
