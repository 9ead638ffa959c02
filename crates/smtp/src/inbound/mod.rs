//! Mail that comes to us: SMTP from other servers, LMTP from a local relay, submission by people. One session for
//! all three; what differs is a [`Profile`].
//!
//! What must stay true here:
//! - 250 to the end of a message is said only after it is durable for every recipient that it is said for.
//! - Nothing is relayed for strangers: outside recipients are taken from people who logged in, from networks that
//!   may relay, and where an alias or a forward of ours leads outside.
//! - A message with a bare carriage return or line feed is refused.
//! - Answers to commands that came together are sent together.

mod accept;
mod command;
mod data;
mod envelope;
mod hello;
mod login;
mod rates;
mod recipients;
mod remainder;
pub(crate) mod reply;
mod session;
mod submit;
pub(crate) mod trace;

use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Ctx, Door};
use directory::throttle::Network;
use mail::Mail;
use wire::auth::Authenticator;
use wire::tls::TlsSource;
use wire::{Conn, Networks, Protocol};

use crate::checks::Checks;
use rates::Rates;

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Other servers hand over mail for our domains.
    Smtp,
    /// A relay on the same machine or network does, by LMTP (RFC 2033).
    Lmtp,
    /// People send mail (RFC 6409).
    Submission,
}

impl Profile {
    /// The door, as it stands in the history.
    pub const fn door(self) -> Door {
        match self {
            Self::Smtp => Door::Smtp,
            Self::Lmtp => Door::Lmtp,
            Self::Submission => Door::Submission,
        }
    }
}

/// How mail is taken.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of this server in greetings and trace fields.
    pub hostname: String,
    /// Networks that are trusted: they may use LMTP, may say by XCLIENT who their client is, and are not checked.
    pub trusted: Networks,
    /// Networks that may send to outside addresses without a login.
    pub relay_from: Networks,
    /// Whether passwords are taken over connections that are not encrypted.
    pub login_in_clear: bool,
    /// Whether what a person submits is put into its mailbox for sent mail.
    pub sent_copy: bool,
    /// Who receives mail for `postmaster` without a domain; none: nobody.
    pub postmaster: Option<String>,
}

impl Settings {
    /// Usual settings under a name: the machine itself is trusted.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            trusted: Networks::loopback(),
            relay_from: Networks::default(),
            login_in_clear: false,
            sent_copy: false,
            postmaster: None,
        }
    }
}

/// Takes mail under a profile. Cheap to clone.
#[derive(Clone)]
pub struct Inbound(Arc<Inner>);

struct Inner {
    profile: Profile,
    settings: Settings,
    mail: Mail,
    ctx: Ctx,
    authenticator: Option<Authenticator>,
    tls: Option<TlsSource>,
    checks: Option<Checks>,
    rates: Counted,
}

/// What is counted per hour.
#[derive(Default)]
struct Counted {
    messages: Rates<Network>,
    recipients: Rates<AccountId>,
}

impl Inbound {
    /// Takes mail. `ctx` is the program's own; `tls` offers STARTTLS; submission needs an authenticator; `checks`
    /// look at what other servers hand over.
    pub fn new(
        profile: Profile,
        settings: Settings,
        mail: Mail,
        ctx: &Ctx,
        authenticator: Option<Authenticator>,
        tls: Option<TlsSource>,
        checks: Option<Checks>,
    ) -> Self {
        let ctx = ctx.with_actor(base::Actor::system(), profile.door(), base::SessionId(0));
        let rates = Counted::default();
        Self(Arc::new(Inner { profile, settings, mail, ctx, authenticator, tls, checks, rates }))
    }
}

impl Protocol for Inbound {
    fn name(&self) -> &'static str {
        self.0.profile.door().name()
    }

    async fn serve(&self, mut conn: Conn) {
        conn.set_read_patience(Duration::from_secs(self.0.ctx.limits.smtp_silence_seconds));
        session::Session::new(self.0.clone(), conn).run().await;
    }

    fn full(&self) -> &'static [u8] {
        b"421 4.3.2 too many connections; try again later\r\n"
    }
}
