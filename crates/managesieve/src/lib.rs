//! ManageSieve (RFC 5804): people keep their filters with a program of their choice.
//!
//! What must stay true here:
//! - Scripts are read and written by [`mail::sieve::Filter`] with the rights of who logged in.
//! - A literal is read within its limit, or skipped within another; it never fills the memory.
//! - No password is taken in clear, unless the configuration says so.

mod answer;
mod login;
mod scripts;
mod session;

use mail::Mail;
use wire::auth::Authenticator;
use wire::tls::TlsSource;
use wire::{Conn, Protocol};

/// The door.
#[derive(Clone)]
pub struct ManageSieve {
    mail: Mail,
    authenticator: Authenticator,
    tls: Option<TlsSource>,
    in_clear: bool,
}

impl ManageSieve {
    /// A door to the filters of `mail`. With `tls`, STARTTLS is offered; `in_clear` lets passwords pass without it.
    pub fn new(mail: Mail, authenticator: Authenticator, tls: Option<TlsSource>, in_clear: bool) -> Self {
        Self { mail, authenticator, tls, in_clear }
    }
}

impl Protocol for ManageSieve {
    fn name(&self) -> &'static str {
        "managesieve"
    }

    async fn serve(&self, conn: Conn) {
        session::run(self.clone(), conn).await;
    }

    fn full(&self) -> &'static [u8] {
        b"BYE (TRYLATER) \"Too many connections\"\r\n"
    }
}
