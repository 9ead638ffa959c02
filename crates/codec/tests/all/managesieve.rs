use codec::managesieve::{
    Code, Command, Fault, Scan, Status, command, line_string, write_status, write_string,
};

fn whole(text: &str) -> Command {
    match command(text.as_bytes()) {
        Ok(Scan::Whole(command)) => command,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_commands_of_the_rfc_are_read() {
    for (text, expected) in [
        (
            "Authenticate \"plain\" \"QJIrweAPyo6Q1T9xu\"",
            Command::Authenticate {
                mechanism: "PLAIN".to_owned(),
                initial: Some(b"QJIrweAPyo6Q1T9xu".to_vec()),
            },
        ),
        ("AUTHENTICATE \"GSSAPI\"", Command::Authenticate { mechanism: "GSSAPI".to_owned(), initial: None }),
        ("StartTls", Command::StartTls),
        ("Logout", Command::Logout),
        ("CAPABILITY", Command::Capability),
        ("HAVESPACE \"myscript\" 999999", Command::HaveSpace { name: "myscript".to_owned(), bytes: 999_999 }),
        (
            "PutScript {3+}\r\nfoo {5+}\r\nkeep;",
            Command::PutScript { name: "foo".to_owned(), text: b"keep;".to_vec() },
        ),
        ("Listscripts", Command::ListScripts),
        ("SetActive \"\"", Command::SetActive(String::new())),
        ("GetScript \"a\\\"b\\\\\"", Command::GetScript("a\"b\\".to_owned())),
        ("Deletescript \"é\"", Command::DeleteScript("é".to_owned())),
        (
            "Renamescript \"foo\" \"bar\"",
            Command::RenameScript { from: "foo".to_owned(), to: "bar".to_owned() },
        ),
        ("CheckScript {9+}\r\n#comment\n", Command::CheckScript(b"#comment\n".to_vec())),
        ("NOOP", Command::Noop(None)),
        ("NOOP \"STARTTLS-SYNC-42\"", Command::Noop(Some(b"STARTTLS-SYNC-42".to_vec()))),
        ("UNAUTHENTICATE", Command::Unauthenticate),
    ] {
        assert_eq!(whole(text), expected, "{text}");
    }
}

#[test]
fn a_literal_that_is_not_there_yet_is_asked_for() {
    assert_eq!(command(b"PUTSCRIPT \"a\" {10+}"), Ok(Scan::Literal(10)));
    assert_eq!(command(b"PUTSCRIPT {3+}"), Ok(Scan::Literal(3)));
    assert_eq!(command(b"PUTSCRIPT {3+}\r\nfoo {0+}"), Ok(Scan::Literal(0)));
    assert_eq!(line_string(b"{4+}"), Ok(Scan::Literal(4)));
    assert_eq!(line_string(b"\"*\""), Ok(Scan::Whole(b"*".to_vec())));
    assert_eq!(line_string(b"*"), Err(Fault::Malformed));
}

#[test]
fn what_is_no_command_is_refused_by_its_rule() {
    for (text, fault) in [
        ("", Fault::Unknown),
        ("HELO x", Fault::Malformed),
        ("HELO \"x\"", Fault::Unknown),
        ("LOGOUT \"now\"", Fault::Arguments),
        ("HAVESPACE \"a\" \"1\"", Fault::Arguments),
        ("HAVESPACE \"a\" 4294967296", Fault::Malformed),
        ("GETSCRIPT \"a", Fault::Malformed),
        ("GETSCRIPT \"a\\n\"", Fault::Malformed),
        ("GETSCRIPT {3}\r\nabc", Fault::Malformed),
        ("GETSCRIPT {99999999999+}", Fault::Malformed),
        ("GETSCRIPT {5+}\r\nabc", Fault::Malformed),
        ("GETSCRIPT  \"a\"", Fault::Malformed),
        ("PUTSCRIPT \"a\" \"b\" \"c\" \"d\"", Fault::Malformed),
    ] {
        assert_eq!(command(text.as_bytes()), Err(fault), "{text}");
    }
    assert_eq!(command(b"GETSCRIPT \"\xff\""), Err(Fault::NotUtf8));
    let long = format!("GETSCRIPT \"{}\"", "a".repeat(24_577));
    assert_eq!(command(long.as_bytes()), Err(Fault::QuotedTooLong));
}

#[test]
fn answers_are_written_as_the_rfc_shows_them() {
    let status = |status, code: Option<Code>, text| {
        let mut out = Vec::new();
        write_status(&mut out, status, code.as_ref(), text);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(status(Status::Ok, None, ""), "OK\r\n");
    assert_eq!(
        status(Status::No, Some(Code::QuotaMaxSize), "Quota exceeded"),
        "NO (QUOTA/MAXSIZE) \"Quota exceeded\"\r\n"
    );
    assert_eq!(
        status(Status::Ok, Some(Code::Tag(b"SYNC-42".to_vec())), "Done"),
        "OK (TAG \"SYNC-42\") \"Done\"\r\n"
    );
    assert_eq!(status(Status::No, None, "line 1\r\nline 2"), "NO {14}\r\nline 1\r\nline 2\r\n");
    let mut out = Vec::new();
    write_string(&mut out, b"a\"b\\c");
    assert_eq!(out, b"\"a\\\"b\\\\c\"");
}
