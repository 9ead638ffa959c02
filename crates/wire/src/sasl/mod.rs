//! SASL mechanisms (RFC 4422), the server's side: bytes in, what is to be done out. They know no directory, no
//! protocol and no clock.

mod bearer;
mod plain;
mod scram;

use base::Secret;
use directory::credentials::ScramKeys;

/// Bytes of one message of a client: a token of an identity provider is the largest.
pub const MAX_MESSAGE_BYTES: usize = 16_384;

/// A mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// SCRAM-SHA-256 with channel binding (RFC 5802, RFC 7677, RFC 9266).
    ScramSha256Plus,
    /// SCRAM-SHA-256 (RFC 7677).
    ScramSha256,
    /// A bearer token (RFC 7628).
    OAuthBearer,
    /// The older form of a bearer token that large providers use.
    XOAuth2,
    /// Name and password in one message (RFC 4616).
    Plain,
    /// Name and password in two messages, for older clients.
    Login,
}

impl Mechanism {
    /// All, the preferred first.
    pub const ALL: [Self; 6] = [
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::OAuthBearer,
        Self::XOAuth2,
        Self::Plain,
        Self::Login,
    ];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// The mechanism with that name, whatever its case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// Whether it shows a password or token to whoever listens on the way.
    pub const fn needs_tls(self) -> bool {
        !matches!(self, Self::ScramSha256)
    }
}

/// What a connection gives for channel binding, by the names of RFC 5929 and RFC 9266.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    /// `tls-exporter`.
    pub exporter: Option<Vec<u8>>,
    /// `tls-server-end-point`.
    pub end_point: Option<Vec<u8>>,
}

impl Bindings {
    /// Whether SCRAM-SHA-256-PLUS can be offered.
    pub fn is_some(&self) -> bool {
        self.exporter.is_some() || self.end_point.is_some()
    }
}

/// What is to be done after a message of the client.
#[derive(Debug)]
pub enum Step {
    /// Send this, and give the client's answer to [`Exchange::respond`].
    Challenge(Vec<u8>),
    /// See whether this is right.
    Password {
        /// Whom to act as; empty: the same.
        authorize: String,
        /// The login name.
        name: String,
        /// The password.
        password: Secret,
    },
    /// Find the keys of this login name and give them to [`Exchange::keys`].
    Keys {
        /// Whom to act as; empty: the same.
        authorize: String,
        /// The login name.
        name: String,
    },
    /// See whose token this is.
    Token {
        /// Whom to act as; empty: whose token it is.
        authorize: String,
        /// The token.
        token: Secret,
    },
    /// The client proved that it knows the password of the name that [`Step::Keys`] said. It gets `last` with the
    /// success, or as one more challenge where the protocol cannot send both.
    Proven {
        /// The server's proof.
        last: Vec<u8>,
    },
    /// The proof is wrong.
    Wrong,
}

/// A message that the mechanism does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// An exchange of messages under one mechanism.
pub struct Exchange(State);

enum State {
    Plain,
    Login(plain::Login),
    Scram(Box<scram::Scram>),
    OAuthBearer,
    XOAuth2,
}

impl Exchange {
    /// Begins an exchange. `plus_offered`: the client was offered SCRAM-SHA-256-PLUS. `nonce` is random, of
    /// printable characters without a comma.
    pub fn new(mechanism: Mechanism, bindings: Bindings, plus_offered: bool, nonce: String) -> Self {
        Self(match mechanism {
            Mechanism::Plain => State::Plain,
            Mechanism::Login => State::Login(plain::Login::default()),
            Mechanism::OAuthBearer => State::OAuthBearer,
            Mechanism::XOAuth2 => State::XOAuth2,
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => State::Scram(Box::new(scram::Scram::new(
                mechanism == Mechanism::ScramSha256Plus,
                bindings,
                plus_offered,
                nonce,
            ))),
        })
    }

    /// What the server says when the client sent nothing with its command.
    pub fn first_challenge(&self) -> &'static [u8] {
        match self.0 {
            State::Login(_) => plain::ASK_NAME,
            _ => b"",
        }
    }

    /// Takes a message of the client.
    ///
    /// # Errors
    /// [`Malformed`] ends the exchange.
    pub fn respond(&mut self, message: &[u8]) -> Result<Step, Malformed> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(Malformed("a message is too long"));
        }
        match &mut self.0 {
            State::Plain => plain::plain(message),
            State::Login(login) => login.respond(message),
            State::Scram(scram) => scram.respond(message),
            State::OAuthBearer => bearer::oauth_bearer(message),
            State::XOAuth2 => bearer::xoauth2(message),
        }
    }

    /// Gives the keys that [`Step::Keys`] asked for: the challenge to send.
    ///
    /// # Errors
    /// [`Malformed`] when none were asked for.
    pub fn keys(&mut self, keys: ScramKeys) -> Result<Vec<u8>, Malformed> {
        match &mut self.0 {
            State::Scram(scram) => scram.keys(keys),
            _ => Err(Malformed("no keys were asked for")),
        }
    }

    /// What the client is told with the refusal of its token; it answers that with anything before it hears of the
    /// refusal (RFC 7628 section 3.2.3).
    pub fn refusal(&self) -> Option<&'static [u8]> {
        match self.0 {
            State::OAuthBearer => Some(br#"{"status":"invalid_token"}"#),
            State::XOAuth2 => Some(br#"{"status":"401","schemes":"bearer"}"#),
            _ => None,
        }
    }
}

/// UTF-8 text without control characters.
fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed("is not UTF-8"))?;
    if text.chars().any(char::is_control) { Err(Malformed("holds a control character")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mechanisms_have_their_names() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::parse(&mechanism.name().to_ascii_lowercase()), Some(mechanism));
        }
        assert_eq!(Mechanism::parse("CRAM-MD5"), None);
    }
}
