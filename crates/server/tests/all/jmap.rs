//! JMAP over HTTP, as programs use it: with Basic on a loopback address, against a demo.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Server, World};

const USING: [&str; 3] =
    ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", "urn:ietf:params:jmap:submission"];

/// A demo with so many people.
fn demo(world: &World, people: &str) -> Server {
    let data = world.folder.join("demo");
    let options = ["--data-dir", data.to_str().unwrap(), "--port-base", "0", "--people", people, "--json"];
    Server::start(world.command(&[&["demo"][..], &options].concat()))
}

/// A person who is logged in with every request.
pub struct User<'s> {
    server: &'s Server,
    authorization: String,
    pub account: String,
    pub session: Value,
}

impl<'s> User<'s> {
    fn new(server: &'s Server, login: &str) -> Self {
        Self::with_password(server, login, "secret")
    }

    pub fn with_password(server: &'s Server, login: &str, password: &str) -> Self {
        let authorization = format!("authorization: Basic {}\r\n", base64(&format!("{login}:{password}")));
        let mut user = Self { server, authorization, account: String::new(), session: Value::Null };
        let session = user.http("GET", "/.well-known/jmap", "");
        user.session = serde_json::from_str(&session).unwrap();
        let account = &user.session["primaryAccounts"]["urn:ietf:params:jmap:mail"];
        account.as_str().unwrap().clone_into(&mut user.account);
        user
    }

    /// Sends a request; the line with the status, and what follows it.
    pub fn send(&self, method: &str, path: &str, body: &str) -> (String, BufReader<TcpStream>) {
        let mut stream = TcpStream::connect(self.server.address("http")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{}content-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.authorization,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut status = String::new();
        reader.read_line(&mut status).unwrap();
        (status, reader)
    }

    fn open(&self, method: &str, path: &str, body: &str) -> BufReader<TcpStream> {
        let (status, reader) = self.send(method, path, body);
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        reader
    }

    pub fn http(&self, method: &str, path: &str, body: &str) -> String {
        let mut answer = String::new();
        self.open(method, path, body).read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    pub fn calls(&self, calls: &Value) -> Value {
        let body = json!({ "using": USING, "methodCalls": calls }).to_string();
        let mut answer: Value = serde_json::from_str(&self.http("POST", "/jmap/api", &body)).unwrap();
        answer["methodResponses"].take()
    }

    fn call(&self, method: &str, mut arguments: Value) -> Value {
        if arguments.get("accountId").is_none() {
            arguments["accountId"] = json!(self.account);
        }
        let mut answers = self.calls(&json!([[method, arguments, "0"]]));
        assert_eq!(answers[0][0], method, "{answers}");
        answers[0][1].take()
    }

    pub fn mailbox(&self, account: &str, role: &str) -> String {
        let found = self.call("Mailbox/query", json!({"accountId": account, "filter": {"role": role}}));
        found["ids"][0].as_str().unwrap().to_owned()
    }

    /// Opens a stream of changes, and reads until it has begun.
    fn events(&self) -> BufReader<TcpStream> {
        let mut stream = self.open("GET", "/jmap/eventsource/?types=Email&closeafter=state&ping=0", "");
        let mut line = String::new();
        while !line.starts_with(": open") {
            line.clear();
            assert!(stream.read_line(&mut line).unwrap() > 0);
        }
        stream
    }
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for piece in text.as_bytes().chunks(3) {
        let bits =
            piece.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - piece.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63] as char;
            out.push(if place <= piece.len() { digit } else { '=' });
        }
    }
    out
}

#[test]
fn p08_a_submission_over_http_reaches_the_inbox_of_another() {
    let world = World::new();
    let server = demo(&world, "2");
    let (sender, recipient) = (User::new(&server, "u1@bench.test"), User::new(&server, "u2@bench.test"));
    let identity = &sender.call("Identity/get", json!({}))["list"][0];
    assert_eq!(identity["email"], "u1@bench.test");
    let (drafts, sent) = (sender.mailbox(&sender.account, "drafts"), sender.mailbox(&sender.account, "sent"));
    // The mailboxes that everyone has are made by a commit of their own, which is told as well.
    let inbox = recipient.mailbox(&recipient.account, "inbox");
    let mut events = recipient.events();
    let answers = sender.calls(&json!([
        ["Email/set", {"accountId": sender.account, "create": {"draft": {
            "mailboxIds": {&drafts: true}, "keywords": {"$draft": true}, "subject": "By air",
            "from": [{"email": "u1@bench.test"}], "to": [{"email": "u2@bench.test"}],
            "bodyStructure": {"type": "text/plain", "partId": "1"}, "bodyValues": {"1": {"value": "text"}},
        }}}, "0"],
        ["EmailSubmission/set", {"accountId": sender.account,
            "create": {"sending": {"identityId": identity["id"], "emailId": "#draft"}},
            "onSuccessUpdateEmail": {"#sending":
                {format!("mailboxIds/{drafts}"): null, format!("mailboxIds/{sent}"): true, "keywords/$draft": null}},
        }, "1"],
        ["Email/get", {"accountId": sender.account, "ids": ["#draft"], "properties": ["mailboxIds", "keywords"]}, "2"]
    ]));
    let names: Vec<&Value> = answers.as_array().unwrap().iter().map(|answer| &answer[0]).collect();
    assert_eq!(names, ["Email/set", "EmailSubmission/set", "Email/set", "Email/get"], "{answers}");
    let kept = &answers[3][1]["list"][0];
    assert_eq!(kept["mailboxIds"], json!({sent: true}), "{answers}");
    assert_eq!(kept["keywords"], json!({}));
    let mut told = String::new();
    events.read_to_string(&mut told).unwrap();
    assert!(told.contains("\"@type\":\"StateChange\"") && told.contains(&recipient.account), "{told}");
    let found = recipient.call("Email/query", json!({"filter": {"subject": "By air"}}));
    let got = recipient.call("Email/get", json!({"ids": found["ids"], "properties": ["mailboxIds", "from"]}));
    assert_eq!(got["list"][0]["mailboxIds"], json!({inbox: true}), "{got}");
    assert_eq!(got["list"][0]["from"][0]["email"], "u1@bench.test");
}

#[test]
fn p08_emails_and_blobs_are_copied_into_an_account_that_is_shared() {
    let world = World::new();
    let server = demo(&world, "3");
    let user = User::new(&server, "u1@bench.test");
    let accounts = user.session["accounts"].as_object().unwrap();
    let (team, shown) = accounts.iter().find(|(id, _)| **id != user.account).unwrap();
    assert_eq!((&shown["isPersonal"], &shown["isReadOnly"]), (&json!(false), &json!(false)));
    assert!(shown["accountCapabilities"].get("urn:ietf:params:jmap:mail").is_some());
    assert_eq!(User::new(&server, "u3@bench.test").session["accounts"].as_object().unwrap().len(), 1);
    let inbox = user.mailbox(&user.account, "inbox");
    let made =
        user.call("Email/set", json!({"create": {"e": {"mailboxIds": {inbox: true}, "subject": "Shared"}}}));
    let (email, blob) = (&made["created"]["e"]["id"], made["created"]["e"]["blobId"].as_str().unwrap());
    let inbox = user.mailbox(team, "inbox");
    let copied = user.call(
        "Email/copy",
        json!({"accountId": team, "fromAccountId": user.account, "onSuccessDestroyOriginal": false,
            "create": {"c": {"id": email, "mailboxIds": {inbox: true}}, "x": {"id": "M999999", "mailboxIds": {}}}}),
    );
    assert!(copied["created"]["c"]["id"].is_string() && copied["notCreated"]["x"].is_object(), "{copied}");
    let copy = |from: &str, blob: &str| {
        user.call("Blob/copy", json!({"accountId": team, "fromAccountId": from, "blobIds": [blob]}))
    };
    assert_eq!(copy(&user.account, blob)["copied"], json!({blob: blob}));
    assert_eq!(copy(&user.account, "Bnone")["notCopied"]["Bnone"]["type"], "blobNotFound");
    let same =
        user.calls(&json!([["Blob/copy", {"accountId": team, "fromAccountId": team, "blobIds": []}, "0"]]));
    assert_eq!(same[0][1]["type"], "invalidArguments");
}

/// Takes one message that is pushed, and answers it.
fn pushed(listener: &std::net::TcpListener) -> Value {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = text.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn p08_a_program_that_is_not_connected_is_told_of_changes() {
    let world = World::new();
    let server = demo(&world, "1");
    let user = User::new(&server, "u1@bench.test");
    // The first look makes the mailboxes, which is a change, too.
    let inbox = user.mailbox(&user.account, "inbox");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/told", listener.local_addr().unwrap());
    let set = |arguments: Value| user.calls(&json!([["PushSubscription/set", arguments, "0"]]))[0][1].clone();
    let refused = set(json!({"create": {"p": {"deviceClientId": "d", "url": "http://example.com/push"}}}));
    assert!(refused["notCreated"]["p"].is_object(), "{refused}");
    let made = set(json!({"create": {"p": {"deviceClientId": "d", "url": url}}}));
    let id = made["created"]["p"]["id"].as_str().unwrap();
    let shown = pushed(&listener);
    assert_eq!((&shown["@type"], &shown["pushSubscriptionId"]), (&json!("PushVerification"), &json!(id)));
    let done = set(json!({"update": {id: {"verificationCode": shown["verificationCode"]}}}));
    assert_eq!(done["updated"], json!({id: null}), "{done}");
    let made =
        user.call("Email/set", json!({"create": {"e": {"mailboxIds": {inbox: true}, "subject": "Told"}}}));
    let told = pushed(&listener);
    assert_eq!(told["@type"], "StateChange");
    assert_eq!(told["changed"][&user.account]["Email"], made["newState"], "{told}");
}
