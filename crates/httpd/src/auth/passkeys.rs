//! Passkeys (Web Authentication, level 3): making them, logging in with them, confirming with them.
//!
//! What must stay true here:
//! - A passkey is good for the site that it was made for, and for the account that it belongs to.
//! - What a ceremony has to know of its beginning is sealed in a ticket, which counts once: a signature that was
//!   seen opens nothing again.
//! - The authenticator verified its owner (by a finger, a face, a number): a passkey alone is both factors.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::{AccountId, Door, Error, Result};
use directory::credentials::passkeys::{self, NewPasskey};
use directory::login::LoggedIn;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, RequestChallengeResponse,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::account::{answered, edit, finished, number, require_proof};
use super::caller::Caller;
use super::place::Place;
use super::steps::{TICKET_MS, Visitor, Wish, failed};
use super::{Auth, Json, show};

const FOR_ALONE: &str = "passkey";
const FOR_NEW: &str = "new passkey";
const FOR_PROOF: &str = "passkey proof";

/// What passkeys are made for: the host that the browser speaks to, over TLS or on the machine itself.
pub(super) struct Site {
    webauthn: Webauthn,
    host: String,
}

impl Site {
    /// The site of a request.
    ///
    /// # Errors
    /// `Forbidden` where browsers make no passkeys: in clear, and where the host is a bare address.
    pub(super) fn of(place: &Place) -> Result<Self> {
        let refused = || Error::forbidden("site", "has no passkeys: it needs a name, and TLS");
        let origin = Url::parse(&place.origin).map_err(|_| refused())?;
        let host = origin.domain().ok_or_else(refused)?.to_owned();
        let is_local = host == "localhost" || host.ends_with(".localhost");
        if !place.is_tls && !is_local {
            return Err(refused());
        }
        let built =
            WebauthnBuilder::new(&host, &origin).and_then(|builder| builder.rp_name("Beffroi").build());
        Ok(Self { webauthn: built.map_err(|_| refused())?, host })
    }

    /// The passkeys of an account that are for this site.
    async fn keys(&self, auth: &Auth, account: AccountId) -> Result<Vec<(passkeys::Passkey, Passkey)>> {
        let kept = auth.directory().read(move |tx| passkeys::of(tx, account)).await?;
        let own = kept.into_iter().filter(|kept| kept.site == self.host);
        own.map(|kept| read(&kept).map(|key| (kept, key))).collect()
    }

    /// What a browser is asked for, and what has to be remembered until it answers; none without a passkey here.
    pub(super) async fn ask(
        &self,
        auth: &Auth,
        account: AccountId,
    ) -> Result<Option<(Value, PasskeyAuthentication)>> {
        let keys: Vec<Passkey> = self.keys(auth, account).await?.into_iter().map(|(_, key)| key).collect();
        if keys.is_empty() {
            return Ok(None);
        }
        let (asked, state) = self.webauthn.start_passkey_authentication(&keys).map_err(|_| unusable())?;
        Ok(Some((options(&asked)?, state)))
    }

    /// Takes what a browser answered for an account.
    async fn answered(
        &self,
        auth: &Auth,
        account: AccountId,
        credential: &PublicKeyCredential,
        state: &PasskeyAuthentication,
        place: &Place,
    ) -> Result<LoggedIn> {
        let found = self.webauthn.finish_passkey_authentication(credential, state).map_err(|_| wrong())?;
        let keys = self.keys(auth, account).await?;
        let (kept, key) =
            keys.into_iter().find(|(_, key)| key.cred_id() == found.cred_id()).ok_or_else(wrong)?;
        note(auth, account, kept, key, &found, place).await
    }

    /// Takes what a browser answered that was asked for any passkey.
    async fn discovered(
        &self,
        auth: &Auth,
        credential: &PublicKeyCredential,
        state: DiscoverableAuthentication,
        place: &Place,
    ) -> Result<LoggedIn> {
        let (owner, id) =
            self.webauthn.identify_discoverable_authentication(credential).map_err(|_| wrong())?;
        let id = id.to_vec();
        let known = auth.directory().read(move |tx| passkeys::by_credential(tx, &id)).await?;
        let (account, kept) = known
            .filter(|(account, kept)| owner_of(*account) == owner && kept.site == self.host)
            .ok_or_else(wrong)?;
        let key = read(&kept)?;
        let found = self
            .webauthn
            .finish_discoverable_authentication_v2(credential, state, &key)
            .map_err(|_| wrong())?;
        note(auth, account, kept, key, &found, place).await
    }
}

fn read(kept: &passkeys::Passkey) -> Result<Passkey> {
    serde_json::from_str(&kept.credential).map_err(|_| unusable())
}

fn written(key: &Passkey) -> Result<String> {
    serde_json::to_string(key).map_err(|_| unusable())
}

/// Notes that a passkey was used, with its counter.
async fn note(
    auth: &Auth,
    account: AccountId,
    kept: passkeys::Passkey,
    mut key: Passkey,
    found: &AuthenticationResult,
    place: &Place,
) -> Result<LoggedIn> {
    key.update_credential(found);
    let credential = written(&key)?;
    auth.directory().login_passkey(auth.ctx(), account, kept, credential, Door::Jmap, place.address).await
}

/// What an authenticator knows an account by: it tells nobody anything about it.
fn owner_of(account: AccountId) -> Uuid {
    let hash = blake3::derive_key("beffroi passkey owner 1", &account.0.to_le_bytes());
    Uuid::from_bytes(hash.first_chunk().copied().unwrap_or_default())
}

fn wrong() -> Error {
    Error::forbidden("credential", "is no passkey that opens an account here")
}

fn unusable() -> Error {
    Error::corrupt("passkey", "cannot be used")
}

/// The options for `navigator.credentials.get`.
fn options(asked: &RequestChallengeResponse) -> Result<Value> {
    let asked = serde_json::to_value(asked).map_err(|_| unusable())?;
    Ok(json!({ "publicKey": asked.get("publicKey") }))
}

#[derive(Serialize, Deserialize)]
struct Alone {
    state: DiscoverableAuthentication,
    wish: Wish,
}

/// `POST /auth/login/passkey/begin`
pub(super) async fn begin_alone(visitor: Visitor, Json(wish): Json<Wish>) -> Response {
    let begin = || {
        let site = Site::of(visitor.place())?;
        let (asked, state) = site.webauthn.start_discoverable_authentication().map_err(|_| unusable())?;
        let auth = visitor.auth();
        let ticket = auth.tickets().seal(auth.ctx(), FOR_ALONE, TICKET_MS, Alone { state, wish })?;
        Ok(json!({ "ticket": ticket.expose(), "passkey": options(&asked)? }))
    };
    answered(begin())
}

#[derive(Deserialize)]
pub(super) struct ByPasskey {
    ticket: String,
    credential: PublicKeyCredential,
}

/// `POST /auth/login/passkey`
pub(super) async fn login(visitor: Visitor, Json(sent): Json<ByPasskey>) -> Response {
    by_passkey(&visitor, sent).await.unwrap_or_else(failed)
}

async fn by_passkey(visitor: &Visitor, sent: ByPasskey) -> Result<Response> {
    let (auth, place) = (visitor.auth(), visitor.place());
    let site = Site::of(place)?;
    if let Ok(ticket) = auth.tickets().open::<Alone>(auth.ctx(), FOR_ALONE, &sent.ticket) {
        let wish = ticket.body.wish;
        ticket.take(auth.directory()).await?;
        let logged_in = site.discovered(auth, &sent.credential, ticket.body.state, place).await?;
        // The password was not used: that it ran out matters when it is.
        return visitor.proven(LoggedIn { must_change_password: false, ..logged_in }, wish).await;
    }
    let (ticket, account, wish) = visitor.second_step(&sent.ticket)?;
    let state = ticket.body.passkey.as_ref().ok_or_else(wrong)?;
    let logged_in = site.answered(auth, account, &sent.credential, state, place).await?;
    ticket.take(auth.directory()).await?;
    visitor.proven(logged_in, wish).await
}

#[derive(Serialize, Deserialize)]
struct Proving {
    account: i64,
    state: PasskeyAuthentication,
}

/// The options for a passkey that confirms who is at a session.
pub(super) async fn begin_proof(visitor: &Visitor, caller: &Caller) -> Result<Value> {
    let auth = caller.auth();
    let asked = Site::of(visitor.place())?.ask(auth, caller.account()).await?;
    let (asked, state) = asked.ok_or_else(|| Error::not_found("passkey"))?;
    let proving = Proving { account: caller.account().0, state };
    let ticket = auth.tickets().seal(auth.ctx(), FOR_PROOF, TICKET_MS, proving)?;
    Ok(json!({ "ticket": ticket.expose(), "passkey": asked }))
}

/// Takes the passkey that confirms who is at a session.
pub(super) async fn prove(
    visitor: &Visitor,
    caller: &Caller,
    ticket: &str,
    credential: &PublicKeyCredential,
) -> Result<()> {
    let auth = caller.auth();
    let ticket = auth.tickets().open::<Proving>(auth.ctx(), FOR_PROOF, ticket)?;
    if ticket.body.account != caller.account().0 {
        return Err(wrong());
    }
    ticket.take(auth.directory()).await?;
    let (site, place) = (Site::of(visitor.place())?, visitor.place());
    site.answered(auth, caller.account(), credential, &ticket.body.state, place).await.map(|_| ())
}

fn shown(kept: &passkeys::Passkey) -> Value {
    json!({ "id": kept.id.to_string(), "label": kept.label, "createdAt": kept.created_at, "lastUsedAt": kept.last_used_at })
}

/// `GET /auth/passkeys`
pub(super) async fn list(caller: Caller) -> Response {
    let (ctx, account, organisation) = (caller.ctx().clone(), caller.account(), caller.organisation());
    let found =
        caller.auth().directory().read(move |tx| passkeys::list(tx, &ctx, organisation, account)).await;
    answered(found.map(|found| json!({ "passkeys": found.iter().map(shown).collect::<Vec<_>>() })))
}

#[derive(Serialize, Deserialize)]
struct Making {
    account: i64,
    state: PasskeyRegistration,
}

/// `POST /auth/passkeys/begin`
pub(super) async fn begin(visitor: Visitor, caller: Caller) -> Response {
    let begin = async {
        require_proof(&caller)?;
        let (auth, account) = (caller.auth(), caller.account());
        let site = Site::of(visitor.place())?;
        let known = site.keys(auth, account).await?;
        let known = known.into_iter().map(|(_, key)| key.cred_id().clone()).collect();
        let name = caller.address();
        let (asked, state) = site
            .webauthn
            .start_passkey_registration(owner_of(account), name, name, Some(known))
            .map_err(|_| unusable())?;
        let mut asked = serde_json::to_value(&asked).map_err(|_| unusable())?;
        // So that it can be found without a name, where the authenticator has room for that.
        if let Some(selection) =
            asked.pointer_mut("/publicKey/authenticatorSelection").and_then(Value::as_object_mut)
        {
            selection.insert("residentKey".to_owned(), "preferred".into());
            selection.insert("requireResidentKey".to_owned(), false.into());
        }
        let making = Making { account: account.0, state };
        let ticket = auth.tickets().seal(auth.ctx(), FOR_NEW, TICKET_MS, making)?;
        Ok(json!({ "ticket": ticket.expose(), "passkey": { "publicKey": asked.get("publicKey") } }))
    };
    answered(begin.await)
}

#[derive(Deserialize)]
pub(super) struct Made {
    ticket: String,
    label: String,
    credential: RegisterPublicKeyCredential,
}

/// `POST /auth/passkeys`
pub(super) async fn make(visitor: Visitor, caller: Caller, Json(sent): Json<Made>) -> Response {
    let make = async {
        require_proof(&caller)?;
        let (auth, site) = (caller.auth(), Site::of(visitor.place())?);
        let ticket = auth.tickets().open::<Making>(auth.ctx(), FOR_NEW, &sent.ticket)?;
        if ticket.body.account != caller.account().0 {
            return Err(wrong());
        }
        let key = site
            .webauthn
            .finish_passkey_registration(&sent.credential, &ticket.body.state)
            .map_err(|_| Error::invalid("credential", "is no passkey of this site"))?;
        ticket.take(auth.directory()).await?;
        let new = NewPasskey {
            credential_id: key.cred_id().clone(),
            site: site.host,
            label: sent.label,
            credential: written(&key)?,
        };
        let added = edit(&caller, move |edit| passkeys::add(edit, &new)).await?;
        let mut told = shown(&added.passkey);
        let codes: Vec<&str> = added.recovery_codes.iter().map(base::Secret::expose).collect();
        if let (Some(members), false) = (told.as_object_mut(), codes.is_empty()) {
            members.insert("recoveryCodes".to_owned(), codes.into());
        }
        Ok(told)
    };
    match make.await {
        Ok(told) => (StatusCode::CREATED, show(&told)).into_response(),
        Err(error) => failed(error),
    }
}

#[derive(Deserialize)]
pub(super) struct Label {
    label: String,
}

/// `PATCH /auth/passkeys/{id}`
pub(super) async fn rename(caller: Caller, Path(id): Path<String>, Json(sent): Json<Label>) -> Response {
    let rename = async {
        require_proof(&caller)?;
        let (account, id) = (caller.account(), number(&id)?);
        edit(&caller, move |edit| passkeys::rename(edit, account, id, &sent.label)).await
    };
    finished(rename.await)
}

/// `DELETE /auth/passkeys/{id}`
pub(super) async fn remove(caller: Caller, Path(id): Path<String>) -> Response {
    let remove = async {
        require_proof(&caller)?;
        let (account, id) = (caller.account(), number(&id)?);
        edit(&caller, move |edit| passkeys::remove(edit, account, id)).await
    };
    finished(remove.await)
}
