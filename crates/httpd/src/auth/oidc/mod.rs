//! Logging in at a provider (OpenID Connect Core, code flow with PKCE).
//!
//! What must stay true here:
//! - What began in one browser ends in it: state, nonce and verifier are sealed in a cookie, which counts once.
//! - Each provider has an address of its own to send people back to, and where it names itself (RFC 9207) the name is
//!   looked at: an answer of one provider is never shown to another.
//! - People are sent to paths of this site only.

mod jwt;
mod provider;
mod tokens;

use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{AccountId, Actor, Ctx, Door, Error, Limits, Meaning, OrganisationId, Result, SessionId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use directory::providers::{self, Claims, Origin, Provider};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::jwt::Jwt;
pub(super) use self::provider::Providers;
use self::provider::{Known, broken};
pub(super) use self::tokens::ProviderTokens;
use super::caller::Caller;
use super::cookies::Cookie;
use super::place::Place;
use super::steps::{Visitor, Wish};
use super::tickets::Ticket;
use super::{Auth, show};
use crate::problem::Problem;

const FOR_PROVIDER: &str = "provider";
/// The event of a logout token (OpenID Connect Back-Channel Logout section 2.4).
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// A logout token is refused after so long.
const LOGOUT_AGE_SECONDS: i64 = 300;

/// What a browser carries to its provider and back.
#[derive(Serialize, Deserialize)]
struct Away {
    organisation: i64,
    provider: i64,
    state: String,
    nonce: String,
    verifier: String,
    to: String,
}

/// How a provider is named in addresses.
fn number(provider: &Provider) -> String {
    format!("{}-{}", provider.organisation.0, provider.id)
}

async fn find(auth: &Auth, number: &str) -> Result<Provider> {
    let numbers = number
        .split_once('-')
        .and_then(|(organisation, id)| Some((organisation.parse::<i64>().ok()?, id.parse::<i64>().ok()?)));
    let (organisation, id) = numbers.ok_or_else(|| Error::not_found("provider"))?;
    auth.directory().read(move |tx| providers::load(tx, OrganisationId(organisation), id)).await
}

/// The providers that a name can log in at, for `GET /auth/methods`.
pub(super) async fn offered(auth: &Auth, name: &str) -> Result<Value> {
    let name: String = name.chars().take(500).collect();
    let found = auth.directory().read(move |tx| providers::for_name(tx, &name)).await?;
    let told = found.iter().map(|found| json!({ "id": number(found), "label": found.name }));
    Ok(told.collect::<Vec<_>>().into())
}

/// The value of a parameter that is there once.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut found = url::form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let (_, value) = found.next()?;
    found.next().is_none().then(|| value.into_owned())
}

/// A path of this site; anything else is `/`.
fn own_path(place: &Place, wished: &str) -> String {
    let is_path = wished.starts_with('/') && wished.len() <= 500;
    let is_plain = wished.chars().all(|character| character.is_ascii_graphic() && character != '\\');
    let base =
        url::Url::parse(&place.origin).ok().filter(|_| is_path && is_plain && !wished.starts_with("//"));
    let target = base.as_ref().and_then(|base| base.join(wished).ok());
    match (base, target) {
        (Some(base), Some(target)) if base.origin() == target.origin() => wished.to_owned(),
        _ => "/".to_owned(),
    }
}

fn back_address(place: &Place, provider: &Provider) -> String {
    format!("{}/auth/oidc/callback/{}", place.origin, number(provider))
}

fn sent_to(address: &str) -> Response {
    let mut answer = StatusCode::SEE_OTHER.into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let address =
        HeaderValue::from_str(address).unwrap_or_else(|_| HeaderValue::from_static("/login?error=provider"));
    headers.insert(header::LOCATION, address);
    answer
}

/// Back to the page of the login, with what went wrong.
fn failed(error: &Error) -> Response {
    let code = match (error.meaning(), error.field()) {
        (_, "state" | "ticket") => "state",
        (Meaning::Forbidden, "claims") => "claims",
        (Meaning::Forbidden, "login") => "closed",
        (Meaning::NotFound, _) => "unknown",
        _ => "provider",
    };
    tracing::info!(%error, code, "a login at a provider failed");
    sent_to(&format!("/login?error={code}"))
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// `GET /auth/oidc/start`
pub(super) async fn start(visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    begin(&visitor, &query.unwrap_or_default()).await.unwrap_or_else(|error| failed(&error))
}

async fn begin(visitor: &Visitor, query: &str) -> Result<Response> {
    let (auth, place) = (visitor.auth(), visitor.place());
    let provider = find(auth, &parameter(query, "provider").unwrap_or_default()).await;
    let provider = provider.map_err(|_| broken("is not known here"))?;
    let known = auth.providers().known(auth.ctx(), &provider).await?;
    let random = || URL_SAFE_NO_PAD.encode(auth.ctx().random.bytes::<32>());
    let away = Away {
        organisation: provider.organisation.0,
        provider: provider.id,
        state: random(),
        nonce: random(),
        verifier: random(),
        to: own_path(place, &parameter(query, "to").unwrap_or_default()),
    };
    let mut address = url::Url::parse(&known.metadata.authorization_endpoint)
        .map_err(|_| broken("has no address to log in at"))?;
    address
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.client_id)
        .append_pair("redirect_uri", &back_address(place, &provider))
        .append_pair("scope", &provider.scopes)
        .append_pair("state", &away.state)
        .append_pair("nonce", &away.nonce)
        .append_pair("code_challenge", &challenge(&away.verifier))
        .append_pair("code_challenge_method", "S256");
    let seconds = i64::try_from(auth.ctx().limits.provider_login_seconds).unwrap_or(i64::MAX);
    let sealed = auth.tickets().seal(auth.ctx(), FOR_PROVIDER, seconds.saturating_mul(1_000), away)?;
    let mut answer = sent_to(address.as_str());
    let cookie = Cookie::Away.set(sealed.expose(), place.is_tls, Some(seconds));
    answer.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(answer)
}

/// `GET /auth/oidc/callback/{provider}`
pub(super) async fn callback(
    visitor: Visitor,
    Path(number): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let arrived = arrive(&visitor, &number, &query.unwrap_or_default()).await;
    let mut answer = arrived.unwrap_or_else(|error| failed(&error));
    let gone = Cookie::Away.remove(visitor.place().is_tls);
    if let Some(gone) = gone {
        answer.headers_mut().append(header::SET_COOKIE, gone);
    }
    answer
}

async fn arrive(visitor: &Visitor, number: &str, query: &str) -> Result<Response> {
    let (auth, place) = (visitor.auth(), visitor.place());
    let limits = &auth.ctx().limits;
    let not_begun = || Error::forbidden("state", "was not begun in this browser, or too long ago");
    let sealed = Cookie::Away.of(visitor.headers(), place.is_tls).ok_or_else(not_begun)?;
    let ticket: Ticket<Away> = auth.tickets().open(auth.ctx(), FOR_PROVIDER, sealed)?;
    let state = base::Secret::new(parameter(query, "state").ok_or_else(not_begun)?);
    if !state.matches(ticket.body.state.as_bytes()) {
        return Err(not_begun());
    }
    let provider = find(auth, number).await.map_err(|_| not_begun())?;
    if (provider.organisation.0, provider.id) != (ticket.body.organisation, ticket.body.provider) {
        return Err(not_begun());
    }
    ticket.take(auth.directory()).await?;
    let away = ticket.body;
    let known = auth.providers().known(auth.ctx(), &provider).await?;
    match parameter(query, "iss") {
        Some(issuer) if issuer != provider.issuer => return Err(broken("is another than was asked")),
        None if known.metadata.authorization_response_iss_parameter_supported => {
            return Err(broken("does not name itself"));
        }
        _ => {}
    }
    let code = parameter(query, "code").ok_or_else(|| broken("let nobody in"))?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &back_address(place, &provider)),
        ("code_verifier", &away.verifier),
    ];
    let told = auth.providers().post(&provider, &known, &known.metadata.token_endpoint, &form).await?;
    let text = |name: &str| told.get(name).and_then(Value::as_str);
    let token = Jwt::read(text("id_token").ok_or_else(|| broken("tells not who it is"))?, limits)
        .map_err(|_| broken("tells not who it is"))?;
    check_identity(auth, &provider, &known, &token, &away.nonce).await?;
    let mut claims = claims_of(&provider, &token.claims, limits);
    let more = text("access_token").zip(known.metadata.userinfo_endpoint.as_deref());
    if let (true, Some((access, address))) = (claims.address.is_empty() || claims.groups.is_empty(), more) {
        let told = auth.providers().get(address, access).await?;
        if told.get("sub").and_then(Value::as_str) == Some(&claims.subject) {
            claims = both(claims, claims_of(&provider, &told, limits));
        }
    }
    let account = settle(auth, &provider, claims.clone()).await?;
    let logged_in = auth.directory().login_account(auth.ctx(), account, Door::Jmap).await?;
    let origin = Origin {
        organisation: provider.organisation,
        provider: provider.id,
        subject: claims.subject,
        provider_session: token.text("sid").to_owned(),
    };
    let opened = visitor.open_session(&logged_in, Wish::default(), Some(origin)).await?;
    let mut answer = sent_to(&away.to);
    let cookie = Cookie::Session.set(opened.expose(), place.is_tls, None);
    answer.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(answer)
}

/// Whether an ID token is of this provider, for us, of now, and of this login (OpenID Connect Core section 3.1.3.7).
async fn check_identity(
    auth: &Auth,
    provider: &Provider,
    known: &Known,
    token: &Jwt,
    nonce: &str,
) -> Result<()> {
    auth.providers()
        .verify(auth.ctx(), known, token)
        .await
        .map_err(|_| broken("did not sign what it tells"))?;
    let is_ours = token.text("iss") == provider.issuer && token.is_for(&provider.client_id);
    let authorized = token.claims.get("azp").is_none_or(|party| party == provider.client_id.as_str());
    let several = matches!(token.claims.get("aud"), Some(Value::Array(all)) if all.len() > 1);
    if !is_ours || !authorized || (several && token.claims.get("azp").is_none()) {
        return Err(broken("tells it to somebody else"));
    }
    token.check_times(auth.ctx().now_ms()).map_err(|_| broken("tells what is over"))?;
    if token.text("nonce") != nonce || token.text("sub").is_empty() || token.text("sub").len() > 255 {
        return Err(broken("tells it of another login"));
    }
    Ok(())
}

/// What claims say, by the names that a provider has for them.
fn claims_of(provider: &Provider, claims: &Value, limits: &Limits) -> Claims {
    let most = usize::try_from(limits.provider_groups).unwrap_or(usize::MAX);
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let groups = match claims.get(&provider.group_claim) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => {
            all.iter().take(most).filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let verified = claims.get("email_verified");
    Claims {
        subject: text("sub"),
        address: text(&provider.address_claim),
        // Some send the word. It speaks of no other claim than `email`.
        is_verified: provider.address_claim == "email"
            && verified.is_some_and(|told| *told == true || *told == "true"),
        name: text("name"),
        given_name: text("given_name"),
        family_name: text("family_name"),
        groups,
    }
}

fn both(first: Claims, second: Claims) -> Claims {
    let longer = |first: String, second: String| if first.is_empty() { second } else { first };
    let has_address = !first.address.is_empty();
    Claims {
        subject: first.subject,
        is_verified: if has_address { first.is_verified } else { second.is_verified },
        address: longer(first.address, second.address),
        name: longer(first.name, second.name),
        given_name: longer(first.given_name, second.given_name),
        family_name: longer(first.family_name, second.family_name),
        groups: if first.groups.is_empty() { second.groups } else { first.groups },
    }
}

/// The account of somebody, after its groups and roles followed what the provider tells.
async fn settle(auth: &Auth, provider: &Provider, claims: Claims) -> Result<AccountId> {
    let (own, told) = (provider.clone(), claims.clone());
    let known = auth.directory().read(move |tx| providers::known(tx, &own, &told)).await?;
    if let Some(account) = known {
        return Ok(account);
    }
    let (own, organisation) = (provider.clone(), provider.organisation);
    let ctx = auth.ctx().with_actor(Actor::system(), Door::Jmap, SessionId(0));
    auth.directory().edit(&ctx, organisation, move |edit| providers::arrive(edit, &own, &claims)).await
}

/// Where a browser goes that logged out here, when its session began at a provider that wants to know.
pub(super) async fn after_logout(caller: &Caller, place: &Place) -> Result<Option<String>> {
    let (auth, session) = (caller.auth(), caller.session());
    let Some(origin) = auth.directory().read(move |tx| providers::origin(tx, session)).await? else {
        return Ok(None);
    };
    let provider =
        auth.directory().read(move |tx| providers::load(tx, origin.organisation, origin.provider)).await?;
    let known = auth.providers().known(auth.ctx(), &provider).await?;
    let Some(address) = known.metadata.end_session_endpoint.as_deref() else { return Ok(None) };
    let mut address = url::Url::parse(address).map_err(|_| broken("has no address to log out at"))?;
    address
        .query_pairs_mut()
        .append_pair("client_id", &provider.client_id)
        .append_pair("post_logout_redirect_uri", &format!("{}/login", place.origin));
    Ok(Some(address.into()))
}

/// `POST /auth/oidc/backchannel-logout` (OpenID Connect Back-Channel Logout section 2.5)
pub(super) async fn back_channel(Extension(auth): Extension<Auth>, body: String) -> Response {
    let ended = async {
        let token = parameter(&body, "logout_token").ok_or_else(|| refused("is missing"))?;
        end(&auth, &Jwt::read(&token, &auth.ctx().limits).map_err(|_| refused("is none"))?).await
    };
    match ended.await {
        Ok(ended) => show(&json!({ "ended": ended })),
        Err(error) if error.meaning() == Meaning::Unavailable => Problem::from(error).into_response(),
        Err(error) => {
            let mut answer = Problem::with_status(StatusCode::BAD_REQUEST, error).into_response();
            answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            answer
        }
    }
}

fn refused(rule: &'static str) -> Error {
    Error::invalid("logout_token", rule)
}

async fn end(auth: &Auth, token: &Jwt) -> Result<u64> {
    let (issuer, ctx) = (token.text("iss").to_owned(), auth.ctx());
    let all = auth.directory().read(move |tx| providers::by_issuer(tx, &issuer)).await?;
    let meant: Vec<&Provider> = all.iter().filter(|provider| token.is_for(&provider.client_id)).collect();
    let Some(first) = meant.first() else { return Err(refused("is for somebody else")) };
    let known = auth.providers().known(ctx, first).await?;
    auth.providers().verify(ctx, &known, token).await.map_err(|error| match error.meaning() {
        Meaning::Unavailable => error,
        _ => refused("is not signed by its provider"),
    })?;
    check_logout(ctx, token)?;
    let id = blake3::derive_key("beffroi logout token 1", token.text("jti").as_bytes());
    let id = id.first_chunk::<16>().copied().unwrap_or_default();
    let until = ctx.now_ms().saturating_add(2 * LOGOUT_AGE_SECONDS * 1_000);
    let meant: Vec<Origin> = meant
        .into_iter()
        .map(|provider| Origin {
            organisation: provider.organisation,
            provider: provider.id,
            subject: token.text("sub").to_owned(),
            provider_session: token.text("sid").to_owned(),
        })
        .collect();
    let (own, store) = (ctx.clone(), auth.directory().kernel().store());
    let ended = store
        .write(Vec::new(), move |tx| {
            if !directory::web_sessions::take_ticket(tx, &id, until)? {
                return Err(refused("was sent before"));
            }
            let mut ended = 0;
            for origin in &meant {
                ended += providers::end_sessions(tx, &own, origin)?;
            }
            Ok(ended)
        })
        .await?;
    auth.authenticator().settle().await?;
    Ok(ended)
}

/// What a logout token must be beside being signed (section 2.6).
fn check_logout(ctx: &Ctx, token: &Jwt) -> Result<()> {
    let now = ctx.now_ms() / 1_000;
    let issued = token.claims.get("iat").and_then(jwt::seconds).ok_or_else(|| refused("has no time"))?;
    if (now - issued).abs() > LOGOUT_AGE_SECONDS
        || token.claims.get("exp").is_some_and(|_| token.check_times(ctx.now_ms()).is_err())
    {
        return Err(refused("is too old"));
    }
    let has_event =
        token.claims.pointer("/events").and_then(|events| events.get(LOGOUT)).is_some_and(Value::is_object);
    let names_somebody = !token.text("sub").is_empty() || !token.text("sid").is_empty();
    if !has_event || !names_somebody || token.text("jti").is_empty() || token.claims.get("nonce").is_some() {
        return Err(refused("is none of a logout"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_sent_to_paths_of_this_site_only() {
        let place = Place {
            address: std::net::IpAddr::from([192, 0, 2, 1]),
            is_tls: true,
            origin: "https://mail.example.org".to_owned(),
        };
        for good in ["/", "/mail", "/mail/12?x=1#y", "/settings/security"] {
            assert_eq!(own_path(&place, good), good);
        }
        for bad in [
            "",
            "mail",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\r\nset-cookie: a=b",
            "/ /evil.example",
            "/\u{e9}",
            "https:evil.example",
            "@evil.example",
            &"/a".repeat(400),
        ] {
            assert_eq!(own_path(&place, bad), "/", "{bad}");
        }
    }

    #[test]
    fn a_parameter_counts_when_it_is_there_once() {
        assert_eq!(parameter("a=1&b=%32+3", "b").as_deref(), Some("2 3"));
        assert_eq!(parameter("a=1&a=2", "a"), None);
        assert_eq!(parameter("", "a"), None);
    }
}
