//! Accepts connections and serves a protocol on them, within bounds, until it is told to stop.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{Error, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::conn::Patience;
use crate::tls::TlsSource;
use crate::{Conn, Fault, Interrupt, Networks, Place, Places, Reason};

/// A protocol that is served on connections.
pub trait Protocol: Send + Sync + 'static {
    /// A short name for logs.
    fn name(&self) -> &'static str;

    /// Serves a connection to its end. A read that returns [`Fault::Stopping`] or [`Fault::Ended`] is answered with
    /// the protocol's goodbye.
    fn serve(&self, conn: Conn) -> impl Future<Output = ()> + Send;

    /// What a client is told for whom there is no place; sent in clear before the connection is closed.
    fn full(&self) -> &'static [u8];
}

/// How a listener serves.
#[derive(Clone)]
pub struct Listening {
    /// How many connections there may be; listeners that share it are counted together.
    pub places: Places,
    /// How long connections wait.
    pub patience: Patience,
    /// TLS from the first byte on; none: in clear, with STARTTLS where the protocol has it.
    pub implicit_tls: Option<TlsSource>,
    /// Balancers: connections from there begin with a header of the PROXY protocol.
    pub proxies: Networks,
    /// Time that sessions get to end when the server stops.
    pub drain: Duration,
}

/// Tells listeners to stop. Clones tell the same listeners.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// No new connections from now on; those that are open end after their command.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Waits until someone says stop.
    pub async fn stopped(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives in self: waiting cannot fail.
        let _ = receiver.wait_for(|stop| *stop).await;
    }
}

/// The open connections of a listener, to be told when the server stops.
type Open = Arc<Mutex<HashMap<u64, Interrupt>>>;

/// Serves `protocol` on a listener until `stop`, then waits for the sessions as long as they may take.
///
/// # Errors
/// `Unavailable` when sessions had to be cut off.
pub async fn serve<P: Protocol>(
    listener: TcpListener,
    protocol: Arc<P>,
    listening: Listening,
    stop: Stop,
) -> Result<()> {
    let open = Open::default();
    let mut tasks = JoinSet::new();
    let mut number = 0_u64;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.stopped() => break,
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                note(protocol.name(), ended);
                continue;
            }
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a client that is gone already: neither ends the server.
                tracing::warn!(%error, protocol = protocol.name(), "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        number += 1;
        let is_proxy = listening.proxies.contains(peer.ip());
        if let Some(place) = listening.places.take((!is_proxy).then_some(peer.ip())) {
            let (protocol, listening) = (protocol.clone(), listening.clone());
            let registered = Registered::new(open.clone(), number);
            tasks.spawn(async move {
                connection(stream, peer, is_proxy, &*protocol, listening, &registered.interrupt, place).await;
            });
        } else {
            tracing::debug!(%peer, protocol = protocol.name(), "refused a connection: too many are open");
            tasks.spawn(refuse(stream, protocol.full()));
        }
    }
    drop(listener);
    for interrupt in open.lock().unwrap_or_else(PoisonError::into_inner).values() {
        interrupt.tell(Reason::Stopping);
    }
    let drained = async {
        while let Some(ended) = tasks.join_next().await {
            note(protocol.name(), ended);
        }
    };
    if tokio::time::timeout(listening.drain, drained).await.is_err() {
        let rest = tasks.len();
        tasks.shutdown().await;
        return Err(Error::unavailable(
            protocol.name(),
            format!("{rest} connections did not end in time and were cut off"),
        ));
    }
    Ok(())
}

/// A task that panicked took down its connection and nothing else.
fn note(name: &'static str, ended: std::result::Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(protocol = name, %error, "a session broke; its connection was closed; please report it");
    }
}

/// A connection that is told when the server stops, for as long as this lives.
struct Registered {
    open: Open,
    number: u64,
    interrupt: Interrupt,
}

impl Registered {
    fn new(open: Open, number: u64) -> Self {
        let interrupt = Interrupt::default();
        open.lock().unwrap_or_else(PoisonError::into_inner).insert(number, interrupt.clone());
        Self { open, number, interrupt }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

async fn connection<P: Protocol>(
    stream: TcpStream,
    peer: SocketAddr,
    is_proxy: bool,
    protocol: &P,
    listening: Listening,
    interrupt: &Interrupt,
    place: Place,
) {
    let begun = Box::pin(begin(stream, is_proxy, protocol, &listening, interrupt, place)).await;
    // What only the beginning needs is gone before the session, which may last.
    drop(listening);
    match begun {
        Ok((conn, _place)) => protocol.serve(conn).await,
        Err(fault) => {
            tracing::debug!(%peer, protocol = protocol.name(), %fault, "a connection did not begin");
        }
    }
}

async fn begin<P: Protocol>(
    stream: TcpStream,
    is_proxy: bool,
    protocol: &P,
    listening: &Listening,
    interrupt: &Interrupt,
    mut place: Place,
) -> std::result::Result<(Conn, Place), Fault> {
    let mut conn = Conn::new(stream, listening.patience, interrupt.clone())?;
    if is_proxy {
        conn.read_proxy_header().await?;
        // The balancer's connection was counted in the total; from now on the client's address counts as well.
        drop(place);
        if let Some(taken) = listening.places.take(Some(conn.peer().ip())) {
            place = taken;
        } else {
            if listening.implicit_tls.is_none() {
                conn.put(protocol.full());
            }
            conn.close().await;
            return Err(Fault::Broken("too many connections"));
        }
    }
    if let Some(source) = &listening.implicit_tls {
        conn.start_tls(source.config()).await?;
    }
    Ok((conn, place))
}

async fn refuse(mut stream: TcpStream, full: &'static [u8]) {
    let answer = async {
        stream.write_all(full).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), answer).await;
}
