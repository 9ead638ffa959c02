//! A session: its states, and how commands come and are answered.
//!
//! What must stay true here:
//! - Commands are answered in the order in which they came; the next one is read when the last one was answered.
//! - Between two commands nothing of the last one is held: its future is boxed, and dropped.
//! - The state changes in [`Session::go`] and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use base::{Ctx, Limits};
use bytes::Bytes;
use codec::imap::{Bounds, Refused};
use kernel::{Push, Subscription};
use wire::auth::Session as Login;
use wire::{Conn, Fault, LineEnd};

use crate::Server;
use crate::failure::{Failure, Result, Words};
use crate::gather::{Gathered, Room, gather};
use crate::notify::Watch;
use crate::out::Out;
use crate::selected::{Modes, Selected};
use crate::sync::{Telling, tell};
use crate::updates;

/// Where a session stands (RFC 9051 section 3).
pub(crate) enum State {
    /// Nobody logged in.
    Anonymous,
    /// Someone did.
    LoggedIn(Arc<Login>),
    /// And selected a mailbox.
    Selected(Arc<Login>, Box<Selected>),
    /// It is over.
    Over,
}

/// Where it goes.
pub(crate) enum Step {
    /// Someone proved who it is.
    LogIn(Arc<Login>),
    /// A mailbox was selected.
    Select(Box<Selected>),
    /// No mailbox is selected any more.
    Unselect,
    /// Nobody is logged in any more (RFC 8437).
    Forget,
    /// The connection is to be closed.
    End,
}

/// An IDLE that the client has not ended (RFC 2177).
pub(crate) struct Idling {
    /// The tag that ends it.
    pub tag: String,
    /// Hears of changes; there is none without a selected mailbox.
    pub heard: Option<Subscription>,
}

/// A session on a connection.
pub(crate) struct Session {
    /// What all sessions share.
    pub server: Arc<Server>,
    /// Where it stands.
    pub state: State,
    /// What the client enabled.
    pub modes: Modes,
    /// The IDLE that is under way.
    pub idle: Option<Box<Idling>>,
    /// What NOTIFY asked for.
    pub watch: Option<Box<Watch>>,
    /// Commands in a row that were none.
    faults: u64,
}

/// How a command ended well.
#[derive(Default)]
pub(crate) struct Done {
    /// The code and text of the tagged OK.
    pub words: Words,
    /// The tagged answer was sent already, or comes later.
    pub silent: bool,
}

/// What comes from outside.
enum Event {
    Line(Bytes),
    Push(Push),
}

#[expect(clippy::unnecessary_wraps, reason = "handlers end with it")]
impl Done {
    /// `OK text`.
    pub(crate) fn text(text: &'static str) -> Result<Self> {
        Ok(Self { words: Words { code: "".into(), text: text.into() }, silent: false })
    }

    /// `OK [code] text`.
    pub(crate) fn code(code: impl Into<std::borrow::Cow<'static, str>>, text: &'static str) -> Result<Self> {
        Ok(Self { words: Words { code: code.into(), text: text.into() }, silent: false })
    }
}

impl Session {
    /// A session of a client that just came.
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self { server, state: State::Anonymous, modes: Modes::default(), idle: None, watch: None, faults: 0 }
    }

    /// Changes the state.
    pub(crate) fn go(&mut self, step: Step) {
        let before = std::mem::replace(&mut self.state, State::Over);
        self.state = match (before, step) {
            (State::Anonymous, Step::LogIn(login)) | (State::Selected(login, _), Step::Unselect) => {
                State::LoggedIn(login)
            }
            (State::LoggedIn(login) | State::Selected(login, _), Step::Select(selected)) => {
                State::Selected(login, selected)
            }
            (State::LoggedIn(_) | State::Selected(..), Step::Forget) => {
                self.modes = Modes::default();
                self.watch = None;
                State::Anonymous
            }
            (_, Step::End) => {
                self.watch = None;
                State::Over
            }
            // Commands are asked for their state before: nothing else can come.
            (before, _) => before,
        };
    }

    /// Who is logged in.
    pub(crate) fn login(&self) -> Result<Arc<Login>> {
        match &self.state {
            State::LoggedIn(login) | State::Selected(login, _) => Ok(login.clone()),
            State::Anonymous | State::Over => Err(Failure::bad("Log in first")),
        }
    }

    /// Who is logged in, and the selected mailbox.
    pub(crate) fn selected(&mut self) -> Result<(Arc<Login>, &mut Selected)> {
        match &mut self.state {
            State::Selected(login, selected) => Ok((login.clone(), selected)),
            State::LoggedIn(_) => Err(Failure::bad("Select a mailbox first")),
            State::Anonymous | State::Over => Err(Failure::bad("Log in first")),
        }
    }

    fn limits(&self) -> Arc<Limits> {
        match &self.state {
            State::LoggedIn(login) | State::Selected(login, _) => login.ctx.limits.clone(),
            State::Anonymous | State::Over => self.server.ctx.limits.clone(),
        }
    }

    fn room(&self) -> Room {
        Room::new(&self.limits(), !matches!(self.state, State::Anonymous))
    }

    /// The bounds of the grammar.
    pub(crate) fn bounds(&self) -> Bounds {
        let limits = self.limits();
        let small = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        Bounds {
            string_bytes: small(limits.imap_string_bytes),
            search_keys: small(limits.imap_search_keys),
            search_depth: small(limits.imap_search_depth),
            set_ranges: small(limits.imap_set_ranges),
            list_items: small(limits.imap_list_items),
            messages: small(limits.imap_append_messages),
            utf8: self.modes.is_utf8(),
        }
    }

    /// Serves a connection to its end.
    pub(crate) async fn run(mut self, mut conn: Conn) {
        let fault = match self.greet(&mut conn).await {
            Ok(()) => self.serve(&mut conn).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = fault {
            let bye: &[u8] = match fault {
                Fault::Stopping => b"* BYE The server stops; come back later\r\n",
                Fault::Ended => b"* BYE Your session was ended\r\n",
                Fault::TimedOut => b"* BYE Autologout; silent for too long\r\n",
                Fault::TooLong => b"* BYE That is too long\r\n",
                Fault::BareNewline => b"* BYE Lines end with CRLF\r\n",
                _ => b"",
            };
            tracing::debug!(%fault, "an IMAP connection ended");
            conn.put(bye);
        }
        // The session ends before its connection, so that nobody waits for a client that is slow to close.
        drop(self);
        conn.close().await;
    }

    async fn greet(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        let seconds = self.server.ctx.limits.imap_login_seconds;
        conn.set_read_patience(Duration::from_secs(seconds));
        let capabilities = self.capabilities(conn);
        conn.write(format!("* OK [CAPABILITY {capabilities}] Beffroi is ready\r\n").as_bytes()).await
    }

    async fn serve(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        while !matches!(self.state, State::Over) {
            match self.next(conn).await {
                Ok(Event::Line(line)) if self.idle.is_some() => Box::pin(self.end_idle(conn, &line)).await?,
                Ok(Event::Line(line)) => Box::pin(self.command(conn, line)).await?,
                Ok(Event::Push(push)) => Box::pin(self.pushed(conn, push)).await?,
                Err(Fault::BareNewline) => self.fault(conn, "Lines end with CRLF").await?,
                Err(Fault::TooLong) => {
                    conn.skip_line(self.room().line().saturating_mul(16)).await?;
                    self.fault(conn, "The line is too long").await?;
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Waits for a line, or for a change where the client wants to hear of them.
    async fn next(&mut self, conn: &mut Conn) -> Result<Event, Fault> {
        let line = self.room().line();
        if let Some(line) = conn.buffered_line(line, LineEnd::Strict)? {
            return Ok(Event::Line(line));
        }
        conn.flush().await?;
        let heard = match (&mut self.idle, &mut self.watch) {
            (_, Some(watch)) => Some(watch.heard()),
            (Some(idling), None) => idling.heard.as_mut(),
            (None, None) => None,
        };
        let Some(heard) = heard else { return conn.read_line(line, LineEnd::Strict).await.map(Event::Line) };
        tokio::select! {
            biased;
            line = conn.read_line(line, LineEnd::Strict) => line.map(Event::Line),
            push = heard.next() => Ok(Event::Push(push)),
        }
    }

    /// Answers what is no command.
    async fn fault(&mut self, conn: &mut Conn, text: &str) -> Result<(), Fault> {
        self.faults += 1;
        conn.write(format!("* BAD {text}\r\n").as_bytes()).await?;
        self.end_after_faults(conn).await
    }

    async fn end_after_faults(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        if self.faults >= self.server.ctx.limits.imap_faults {
            conn.write(b"* BYE Too many commands that are none\r\n").await?;
            self.go(Step::End);
        }
        Ok(())
    }

    /// Reads the rest of a command, does it and answers it.
    async fn command(&mut self, conn: &mut Conn, first: Bytes) -> Result<(), Fault> {
        let bytes = match gather(conn, first, &self.room()).await? {
            Gathered::Command(bytes) => bytes,
            Gathered::Refused(tag, failure) => {
                let mut out = Out::new(conn);
                self.answer(tag.as_deref(), Err(failure), &mut out)?;
                out.hand_over().await?;
                return self.end_after_faults(conn).await;
            }
        };
        let parsed = codec::imap::parse(&bytes, &self.bounds());
        let mut out = Out::new(conn);
        let (tag, result) = match parsed {
            Ok(tagged) => {
                let result = self.dispatch(&tagged.tag, tagged.command, &bytes, &mut out).await;
                (Some(tagged.tag), result)
            }
            Err(Refused { tag, fault }) => (tag, Err(Failure::from(fault))),
        };
        drop(bytes);
        self.answer(tag.as_deref(), result, &mut out)?;
        out.hand_over().await?;
        self.end_after_faults(conn).await
    }

    /// Appends the tagged answer.
    fn answer(&mut self, tag: Option<&str>, result: Result<Done>, out: &mut Out<'_>) -> Result<(), Fault> {
        let (word, words) = match result {
            Ok(Done { silent: true, .. }) => {
                self.faults = 0;
                return Ok(());
            }
            Ok(Done { words, .. }) => ("OK", words),
            Err(Failure::No(words)) => ("NO", words),
            Err(Failure::Bad(words)) => ("BAD", words),
            Err(Failure::Gone(fault)) => return Err(fault),
        };
        if word == "BAD" {
            self.faults += 1;
        } else {
            self.faults = 0;
        }
        out.text(tag.unwrap_or("*"));
        out.text(" ");
        out.text(word);
        out.text(" ");
        if !words.code.is_empty() {
            out.text("[");
            out.text(&words.code);
            out.text("] ");
        }
        out.text(&words.text);
        out.text("\r\n");
        Ok(())
    }

    /// Tells what changed in the selected mailbox.
    ///
    /// # Errors
    /// A mailbox that is there no more ends the session (RFC 2180 section 3.3).
    pub(crate) async fn sync(&mut self, expunge: bool, out: &mut Out<'_>) -> Result<()> {
        let State::Selected(login, selected) = &mut self.state else { return Ok(()) };
        let view = self.server.mail.view(&login.ctx, selected.account, selected.mailbox).await;
        match view {
            Ok(view) => {
                let modes = self.modes;
                updates::before(&login.ctx, &self.server.mail, selected, &view, (modes, expunge), out)
                    .await?;
                tell(selected, &view, Telling::all(modes, expunge), out);
                updates::after(selected, out);
                out.checkpoint().await?;
                Ok(())
            }
            Err(error) if error.meaning() == base::Meaning::NotFound => {
                out.text("* BYE The selected mailbox was removed, or may not be read any more\r\n");
                self.go(Step::End);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The context of whoever is logged in.
    pub(crate) fn ctx(&self) -> &Ctx {
        match &self.state {
            State::LoggedIn(login) | State::Selected(login, _) => &login.ctx,
            State::Anonymous | State::Over => &self.server.ctx,
        }
    }
}
