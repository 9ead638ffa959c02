//! THREAD: examples, and the steps of RFC 5256 once more in a plainer form.

use codec::imap::ThreadAlgorithm::{self, OrderedSubject, References, Refs};
use imap::thread::{Letter, write_threads};
use testkit::mail::embedded;

use crate::data::Box;

fn letter<'d>(number: u32, id: u64, refs: &'d [u64], subject: &'d str) -> Letter<'d> {
    let is_reply = subject.starts_with("RE:");
    let subject = subject.trim_start_matches("RE:");
    let date_ms = i64::from(number);
    Letter { number, date_ms, received_ms: date_ms, message_id: id, refs, subject, is_reply }
}

fn check(algorithm: ThreadAlgorithm, letters: &[Letter<'_>], expected: &str) {
    let mut out = Vec::new();
    write_threads(algorithm, letters, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn p07_references_make_threads() {
    // The tree of RFC 5256: 3 answers nothing, 6 answers 3, 4 and 44 answer 6, 23 answers 4 and so on.
    check(
        References,
        &[
            letter(2, 2, &[], "A"),
            letter(3, 3, &[], "B"),
            letter(4, 4, &[3, 6], "B"),
            letter(6, 6, &[3], "B"),
            letter(7, 7, &[3, 6, 44], "B"),
            letter(23, 23, &[3, 6, 4], "B"),
            letter(44, 44, &[3, 6], "B"),
            letter(96, 96, &[44, 7], "B"),
        ],
        "(2)(3 6 (4 23)(44 7 96))",
    );
    // What they answer is not here: they stay together below a dummy.
    check(References, &[letter(3, 3, &[99], "X"), letter(5, 5, &[99], "Y")], "((3)(5))");
    check(References, &[letter(3, 3, &[98, 99], "X")], "(3)");
    // Loops, and messages that refer to themselves.
    check(References, &[letter(1, 1, &[2], "A"), letter(2, 2, &[1], "B")], "(2 1)");
    check(References, &[letter(1, 1, &[1], "A")], "(1)");
    // Of two messages with one id the first has it.
    check(References, &[letter(1, 7, &[], "A"), letter(2, 7, &[], "B"), letter(3, 3, &[7], "C")], "(1 3)(2)");
    // The message's own word counts more than another's.
    check(
        References,
        &[
            letter(1, 1, &[], "A"),
            letter(2, 2, &[], "B"),
            letter(3, 3, &[1, 4], "C"),
            letter(4, 4, &[2], "D"),
        ],
        "(1)(2 4 3)",
    );
}

#[test]
fn p07_subjects_bring_threads_together() {
    check(References, &[letter(1, 1, &[], "A"), letter(2, 2, &[], "RE:A")], "(1 2)");
    check(References, &[letter(1, 1, &[], "RE:A"), letter(2, 2, &[], "A")], "(2 1)");
    check(References, &[letter(1, 1, &[], "A"), letter(2, 2, &[], "A")], "((1)(2))");
    check(
        References,
        &[letter(1, 1, &[], "RE:A"), letter(2, 2, &[], "RE:A"), letter(3, 3, &[], "RE:A")],
        "((1)(2)(3))",
    );
    check(References, &[letter(1, 1, &[], ""), letter(2, 2, &[], "")], "(1)(2)");
    // A dummy takes the others in, and two dummies become one.
    check(
        References,
        &[letter(1, 1, &[9], "A"), letter(2, 2, &[9], "B"), letter(3, 3, &[], "RE:A")],
        "((1)(2)(3))",
    );
    check(
        References,
        &[letter(1, 1, &[8], "A"), letter(2, 2, &[8], "B"), letter(3, 3, &[9], "A"), letter(4, 4, &[9], "C")],
        "((1)(2)(3)(4))",
    );
    check(Refs, &[letter(1, 1, &[], "A"), letter(2, 2, &[], "RE:A"), letter(3, 3, &[1], "A")], "(2)(1 3)");
    check(
        OrderedSubject,
        &[
            letter(1, 1, &[], "B"),
            letter(2, 2, &[], "A"),
            letter(3, 3, &[], "B"),
            letter(4, 4, &[], "A"),
            letter(5, 5, &[], "RE:B"),
        ],
        "(1 (3)(5))(2 4)",
    );
}

#[test]
fn p11_a_long_chain_of_references_does_not_recurse() {
    let count = 50_000;
    let refs: Vec<Vec<u64>> = (0..count).map(|n| if n == 0 { Vec::new() } else { vec![n] }).collect();
    let letters: Vec<Letter<'_>> = (0..count)
        .map(|n| letter(u32::try_from(n).unwrap() + 1, n + 1, &refs[usize::try_from(n).unwrap()], "A"))
        .collect();
    let mut out = Vec::new();
    write_threads(References, &letters, &mut out);
    assert!(out.starts_with(b"(1 2 3 4 ") && out.ends_with(b" 50000)"));
    let backwards: Vec<Letter<'_>> = letters.iter().rev().cloned().collect();
    let mut again = Vec::new();
    write_threads(References, &backwards, &mut again);
    assert_eq!(again, out);
}

#[test]
fn p07_threads_of_a_mailbox() {
    embedded(1, |world| async move {
        let mut inbox = Box::open(world).await;
        let message = |id: &str, refs: &str, subject: &str| {
            format!("Message-ID: <{id}>\r\n{refs}Subject: {subject}\r\nFrom: a@b\r\n\r\nx\r\n").into_bytes()
        };
        inbox
            .add(vec![
                (message("1@x", "", "Lunch"), &[], 1),
                (message("2@x", "References: <1@x>\r\n", "Re: Lunch"), &[], 2),
                (message("3@x", "In-Reply-To: <2@x> <1@x>\r\n", "Re: Lunch"), &[], 3),
                (message("4@x", "", "Other"), &[], 4),
                (message("5@x", "", "Re: [list] other"), &[], 5),
                (message("6@x", "References: <1@x> <2@x>\r\nIn-Reply-To: <4@x>\r\n", "New"), &[], 6),
            ])
            .await;
        assert_eq!(inbox.thread("REFERENCES").await, "(1 2 (3)(6))(4 5)");
        assert_eq!(inbox.thread("ORDEREDSUBJECT").await, "(1 (2)(3))(4 5)(6)");
        assert_eq!(inbox.thread("REFS").await, "(4)(5)(1 2 (3)(6))");
    });
}
