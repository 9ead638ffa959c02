//! Streams of changes (RFC 8620 section 7.3).

use std::collections::VecDeque;
use std::time::Duration;

use ::jmap::{Busy, Follower, Jmap, StateChange, Work};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::Error;
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use wire::auth::Watch;

use super::client::Who;
use super::refused;
use crate::problem::Problem;

/// Seconds between pings, whatever a client asks for.
const PING_SECONDS: std::ops::RangeInclusive<u64> = 5..=900;

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    types: Option<String>,
    closeafter: Option<String>,
    ping: Option<String>,
}

/// An open stream.
struct Open {
    follower: Follower,
    watch: Watch,
    ping: Option<Duration>,
    waiting: VecDeque<Bytes>,
    close_after_state: bool,
    closing: bool,
    _busy: Busy,
}

fn frame(change: &StateChange) -> Bytes {
    Bytes::from(format!("event: state\nid: {}\ndata: {}\n\n", change.token, change.object))
}

fn ping_frame(interval: Duration) -> Bytes {
    Bytes::from(format!("event: ping\ndata: {{\"interval\":{}}}\n\n", interval.as_secs()))
}

impl Open {
    fn tell(&mut self, change: &StateChange) {
        self.waiting.push_back(frame(change));
        self.closing = self.close_after_state;
    }

    /// The next bytes; none when the stream is over.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(bytes) = self.waiting.pop_front() {
            return Some(bytes);
        }
        if self.closing {
            return None;
        }
        let quiet = self.ping.unwrap_or(Duration::from_hours(24));
        tokio::select! {
            change = self.follower.next() => match change {
                Ok(change) => {
                    self.tell(&change);
                    self.waiting.pop_front()
                }
                Err(error) => {
                    tracing::warn!(?error, "a stream of changes broke off; its client opens another");
                    None
                }
            },
            _ = self.watch.ended() => None,
            () = tokio::time::sleep(quiet) => self.ping.map(ping_frame),
        }
    }
}

fn read(asked: &Asked) -> base::Result<(Option<Vec<String>>, bool, Option<Duration>)> {
    let types = match asked.types.as_deref() {
        None | Some("*" | "") => None,
        Some(list) => Some(list.split(',').map(|name| name.trim().to_owned()).collect()),
    };
    let close = match asked.closeafter.as_deref() {
        None | Some("no" | "") => false,
        Some("state") => true,
        Some(_) => return Err(Error::invalid("closeafter", "is `state` or `no`")),
    };
    let ping = match asked.ping.as_deref() {
        None | Some("0" | "") => None,
        Some(text) => {
            let seconds: u64 = text.parse().map_err(|_| Error::invalid("ping", "is a number of seconds"))?;
            Some(Duration::from_secs(seconds.clamp(*PING_SECONDS.start(), *PING_SECONDS.end())))
        }
    };
    Ok((types, close, ping))
}

pub(crate) async fn events(
    who: Who,
    State(jmap): State<Jmap>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let busy = match jmap.begin(&who.client, Work::Stream) {
        Ok(busy) => busy,
        Err(error) => return refused(&error),
    };
    let token = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let opened = async {
        let (types, close_after_state, ping) = read(&asked)?;
        let mut follower = jmap.follow(&who.client, types, token).await?;
        let missed = if token.is_some() { follower.catch_up().await? } else { None };
        let mut open = Open {
            follower,
            watch: who.caller.interrupt(),
            ping,
            // Tells proxies and clients that the stream has begun.
            waiting: VecDeque::from([Bytes::from_static(b": open\n\n")]),
            close_after_state,
            closing: false,
            _busy: busy,
        };
        if let Some(missed) = missed {
            open.tell(&missed);
        }
        Ok::<_, Error>(open)
    };
    let open = match opened.await {
        Ok(open) => open,
        Err(error) => return Problem::from(error).into_response(),
    };
    let frames = stream::unfold(open, |mut open| async move {
        let bytes = open.next().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), open))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache, no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (StatusCode::OK, headers, Body::from_stream(frames)).into_response()
}
