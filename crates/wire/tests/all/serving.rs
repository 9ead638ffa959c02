//! Listeners: bounds, balancers, broken sessions, and a clean stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use wire::conn::Patience;
use wire::{Conn, Fault, LineEnd, Listening, Networks, Places, Protocol, Stop, serve};

/// Says who the client is, and repeats what it says; `panic` breaks the session.
struct Echo;

impl Protocol for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    async fn serve(&self, mut conn: Conn) {
        conn.put(format!("hello {}\r\n", conn.peer()).as_bytes());
        loop {
            if conn.flush().await.is_err() {
                return;
            }
            match conn.read_line(100, LineEnd::Strict).await {
                Ok(line) if line == "panic" => panic!("as it was told"),
                Ok(line) => {
                    conn.put(&line);
                    conn.put(b"\r\n");
                }
                Err(Fault::Stopping) => {
                    conn.put(b"bye\r\n");
                    return conn.close().await;
                }
                Err(_) => return,
            }
        }
    }

    fn full(&self) -> &'static [u8] {
        b"full\r\n"
    }
}

async fn serving(listening: Listening) -> (SocketAddr, Stop, JoinHandle<base::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), Stop::default());
    (address, stop.clone(), tokio::spawn(serve(listener, Arc::new(Echo), listening, stop)))
}

fn listening(total: u64, per_address: u64) -> Listening {
    Listening {
        places: Places::new(total, per_address),
        patience: Patience::default(),
        implicit_tls: None,
        proxies: Networks::default(),
        drain: Duration::from_secs(10),
    }
}

async fn all(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await;
    text
}

async fn line(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n") {
        text.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn connections_are_bounded_and_places_come_back() {
    let bounds = listening(10, 2);
    let (address, stop, served) = serving(bounds.clone()).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    assert!(line(&mut first).await.starts_with("hello 127.0.0.1:"));
    let mut second = TcpStream::connect(address).await.unwrap();
    line(&mut second).await;
    let mut third = TcpStream::connect(address).await.unwrap();
    assert_eq!(all(&mut third).await, "full\r\n");
    first.write_all(b"panic\r\n").await.unwrap();
    assert_eq!(all(&mut first).await, "", "a broken session takes down nothing but itself");
    while bounds.places.open() > 1 {
        tokio::task::yield_now().await;
    }
    let mut fourth = TcpStream::connect(address).await.unwrap();
    line(&mut fourth).await;
    stop.stop();
    assert_eq!(all(&mut second).await, "bye\r\n");
    assert_eq!(all(&mut fourth).await, "bye\r\n");
    served.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_trusted_balancer_says_who_the_client_is_and_nobody_else_may() {
    let mut trusting = listening(10, 10);
    trusting.proxies = Networks::loopback();
    let (address, stop, served) = serving(trusting).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 25\r\nhi\r\n").await.unwrap();
    assert_eq!(line(&mut client).await, "hello 203.0.113.7:4711");
    assert_eq!(line(&mut client).await, "hi");
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"EHLO without a header\r\n").await.unwrap();
    assert_eq!(all(&mut client).await, "", "a balancer has to say it");
    stop.stop();
    drop(client);
    served.await.unwrap().unwrap();

    let (address, stop, served) = serving(listening(10, 10)).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 25\r\n").await.unwrap();
    assert!(line(&mut client).await.starts_with("hello 127.0.0.1"));
    assert!(line(&mut client).await.starts_with("PROXY"), "a line like any other");
    stop.stop();
    assert_eq!(line(&mut client).await, "bye");
    served.await.unwrap().unwrap();
}
