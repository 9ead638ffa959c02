//! What people see and change of their own login: the session, all sessions, the password, the second factor and
//! app passwords.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::{Door, Error, Result, Secret, SessionId};
use directory::credentials::{self, app, codes};
use directory::login::{Answer, Credentials};
use directory::roles::{self, Verb};
use directory::{Edit, aliases, entries, organisations, people, providers, sessions, web_sessions};
use serde::Deserialize;
use serde_json::{Value, json};
use webauthn_rs::prelude::PublicKeyCredential;

use super::caller::Caller;
use super::passkeys;
use super::steps::{Visitor, done, failed, policy};
use super::{Json, about, show};

/// Credentials are changed only so long after a proof.
const PROOF_MS: i64 = 10 * 60_000;

pub(super) fn answered(told: Result<Value>) -> Response {
    told.map_or_else(failed, |told| show(&told))
}

pub(super) fn finished(told: Result<()>) -> Response {
    told.map_or_else(failed, |()| done())
}

/// A number of an address.
pub(super) fn number(text: &str) -> Result<i64> {
    text.parse().map_err(|_| Error::not_found("id"))
}

pub(super) async fn edit<T: Send + 'static>(
    caller: &Caller,
    run: impl Fn(&mut Edit<'_, '_>) -> Result<T> + Send + 'static,
) -> Result<T> {
    caller.auth().directory().edit(caller.ctx(), caller.organisation(), run).await
}

/// What the client is told of the session.
pub(super) async fn session(caller: &Caller) -> Result<Value> {
    let (ctx, account, organisation) = (caller.ctx().clone(), caller.account(), caller.organisation());
    let (entry, language, addresses, name, rights, second_factor, by_provider) = caller
        .auth()
        .directory()
        .read(move |tx| {
            let entry = entries::load(tx, organisation, account)?;
            // Shared mailboxes and resources have no language.
            let language = match people::get(tx, &ctx, organisation, account) {
                Ok((_, records)) => records.iter().map(|record| record.text("language")).collect(),
                Err(_) => String::new(),
            };
            let addresses: Vec<String> = aliases::list(tx, &ctx, organisation, account)
                .map(|owned| owned.into_iter().map(|owned| owned.address).collect())
                .unwrap_or_default();
            let name = organisations::name(tx, organisation)?;
            let mut rights = Vec::new();
            for verb in Verb::ALL {
                for allowed in roles::held(tx, &ctx, *verb)? {
                    rights.push(json!({ "verb": verb.name(), "scope": allowed.scope.columns().0 }));
                }
            }
            let second_factor = codes::has_second_factor(tx, account)?;
            let by_provider = providers::origin(tx, ctx.session)?.is_some();
            Ok((entry, language, addresses, name, rights, second_factor, by_provider))
        })
        .await?;
    let mut all = vec![entry.address.clone()];
    all.extend(addresses.into_iter().filter(|address| *address != entry.address));
    Ok(json!({
        "login": entry.address,
        "name": entry.name,
        "addresses": all,
        "account": account.0.to_string(),
        "organisation": { "id": organisation.0.to_string(), "name": name },
        "language": language,
        "session": caller.session().0.to_string(),
        "csrf": caller.csrf(),
        "expiresAt": caller.web().map(|web| web.session.expires_at),
        "isAdministrator": !rights.is_empty(),
        "roles": rights,
        "secondFactor": second_factor,
        "byProvider": by_provider,
    }))
}

/// `GET /auth/session`
pub(super) async fn who(caller: Caller) -> Response {
    answered(session(&caller).await)
}

/// Ends the session of a request.
pub(super) async fn end_own(caller: &Caller) -> Result<()> {
    end_one(caller, caller.session()).await
}

async fn end_one(caller: &Caller, id: SessionId) -> Result<()> {
    let (ctx, account, organisation) = (caller.ctx().clone(), caller.account(), caller.organisation());
    let store = caller.auth().directory().kernel().store();
    store.write(Vec::new(), move |tx| sessions::end(tx, &ctx, organisation, account, id)).await?;
    caller.auth().authenticator().settle().await
}

/// `GET /auth/sessions`
pub(super) async fn list(caller: Caller) -> Response {
    let (ctx, account, organisation) = (caller.ctx().clone(), caller.account(), caller.organisation());
    let found =
        caller.auth().directory().read(move |tx| sessions::list(tx, &ctx, organisation, account)).await;
    answered(found.map(|found| {
        let found: Vec<Value> = found
            .into_iter()
            .map(|session| {
                json!({
                    "id": session.id.0.to_string(), "door": session.door.name(), "client": session.client,
                    "networkAddress": session.network_address, "createdAt": session.created_at,
                    "lastSeenAt": session.last_seen_at, "expiresAt": session.expires_at,
                    "isThis": session.id == caller.session(),
                })
            })
            .collect();
        json!({ "sessions": found })
    }))
}

/// `DELETE /auth/sessions/{id}`
pub(super) async fn end(caller: Caller, Path(id): Path<String>) -> Response {
    let ended = async { end_one(&caller, SessionId(number(&id)?)).await };
    finished(ended.await)
}

#[derive(Deserialize)]
pub(super) struct Which {
    others: bool,
}

/// `POST /auth/sessions/end`
pub(super) async fn end_all(caller: Caller, Json(which): Json<Which>) -> Response {
    let (ctx, account, organisation) = (caller.ctx().clone(), caller.account(), caller.organisation());
    let but = which.others.then(|| caller.session());
    let store = caller.auth().directory().kernel().store();
    let ended = async {
        // Connections that have no row yet would not be ended.
        caller.auth().authenticator().settle().await?;
        let ended = store
            .write(Vec::new(), move |tx| sessions::end_all(tx, &ctx, organisation, account, but))
            .await?;
        caller.auth().authenticator().settle().await?;
        Ok(json!({ "ended": ended.len() }))
    };
    answered(ended.await)
}

/// `GET /auth/password`
pub(super) async fn password(caller: Caller) -> Response {
    show(&json!({ "policy": policy(caller.ctx()) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewPassword {
    password: String,
    new_password: String,
}

/// `POST /auth/password`
pub(super) async fn set_password(
    visitor: Visitor,
    caller: Caller,
    Json(sent): Json<NewPassword>,
) -> Response {
    let change = async {
        let new = Secret::new(sent.new_password);
        credentials::check_password(caller.ctx(), &new).map_err(|error| about("newPassword", &error))?;
        let is_same = new.expose() == sent.password;
        check(&caller, Secret::new(sent.password)).await?;
        if is_same {
            return Err(super::steps::not_new());
        }
        // Connections that have no row yet would not be ended.
        caller.auth().authenticator().settle().await?;
        let directory = caller.auth().directory();
        let hashed = directory.hasher().hash(new, &caller.ctx().random).await?;
        edit(&caller, move |edit| credentials::set_own_password(edit, &hashed)).await?;
        caller.auth().authenticator().settle().await?;
        visitor.again(&caller).await
    };
    change.await.unwrap_or_else(failed)
}

/// That a password is the account's own; a wrong one counts as a wrong try to log in.
async fn check(caller: &Caller, password: Secret) -> Result<()> {
    let credentials = Credentials {
        name: caller.address().to_owned(),
        password,
        code: None,
        door: Door::Jmap,
        network_address: Some(caller.network_address()),
    };
    match caller.auth().directory().login(caller.auth().ctx(), credentials).await {
        Ok(Answer::LoggedIn(logged_in)) if logged_in.by_app_password() => {
            Err(Error::forbidden("password", "is an app password: show the account's own"))
        }
        Ok(_) => Ok(()),
        Err(error) if error.field() == "login" && error.meaning() == base::Meaning::Forbidden => {
            Err(Error::forbidden("password", "is wrong"))
        }
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
pub(super) struct Proof {
    password: Option<String>,
    code: Option<String>,
    /// Asks for the options of a passkey.
    #[serde(default)]
    passkey: bool,
    ticket: Option<String>,
    credential: Option<PublicKeyCredential>,
}

/// `POST /auth/confirm`
pub(super) async fn confirm(visitor: Visitor, caller: Caller, Json(sent): Json<Proof>) -> Response {
    if sent.passkey {
        return answered(passkeys::begin_proof(&visitor, &caller).await);
    }
    let prove = async {
        match (sent.password, sent.code, sent.ticket.zip(sent.credential)) {
            (Some(password), None, None) => check(&caller, Secret::new(password)).await?,
            (None, None, Some((ticket, credential))) => {
                passkeys::prove(&visitor, &caller, &ticket, &credential).await?;
            }
            (None, Some(code), None) => {
                let (auth, address) = (caller.auth(), caller.network_address());
                let code = Secret::new(code);
                auth.directory().login_code(auth.ctx(), caller.account(), &code, Door::Jmap, address).await?;
            }
            _ => return Err(Error::invalid("password", "or `code`, or `passkey` is needed, one of them")),
        }
        let (ctx, session) = (caller.ctx().clone(), caller.session());
        let store = caller.auth().directory().kernel().store();
        store.write(Vec::new(), move |tx| web_sessions::proved(tx, &ctx, session)).await
    };
    finished(prove.await)
}

/// Credentials are changed in a session whose owner proved lately who it is, never by a password of an app.
pub(super) fn require_proof(caller: &Caller) -> Result<()> {
    let web = caller.web().ok_or_else(|| Error::forbidden("confirm", "is needed: log in on the web"))?;
    web_sessions::require_proof(caller.ctx(), web, PROOF_MS)
}

/// `GET /auth/totp`
pub(super) async fn totp(caller: Caller) -> Response {
    let (ctx, account, organisation) = (caller.ctx().clone(), caller.account(), caller.organisation());
    let state = caller.auth().directory().read(move |tx| codes::state(tx, &ctx, organisation, account)).await;
    answered(state.map(|(in_force, left)| json!({ "inForce": in_force, "recoveryCodesLeft": left })))
}

/// `POST /auth/totp/begin`
pub(super) async fn begin_totp(caller: Caller) -> Response {
    let begin = async {
        require_proof(&caller)?;
        let setup = edit(&caller, codes::begin).await?;
        Ok(json!({ "secret": setup.secret.expose(), "address": setup.address.expose() }))
    };
    answered(begin.await)
}

#[derive(Deserialize)]
pub(super) struct Code {
    code: String,
}

/// `POST /auth/totp/confirm`
pub(super) async fn confirm_totp(caller: Caller, Json(sent): Json<Code>) -> Response {
    let confirm = async {
        require_proof(&caller)?;
        let made = edit(&caller, move |edit| codes::confirm(edit, &sent.code)).await?;
        Ok(recovery(&made))
    };
    answered(confirm.await)
}

/// `POST /auth/totp/recovery`
pub(super) async fn renew_recovery(caller: Caller) -> Response {
    let renew = async {
        require_proof(&caller)?;
        Ok(recovery(&edit(&caller, codes::renew_recovery_codes).await?))
    };
    answered(renew.await)
}

fn recovery(made: &[Secret]) -> Value {
    let made: Vec<&str> = made.iter().map(Secret::expose).collect();
    json!({ "recoveryCodes": made })
}

/// `DELETE /auth/totp`
pub(super) async fn remove_totp(caller: Caller) -> Response {
    let remove = async {
        require_proof(&caller)?;
        let account = caller.account();
        edit(&caller, move |edit| codes::remove(edit, account)).await
    };
    finished(remove.await)
}

/// `GET /auth/app-passwords`
pub(super) async fn app_passwords(caller: Caller) -> Response {
    let (ctx, account, organisation) = (caller.ctx().clone(), caller.account(), caller.organisation());
    let found = caller.auth().directory().read(move |tx| app::list(tx, &ctx, organisation, account)).await;
    answered(found.map(|found| {
        let found: Vec<Value> = found
            .into_iter()
            .map(|one| {
                let doors: Vec<_> = one.doors.iter().map(|door| door.name()).collect();
                json!({
                    "id": one.id.to_string(), "label": one.label, "doors": doors, "createdAt": one.created_at,
                    "lastUsedAt": one.last_used_at, "expiresAt": one.expires_at,
                })
            })
            .collect();
        json!({ "appPasswords": found })
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewAppPassword {
    label: String,
    #[serde(default)]
    doors: Vec<String>,
    expires_at: Option<i64>,
}

/// `POST /auth/app-passwords`
pub(super) async fn make_app_password(caller: Caller, Json(sent): Json<NewAppPassword>) -> Response {
    let make = async {
        require_proof(&caller)?;
        let named = |name: &String| app::DOORS.into_iter().find(|door| door.name() == name);
        let doors: Option<Vec<Door>> = sent.doors.iter().map(named).collect();
        let doors = doors.ok_or_else(|| Error::invalid("doors", "names a door that there is not"))?;
        let account = caller.account();
        let (id, password) =
            edit(&caller, move |edit| app::create(edit, account, &sent.label, &doors, sent.expires_at))
                .await?;
        Ok(json!({ "id": id.to_string(), "password": password.expose() }))
    };
    match make.await {
        Ok(told) => (StatusCode::CREATED, show(&told)).into_response(),
        Err(error) => failed(error),
    }
}

/// `DELETE /auth/app-passwords/{id}`
pub(super) async fn remove_app_password(caller: Caller, Path(id): Path<String>) -> Response {
    let remove = async {
        require_proof(&caller)?;
        let (account, id) = (caller.account(), number(&id)?);
        edit(&caller, move |edit| app::remove(edit, account, id)).await?;
        caller.auth().authenticator().settle().await
    };
    finished(remove.await)
}
