//! The IMAP door: `IMAP4rev1` (RFC 3501) and `IMAP4rev2` (RFC 9051) with their extensions.
//!
//! What must stay true here:
//! - A session keeps numbers, no messages: which mailbox, which UIDs the client knows, up to which commit.
//! - No lock and no transaction is held while something is written to a client.
//! - Sequence numbers change only when the client was told, and messages are told gone only when the RFC allows it.
//! - The buffers and the future of a command are gone when it is answered: an idle connection costs kilobytes.

mod access;
mod acl;
mod append;
mod capability;
mod dispatch;
pub mod failure;
pub mod fetch;
mod fetching;
mod finding;
mod flags;
mod gather;
mod idle;
mod list;
mod mailboxes;
mod messages;
mod metadata;
mod names;
mod notify;
pub mod out;
mod quota;
pub mod search;
mod select;
pub mod selected;
mod session;
pub mod sort;
mod status;
mod sync;
pub mod thread;
pub mod updates;

use std::sync::Arc;

use base::Ctx;
use mail::Mail;
use wire::auth::Authenticator;
use wire::tls::TlsSource;
use wire::{Conn, Protocol};

/// How the door is open.
#[derive(Clone, Default)]
pub struct Options {
    /// Certificates for STARTTLS; without them it is not offered.
    pub tls: Option<TlsSource>,
    /// Passwords may come in clear from the machine itself.
    pub plain_from_loopback: bool,
}

/// What all sessions share.
pub(crate) struct Server {
    pub mail: Mail,
    pub authenticator: Authenticator,
    pub ctx: Ctx,
    pub options: Options,
}

/// The IMAP door. Cheap to clone.
#[derive(Clone)]
pub struct Imap(Arc<Server>);

impl Imap {
    /// The door to `mail` for those whom `authenticator` lets in. `ctx` is the program's own.
    pub fn new(mail: Mail, authenticator: Authenticator, ctx: Ctx, options: Options) -> Self {
        Self(Arc::new(Server { mail, authenticator, ctx, options }))
    }
}

impl Protocol for Imap {
    fn name(&self) -> &'static str {
        "imap"
    }

    fn serve(&self, conn: Conn) -> impl Future<Output = ()> + Send {
        session::Session::new(self.0.clone()).run(conn)
    }

    fn full(&self) -> &'static [u8] {
        b"* BYE [UNAVAILABLE] Too many connections; try again later\r\n"
    }
}
