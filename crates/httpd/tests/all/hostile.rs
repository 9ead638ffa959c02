//! Ten thousand requests that mean no good, to each page of `/auth/`.

use std::fmt::Write as _;
use std::net::SocketAddr;

use base::Random;
use futures_util::future::join_all;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::logins::logged_in;
use crate::world::{PASSWORD, embedded};

/// Requests to each page.
const REQUESTS: usize = 10_000;
/// Connections that send at the same time.
const AT_ONCE: usize = 8;

const PAGES: &[(&str, &str)] = &[
    ("GET", "/auth/methods"),
    ("GET", "/auth/methods?name={}"),
    ("GET", "/auth/oidc/start?provider={}&to={}"),
    ("GET", "/auth/oidc/callback/{}?state={}&code={}&iss={}"),
    ("POST", "/auth/oidc/backchannel-logout"),
    ("POST", "/auth/images"),
    ("GET", "/auth/image/{}"),
    ("POST", "/auth/login"),
    ("POST", "/auth/login/code"),
    ("POST", "/auth/login/password"),
    ("POST", "/auth/login/passkey"),
    ("POST", "/auth/login/passkey/begin"),
    ("POST", "/auth/logout"),
    ("GET", "/auth/session"),
    ("GET", "/auth/sessions"),
    ("POST", "/auth/sessions/end"),
    ("DELETE", "/auth/sessions/"),
    ("GET", "/auth/password"),
    ("POST", "/auth/password"),
    ("POST", "/auth/confirm"),
    ("GET", "/auth/totp"),
    ("DELETE", "/auth/totp"),
    ("POST", "/auth/totp/begin"),
    ("POST", "/auth/totp/confirm"),
    ("POST", "/auth/totp/recovery"),
    ("GET", "/auth/passkeys"),
    ("POST", "/auth/passkeys"),
    ("POST", "/auth/passkeys/begin"),
    ("PATCH", "/auth/passkeys/"),
    ("DELETE", "/auth/passkeys/"),
    ("GET", "/auth/app-passwords"),
    ("POST", "/auth/app-passwords"),
    ("DELETE", "/auth/app-passwords/"),
];

/// Something that a page may choke on.
fn nasty(random: &Random) -> String {
    let pick = random.u64() % 14;
    let number = random.u64();
    match pick {
        0 => String::new(),
        1 => "\u{0}\u{1}".to_owned(),
        2 => format!("{number}"),
        3 => format!("-{number}9999999999999999"),
        4 => "a".repeat(usize::try_from(number % 3_000).unwrap_or(0)),
        5 => "[".repeat(500),
        6 => "' OR 1=1 --".to_owned(),
        7 => "../../etc/passwd".to_owned(),
        8 => "<script>alert(1)</script>".to_owned(),
        9 => "\u{202e}\u{feff}e\u{301}".to_owned(),
        10 => format!("{number:x}"),
        11 => "ada@acme.example".to_owned(),
        12 => "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        _ => "%00%2e%2e%2f".to_owned(),
    }
}

const NAMES: &[&str] = &[
    "name",
    "password",
    "newPassword",
    "ticket",
    "code",
    "credential",
    "label",
    "doors",
    "others",
    "passkey",
    "id",
    "addresses",
    "logout_token",
];

fn body(random: &Random) -> String {
    let mut members = Vec::new();
    for name in NAMES {
        if !random.u64().is_multiple_of(3) {
            let value = serde_json::Value::from(nasty(random));
            members.push(match random.u64() % 6 {
                0 => format!("\"{name}\":[{value}]"),
                1 => format!("\"{name}\":{{\"id\":{value},\"rawId\":{value},\"response\":{{\"clientDataJSON\":{value}}}}}"),
                2 => format!("\"{name}\":{}", random.u64()),
                3 => format!("\"{name}\":true"),
                _ => format!("\"{name}\":{value}"),
            });
        }
    }
    let whole = format!("{{{}}}", members.join(","));
    match random.u64() % 8 {
        0 => nasty(random),
        2 => format!("logout_token={}.{}.{}", nasty(random), "e30", nasty(random)),
        1 => whole.chars().take(whole.chars().count() / 2).collect(),
        _ => whole,
    }
}

fn request(random: &Random, (method, path): (&str, &str), cookie: &str, csrf: &str) -> String {
    let mut path = path.to_owned();
    if path.ends_with('/') {
        let plain: String = nasty(random).chars().filter(char::is_ascii_alphanumeric).take(60).collect();
        path.push_str(if plain.is_empty() { "0" } else { &plain });
    }
    while path.contains("{}") {
        let filled: String = url::form_urlencoded::byte_serialize(nasty(random).as_bytes()).collect();
        path = path.replacen("{}", if filled.is_empty() { "0" } else { &filled }, 1);
    }
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: mail.acme.example\r\n");
    if random.u64().is_multiple_of(4) {
        let _ = write!(text, "cookie: {cookie}\r\nx-beffroi-csrf: {csrf}\r\n");
    }
    match random.u64() % 12 {
        0 => text.push_str("authorization: Basic !!!\r\n"),
        1 => text.push_str("authorization: Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"),
        2 => text.push_str("origin: https://evil.example\r\n"),
        3 => text.push_str("x-forwarded-for: 1, 2, \u{e9}, 999.1.1.1\r\n"),
        4 => text.push_str("cookie: beffroi-session=a; beffroi-session=b\r\n"),
        _ => {}
    }
    let body = if method == "GET" { String::new() } else { body(random) };
    let kind = if random.u64().is_multiple_of(10) { "text/plain" } else { "application/json" };
    let _ = write!(text, "content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    text
}

/// A connection that stays open for as long as the server likes.
struct Line {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Line {
    async fn to(address: SocketAddr) -> Self {
        Self { address, stream: BufReader::new(TcpStream::connect(address).await.unwrap()) }
    }

    /// Status, kind and body of the answer. A server may close a connection whose last request it did not read to
    /// its end: then the next one goes over another.
    async fn ask(&mut self, text: &str) -> (u16, String, String) {
        for _ in 0..2 {
            if self.stream.get_mut().write_all(text.as_bytes()).await.is_ok()
                && let Some(answer) = answer(&mut self.stream).await
            {
                return answer;
            }
            *self = Self::to(self.address).await;
        }
        panic!("no answer to {text}");
    }
}

/// The next answer; none when the server closed.
async fn answer(stream: &mut BufReader<TcpStream>) -> Option<(u16, String, String)> {
    let (mut status, mut kind, mut length) = (0, String::new(), 0);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let text = line.trim_end();
        if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().unwrap();
        } else if let Some(value) = text.strip_prefix("content-type: ") {
            value.clone_into(&mut kind);
        } else if let Some(value) = text.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        } else if text.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((status, kind, String::from_utf8(body).unwrap()))
}

fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

#[test]
fn r09_ten_thousand_hostile_requests_to_each_page_end_in_clear_errors() {
    embedded(|world| async move {
        let random = Random::seeded(9);
        let browser = logged_in(&world).await;
        let cookie: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let csrf = browser.headers.iter().find(|(name, _)| name == "x-beffroi-csrf").unwrap().1.clone();
        let mut resident = 0;
        let cookie = cookie.join("; ");
        for (number, page) in PAGES.iter().enumerate() {
            let lines = (0..AT_ONCE).map(async |_| {
                let mut line = Line::to(browser.address).await;
                for _ in 0..REQUESTS / AT_ONCE {
                    let (status, kind, body) = line.ask(&request(&random, *page, &cookie, &csrf)).await;
                    check(*page, status, &kind, &body);
                }
            });
            join_all(lines).await;
            if number == 3 {
                resident = resident_bytes();
            }
        }
        let grown = resident_bytes().saturating_sub(resident);
        assert!(grown < 64 << 20, "grew by {grown} bytes");
        let mut after = world.client().with("x-forwarded-for", "203.0.113.1");
        world.engine.clock.advance_ms(16 * 60_000);
        let login = serde_json::json!({ "name": "ada@acme.example", "password": PASSWORD });
        assert_eq!(after.post("/auth/login", &login).await.status, 200);
    });
}

fn check(page: (&str, &str), status: u16, kind: &str, body: &str) {
    assert!((200..500).contains(&status), "{page:?}: {status} {body}");
    if status >= 400 {
        assert_eq!(kind, "application/problem+json", "{page:?}: {status} {body}");
        let told: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(told["meaning"].is_string() && told["field"].is_string(), "{page:?}: {body}");
        assert!(!body.contains("panicked") && body.len() < 2_000, "{page:?}: {body}");
    }
}
