//! A server that is killed while mail is delivered to it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::world::{Server, World};

/// Deliverers at the same time.
const CONNECTIONS: usize = 4;
const ROUNDS: usize = 3;

/// Lines to and from a door.
struct Lines {
    reader: BufReader<TcpStream>,
}

impl Lines {
    fn to(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        Some(Self { reader: BufReader::new(stream) })
    }

    fn send(&mut self, text: &str) -> Option<()> {
        self.reader.get_mut().write_all(text.as_bytes()).ok()
    }

    /// The next line; nothing when the server is gone.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line),
        }
    }

    /// The last line of a reply of SMTP.
    fn reply(&mut self) -> Option<String> {
        loop {
            let line = self.line()?;
            if line.as_bytes().get(3) == Some(&b' ') {
                return Some(line);
            }
        }
    }

    /// The lines of an answer of IMAP up to the one with the tag.
    fn command(&mut self, command: &str) -> Vec<String> {
        self.send(&format!("a {command}\r\n")).expect("the server is there");
        let mut lines = Vec::new();
        loop {
            let line = self.line().expect("an answer");
            if line.starts_with("a ") {
                assert!(line.starts_with("a OK"), "{command}: {line}");
                return lines;
            }
            lines.push(line);
        }
    }
}

fn demo(world: &World) -> Server {
    let data = world.folder.join("data");
    Server::start(world.command(&[
        "demo",
        "--json",
        "--port-base",
        "0",
        "--people",
        "2",
        "--data-dir",
        data.to_str().unwrap(),
    ]))
}

/// Delivers until the server is gone; what was answered 250 is noted.
fn deliver(address: &str, name: &str, done: &Mutex<Vec<String>>) -> Option<()> {
    let mut lmtp = Lines::to(address)?;
    lmtp.reply()?;
    lmtp.send("LHLO test\r\n")?;
    lmtp.reply()?;
    for number in 0.. {
        let subject = format!("{name}-{number}");
        lmtp.send("MAIL FROM:<sender@example.org>\r\nRCPT TO:<u1@bench.test>\r\nDATA\r\n")?;
        lmtp.reply()?;
        lmtp.reply()?;
        lmtp.reply()?;
        let text = format!("text of {subject} ").repeat(200);
        lmtp.send(&format!("From: sender@example.org\r\nSubject: {subject}\r\n\r\n{text}\r\n.\r\n"))?;
        if lmtp.reply()?.starts_with("250") {
            done.lock().unwrap().push(subject);
        }
    }
    None
}

#[test]
fn p02_what_was_answered_for_is_there_after_kill_9() {
    let world = World::new();
    let done = Arc::new(Mutex::new(Vec::new()));
    for round in 0..ROUNDS {
        let server = demo(&world);
        let before = done.lock().unwrap().len();
        let deliverers: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let (address, done) = (server.address("lmtp"), done.clone());
                let name = format!("round{round}-connection{connection}");
                std::thread::spawn(move || deliver(&address, &name, &done))
            })
            .collect();
        // Killed while they are at it, after some deliveries of this round.
        while done.lock().unwrap().len() < before + 20 + 37 * round {
            std::thread::yield_now();
        }
        server.signal("-KILL");
        for deliverer in deliverers {
            deliverer.join().unwrap();
        }
    }
    let server = demo(&world);
    let mut imap = Lines::to(&server.address("imap")).unwrap();
    imap.line().unwrap();
    imap.command("LOGIN u1@bench.test secret");
    imap.command("SELECT INBOX");
    let mut subjects: BTreeMap<String, usize> = BTreeMap::new();
    for line in imap.command("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])") {
        if let Some(subject) = line.strip_prefix("Subject: ") {
            *subjects.entry(subject.trim_end().to_owned()).or_default() += 1;
        }
    }
    let done = done.lock().unwrap();
    for subject in done.iter() {
        assert_eq!(subjects.get(subject), Some(&1), "{subject} was answered 250");
    }
    // Beyond those that were answered, at most the ones that were under way.
    assert!(subjects.len() <= done.len() + ROUNDS * CONNECTIONS, "{} of {}", subjects.len(), done.len());
    drop(server);
    let data = world.folder.join("data");
    let checked = world.run(&["check", "--json", "--data-dir", data.to_str().unwrap()]).json();
    assert_eq!(checked[0]["faults"], 0, "{checked:?}");
}
