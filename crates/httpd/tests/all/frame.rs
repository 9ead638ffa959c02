//! Bounds, ids, health and figures, asked over a socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use base::{Error, Random, Secret};
use httpd::health::Health;
use httpd::metrics::Metrics;
use httpd::{Listening, Mount, Options, RequestId, Site, Stop, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

struct World {
    address: SocketAddr,
    stop: Stop,
    served: JoinHandle<base::Result<()>>,
}

fn routes() -> Router {
    Router::new()
        .route("/id", get(|RequestId(id): RequestId| async move { format!("{id:016x}") }))
        .route("/echo", post(|body: String| async move { body }))
        .route("/slow", get(|| async { tokio::time::sleep(Duration::from_millis(300)).await }))
        .route("/hang", get(std::future::pending::<()>))
        .route("/panic", get(|| async { assert!(std::hint::black_box(false), "broken on purpose") }))
}

async fn world(connections: u64, health: Health, token: &str) -> World {
    let metrics = Arc::new(Metrics::new());
    let options =
        Options { random: Random::seeded(1), body_bytes: 16, request_time: Duration::from_millis(600) };
    let site = Site::new(options, metrics.clone())
        .mount(Mount::new("test", routes()))
        .mount_observability(Arc::new(health), Secret::new(token))
        .build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bounds = Listening {
        connections,
        header_bytes: 8_192,
        header_time: Duration::from_millis(400),
        drain_time: Duration::from_secs(5),
        metrics,
        tls: None,
    };
    let stop = Stop::default();
    let served = tokio::spawn(serve(listener, site, bounds, stop.clone()));
    World { address, stop, served }
}

async fn plain() -> World {
    world(10, Health::default(), "").await
}

impl World {
    /// Sends bytes and reads until the server closes.
    async fn send(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is as good as an end.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    async fn get(&self, path: &str, headers: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")).await
    }
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {answer}"))
}

#[tokio::test]
async fn a_request_id_is_given_or_kept() {
    let world = plain().await;
    let answer = world.get("/id", "").await;
    assert!(answer.ends_with(header(&answer, "x-request-id")), "{answer}");
    let answer = world.get("/id", "x-request-id: 00000000000000ff\r\n").await;
    assert_eq!(header(&answer, "x-request-id"), "00000000000000ff");
    assert!(answer.ends_with("00000000000000ff"));
    let answer = world.get("/id", "x-request-id: order-7\r\n").await;
    assert_eq!(header(&answer, "x-request-id"), "order-7");
    let answer = world.get("/id", "x-request-id: a b\r\n").await;
    assert_eq!(header(&answer, "x-request-id").len(), 16, "one with a space is replaced");
}

#[tokio::test]
async fn r09_what_is_too_large_is_refused() {
    let world = plain().await;
    let close = "host: x\r\nconnection: close";
    let body = world
        .send(&format!("POST /echo HTTP/1.1\r\n{close}\r\ncontent-length: 16\r\n\r\n0123456789abcdef"))
        .await;
    assert_eq!(status(&body), "200");
    let body = world.send(&format!("POST /echo HTTP/1.1\r\n{close}\r\ncontent-length: 17\r\n\r\n")).await;
    assert_eq!(status(&body), "413");
    assert!(body.contains("\"meaning\":\"too-large\""), "{body}");
    let chunked = format!(
        "POST /echo HTTP/1.1\r\n{close}\r\ntransfer-encoding: chunked\r\n\r\n14\r\n{:020}\r\n0\r\n\r\n",
        0
    );
    assert_eq!(status(&world.send(&chunked).await), "413");
    let long = world.get("/id", &format!("x: {}\r\n", "y".repeat(9_000))).await;
    assert_eq!(status(&long), "431");
    let many = "a: b\r\n".repeat(200);
    assert_eq!(status(&world.get("/id", &many).await), "431");
}

#[tokio::test]
async fn r09_what_is_too_slow_is_ended() {
    let world = plain().await;
    assert_eq!(status(&world.get("/hang", "").await), "503");
    let begun = std::time::Instant::now();
    let answer = world.send("GET /id HTTP/1.1\r\nhost:").await;
    assert!(answer.is_empty() || status(&answer) == "408", "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn r09_a_connection_too_many_is_refused_and_the_place_is_free_again_later() {
    let world = world(1, Health::default(), "").await;
    let first = TcpStream::connect(world.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(status(&world.send("").await), "503");
    drop(first);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(status(&world.get("/id", "").await), "200");
}

#[tokio::test]
async fn unknown_pages_methods_and_broken_handlers_are_problems() {
    let world = plain().await;
    let answer = world.get("/nothing", "").await;
    assert_eq!((status(&answer), header(&answer, "content-type")), ("404", "application/problem+json"));
    let answer = world.get("/echo", "").await;
    assert_eq!((status(&answer), header(&answer, "allow")), ("405", "POST"));
    assert_eq!(status(&world.get("/panic", "").await), "500");
    assert_eq!(status(&world.get("/id", "").await), "200");
}

#[tokio::test]
async fn health_and_figures_answer() {
    let mut health = Health::default();
    health.add("store", || async { Err(Error::unavailable("database", "does not answer")) });
    let world = world(10, health, "t0ken").await;
    assert_eq!(status(&world.get("/health/live", "").await), "200");
    let ready = world.get("/health/ready", "").await;
    assert_eq!(status(&ready), "503");
    assert!(ready.contains("\"error\":\"database: does not answer\""), "{ready}");
    assert_eq!(status(&world.get("/metrics", "").await), "401");
    assert_eq!(status(&world.get("/metrics", "authorization: Bearer token\r\n").await), "401");
    let figures = world.get("/metrics", "authorization: Bearer t0ken\r\n").await;
    assert_eq!(header(&figures, "content-type"), httpd::metrics::CONTENT_TYPE);
    assert!(
        figures.contains("beffroi_http_requests_total{door=\"observability\",status=\"503\"} 1"),
        "{figures}"
    );
    assert!(figures.contains("beffroi_http_connections 1"), "{figures}");
}

#[tokio::test]
async fn a_stop_lets_requests_end_and_closes_idle_connections() {
    let world = plain().await;
    let idle = TcpStream::connect(world.address).await.unwrap();
    let (answer, ()) = tokio::join!(world.get("/slow", ""), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.stop.stop();
    });
    assert_eq!(status(&answer), "200");
    world.served.await.unwrap().unwrap();
    assert!(TcpStream::connect(world.address).await.is_err());
    drop(idle);
}
