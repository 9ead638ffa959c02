//! POP3 (RFC 1939): the inbox for programs that fetch mail and take it away.
//!
//! What must stay true here:
//! - A session sees the inbox as it was when it logged in; what others do meanwhile harms neither them nor it. There is
//!   no lock: several sessions may read, and remove, at the same time.
//! - Nothing is removed before `QUIT`, and then in one commit (RFC 1939 section 6).
//! - Messages are sent in pieces: a session holds one piece, whatever the size of the message.
//! - No password is taken in clear, unless the configuration says so.

mod answer;
mod login;
mod maildrop;
mod session;

use mail::Mail;
use wire::auth::Authenticator;
use wire::tls::TlsSource;
use wire::{Conn, Protocol};

/// The door.
#[derive(Clone)]
pub struct Pop3 {
    mail: Mail,
    authenticator: Authenticator,
    tls: Option<TlsSource>,
    in_clear: bool,
}

impl Pop3 {
    /// A door to the inboxes of `mail`. With `tls`, STLS is offered; `in_clear` lets passwords pass without it.
    pub fn new(mail: Mail, authenticator: Authenticator, tls: Option<TlsSource>, in_clear: bool) -> Self {
        Self { mail, authenticator, tls, in_clear }
    }
}

impl Protocol for Pop3 {
    fn name(&self) -> &'static str {
        "pop3"
    }

    async fn serve(&self, conn: Conn) {
        session::run(self.clone(), conn).await;
    }

    fn full(&self) -> &'static [u8] {
        b"-ERR [SYS/TEMP] Too many connections\r\n"
    }
}
