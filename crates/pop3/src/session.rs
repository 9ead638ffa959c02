//! A connection from its greeting to its end.

use std::fmt::Write as _;
use std::time::Duration;

use base::{Door, Error, Secret};
use codec::pop3::{self, Command, Stuffer, Top};
use wire::auth::{Authenticator, Session};
use wire::sasl::Mechanism;
use wire::{Conn, Fault, LineEnd};

use crate::maildrop::{Maildrop, Message};
use crate::{Pop3, answer, login};

/// Bytes of a line: an initial response of a login is the longest.
const LINE_BYTES: usize = 32 * 1_024;
/// Bytes of a message that are held at a time.
const PIECE_BYTES: u64 = 128 * 1_024;
/// Commands that are none, and refused logins, before the server hangs up.
const MISTAKES: u32 = 20;
const REFUSALS: u32 = 3;
/// How long a client may be silent: before it is logged in, and after (RFC 1939 section 3: at least ten minutes).
const EARLY: Duration = Duration::from_mins(2);
const IDLE: Duration = Duration::from_mins(10);

/// Whether a connection goes on.
enum Next {
    Go,
    Close,
}

/// Where a session stands (RFC 1939 section 3).
enum State {
    /// Before the login; a name may have been given.
    Authorization(Option<String>),
    /// With a maildrop.
    Transaction(Box<Session>, Maildrop),
}

struct Connection {
    door: Pop3,
    conn: Conn,
    state: State,
    mistakes: u32,
    refusals: u32,
}

/// Serves a connection to its end.
pub(crate) async fn run(door: Pop3, mut conn: Conn) {
    conn.set_read_patience(EARLY);
    let state = State::Authorization(None);
    let mut connection = Connection { door, conn, state, mistakes: 0, refusals: 0 };
    let farewell = match connection.serve().await {
        Ok(()) => None,
        Err(Fault::Stopping) => Some("[SYS/TEMP] The server stops; come back in a moment"),
        Err(Fault::Ended) => Some("[AUTH] The session was ended"),
        Err(Fault::TimedOut) => Some("Silent for too long"),
        Err(Fault::TooLong) => Some("A line is too long"),
        Err(_) => return,
    };
    if let Some(text) = farewell {
        connection.say(&format!("-ERR {text}"));
    }
    connection.conn.close().await;
}

impl Connection {
    async fn serve(&mut self) -> Result<(), Fault> {
        self.say("+OK Beffroi is ready");
        loop {
            // Answers of commands that came together are sent together (RFC 2449 section 6.6).
            if !self.conn.buffered().contains(&b'\n') {
                self.conn.flush().await?;
            }
            let line = self.conn.read_line(LINE_BYTES, LineEnd::Lenient).await?;
            let next = match pop3::command(&line) {
                Ok(command) => self.command(command).await?,
                Err(fault) => {
                    self.mistakes += 1;
                    self.say(&format!("-ERR {fault}"));
                    Next::Go
                }
            };
            if self.mistakes >= MISTAKES || self.refusals >= REFUSALS {
                self.say("-ERR Too many mistakes");
                return Ok(());
            }
            if matches!(next, Next::Close) {
                return Ok(());
            }
        }
    }

    fn say(&mut self, line: &str) {
        self.conn.put(line.as_bytes());
        self.conn.put(b"\r\n");
    }

    async fn command(&mut self, command: Command) -> Result<Next, Fault> {
        match command {
            Command::Capa => self.capabilities(),
            Command::Lang(language) => self.language(language.as_deref()),
            Command::Quit => {
                self.quit().await;
                return Ok(Next::Close);
            }
            other => match self.state {
                State::Authorization(_) => self.before_login(other).await?,
                State::Transaction(..) => self.with_maildrop(other).await?,
            },
        }
        Ok(Next::Go)
    }

    /// RFC 2449 section 5 and 6.
    fn capabilities(&mut self) {
        let mut text = String::from("+OK What is offered here\r\n");
        let mut line = |words: &str| {
            let _ = write!(text, "{words}\r\n");
        };
        for words in
            ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "UTF8 USER", "LANG"]
        {
            line(words);
        }
        if matches!(self.state, State::Authorization(_)) {
            if self.takes_passwords() {
                line("USER");
            }
            if self.door.tls.is_some() && !self.conn.is_tls() {
                line("STLS");
            }
        }
        line(&format!("SASL {}", self.mechanisms().join(" ")));
        line("IMPLEMENTATION Beffroi");
        line(".");
        self.conn.put(text.as_bytes());
    }

    fn mechanisms(&self) -> Vec<&'static str> {
        let caller = self.door.authenticator.caller(&self.conn, Door::Pop3);
        let offered = Authenticator::mechanisms(&caller, self.door.in_clear);
        offered.into_iter().map(Mechanism::name).collect()
    }

    /// RFC 6856 section 3.
    fn language(&mut self, language: Option<&str>) {
        match language {
            None => self.conn.put(b"+OK\r\nen English\r\n.\r\n"),
            Some("*" | "i-default") => self.say("+OK en English it is"),
            Some(tag) if tag.eq_ignore_ascii_case("en") || tag.to_ascii_lowercase().starts_with("en-") => {
                self.say("+OK en English it is");
            }
            Some(_) => self.say("-ERR This language is not spoken here"),
        }
    }

    fn takes_passwords(&self) -> bool {
        self.conn.is_tls() || self.door.in_clear
    }

    async fn before_login(&mut self, command: Command) -> Result<(), Fault> {
        match command {
            Command::User(_) | Command::Pass(_) if !self.takes_passwords() => {
                self.mistakes += 1;
                self.say("-ERR Begin TLS first");
            }
            Command::User(name) => {
                self.state = State::Authorization(Some(name));
                self.say("+OK And the password");
            }
            Command::Pass(password) => self.password(Secret::new(password)).await,
            Command::Auth(None) => {
                let text = format!("+OK\r\n{}\r\n.", self.mechanisms().join("\r\n"));
                self.say(&text);
            }
            Command::Auth(Some((mechanism, initial))) => self.authenticate(&mechanism, initial).await?,
            Command::StartTls => return self.start_tls().await,
            Command::Utf8 => self.say("+OK"),
            _ => {
                self.mistakes += 1;
                self.say("-ERR Log in first");
            }
        }
        Ok(())
    }

    async fn start_tls(&mut self) -> Result<(), Fault> {
        let Some(tls) = self.door.tls.clone().filter(|_| !self.conn.is_tls()) else {
            self.say("-ERR TLS cannot begin here");
            return Ok(());
        };
        self.say("+OK Begin TLS");
        self.conn.flush().await?;
        self.state = State::Authorization(None);
        self.conn.start_tls(tls.config()).await
    }

    async fn password(&mut self, password: Secret) {
        let name = match &mut self.state {
            State::Authorization(name) => name.take(),
            State::Transaction(..) => None,
        };
        let Some(name) = name else {
            self.mistakes += 1;
            return self.say("-ERR The name comes first");
        };
        let caller = self.door.authenticator.caller(&self.conn, Door::Pop3);
        match self.door.authenticator.password(&caller, &name, password).await {
            Ok(session) => self.open(Box::new(session)).await,
            Err(error) => {
                self.refusals += 1;
                self.conn.put(answer::login_refusal(&error).as_bytes());
            }
        }
    }

    async fn authenticate(&mut self, mechanism: &str, initial: Option<String>) -> Result<(), Fault> {
        let caller = self.door.authenticator.caller(&self.conn, Door::Pop3);
        let offered = Authenticator::mechanisms(&caller, self.door.in_clear);
        let Some(mechanism) = Mechanism::parse(mechanism).filter(|one| offered.contains(one)) else {
            self.mistakes += 1;
            self.say("-ERR This mechanism is not offered here");
            return Ok(());
        };
        let authenticator = self.door.authenticator.clone();
        match login::exchange(&mut self.conn, &authenticator, caller, mechanism, initial).await? {
            Some(session) => self.open(session).await,
            None => self.refusals += 1,
        }
        Ok(())
    }

    async fn open(&mut self, session: Box<Session>) {
        match Maildrop::open(&self.door.mail, &session).await {
            Ok(maildrop) => {
                let (count, bytes) = maildrop.sum();
                self.state = State::Transaction(session, maildrop);
                self.conn.set_read_patience(IDLE);
                self.say(&format!("+OK {count} messages, {bytes} bytes"));
            }
            Err(error) => self.conn.put(answer::refusal(&error).as_bytes()),
        }
    }

    async fn with_maildrop(&mut self, command: Command) -> Result<(), Fault> {
        let State::Transaction(session, maildrop) = &mut self.state else { return Ok(()) };
        let unknown = "-ERR There is no such message";
        let line = match command {
            Command::Stat => {
                let (count, bytes) = maildrop.sum();
                format!("+OK {count} {bytes}")
            }
            Command::List(Some(number)) => match maildrop.get(number) {
                Some(message) => format!("+OK {number} {}", message.size),
                None => unknown.to_owned(),
            },
            Command::Uidl(Some(number)) => match maildrop.get(number) {
                Some(message) => format!("+OK {number} {}", maildrop.unique(&message)),
                None => unknown.to_owned(),
            },
            Command::List(None) => return self.list(|_, message| message.size.to_string()).await,
            Command::Uidl(None) => return self.list(Maildrop::unique).await,
            Command::Retr(number) => match maildrop.get(number) {
                Some(message) => return self.send(message, None).await,
                None => unknown.to_owned(),
            },
            Command::Top(number, lines) => match maildrop.get(number) {
                Some(message) => return self.send(message, Some(Top::new(lines))).await,
                None => unknown.to_owned(),
            },
            Command::Dele(_) if session.ctx.is_past() => {
                "-ERR This is shown as it was: nothing can be removed".to_owned()
            }
            Command::Dele(number) => match maildrop.get(number) {
                Some(_) => {
                    maildrop.delete(number);
                    "+OK It goes with QUIT".to_owned()
                }
                None => unknown.to_owned(),
            },
            Command::Rset => {
                maildrop.reset();
                "+OK".to_owned()
            }
            Command::Noop => "+OK".to_owned(),
            _ => {
                self.mistakes += 1;
                "-ERR Not for someone who is logged in".to_owned()
            }
        };
        self.say(&line);
        Ok(())
    }

    async fn list(&mut self, shown: impl Fn(&Maildrop, &Message) -> String) -> Result<(), Fault> {
        let State::Transaction(_, maildrop) = &self.state else { return Ok(()) };
        self.conn.put(b"+OK\r\n");
        for (number, message) in maildrop.iter() {
            self.conn.write(format!("{number} {}\r\n", shown(maildrop, message)).as_bytes()).await?;
        }
        self.conn.write(b".\r\n").await
    }

    /// Sends a message, or the top of it. An error after the first piece closes the connection: half a message must
    /// not look like a whole one.
    async fn send(&mut self, message: Message, mut top: Option<Top>) -> Result<(), Fault> {
        let State::Transaction(session, maildrop) = &self.state else { return Ok(()) };
        let (account, mailbox) = (session.account, maildrop.mailbox());
        let mut stuffer = Stuffer::default();
        let mut at = 0_u64;
        let mut out = Vec::new();
        loop {
            let range = at..at.saturating_add(PIECE_BYTES).min(message.size);
            let read = if range.is_empty() {
                Ok(bytes::Bytes::new())
            } else {
                self.door.mail.body(&session.ctx, account, mailbox, message.content, Some(range)).await
            };
            let piece = match read {
                Ok(piece) => piece,
                Err(error) if at == 0 => {
                    self.conn.put(answer::refusal(&gone(error)).as_bytes());
                    return Ok(());
                }
                Err(_) => return Err(Fault::Broken("message")),
            };
            if at == 0 {
                let most = if top.is_some() { String::new() } else { format!(" {} bytes", message.size) };
                self.conn.write(format!("+OK{most}\r\n").as_bytes()).await?;
            }
            at += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            let part = top.as_mut().map_or(&piece[..], |top| top.take(&piece));
            stuffer.write(&mut out, part);
            self.conn.write(&out).await?;
            out.clear();
            if piece.is_empty() || at >= message.size || top.as_ref().is_some_and(Top::is_done) {
                break;
            }
        }
        stuffer.end(&mut out);
        self.conn.write(&out).await
    }

    /// Removes what is marked, and says goodbye (RFC 1939 section 6).
    async fn quit(&mut self) {
        if let State::Transaction(session, maildrop) = &self.state {
            let (deleted, mailbox) = (maildrop.deleted(), maildrop.mailbox());
            if !deleted.is_empty()
                && self.door.mail.expunge(&session.ctx, session.account, mailbox, deleted).await.is_err()
            {
                return self.say("-ERR [SYS/TEMP] Some deleted messages were not removed");
            }
        }
        self.say("+OK Goodbye");
    }
}

/// A message that another session removed.
fn gone(error: Error) -> Error {
    match error.meaning() {
        base::Meaning::NotFound => Error::not_found("message"),
        _ => error,
    }
}
