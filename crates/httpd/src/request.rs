//! What happens to every request: its id, its log line, its figures, its bounds.
//!
//! The log line holds the route's pattern, never the path, the query or the address: those can name people.

use std::any::Any;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::{Error, Random};
use futures_util::FutureExt;
use http_body_util::Limited;
use tracing::Instrument;

use crate::metrics::Http;
use crate::problem::Problem;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer id of a client is not repeated to it.
const CLIENT_ID_BYTES: usize = 128;

/// The number that ties the log lines of one request together; `Ctx::request` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub u64);

/// The address that a connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Stands with the requests of connections that are encrypted by this server.
#[derive(Debug, Clone, Copy)]
pub struct Secure;

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(0)))
    }
}

/// The door that answered, for the log and the figures.
#[derive(Clone, Copy)]
struct Door(&'static str);

/// What the outermost layer needs.
#[derive(Clone)]
pub(crate) struct Outer {
    pub random: Random,
    pub http: Http,
}

/// The id that a client sent, when it is one that may be repeated, and the number it stands for.
fn client_id(request: &Request) -> Option<(HeaderValue, u64)> {
    let value = request.headers().get(&REQUEST_ID)?;
    let text = value.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if text.is_empty() || text.len() > CLIENT_ID_BYTES || !text.bytes().all(plain) {
        return None;
    }
    let number = match u64::from_str_radix(text, 16) {
        Ok(number) if text.len() == 16 => number,
        _ => {
            let hash = blake3::hash(text.as_bytes());
            hash.as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes)
        }
    };
    Some((value.clone(), number))
}

/// Around everything: request id in and out, one log line, the figures, and an answer when a handler panics.
pub(crate) async fn outer(State(outer): State<Outer>, mut request: Request, next: Next) -> Response {
    let (value, number) = client_id(&request).unwrap_or_else(|| {
        let number = outer.random.u64();
        let value = HeaderValue::from_str(&format!("{number:016x}"));
        (value.unwrap_or_else(|_| HeaderValue::from_static("-")), number)
    });
    request.extensions_mut().insert(RequestId(number));
    let is_tls = request.extensions().get::<Secure>().is_some();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let span = tracing::info_span!("http", request = format_args!("{number:016x}"));
    let begun = Instant::now();
    let mut answer = AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .instrument(span.clone())
        .await
        .unwrap_or_else(|panic| span.in_scope(|| panicked(panic.as_ref())));
    let took = begun.elapsed();
    let door = answer.extensions().get::<Door>().map_or("none", |door| door.0);
    let status = answer.status().as_u16();
    span.in_scope(|| {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(target: "httpd::access", door, %method, route, status, milliseconds, "answered");
    });
    outer.http.requests.get_or_create(&vec![("door", door.into()), ("status", status.to_string())]).inc();
    outer.http.seconds.get_or_create(&vec![("door", door.into())]).observe(took.as_secs_f64());
    let headers = answer.headers_mut();
    headers.insert(REQUEST_ID.clone(), value);
    protect(headers, is_tls);
    answer
}

/// What every answer tells browsers, unless its door told something stricter or other: nothing of ours is framed,
/// taken into other sites' pages or told to them, and no script runs that is not a file of ours.
fn protect(headers: &mut HeaderMap, is_tls: bool) {
    const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                          img-src 'self' data: blob:; media-src 'self' blob:; frame-src 'self' blob:; \
                          object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";
    let all = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in all {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_tls {
        let lasts = HeaderValue::from_static("max-age=31536000");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(lasts);
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let said =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = said.unwrap_or("without words"), "a handler broke; please report it");
    Problem::from(Error::corrupt(
        "server",
        "could not answer; the log has the reason under this request's id",
    ))
    .into_response()
}

/// The bounds of one mount.
#[derive(Clone)]
pub(crate) struct Bounds {
    pub door: &'static str,
    pub body_bytes: u64,
    pub time: Duration,
}

/// Around one mount: bounds its bodies and its time, and names its door.
pub(crate) async fn bounded(State(bounds): State<Arc<Bounds>>, request: Request, next: Next) -> Response {
    let limit = bounds.body_bytes;
    let mut answer = if request.body().size_hint().lower() > limit {
        let rule = format!("has at most {limit} bytes; send less");
        Problem::from(Error::too_large("body", rule)).into_response()
    } else {
        let request =
            request.map(|body| Body::new(Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX))));
        tokio::time::timeout(bounds.time, next.run(request)).await.unwrap_or_else(|_| late(bounds.time))
    };
    answer.extensions_mut().insert(Door(bounds.door));
    answer
}

fn late(time: Duration) -> Response {
    let rule = format!("took longer than {} seconds and was given up", time.as_secs());
    let mut answer =
        Problem::with_status(StatusCode::SERVICE_UNAVAILABLE, Error::unavailable("request", rule))
            .into_response();
    // What is left of its body must not be taken for the next request.
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}
