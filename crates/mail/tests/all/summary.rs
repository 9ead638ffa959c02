//! What is read of a message: known answers from the standards and from mail as it is met, and hostile input.

use std::time::Instant;

use mail::summary::{
    Of, Structure, envelope_of, fields, render_bodystructure, structure_of, summarise, text_of,
};

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

fn check_envelope(header: &str, expected: &str) {
    assert_eq!(envelope_of(crlf(header).as_bytes()), expected);
}

fn check_structure(message: &str, body: &str, bodystructure: &str) {
    let message = crlf(message);
    let structure = structure_of(message.as_bytes());
    assert_eq!(render_bodystructure(&structure, false), body);
    assert_eq!(render_bodystructure(&structure, true), bodystructure);
    // What is kept says the same.
    let kept = Structure::parse(&structure.to_text()).expect("what we wrote");
    assert_eq!(kept, structure);
}

fn section(message: &str, path: &[u32], of: Of) -> Option<String> {
    let range = structure_of(message.as_bytes()).section_range(path, of)?;
    let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
    Some(message.get(start..end).expect("a range of the message").to_owned())
}

#[test]
fn p07_the_envelope_of_rfc_9051() {
    check_envelope(
        "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@cac.washington.edu>
Subject: IMAP4rev2 WG mtg summary and minutes
To: imap@cac.washington.edu
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
Message-Id: <B27397-0100000@cac.washington.edu>
MIME-Version: 1.0
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII

",
        "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and minutes\" \
         ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
         ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
         ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
         ((NIL NIL \"imap\" \"cac.washington.edu\")) \
         ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL \
         \"<B27397-0100000@cac.washington.edu>\")",
    );
}

#[test]
fn p07_envelopes_as_they_are_met() {
    check_envelope("", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    check_envelope(
        "Subject: =?utf-8?Q?=C3=A9t=C3=A9?=\n =?utf-8?Q?_x?=\nTo: friends: a@b.example, \"B \\\" C\" <c@d.example>;
Sender:\nFrom: =?iso-8859-1?Q?Andr=E9?= <a@x.example>\nSubject: second\nTo: last@x.example\n\n",
        "(NIL \"=?utf-8?Q?=C3=A9t=C3=A9?= =?utf-8?Q?_x?=\" ((\"=?iso-8859-1?Q?Andr=E9?=\" NIL \"a\" \"x.example\")) \
         ((\"=?iso-8859-1?Q?Andr=E9?=\" NIL \"a\" \"x.example\")) ((\"=?iso-8859-1?Q?Andr=E9?=\" NIL \"a\" \"x.example\")) \
         ((NIL NIL \"friends\" NIL)(NIL NIL \"a\" \"b.example\")(\"B \\\" C\" NIL \"c\" \"d.example\")(NIL NIL NIL NIL)\
         (NIL NIL \"last\" \"x.example\")) NIL NIL NIL NIL)",
    );
    // Eight bits stand in literals.
    check_envelope("Subject: déjà\n\n", "(NIL {6}\r\ndéjà NIL NIL NIL NIL NIL NIL NIL NIL)");
    assert_eq!(
        envelope_of(b"Subject: d\xe9j\xe0\r\n\r\n"),
        "(NIL {6}\r\ndéjà NIL NIL NIL NIL NIL NIL NIL NIL)"
    );
}

const MIXED: &str = "From: a@b.example
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=\"outer\"

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

hello
there
--inner
Content-Type: text/html; charset=\"utf-8\"
Content-Language: fr, en

<p>hello</p>
--inner--
--outer
Content-Type: message/rfc822
Content-Description: what was said

Subject: inner
From: c@d.example

quoted
text
--outer
Content-Type: application/pdf; name=\"a b.pdf\"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=\"a b.pdf\"
Content-ID: <pdf@x>
Content-MD5: Q2hlY2s=
Content-Location: http://x.example/a.pdf

JVBERi0=
--outer--
epilogue
";

#[test]
fn p07_the_structure_of_nested_parts() {
    check_structure(
        MIXED,
        "(((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"8bit\" 12 1)\
         (\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 12 0) \"alternative\")\
         (\"message\" \"rfc822\" NIL NIL \"what was said\" \"7bit\" 49 \
         (NIL \"inner\" ((NIL NIL \"c\" \"d.example\")) ((NIL NIL \"c\" \"d.example\")) ((NIL NIL \"c\" \"d.example\")) \
         NIL NIL NIL NIL NIL) \
         (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 12 1) 4)\
         (\"application\" \"pdf\" (\"name\" \"a b.pdf\") \"<pdf@x>\" NIL \"base64\" 8) \"mixed\")",
        "(((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"8bit\" 12 1 NIL NIL NIL NIL)\
         (\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 12 0 NIL NIL (\"fr\" \"en\") NIL) \
         \"alternative\" (\"boundary\" \"inner\") NIL NIL NIL)\
         (\"message\" \"rfc822\" NIL NIL \"what was said\" \"7bit\" 49 \
         (NIL \"inner\" ((NIL NIL \"c\" \"d.example\")) ((NIL NIL \"c\" \"d.example\")) ((NIL NIL \"c\" \"d.example\")) \
         NIL NIL NIL NIL NIL) \
         (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 12 1 NIL NIL NIL NIL) 4 NIL NIL NIL NIL)\
         (\"application\" \"pdf\" (\"name\" \"a b.pdf\") \"<pdf@x>\" NIL \"base64\" 8 \"Q2hlY2s=\" \
         (\"attachment\" (\"filename\" \"a b.pdf\")) NIL \"http://x.example/a.pdf\") \
         \"mixed\" (\"boundary\" \"outer\") NIL NIL NIL)",
    );
}

#[test]
fn p07_sections_are_byte_ranges() {
    let message = crlf(MIXED);
    let get = |path: &[u32], of| section(&message, path, of);
    assert_eq!(get(&[], Of::Whole).as_deref(), Some(message.as_str()));
    assert!(get(&[], Of::Header).unwrap().ends_with("boundary=\"outer\"\r\n\r\n"));
    assert!(get(&[], Of::Text).unwrap().starts_with("preamble\r\n--outer"));
    assert_eq!(get(&[1, 1], Of::Whole).as_deref(), Some("hello\r\nthere"));
    assert_eq!(get(&[1, 2], Of::Whole).as_deref(), Some("<p>hello</p>"));
    assert!(get(&[1, 2], Of::Mime).unwrap().starts_with("Content-Type: text/html"));
    assert!(get(&[1], Of::Whole).unwrap().ends_with("--inner--"));
    assert_eq!(get(&[2], Of::Header).as_deref(), Some("Subject: inner\r\nFrom: c@d.example\r\n\r\n"));
    assert_eq!(get(&[2], Of::Text).as_deref(), Some("quoted\r\ntext"));
    assert_eq!(get(&[2, 1], Of::Whole).as_deref(), Some("quoted\r\ntext"));
    assert!(get(&[2], Of::Mime).unwrap().contains("what was said"));
    assert_eq!(get(&[3], Of::Whole).as_deref(), Some("JVBERi0="));
    for (path, of) in [
        (&[4][..], Of::Whole),
        (&[0], Of::Whole),
        (&[1, 3], Of::Whole),
        (&[1, 1, 1], Of::Whole),
        (&[2, 2], Of::Whole),
        (&[3], Of::Header),
        (&[3], Of::Text),
        (&[], Of::Mime),
    ] {
        assert_eq!(get(path, of), None, "{path:?} {of:?}");
    }
    let plain = crlf("Subject: x\n\nbody\n");
    assert_eq!(section(&plain, &[1], Of::Whole).as_deref(), Some("body\r\n"));
    assert_eq!(section(&plain, &[1], Of::Mime).as_deref(), Some("Subject: x\r\n\r\n"));
    assert_eq!(section(&plain, &[1, 1], Of::Whole), None);
}

#[test]
fn p07_structures_as_they_are_met() {
    let text = |size: usize, lines: usize| {
        format!("(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" {size} {lines})")
    };
    let check = |message: &str, expected: &str| {
        assert_eq!(render_bodystructure(&structure_of(message.as_bytes()), false), expected, "{message:?}");
    };
    check("", &text(0, 0));
    check("\r\n", &text(0, 0));
    check("no header at all", &text(0, 0));
    check("Subject: x\r\n\r\nbody\r\n", &text(6, 1));
    // Line ends of one character; a boundary in the header's place; one boundary that begins like another.
    check(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n",
        &format!("({} \"mixed\")", text(3, 0)),
    );
    check(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n\r\ntwo\r\n--b--",
        &format!("({}{} \"mixed\")", text(0, 0), text(3, 0)),
    );
    check(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=bc\r\n\r\n\
         --bc\r\n\r\none\r\n--bc--\r\n--b  \r\n\r\ntwo\r\n--b--",
        &format!("(({} \"mixed\"){} \"mixed\")", text(3, 0), text(3, 0)),
    );
    // No boundary, one that never comes, and one that never ends.
    check("Content-Type: multipart/mixed\r\n\r\nall\r\n", &format!("({} \"mixed\")", text(5, 1)));
    check("Content-Type: multipart/x; boundary=b\r\n\r\nall\r\n", &format!("({} \"x\")", text(5, 1)));
    check(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nall\r\n",
        &format!("({} \"mixed\")", text(5, 1)),
    );
    // An inner part that is not closed ends with the outer one.
    check(
        "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n\
         --i\r\n\r\nin\r\n--o\r\n\r\nout\r\n--o--\r\n",
        &format!("(({} \"mixed\"){} \"mixed\")", text(2, 0), text(3, 0)),
    );
    // A digest holds messages; a message that is encoded is counted as it stands.
    let nothing = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";
    check(
        "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nX: y\r\n\r\nhi\r\n--b--\r\n",
        &format!("((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 10 {nothing} {} 2) \"digest\")", text(2, 0)),
    );
    check(
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVj\r\n",
        &format!("(\"message\" \"rfc822\" NIL NIL NIL \"base64\" 10 {nothing} {} 1)", text(10, 1)),
    );
    // What is not US-ASCII stands in literals.
    check(
        "Content-Type: text/plain; charset=utf-8; name=é\r\n\r\n",
        "(\"text\" \"plain\" (\"charset\" \"utf-8\" \"name\" {2}\r\né) NIL NIL \"7bit\" 0 0)",
    );
}

#[test]
fn what_is_kept_of_a_message() {
    let message = crlf(
        "Return-Path: <a@b.example>
Message-ID: <\"one\"@x.example>
References: <r1@x> <r2@x>
 <r3@x>
In-Reply-To: <r3@x>
From: \"Ren=?utf-8?Q?=C3=A9?=\" <rene@x.example>, second@x.example
Subject: Re: [liste] =?utf-8?B?w6l0w6k=?=
Date: Thu, 1 Jan 2026 00:00:00 +0100
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<style>x{}</style><p>Bonjour &agrave; tous,=20
l'=E9t=E9</p>
--b
Content-Type: image/png
Content-Disposition: attachment; filename*=utf-8''caf%C3%A9.png

x
--b--
",
    );
    let summary = summarise(message.as_bytes());
    assert_eq!(summary.message_id, "one@x.example");
    assert_eq!(summary.refs, ["r1@x", "r2@x", "r3@x"]);
    assert_eq!(summary.in_reply_to, ["r3@x"]);
    assert_eq!(summary.subject, "Re: [liste] été");
    assert_eq!((summary.base_subject.as_str(), summary.is_reply), ("été", true));
    assert_eq!(summary.sent_at, Some(1_767_222_000_000));
    assert_eq!(summary.preview, "Bonjour à tous, l'été");
    assert!(summary.has_attachment);
    assert!(summary.sender.ends_with("<rene@x.example>"), "{}", summary.sender);
    assert_eq!(message.find("\r\n\r\n--b").map(|at| at + 4), usize::try_from(summary.header_bytes).ok());
    let from = fields::select(&summary.fields, &["message-id", "X-Priority"]);
    assert_eq!(from.as_deref(), Some(&b"Message-ID: <\"one\"@x.example>\r\n"[..]));
    assert_eq!(fields::select(&summary.fields, &["received"]), None);
    let text = text_of(message.as_bytes(), 100_000);
    for piece in ["Re: [liste] été", "rene@x.example", "Bonjour à tous", "café.png"] {
        assert!(text.contains(piece), "{piece} in {text}");
    }
    assert!(text_of(message.as_bytes(), 40).len() <= 45);
}

/// A message of so many parts within one another.
fn nested(kind: &str, depth: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for level in 0..depth {
        match kind {
            "message" => out.extend_from_slice(b"Content-Type: message/rfc822\r\n\r\n"),
            _ => out.extend_from_slice(
                format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n").as_bytes(),
            ),
        }
    }
    out.extend_from_slice(b"Subject: deep\r\n\r\nfound\r\n");
    out
}

#[test]
fn p11_hostile_messages_are_read_in_bounds() {
    let started = Instant::now();
    let mut many_parts = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    (0..100_000).for_each(|_| many_parts.extend_from_slice(b"--b\r\n\r\nx\r\n"));
    let mut lost = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    (0..100_000).for_each(|n| {
        let part = format!("--b\r\nContent-Type: multipart/mixed; boundary=x{n}\r\n\r\n");
        lost.extend_from_slice(part.as_bytes());
    });
    let bomb = "X-Bomb: 1\r\n".repeat(300_000) + "\r\n";
    let long = format!("Subject: {}\r\nTo: {}\r\n\r\n", "a".repeat(5_000_000), "a@b, ".repeat(1_000_000));
    let refs = format!("References: {}\r\n\r\n", "<a@b> ".repeat(500_000));
    let open = format!("To: {}\r\n\r\n", "(".repeat(3_000_000));
    let nul = vec![0_u8; 1_000_000];
    let dashes = "--".repeat(1_000_000);
    let html = format!("Content-Type: text/html\r\n\r\n{}", "<".repeat(3_000_000));
    let inputs = [
        nested("message", 10_000),
        nested("multipart", 10_000),
        many_parts,
        lost,
        bomb.into_bytes(),
        long.into_bytes(),
        refs.into_bytes(),
        open.into_bytes(),
        nul,
        dashes.into_bytes(),
        html.into_bytes(),
    ];
    for input in inputs {
        let summary = summarise(&input);
        let rest = summary.fields.len() + summary.envelope.len() + summary.structure.len();
        assert!(rest < 110_000, "{rest}");
        assert!(summary.subject.len() <= 2_048 && summary.preview.chars().count() <= 200);
        assert!(summary.refs.len() <= 40);
        let structure = structure_of(&input);
        assert!(structure.parts.len() <= 1_010);
        let rendered = render_bodystructure(&structure, true);
        assert!(rendered.len() < 2_000_000, "{}", rendered.len());
        assert!(!summary.envelope.contains('\0') && !rendered.contains('\0'));
        text_of(&input, 1 << 20);
    }
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

/// Prints how long it takes: `cargo nextest run --release -p mail summary_in_time --no-capture`.
#[test]
fn summary_in_time() {
    let line = "Une ligne de texte ordinaire, avec des mots de tous les jours, =C3=A9crite ici.\r\n";
    let mut body = "Received: from a.example by b.example; Thu, 1 Jan 2026 00:00:00 +0100\r\n".repeat(4);
    body.push_str("DKIM-Signature: v=1; a=rsa-sha256; b=");
    body.push_str(&"abcdefgh\r\n\t".repeat(40));
    body.push_str("\r\nFrom: Anne Martin <anne@a.example>\r\nTo: Bob <bob@b.example>, c@d.example\r\n");
    body.push_str("Subject: =?utf-8?Q?R=C3=A9union?= de lundi\r\nDate: Thu, 1 Jan 2026 00:00:00 +0100\r\n");
    body.push_str("Message-ID: <x@a.example>\r\nReferences: <y@a.example> <z@a.example>\r\n");
    body.push_str("Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n");
    body.push_str("Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    body.push_str(&line.repeat(75));
    body.push_str("--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><p>");
    body.push_str(&line.repeat(75));
    body.push_str("</p></html>\r\n--b--\r\n");
    let rounds = 500;
    let measure = |name: &str, run: &dyn Fn()| {
        let started = Instant::now();
        (0..rounds).for_each(|_| run());
        println!(
            "{name}: {:.1} us for {} bytes",
            started.elapsed().as_secs_f64() * 1e6 / f64::from(rounds),
            body.len()
        );
    };
    measure("summarise", &|| drop(summarise(body.as_bytes())));
    measure("structure_of", &|| drop(structure_of(body.as_bytes())));
    measure("text_of", &|| drop(text_of(body.as_bytes(), 1 << 20)));
}
