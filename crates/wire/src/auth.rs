//! Someone who proved who it is, over the directory: by password, by SCRAM, or by a token of one of our sessions.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use base::{AccountId, Ctx, Door, Error, Meaning, OrganisationId, Result, Secret, SessionId};
use directory::login::{Answer, Credentials, LoggedIn};
use directory::sessions::{self, NewSession};
use directory::{Directory, ScramLogin};

pub use crate::book::Watch;
use crate::book::{Book, Entry};
use crate::sasl::{Bindings, Exchange, Malformed, Mechanism, Step};
use crate::tls::TlsSource;
use crate::{Conn, Interrupt};

/// Knows whose tokens of others are: of providers that people log in at.
pub trait Tokens: Send + Sync {
    /// Who holds a token, at a door; `name` is the name that came with it, which may be empty.
    ///
    /// # Errors
    /// `Forbidden` when it opens nothing, `Unavailable`.
    fn logged_in<'a>(
        &'a self,
        name: &'a str,
        token: &'a Secret,
        door: Door,
    ) -> Pin<Box<dyn Future<Output = Result<LoggedIn>> + Send + 'a>>;
}

/// Lets people in at the doors of a node. Cheap to clone; clones share the book of sessions, so a node has one.
#[derive(Clone)]
pub struct Authenticator {
    directory: Directory,
    ctx: Ctx,
    tls: Option<TlsSource>,
    book: Arc<Book>,
    tokens: Arc<OnceLock<Arc<dyn Tokens>>>,
}

/// Someone who is logged in on a connection. Its session ends when this is dropped.
pub struct Session {
    /// Who acts, through which door, in which session.
    pub ctx: Ctx,
    /// Its account.
    pub account: AccountId,
    /// Its organisation.
    pub organisation: OrganisationId,
    /// Its primary address.
    pub address: String,
    /// It used an app password.
    pub by_app_password: bool,
    _entry: Entry,
}

/// What is known of a connection that someone logs in on.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The door.
    pub door: Door,
    /// Where it comes from.
    pub address: IpAddr,
    /// The program, as it names itself.
    pub client: String,
    /// Whether the connection is encrypted.
    pub is_tls: bool,
    /// What the channel can be bound with.
    pub bindings: Bindings,
    /// Is told when the session is ended elsewhere.
    pub interrupt: Interrupt,
}

/// What follows a message of the client.
pub enum Turn {
    /// Send this and give the answer to [`Dialogue::answer`].
    Challenge(Vec<u8>),
    /// It is who it says; `last` goes with the success, or as one more challenge, whose answer is empty.
    Done {
        /// Who.
        session: Box<Session>,
        /// The server's proof, of mechanisms that have one.
        last: Option<Vec<u8>>,
    },
    /// It is not: `Forbidden`, `Limit` when it has to wait, `Invalid` for a message that is none, `Unavailable`.
    Failed(Error),
}

impl Authenticator {
    /// Lets people of a directory in. `ctx` is the program's own.
    pub fn new(directory: Directory, ctx: Ctx, tls: Option<TlsSource>) -> Self {
        let book = Book::new(directory.clone(), ctx.clone());
        Self { directory, ctx, tls, book, tokens: Arc::default() }
    }

    /// Takes tokens of others as well. The first who knows some stays.
    pub fn use_tokens(&self, tokens: Arc<dyn Tokens>) {
        let _ = self.tokens.set(tokens);
    }

    /// Who holds a token: of one of our own sessions, or of others.
    async fn holder(&self, name: &str, token: &Secret, door: Door) -> Result<LoggedIn> {
        let own = self.directory.login_by_token(&self.ctx, token, door).await;
        match (own, self.tokens.get()) {
            (Err(error), Some(tokens)) if error.meaning() == Meaning::Forbidden => {
                tokens.logged_in(name, token, door).await
            }
            (own, _) => own,
        }
    }

    /// The directory.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The program's own context, with the limits in force.
    pub fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// What is known of a connection.
    pub fn caller(&self, conn: &Conn, door: Door) -> Caller {
        let end_point = self
            .tls
            .as_ref()
            .filter(|_| conn.is_tls())
            .and_then(|source| source.end_point(conn.server_name()));
        let exporter = conn.tls_exporter().map(|bytes| bytes.to_vec());
        Caller {
            door,
            address: conn.peer().ip(),
            client: String::new(),
            is_tls: conn.is_tls(),
            bindings: Bindings { exporter, end_point },
            interrupt: conn.interrupt().clone(),
        }
    }

    /// The mechanisms that a connection may use, the preferred first. In clear none that shows a password, unless
    /// `in_clear` allows it.
    pub fn mechanisms(caller: &Caller, in_clear: bool) -> Vec<Mechanism> {
        Mechanism::ALL
            .into_iter()
            .filter(|mechanism| match mechanism {
                Mechanism::ScramSha256Plus => caller.bindings.is_some(),
                other => caller.is_tls || in_clear || !other.needs_tls(),
            })
            .collect()
    }

    /// Begins an exchange under a mechanism.
    pub fn begin(&self, caller: Caller, mechanism: Mechanism) -> Dialogue {
        let nonce = directory_nonce(&self.ctx);
        let plus_offered = caller.bindings.is_some();
        let exchange = Exchange::new(mechanism, caller.bindings.clone(), plus_offered, nonce);
        Dialogue { authenticator: self.clone(), caller, exchange, scram: None, refused: None }
    }

    /// Lets someone in by name and password: for protocols that have a command for it.
    ///
    /// # Errors
    /// `Forbidden` when anything is wrong, `Limit` when it has to wait, `Unavailable`.
    pub async fn password(&self, caller: &Caller, name: &str, password: Secret) -> Result<Session> {
        let logged_in = self.check(caller, name, password).await?;
        Ok(self.open(caller, logged_in))
    }

    /// Whether name and password are right, without a session: for protocols whose requests each carry them.
    ///
    /// # Errors
    /// As [`Authenticator::password`].
    pub async fn check(&self, caller: &Caller, name: &str, password: Secret) -> Result<LoggedIn> {
        let credentials = credentials(caller, name, password);
        match self.directory.login(&self.ctx, credentials).await? {
            Answer::LoggedIn(logged_in) if logged_in.must_change_password => {
                Err(Error::forbidden("login", "needs a new password first; set one on the web"))
            }
            Answer::LoggedIn(logged_in) => Ok(logged_in),
            Answer::NeedsCode(_) => Err(Error::forbidden(
                "login",
                "needs an app password here, since the account has a second factor; make one on the web",
            )),
        }
    }

    /// Learns that a session was ended elsewhere: for requests that stay open.
    pub fn watch(&self, session: SessionId) -> Watch {
        self.book.watch(session)
    }

    /// Ends the waiting of all who watch sessions: the server stops.
    pub fn stop(&self) {
        self.book.stop();
    }

    /// The session of someone who is let in. Its row is written behind.
    pub fn open(&self, caller: &Caller, logged_in: LoggedIn) -> Session {
        let (account, organisation) = (logged_in.actor.account, logged_in.actor.organisation);
        let id = sessions::new_id(&self.ctx);
        let new = NewSession {
            account,
            organisation,
            door: caller.door,
            client: caller.client.clone(),
            network_address: caller.address.to_string(),
            lifetime_ms: 0,
            with_token: false,
            app_password: logged_in.app_password,
        };
        let entry = self.book.begin(id, new, caller.interrupt.clone());
        Session {
            ctx: Ctx { tree: logged_in.tree, ..self.ctx.with_actor(logged_in.actor, caller.door, id) },
            account,
            organisation,
            address: logged_in.address,
            by_app_password: logged_in.app_password.is_some(),
            _entry: entry,
        }
    }

    /// Writes the rows of sessions that wait, and looks for sessions that were ended elsewhere: at the end of the
    /// program, and whenever somebody logged out everywhere on this node.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn settle(&self) -> Result<()> {
        self.book.write().await?;
        self.book.look().await
    }
}

fn directory_nonce(ctx: &Ctx) -> String {
    ctx.random.bytes::<18>().iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn credentials(caller: &Caller, name: &str, password: Secret) -> Credentials {
    Credentials {
        name: name.to_owned(),
        password,
        code: None,
        door: caller.door,
        network_address: Some(caller.address),
    }
}

/// An exchange of messages with a client that proves who it is.
pub struct Dialogue {
    authenticator: Authenticator,
    caller: Caller,
    exchange: Exchange,
    scram: Option<Box<ScramLogin>>,
    /// The refusal that the client hears after it answered the challenge that goes with it.
    refused: Option<Error>,
}

impl Dialogue {
    /// What is sent to a client that sent nothing with its command.
    pub fn first_challenge(&self) -> &'static [u8] {
        self.exchange.first_challenge()
    }

    /// Takes a message of the client.
    pub async fn answer(&mut self, message: &[u8]) -> Turn {
        if let Some(error) = self.refused.take() {
            return Turn::Failed(error);
        }
        match self.step(message).await {
            Ok(turn) => turn,
            Err(error) => Turn::Failed(error),
        }
    }

    async fn step(&mut self, message: &[u8]) -> Result<Turn> {
        match self.exchange.respond(message).map_err(malformed)? {
            Step::Challenge(challenge) => Ok(Turn::Challenge(challenge)),
            Step::Password { authorize, name, password } => {
                same(&authorize, &name)?;
                let session = self.authenticator.password(&self.caller, &name, password).await?;
                Ok(Turn::Done { session: Box::new(session), last: None })
            }
            Step::Keys { authorize, name } => {
                same(&authorize, &name)?;
                let credentials = credentials(&self.caller, &name, Secret::default());
                let Authenticator { directory, ctx, .. } = &self.authenticator;
                let begun = directory.begin_scram(ctx, credentials).await?;
                let challenge = self.exchange.keys(begun.keys().clone()).map_err(malformed)?;
                self.scram = Some(Box::new(begun));
                Ok(Turn::Challenge(challenge))
            }
            Step::Token { authorize, token } => self.token(&authorize, &token).await,
            Step::Proven { last } => {
                let begun = self.scram.take().ok_or_else(wrong)?;
                let Authenticator { directory, ctx, .. } = &self.authenticator;
                let logged_in = directory.finish_scram(ctx, *begun).await?;
                let session = self.authenticator.open(&self.caller, logged_in);
                Ok(Turn::Done { session: Box::new(session), last: Some(last) })
            }
            Step::Wrong => Err(wrong()),
        }
    }

    async fn token(&mut self, authorize: &str, token: &Secret) -> Result<Turn> {
        let found =
            self.authenticator.holder(authorize, token, self.caller.door).await.and_then(|logged_in| {
                same(authorize, &logged_in.address)?;
                Ok(logged_in)
            });
        match (found, self.exchange.refusal()) {
            (Ok(logged_in), _) => {
                let session = self.authenticator.open(&self.caller, logged_in);
                Ok(Turn::Done { session: Box::new(session), last: None })
            }
            (Err(error), Some(refusal)) if error.meaning() == Meaning::Forbidden => {
                self.refused = Some(error);
                Ok(Turn::Challenge(refusal.to_vec()))
            }
            (Err(error), _) => Err(error),
        }
    }
}

fn wrong() -> Error {
    Error::forbidden("login", "address or password is wrong")
}

fn malformed(Malformed(rule): Malformed) -> Error {
    Error::invalid("login", rule)
}

/// Nobody acts as another: what one may do in another's mailbox is a matter of shares.
fn same(authorize: &str, name: &str) -> Result<()> {
    if authorize.is_empty() || authorize.eq_ignore_ascii_case(name) {
        return Ok(());
    }
    Err(Error::forbidden("login", "acts as itself only; leave the authorization identity empty"))
}
