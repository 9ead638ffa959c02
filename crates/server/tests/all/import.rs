//! Mail that people bring along: from a real Dovecot, from its files, from mbox.

use std::net::SocketAddr;

use serde_json::Value;
use testkit::dovecot::{Dovecot, Session};

use crate::world::{Ended, Server, World};

const DAY: &str = "02-Nov-2026 09:00:00 +0100";

fn message(number: usize) -> String {
    format!(
        "From: old@far.example\r\nSubject: Message {number}\r\nMessage-ID: <{number}@far.example>\r\n\r\nText {number}\r\n"
    )
}

/// Somebody with mail of every sort at another server.
fn fill(dovecot: &Dovecot) -> Session {
    let mut session = dovecot.session("ada");
    for folder in ["Work", "Work.2026", "&AMk-t&AOk-", "Empty"] {
        session.ask(&format!("CREATE \"{folder}\""));
    }
    for number in 0..120 {
        let flags = ["", "\\Seen", "\\Seen \\Flagged", "\\Answered", "work $Label1"][number % 5];
        session.append(
            "INBOX",
            flags,
            &format!("{:02}-Oct-2026 12:00:00 +0000", number % 28 + 1),
            &message(number),
        );
    }
    session.append("Work.2026", "\\Seen", DAY, &message(500));
    session.append("\"&AMk-t&AOk-\"", "\\Draft", DAY, &message(501));
    session.append("Gesendet", "\\Seen", DAY, &message(502));
    session
}

fn serve(world: &World) -> (Server, String) {
    let run = |arguments: &[&str]| world.run(&[arguments, &["--json", "--data-dir", "data"]].concat()).json();
    run(&["org", "add", "acme"]);
    run(&["domain", "add", "acme.example"]);
    let made = run(&["user", "add", "ada@acme.example"]);
    let password = made[0]["password"].as_str().unwrap().to_owned();
    let server = world.serve(
        "[mail]\nplain_logins_from_loopback = true\n[imap]\nlisten = '127.0.0.1:0'\n[tls]\nself_made = true\n",
    );
    (server, password)
}

fn session(server: &Server, password: &str) -> Session {
    let address: SocketAddr = server.address("imap").parse().unwrap();
    Session::new(address, "ada@acme.example", password)
}

fn import(world: &World, arguments: &[&str]) -> Ended {
    let mut command =
        world.command(&[&["import"][..], arguments, &["--json", "--data-dir", "data"]].concat());
    Ended::from(command.env("BEFFROI_IMPORT_PASSWORD", "secret").output().unwrap())
}

fn sum(outcomes: &[Value], key: &str) -> u64 {
    outcomes.iter().map(|outcome| outcome[key].as_u64().unwrap()).sum()
}

/// Flags and dates of all messages of a folder, in order.
fn listed(session: &mut Session, folder: &str) -> Vec<String> {
    session.ask(&format!("EXAMINE \"{folder}\""));
    let said = session.ask("FETCH 1:* (FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
    let mut lines: Vec<String> = Vec::new();
    for line in said.lines().filter(|line| line.starts_with("* ") && line.contains("FETCH")) {
        let flags = line.split_once("FLAGS (").unwrap().1.split_once(')').unwrap().0;
        let mut flags: Vec<_> =
            flags.split(' ').filter(|flag| !flag.is_empty() && *flag != "\\Recent").collect();
        flags.sort_unstable();
        let size = line.split_once("RFC822.SIZE ").unwrap().1.split([' ', ')']).next().unwrap();
        let date = line.split_once("INTERNALDATE \"").unwrap().1.split('"').next().unwrap();
        let date = jiff(date);
        lines.push(format!("{} {size} {date}", flags.join(",")));
    }
    let subjects = said.lines().filter_map(|line| line.strip_prefix("Subject: "));
    let mut all: Vec<String> =
        lines.iter().zip(subjects).map(|(line, subject)| format!("{subject}: {line}")).collect();
    all.sort();
    all
}

/// A date without its zone: minutes since the month began, in UTC. Enough to tell dates of one month apart.
fn jiff(date: &str) -> i64 {
    let number =
        |from: usize, to: usize| date.trim()[from..to].trim_start_matches('0').parse::<i64>().unwrap_or(0);
    let (date, day) = (date.trim(), date.trim().split('-').next().unwrap().parse::<i64>().unwrap());
    let time = date.find(' ').unwrap();
    let hours = number(time + 1, time + 3) - number(time + 11, time + 13);
    day * 1_440 + hours * 60 + number(time + 4, time + 6)
}

#[test]
fn b38_mail_comes_over_from_another_server_and_a_second_run_takes_what_is_new() {
    let (world, dovecot) = (World::new(), Dovecot::start(None));
    let mut there = fill(&dovecot);
    let (server, password) = serve(&world);
    let mut here = session(&server, &password);
    // A session that looks at the inbox before, during and after.
    here.ask("SELECT INBOX");
    let host = dovecot.address.to_string();
    let asked = ["imap", "ada@acme.example", "--server", &host, "--login", "ada", "--security", "none"];
    let would = import(&world, &[&asked[..], &["--dry-run"]].concat()).json();
    assert_eq!((sum(&would, "taken"), sum(&would, "known")), (123, 0));
    let first = import(&world, &asked).json();
    assert_eq!((sum(&first, "taken"), sum(&first, "left"), sum(&first, "known")), (123, 0, 0), "{first:?}");
    let said = here.ask("NOOP");
    assert!(said.contains("* 120 EXISTS"), "a running server hears of it: {said}");
    let folders = [
        ("INBOX", "INBOX"),
        ("Work.2026", "Work/2026"),
        ("&AMk-t&AOk-", "&AMk-t&AOk-"),
        ("Gesendet", "Sent"),
    ];
    for (elsewhere, ours) in folders {
        assert_eq!(listed(&mut there, elsewhere), listed(&mut here, ours), "{ours}");
    }
    assert!(here.ask("LIST \"\" Empty").contains("Empty"));

    // What changed there since, and here.
    there.append("INBOX", "", DAY, &message(600));
    there.ask("SELECT INBOX");
    there.ask("STORE 1 +FLAGS (\\Flagged new)");
    there.ask("STORE 2 -FLAGS (\\Seen)");
    there.ask("STORE 5 +FLAGS (\\Deleted)");
    there.ask("EXPUNGE");
    here.ask("SELECT INBOX");
    here.ask("STORE 3 +FLAGS (mine)");
    let second = import(&world, &asked).json();
    assert_eq!(
        (sum(&second, "taken"), sum(&second, "changed"), sum(&second, "gone")),
        (1, 2, 1),
        "{second:?}"
    );
    let said = here.ask("FETCH 1:3 (FLAGS)");
    for part in ["\\Flagged new", "mine"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let third = import(&world, &asked).json();
    assert_eq!((sum(&third, "taken"), sum(&third, "changed"), sum(&third, "known")), (0, 0, 123));
    let checked = world.run(&["check", "--data-dir", "data"]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
}

#[test]
fn b38_a_master_user_brings_mail_over_tls_and_a_wrong_password_is_told() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pem = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
    let (world, dovecot) = (World::new(), Dovecot::start(Some(&pem)));
    dovecot.session("ada").append("INBOX", "\\Seen", DAY, &message(1));
    let (server, password) = serve(&world);
    let authority = world.write("authority.pem", &made.cert.pem());
    let secret = world.write("secret", "mastersecret\n");
    let host = format!("localhost:{}", dovecot.address.port());
    let asked = [
        "imap",
        "ada@acme.example",
        "--server",
        &host,
        "--login",
        "ada",
        "--master",
        "master",
        "--security",
        "starttls",
        "--authorities",
        authority.to_str().unwrap(),
        "--password-file",
        secret.to_str().unwrap(),
    ];
    let taken = import(&world, &asked).json();
    assert_eq!(sum(&taken, "taken"), 1, "{taken:?}");
    assert_eq!(listed(&mut session(&server, &password), "INBOX").len(), 1);
    let wrong = import(&world, &[&asked[..asked.len() - 2], &["--dry-run"]].concat());
    assert_ne!(wrong.code, 0);
    assert!(wrong.err.contains("refused by the server"), "{}", wrong.err);
    let untrusted = import(&world, &asked[..10]);
    assert!(untrusted.err.contains("cannot be trusted"), "{}", untrusted.err);
}

#[test]
fn b38_the_files_of_a_maildir_are_taken_with_folders_flags_and_dates() {
    let (world, dovecot) = (World::new(), Dovecot::start(None));
    let mut there = fill(&dovecot);
    there.ask("LOGOUT");
    let (server, password) = serve(&world);
    let folder = dovecot.maildir("ada");
    let asked = ["maildir", "ada@acme.example", folder.to_str().unwrap()];
    let first = import(&world, &asked).json();
    assert_eq!((sum(&first, "taken"), sum(&first, "left")), (123, 0), "{first:?}");
    let (mut there, mut here) = (dovecot.session("ada"), session(&server, &password));
    for (elsewhere, ours) in [("INBOX", "INBOX"), ("Work.2026", "Work/2026"), ("&AMk-t&AOk-", "&AMk-t&AOk-")]
    {
        assert_eq!(listed(&mut there, elsewhere), listed(&mut here, ours), "{ours}");
    }
    let again = import(&world, &asked).json();
    assert_eq!((sum(&again, "taken"), sum(&again, "known")), (0, 123));
}

#[test]
fn b38_an_mbox_is_taken_once_even_after_it_grew() {
    let world = World::new();
    let (server, password) = serve(&world);
    let one = "From old@far.example Mon Nov  2 09:00:00 2026\nFrom: old@far.example\nSubject: One\nStatus: RO\nX-Keywords: work\n\n\
               >From the beginning.\n\n";
    let two = "From old@far.example Tue Nov  3 10:00:00 2026\nSubject: Two\n\nFrom here on\n\n";
    let file = world.write("Old mail.mbox", &format!("{one}{two}"));
    let asked = ["mbox", "ada@acme.example", file.to_str().unwrap()];
    assert_eq!(sum(&import(&world, &asked).json(), "taken"), 2);
    let read = one.replace("Status: RO", "Status: RO\nX-Status: F");
    world.write("Old mail.mbox", &format!("{read}{two}{}", two.replace("Two", "Three")));
    let again = import(&world, &asked).json();
    assert_eq!((sum(&again, "taken"), sum(&again, "changed"), sum(&again, "known")), (1, 1, 2), "{again:?}");
    let mut here = session(&server, &password);
    here.ask("SELECT \"Old mail\"");
    let said = here.ask("FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[TEXT])");
    for part in ["work", "\\Seen", "\\Flagged", " 2-Nov-2026 09:00:00 +0000", "From the beginning.\r\n"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains(">From"), "{said}");
    let none = import(&world, &["mbox", "ada@acme.example", world.write("x", "Hello").to_str().unwrap()]);
    assert!(none.err.contains("is no mbox"), "{}", none.err);
}
