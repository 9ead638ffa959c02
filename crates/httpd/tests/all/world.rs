//! A site that people log in to, on each engine, and a client that speaks to it over a socket.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use base::{AccountId, Ctx, Door, Limits, OrganisationId, Random, Result, Secret, SessionId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use directory::credentials::{Costs, Hasher};
use directory::entries::NewEntry;
use directory::{Directory, Edit, domains, people};
use httpd::auth::{Auth, Caller};
use httpd::metrics::Metrics;
use httpd::{Listening, Mount, Options, Site, Stop, serve};
use kernel::{ChainKey, Kernel};
use testkit::engines::Engine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use wire::Networks;
use wire::auth::Authenticator;

pub const PASSWORD: &str = "secret word";

pub struct World {
    pub engine: Engine,
    pub directory: Directory,
    pub acme: OrganisationId,
    pub ada: AccountId,
    pub auth: Auth,
    pub address: SocketAddr,
    /// A permit for each request that began to wait.
    pub waiting: Arc<Semaphore>,
    stop: Stop,
}

pub fn both<S: Future<Output = ()>>(story: impl Fn(World) -> S) {
    let story = &story;
    testkit::engines::both(&[kernel::PART, directory::PART], Some(kernel::on_lock), |engine| async move {
        story(World::over(engine).await).await;
    });
}

/// The same on the embedded engine only: for what does not depend on it.
pub fn embedded<S: Future<Output = ()>>(story: impl Fn(World) -> S) {
    let story = &story;
    testkit::engines::on(
        store::sql::Dialect::Sqlite,
        &[kernel::PART, directory::PART],
        Some(kernel::on_lock),
        |engine| async move {
            story(World::over(engine).await).await;
        },
    );
}

/// Routes as a door has them.
fn routes(waiting: Arc<Semaphore>) -> Router {
    Router::new()
        .route(
            "/who",
            get(|caller: Caller| async move { format!("{} {:?}", caller.address(), caller.way()) }),
        )
        .route("/change", post(|caller: Caller| async move { caller.session().0.to_string() }))
        .route(
            "/wait",
            get(async move |caller: Caller| {
                let watch = caller.interrupt();
                waiting.add_permits(1);
                format!("{:?}", watch.ended().await)
            }),
        )
}

impl World {
    async fn over(engine: Engine) -> Self {
        let kernel = Kernel::new(engine.store.clone(), Vec::new(), ChainKey::new([7; 32]));
        let hasher =
            Hasher::new(Costs { memory_kib: 8, passes: 1, lanes: 1 }, 2, &Random::seeded(1)).unwrap();
        let directory = Directory::new(kernel, hasher.clone());
        let engine_ctx = engine.ctx();
        let limits = Limits { image_seconds: 2, ..(*engine_ctx.limits).clone() };
        let ctx = Ctx { limits: Arc::new(limits), ..engine_ctx };
        let acme = directory.create_organisation(&ctx, "acme", &[]).await.unwrap();
        let hash = hasher.hash(Secret::new(PASSWORD), &engine.random).await.unwrap();
        let ada = directory
            .edit(&ctx, acme, move |edit| {
                domains::create(edit, "acme.example", &[])?;
                let new = NewEntry { address: "ada@acme.example", name: "Ada Lovelace" };
                people::create(edit, &new, Some(&hash), &[])
            })
            .await
            .unwrap();
        // The tests are balancers: they say where a request comes from.
        let options = httpd::auth::Options {
            key: [3; 32],
            proxies: Networks::loopback(),
            image_networks: Networks::parse(&["127.0.0.2"]).unwrap(),
            ..httpd::auth::Options::default()
        };
        let auth = Auth::new(Authenticator::new(directory.clone(), ctx, None), options).unwrap();
        let waiting = Arc::new(Semaphore::new(0));
        let (address, stop) = listen(&auth, waiting.clone()).await;
        Self { engine, directory, acme, ada, auth, address, waiting, stop }
    }

    pub fn ctx(&self) -> Ctx {
        self.engine.ctx()
    }

    /// Changes acme as Ada.
    pub async fn edit_as_ada<T: Send + 'static>(
        &self,
        run: impl Fn(&mut Edit<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let actor = self.directory.actor(&self.ctx(), self.ada).await.unwrap();
        let ctx = self.ctx().with_actor(actor, Door::Admin, SessionId(7));
        self.directory.edit(&ctx, self.acme, run).await
    }

    pub fn client(&self) -> Client {
        Client { address: self.address, cookies: BTreeMap::new(), headers: Vec::new() }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

async fn listen(auth: &Auth, waiting: Arc<Semaphore>) -> (SocketAddr, Stop) {
    let metrics = Arc::new(Metrics::new());
    let options =
        Options { random: Random::seeded(1), body_bytes: 65_536, request_time: Duration::from_secs(20) };
    let site = Site::new(options, metrics.clone())
        .with_auth(auth.clone())
        .mount(Mount::new("test", routes(waiting)))
        .mount(Auth::mount());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bounds = Listening {
        connections: 200,
        header_bytes: 16_384,
        header_time: Duration::from_secs(10),
        drain_time: Duration::from_secs(5),
        metrics,
        tls: None,
    };
    let stop = Stop::default();
    tokio::spawn(serve(listener, site.build(), bounds, stop.clone()));
    (address, stop)
}

/// A browser or a program.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    pub cookies: BTreeMap<String, String>,
    pub headers: Vec<(String, String)>,
}

/// What it was answered.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// All values of a header.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The status and the field of a problem.
    pub fn problem(&self) -> String {
        format!("{} {}", self.status, self.json()["field"].as_str().unwrap_or("-"))
    }
}

impl Client {
    /// The same client with a header that goes with each request.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn basic(self, name: &str, password: &str) -> Self {
        let value = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
        self.with("authorization", &value)
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub async fn post(&mut self, path: &str, body: &serde_json::Value) -> Answer {
        self.send("POST", path, Some(&body.to_string())).await
    }

    pub async fn send(&mut self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nhost: mail.acme.example\r\nconnection: close\r\n");
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let _ = write!(text, "cookie: {}\r\n", cookies.join("; "));
        }
        if let Some(body) = body {
            if !self.headers.iter().any(|(name, _)| name == "content-type") {
                text.push_str("content-type: application/json\r\n");
            }
            let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
        } else {
            text.push_str("\r\n");
        }
        let answer = raw(self.address, text.as_bytes()).await;
        for cookie in answer.headers("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// Sends bytes and reads until the server closes.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut text = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut text)).await.unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunked(body) } else { body.to_owned() };
    Answer { status, head: head.to_owned(), body }
}

fn unchunked(mut text: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        whole.push_str(rest.get(..size).unwrap_or(rest));
        text = rest.get(size + 2..).unwrap_or("");
        if size == 0 {
            break;
        }
    }
    whole
}

/// The code that an authenticator shows.
pub fn one_time_code(secret: &str, now_ms: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).with_account_name("test").build().unwrap();
    totp.generate(u64::try_from(now_ms).unwrap() / 1_000).to_string()
}
