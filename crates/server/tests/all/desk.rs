//! Commands on mail and on rights, beside a running server.

use std::net::SocketAddr;

use serde_json::Value;
use testkit::dovecot::Session;

use crate::world::{Ended, Server, World};

fn tried(world: &World, arguments: &[&str]) -> Ended {
    world.run(&[arguments, &["--json", "--yes", "--data-dir", "data"]].concat())
}

fn run(world: &World, arguments: &[&str]) -> Vec<Value> {
    tried(world, arguments).json()
}

/// A running server with ada and bob, and their passwords.
fn serve(world: &World) -> (Server, [String; 2]) {
    run(world, &["org", "add", "acme"]);
    run(world, &["domain", "add", "acme.example"]);
    let passwords = ["ada", "bob"].map(|name| {
        let made = run(world, &["user", "add", &format!("{name}@acme.example")]);
        made[0]["password"].as_str().unwrap().to_owned()
    });
    let server = world.serve(
        "[mail]\nplain_logins_from_loopback = true\n[imap]\nlisten = '127.0.0.1:0'\n[lmtp]\nlisten = '127.0.0.1:0'\n\
         [tls]\nself_made = true\n",
    );
    (server, passwords)
}

fn session(server: &Server, name: &str, password: &str) -> Session {
    let address: SocketAddr = server.address("imap").parse().unwrap();
    Session::new(address, &format!("{name}@acme.example"), password)
}

#[test]
fn m12_mailboxes_are_made_and_shared_from_the_command_line_while_people_use_them() {
    let world = World::new();
    let (server, [ada, bob]) = serve(&world);
    let mut watching = session(&server, "bob", &bob);
    let owner = "ada@acme.example";
    run(&world, &["mailbox", "create", owner, "Work/2026"]);
    run(&world, &["mailbox", "create", owner, "Work/2027"]);
    let listed = run(&world, &["mailbox", "list", owner]);
    let paths: Vec<_> = listed.iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert!(paths.contains(&"Work/2026") && paths.contains(&"INBOX"), "{paths:?}");
    assert_eq!(tried(&world, &["mailbox", "create", owner, "Work/2026"]).code, 5);
    assert!(session(&server, "ada", &ada).ask("LIST \"\" *").contains("Work/2027"));

    run(
        &world,
        &["mailbox", "share", owner, "Work/2026", "bob@acme.example", "--rights", "read,seen,insert"],
    );
    let shares = run(&world, &["mailbox", "shares", owner, "Work/2026"]);
    assert_eq!(shares[0]["address"], "bob@acme.example");
    assert_eq!(shares[0]["rights"], serde_json::json!(["read", "seen", "insert"]));
    let seen = watching.ask("LIST \"\" *");
    assert!(seen.contains("/2026\"") && !seen.contains("/2027"), "{seen}");
    run(&world, &["mailbox", "share", owner, "Work/2026", "bob@acme.example", "--rights", ""]);
    assert!(!watching.ask("LIST \"\" *").contains("/2026"));
    run(&world, &["mailbox", "rename", owner, "Work/2027", "Next"]);
    run(&world, &["mailbox", "remove", owner, "Work/Next"]);
    assert_eq!(tried(&world, &["mailbox", "remove", owner, "Work/Next"]).code, 3);
}

#[test]
fn m17_roles_are_made_granted_and_taken_back_from_the_command_line() {
    let world = World::new();
    run(&world, &["org", "add", "acme"]);
    run(&world, &["domain", "add", "acme.example"]);
    run(&world, &["user", "add", "ada@acme.example"]);
    assert!(run(&world, &["role", "verbs"]).iter().any(|row| row["verb"] == "account.state"));
    run(&world, &["role", "add", "Desk", "account.read,account.state", "--description", "First help"]);
    assert_eq!(tried(&world, &["role", "add", "Other", "account.fly"]).code, 7);
    let granted = run(&world, &["grant", "add", "ada@acme.example", "Desk", "--domain", "acme.example"]);
    let rows = run(&world, &["grant", "list"]);
    assert_eq!((&rows[0]["address"], &rows[0]["scope"]), (&"ada@acme.example".into(), &"domain".into()));
    run(&world, &["role", "set", "Desk", "account.read"]);
    assert_eq!(run(&world, &["role", "list"])[0]["verbs"], serde_json::json!(["account.read"]));
    assert_ne!(tried(&world, &["role", "remove", "Desk"]).code, 0, "somebody has it");
    run(&world, &["grant", "remove", &granted[0]["id"].to_string()]);
    assert!(run(&world, &["grant", "list"]).is_empty());
    run(&world, &["role", "remove", "Desk"]);
}

#[test]
fn b09_b10_filters_and_answers_set_beside_a_server_are_in_force_at_once() {
    let world = World::new();
    let (server, [ada, _]) = serve(&world);
    let deliver = |subject: &str| {
        let said = crate::doors::deliver(
            &server,
            "ada@acme.example",
            &format!("From: x@far.example\r\nTo: ada@acme.example\r\nSubject: {subject}\r\n\r\nText"),
        );
        assert!(said.starts_with("250 "), "{said}");
    };
    // The server learns that nobody has rules, and has to hear that this changed.
    deliver("plain");
    let script = world.write(
        "script.sieve",
        "require \"imap4flags\";\nif header :contains \"subject\" \"urgent\" { addflag \"\\\\Flagged\"; }\n",
    );
    let made =
        run(&world, &["filter", "set", "Urgent", script.to_str().unwrap(), "--domain", "acme.example"]);
    deliver("urgent");
    let mut session = session(&server, "ada", &ada);
    session.ask("SELECT INBOX");
    let said = session.ask("FETCH 1:2 (FLAGS)");
    assert!(
        said.contains("* 1 FETCH (FLAGS (\\Recent))")
            && said.contains("* 2 FETCH (FLAGS (\\Recent \\Flagged))"),
        "{said}"
    );
    assert!(
        run(&world, &["filter", "show", &made[0]["id"].to_string()])[0]["script"]
            .as_str()
            .unwrap()
            .contains("urgent")
    );
    run(&world, &["filter", "remove", &made[0]["id"].to_string()]);
    assert!(run(&world, &["filter", "list"]).is_empty());

    run(
        &world,
        &["vacation", "on", "ada@acme.example", "--text", "Away until Monday", "--until", "2099-01-01"],
    );
    let shown = tried(&world, &["vacation", "show", "ada@acme.example"]);
    assert!(shown.out.contains("Away until Monday"), "{}", shown.out);
    // Nobody is there: without this the answer would be given up before we look.
    run(&world, &["queue", "pause", "far.example", "--reason", "test"]);
    deliver("hello");
    let queued = run(&world, &["queue", "list"]);
    assert_eq!(queued.len(), 1, "one answer: {queued:?}");
    run(&world, &["vacation", "off", "ada@acme.example"]);
    let past = tried(
        &world,
        &[
            "vacation",
            "on",
            "ada@acme.example",
            "--text",
            "x",
            "--from",
            "2026-02-01",
            "--until",
            "2026-01-01",
        ],
    );
    assert_eq!(past.code, 7, "{}", past.err);
}
