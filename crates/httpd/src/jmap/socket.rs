//! JMAP over a WebSocket (RFC 8887): frames in and out; what they say is known to `jmap`.
//!
//! What must stay true here:
//! - Every request is checked anew, as one of HTTP is: the session, the account, its groups.
//! - Pages of other sites open none: the handshake is refused before, see `auth::caller`.
//! - What waits for a client that takes nothing is one answer; the others wait with their requests.

use std::sync::Arc;
use std::time::Duration;

use ::jmap::{Asked, Busy, Client, Follower, Jmap, Said, StateChange, Work, too_long};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::{Error, Meaning};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use wire::Reason;
use wire::auth::Watch;

use super::client::Who;
use super::refused;
use crate::auth::Caller;
use crate::listener::Held;
use crate::problem::Problem;

/// The name of what is spoken (section 3).
const PROTOCOL: &str = "jmap";
/// Bytes that a socket at rest keeps ready for reading.
const READ_BYTES: usize = 4_096;
/// Bytes beyond the limit up to which a message that is too long is read, so that its sender can be told.
const MERCY_BYTES: usize = 65_536;

/// Why a socket is closed: a code of RFC 6455 section 7.4.1, and a word for people.
type End = (u16, &'static str);

const SESSION_ENDED: End = (close_code::POLICY, "the session is over");
const STOPPING: End = (close_code::AWAY, "the server stops");
const BROKEN: End = (close_code::ERROR, "the server failed");
const NO_TEXT: End = (close_code::UNSUPPORTED, "only texts are taken");
const TOO_LONG: End = (close_code::SIZE, "the message is too long");
const SILENT: End = (close_code::POLICY, "nobody answers");

/// An open socket.
struct Open {
    socket: WebSocket,
    jmap: Jmap,
    caller: Arc<Caller>,
    client: Client,
    follower: Option<Follower>,
    watch: Watch,
    running: JoinSet<Result<Vec<u8>, End>>,
    /// Silence after which the client is asked whether it is there.
    patience: Duration,
    heard_at: Instant,
    is_asked: bool,
    _busy: Busy,
    _held: Held,
}

pub(crate) async fn open(
    who: Who,
    State(jmap): State<Jmap>,
    Extension(held): Extension<Held>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let wrong = |rule: &'static str| {
        Problem::with_status(StatusCode::BAD_REQUEST, Error::invalid("upgrade", rule)).into_response()
    };
    let Ok(upgrade) = upgrade else { return wrong("is no handshake of a WebSocket") };
    let limits = &who.client.ctx.limits;
    let most = usize::try_from(limits.jmap_request_bytes).unwrap_or(usize::MAX).saturating_add(MERCY_BYTES);
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_frame_size(most)
        .max_message_size(most);
    if upgrade.selected_protocol().is_none() {
        return wrong("must name the subprotocol jmap");
    }
    let busy = match jmap.begin(&who.client, Work::Stream) {
        Ok(busy) => busy,
        Err(error) => return refused(&error),
    };
    let patience = Duration::from_secs(limits.jmap_socket_seconds.max(1));
    let watch = who.caller.interrupt();
    upgrade.on_upgrade(move |socket| {
        let open = Open {
            socket,
            jmap,
            caller: Arc::new(who.caller),
            client: who.client,
            follower: None,
            watch,
            running: JoinSet::new(),
            patience,
            heard_at: Instant::now(),
            is_asked: false,
            _busy: busy,
            _held: held,
        };
        open.run()
    })
}

async fn next_change(follower: &mut Option<Follower>) -> base::Result<StateChange> {
    match follower {
        Some(follower) => follower.next().await,
        None => std::future::pending().await,
    }
}

const fn end_of(reason: Reason) -> End {
    if matches!(reason, Reason::Stopping) { STOPPING } else { SESSION_ENDED }
}

impl Open {
    async fn run(mut self) {
        let Err(end) = self.converse().await else { return };
        let (code, reason) = end;
        let close = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // A client that is gone hears nothing of it.
        let _ = self.socket.send(Message::Close(Some(close))).await;
    }

    /// Speaks with the client until it goes, or has to: `Ok` when it went.
    async fn converse(&mut self) -> Result<(), End> {
        loop {
            let waits = if self.is_asked { self.patience * 2 } else { self.patience };
            tokio::select! {
                biased;
                reason = self.watch.ended() => return Err(end_of(reason)),
                Some(done) = self.running.join_next(), if !self.running.is_empty() => {
                    let answer = done.map_err(|_| BROKEN)??;
                    self.say(answer).await?;
                }
                change = next_change(&mut self.follower) => {
                    let change = change.map_err(|error| broke_off(&error))?;
                    self.say(change.message()).await?;
                }
                heard = self.socket.recv() => {
                    (self.heard_at, self.is_asked) = (Instant::now(), false);
                    match heard {
                        Some(Ok(Message::Text(text))) => self.hear(text).await?,
                        Some(Ok(Message::Binary(_))) => return Err(NO_TEXT),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_))) | None => return Ok(()),
                        Some(Err(error)) => {
                            if is_too_long(error) {
                                self.say(too_long()).await?;
                                return Err(TOO_LONG);
                            }
                            return Ok(());
                        }
                    }
                }
                () = sleep_until(self.heard_at + waits) => {
                    if self.is_asked {
                        return Err(SILENT);
                    }
                    if !self.caller.lasts().await.map_err(|error| broke_off(&error))? {
                        return Err(SESSION_ENDED);
                    }
                    self.is_asked = true;
                    self.send(Message::Ping(Bytes::new())).await?;
                }
            }
        }
    }

    async fn hear(&mut self, text: Utf8Bytes) -> Result<(), End> {
        match self.jmap.hear(&self.client, text.as_bytes()) {
            Ok(Said::Request(asked)) => {
                let (jmap, caller, client) = (self.jmap.clone(), self.caller.clone(), self.client.clone());
                self.running.spawn(async move { answer(&jmap, &caller, client, asked).await });
                Ok(())
            }
            Ok(Said::NoPush) => {
                self.follower = None;
                Ok(())
            }
            Ok(Said::Push { types, state }) => {
                let missed = self.follow(types, state).await.map_err(|error| broke_off(&error))?;
                if let Some(missed) = missed {
                    self.say(missed.message()).await?;
                }
                Ok(())
            }
            Err(error) => self.say(error).await,
        }
    }

    async fn follow(
        &mut self,
        types: Option<Vec<String>>,
        state: Option<String>,
    ) -> base::Result<Option<StateChange>> {
        let ctx = self.caller.renewed().await?;
        let client = Client { ctx, ..self.client.clone() };
        let mut follower = self.jmap.follow(&client, types, state.as_deref()).await?;
        let missed = if state.is_some() { follower.catch_up().await? } else { None };
        self.follower = Some(follower);
        Ok(missed)
    }

    async fn say(&mut self, text: impl Into<Bytes>) -> Result<(), End> {
        let text = Utf8Bytes::try_from(text.into()).map_err(|_| BROKEN)?;
        self.send(Message::Text(text)).await
    }

    /// A client that takes nothing keeps no session open that was ended.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        tokio::select! {
            biased;
            sent = self.socket.send(message) => sent.map_err(|_| SILENT),
            reason = self.watch.ended() => Err(end_of(reason)),
        }
    }
}

async fn answer(jmap: &Jmap, caller: &Caller, client: Client, asked: Asked) -> Result<Vec<u8>, End> {
    match caller.renewed().await {
        Ok(ctx) => Ok(jmap.tell(&Client { ctx, ..client }, asked).await),
        Err(error) if error.meaning() == Meaning::Unavailable => Ok(asked.failed(error).into_bytes()),
        Err(_) => Err(SESSION_ENDED),
    }
}

fn broke_off(error: &Error) -> End {
    if error.meaning() == Meaning::Forbidden {
        return SESSION_ENDED;
    }
    tracing::warn!(?error, "a stream of changes broke off; its client opens another");
    BROKEN
}

fn is_too_long(error: axum::Error) -> bool {
    error.into_inner().downcast_ref().is_some_and(|error| matches!(error, tungstenite::Error::Capacity(_)))
}
