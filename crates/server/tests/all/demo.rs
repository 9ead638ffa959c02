//! `beffroi demo`, as scripts use it.

use serde_json::Value;

use crate::world::{Server, World};

fn start(world: &World, people: &str) -> Server {
    let data = world.folder.join("demo");
    let options = ["--data-dir", data.to_str().unwrap(), "--port-base", "0", "--people", people, "--json"];
    Server::start(world.command(&[&["demo"][..], &options].concat()))
}

/// What it holds itself. The pages of the program are of its file, four times as many in a build for tests, and go when
/// somebody needs the room.
fn own_kilobytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn r01_a_demo_is_made_and_found_again_and_stays_small() {
    let world = World::new();
    let server = start(&world, "25");
    let ready = server.ready.clone();
    assert_eq!(ready["administrator"]["login"], "camille.lefevre@tour.example");
    let people = ready["people"].as_array().unwrap();
    assert_eq!(people[24], serde_json::json!({ "login": "u25@bench.test", "password": "secret" }));
    assert!(people.iter().any(|person| person["login"] == "zoe.dubois@tour.example"));
    assert_eq!(server.get("/health/ready").0, 200);
    let kilobytes = own_kilobytes(server.pid());
    assert!(kilobytes < 24 * 1024, "{kilobytes} KiB");
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));

    let again = start(&world, "25");
    assert_eq!(again.ready["administrator"], ready["administrator"]);
    assert_eq!(again.ready["people"], ready["people"]);
    let listed = world.run(&["user", "list", "--json", "--data-dir", "demo"]).json();
    assert_eq!(listed.len(), 25 + 6);
    let quota = |row: &Value| row["quota_bytes"].clone();
    let resolved =
        world.run(&["resolve", "zoe.dubois+cloches@tower.example", "--json", "--data-dir", "demo"]).json();
    assert_eq!(resolved.len(), 1, "an alias of a domain, with a detail");
    assert_eq!(quota(&resolved[0]), 10_u64 << 30);
}

/// What an IMAP server answers to commands of one session, as one text.
fn imap(server: &Server, login: &str, password: &str, commands: &[&str]) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(server.address("imap")).unwrap();
    let mut text = format!("a LOGIN {login} \"{password}\"\r\n");
    for command in commands {
        text.extend(["b ", command, "\r\n"]);
    }
    text.push_str("z LOGOUT\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn r01_a_newcomer_finds_varied_mail_once() {
    let world = World::new();
    let asked = [
        "STATUS Archive (MESSAGES)",
        "STATUS INBOX (MESSAGES UNSEEN)",
        "STATUS Atelier/Horloge/Devis (MESSAGES)",
        "EXAMINE INBOX",
        "SEARCH HEADER Subject Restauration",
        "SEARCH CHARSET UTF-8 SUBJECT {6+}\r\n鐘楼",
        "FETCH 1:* (BODYSTRUCTURE)",
    ];
    let mut answers = Vec::new();
    for _ in 0..2 {
        let server = start(&world, "0");
        let password = server.ready["administrator"]["password"].as_str().unwrap().to_owned();
        let answer = imap(&server, "camille.lefevre@tour.example", &password, &asked);
        answers.push(
            answer.lines().filter(|line| line.starts_with("* ")).map(str::to_owned).collect::<Vec<_>>(),
        );
        server.signal("-TERM");
        assert_eq!(server.wait().code(), Some(0));
    }
    let text = answers[0].join("\n");
    let number = |before: &str| -> u64 {
        let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    assert!(number("STATUS Archive (MESSAGES ") > 2_500);
    assert!(number("STATUS INBOX (MESSAGES ") > 30);
    assert!(number("UNSEEN ") > 5);
    assert_eq!(number("STATUS Atelier/Horloge/Devis (MESSAGES "), 2);
    let found: Vec<_> = text.lines().filter(|line| line.starts_with("* SEARCH")).collect();
    assert!(found[0].split_whitespace().count() > 20, "a long conversation: {found:?}");
    assert_eq!(found[1].split_whitespace().count(), 3, "a subject in another character set: {found:?}");
    for part in
        ["\"message\" \"rfc822\"", "\"text\" \"calendar\"", "\"application\" \"pdf\"", "\"image\" \"png\""]
    {
        assert!(text.to_lowercase().contains(part), "{part}");
    }
    assert_eq!(answers[0], answers[1], "a second start adds nothing");
}
