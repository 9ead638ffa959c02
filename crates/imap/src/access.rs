//! Who is there and what was agreed on: STARTTLS, LOGIN, AUTHENTICATE, ENABLE, ID, COMPRESS, NAMESPACE.

use std::sync::Arc;
use std::time::Duration;

use base::{Door, Error, Meaning, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use codec::imap::{Authenticate, IdField, Login};
use wire::auth::{Authenticator, Caller, Session as Session_, Turn};
use wire::sasl::{MAX_MESSAGE_BYTES, Mechanism};
use wire::{Conn, LineEnd};

use crate::capability;
use crate::failure::{Failure, Result};
use crate::out::Out;
use crate::selected::Modes;
use crate::session::{Done, Session, State, Step};

impl Session {
    fn caller(&self, conn: &Conn) -> Caller {
        self.server.authenticator.caller(conn, Door::Imap)
    }

    /// Whether passwords may come in clear over this connection.
    fn in_clear(&self, conn: &Conn) -> bool {
        conn.is_tls() || (self.server.options.plain_from_loopback && conn.peer().ip().is_loopback())
    }

    /// What the client may do now.
    pub(crate) fn capabilities(&self, conn: &Conn) -> String {
        if !matches!(self.state, State::Anonymous) {
            return capability::after_login(&self.ctx().limits, conn.is_compressed());
        }
        let in_clear = self.in_clear(conn);
        let mechanisms = Authenticator::mechanisms(&self.caller(conn), in_clear);
        let starttls = self.server.options.tls.is_some() && !conn.is_tls();
        capability::before_login(&mechanisms, starttls, in_clear)
    }

    fn only_anonymous(&self) -> Result<()> {
        match self.state {
            State::Anonymous => Ok(()),
            _ => Err(Failure::bad("You are logged in already")),
        }
    }

    /// `STARTTLS`. What the client sent behind it is thrown away (RFC 9051 section 6.2.1).
    pub(crate) async fn start_tls(&mut self, tag: &str, out: &mut Out<'_>) -> Result<Done> {
        self.only_anonymous()?;
        let Some(tls) = self.server.options.tls.clone() else {
            return Err(Failure::bad("TLS is not offered here"));
        };
        if out.conn()?.is_tls() {
            return Err(Failure::bad("TLS is active already"));
        }
        out.text(tag);
        out.text(" OK Begin TLS now\r\n");
        out.flush().await?;
        out.conn()?.start_tls(tls.config()).await?;
        Ok(Done { silent: true, ..Done::default() })
    }

    /// `LOGIN`.
    pub(crate) async fn log_in(&mut self, login: Login, out: &mut Out<'_>) -> Result<Done> {
        self.only_anonymous()?;
        let conn = out.conn()?;
        if !self.in_clear(conn) {
            return Err(Failure::no("PRIVACYREQUIRED", "Use TLS before you send a password"));
        }
        let caller = self.caller(conn);
        let password = Secret::new(login.password);
        let session = self.server.authenticator.password(&caller, &login.user, password).await;
        self.let_in(session.map_err(refusal)?, out)
    }

    /// `AUTHENTICATE` (RFC 9051 section 6.2.2), with a first answer (RFC 4959).
    pub(crate) async fn authenticate(&mut self, wanted: Authenticate, out: &mut Out<'_>) -> Result<Done> {
        self.only_anonymous()?;
        let conn = out.conn()?;
        let caller = self.caller(conn);
        let in_clear = self.in_clear(conn);
        let Some(mechanism) = Mechanism::parse(&wanted.mechanism) else {
            return Err(Failure::no("", "There is no such mechanism"));
        };
        if !Authenticator::mechanisms(&caller, in_clear).contains(&mechanism) {
            if caller.is_tls {
                return Err(Failure::no("", "There is no such mechanism"));
            }
            return Err(Failure::no("PRIVACYREQUIRED", "Use TLS before you send a password"));
        }
        let mut dialogue = self.server.authenticator.begin(caller, mechanism);
        let mut message = match wanted.initial {
            Some(initial) => decoded(initial.as_bytes())?,
            None => respond(conn, dialogue.first_challenge()).await?,
        };
        loop {
            match dialogue.answer(&message).await {
                Turn::Challenge(challenge) => message = respond(conn, &challenge).await?,
                Turn::Done { session, last } => {
                    if let Some(last) = last {
                        // The server's proof goes as one more challenge, answered by an empty line.
                        respond(conn, &last).await?;
                    }
                    return self.let_in(*session, out);
                }
                Turn::Failed(error) => return Err(refusal(error)),
            }
        }
    }

    fn let_in(&mut self, session: Session_, out: &mut Out<'_>) -> Result<Done> {
        let seconds = session.ctx.limits.imap_idle_seconds;
        self.go(Step::LogIn(Arc::new(session)));
        let conn = out.conn()?;
        conn.set_read_patience(Duration::from_secs(seconds));
        let capabilities = self.capabilities(conn);
        Done::code(format!("CAPABILITY {capabilities}"), "Welcome")
    }

    /// `ENABLE` (RFC 5161): what is known is enabled, the rest passed over.
    pub(crate) fn enable(&mut self, names: &[String], out: &mut Out<'_>) -> Result<Done> {
        let mut enabled = Vec::new();
        for name in names {
            let mode = match name.as_str() {
                "CONDSTORE" => Modes::CONDSTORE,
                "QRESYNC" => Modes::QRESYNC,
                "IMAP4REV2" => Modes::REV2,
                "UTF8=ACCEPT" => Modes::UTF8,
                "UIDONLY" => Modes::UIDONLY,
                _ => continue,
            };
            if mode == Modes::CONDSTORE || mode == Modes::QRESYNC {
                self.use_modseqs(out);
            }
            self.modes.set(mode);
            enabled.push(if name == "IMAP4REV2" { "IMAP4rev2" } else { name.as_str() });
        }
        out.text("* ENABLED");
        for name in enabled {
            out.text(" ");
            out.text(name);
        }
        out.text("\r\n");
        Done::text("Enabled")
    }

    /// From now on MODSEQs are told: the first use of CONDSTORE (RFC 7162 section 3.1).
    pub(crate) fn use_modseqs(&mut self, out: &mut Out<'_>) {
        if self.modes.set(Modes::CONDSTORE)
            && let State::Selected(_, selected) = &self.state
        {
            let highest = selected.seq.0.max(1);
            out.untagged(format_args!("OK [HIGHESTMODSEQ {highest}] MODSEQs are told from now on"));
        }
    }

    /// `ID` (RFC 2971).
    pub(crate) fn id(fields: &[IdField], out: &mut Out<'_>) -> Result<Done> {
        let text = |name: &[u8]| {
            let found = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.and_then(|(_, value)| value.as_deref()).map(String::from_utf8_lossy)
        };
        tracing::debug!(name = ?text(b"name"), version = ?text(b"version"), "an IMAP client named itself");
        out.text("* ID (\"name\" \"Beffroi\")\r\n");
        Done::text("That is who I am")
    }

    /// `COMPRESS DEFLATE` (RFC 4978).
    pub(crate) async fn compress(&mut self, tag: &str, out: &mut Out<'_>) -> Result<Done> {
        if out.conn()?.is_compressed() {
            return Err(Failure::no("COMPRESSIONACTIVE", "Compression is active already"));
        }
        out.text(tag);
        out.text(" OK Compression begins\r\n");
        out.flush().await?;
        out.conn()?.start_deflate().await?;
        Ok(Done { silent: true, ..Done::default() })
    }

    /// `NAMESPACE` (RFC 2342).
    pub(crate) fn namespace(out: &mut Out<'_>) -> Result<Done> {
        out.text("* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) ((\"Shared/\" \"/\"))\r\n");
        Done::text("These are the namespaces")
    }
}

/// Sends a challenge and reads the answer.
async fn respond(conn: &mut Conn, challenge: &[u8]) -> Result<Vec<u8>> {
    conn.write(format!("+ {}\r\n", STANDARD.encode(challenge)).as_bytes()).await?;
    conn.flush().await?;
    // Base64 has four bytes for three.
    let line = conn.read_line(MAX_MESSAGE_BYTES / 3 * 4 + 4, LineEnd::Strict).await?;
    if &*line == b"*" {
        return Err(Failure::bad("You gave up"));
    }
    decoded(&line)
}

fn decoded(text: &[u8]) -> Result<Vec<u8>> {
    if text == b"=" {
        return Ok(Vec::new());
    }
    STANDARD.decode(text).map_err(|_| Failure::bad("That is no base64"))
}

/// What a client hears that could not prove who it is (RFC 5530).
fn refusal(error: Error) -> Failure {
    let code = match error.meaning() {
        Meaning::Forbidden | Meaning::NotFound => "AUTHENTICATIONFAILED",
        Meaning::Limit => "LIMIT",
        Meaning::Invalid => return Failure::bad(error.to_string()),
        _ => return error.into(),
    };
    Failure::no(code, error.to_string())
}
