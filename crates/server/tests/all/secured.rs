//! Certificates: which one a client is shown, and that new ones come in force while people are connected.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::world::{Server, World};

type Connection = StreamOwned<ClientConnection, TcpStream>;

/// A certificate for a name: chain, key, and itself as the authority.
fn certificate(name: &str) -> (String, String, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem(), made.cert.der().clone())
}

fn put(world: &World, name: &str, made: &(String, String, CertificateDer<'static>)) {
    let folder = world.folder.join("data/tls");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), &made.1).unwrap();
    std::fs::write(folder.join(format!("{name}.crt")), &made.0).unwrap();
}

/// Connects to IMAP as a client that trusts these and asks for a name; the certificate that it is shown.
fn connect(
    server: &Server,
    name: &'static str,
    trusted: &[&CertificateDer<'static>],
) -> (Connection, CertificateDer<'static>) {
    let mut roots = RootCertStore::empty();
    for authority in trusted {
        roots.add((*authority).clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    let stream = TcpStream::connect(server.address("imaps")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut connection = StreamOwned::new(client, stream);
    line(&mut connection);
    let shown = connection.conn.peer_certificates().unwrap()[0].clone().into_owned();
    (connection, shown)
}

fn line(connection: &mut Connection) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        connection.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

#[test]
fn p07_a_new_certificate_is_shown_to_new_connections_while_old_ones_stay() {
    let world = World::new();
    let (first, second, other) =
        (certificate("mail.test"), certificate("mail.test"), certificate("other.test"));
    put(&world, "a", &first);
    put(&world, "b", &other);
    let server = world.serve("[imap]\ntls_listen = '127.0.0.1:0'\n[mail]\nhostname = 'mail.test'\n");
    let trusted = [&first.2, &second.2, &other.2];
    let (mut old, shown) = connect(&server, "mail.test", &trusted);
    assert_eq!(shown, first.2);
    assert_eq!(connect(&server, "other.test", &trusted).1, other.2, "by the name that is asked for");

    // A key without its chain is no reason to end anything.
    std::fs::write(world.folder.join("data/tls/a.key"), &second.1).unwrap();
    server.signal("-HUP");
    server.logs("could not be read again");
    assert_eq!(connect(&server, "mail.test", &trusted).1, first.2);
    put(&world, "a", &second);
    server.signal("-HUP");
    server.logs("certificates were read again");
    assert_eq!(connect(&server, "mail.test", &trusted).1, second.2);
    old.write_all(b"a NOOP\r\n").unwrap();
    assert!(line(&mut old).starts_with("a OK"), "a session from before goes on");
}
