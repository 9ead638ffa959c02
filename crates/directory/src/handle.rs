//! The directory as doors and commands hold it: changes as commits of the organisation's account, logins, and
//! what was changed by SQL.

use std::net::IpAddr;
use std::sync::Arc;

use base::{AccountId, Actor, Ctx, Door, Error, OrganisationId, Result, Secret, Seq, SessionId};
use kernel::{Batch, CommitInfo, Kernel};
use store::{Read, Tx};

use crate::credentials::passkeys::Passkey;
use crate::credentials::{self, Hasher, ScramKeys};
use crate::edit::{Edit, Note};
use crate::fields::Given;
use crate::login::{self, Answer, Credentials, LoggedIn, Proof, TreeNames};
use crate::organisations;
use crate::roles::{self, Place, Verb};
use crate::sql_changes;
use crate::throttle::{Attempt, Network, Throttle};
use crate::web_sessions::{self, WebSession};

/// The directory over a kernel. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    kernel: Kernel,
    hasher: Hasher,
    throttle: Throttle,
    login_domain: Arc<str>,
    trees: Arc<TreeNames>,
}

impl Directory {
    /// A directory over a kernel whose store was opened with [`crate::PART`].
    pub fn new(kernel: Kernel, hasher: Hasher) -> Self {
        Self {
            kernel,
            hasher,
            throttle: Throttle::default(),
            login_domain: Arc::default(),
            trees: Arc::default(),
        }
    }

    /// The same directory, where a login name without a domain is one of `domain`; empty: of none.
    #[must_use]
    pub fn with_login_domain(self, domain: &str) -> Self {
        Self { login_domain: domain.into(), ..self }
    }

    /// The same directory, where domains in login names begin so for what the history shows.
    #[must_use]
    pub fn with_tree_names(self, names: TreeNames) -> Self {
        Self { trees: names.into(), ..self }
    }

    /// What domains in login names begin with for what the history shows.
    pub fn tree_names(&self) -> &TreeNames {
        &self.trees
    }

    /// The same try with a whole address as its name.
    fn completed(&self, credentials: Credentials) -> Credentials {
        if self.login_domain.is_empty() || credentials.name.contains('@') {
            return credentials;
        }
        let name = format!("{}@{}", credentials.name.trim(), self.login_domain);
        Credentials { name, ..credentials }
    }

    /// The kernel below.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Hashes and verifies passwords.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Reads on one snapshot.
    ///
    /// # Errors
    /// Those of `run`, and `Unavailable`.
    pub async fn read<T, F>(&self, run: F) -> Result<T>
    where
        F: FnOnce(&mut Read<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.kernel.store().read(run).await
    }

    /// Changes an organisation's directory: one transaction, one commit of the organisation's account. `run` may
    /// run again.
    ///
    /// # Errors
    /// Those of `run`; `NotFound` for another's organisation.
    pub async fn edit<T, F>(&self, ctx: &Ctx, organisation: OrganisationId, run: F) -> Result<T>
    where
        F: Fn(&mut Edit<'_, '_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        organisations::require_member(ctx, organisation, "organisation")?;
        let account = self.read(move |tx| organisations::account(tx, organisation)).await?;
        let own = ctx.clone();
        self.kernel
            .write(&elevated(ctx), account, move |batch| {
                with_history(batch, |tx| {
                    let mut edit = Edit::new(tx, &own, organisation);
                    let done = run(&mut edit)?;
                    Ok((done, edit.into_notes()))
                })
            })
            .await
    }

    /// Creates an organisation.
    ///
    /// # Errors
    /// `Forbidden` for all but the program itself, `Invalid`, `Conflict` when the name is taken.
    pub async fn create_organisation(
        &self,
        ctx: &Ctx,
        name: &str,
        given: Given<'_>,
    ) -> Result<OrganisationId> {
        let (own, name) = (ctx.clone(), name.to_owned());
        let given: Vec<(String, String)> =
            given.iter().map(|(field, text)| ((*field).to_owned(), (*text).to_owned())).collect();
        self.kernel
            .write_many(&elevated(ctx), Vec::new(), move |many| {
                let organisation = organisations::reserve(many.tx(), &own, &name)?;
                let now = own.now_ms();
                let account = kernel::create_accounts(many.tx(), organisation, "organisation", 1, now)?
                    .into_iter()
                    .next()
                    .ok_or_else(|| Error::corrupt("account", "was not made"))?;
                many.batch(account, |batch| {
                    with_history(batch, |tx| {
                        let mut edit = Edit::new(tx, &own, organisation);
                        let given: Vec<(&str, &str)> =
                            given.iter().map(|(field, text)| (field.as_str(), text.as_str())).collect();
                        organisations::create(&mut edit, account, &name, &given)?;
                        Ok((organisation, edit.into_notes()))
                    })
                })
            })
            .await
    }

    /// Tries to log in. Every wrong name or password gets the same answer after the same time.
    ///
    /// # Errors
    /// `Forbidden` when anything is wrong, `Limit` when it has to wait, `TooLarge` for an endless password.
    pub async fn login(&self, ctx: &Ctx, credentials: Credentials) -> Result<Answer> {
        let most = ctx.limits.password_bytes;
        if u64::try_from(credentials.password.expose().len()).unwrap_or(u64::MAX) > most {
            return Err(Error::too_large("password", format!("has at most {most} bytes")));
        }
        let credentials = self.completed(credentials);
        let network = credentials.network_address.map(Network::of);
        let (own, asked) = (ctx.clone(), credentials.clone());
        let trees = self.trees.clone();
        let known = self.read(move |tx| login::look_up(tx, &own, &asked, network, &trees)).await?;
        let is_known_network = known.as_ref().is_some_and(|known| known.network_seen_at.is_some());
        let name = self.trees.counted(&credentials.name);
        let attempt = self.throttle.begin(&ctx.limits, ctx.now_ms(), &name, network, is_known_network)?;
        let (answer, after) = login::verify(&self.hasher, ctx, &credentials, known, network).await?;
        self.note_login(ctx, after, &attempt).await?;
        Ok(answer)
    }

    /// Begins a login by SCRAM: keys to prove a password against. A name that nobody has gets keys as well, which
    /// no password proves. The try is counted as a wrong one until [`Directory::finish_scram`] takes it back.
    ///
    /// # Errors
    /// `Limit` when it has to wait.
    pub async fn begin_scram(&self, ctx: &Ctx, credentials: Credentials) -> Result<ScramLogin> {
        let credentials = self.completed(credentials);
        let network = credentials.network_address.map(Network::of);
        let (own, asked) = (ctx.clone(), credentials.clone());
        let trees = self.trees.clone();
        let known = self.read(move |tx| login::look_up(tx, &own, &asked, network, &trees)).await?;
        let is_known_network = known.as_ref().is_some_and(|known| known.network_seen_at.is_some());
        let name = self.trees.counted(&credentials.name);
        let attempt = self.throttle.begin(&ctx.limits, ctx.now_ms(), &name, network, is_known_network)?;
        let keys = known
            .as_ref()
            .and_then(|known| known.scram().cloned())
            .unwrap_or_else(|| ScramKeys::of_nobody(self.hasher.unknown(), &credentials.name));
        Ok(ScramLogin { keys, known, credentials, network, attempt })
    }

    /// Ends a login by SCRAM whose proof was right.
    ///
    /// # Errors
    /// `Forbidden` when the account may not log in here, or not with its password alone.
    pub async fn finish_scram(&self, ctx: &Ctx, begun: ScramLogin) -> Result<LoggedIn> {
        let ScramLogin { known, credentials, network, attempt, .. } = begun;
        let known = known.filter(|known| known.scram().is_some()).ok_or_else(login::wrong)?;
        let (answer, after) =
            login::admit(&self.hasher, ctx, &credentials, known, network, Proof::Scram).await?;
        self.note_login(ctx, after, &attempt).await?;
        match answer {
            Answer::LoggedIn(logged_in) => Ok(logged_in),
            Answer::NeedsCode(_) => Err(login::wrong()),
        }
    }

    /// Who a token of one of our own sessions stands for, at a door that its class of service opens.
    ///
    /// # Errors
    /// `Forbidden` when the token is wrong or the door is closed to its account.
    pub async fn login_by_token(&self, ctx: &Ctx, token: &Secret, door: Door) -> Result<LoggedIn> {
        Ok(self.session_by_token(ctx, token, door).await?.1)
    }

    /// Goes on with a login whose password was right, by a code of the second factor. Wrong codes are counted as
    /// wrong passwords are.
    ///
    /// # Errors
    /// `Forbidden` about `code` when it is wrong or was used before, `Limit` when it has to wait.
    pub async fn login_code(
        &self,
        ctx: &Ctx,
        account: AccountId,
        code: &Secret,
        door: Door,
        address: IpAddr,
    ) -> Result<LoggedIn> {
        let network = Network::of(address);
        let own = ctx.clone();
        let (logged_in, is_known) =
            self.read(move |tx| login::by_account(tx, &own, account, door, Some(network))).await?;
        let name = format!("code of {account}");
        let attempt = self.throttle.begin(&ctx.limits, ctx.now_ms(), &name, Some(network), is_known)?;
        let (own, code) = (ctx.clone(), code.clone());
        self.kernel
            .store()
            .write(Vec::new(), move |tx: &mut Tx<'_>| {
                login::take_code(tx, &own, account, code.expose(), Some(network))
            })
            .await?;
        self.throttle.take_back(&attempt);
        Ok(logged_in)
    }

    /// Goes on with a login by a passkey whose signature the door found right; `credential` is what is kept of it
    /// from now on.
    ///
    /// # Errors
    /// `Forbidden` when the passkey is gone, or the door is closed to the account.
    pub async fn login_passkey(
        &self,
        ctx: &Ctx,
        account: AccountId,
        passkey: Passkey,
        credential: String,
        door: Door,
        address: IpAddr,
    ) -> Result<LoggedIn> {
        let network = Network::of(address);
        let own = ctx.clone();
        let (logged_in, _) =
            self.read(move |tx| login::by_account(tx, &own, account, door, Some(network))).await?;
        let now = ctx.now_ms();
        self.kernel
            .store()
            .write(Vec::new(), move |tx: &mut Tx<'_>| {
                login::take_passkey(tx, account, &passkey, &credential, network, now)
            })
            .await?;
        Ok(logged_in)
    }

    /// Whether a password is the one that an account has.
    ///
    /// # Errors
    /// Those of the database, and of hashing.
    pub async fn has_password(&self, account: AccountId, password: &Secret) -> Result<bool> {
        let hash = self.read(move |tx| credentials::hash_of(tx, account)).await?;
        match hash {
            Some(hash) => self.hasher.verify(password.clone(), Some(hash)).await,
            None => Ok(false),
        }
    }

    /// An account that proved itself already, at a door.
    ///
    /// # Errors
    /// `Forbidden` when the account is gone or the door is closed to it.
    pub async fn login_account(&self, ctx: &Ctx, account: AccountId, door: Door) -> Result<LoggedIn> {
        let own = ctx.clone();
        self.read(move |tx| login::by_account(tx, &own, account, door, None)).await.map(|(found, _)| found)
    }

    /// As [`Directory::login_by_token`], with the session itself.
    ///
    /// # Errors
    /// As [`Directory::login_by_token`].
    pub async fn session_by_token(
        &self,
        ctx: &Ctx,
        token: &Secret,
        door: Door,
    ) -> Result<(WebSession, LoggedIn)> {
        let (own, token) = (ctx.clone(), token.clone());
        self.read(move |tx| web_sessions::by_token(tx, &own, token.expose(), door)).await
    }

    /// Writes what a login leaves behind, and takes its try back.
    async fn note_login(&self, ctx: &Ctx, after: login::After, attempt: &Attempt) -> Result<()> {
        if !after.is_empty() {
            let own = ctx.clone();
            self.kernel
                .store()
                .write(Vec::new(), move |tx: &mut Tx<'_>| login::write(tx, &own, &after))
                .await?;
        }
        self.throttle.take_back(attempt);
        Ok(())
    }

    /// The actor of an account with its groups, for a session that goes on.
    ///
    /// # Errors
    /// `NotFound` when the directory has no such account.
    pub async fn actor(&self, ctx: &Ctx, account: AccountId) -> Result<Actor> {
        let own = ctx.clone();
        self.read(move |tx| login::actor(tx, &own, account)).await
    }

    /// A page of the history of an organisation's directory, newest first, before the commit `before`. What others
    /// changed by SQL is in it up to now.
    ///
    /// # Errors
    /// `Forbidden` without the right `audit.read` on all of it, `NotFound` for another's organisation.
    pub async fn history(
        &self,
        ctx: &Ctx,
        organisation: OrganisationId,
        before: Seq,
        limit: u64,
    ) -> Result<Vec<CommitInfo>> {
        let own = ctx.clone();
        let account = self
            .read(move |tx| {
                let place = Place::organisation(organisation);
                roles::require(tx, &own, Verb::AuditRead, &place, "organisation")?;
                organisations::account(tx, organisation)
            })
            .await?;
        self.absorb_sql_changes(ctx).await?;
        self.kernel.read(&elevated(ctx), move |view| view.history(account, before, limit)).await
    }

    /// Moves changes that others made by SQL into the history; how many. A job calls this every few seconds, and
    /// whoever reads the history does before.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn absorb_sql_changes(&self, ctx: &Ctx) -> Result<usize> {
        let own = ctx.with_actor(Actor::system(), Door::Sql, SessionId(0));
        let mut count = 0;
        for organisation in self.read(sql_changes::waiting).await? {
            loop {
                let absorbed = self.edit(&own, organisation, sql_changes::absorb).await?;
                count += absorbed;
                if absorbed == 0 {
                    break;
                }
            }
        }
        Ok(count)
    }
}

/// A login by SCRAM between its two messages.
pub struct ScramLogin {
    keys: ScramKeys,
    known: Option<login::Known>,
    credentials: Credentials,
    network: Option<Network>,
    attempt: Attempt,
}

impl ScramLogin {
    /// What the client proves its password against.
    pub fn keys(&self) -> &ScramKeys {
        &self.keys
    }
}

/// The kernel asks for no grant on the organisation's account: the rights of the directory are [`crate::roles`].
/// The history still names who it was.
fn elevated(ctx: &Ctx) -> Ctx {
    Ctx { actor: Actor { system: true, ..ctx.actor.clone() }, ..ctx.clone() }
}

fn with_history<'c, T>(
    batch: &mut Batch<'_, 'c>,
    run: impl FnOnce(&mut Tx<'c>) -> Result<(T, Vec<Note>)>,
) -> Result<T> {
    let (done, notes) = run(batch.tx())?;
    for Note { noun, id, what, detail } in notes {
        batch.words(format!("{noun} {id} {}: {detail}", what.name()));
    }
    Ok(done)
}
