//! What was lost, from outside: recovered, brought back from an image, and seen at addresses of its own.

use std::io::Read;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::dovecot::Session;

use crate::check::open;
use crate::doors::{Client, deliver};
use crate::jmap::User;
use crate::world::{Server, World};

const ADA: &str = "ada@acme.example";

fn done(world: &World, arguments: &[&str]) -> Vec<Value> {
    world.run(&[arguments, &["--json", "--data-dir", "data"]].concat()).json()
}

/// Ada's password.
fn begin(world: &World) -> String {
    done(world, &["org", "add", "acme"]);
    done(world, &["domain", "add", "acme.example"]);
    done(world, &["user", "add", ADA])[0]["password"].as_str().unwrap().to_owned()
}

fn serve(world: &World) -> Server {
    world.serve(
        "[mail]\nhostname = 'mail.acme.example'\nplain_logins_from_loopback = true\n[tls]\nself_made = true\n\
         [lmtp]\nlisten = '127.0.0.1:0'\n[pop3]\nlisten = '127.0.0.1:0'\n[imap]\nlisten = '127.0.0.1:0'\n",
    )
}

fn session(server: &Server, login: &str, password: &str) -> Session {
    let address: SocketAddr = server.address("imap").parse().unwrap();
    Session::new(address, login, password)
}

/// Flags, date and text of each message of a folder, in no order.
fn listed(session: &mut Session, folder: &str) -> Vec<String> {
    session.ask(&format!("EXAMINE \"{folder}\""));
    let said = session.ask("FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])");
    let is_told = |flag: &&str| !flag.is_empty() && *flag != "\\Recent";
    let one = |message: &str| {
        let (flags, rest) = message.split_once("FLAGS (")?.1.split_once(')')?;
        let mut flags: Vec<&str> = flags.split(' ').filter(is_told).collect();
        flags.sort_unstable();
        let (date, body) = (rest.split('"').nth(1)?, rest.split_once("}\r\n")?.1.split_once("\r\n)")?.0);
        Some(format!("{} {date} {body}", flags.join(",")))
    };
    let mut all: Vec<String> =
        said.split("* ").filter(|piece| piece.contains(" FETCH (")).filter_map(one).collect();
    all.sort();
    all
}

fn subjects(session: &mut Session, folder: &str) -> Vec<String> {
    session.ask(&format!("EXAMINE \"{folder}\""));
    let said = session.ask("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
    said.lines().filter_map(|line| line.strip_prefix("Subject: ")).map(str::to_owned).collect()
}

fn restore(world: &World, image: &str, arguments: &[&str]) -> Value {
    let run = ["restore", "run", ADA, image, "--mode", "replace", "--yes"];
    done(world, &[&run, arguments].concat())[0].clone()
}

/// What a restore changed, by its report: messages brought back, changed and removed.
fn messages(report: &Value) -> (u64, u64, u64) {
    let number = |name: &str| report[name].as_u64().unwrap();
    (number("emails_back"), number("emails_changed"), number("emails_removed"))
}

#[test]
fn b13_a05_the_commands_bring_back_what_was_removed_and_what_an_image_shows() {
    let world = World::new();
    let password = begin(&world);
    let server = serve(&world);
    for subject in ["One", "Two", "Three"] {
        assert!(deliver(&server, ADA, &format!("Subject: {subject}\r\n\r\nText")).starts_with("250 "));
    }
    let mut ada = session(&server, ADA, &password);
    for folder in ["Work", "Work/2026"] {
        ada.ask(&format!("CREATE {folder}"));
    }
    ada.append("Work/2026", "\\Flagged", "02-Nov-2026 09:00:00 +0100", "Subject: Four\r\n\r\nText\r\n");
    let (inbox, work) = (listed(&mut ada, "INBOX"), listed(&mut ada, "Work/2026"));
    assert_eq!((inbox.len(), work.len()), (3, 1), "{inbox:?} {work:?}");
    let made = &done(&world, &["restore", "mark", ADA])[0];
    assert_eq!(made["made"], true, "{made}");
    let image = made["image"].to_string();
    let again = &done(&world, &["restore", "mark", ADA])[0];
    assert_eq!(*again, json!({"image": made["image"], "made": false}));
    assert_eq!(done(&world, &["restore", "list", ADA])[0]["image"], made["image"]);
    let shown = done(&world, &["restore", "show", ADA, &image]);
    let folder = shown.iter().find(|row| row["path"] == "Work/2026").unwrap();
    assert_eq!(folder["messages"], 1);

    // One message is marked, another one removed, and a tree from its leaves.
    for command in
        ["SELECT INBOX", "STORE 1 +FLAGS (\\Answered)", "STORE 2 +FLAGS (\\Deleted)", "EXPUNGE", "CLOSE"]
    {
        ada.ask(command);
    }
    ada.ask("DELETE Work/2026");
    ada.ask("DELETE Work");
    let removed = done(&world, &["recover", "list", ADA, "--text", "two"]);
    assert_eq!((removed.len(), &removed[0]["door"], &removed[0]["by"]), (1, &json!("imap"), &json!(ADA)));
    let folders = done(&world, &["recover", "list", ADA, "--mailboxes"]);
    let id = folders.iter().find(|row| row["path"] == "Work").unwrap()["id"].as_str().unwrap();
    let back = done(&world, &["recover", "restore", ADA, removed[0]["id"].as_str().unwrap(), id]);
    assert_eq!(back[0]["mailboxes"].as_array().unwrap().len(), 2, "{back:?}");
    assert_eq!(listed(&mut ada, "Work/2026"), work);
    assert_eq!(subjects(&mut ada, "INBOX"), ["One", "Three", "Two"]);
    let two = |all: &[String]| all.iter().find(|one| one.contains("Subject: Two")).unwrap().clone();
    assert_eq!(two(&listed(&mut ada, "INBOX")), two(&inbox), "it is not about to go again");
    assert!(done(&world, &["recover", "list", ADA]).is_empty());

    let planned = restore(&world, &image, &["--dry-run"]);
    assert_eq!((messages(&planned), &planned["dry_run"]), ((0, 1, 0), &json!(true)), "{planned}");
    assert_ne!(listed(&mut ada, "INBOX"), inbox, "only told");
    assert_eq!(messages(&restore(&world, &image, &[])), (0, 1, 0));
    assert_eq!((listed(&mut ada, "INBOX"), listed(&mut ada, "Work/2026")), (inbox, work));
    assert_eq!(messages(&restore(&world, &image, &["--dry-run"])), (0, 0, 0));

    done(&world, &["recover", "hold", ADA]);
    done(&world, &["recover", "hold", ADA, "--lift"]);
    let audit = done(&world, &["audit", "--account", ADA, "--limit", "2"]);
    let said: Vec<&str> = audit.iter().map(|row| row["changes"].as_str().unwrap()).collect();
    assert_eq!(said, ["legal hold lifted", "legal hold set"]);
}

const BIG: usize = 2_000;
/// Items of a transaction; a restore touches half as many messages in one.
const BATCH: &str = "1000";
/// A restore comes no further than into its third transaction.
const STOP: [&str; 2] = [
    "CREATE VIEW endless AS WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number)
     SELECT n FROM number",
    "CREATE TRIGGER stop_here AFTER INSERT ON item WHEN NEW.id = 3200
     BEGIN SELECT count(*) FROM endless; END",
];
const GO_ON: [&str; 2] = ["DROP TRIGGER stop_here", "DROP VIEW endless"];

fn execute(world: &World, statements: [&'static str; 2]) {
    let run =
        move |tx: &mut store::Tx<'_>| statements.iter().try_for_each(|sql| tx.execute(sql, []).map(|_| ()));
    open(world).write_blocking([], run).unwrap();
}

/// Restores, and is killed when so many messages are back.
fn killed_at(world: &World, image: &str, back: usize) {
    let run = ["restore", "run", ADA, image, "--mode", "replace", "--mailbox", "Big", "--yes"];
    let mut command = world.command(&[&run[..], &["--data-dir", "data"]].concat());
    command.env("BEFFROI_LIMITS_BATCH_ITEMS", BATCH).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let database = open(world);
    loop {
        // Behind those that were removed and the one that came later.
        let sql = "SELECT count(*) FROM item WHERE gone = 0 AND id BETWEEN 2002 AND 4001";
        let found = database.read_blocking(move |tx| tx.query_one(sql, [], |row| row.int(0))).unwrap();
        if usize::try_from(found).unwrap() >= back {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

#[test]
fn a05_a06_a_restore_that_was_killed_is_gone_on_with_and_equals_the_image() {
    let world = World::new();
    let password = begin(&world);
    let message =
        |number: usize| format!("From - Mon Nov  2 09:00:00 2026\nSubject: {number}\n\nText {number}\n\n");
    let mbox = world.write("Big", &(0..BIG).map(message).collect::<String>());
    done(&world, &["import", "mbox", ADA, mbox.to_str().unwrap()]);
    let server = serve(&world);
    let mut ada = session(&server, ADA, &password);
    ada.ask("SELECT Big");
    ada.ask("STORE 1:700 +FLAGS.SILENT (\\Seen work)");
    let was = listed(&mut ada, "Big");
    assert_eq!(was.len(), BIG);
    let image = done(&world, &["restore", "mark", ADA])[0]["image"].to_string();
    for command in ["SELECT Big", "STORE 1:* +FLAGS.SILENT (\\Deleted)", "EXPUNGE", "CLOSE"] {
        ada.ask(command);
    }
    ada.append("Big", "", "02-Nov-2026 09:00:00 +0100", "Subject: Later\r\n\r\nText\r\n");
    server.signal("-TERM");
    server.wait();

    execute(&world, STOP);
    killed_at(&world, &image, BIG / 2);
    execute(&world, GO_ON);
    let server = serve(&world);
    let mut ada = session(&server, ADA, &password);
    assert!(ada.ask("EXAMINE Big").contains("* 1000 EXISTS"), "two transactions of four are done");
    let planned = restore(&world, &image, &["--mailbox", "Big", "--dry-run"]);
    assert_eq!(messages(&planned), (1_000, 0, 0), "{planned}");
    assert_eq!(messages(&restore(&world, &image, &["--mailbox", "Big"])), (1_000, 0, 0));
    assert_eq!(listed(&mut ada, "Big"), was);
    assert_eq!(messages(&restore(&world, &image, &["--mailbox", "Big"])), (0, 0, 0));
    let checked = done(&world, &["check"]);
    assert_eq!(checked[0]["faults"], 0, "{checked:?}");
}

fn pop(server: &Server, name: &str, password: &str) -> (Client, String) {
    let mut pop = Client::new(&server.address("pop3"));
    pop.line();
    assert!(pop.ask(&format!("USER {name}")).starts_with("+OK"));
    let said = pop.ask(&format!("PASS {password}"));
    (pop, said)
}

#[test]
fn a01_a08_what_a_pop_client_took_is_at_the_rescue_address_by_imap_pop_and_jmap() {
    let world = World::new();
    let password = begin(&world);
    let server = serve(&world);
    for subject in ["One", "Two"] {
        let body = format!("Subject: {subject}\r\n\r\nText {subject}");
        assert!(deliver(&server, ADA, &body).starts_with("250 "));
    }
    let (mut taker, said) = pop(&server, ADA, &password);
    assert!(said.starts_with("+OK 2 "), "{said}");
    for number in 1..=2 {
        assert!(taker.ask(&format!("RETR {number}")).starts_with("+OK"));
        assert!((0..100).any(|_| taker.line() == "."), "the message ends");
        assert!(taker.ask(&format!("DELE {number}")).starts_with("+OK"));
    }
    assert!(taker.ask("QUIT").starts_with("+OK"));
    assert!(session(&server, ADA, &password).ask("EXAMINE INBOX").contains("* 0 EXISTS"));

    let rescue = "ada@secours.acme.example";
    assert_eq!(subjects(&mut session(&server, rescue, &password), "INBOX"), ["One", "Two"]);
    let (mut reader, said) = pop(&server, rescue, &password);
    assert!(said.starts_with("+OK 2 "), "{said}");
    assert!(reader.ask("DELE 1").starts_with("-ERR"));

    let at_rescue = User::with_password(&server, rescue, &password);
    assert_eq!(at_rescue.session["username"], rescue);
    let account = at_rescue.account.as_str();
    assert_eq!(at_rescue.session["accounts"][account]["isReadOnly"], true);
    let found = json!({"resultOf": "0", "name": "Email/query", "path": "/ids"});
    let answers = at_rescue.calls(&json!([
        ["Email/query", {"accountId": account, "sort": [{"property": "subject"}]}, "0"],
        ["Email/get", {"accountId": account, "properties": ["subject", "blobId"], "#ids": found}, "1"],
        ["Email/set", {"accountId": account, "#destroy": found}, "2"],
    ]));
    let list = &answers[1][1]["list"];
    assert_eq!((&list[0]["subject"], &list[1]["subject"]), (&json!("One"), &json!("Two")), "{answers}");
    assert_eq!(answers[2][1]["type"], "accountReadOnly");
    let blob = list[1]["blobId"].as_str().unwrap();
    let path = format!("/jmap/download/{account}/{blob}/two.eml?accept=message/rfc822");
    assert!(at_rescue.http("GET", &path, "").ends_with("Text Two\r\n"));

    // Ada herself copies what she needs back.
    let own = User::with_password(&server, ADA, &password);
    let inbox = own.mailbox(&own.account, "inbox");
    let create = json!({"a": {"id": list[1]["id"], "mailboxIds": {&inbox: true}}});
    let copy = json!({"fromAccountId": account, "accountId": own.account, "create": create});
    let answers = own.calls(&json!([["Email/copy", copy, "0"]]));
    assert!(answers[0][1]["created"]["a"]["id"].is_string(), "{answers}");
    assert_eq!(subjects(&mut session(&server, ADA, &password), "INBOX"), ["Two"]);

    // The web has pages for it: there one logs in at one's own address. Nothing but mail is at the other one.
    let body = json!({"name": rescue, "password": password}).to_string();
    let (status, mut answer) = own.send("POST", "/auth/login", &body);
    let mut said = String::new();
    answer.read_to_string(&mut said).unwrap();
    assert!(
        status.starts_with("HTTP/1.1 403") && said.contains("log in at your own address"),
        "{status}{said}"
    );
    assert!(at_rescue.send("GET", "/auth/session", "").0.starts_with("HTTP/1.1 401"));
    assert!(at_rescue.send("POST", &format!("/jmap/upload/{account}/"), "x").0.starts_with("HTTP/1.1 403"));
}
