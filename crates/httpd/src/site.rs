//! The site: every door's routes, each with its own bounds, under one outer layer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use base::{Error, Random, Secret};

use crate::auth::Auth;
use crate::health::{self, Health};
use crate::metrics::{self, Metrics};
use crate::problem::Problem;
use crate::request::{Bounds, Outer, bounded, outer};

/// What the frame needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where request ids come from.
    pub random: Random,
    /// Bytes of a body where a mount says nothing else.
    pub body_bytes: u64,
    /// The time of a request where a mount says nothing else.
    pub request_time: Duration,
}

/// A door's routes. Paths are written in full in the router; two mounts may not claim the same one.
#[derive(Debug)]
pub struct Mount {
    /// Its name in the log and the figures.
    pub door: &'static str,
    /// Its routes.
    pub router: Router,
    /// Bytes of a body; `None`: as in [`Options`].
    pub body_bytes: Option<u64>,
    /// Time until an answer begins; `None`: as in [`Options`]. Streams go on after it.
    pub request_time: Option<Duration>,
}

impl Mount {
    /// A mount with the bounds of [`Options`].
    pub const fn new(door: &'static str, router: Router) -> Self {
        Self { door, router, body_bytes: None, request_time: None }
    }
}

/// Collects mounts.
pub struct Site {
    options: Options,
    metrics: Arc<Metrics>,
    router: Router,
    auth: Option<Auth>,
}

impl Site {
    /// A site without any door: everything is "not found".
    pub fn new(options: Options, metrics: Arc<Metrics>) -> Self {
        Self { options, metrics, router: Router::new(), auth: None }
    }

    /// Lets the doors know who a request is from: their handlers take a [`crate::auth::Caller`].
    #[must_use]
    pub fn with_auth(self, auth: Auth) -> Self {
        Self { auth: Some(auth), ..self }
    }

    /// Adds a door.
    pub fn mount(mut self, mount: Mount) -> Self {
        let bounds = Arc::new(Bounds {
            door: mount.door,
            body_bytes: mount.body_bytes.unwrap_or(self.options.body_bytes),
            time: mount.request_time.unwrap_or(self.options.request_time),
        });
        let router = mount
            .router
            .method_not_allowed_fallback(method_not_allowed)
            .layer(DefaultBodyLimit::disable())
            .layer(from_fn_with_state(bounds, bounded));
        self.router = self.router.merge(router);
        self
    }

    /// Adds `/health/live`, `/health/ready` and `/metrics`. `token`, when it is not empty, must come with a
    /// request for figures.
    pub fn mount_observability(self, health: Arc<Health>, token: Secret) -> Self {
        let metrics = self.metrics.clone();
        let figures = get(move || {
            let metrics = metrics.clone();
            async move { figures(&metrics) }
        });
        let router = Router::new()
            .route("/metrics", figures.layer(from_fn_with_state(Arc::new(token), authorized)))
            .route("/health/live", get(health::live))
            .route("/health/ready", get(move || health::ready(health.clone())))
            .layer(from_fn(|request, next: axum::middleware::Next| async move {
                let mut answer: Response = next.run(request).await;
                answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                answer
            }));
        self.mount(Mount { body_bytes: Some(0), ..Mount::new("observability", router) })
    }

    /// The whole as one service.
    pub fn build(self) -> Router {
        let outer_state = Outer { random: self.options.random.clone(), http: self.metrics.http.clone() };
        let router = match self.auth {
            Some(auth) => self.router.layer(Extension(auth)),
            None => self.router,
        };
        router.fallback(not_found).layer(from_fn_with_state(outer_state, outer))
    }
}

async fn authorized(
    State(token): State<Arc<Secret>>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    let sent = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let sent = sent.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
    if token.expose().is_empty() || token.matches(sent) {
        return next.run(request).await;
    }
    let error = Error::forbidden("authorization", "send `Authorization: Bearer` with metrics.token");
    let mut answer = Problem::with_status(StatusCode::UNAUTHORIZED, error).into_response();
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

fn figures(metrics: &Metrics) -> Response {
    match metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

async fn not_found() -> Problem {
    Problem::from(Error::not_found("page"))
}

async fn method_not_allowed() -> Problem {
    let error = Error::invalid("method", "is not answered here; the header `allow` lists those that are");
    Problem::with_status(StatusCode::METHOD_NOT_ALLOWED, error)
}
