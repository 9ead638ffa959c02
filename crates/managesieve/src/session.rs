//! A connection from its greeting to its end.

use std::time::Duration;

use base::{Ctx, Door};
use codec::managesieve::{self, Code, Command, Scan, Status, write_status, write_string};
use mail::sieve::EXTENSIONS;
use wire::auth::{Authenticator, Session};
use wire::sasl::Mechanism;
use wire::{Conn, Fault, LineEnd};

use crate::login::Outcome;
use crate::{ManageSieve, login, scripts};

/// Bytes of a line: a name, and a quoted token.
pub(crate) const LINE_BYTES: usize = 32 * 1_024;
/// Bytes of a literal that is too large and still skipped, so that the client hears why.
const SKIPPED_BYTES: u64 = 16 << 20;
/// Bytes of a literal before someone is logged in.
const EARLY_BYTES: u64 = 32 * 1_024;
/// Commands that are none, and refused logins, before the server hangs up.
const MISTAKES: u32 = 10;
const REFUSALS: u32 = 3;
/// How long a client may be silent: before it is logged in, and after (RFC 5804 section 1.2).
const EARLY: Duration = Duration::from_mins(2);
const IDLE: Duration = Duration::from_mins(30);

/// What a client sent.
enum Input {
    Command(Command),
    /// A string of it is too large.
    TooLarge,
    /// It breaks a rule of the grammar.
    Wrong(managesieve::Fault),
}

/// Whether a connection goes on.
enum Next {
    Go,
    Close,
}

struct Connection {
    door: ManageSieve,
    conn: Conn,
    session: Option<Box<Session>>,
    mistakes: u32,
    refusals: u32,
}

/// Serves a connection to its end.
pub(crate) async fn run(door: ManageSieve, mut conn: Conn) {
    conn.set_read_patience(EARLY);
    let mut connection = Connection { door, conn, session: None, mistakes: 0, refusals: 0 };
    let farewell = match connection.serve().await {
        Ok(()) => None,
        Err(Fault::Stopping) => Some("The server stops; come back in a moment"),
        Err(Fault::Ended) => Some("The session was ended"),
        Err(Fault::TimedOut) => Some("Silent for too long"),
        Err(Fault::TooLong) => Some("A line is too long"),
        Err(_) => return,
    };
    if let Some(text) = farewell {
        connection.status(Status::Bye, None, text);
    }
    connection.conn.close().await;
}

impl Connection {
    async fn serve(&mut self) -> Result<(), Fault> {
        self.capabilities("Ready");
        loop {
            if !self.conn.buffered().contains(&b'\n') {
                self.conn.flush().await?;
            }
            let next = match self.read().await? {
                Input::Command(command) => self.command(command).await?,
                Input::TooLarge => {
                    self.status(Status::No, Some(&Code::QuotaMaxSize), "Larger than a script may be");
                    Next::Go
                }
                Input::Wrong(fault) => {
                    self.mistakes += 1;
                    self.status(Status::No, None, &fault.to_string());
                    Next::Go
                }
            };
            if self.mistakes >= MISTAKES || self.refusals >= REFUSALS {
                self.status(Status::Bye, None, "Too many mistakes");
                return Ok(());
            }
            if matches!(next, Next::Close) {
                return Ok(());
            }
        }
    }

    fn status(&mut self, status: Status, code: Option<&Code>, text: &str) {
        let mut out = Vec::new();
        write_status(&mut out, status, code, text);
        self.conn.put(&out);
    }

    fn most_bytes(&self) -> u64 {
        self.session.as_ref().map_or(EARLY_BYTES, |session| session.ctx.limits.sieve_script_bytes)
    }

    /// Reads a command with its literals.
    async fn read(&mut self) -> Result<Input, Fault> {
        let mut bytes = self.conn.read_line(LINE_BYTES, LineEnd::Lenient).await?.to_vec();
        let mut too_large = false;
        loop {
            let size = match managesieve::command(&bytes) {
                Ok(Scan::Literal(size)) => size,
                Ok(Scan::Whole(_)) if too_large => return Ok(Input::TooLarge),
                Ok(Scan::Whole(command)) => return Ok(Input::Command(command)),
                Err(fault) => return Ok(Input::Wrong(fault)),
            };
            if size > self.most_bytes() {
                self.skip(size).await?;
                too_large = true;
                // In its place stands the empty string, so that the rest of the command can be read.
                let at = bytes.iter().rposition(|byte| *byte == b'{').unwrap_or(0);
                bytes.truncate(at);
                bytes.extend_from_slice(b"\"\"");
            } else {
                let size = usize::try_from(size).map_err(|_| Fault::TooLong)?;
                bytes.extend_from_slice(b"\r\n");
                bytes.extend_from_slice(&self.conn.read_literal(size).await?);
            }
            bytes.extend_from_slice(&self.conn.read_line(LINE_BYTES, LineEnd::Lenient).await?);
        }
    }

    async fn skip(&mut self, size: u64) -> Result<(), Fault> {
        if size > SKIPPED_BYTES {
            return Err(Fault::TooLong);
        }
        let mut left = usize::try_from(size).map_err(|_| Fault::TooLong)?;
        while left > 0 {
            left -= self.conn.read_some(left).await?.len();
        }
        Ok(())
    }

    async fn command(&mut self, command: Command) -> Result<Next, Fault> {
        match command {
            Command::Logout => {
                self.status(Status::Ok, None, "Goodbye");
                return Ok(Next::Close);
            }
            Command::Capability => self.capabilities(""),
            Command::Noop(tag) => self.status(Status::Ok, tag.map(Code::Tag).as_ref(), "Done"),
            Command::StartTls => return self.start_tls().await,
            Command::Authenticate { mechanism, initial } => self.authenticate(&mechanism, initial).await?,
            Command::Unauthenticate if self.session.is_some() => {
                self.session = None;
                self.conn.set_read_patience(EARLY);
                self.status(Status::Ok, None, "Logged out");
            }
            other => {
                if let Some(session) = &self.session {
                    let mut out = Vec::new();
                    scripts::run(&mut out, self.door.mail.filter(), session, other).await;
                    self.conn.write(&out).await?;
                } else {
                    self.mistakes += 1;
                    self.status(Status::No, None, "Log in first");
                }
            }
        }
        Ok(Next::Go)
    }

    /// Says what the server can do here and now (section 1.7).
    fn capabilities(&mut self, text: &str) {
        let caller = self.door.authenticator.caller(&self.conn, Door::Sieve);
        let mechanisms: Vec<&str> =
            Authenticator::mechanisms(&caller, self.door.in_clear).into_iter().map(Mechanism::name).collect();
        let redirects = self.limits_of().limits.sieve_redirects.to_string();
        let mut out = Vec::new();
        let mut line = |name: &str, value: Option<&str>| {
            write_string(&mut out, name.as_bytes());
            if let Some(value) = value {
                out.push(b' ');
                write_string(&mut out, value.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        };
        line("IMPLEMENTATION", Some("Beffroi"));
        line("VERSION", Some("1.0"));
        line("SASL", Some(&if self.session.is_some() { String::new() } else { mechanisms.join(" ") }));
        line("SIEVE", Some(&EXTENSIONS.join(" ")));
        line("MAXREDIRECTS", Some(&redirects));
        if self.door.tls.is_some() && !self.conn.is_tls() && self.session.is_none() {
            line("STARTTLS", None);
        }
        if let Some(session) = &self.session {
            line("OWNER", Some(&session.address));
            line("UNAUTHENTICATE", None);
        }
        write_status(&mut out, Status::Ok, None, text);
        self.conn.put(&out);
    }

    fn limits_of(&self) -> &Ctx {
        match &self.session {
            Some(session) => &session.ctx,
            None => self.door.authenticator.ctx(),
        }
    }

    /// Section 2.2: the capabilities are said again, and nothing from before counts.
    async fn start_tls(&mut self) -> Result<Next, Fault> {
        let Some(tls) = self.door.tls.clone().filter(|_| !self.conn.is_tls() && self.session.is_none())
        else {
            self.status(Status::No, None, "TLS cannot begin here");
            return Ok(Next::Go);
        };
        self.status(Status::Ok, None, "Begin TLS");
        self.conn.flush().await?;
        self.conn.start_tls(tls.config()).await?;
        self.capabilities("TLS began");
        Ok(Next::Go)
    }

    async fn authenticate(&mut self, mechanism: &str, initial: Option<Vec<u8>>) -> Result<(), Fault> {
        if self.session.is_some() {
            self.status(Status::No, None, "Logged in already");
            return Ok(());
        }
        let caller = self.door.authenticator.caller(&self.conn, Door::Sieve);
        let offered = Authenticator::mechanisms(&caller, self.door.in_clear);
        let known = Mechanism::parse(mechanism);
        let Some(mechanism) = known.filter(|mechanism| offered.contains(mechanism)) else {
            self.mistakes += 1;
            let clear = known.is_some() && !self.conn.is_tls();
            let code = clear.then_some(Code::EncryptNeeded);
            self.status(Status::No, code.as_ref(), "This mechanism is not offered here");
            return Ok(());
        };
        let authenticator = self.door.authenticator.clone();
        match login::exchange(&mut self.conn, &authenticator, caller, mechanism, initial).await? {
            Outcome::In(session) => {
                self.session = Some(session);
                self.conn.set_read_patience(IDLE);
            }
            Outcome::Refused => self.refusals += 1,
        }
        Ok(())
    }
}
