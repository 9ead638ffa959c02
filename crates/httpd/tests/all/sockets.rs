//! JMAP over a WebSocket (RFC 8887), from outside, with a client that is not ours.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{Ctx, Door, Limits, Random, SessionId};
use directory::sessions::{self, NewSession};
use directory::states::{self, Transition};
use futures_util::{SinkExt as _, StreamExt as _};
use httpd::auth::Auth;
use httpd::metrics::Metrics;
use httpd::{Listening, Options, Site, Stop, serve};
use jmap::{Client, Jmap, Work};
use serde_json::{Value, json};
use testkit::mail::{World, both, embedded, message};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use wire::auth::Authenticator;

/// A site with JMAP on it.
struct Place {
    auth: Auth,
    jmap: Jmap,
    address: SocketAddr,
    stop: Stop,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

impl Place {
    async fn new(world: &World, limits: Limits) -> Self {
        let ctx = Ctx { limits: Arc::new(limits), ..world.ctx() };
        let authenticator = Authenticator::new(world.directory.clone(), ctx.clone(), None);
        let auth = Auth::new(authenticator, httpd::auth::Options::default()).unwrap();
        let jmap = Jmap::new(world.mail.clone());
        let metrics = Arc::new(Metrics::new());
        let options =
            Options { random: Random::seeded(1), body_bytes: 65_536, request_time: Duration::from_secs(20) };
        let mut site = Site::new(options, metrics.clone()).with_auth(auth.clone()).mount(Auth::mount());
        for mount in httpd::jmap::mounts(&jmap, &ctx.limits) {
            site = site.mount(mount);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bounds = Listening {
            connections: 100,
            header_bytes: 16_384,
            header_time: Duration::from_secs(10),
            drain_time: Duration::from_secs(5),
            metrics,
            tls: None,
        };
        let stop = Stop::default();
        tokio::spawn(serve(listener, site.build(), bounds, stop.clone()));
        Self { auth, jmap, address, stop }
    }

    /// Opens a socket with these headers, or tells the status that it was refused with.
    async fn open(&self, headers: &[(&str, &str)]) -> Result<Socket, u16> {
        let mut request = format!("ws://{}/jmap/ws", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        match client_async(request, stream).await {
            Ok((stream, _)) => Ok(Socket(stream)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn with_token(&self, token: &str) -> Socket {
        let bearer = format!("Bearer {token}");
        self.open(&[("authorization", &bearer), ("sec-websocket-protocol", "jmap")]).await.unwrap()
    }
}

struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message: a text as JSON, or the code that the socket is closed with.
    async fn hears(&mut self) -> Result<Value, u16> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(30), self.0.next()).await.expect("an answer");
            match next {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1),
            }
        }
    }

    async fn asks(&mut self, message: Value) -> Value {
        self.say(&message).await;
        self.hears().await.unwrap()
    }
}

async fn token(world: &World) -> (SessionId, String) {
    let new = NewSession {
        account: world.people[0].account,
        organisation: world.organisation,
        door: Door::Jmap,
        client: "a test".to_owned(),
        network_address: "192.0.2.1".to_owned(),
        lifetime_ms: 3_600_000,
        with_token: true,
        app_password: None,
    };
    let ctx = world.ctx();
    let opened = world.engine.store.write([], move |tx| sessions::open(tx, &ctx, &new)).await.unwrap();
    (opened.id, opened.token.unwrap().expose().to_owned())
}

const ERROR: &str = "urn:ietf:params:jmap:error:";

fn request(id: &str, calls: &Value) -> Value {
    let using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"];
    json!({ "@type": "Request", "id": id, "using": using, "methodCalls": calls })
}

fn echo(id: &str) -> Value {
    request(id, &json!([["Core/echo", { "word": id }, "0"]]))
}

fn problem(told: &Value) -> (&str, &str, &Value) {
    (told["@type"].as_str().unwrap(), told["type"].as_str().unwrap(), &told["requestId"])
}

#[test]
fn p08_requests_by_websocket_are_answered_with_their_ids() {
    both(1, |world| async move {
        let limits = Limits { jmap_request_bytes: 100_000, ..Limits::default() };
        let place = Place::new(&world, limits).await;
        let (_, token) = token(&world).await;
        let mut socket = place.with_token(&token).await;
        let account = format!("a{}", world.people[0].account.0);
        let told = socket.asks(request("R1", &json!([["Mailbox/get", { "accountId": account }, "c"]]))).await;
        assert_eq!((&told["@type"], &told["requestId"]), (&json!("Response"), &json!("R1")));
        assert_eq!(told["methodResponses"][0][0], "Mailbox/get", "{told}");
        assert!(told["sessionState"].is_string());
        let mut nameless = echo("x");
        nameless.as_object_mut().unwrap().remove("id");
        let told = socket.asks(nameless).await;
        assert_eq!((&told["@type"], told.get("requestId")), (&json!("Response"), None));

        let mut strange = echo("R2");
        strange["using"] = json!(["urn:example:none"]);
        for (message, kind, id) in [
            (strange, "unknownCapability", json!("R2")),
            (json!({ "@type": "Request", "id": "R3", "using": 1 }), "notRequest", json!("R3")),
            (json!({ "@type": "Question", "id": "R4" }), "notRequest", json!("R4")),
            (
                json!({ "@type": "WebSocketPushEnable", "id": "R5", "dataTypes": 1 }),
                "notRequest",
                json!("R5"),
            ),
            (json!(["Request"]), "notRequest", Value::Null),
        ] {
            let told = socket.asks(message).await;
            assert_eq!(problem(&told), ("RequestError", format!("{ERROR}{kind}").as_str(), &id), "{told}");
        }
        socket.0.send(Message::text("{")).await.unwrap();
        let told = socket.hears().await.unwrap();
        assert_eq!(problem(&told), ("RequestError", "urn:ietf:params:jmap:error:notJSON", &Value::Null));

        // Many at once are answered each with its own id, in any order.
        for number in 0..10 {
            socket.say(&echo(&format!("many{number}"))).await;
        }
        let mut ids = Vec::new();
        for _ in 0..10 {
            let told = socket.hears().await.unwrap();
            assert_eq!(told["methodResponses"][0][1]["word"], told["requestId"]);
            ids.push(told["requestId"].as_str().unwrap().to_owned());
        }
        ids.sort();
        assert_eq!(ids, (0..10).map(|number| format!("many{number}")).collect::<Vec<_>>());

        // What is too long is told; what is far too long, or no text, ends the socket.
        socket.0.send(Message::text(" ".repeat(100_001))).await.unwrap();
        let told = socket.hears().await.unwrap();
        assert_eq!(
            (&told["type"], &told["limit"]),
            (&json!(format!("{ERROR}limit")), &json!("maxSizeRequest"))
        );
        assert_eq!(socket.asks(echo("still there")).await["requestId"], "still there");
        let _ = socket.0.send(Message::text(" ".repeat(1_000_000))).await;
        while socket.hears().await.is_ok() {}
        let mut socket = place.with_token(&token).await;
        socket.0.send(Message::binary(echo("b").to_string())).await.unwrap();
        assert_eq!(socket.hears().await, Err(1003));
    });
}

#[test]
fn p08_a_websocket_is_in_the_session_and_speaks_jmap_only() {
    embedded(1, |world| async move {
        let place = Place::new(&world, Limits::default()).await;
        let (_, token) = token(&world).await;
        let ctx = world.ctx_of(&world.people[0], Door::Jmap).await;
        let origin = "https://mail.bench.test".to_owned();
        let client = Client { ctx, address: world.people[0].address.clone(), origin };
        let session = place.jmap.session(&client).await.unwrap();
        let told = &session["capabilities"]["urn:ietf:params:jmap:websocket"];
        assert_eq!(*told, json!({ "url": "wss://mail.bench.test/jmap/ws", "supportsPush": true }));
        let bearer = format!("Bearer {token}");
        let with = |protocol: Option<&'static str>| {
            let mut headers = vec![("authorization", bearer.as_str())];
            headers.extend(protocol.map(|protocol| ("sec-websocket-protocol", protocol)));
            headers
        };
        assert_eq!(place.open(&with(None)).await.err(), Some(400));
        assert_eq!(place.open(&with(Some("chat"))).await.err(), Some(400));
        assert!(place.open(&with(Some("chat, jmap"))).await.is_ok());
        assert_eq!(place.open(&[("sec-websocket-protocol", "jmap")]).await.err(), Some(401));
    });
}

#[test]
fn p08_changes_come_by_websocket_and_missed_ones_are_made_up_for() {
    both(1, |world| async move {
        let place = Place::new(&world, Limits::default()).await;
        let (_, token) = token(&world).await;
        let ada = world.people[0].clone();
        let account = format!("a{}", ada.account.0);
        // The first one makes the mailboxes, too.
        world.deliver_one(&ada, message("none", "text")).await;
        let mut socket = place.with_token(&token).await;
        socket.say(&json!({ "@type": "WebSocketPushEnable", "dataTypes": ["Email"] })).await;
        // The answer says that the wish before it was heard.
        socket.asks(echo("1")).await;
        world.deliver_one(&ada, message("one", "text")).await;
        let change = socket.hears().await.unwrap();
        assert_eq!(change["@type"], "StateChange", "{change}");
        let changed = change["changed"][&account].as_object().unwrap();
        assert_eq!(changed.keys().collect::<Vec<_>>(), ["Email"]);
        let state = change["pushState"].as_str().unwrap().to_owned();

        socket.say(&json!({ "@type": "WebSocketPushDisable" })).await;
        socket.asks(echo("2")).await;
        world.deliver_one(&ada, message("two", "text")).await;
        assert_eq!(socket.asks(echo("3")).await["requestId"], "3", "nothing else was told");
        drop(socket);

        let mut socket = place.with_token(&token).await;
        socket.say(&json!({ "@type": "WebSocketPushEnable", "dataTypes": null, "pushState": state })).await;
        let change = socket.hears().await.unwrap();
        assert_ne!(change["changed"][&account]["Email"], changed["Email"], "{change}");
        let state = change["pushState"].as_str().unwrap().to_owned();
        socket.say(&json!({ "@type": "WebSocketPushEnable", "dataTypes": null, "pushState": state })).await;
        assert_eq!(socket.asks(echo("4")).await["requestId"], "4", "nothing was missed");
    });
}

#[test]
fn b40_p08_a_websocket_ends_with_its_session() {
    both(1, |world| async move {
        let place = Place::new(&world, Limits::default()).await;
        let (ada, organisation) = (world.people[0].account, world.organisation);
        let (id, token) = token(&world).await;
        let mut socket = place.with_token(&token).await;
        let mut idle = place.with_token(&token).await;
        let basic = "Basic dTFAYmVuY2gudGVzdDpzZWNyZXQ=";
        let mut program =
            place.open(&[("authorization", basic), ("sec-websocket-protocol", "jmap")]).await.unwrap();
        for socket in [&mut socket, &mut idle, &mut program] {
            socket.asks(echo("1")).await;
        }
        place.auth.authenticator().settle().await.unwrap();
        let ctx = world.ctx();
        let end = move |tx: &mut store::Tx<'_>| sessions::end_all(tx, &ctx, organisation, ada, None);
        let ended = world.engine.store.write([], end).await.unwrap();
        assert!(ended.contains(&id));
        place.auth.authenticator().settle().await.unwrap();
        for socket in [&mut socket, &mut idle, &mut program] {
            assert_eq!(socket.hears().await, Err(1008));
        }
        let bearer = format!("Bearer {token}");
        let again = place.open(&[("authorization", &bearer), ("sec-websocket-protocol", "jmap")]).await;
        assert_eq!(again.err(), Some(401));
    });
}

#[test]
fn b40_p08_a_websocket_does_not_outlive_its_session() {
    embedded(1, |world| async move {
        let place = Place::new(&world, Limits { jmap_socket_seconds: 1, ..Limits::default() }).await;
        let (_, token) = token(&world).await;
        let mut socket = place.with_token(&token).await;
        socket.say(&json!({ "@type": "WebSocketPushEnable", "dataTypes": null })).await;
        socket.asks(echo("1")).await;
        world.engine.clock.advance_ms(2 * 3_600_000);
        assert_eq!(socket.hears().await, Err(1008), "it was there all the time, and asked for nothing");
    });
}

#[test]
fn b40_p08_each_request_of_a_websocket_is_checked_anew() {
    both(1, |world| async move {
        let place = Place::new(&world, Limits::default()).await;
        let ada = world.people[0].account;
        let (_, token) = token(&world).await;
        let mut socket = place.with_token(&token).await;
        socket.asks(echo("1")).await;
        let lock = move |edit: &mut directory::Edit<'_, '_>| states::apply(edit, ada, Transition::Lock);
        world.directory.edit(&world.ctx(), world.organisation, lock).await.unwrap();
        socket.say(&echo("2")).await;
        assert_eq!(socket.hears().await, Err(1008));
    });
}

#[test]
fn p08_r08_pages_of_other_sites_open_no_websocket() {
    embedded(1, |world| async move {
        let place = Place::new(&world, Limits::default()).await;
        let (_, token) = token(&world).await;
        let (cookie, own) = (format!("beffroi-session={token}"), format!("http://{}", place.address));
        let open = async |headers: &[(&str, &str)]| {
            let more = [("cookie", cookie.as_str()), ("sec-websocket-protocol", "jmap")];
            place.open(&[&more[..], headers].concat()).await.err()
        };
        for refused in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", own.as_str()), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
        ] {
            assert_eq!(open(refused).await, Some(403), "{refused:?}");
        }
        assert_eq!(open(&[("origin", own.as_str()), ("sec-fetch-site", "same-origin")]).await, None);
        let mut socket = place
            .open(&[
                ("cookie", cookie.as_str()),
                ("origin", own.as_str()),
                ("sec-websocket-protocol", "jmap"),
            ])
            .await
            .unwrap();
        assert_eq!(socket.asks(echo("1")).await["requestId"], "1");
    });
}

#[test]
fn p08_r09_a_websocket_is_bounded() {
    embedded(1, |world| async move {
        let limits =
            Limits { jmap_requests: 2, jmap_event_streams: 2, jmap_socket_seconds: 1, ..Limits::default() };
        let place = Place::new(&world, limits.clone()).await;
        let (_, token) = token(&world).await;
        let ctx = Ctx { limits: Arc::new(limits), ..world.ctx_of(&world.people[0], Door::Jmap).await };
        let client = Client { ctx, address: String::new(), origin: String::new() };
        let mut socket = place.with_token(&token).await;
        let busy = [place.jmap.begin(&client, Work::Request), place.jmap.begin(&client, Work::Request)];
        assert!(busy.iter().all(Result::is_ok));
        let told = socket.asks(echo("1")).await;
        assert_eq!((&told["limit"], &told["requestId"]), (&json!("maxConcurrentRequests"), &json!("1")));
        drop(busy);
        assert_eq!(socket.asks(echo("2")).await["@type"], "Response");

        // A client that is gone without a word is let go; one that only listens is not.
        let silent = place.with_token(&token).await;
        let bearer = format!("Bearer {token}");
        let third = place.open(&[("authorization", &bearer), ("sec-websocket-protocol", "jmap")]).await;
        assert_eq!(third.err(), Some(400), "too many at a time");
        let listens = tokio::time::timeout(Duration::from_secs(4), socket.0.next());
        assert!(matches!(listens.await, Ok(Some(Ok(Message::Ping(_))))), "it is asked whether it is there");
        while place.jmap.begin(&client, Work::Stream).is_err() {
            let _ = tokio::time::timeout(Duration::from_millis(20), socket.0.next()).await;
        }
        assert_eq!(socket.asks(echo("3")).await["requestId"], "3");
        drop(silent);
    });
}

#[test]
fn p08_a_server_that_stops_closes_its_websockets() {
    embedded(1, |world| async move {
        let place = Place::new(&world, Limits::default()).await;
        let (_, token) = token(&world).await;
        let mut socket = place.with_token(&token).await;
        socket.asks(echo("1")).await;
        place.auth.authenticator().stop();
        assert_eq!(socket.hears().await, Err(1001));
    });
}
