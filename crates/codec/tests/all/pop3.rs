use codec::pop3::{Command, Fault, Stuffer, Top, command};

#[test]
fn commands_are_read_in_any_case() {
    for (text, expected) in [
        ("user mrose@example.org", Command::User("mrose@example.org".to_owned())),
        ("PASS r2d2 and c3po ", Command::Pass("r2d2 and c3po ".to_owned())),
        ("AUTH", Command::Auth(None)),
        ("auth plain AGE=", Command::Auth(Some(("PLAIN".to_owned(), Some("AGE=".to_owned()))))),
        ("CAPA", Command::Capa),
        ("STLS", Command::StartTls),
        ("UTF8", Command::Utf8),
        ("LANG fr", Command::Lang(Some("fr".to_owned()))),
        ("STAT", Command::Stat),
        ("LIST", Command::List(None)),
        ("LIST 2", Command::List(Some(2))),
        ("UIDL 3", Command::Uidl(Some(3))),
        ("RETR 1", Command::Retr(1)),
        ("TOP 1 0", Command::Top(1, 0)),
        ("DELE 4", Command::Dele(4)),
        ("NOOP", Command::Noop),
        ("RSET", Command::Rset),
        ("quit", Command::Quit),
    ] {
        assert_eq!(command(text.as_bytes()), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_command_is_refused_by_its_rule() {
    for (text, fault) in [
        ("", Fault::Unknown),
        ("EHLO a", Fault::Unknown),
        ("USER", Fault::Arguments),
        ("PASS", Fault::Arguments),
        ("RETR", Fault::Arguments),
        ("RETR 0", Fault::Arguments),
        ("RETR -1", Fault::Arguments),
        ("RETR +1", Fault::Arguments),
        ("RETR 4294967296", Fault::Arguments),
        ("TOP 1", Fault::Arguments),
        ("STAT 1", Fault::Arguments),
        ("USER a\0b", Fault::NotUtf8),
    ] {
        assert_eq!(command(text.as_bytes()), Err(fault), "{text:?}");
    }
}

fn stuffed(message: &str) -> String {
    let (mut out, mut stuffer) = (Vec::new(), Stuffer::default());
    stuffer.write(&mut out, message.as_bytes());
    stuffer.end(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn dots_are_stuffed_and_line_ends_are_put_right() {
    for (message, wire) in [
        ("", ".\r\n"),
        ("a\r\n", "a\r\n.\r\n"),
        ("a", "a\r\n.\r\n"),
        ("a\r", "a\r\n.\r\n"),
        (".\r\n..\r\n.a\r\nb.\r\n", "..\r\n...\r\n..a\r\nb.\r\n.\r\n"),
        ("a\n.b\n", "a\r\n..b\r\n.\r\n"),
        ("a\r.\r\n", "a\r.\r\n.\r\n"),
    ] {
        assert_eq!(stuffed(message), wire, "{message:?}");
    }
}

#[test]
fn top_gives_the_header_and_some_lines() {
    let message = b"A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\nthree";
    for (lines, expected) in [
        (0, "A: 1\r\nB: 2\r\n\r\n"),
        (1, "A: 1\r\nB: 2\r\n\r\none\r\n"),
        (9, "A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\nthree"),
    ] {
        assert_eq!(Top::new(lines).take(message), expected.as_bytes());
        for cut in 0..message.len() {
            let (mut top, (first, second)) = (Top::new(lines), message.split_at(cut));
            let whole = [top.take(first), top.take(second)].concat();
            assert_eq!(whole, expected.as_bytes(), "cut at {cut}");
        }
    }
    assert_eq!(Top::new(5).take(b""), b"");
    assert_eq!(Top::new(5).take(b"no body\r\n"), b"no body\r\n");
}
