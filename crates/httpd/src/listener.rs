//! Accepts connections and serves the site on them, within bounds, until it is told to stop.
//!
//! A connection beyond the limit is answered 503 and closed: a client that is told so tries another node,
//! one that is left waiting does not.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base::{Error, Result};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tower::ServiceExt;

use crate::metrics::Metrics;
use crate::request::{Peer, Secure};
use crate::stall::Stall;

/// Bounds of a listener.
#[derive(Debug, Clone)]
pub struct Listening {
    /// Open connections; more are answered 503.
    pub connections: u64,
    /// Bytes of a request line and its headers.
    pub header_bytes: u64,
    /// Time for a request's headers, also of an idle connection.
    pub header_time: Duration,
    /// Time that requests in progress get when the server stops.
    pub drain_time: Duration,
    /// Where connections are counted.
    pub metrics: Arc<Metrics>,
    /// TLS from the first byte on; none: in clear.
    pub tls: Option<Arc<ServerConfig>>,
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
    /// No new connections from now on; those that are open end after their request.
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

/// Serves `site` until `stop`, then waits for the requests in progress as long as they may take.
pub async fn serve(listener: TcpListener, site: Router, bounds: Listening, stop: Stop) -> Result<()> {
    let places = Arc::new(Semaphore::new(
        usize::try_from(bounds.connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS),
    ));
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.stopped() => break,
            Some(_) = open.join_next(), if !open.is_empty() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a client that is gone already: neither ends the server.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Ok(place) = places.clone().try_acquire_owned() {
            open.spawn(connection(stream, peer, site.clone(), bounds.clone(), stop.clone(), place));
        } else {
            bounds.metrics.http.refused_connections.inc();
            open.spawn(refuse(stream));
        }
    }
    drop(listener);
    if tokio::time::timeout(bounds.drain_time, async { while open.join_next().await.is_some() {} })
        .await
        .is_err()
    {
        let rest = open.len();
        open.shutdown().await;
        return Err(Error::unavailable(
            "http",
            format!("{rest} requests did not end within http.drain_seconds and were cut off"),
        ));
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    site: Router,
    bounds: Listening,
    stop: Stop,
    _place: OwnedSemaphorePermit,
) {
    let _counted = Counted::new(bounds.metrics.http.connections.clone());
    // Small answers must not wait for more to come.
    let _ = stream.set_nodelay(true);
    let Some(tls) = bounds.tls.clone() else { return requests(stream, peer, site, bounds, stop).await };
    match tokio::time::timeout(bounds.header_time, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, peer, site, bounds, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, %peer, "a TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

/// Keeps a connection counted, and its place taken, for what goes on behind an answer: a WebSocket.
#[derive(Debug, Clone)]
pub(crate) struct Held(#[expect(dead_code, reason = "it is there to be dropped")] mpsc::Sender<Infallible>);

/// Answers the requests of a connection.
async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    site: Router,
    bounds: Listening,
    stop: Stop,
) {
    let is_tls = bounds.tls.is_some();
    let (held, mut is_held) = mpsc::channel(1);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(Held(held.clone()));
        if is_tls {
            request.extensions_mut().insert(Secure);
        }
        site.clone().oneshot(request)
    });
    let header_bytes = usize::try_from(bounds.header_bytes).unwrap_or(usize::MAX).max(8_192);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_time)
        .max_buf_size(header_bytes)
        .keep_alive(true)
        .serve_connection(TokioIo::new(Stall::new(stream, bounds.header_time)), service)
        .with_upgrades();
    let mut serving = Box::pin(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = stop.stopped() => {
            serving.as_mut().graceful_shutdown();
            serving.as_mut().await
        }
    };
    drop(serving);
    if let Err(error) = ended {
        // Clients vanish all the time; what matters was logged with its request.
        tracing::debug!(%error, "a connection ended early");
    }
    // Nothing is ever sent: it ends when nobody holds the connection any more.
    let _ = is_held.recv().await;
}

/// Counts a connection as open for as long as it lives, however it ends.
struct Counted(Gauge);

impl Counted {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

async fn refuse(mut stream: TcpStream) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let answer = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), answer).await;
}
