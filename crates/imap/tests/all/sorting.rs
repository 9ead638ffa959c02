//! The order of SORT.

use testkit::mail::embedded;

use crate::data::Box;

fn letter(from: &str, to: &str, subject: &str, date: &str, pad: usize) -> Vec<u8> {
    let date = if date.is_empty() { String::new() } else { format!("Date: {date}\r\n") };
    let pad = "x".repeat(pad);
    format!("From: {from}\r\nTo: {to}\r\nCc: c{to}\r\nSubject: {subject}\r\n{date}\r\n{pad}\r\n").into_bytes()
}

#[test]
fn p07_messages_are_sorted_by_each_criterion() {
    embedded(1, |world| async move {
        let mut inbox = Box::open(world).await;
        inbox
            .add(vec![
                (letter("Zoe <b@x>", "z@x", "Re: alpha", "Mon, 2 Nov 2026 09:00:00 +0100", 30), &[], 5_000),
                (letter("a@x", "y@x", "[list] Beta", "Mon, 2 Nov 2026 08:30:00 +0000", 10), &[], 3_000),
                (letter("\"Adam\" <c@x>", "z@y", "ALPHA", "", 20), &[], 1_000),
                (
                    letter("=?utf-8?Q?=C3=89ve?= <A@y>", "x@x", "", "Mon, 2 Nov 2026 08:00:00 +0000", 40),
                    &[],
                    4_000,
                ),
            ])
            .await;
        for (criteria, expected) in [
            ("ARRIVAL", [3, 2, 4, 1]),
            ("REVERSE ARRIVAL", [1, 4, 2, 3]),
            ("SIZE", [2, 1, 3, 4]),
            // One has no date: INTERNALDATE counts. Two are at the same moment: the sequence decides.
            ("DATE", [3, 1, 4, 2]),
            ("REVERSE DATE", [2, 1, 4, 3]),
            ("SUBJECT", [4, 1, 3, 2]),
            ("SUBJECT REVERSE ARRIVAL", [4, 1, 3, 2]),
            ("REVERSE SUBJECT ARRIVAL", [2, 3, 1, 4]),
            ("FROM", [2, 4, 1, 3]),
            ("TO", [4, 2, 1, 3]),
            ("CC", [4, 2, 1, 3]),
            ("DISPLAYFROM", [2, 3, 1, 4]),
        ] {
            let got = inbox.sort(criteria).await;
            if criteria == "SIZE" {
                let sizes: Vec<i64> = got.iter().map(|uid| inbox.view.entry(*uid).unwrap().size).collect();
                assert!(sizes.is_sorted(), "{sizes:?}");
            } else {
                assert_eq!(got, expected, "{criteria}");
            }
        }
    });
}
