//! SEARCH, key by key, and against a model that reads every message.

use base::Random;
use codec::fold::fold;
use testkit::mail::{both, embedded};

use crate::data::Box;

/// What a search is to find, asked of what is known of a message.
type Test<'t> = std::boxed::Box<dyn Fn(&(u32, String, String, String, bool)) -> bool + 't>;

#[test]
fn p07_each_key_finds_what_it_says() {
    embedded(1, |world| async move {
        let mut inbox = Box::open(world).await;
        let now = inbox.ctx.now_ms();
        let day = 86_400_000;
        let one = "From: =?utf-8?Q?Ren=C3=A9?= <rene@a.example>\r\nTo: bob@b.example\r\nCc: team@c.example\r\n\
                   Subject: =?utf-8?Q?R=C3=A9union?= de lundi\r\nMessage-ID: <one@a.example>\r\nX-Own: Some Thing\r\n\
                   Date: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\nBonjour l'été\r\n";
        let two = "From: carol@d.example\r\nSubject: lunch\r\nDate: Tue, 8 Feb 1994 23:00:00 +0900\r\n\r\n\
                   hello world, quarterly report-2026 attached\r\n";
        let three = "Subject: nothing else\r\n\r\n";
        inbox
            .add(vec![
                (one.as_bytes().to_vec(), &["\\Seen", "work"], now - 3 * day),
                (two.as_bytes().to_vec(), &["\\Flagged", "$Junk"], now - 3_600_000),
                (three.as_bytes().to_vec(), &[], now),
            ])
            .await;
        let second = inbox.view.entry(2).unwrap().clone();
        let size = second.size;
        let modseq = second.modseq.0;
        let object = second.object;
        for (keys, expected) in [
            ("ALL", &[1, 2, 3][..]),
            ("SEEN", &[1]),
            ("UNSEEN", &[2, 3]),
            ("FLAGGED", &[2]),
            ("KEYWORD WORK", &[1]),
            ("UNKEYWORD work", &[2, 3]),
            ("KEYWORD $Junk", &[2]),
            ("RECENT", &[]),
            ("2:*", &[2, 3]),
            ("UID 1,3", &[1, 3]),
            ("UID 4:*", &[3]),
            ("SUBJECT reunion", &[1]),
            ("SUBJECT \"N DE LUN\"", &[1]),
            ("SUBJECT \"\"", &[1, 2, 3]),
            ("FROM ren", &[1]),
            ("FROM \"<rene@\"", &[1]),
            ("TO bob", &[1]),
            ("CC team", &[1]),
            ("BCC \"\"", &[]),
            ("HEADER Message-ID one@a", &[1]),
            ("HEADER X-Own \"ome th\"", &[1]),
            ("HEADER X-Own \"\"", &[1]),
            ("HEADER Date \"\"", &[1, 2]),
            ("BODY bonjour", &[1]),
            ("BODY lundi", &[]),
            ("TEXT lundi", &[1]),
            ("TEXT \"WORLD, quart\"", &[2]),
            ("TEXT report-20", &[2]),
            ("TEXT quarterlyreport", &[]),
            ("BODY orl", &[2]),
            ("NOT TEXT bonjour", &[2, 3]),
            ("OR TEXT bonjour SUBJECT else", &[1, 3]),
            ("(SEEN) NOT DELETED", &[1]),
            ("SENTON 7-Feb-1994", &[1]),
            ("SENTON 8-Feb-1994", &[2]),
            ("SENTSINCE 8-Feb-1994", &[2]),
            ("SENTBEFORE 8-Feb-1994", &[1]),
            ("OLDER 86400", &[1]),
            ("YOUNGER 86400", &[2, 3]),
            ("SAVEDATESUPPORTED", &[1, 2, 3]),
            ("SAVEDBEFORE 1-Jan-1990", &[]),
            ("SAVEDSINCE 1-Jan-1990", &[1, 2, 3]),
            ("THREADID T0", &[]),
            ("EMAILID Mx", &[]),
            (&format!("LARGER {size}"), &[1][..]),
            (&format!("SMALLER {size}"), &[3]),
            (&format!("EMAILID M{object}"), &[2]),
            (&format!("MODSEQ {modseq}"), &[1, 2, 3]),
            (&format!("MODSEQ {}", modseq + 1), &[]),
            ("CHARSET UTF-8 TEXT {5}\r\nété", &[1]),
        ] {
            assert_eq!(inbox.search(keys).await, expected, "{keys}");
        }
        inbox.selected.saved = [2, 3].into_iter().collect();
        assert_eq!(inbox.search("$ FLAGGED").await, [2]);
    });
}

const WORDS: &[&str] = &[
    "alpha",
    "beta",
    "gamma",
    "alphabet",
    "BETA-gamma",
    "gam",
    "été",
    "東京都",
    "x",
    "a.b@c",
    "ta",
    "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglongend",
];

fn pick(random: &Random, from: &[&'static str]) -> &'static str {
    from[usize::try_from(random.u64() % from.len() as u64).unwrap()]
}

fn sentence(random: &Random) -> String {
    (0..=(random.u64() % 4)).map(|_| pick(random, WORDS)).collect::<Vec<_>>().join(" ")
}

/// A piece of a text, cut anywhere.
fn piece(random: &Random, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |limit: usize| usize::try_from(random.u64() % (limit as u64 + 1)).unwrap();
    let from = at(chars.len() - 1);
    let len = 1 + at(chars.len() - from - 1).min(8);
    chars[from..from + len].iter().collect()
}

#[test]
fn p07_searches_find_what_reading_every_message_finds() {
    both(1, |world| async move {
        let random = Random::seeded(11);
        let mut inbox = Box::open(world).await;
        let mut index = None;
        // Subject, sender, body, flags by UID.
        let mut model: Vec<(u32, String, String, String, bool)> = Vec::new();
        for round in 0..5 {
            // Without an index, with one, with one that just heard, and with one that caught up.
            if round == 1 {
                index = Some(inbox.with_index().await);
            }
            if let Some(index) = index.as_ref().filter(|_| round > 2) {
                index.caught_up().await;
            }
            let mut new = Vec::new();
            for _ in 0..25 {
                let (subject, body) = (sentence(&random), sentence(&random));
                let from = format!(
                    "{} <{}@example.org>",
                    pick(&random, &["Ann", "Bob"]),
                    pick(&random, &["ann", "bo"])
                );
                let seen = random.u64().is_multiple_of(2);
                let text = format!(
                    "From: {from}\r\nSubject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
                );
                new.push((subject, from, body, seen, text));
            }
            let flags: &[&str] = &["\\Seen"];
            let messages = new
                .iter()
                .map(|(.., seen, text)| (text.clone().into_bytes(), if *seen { flags } else { &[] }, 0))
                .collect();
            let uids = inbox.add(messages).await;
            model.extend(uids.into_iter().zip(new).map(|(uid, (s, f, b, seen, _))| (uid, s, f, b, seen)));
            if let Some(index) = index.as_ref().filter(|_| round > 3) {
                index.caught_up().await;
            }
            for _ in 0..40 {
                let (_, subject, from, body, _) =
                    &model[usize::try_from(random.u64() % model.len() as u64).unwrap()];
                let needle = match random.u64() % 3 {
                    0 => piece(&random, subject),
                    1 => piece(&random, from),
                    _ => piece(&random, body),
                };
                let folded = fold(&needle);
                if folded.trim().is_empty() {
                    continue;
                }
                let quoted = format!("{{{}}}\r\n{needle}", needle.len());
                let holds = |text: &str| fold(text).contains(&folded);
                let (keys, test): (String, Test<'_>) = match random.u64() % 6 {
                    0 => (format!("SUBJECT {quoted}"), std::boxed::Box::new(|m| holds(&m.1))),
                    1 => (format!("FROM {quoted}"), std::boxed::Box::new(|m| holds(&m.2))),
                    2 => (format!("BODY {quoted}"), std::boxed::Box::new(|m| holds(&m.3))),
                    3 => (
                        format!("UNSEEN TEXT {quoted}"),
                        std::boxed::Box::new(|m| !m.4 && (holds(&m.1) || holds(&m.2) || holds(&m.3))),
                    ),
                    4 => (
                        format!("NOT TEXT {quoted}"),
                        std::boxed::Box::new(|m| !(holds(&m.1) || holds(&m.2) || holds(&m.3))),
                    ),
                    _ => (format!("OR SEEN SUBJECT {quoted}"), std::boxed::Box::new(|m| m.4 || holds(&m.1))),
                };
                let expected: Vec<u32> = model.iter().filter(|m| test(m)).map(|m| m.0).collect();
                let key = crate::data::key(&keys);
                let found = imap::search::run(inbox.look(), &key).await.expect("a result");
                assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{keys} in round {round}");
            }
        }
        if let Some(index) = index {
            index.close().await;
        }
    });
}
