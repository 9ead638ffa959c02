//! The extractor: who a request is from, or the refusal.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{AccountId, Ctx, Door, Error, Meaning, OrganisationId, Result, Secret, SessionId};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use directory::sessions;
use directory::web_sessions::{self, WebSession};
use wire::Interrupt;
use wire::auth::{self, Session, Watch};
use wire::sasl::Bindings;

use super::Auth;
use super::cookies::Cookie;
use super::place::{Place, is_safe};
use crate::problem::Problem;
use crate::request::RequestId;

static FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static CSRF: HeaderName = HeaderName::from_static("x-beffroi-csrf");

/// How a request proved who it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The account's password, in the request.
    Password,
    /// An app password, in the request.
    AppPassword,
    /// The token of a session, in the request.
    Token,
    /// The token of a session, in a cookie.
    Cookie,
}

/// Who a request is from. A handler that takes one answers only to those who are logged in.
pub struct Caller {
    ctx: Ctx,
    address: String,
    network_address: IpAddr,
    way: Way,
    auth: Auth,
    web: Option<WebSession>,
    token: Option<Secret>,
    /// What a page of ours sends beside the cookie.
    csrf: Option<String>,
    /// The session of a program lasts at least as long as its requests.
    _program: Option<Arc<Session>>,
}

impl Caller {
    /// Who acts, through which door, in which session.
    pub fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// Its account.
    pub fn account(&self) -> AccountId {
        self.ctx.actor.account
    }

    /// Its organisation.
    pub fn organisation(&self) -> OrganisationId {
        self.ctx.actor.organisation
    }

    /// Its primary address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The session.
    pub fn session(&self) -> SessionId {
        self.ctx.session
    }

    /// How it proved who it is.
    pub fn way(&self) -> Way {
        self.way
    }

    /// The session behind a token.
    pub(super) fn web(&self) -> Option<&WebSession> {
        self.web.as_ref()
    }

    pub(super) fn csrf(&self) -> Option<&str> {
        self.csrf.as_deref()
    }

    pub(super) fn auth(&self) -> &Auth {
        &self.auth
    }

    pub(super) fn network_address(&self) -> IpAddr {
        self.network_address
    }

    /// Whoever a token stands for.
    pub(super) async fn by_token(auth: Auth, token: &Secret, way: Way) -> Result<Self> {
        let (web, logged_in) = auth.directory().session_by_token(auth.ctx(), token, Door::Jmap).await?;
        let ctx = auth.ctx().with_actor(logged_in.actor, Door::Jmap, web.session.id);
        if sessions::wants_touch(&ctx, &web.session) {
            let (own, used) = (ctx.clone(), web.clone());
            let store = auth.directory().kernel().store();
            store.write(Vec::new(), move |tx| web_sessions::touch(tx, &own, &used)).await?;
        }
        let csrf = (way == Way::Cookie).then(|| csrf(token));
        let network_address = IpAddr::from([0, 0, 0, 0]);
        let address = logged_in.address;
        let token = Some(token.clone());
        Ok(Self { ctx, address, network_address, way, auth, web: Some(web), token, csrf, _program: None })
    }

    /// Looks again whether the caller may act, for what comes later over the same connection: who it is by now.
    ///
    /// # Errors
    /// `Forbidden` when the session is over, or the account may not log in any more.
    pub async fn renewed(&self) -> Result<Ctx> {
        let renewed = if let Some(token) = &self.token {
            Self::by_token(self.auth.clone(), token, self.way).await?.ctx
        } else {
            let (auth, session) = (&self.auth, self.ctx.session);
            let found = auth.directory().login_account(auth.ctx(), self.account(), Door::Jmap).await?;
            auth.ctx().with_actor(found.actor, Door::Jmap, session)
        };
        Ok(Ctx { request: self.ctx.request, ..renewed })
    }

    /// Whether the session still lasts, for what stays open without a request. Asking is no use of it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn lasts(&self) -> Result<bool> {
        // The session of a program lasts as long as what it opened.
        if self.token.is_none() {
            return Ok(true);
        }
        let (ctx, session) = (self.ctx.clone(), self.ctx.session);
        self.auth.directory().read(move |tx| sessions::lasts(tx, &ctx, session)).await
    }

    /// Learns that the session is ended or that the server stops: for answers that stay open.
    pub fn interrupt(&self) -> Watch {
        self.auth.authenticator().watch(self.ctx.session)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Response> {
        let caller = Self::in_any_tree(parts).await?;
        if caller.ctx.is_past() {
            let rule = "at this address shows what was; log in at your own address for this";
            return Err(refusal(&parts.headers, Error::forbidden("login", rule)));
        }
        Ok(caller)
    }
}

impl Caller {
    /// Who a request is from, also when it is from someone who looks at what the history shows.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) async fn in_any_tree(parts: &mut Parts) -> std::result::Result<Self, Response> {
        let refused = |error| refusal(&parts.headers, error);
        let auth = parts.extensions.get::<Auth>().cloned();
        let auth = auth.ok_or_else(|| refused(Error::corrupt("server", "has no login at this address")))?;
        let mut caller = identify(auth, parts).await.map_err(refused)?;
        if let Some(RequestId(request)) = parts.extensions.get() {
            caller.ctx.request = *request;
        }
        Ok(caller)
    }
}

/// The credentials of a request.
enum Sent {
    Basic { name: String, password: Secret },
    Bearer(Secret),
}

fn sent(headers: &HeaderMap) -> Result<Option<Sent>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        let is_sent = headers.contains_key(header::AUTHORIZATION);
        return if is_sent { Err(malformed()) } else { Ok(None) };
    };
    let text = value.to_str().map_err(|_| malformed())?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(malformed)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(Sent::Bearer(Secret::new(rest))));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let bytes = STANDARD.decode(rest).map_err(|_| malformed())?;
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    let (name, password) = text.split_once(':').ok_or_else(malformed)?;
    Ok(Some(Sent::Basic { name: name.to_owned(), password: Secret::new(password) }))
}

fn malformed() -> Error {
    Error::forbidden("login", "needs one `Authorization` header: Basic with name and password, or Bearer")
}

async fn identify(auth: Auth, parts: &Parts) -> Result<Caller> {
    match sent(&parts.headers)? {
        Some(Sent::Basic { name, password }) => basic(auth, parts, &name, password).await,
        Some(Sent::Bearer(token)) => bearer(auth, parts, &token).await,
        None => by_cookie(auth, parts).await,
    }
}

/// What our own pages send beside the cookie, for all but reading: it follows from the token, which no page sees.
fn csrf(token: &Secret) -> String {
    let derived = blake3::derive_key("beffroi csrf 1", token.expose().as_bytes());
    URL_SAFE_NO_PAD.encode(derived)
}

async fn by_cookie(auth: Auth, parts: &Parts) -> Result<Caller> {
    let place = Place::of(auth.options(), parts)?;
    let token = Cookie::Session.of(&parts.headers, place.is_tls);
    let token = token.map(Secret::new).ok_or_else(|| Error::forbidden("login", "is needed here"))?;
    let changes = !is_safe(&parts.method);
    if changes || parts.headers.contains_key(header::UPGRADE) {
        place.require_own_site(&parts.headers)?;
    }
    if changes {
        let sent = parts.headers.get(&CSRF).map(HeaderValue::as_bytes).unwrap_or_default();
        if !Secret::new(csrf(&token)).matches(sent) {
            return Err(Error::forbidden(
                "csrf",
                "is needed: send X-Beffroi-CSRF with what /auth/session says",
            ));
        }
    }
    let caller = Caller::by_token(auth, &token, Way::Cookie).await?;
    Ok(Caller { network_address: place.address, ..caller })
}

async fn basic(auth: Auth, parts: &Parts, name: &str, password: Secret) -> Result<Caller> {
    let caller = connection(&auth, parts)?;
    let network_address = caller.address;
    let logged_in = auth.authenticator().check(&caller, name, password).await?;
    let address = logged_in.address.clone();
    let way = if logged_in.by_app_password() { Way::AppPassword } else { Way::Password };
    let (actor, tree) = (logged_in.actor.clone(), logged_in.tree);
    let session = auth.programs().session(auth.authenticator(), &caller, logged_in);
    let ctx = Ctx { tree, ..auth.ctx().with_actor(actor, Door::Jmap, session.ctx.session) };
    let program = Some(session);
    Ok(Caller {
        ctx,
        address,
        network_address,
        way,
        auth,
        web: None,
        token: None,
        csrf: None,
        _program: program,
    })
}

async fn bearer(auth: Auth, parts: &Parts, token: &Secret) -> Result<Caller> {
    let network_address = Place::of(auth.options(), parts)?.address;
    let caller = Caller::by_token(auth, token, Way::Token).await?;
    Ok(Caller { network_address, ..caller })
}

/// What the other doors know of a connection, for a request.
fn connection(auth: &Auth, parts: &Parts) -> Result<auth::Caller> {
    let place = Place::of(auth.options(), parts)?;
    Ok(auth::Caller {
        door: Door::Jmap,
        address: place.address,
        client: client(&parts.headers),
        is_tls: place.is_tls,
        bindings: Bindings { exporter: None, end_point: None },
        interrupt: Interrupt::default(),
    })
}

/// The program or browser, as it names itself.
pub(super) fn client(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.unwrap_or_default().chars().take(200).collect()
}

/// The refusal of a request: 401 where a login is missing or wrong. Programs are told the schemes; a page of a
/// browser is not, or the browser would ask for a password in a window of its own.
pub(super) fn refusal(headers: &HeaderMap, error: Error) -> Response {
    let is_login = error.meaning() == Meaning::Forbidden && error.field() == "login";
    let is_limit = error.meaning() == Meaning::Limit;
    if !is_login {
        let mut answer = Problem::from(error).into_response();
        if is_limit {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        return answer;
    }
    let mut answer = Problem::with_status(StatusCode::UNAUTHORIZED, error).into_response();
    if !headers.contains_key(&FETCH_MODE) && !headers.contains_key(&CSRF) {
        let headers = answer.headers_mut();
        headers.append(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"Beffroi\", charset=\"UTF-8\""),
        );
        headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Beffroi\""));
    }
    answer
}
