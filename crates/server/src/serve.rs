//! A running node: listeners, health and figures around the floors below, from start to clean end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Random, Result};
use httpd::auth::{Auth, Sample};
use httpd::health::Health;
use httpd::jmap::{PushSettings, Pusher};
use httpd::metrics::Metrics;
use httpd::{Listening, Mount, Options, Site, Stop};
use jmap::Jmap;
use kernel::Search;
use mail::Mail;
use smtp::outbound::Outbound;
use store::{Blobs, params};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinHandle, JoinSet};
use wire::auth::Authenticator;

use crate::chores::Chores;
use crate::config::Config;
use crate::doors::{self, Doors};
use crate::folder::{self, Served};
use crate::node::{self, Node};
use crate::{bodies, certificates, clients, figures, key, outbound, process};

/// A node that answers. Dropping it without [`Running::until_told`] cuts its requests off.
pub struct Running {
    /// Where HTTP is served: the port is the real one when the configuration says 0.
    pub http: SocketAddr,
    /// Where health and figures are served, when not there.
    pub metrics: Option<SocketAddr>,
    /// The other doors, each with an address that it really has.
    pub doors: Vec<(&'static str, SocketAddr)>,
    outbound: Option<Outbound>,
    pusher: Option<Pusher>,
    node: Node,
    blobs: Blobs,
    search: Search,
    chores: Chores,
    drain_time: Duration,
    health: Arc<Health>,
    stop: Stop,
    mail_doors: wire::Stop,
    authenticator: Authenticator,
    tasks: JoinSet<Result<()>>,
    signals: Signals,
    follow: Option<JoinHandle<()>>,
    _folder: Served,
}

/// The signals that end a server. Listened to from before its doors open, so that whoever saw it start can end it.
#[derive(Debug)]
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let failed = |error| Error::unavailable("signals", "cannot be listened to").with_source(error);
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// A node that is open and does not answer yet.
pub struct Opened {
    /// The floors below.
    pub node: Node,
    /// Mail over them.
    pub mail: Mail,
    /// Whom the page for logging in offers, in a demo.
    pub samples: Vec<Sample>,
    blobs: Blobs,
    search: Search,
    folder: Served,
}

impl Opened {
    /// Takes the data folder and opens what is below; the tables are brought up to date.
    pub async fn open(config: &Config) -> Result<Self> {
        let folder = folder::serve(&config.top.data_dir)?;
        let node = Node::open(config).await?;
        if let Err(error) = node.store().notifier().listen_beside() {
            tracing::warn!(?error, "what commands beside this server change is seen late");
        }
        let blobs = bodies::open(&node, config).await?;
        let mail = Mail::new(node.directory.clone(), blobs.clone());
        mail.use_history(config.history_rules());
        let sources = vec![mail.search_source()];
        let search = Search::open_with(&node.kernel, &node.ctx, &config.top.data_dir, sources).await?;
        mail.use_search(search.clone());
        Ok(Self { node, mail, samples: Vec::new(), blobs, search, folder })
    }

    /// Starts the jobs and opens the doors.
    pub async fn listen(self, config: &Config) -> Result<Running> {
        let chores = Chores::start(&self.node, &self.blobs, config).await?;
        let mut metrics = Metrics::new();
        process::measure(&mut metrics);
        figures::measure(&mut metrics, &self.node, chores.clone(), self.search.clone());
        let health = health(&self.node, bodies::place(config));
        let mut doors =
            vec![Auth::mount(), clients::mount(config, &self.node.directory), httpd::web::mount()];
        let jmap = Jmap::new(self.mail.clone());
        doors.extend(httpd::jmap::mounts(&jmap, &config.limits));
        let pusher = pusher(config, &jmap, &self.node).await?;
        let mut running = listen(config, metrics, health, doors, self, chores).await?;
        running.pusher = pusher;
        Ok(running)
    }
}

/// Sends to clients that are not connected; nothing when the configuration says so.
async fn pusher(config: &Config, jmap: &Jmap, node: &Node) -> Result<Option<Pusher>> {
    if !config.push.send {
        return Ok(None);
    }
    let contact = match config.push.contact.as_str() {
        "" => format!("mailto:postmaster@{}", certificates::hostname(config)),
        contact => contact.to_owned(),
    };
    let roots = outbound::roots(config)?;
    let settings = PushSettings { roots, contact, allow_private: config.push.allow_private };
    Pusher::start(jmap, &node.ctx, settings).await.map(Some)
}

/// What must work before this node is sent requests.
fn health(node: &Node, place: bodies::Place) -> Health {
    let mut health = Health::default();
    let store = node.store().clone();
    health.add("store", move || {
        let store = store.clone();
        async move { store.read(|tx| tx.query_one("SELECT 1", params![], |_| Ok(()))).await }
    });
    let store = node.store().clone();
    health.add("migrations", move || {
        let store = store.clone();
        async move { node::is_current(&store).await }
    });
    health.add("blobs", move || {
        let place = place.clone();
        async move { bodies::takes_bodies(&place).await }
    });
    health
}

async fn listen(
    config: &Config,
    mut metrics: Metrics,
    health: Health,
    doors: Vec<Mount>,
    Opened { node, mail, samples, blobs, search, folder }: Opened,
    chores: Chores,
) -> Result<Running> {
    let mut tasks = JoinSet::new();
    let tls = certificates::open(config)?;
    let opening = Doors::new(config, &mail, &node.ctx, tls.clone());
    let public = &config.http.public_url;
    let options = httpd::auth::Options {
        key: key::derive(config)?,
        proxies: config.http.proxies.networks.clone(),
        public_origin: (!public.is_empty()).then(|| public.clone()),
        image_networks: config.http.image_networks.networks.clone(),
        samples,
    };
    let auth = Auth::new(opening.authenticator().clone(), options)?;
    let mut open = opening.open(&mut metrics, &mut tasks).await?;
    let outbound = outbound::start(config, &mail, &node.ctx).await?;
    let (metrics, health, stop) = (Arc::new(metrics), Arc::new(health), Stop::default());
    let options = Options {
        random: Random::system(),
        body_bytes: config.limits.request_body_bytes,
        request_time: Duration::from_secs(config.http.request_seconds),
    };
    let drain_time = Duration::from_secs(config.http.drain_seconds);
    let bounds = Listening {
        connections: config.limits.http_connections,
        header_bytes: config.http.header_bytes,
        header_time: Duration::from_secs(config.http.header_seconds),
        drain_time,
        metrics: metrics.clone(),
        tls: None,
    };
    let observability = |site: Site| site.mount_observability(health.clone(), config.metrics.token.clone());
    let mut site =
        doors.into_iter().fold(Site::new(options.clone(), metrics.clone()).with_auth(auth), Site::mount);
    let mut metrics_address = None;
    if let Some(address) = config.metrics.listen {
        let (listener, address) = bind("metrics.listen", address).await?;
        let own = observability(Site::new(options, metrics.clone())).build();
        tasks.spawn(httpd::serve(listener, own, bounds.clone(), stop.clone()));
        metrics_address = Some(address);
    } else {
        site = observability(site);
    }
    let signals = Signals::listen()?;
    let site = site.build();
    let (listener, http) = bind("http.listen", config.http.listen).await?;
    tasks.spawn(httpd::serve(listener, site.clone(), bounds.clone(), stop.clone()));
    for address in &config.http.tls_listen.0 {
        let tls =
            tls.as_ref().map(|source| source.config_for(&[b"http/1.1"])).ok_or_else(doors::no_certificate)?;
        let (listener, address) = bind("http.tls_listen", *address).await?;
        let bounds = Listening { tls: Some(tls), ..bounds.clone() };
        tasks.spawn(httpd::serve(listener, site.clone(), bounds, stop.clone()));
        open.addresses.push(("https", address));
    }
    let follow = tls.map(|source| tokio::spawn(certificates::follow(certificates::folder(config), source)));
    tracing::info!(%http, version = process::VERSION, "serving");
    Ok(Running {
        http,
        metrics: metrics_address,
        doors: open.addresses,
        mail_doors: open.stop,
        authenticator: open.authenticator,
        follow,
        outbound,
        pusher: None,
        node,
        blobs,
        search,
        chores,
        drain_time,
        health,
        stop,
        tasks,
        signals,
        _folder: folder,
    })
}

/// Listens on an address; the one that it really is.
///
/// # Errors
/// `Unavailable` when it cannot be listened on.
pub async fn bind(key: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let failed = |error: std::io::Error| {
        let rule =
            format!("{address} cannot be listened on; is another program on that port? Write another one");
        Error::unavailable(key, rule).with_source(error)
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let real = listener.local_addr().map_err(failed)?;
    Ok((listener, real))
}

impl Running {
    /// Serves until SIGTERM or SIGINT, or until a listener fails; then ends what is in progress. A second
    /// signal ends at once.
    pub async fn until_told(mut self) -> Result<()> {
        let mut outcome = tokio::select! {
            () = self.signals.received() => Ok(()),
            Some(ended) = self.tasks.join_next() => ended.unwrap_or_else(|error| Err(broken(error))),
        };
        tracing::info!("stopping: ending what is in progress");
        self.health.stop();
        self.stop.stop();
        self.authenticator.stop();
        self.mail_doors.stop();
        loop {
            tokio::select! {
                ended = self.tasks.join_next() => match ended {
                    None => break,
                    Some(ended) => outcome = outcome.and(ended.unwrap_or_else(|error| Err(broken(error)))),
                },
                () = self.signals.received() => break,
            }
        }
        if let Some(follow) = &self.follow {
            follow.abort();
        }
        if let Err(error) = self.authenticator.settle().await {
            tracing::warn!(?error, "the ends of sessions could not be written; they end by themselves");
        }
        if let Some(outbound) = self.outbound {
            outbound.stop(self.drain_time).await;
        }
        if let Some(pusher) = self.pusher {
            pusher.stop(self.drain_time).await;
        }
        self.chores.stop(self.drain_time).await;
        self.search.close().await;
        self.blobs.close().await;
        self.node.close().await;
        tracing::info!("stopped");
        outcome
    }
}

fn broken(error: tokio::task::JoinError) -> Error {
    Error::corrupt("server", "a listener broke; please report it").with_source(error)
}
