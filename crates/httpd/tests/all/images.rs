//! Remote images of messages: what the sender learns, and what nobody reaches through us.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::logins::logged_in;
use crate::world::{Client, both, embedded};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and the rest of it";

/// A web server of a sender, on a network that pictures may come from; it notes what it is asked.
struct Sender {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Sender {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let noted = noted.clone();
                tokio::spawn(async move {
                    let mut text = Vec::new();
                    let mut part = [0; 1_024];
                    while !text.ends_with(b"\r\n\r\n") {
                        let count = stream.read(&mut part).await.unwrap_or(0);
                        if count == 0 {
                            return;
                        }
                        text.extend_from_slice(&part[..count]);
                    }
                    let text = String::from_utf8(text).unwrap();
                    let path = text.split(' ').nth(1).unwrap().to_owned();
                    noted.lock().unwrap().push(text);
                    let _ = stream.write_all(&answer(&path).await).await;
                });
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// What the sender says to a path.
async fn answer(path: &str) -> Vec<u8> {
    let found = |kind: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nset-cookie: track=1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let moved = |to: &str| {
        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .into_bytes()
    };
    match path.split('?').next().unwrap() {
        "/a.png" => found("text/html", PNG),
        "/page.png" => found("image/png", b"<html><script>alert(1)</script>"),
        "/drawing.svg" => found("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        "/empty" => found("image/png", b""),
        "/large" => b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n\x89PNG".to_vec(),
        "/endless" => {
            let mut all = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\x89PNG\r\n\x1a\n".to_vec();
            all.resize(11 << 20, 0);
            all
        }
        "/moved" => moved("/a.png"),
        "/circle" => moved("/circle"),
        "/inside" => moved("http://127.0.0.1:1/secret"),
        "/metadata" => moved("http://169.254.169.254/latest/meta-data/"),
        "/file" => moved("file:///etc/passwd"),
        "/never" => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            Vec::new()
        }
        _ => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
    }
}

/// The address under which a picture may be asked for.
async fn allowed(browser: &mut Client, address: &str) -> String {
    let answer = browser.post("/auth/images", &json!({ "addresses": [address] })).await;
    answer.json()["images"][address].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
}

#[test]
fn b12_a_picture_is_fetched_when_it_is_shown_and_tells_nothing_of_its_reader() {
    both(|world| async move {
        let sender = Sender::start().await;
        let mut browser =
            logged_in(&world).await.with("user-agent", "Reader 1").with("referer", "http://x/mail/1");
        let own = allowed(&mut browser, &format!("{}/a.png?id=7#piece", sender.address)).await;
        assert!(!own.contains("a.png") && own.starts_with("/auth/image/"), "{own}");
        assert!(sender.asked().is_empty(), "nothing was fetched before it is shown");
        let answer = browser.get(&own).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.headers("content-type"), ["image/png"], "by its content");
        assert_eq!(answer.headers("content-security-policy"), ["default-src 'none'; sandbox"]);
        assert_eq!(answer.headers("x-content-type-options"), ["nosniff"]);
        assert!(answer.headers("set-cookie").is_empty());
        assert!(answer.body.contains("PNG"));
        let asked = sender.asked();
        assert_eq!(asked.len(), 1);
        let request = asked[0].to_lowercase();
        assert!(request.starts_with("get /a.png?id=7 http/1.1"), "{request}");
        for word in [
            "cookie",
            "referer",
            "user-agent",
            "forwarded",
            "authorization",
            "accept-language",
            "reader",
            "origin",
        ] {
            assert!(!request.contains(word), "{word}: {request}");
        }
        assert_eq!(browser.get(&own).await.status, 200);
        assert_eq!(sender.asked().len(), 1, "kept for a while");
        let mut other = logged_in(&world).await;
        assert_eq!(other.get(&own).await.problem(), "403 ticket", "of another session");
        assert_eq!(world.client().get(&own).await.problem(), "401 login");
        let changed = own.replace("/auth/image/", "/auth/image/A");
        assert_eq!(browser.get(&changed).await.problem(), "403 ticket");
        world.engine.clock.advance_ms(3_600_000);
        assert_eq!(browser.get(&own).await.problem(), "403 ticket", "too late");
    });
}

#[test]
fn b12_what_is_no_small_picture_of_a_public_network_is_not_shown() {
    embedded(|world| async move {
        let sender = Sender::start().await;
        let mut browser = logged_in(&world).await;
        let at = |path: &str| format!("{}{path}", sender.address);
        for (address, problem) in [
            (at("/moved"), "200"),
            (at("/page.png"), "422 image"),
            (at("/drawing.svg"), "422 image"),
            (at("/empty"), "422 image"),
            (at("/large"), "413 image"),
            (at("/endless"), "413 image"),
            (at("/missing"), "503 image"),
            (at("/circle"), "503 image"),
            (at("/inside"), "403 address"),
            (at("/metadata"), "403 address"),
            (at("/file"), "403 address"),
            ("http://127.0.0.1:1/".to_owned(), "403 address"),
            ("http://localhost/a.png".to_owned(), "403 address"),
            ("http://10.0.0.1/a.png".to_owned(), "403 address"),
            ("http://169.254.169.254/latest/meta-data/".to_owned(), "403 address"),
            ("http://[::ffff:127.0.0.1]/".to_owned(), "403 address"),
            ("http://0x7f.1/".to_owned(), "403 address"),
            ("http://1.1.1.1:25/".to_owned(), "403 address"),
            ("http://no-such-host.invalid/a.png".to_owned(), "503 address"),
        ] {
            let own = allowed(&mut browser, &address).await;
            let answer = browser.get(&own).await;
            let said = if answer.status == 200 { "200".to_owned() } else { answer.problem() };
            assert_eq!(said, problem, "{address}");
        }
        let hostile = [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "ftp://x/a.png",
            "//x/a.png",
            "http://user:word@1.1.1.1/",
            "",
            "http://",
            "cid:1",
        ];
        let answer = browser.post("/auth/images", &json!({ "addresses": hostile })).await;
        assert_eq!(answer.json()["images"], json!({}), "left out");
        let many: Vec<String> = (0..201).map(|n| format!("https://x.example/{n}")).collect();
        assert_eq!(
            browser.post("/auth/images", &json!({ "addresses": many })).await.problem(),
            "413 addresses"
        );
    });
}

#[test]
fn b12_a_sender_that_never_answers_is_given_up() {
    embedded(|world| async move {
        let sender = Sender::start().await;
        let mut browser = logged_in(&world).await;
        let own = allowed(&mut browser, &format!("{}/never", sender.address)).await;
        let begun = std::time::Instant::now();
        assert_eq!(browser.get(&own).await.problem(), "503 image");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    });
}
