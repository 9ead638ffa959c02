//! JMAP over HTTP (RFC 8620): the session, requests, uploads, downloads and streams of changes. What they mean is
//! known to `jmap`; here is only how they travel.
//!
//! What must stay true here:
//! - Nothing that people send to one another runs in the origin of the web client: see `download`.
//! - Bodies of any length pass through a bounded piece of memory, both ways.

mod client;
mod download;
mod events;
mod push;
mod socket;
mod upload;

use std::time::Duration;

use ::jmap::{Jmap, RequestError};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base::Limits;

use crate::problem::Problem;
use crate::site::Mount;
use client::Who;
pub use push::{PushSettings, Pusher};

/// How long an upload or a slow request may take.
const UPLOAD_TIME: Duration = Duration::from_mins(10);

/// The routes of JMAP.
pub fn mounts(jmap: &Jmap, limits: &Limits) -> Vec<Mount> {
    let api = Router::new()
        .route("/.well-known/jmap", get(session))
        .route("/jmap/session", get(session))
        .route("/jmap/api", post(api))
        .route("/jmap/download/{account}/{blob}/{name}", get(download::download))
        .route("/jmap/eventsource/", get(events::events))
        .route("/jmap/ws", get(socket::open))
        .with_state(jmap.clone());
    let upload =
        Router::new().route("/jmap/upload/{account}/", post(upload::upload)).with_state(jmap.clone());
    vec![
        Mount {
            // One byte more, so that what is too large is told in the words of JMAP.
            body_bytes: Some(limits.jmap_request_bytes.saturating_add(1)),
            request_time: Some(Duration::from_mins(2)),
            ..Mount::new("jmap", api)
        },
        Mount {
            body_bytes: Some(limits.jmap_upload_bytes.saturating_add(1)),
            request_time: Some(UPLOAD_TIME),
            ..Mount::new("jmap-upload", upload)
        },
    ]
}

fn json(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate")),
    ];
    (status, headers, body.into()).into_response()
}

/// An error about a request as a whole.
fn refused(error: &RequestError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json(status, "application/problem+json", error.body().to_string())
}

async fn session(who: Who, State(jmap): State<Jmap>) -> Response {
    match jmap.session(&who.client).await {
        Ok(session) => json(StatusCode::OK, "application/json", session.to_string()),
        Err(error) => Problem::from(error).into_response(),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

async fn api(who: Who, State(jmap): State<Jmap>, headers: HeaderMap, body: Body) -> Response {
    if !is_json(&headers) {
        return refused(&RequestError::NotJson("the content type is not application/json".to_owned()));
    }
    let most = usize::try_from(who.client.ctx.limits.jmap_request_bytes).unwrap_or(usize::MAX);
    let Ok(body) = to_bytes(body, most).await else {
        return refused(&RequestError::Limit("maxSizeRequest"));
    };
    match jmap.request(&who.client, &body).await {
        Ok(answer) => json(StatusCode::OK, "application/json", answer),
        Err(error) => refused(&error),
    }
}
