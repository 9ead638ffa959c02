//! Who a request is from, and how people log in.
//!
//! What must stay true here:
//! - Every request is checked anew: a session, a password or an account that was ended counts no more from the next
//!   request on, and requests that stay open learn of it ([`Caller::interrupt`]).
//! - The answer to a wrong name and to a wrong password is the same.
//! - A login makes a new session; what a browser brought along is never made more than it was.
//! - What a cookie proves changes something only with the word that our own pages know beside it.

mod account;
mod caller;
mod cookies;
mod images;
mod oidc;
mod outside;
mod passkeys;
mod place;
mod programs;
mod steps;
mod tickets;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use base::{Ctx, Error, Result};
use directory::Directory;
use serde::de::DeserializeOwned;
use wire::Networks;
use wire::auth::Authenticator;

use crate::problem::Problem;
use crate::site::Mount;
pub use caller::{Caller, Way};
use images::Images;
use oidc::{ProviderTokens, Providers};
use programs::Programs;
use tickets::Tickets;

/// Bytes of a body under `/auth/`.
const MOST_BYTES: u64 = 32_768;

/// What logging in over HTTP needs to know.
#[derive(Clone, Default)]
pub struct Options {
    /// What tickets are sealed with: the same on all nodes, and known to nobody else.
    pub key: [u8; 32],
    /// Balancers whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub proxies: Networks,
    /// What browsers have in their address line, such as `https://mail.example.org`; none: what a request says.
    pub public_origin: Option<String>,
    /// Networks of our own that remote images of messages may come from, beside public ones.
    pub image_networks: Networks,
    /// People of a sample organisation, whom the page for logging in offers with their passwords. Only a demo has any.
    pub samples: Vec<Sample>,
}

/// Somebody of a sample organisation.
#[derive(Clone, serde::Serialize)]
pub struct Sample {
    /// What they are called.
    pub name: String,
    /// The address that logs them in.
    pub login: String,
    /// Their password.
    pub password: String,
}

/// Lets people in over HTTP. Cheap to clone; a node has one, which [`crate::Site::with_auth`] gives to its routes.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    authenticator: Authenticator,
    options: Options,
    programs: Programs,
    tickets: Tickets,
    providers: Arc<Providers>,
    images: Arc<Images>,
}

impl Auth {
    /// Lets people in over the authenticator that the other doors use, so that they share its book of sessions.
    ///
    /// # Errors
    /// `Corrupt` when TLS cannot be set up.
    pub fn new(authenticator: Authenticator, options: Options) -> Result<Self> {
        let tickets = Tickets::new(&blake3::derive_key("beffroi login tickets 1", &options.key))?;
        let tls = outside::tls()?;
        let images = Images::new(options.image_networks.clone(), tls.clone());
        let providers = Arc::new(Providers::new(tls, &authenticator.ctx().limits)?);
        authenticator.use_tokens(Arc::new(ProviderTokens {
            directory: authenticator.directory().clone(),
            ctx: authenticator.ctx().clone(),
            providers: providers.clone(),
        }));
        let programs = Programs::default();
        Ok(Self(Arc::new(Inner { authenticator, options, programs, tickets, providers, images })))
    }

    /// Who lets people in, of all doors.
    pub fn authenticator(&self) -> &Authenticator {
        &self.0.authenticator
    }

    /// The directory.
    pub fn directory(&self) -> &Directory {
        self.0.authenticator.directory()
    }

    /// The program's own context.
    pub fn ctx(&self) -> &Ctx {
        self.0.authenticator.ctx()
    }

    fn options(&self) -> &Options {
        &self.0.options
    }

    /// The sessions of programs that send a password with every request.
    fn programs(&self) -> &Programs {
        &self.0.programs
    }

    fn tickets(&self) -> &Tickets {
        &self.0.tickets
    }

    /// Fetches remote images of messages.
    fn images(&self) -> &Images {
        &self.0.images
    }

    /// Asks providers.
    fn providers(&self) -> &Providers {
        &self.0.providers
    }

    /// The pages of `/auth/`; docs/api/login.md describes them.
    pub fn mount() -> Mount {
        let router = Router::new()
            .route("/auth/methods", get(steps::methods))
            .route("/auth/login", post(steps::login))
            .route("/auth/login/code", post(steps::code))
            .route("/auth/login/password", post(steps::new_password))
            .route("/auth/login/passkey", post(passkeys::login))
            .route("/auth/login/passkey/begin", post(passkeys::begin_alone))
            .route("/auth/oidc/start", get(oidc::start))
            .route("/auth/oidc/callback/{provider}", get(oidc::callback))
            .route("/auth/oidc/backchannel-logout", post(oidc::back_channel))
            .route("/auth/images", post(images::allow))
            .route("/auth/image/{address}", get(images::show))
            .route("/auth/logout", post(steps::logout))
            .route("/auth/session", get(account::who))
            .route("/auth/sessions", get(account::list))
            .route("/auth/sessions/end", post(account::end_all))
            .route("/auth/sessions/{id}", delete(account::end))
            .route("/auth/password", get(account::password).post(account::set_password))
            .route("/auth/confirm", post(account::confirm))
            .route("/auth/totp", get(account::totp).delete(account::remove_totp))
            .route("/auth/totp/begin", post(account::begin_totp))
            .route("/auth/totp/confirm", post(account::confirm_totp))
            .route("/auth/totp/recovery", post(account::renew_recovery))
            .route("/auth/passkeys", get(passkeys::list).post(passkeys::make))
            .route("/auth/passkeys/begin", post(passkeys::begin))
            .route("/auth/passkeys/{id}", delete(passkeys::remove).patch(passkeys::rename))
            .route("/auth/app-passwords", get(account::app_passwords).post(account::make_app_password))
            .route("/auth/app-passwords/{id}", delete(account::remove_app_password));
        Mount { body_bytes: Some(MOST_BYTES), ..Mount::new("auth", router) }
    }
}

/// A body in JSON, and said to be: a form of another site can send no such thing.
struct Json<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> std::result::Result<Self, Response> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim).unwrap_or_default();
        if !kind.eq_ignore_ascii_case("application/json") {
            let error = Error::invalid("content-type", "is application/json here");
            return Err(Problem::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, error).into_response());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|_| {
            let rule = format!("has at most {MOST_BYTES} bytes");
            Problem::from(Error::too_large("body", rule)).into_response()
        })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|_| {
            let error = Error::invalid("body", "is not the JSON that is asked for here");
            Problem::from(error).into_response()
        })
    }
}

/// An answer in JSON, for whoever asked alone.
fn show(told: &serde_json::Value) -> Response {
    let mut answer = told.to_string().into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The same error about the field as the client named it.
fn about(field: &'static str, error: &Error) -> Error {
    Error::new(error.meaning(), field, error.rule().to_owned())
}
