//! Logins over HTTP on a whole server: what is ended there is over at the other doors too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{Server, World};

/// A program that holds a token.
struct Program {
    address: String,
    token: String,
}

impl Program {
    fn log_in(server: &Server, password: &str) -> Self {
        let mut program = Self { address: server.address("http"), token: String::new() };
        let body = json!({ "name": "ada@acme.example", "password": password, "token": true });
        let (status, told) = program.ask("POST", "/auth/login", &body);
        assert_eq!((status, &told["step"]), (200, &"done".into()), "{told}");
        told["token"].as_str().unwrap().clone_into(&mut program.token);
        program
    }

    fn begin(&self, method: &str, path: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let token = if self.token.is_empty() {
            String::new()
        } else {
            format!("authorization: Bearer {}\r\n", self.token)
        };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: mail.acme.example\r\nconnection: close\r\n{token}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        stream
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let mut answer = String::new();
        self.begin(method, path, &body.to_string()).read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// A stream of changes that is open.
    fn listen(&self) -> BufReader<TcpStream> {
        let stream = self.begin("GET", "/jmap/eventsource/?types=*&closeafter=no&ping=5", "");
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        reader
    }
}

/// A mail program that waits for changes.
struct Idle(BufReader<TcpStream>);

impl Idle {
    fn begin(server: &Server, password: &str) -> Self {
        let stream = TcpStream::connect(server.address("imap")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut idle = Self(BufReader::new(stream));
        idle.line();
        for (command, until) in [
            (format!("a LOGIN ada@acme.example \"{password}\""), "a OK"),
            ("a SELECT INBOX".to_owned(), "a OK"),
            ("a IDLE".to_owned(), "+"),
        ] {
            idle.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
            while !idle.line().starts_with(until) {}
        }
        idle
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the server closed the connection");
        line
    }

    /// Whether the server is still there: it answers the end of the waiting.
    fn is_open(&mut self) -> bool {
        let sent = self.0.get_mut().write_all(b"DONE\r\n");
        let mut line = String::new();
        sent.is_ok() && self.0.read_line(&mut line).is_ok() && line.starts_with("a OK")
    }
}

/// Reads until the server closes; how long that took.
fn until_closed(reader: &mut BufReader<TcpStream>) -> Duration {
    let begun = Instant::now();
    let mut rest = Vec::new();
    // A connection that is reset is closed as well; one that stays open runs into the time of the reader.
    if let Err(error) = reader.read_to_end(&mut rest) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
    begun.elapsed()
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

#[test]
fn b40_logging_out_everywhere_closes_idle_and_streams_of_events_at_once() {
    let world = World::new();
    let (server, password) = serve(&world);
    let here = Program::log_in(&server, &password);
    let there = Program::log_in(&server, &password);
    let (mut own, mut other) = (here.listen(), there.listen());
    let mut idle = Idle::begin(&server, &password);
    let (status, told) = here.ask("POST", "/auth/sessions/end", &json!({ "others": true }));
    assert_eq!((status, &told["ended"]), (200, &2.into()), "{told}");
    for took in [until_closed(&mut other), until_closed(&mut idle.0)] {
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
    assert_eq!(there.ask("GET", "/auth/session", &json!({})).0, 401);
    assert_eq!(here.ask("GET", "/auth/session", &json!({})).0, 200);
    let (status, _) = here.ask("POST", "/auth/sessions/end", &json!({ "others": false }));
    assert_eq!(status, 200);
    assert!(until_closed(&mut own) < Duration::from_secs(3), "its own stream too");
    assert_eq!(here.ask("GET", "/auth/session", &json!({})).0, 401);
}

#[test]
fn b40_removing_an_app_password_closes_the_connections_that_it_opened_and_no_others() {
    let world = World::new();
    let (server, password) = serve(&world);
    let program = Program::log_in(&server, &password);
    let make = |label: &str| {
        let body = json!({ "label": label, "doors": ["imap"] });
        let (status, made) = program.ask("POST", "/auth/app-passwords", &body);
        assert_eq!(status, 201, "{made}");
        (made["id"].as_str().unwrap().to_owned(), made["password"].as_str().unwrap().to_owned())
    };
    let ((phone, phone_password), (_, desk_password)) = (make("phone"), make("desk"));
    let mut on_phone = Idle::begin(&server, &phone_password);
    let mut at_desk = Idle::begin(&server, &desk_password);
    let mut by_password = Idle::begin(&server, &password);
    let (status, _) = program.ask("DELETE", &format!("/auth/app-passwords/{phone}"), &json!({}));
    assert_eq!(status, 204);
    assert!(until_closed(&mut on_phone.0) < Duration::from_secs(3));
    assert!(at_desk.is_open() && by_password.is_open());
    assert_eq!(program.ask("GET", "/auth/session", &json!({})).0, 200);
    // The same from the command line, beside the server.
    let mut at_desk = Idle::begin(&server, &desk_password);
    let run = |arguments: &[&str]| {
        world.run(&[arguments, &["--json", "--yes", "--data-dir", "data"]].concat()).json()
    };
    let listed = run(&["user", "app-passwords", "ada@acme.example"]);
    assert_eq!((listed.len(), &listed[0]["label"]), (1, &"desk".into()));
    run(&["user", "remove-app-password", "ada@acme.example", &listed[0]["id"].to_string()]);
    assert!(until_closed(&mut at_desk.0) < Duration::from_secs(3));
}
