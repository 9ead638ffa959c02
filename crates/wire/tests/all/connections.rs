//! Lines, literals, TLS and compression on real sockets.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use wire::conn::Patience;
use wire::tls::{Certificate, TlsSource};
use wire::{Conn, Fault, Interrupt, LineEnd, Reason};

/// A connection and the client's end of it.
pub async fn pair() -> (Conn, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let patience = Patience {
        read: Duration::from_secs(20),
        write: Duration::from_millis(500),
        handshake: Duration::from_secs(20),
    };
    (Conn::new(stream, patience, Interrupt::default()).unwrap(), client)
}

/// A certificate for `mail.test`, and what a client trusts it with.
pub fn certificate() -> (TlsSource, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(vec!["mail.test".to_owned()]).unwrap();
    let certificate =
        Certificate::from_pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes())
            .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (TlsSource::new(vec![certificate]).unwrap(), TlsConnector::from(Arc::new(config)))
}

pub fn name() -> ServerName<'static> {
    ServerName::try_from("mail.test").unwrap()
}

#[tokio::test]
async fn p01_lines_end_with_crlf_and_nothing_else() {
    let (mut conn, mut client) = pair().await;
    client.write_all(b"one\r\n\r\ntwo\nthree\r\nfo\rur\r\nfive\r\nlast\r").await.unwrap();
    let strict = LineEnd::Strict;
    assert_eq!(conn.read_line(10, strict).await.unwrap(), "one");
    assert_eq!(conn.read_line(10, strict).await.unwrap(), "");
    assert!(matches!(conn.read_line(10, strict).await, Err(Fault::BareNewline)), "a bare line feed");
    assert_eq!(conn.read_line(10, strict).await.unwrap(), "three");
    assert!(matches!(conn.read_line(10, strict).await, Err(Fault::BareNewline)), "a bare carriage return");
    assert_eq!(conn.buffered_line(10, strict).unwrap().unwrap(), "five");
    assert_eq!(conn.buffered_line(10, strict).unwrap(), None);
    client.write_all(b"\nlenient\nend\r\n").await.unwrap();
    assert_eq!(conn.read_line(10, strict).await.unwrap(), "last");
    assert_eq!(conn.read_line(10, LineEnd::Lenient).await.unwrap(), "lenient");
    assert_eq!(conn.read_line(10, LineEnd::Lenient).await.unwrap(), "end");
    drop(client);
    assert!(matches!(conn.read_line(10, strict).await, Err(Fault::Closed)));
}

#[tokio::test]
async fn lines_have_a_limit_whether_they_end_or_not() {
    let (mut conn, mut client) = pair().await;
    client.write_all(b"12345678\r\n123456789\r\nnext\r\n").await.unwrap();
    assert_eq!(conn.read_line(8, LineEnd::Strict).await.unwrap(), "12345678");
    assert!(matches!(conn.read_line(8, LineEnd::Strict).await, Err(Fault::TooLong)));
    conn.skip_line(100).await.unwrap();
    assert_eq!(conn.read_line(8, LineEnd::Strict).await.unwrap(), "next");
    client.write_all(&[b'x'; 5_000]).await.unwrap();
    assert!(matches!(conn.read_line(1_000, LineEnd::Strict).await, Err(Fault::TooLong)));
    assert!(matches!(conn.skip_line(1_000).await, Err(Fault::TooLong)), "no end in sight");
}

#[tokio::test]
async fn literals_come_as_they_are_whole_or_in_parts() {
    let (mut conn, mut client) = pair().await;
    let body: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    let sent = body.clone();
    let writer = tokio::spawn(async move {
        client.write_all(b"short").await.unwrap();
        client.write_all(&sent).await.unwrap();
        client.write_all(b"tail\r\n").await.unwrap();
        client
    });
    assert_eq!(conn.read_literal(5).await.unwrap(), "short");
    assert_eq!(conn.read_literal(100_000).await.unwrap(), body[..100_000]);
    let mut rest = Vec::new();
    while rest.len() < 200_000 {
        let part = conn.read_some(200_000 - rest.len()).await.unwrap();
        assert!(!part.is_empty());
        rest.extend_from_slice(&part);
    }
    assert_eq!(rest, body[100_000..]);
    assert_eq!(conn.read_line(10, LineEnd::Strict).await.unwrap(), "tail");
    writer.await.unwrap();
}

#[tokio::test]
async fn a_client_that_takes_nothing_and_one_that_says_nothing_are_left() {
    let (mut conn, client) = pair().await;
    let much = vec![b'x'; 64 << 20];
    assert!(matches!(conn.write(&much).await, Err(Fault::TimedOut)));
    drop(client);
    let (mut conn, _client) = pair().await;
    conn.set_read_patience(Duration::from_millis(20));
    assert!(matches!(conn.read_line(10, LineEnd::Strict).await, Err(Fault::TimedOut)));
}

#[tokio::test]
async fn a_waiting_connection_is_interrupted_and_a_busy_one_after_what_it_has() {
    let (mut conn, mut client) = pair().await;
    client.write_all(b"waits\r\n").await.unwrap();
    conn.fill().await.unwrap();
    conn.interrupt().clone().tell(Reason::Stopping);
    assert_eq!(conn.read_line(10, LineEnd::Strict).await.unwrap(), "waits");
    assert!(matches!(conn.read_line(10, LineEnd::Strict).await, Err(Fault::Stopping)));
}

#[tokio::test]
async fn p01_what_was_sent_before_tls_is_never_read_after_it() {
    let (mut conn, mut client) = pair().await;
    let (source, connector) = certificate();
    client.write_all(b"STARTTLS\r\nINJECTED\r\n").await.unwrap();
    assert_eq!(conn.read_line(100, LineEnd::Strict).await.unwrap(), "STARTTLS");
    let theirs = tokio::spawn(async move {
        let mut tls = connector.connect(name(), client).await.unwrap();
        tls.write_all(b"after\r\n").await.unwrap();
        let mut answer = [0; 4];
        tls.read_exact(&mut answer).await.unwrap();
        let mut exported = [0; 32];
        tls.get_ref()
            .1
            .export_keying_material(&mut exported, b"EXPORTER-Channel-Binding", Some(&[]))
            .unwrap();
        (answer, exported)
    });
    assert!(!conn.is_tls());
    conn.start_tls(source.config()).await.unwrap();
    assert_eq!(conn.read_line(100, LineEnd::Strict).await.unwrap(), "after");
    assert_eq!(conn.server_name(), Some("mail.test"));
    assert_eq!(conn.tls_parameters().unwrap().0, "TLSv1.3");
    conn.put(b"done");
    conn.flush().await.unwrap();
    let (answer, exported) = theirs.await.unwrap();
    assert_eq!(&answer, b"done");
    assert_eq!(conn.tls_exporter(), Some(exported), "both sides bind the same channel");
}

#[tokio::test]
async fn compression_goes_both_ways_and_a_bomb_grows_no_further_than_a_line() {
    let (mut conn, mut client) = pair().await;
    conn.start_deflate().await.unwrap();
    let text = format!("a1 {}\r\n", "long ".repeat(50_000));
    conn.write(text.as_bytes()).await.unwrap();
    conn.flush().await.unwrap();
    let mut inflate = flate2::Decompress::new(false);
    let mut read = Vec::with_capacity(text.len() + 1);
    let mut part = [0; 4_096];
    while read.len() < text.len() {
        let length = client.read(&mut part).await.unwrap();
        inflate.decompress_vec(&part[..length], &mut read, flate2::FlushDecompress::None).unwrap();
    }
    assert_eq!(read, text.as_bytes());
    let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
    let mut out = Vec::with_capacity(1 << 20);
    deflate.compress_vec(b"b2 NOOP\r\n", &mut out, flate2::FlushCompress::Sync).unwrap();
    deflate.compress_vec(&vec![b'x'; 64 << 20], &mut out, flate2::FlushCompress::Sync).unwrap();
    client.write_all(&out).await.unwrap();
    assert_eq!(conn.read_line(1_000, LineEnd::Lenient).await.unwrap(), "b2 NOOP");
    assert!(matches!(conn.read_line(1_000, LineEnd::Lenient).await, Err(Fault::TooLong)));
    assert!(conn.buffered().len() < 64 * 1_024, "{}", conn.buffered().len());
}
