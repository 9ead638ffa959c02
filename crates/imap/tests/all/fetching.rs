//! What FETCH answers.

use testkit::mail::embedded;

use crate::data::Box;

const MIXED: &str = "From: Ann <ann@a.example>\r\nTo: bob@b.example\r\nSubject: pieces\r\nX-Own: yes\r\n\
Date: Mon, 2 Nov 2026 09:00:00 +0100\r\nMessage-ID: <1@a.example>\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9 =\r\nhere\r\n--b\r\n\
Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b\r\n\
Content-Type: text/x-odd\r\nContent-Transfer-Encoding: x-odd\r\n\r\nodd\r\n--b--\r\n";

fn check(answer: &str, expected: &str) {
    assert_eq!(answer, format!("* 1 FETCH ({expected})\r\n"));
}

#[test]
fn p07_items_of_the_view_and_of_rows() {
    embedded(1, |world| async move {
        let mut inbox = Box::open(world).await;
        inbox.add(vec![(MIXED.as_bytes().to_vec(), &["\\Seen", "work"], 824_255_065_000)]).await;
        let size = MIXED.len();
        let modseq = inbox.view.seq.0;
        check(
            &inbox.fetch("(UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ)").await,
            &format!(
                "UID 1 FLAGS (\\Seen work) INTERNALDATE \"13-Feb-1996 23:44:25 +0000\" RFC822.SIZE {size} MODSEQ ({modseq})"
            ),
        );
        check(
            &inbox.fetch("ENVELOPE").await,
            "ENVELOPE (\"Mon, 2 Nov 2026 09:00:00 +0100\" \"pieces\" ((\"Ann\" NIL \"ann\" \"a.example\")) \
             ((\"Ann\" NIL \"ann\" \"a.example\")) ((\"Ann\" NIL \"ann\" \"a.example\")) ((NIL NIL \"bob\" \"b.example\")) \
             NIL NIL NIL \"<1@a.example>\")",
        );
        check(
            &inbox.fetch("BODY").await,
            "BODY ((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"quoted-printable\" 17 1)\
             (\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 4)\
             (\"text\" \"x-odd\" (\"charset\" \"us-ascii\") NIL NIL \"x-odd\" 3 0) \"mixed\")",
        );
        let preview = inbox.fetch("(PREVIEW (LAZY) EMAILID THREADID)").await;
        assert!(preview.starts_with("* 1 FETCH (PREVIEW {10}\r\ncafé here EMAILID (M"), "{preview}");
        let saved = inbox.fetch("SAVEDATE").await;
        assert!(saved.contains("SAVEDATE \"") && saved.contains(" +0000\""), "{saved}");
    });
}

#[test]
fn p07_sections_and_parts_of_bodies() {
    embedded(1, |world| async move {
        let mut inbox = Box::open(world).await;
        inbox.add(vec![(MIXED.as_bytes().to_vec(), &[], 0)]).await;
        let size = MIXED.len();
        check(&inbox.fetch("BODY.PEEK[]").await, &format!("BODY[] {{{size}}}\r\n{MIXED}"));
        check(&inbox.fetch("RFC822").await, &format!("RFC822 {{{size}}}\r\n{MIXED}"));
        check(&inbox.fetch("BODY[1]").await, "BODY[1] {17}\r\ncaf=C3=A9 =\r\nhere");
        check(&inbox.fetch("BODY[1]<4.3>").await, "BODY[1]<4> {3}\r\nC3=");
        check(&inbox.fetch("BODY[1]<90.3>").await, "BODY[1]<90> {0}\r\n");
        check(&inbox.fetch("BODY[4]").await, "BODY[4] NIL");
        check(
            &inbox.fetch("BODY[2.MIME]").await,
            "BODY[2.MIME] {77}\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        );
        check(
            &inbox.fetch("BODY[HEADER.FIELDS (To SUBJECT Cc)]").await,
            "BODY[HEADER.FIELDS (To SUBJECT Cc)] {38}\r\nTo: bob@b.example\r\nSubject: pieces\r\n\r\n",
        );
        check(
            &inbox.fetch("BODY[HEADER.FIELDS (X-Own)]<0.6>").await,
            "BODY[HEADER.FIELDS (X-Own)]<0> {6}\r\nX-Own:",
        );
        let others =
            inbox.fetch("BODY[HEADER.FIELDS.NOT (From To Subject Date Message-ID Content-Type)]").await;
        assert!(others.contains("{14}\r\nX-Own: yes\r\n\r\n)"), "{others}");
        check(&inbox.fetch("BINARY[1]").await, "BINARY[1] {10}\r\ncafé here");
        check(&inbox.fetch("BINARY.SIZE[1]").await, "BINARY.SIZE[1] 10");
        check(&inbox.fetch("BINARY[2]").await, "BINARY[2] ~{3}\r\n\0\u{1}\u{2}");
        check(&inbox.fetch("BINARY[1]<5.3>").await, "BINARY[1]<5> {3}\r\n he");
        let codec::imap::Command::Fetch(wanted) = crate::data::command("FETCH 1 BINARY[3]") else { panic!() };
        let mut out = imap::out::Out::memory();
        let none = codec::imap::Ranges::EMPTY;
        let wanted =
            imap::fetch::Wanted { items: &wanted.items, uids: &inbox.selected.uids, with_flags: &none };
        let refused = imap::fetch::run(inbox.look(), wanted, &mut out).await;
        assert!(matches!(refused, Err(imap::failure::Failure::No(words)) if words.code == "UNKNOWN-CTE"));
        assert!(out.bytes.is_empty());
    });
}

#[test]
fn p07_large_bodies_and_many_messages() {
    embedded(1, |world| async move {
        let mut inbox = Box::open(world).await;
        let line = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n";
        let large = format!("Subject: large\r\n\r\n{}\0", line.repeat(40_000));
        inbox.add(vec![(large.clone().into_bytes(), &[], 0)]).await;
        let answer = inbox.fetch("BODY.PEEK[TEXT]").await;
        let expected = large.len() - "Subject: large\r\n\r\n".len();
        assert!(answer.starts_with(&format!("* 1 FETCH (BODY[TEXT] {{{expected}}}\r\n{line}")));
        assert!(!answer.contains('\0'), "literals hold no NUL");
        let many: Vec<_> =
            (0..1_200).map(|n| (format!("Subject: n{n}\r\n\r\nx\r\n").into_bytes(), &[][..], n)).collect();
        inbox.add(many).await;
        let gone = inbox.view.iter().nth(5).map(|entry| entry.uid).unwrap();
        inbox
            .world
            .mail
            .expunge(&inbox.ctx, inbox.selected.account, inbox.mailbox, vec![gone])
            .await
            .unwrap();
        inbox.view = inbox.world.mail.view(&inbox.ctx, inbox.selected.account, inbox.mailbox).await.unwrap();
        let answer = inbox.fetch("(UID ENVELOPE)").await;
        assert_eq!(answer.matches(" FETCH (UID ").count(), 1_200);
        // Sequence numbers stay as long as the client was not told.
        assert!(!answer.contains("* 6 FETCH") && answer.contains("* 1201 FETCH (UID 1201 "));
    });
}
