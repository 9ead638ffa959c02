//! Push to clients that are not connected, from outside: a client that listens stands where a push service would.

use std::sync::Arc;
use std::time::Duration;

use base::Door;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use httpd::jmap::{PushSettings, Pusher};
use jmap::{Client, Jmap};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hmac::{HMAC_SHA256, Key, sign};
use ring::rand::SystemRandom;
use ring::signature::{self, ECDSA_P256_SHA256_FIXED};
use serde_json::{Value, json};
use testkit::mail::{World, both, message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

struct User {
    jmap: Jmap,
    client: Client,
}

impl User {
    async fn new(world: &World, jmap: &Jmap) -> Self {
        let person = &world.people[0];
        let client = Client {
            ctx: world.ctx_of(person, Door::Jmap).await,
            address: person.address.clone(),
            origin: "https://mail.bench.test".to_owned(),
        };
        Self { jmap: jmap.clone(), client }
    }

    async fn call(&self, method: &str, arguments: Value) -> Value {
        let body = json!({"using": ["urn:ietf:params:jmap:core"], "methodCalls": [[method, arguments, "0"]]});
        let answer = self.jmap.request(&self.client, body.to_string().as_bytes()).await.unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["methodResponses"][0][0], method, "{answer}");
        answer["methodResponses"][0][1].take()
    }
}

/// What arrived: the head, and the body.
struct Arrived {
    head: String,
    body: Vec<u8>,
}

/// Takes one message to a path, and answers it; those to others are sent again later.
async fn arrives(listener: &TcpListener, path: &str, status: &str) -> Arrived {
    let take = async {
        loop {
            let arrived = one(listener, path, status).await;
            if arrived.head.starts_with(&format!("POST {path} HTTP/1.1\r\n")) {
                return arrived;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), take).await.expect("something arrives")
}

async fn one(listener: &TcpListener, path: &str, status: &str) -> Arrived {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut all = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let count = stream.read(&mut piece).await.unwrap();
        all.extend_from_slice(&piece[..count]);
        let Some(end) = all.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if all.len() - end - 4 == length.parse::<usize>().unwrap() {
            let status = if head.starts_with(&format!("POST {path} ")) { status } else { "503 Later" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            return Arrived { head, body: all[end + 4..].to_vec() };
        }
    }
}

/// Reads a message as RFC 8291 says, with the client's half of the keys.
fn decrypt(own: EphemeralPrivateKey, secret: &[u8], body: &[u8]) -> Value {
    let (salt, theirs, sealed) = (&body[..16], &body[21..86], &body[86..]);
    assert_eq!((&body[16..20], body[20]), (&[0, 0, 16, 0][..], 65));
    let ours = own.compute_public_key().unwrap().as_ref().to_vec();
    let shared = agree_ephemeral(own, &UnparsedPublicKey::new(&ECDH_P256, theirs), <[u8]>::to_vec).unwrap();
    let mac = |key: &[u8], text: &[u8]| sign(&Key::new(HMAC_SHA256, key), text).as_ref().to_vec();
    let info = [b"WebPush: info\0", &ours[..], theirs, &[1]].concat();
    let second = mac(salt, &mac(&mac(secret, &shared), &info));
    let key = mac(&second, b"Content-Encoding: aes128gcm\0\x01");
    let nonce = mac(&second, b"Content-Encoding: nonce\0\x01");
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).unwrap());
    let mut text = sealed.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).unwrap();
    let text = key.open_in_place(nonce, Aad::empty(), &mut text).unwrap();
    serde_json::from_slice(text.strip_suffix(&[2]).unwrap()).unwrap()
}

/// Whether the header is a token for that origin, signed with the key of the session.
fn is_signed(head: &str, origin: &str, key: &str) -> bool {
    let header = head.lines().find_map(|line| line.strip_prefix("authorization: vapid t=")).unwrap();
    let (token, shown) = header.split_once(", k=").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let claims: Value = serde_json::from_slice(&bytes(signed.split_once('.').unwrap().1)).unwrap();
    let public = signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes(key));
    shown == key
        && claims["aud"] == origin
        && claims["sub"] == "mailto:postmaster@bench.test"
        && public.verify(signed.as_bytes(), &bytes(signature)).is_ok()
}

async fn start(world: &World, jmap: &Jmap) -> Pusher {
    let settings = PushSettings {
        roots: Arc::new(rustls::RootCertStore::empty()),
        contact: "mailto:postmaster@bench.test".to_owned(),
        allow_private: true,
    };
    Pusher::start(jmap, &world.ctx(), settings).await.unwrap()
}

#[test]
fn p08_a_client_that_is_away_is_told_of_changes_encrypted_and_signed() {
    both(1, |world| async move {
        let jmap = Jmap::new(world.mail.clone());
        let pusher = start(&world, &jmap).await;
        let user = User::new(&world, &jmap).await;
        let session = jmap.session(&user.client).await.unwrap();
        let key = &session["capabilities"]["urn:ietf:params:jmap:webpush-vapid"]["applicationServerKey"];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let new = json!({"deviceClientId": "d", "url": format!("{origin}/a/b"), "types": ["Email"]});
        let made = user.call("PushSubscription/set", json!({"create": {"p": new}})).await;
        let id = made["created"]["p"]["id"].as_str().unwrap();
        let first = arrives(&listener, "/a/b", "201 Created").await;
        assert!(first.head.contains("\r\nttl: "), "{}", first.head);
        assert!(is_signed(&first.head, &origin, key.as_str().unwrap()));
        let object: Value = serde_json::from_slice(&first.body).unwrap();
        assert_eq!(
            (&object["@type"], &object["pushSubscriptionId"]),
            (&json!("PushVerification"), &json!(id))
        );
        // Nothing else is told before the client has shown the code.
        world.deliver_one(&world.people[0], message("Early", "text")).await;
        let shown = json!({"update": {id: {"verificationCode": object["verificationCode"]}}});
        user.call("PushSubscription/set", shown).await;
        world.deliver_one(&world.people[0], message("Late", "text")).await;
        // What the service does not take now is sent again.
        arrives(&listener, "/a/b", "503 Later").await;
        pusher.stop(Duration::from_secs(5)).await;
        user.call("PushSubscription/set", json!({"destroy": [id]})).await;

        // The next one is encrypted; the key of the installation stays over a start.
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let public = URL_SAFE_NO_PAD.encode(own.compute_public_key().unwrap());
        let jmap = Jmap::new(world.mail.clone());
        let pusher = start(&world, &jmap).await;
        let user = User::new(&world, &jmap).await;
        let session = jmap.session(&user.client).await.unwrap();
        assert_eq!(
            &session["capabilities"]["urn:ietf:params:jmap:webpush-vapid"]["applicationServerKey"],
            key
        );
        let keys = json!({"p256dh": public, "auth": URL_SAFE_NO_PAD.encode([9; 16])});
        let new = json!({"deviceClientId": "e", "url": format!("{origin}/c"), "keys": keys});
        let made = user.call("PushSubscription/set", json!({"create": {"p": new}})).await;
        let id = made["created"]["p"]["id"].as_str().unwrap();
        // Whoever answers that nobody is there any more is forgotten.
        let second = arrives(&listener, "/c", "410 Gone").await;
        assert!(second.head.contains("content-encoding: aes128gcm"), "{}", second.head);
        let object = decrypt(own, &[9; 16], &second.body);
        assert_eq!(
            (&object["@type"], &object["pushSubscriptionId"]),
            (&json!("PushVerification"), &json!(id))
        );
        pusher.stop(Duration::from_secs(5)).await;
        let got = user.call("PushSubscription/get", json!({"ids": null})).await;
        assert_eq!(got["list"], json!([]));
    });
}
