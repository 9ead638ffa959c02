//! The way in: a password, then a code or a new password where one is asked for, then a session.

use axum::Extension;
use axum::extract::{FromRequestParts, RawQuery};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{AccountId, Ctx, Door, Error, Meaning, Result, Secret, SessionId, Tree};
use directory::credentials::{self, codes};
use directory::login::{Answer, Credentials, LoggedIn};
use directory::providers::{self, Origin};
use directory::web_sessions::{self, NewWebSession};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs::prelude::PasskeyAuthentication;

use super::caller::{Caller, Way, client, refusal};
use super::cookies::Cookie;
use super::oidc;
use super::passkeys::Site;
use super::place::{Place, is_safe};
use super::tickets::Ticket;
use super::{Auth, Json, about, show};
use crate::problem::Problem;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// How long the next step of a login may take.
pub(super) const TICKET_MS: i64 = 5 * MINUTE_MS;

/// Someone who is not logged in yet, on a page of our own.
pub(super) struct Visitor {
    auth: Auth,
    place: Place,
    client: String,
    headers: HeaderMap,
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Response> {
        let Extension(auth) =
            Extension::<Auth>::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let place = Place::of(auth.options(), parts).and_then(|place| {
            if !is_safe(&parts.method) {
                place.require_own_site(&parts.headers)?;
            }
            Ok(place)
        });
        let place = place.map_err(|error| refusal(&parts.headers, error))?;
        Ok(Self { auth, place, client: client(&parts.headers), headers: parts.headers.clone() })
    }
}

/// What is wished of the session.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Wish {
    /// It lasts for weeks.
    #[serde(default)]
    remember: bool,
    /// Its token is told, for programs; otherwise it is in a cookie that no script reads.
    #[serde(default)]
    token: bool,
}

/// What a ticket between two steps remembers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    account: i64,
    wish: Wish,
    /// What was asked of a passkey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) passkey: Option<PasskeyAuthentication>,
}

const FOR_CODE: &str = "code";
const FOR_PASSWORD: &str = "new password";

#[derive(Deserialize)]
pub(super) struct ByPassword {
    name: String,
    password: String,
    #[serde(flatten)]
    wish: Wish,
}

#[derive(Deserialize)]
pub(super) struct ByCode {
    ticket: String,
    code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByNewPassword {
    ticket: String,
    new_password: String,
}

/// `GET /auth/methods`
pub(super) async fn methods(visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let passkey = Site::of(&visitor.place).is_ok();
    let policy = policy(visitor.auth.ctx());
    let name = oidc::parameter(&query.unwrap_or_default(), "name").unwrap_or_default();
    let providers = match oidc::offered(&visitor.auth, &name).await {
        Ok(providers) => providers,
        Err(error) => return failed(error),
    };
    let mut answer =
        json!({ "password": true, "passkey": passkey, "providers": providers, "policy": policy });
    let samples = &visitor.auth.options().samples;
    if !samples.is_empty() {
        put(&mut answer, "samples", json!(samples));
    }
    show(&answer)
}

/// What a new password must be.
pub(super) fn policy(ctx: &Ctx) -> Value {
    json!({ "leastCharacters": ctx.limits.password_least_characters, "mostBytes": ctx.limits.password_bytes })
}

/// `POST /auth/login`
pub(super) async fn login(visitor: Visitor, Json(sent): Json<ByPassword>) -> Response {
    let answer = visitor.by_password(sent).await;
    answer.unwrap_or_else(failed)
}

/// `POST /auth/login/code`
pub(super) async fn code(visitor: Visitor, Json(sent): Json<ByCode>) -> Response {
    visitor.by_code(sent).await.unwrap_or_else(failed)
}

/// `POST /auth/login/password`
pub(super) async fn new_password(visitor: Visitor, Json(sent): Json<ByNewPassword>) -> Response {
    visitor.by_new_password(sent).await.unwrap_or_else(failed)
}

/// The refusal of a new password that is the old one.
pub(super) fn not_new() -> Error {
    Error::invalid("newPassword", "is the present one; choose another")
}

/// A step that failed: a wrong password is no missing login, so it is no 401.
pub(super) fn failed(error: Error) -> Response {
    let is_limit = error.meaning() == Meaning::Limit;
    let mut answer = Problem::from(error).into_response();
    if is_limit {
        answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("60"));
    }
    answer
}

impl Visitor {
    async fn by_password(&self, sent: ByPassword) -> Result<Response> {
        let ctx = self.auth.ctx();
        let credentials = Credentials {
            name: sent.name,
            password: Secret::new(sent.password),
            code: None,
            door: Door::Jmap,
            network_address: Some(self.place.address),
        };
        match self.auth.directory().login(ctx, credentials).await? {
            Answer::LoggedIn(logged_in) if logged_in.by_app_password() => {
                Err(Error::forbidden("login", "needs the account's own password here"))
            }
            Answer::LoggedIn(logged_in) if logged_in.tree != Tree::Present => Err(Error::forbidden(
                "login",
                "at this address is for mail programs; log in at your own address and look there",
            )),
            Answer::LoggedIn(logged_in) => self.proven(logged_in, sent.wish).await,
            Answer::NeedsCode(account) => self.second_factor(account, sent.wish).await,
        }
    }

    /// Asks for the second factor, in all ways that the account has.
    async fn second_factor(&self, account: AccountId, wish: Wish) -> Result<Response> {
        let asked = match Site::of(&self.place) {
            Ok(site) => site.ask(&self.auth, account).await?,
            Err(_) => None,
        };
        let has_totp = self.auth.directory().read(move |tx| codes::is_in_force(tx, account)).await?;
        let mut methods = vec!["recoveryCode"];
        if has_totp {
            methods.insert(0, "totp");
        }
        let mut told = json!({ "step": "secondFactor" });
        let mut state = None;
        if let Some((options, asked)) = asked {
            methods.push("passkey");
            put(&mut told, "passkey", options);
            state = Some(asked);
        }
        let ticket = self.ticket(FOR_CODE, Waiting { account: account.0, wish, passkey: state })?;
        put(&mut told, "ticket", ticket.expose().into());
        put(&mut told, "methods", methods.into());
        Ok(show(&told))
    }

    /// What a ticket of the second step remembers.
    pub(super) fn second_step(&self, ticket: &str) -> Result<(Ticket<Waiting>, AccountId, Wish)> {
        let ticket = self.auth.tickets().open::<Waiting>(self.auth.ctx(), FOR_CODE, ticket)?;
        let (account, wish) = (AccountId(ticket.body.account), ticket.body.wish);
        Ok((ticket, account, wish))
    }

    pub(super) fn auth(&self) -> &Auth {
        &self.auth
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn ticket(&self, kind: &str, waiting: Waiting) -> Result<Secret> {
        self.auth.tickets().seal(self.auth.ctx(), kind, TICKET_MS, waiting)
    }

    async fn by_code(&self, sent: ByCode) -> Result<Response> {
        let (ctx, directory) = (self.auth.ctx(), self.auth.directory());
        let (ticket, account, wish) = self.second_step(&sent.ticket)?;
        let code = Secret::new(sent.code);
        let logged_in = directory.login_code(ctx, account, &code, Door::Jmap, self.place.address).await?;
        ticket.take(directory).await?;
        self.proven(logged_in, wish).await
    }

    async fn by_new_password(&self, sent: ByNewPassword) -> Result<Response> {
        let (ctx, directory) = (self.auth.ctx(), self.auth.directory());
        let ticket = self.auth.tickets().open::<Waiting>(ctx, FOR_PASSWORD, &sent.ticket)?;
        // A used one would tell whoever found it whether a guess is the password of today.
        ticket.require_new(directory).await?;
        let password = Secret::new(sent.new_password);
        credentials::check_password(ctx, &password).map_err(|error| about("newPassword", &error))?;
        let account = AccountId(ticket.body.account);
        let logged_in = directory.login_account(ctx, account, Door::Jmap).await?;
        if directory.has_password(account, &password).await? {
            return Err(not_new());
        }
        ticket.take(directory).await?;
        self.auth.authenticator().settle().await?;
        let hashed = directory.hasher().hash(password, &ctx.random).await?;
        let own = ctx.with_actor(logged_in.actor.clone(), Door::Jmap, SessionId(0));
        let organisation = logged_in.actor.organisation;
        directory.edit(&own, organisation, move |edit| credentials::set_own_password(edit, &hashed)).await?;
        self.auth.authenticator().settle().await?;
        self.proven(LoggedIn { must_change_password: false, ..logged_in }, ticket.body.wish).await
    }

    /// A new session for someone whose sessions all ended with its password.
    pub(super) async fn again(&self, caller: &Caller) -> Result<Response> {
        let ctx = self.auth.ctx();
        let logged_in = self.auth.directory().login_account(ctx, caller.account(), Door::Jmap).await?;
        self.proven(logged_in, Wish { remember: false, token: caller.way() != Way::Cookie }).await
    }

    /// What follows when someone proved who it is: a session, or a new password first.
    pub(super) async fn proven(&self, logged_in: LoggedIn, wish: Wish) -> Result<Response> {
        if logged_in.must_change_password {
            let waiting = Waiting { account: logged_in.actor.account.0, wish, passkey: None };
            let ticket = self.ticket(FOR_PASSWORD, waiting)?;
            let policy = policy(self.auth.ctx());
            return Ok(show(&json!({ "step": "newPassword", "ticket": ticket.expose(), "policy": policy })));
        }
        let token = self.open_session(&logged_in, wish, None).await?;
        let caller = Caller::by_token(self.auth.clone(), &token, way(wish)).await?;
        let mut told = json!({ "step": "done", "session": super::account::session(&caller).await? });
        if wish.token {
            put(&mut told, "token", token.expose().into());
            return Ok(show(&told));
        }
        let mut answer = show(&told);
        let seconds = wish.remember.then_some(remembered_ms(self.auth.ctx()) / 1_000);
        if let Some(cookie) = Cookie::Session.set(token.expose(), self.place.is_tls, seconds) {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(answer)
    }

    /// Opens a session for someone who proved who it is; its token.
    pub(super) async fn open_session(
        &self,
        logged_in: &LoggedIn,
        wish: Wish,
        origin: Option<Origin>,
    ) -> Result<Secret> {
        let ctx = self.auth.ctx().clone();
        let limits = &ctx.limits;
        let hours = |hours: u64| i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(HOUR_MS);
        let (idle_ms, lasts_ms) = if wish.remember {
            (remembered_ms(&ctx), remembered_ms(&ctx))
        } else {
            (hours(limits.session_idle_hours), hours(limits.session_hours))
        };
        let new = NewWebSession {
            account: logged_in.actor.account,
            organisation: logged_in.actor.organisation,
            client: self.client.clone(),
            network_address: self.place.address.to_string(),
            idle_ms,
            lasts_ms,
        };
        // A session that the browser had before is over: nobody goes on in one that another began.
        let before = Cookie::Session.of(&self.headers, self.place.is_tls).map(str::to_owned);
        let own = ctx.clone();
        let opened = self
            .auth
            .directory()
            .kernel()
            .store()
            .write(Vec::new(), move |tx| {
                if let Some(before) = &before
                    && let Some(found) = directory::sessions::by_token(tx, &own, before)?
                {
                    directory::sessions::settle(tx, &own, &[found.id], &[], 0)?;
                }
                let opened = web_sessions::open(tx, &own, &new)?;
                if let Some(origin) = &origin {
                    providers::begin_session(tx, opened.id, new.account, origin)?;
                }
                Ok(opened)
            })
            .await?;
        opened.token.ok_or_else(|| Error::corrupt("session", "has no token"))
    }
}

fn remembered_ms(ctx: &Ctx) -> i64 {
    let days = i64::try_from(ctx.limits.remembered_session_days).unwrap_or(i64::MAX);
    days.saturating_mul(24 * HOUR_MS)
}

fn put(told: &mut Value, name: &str, value: Value) {
    if let Some(members) = told.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

const fn way(wish: Wish) -> Way {
    if wish.token { Way::Token } else { Way::Cookie }
}

/// `POST /auth/logout`
pub(super) async fn logout(visitor: Visitor, caller: Caller) -> Response {
    // A provider that does not answer keeps nobody here.
    let to = oidc::after_logout(&caller, &visitor.place).await.unwrap_or_default();
    match super::account::end_own(&caller).await {
        Ok(()) => {
            let mut answer = show(&json!({ "to": to }));
            if let Some(cookie) = Cookie::Session.remove(visitor.place.is_tls) {
                answer.headers_mut().append(header::SET_COOKIE, cookie);
            }
            answer
        }
        Err(error) => failed(error),
    }
}

/// An answer without a body.
pub(super) fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
