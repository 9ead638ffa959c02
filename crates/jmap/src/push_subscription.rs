//! Where a client wants to be told of changes while it is not connected (RFC 8620 section 7.2).
//!
//! Who sends is no matter of this crate: it reads the rows, and asks [`crate::Jmap::changes_since`] what to tell.

use std::sync::Arc;

use base::{Error, Meaning};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use mail::push::{PushChange, PushSubscription};
use serde_json::{Value, json};

use crate::dates;
use crate::engine::{
    Access, Call, GetRequest, Hook, Map, Method, MethodError, Objects, Patch, Property, SetDone, SetError,
    SetRequest, Shape, Table, Type, capabilities, ids,
};
use crate::events;

const KEYS: Shape = Shape::Nullable(&Shape::Named(
    "PushKeys",
    &[
        Property::new("p256dh", Shape::String, "The client's public key on P-256, in base64url."),
        Property::new("auth", Shape::String, "Its secret of 16 bytes, in base64url."),
    ],
));
const TYPES: Shape = Shape::Nullable(&Shape::List(&Shape::String));
/// Bytes of the name of a device, and of a list of types.
const TEXT_BYTES: usize = 1_024;

static TABLE: Table = Table {
    name: "PushSubscription",
    capability: capabilities::CORE,
    doc: "An address that is told of changes, once the client has shown what was sent there first. Only those of the \
          caller's own session are seen.",
    personal: true,
    properties: &[
        Property::new("id", Shape::Id, "Its id.").server_set().immutable(),
        Property::new("deviceClientId", Shape::String, "How the client knows itself on this device.")
            .immutable()
            .required(),
        Property::new("url", Shape::String, "Where it is sent to, by HTTPS; never told again.")
            .immutable()
            .required()
            .hidden(),
        Property::new("keys", KEYS, "With them it is encrypted (RFC 8291); never told again.")
            .immutable()
            .hidden(),
        Property::new(
            "verificationCode",
            Shape::Nullable(&Shape::String),
            "What was sent there first; null until the client shows it.",
        ),
        Property::new(
            "expires",
            Shape::Nullable(&Shape::UtcDate),
            "When it ends; the server may bring it forward.",
        ),
        Property::new("types", TYPES, "What is told; null: everything."),
    ],
    methods: &[Method::standard("get"), Method::standard("set")],
    ..Table::EMPTY
};

struct Subscriptions;

/// The type of subscriptions.
pub(crate) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Subscriptions)]
}

/// The id of a subscription.
pub fn id_of(subscription: i64) -> String {
    ids::write('P', subscription)
}

fn read_id(id: &str) -> Option<i64> {
    ids::read('P', id)
}

/// Whether push may go to an address: HTTPS, or to the machine itself where the configuration allows that.
fn check_url(url: &str, most: u64, is_private_allowed: bool) -> Result<(), SetError> {
    let wrong = |why: &str| Err(SetError::invalid("url", why));
    if url.len() as u64 > most {
        return wrong("is longer than an address may be");
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("has characters that no address has");
    }
    let host = |rest: &str| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        (!authority.is_empty() && !authority.contains(['@', '\\'])).then(|| authority.to_ascii_lowercase())
    };
    match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") && host(rest).is_some() => Ok(()),
        Some((scheme, rest)) if is_private_allowed && scheme.eq_ignore_ascii_case("http") => {
            let is_loopback = |host: String| {
                ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| {
                    host.strip_prefix(own).is_some_and(|port| port.is_empty() || port.starts_with(':'))
                })
            };
            if host(rest).is_some_and(is_loopback) { Ok(()) } else { wrong("does not begin with https://") }
        }
        _ => wrong("does not begin with https://"),
    }
}

/// The keys of a client: as they are kept, without padding.
fn read_keys(value: Option<&Value>) -> Result<(String, String), SetError> {
    let Some(keys) = value.filter(|value| !value.is_null()) else { return Ok(<_>::default()) };
    let bytes = |name: &str| {
        let text = keys.get(name).and_then(Value::as_str).unwrap_or_default();
        URL_SAFE_NO_PAD.decode(text).or_else(|_| URL_SAFE.decode(text)).unwrap_or_default()
    };
    let (key, secret) = (bytes("p256dh"), bytes("auth"));
    if key.len() != 65 || key.first() != Some(&4) {
        return Err(SetError::invalid("keys", "has no `p256dh` of 65 bytes in base64url"));
    }
    if secret.len() != 16 {
        return Err(SetError::invalid("keys", "has no `auth` of 16 bytes in base64url"));
    }
    Ok((URL_SAFE_NO_PAD.encode(key), URL_SAFE_NO_PAD.encode(secret)))
}

fn read_types(value: &Value) -> Result<Option<String>, SetError> {
    if value.is_null() {
        return Ok(None);
    }
    let text = value.to_string();
    if text.len() > TEXT_BYTES {
        return Err(SetError::invalid("types", "are more than there can be"));
    }
    Ok(Some(text))
}

/// When a subscription ends that a client wants to end at `wanted`.
fn expires(call: &Call, wanted: Option<&Value>) -> Result<i64, SetError> {
    let seconds = i64::try_from(call.limits().push_subscription_seconds).unwrap_or(i64::MAX);
    let latest = call.ctx().now_ms().saturating_add(seconds.saturating_mul(1_000));
    match wanted.and_then(Value::as_str) {
        None => Ok(latest),
        Some(text) => {
            let at = dates::read(text).ok_or_else(|| SetError::invalid("expires", "is no date in UTC"))?;
            Ok(at.min(latest))
        }
    }
}

fn refused(error: Error) -> SetError {
    match error.meaning() {
        Meaning::NotFound => SetError::not_found(),
        Meaning::Invalid => SetError::invalid(error.field().to_owned(), error.rule().to_owned()),
        _ => error.into(),
    }
}

async fn create(call: &Call, object: &Map) -> Result<Map, SetError> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let device = text("deviceClientId");
    if device.len() > TEXT_BYTES {
        return Err(SetError::invalid("deviceClientId", "is longer than a name may be"));
    }
    if object.get("verificationCode").is_some_and(|code| !code.is_null()) {
        return Err(SetError::invalid("verificationCode", "is not known before it was sent"));
    }
    if !call.engine().push().is_sent() {
        return Err(SetError::new("forbidden").describe("this server sends no push"));
    }
    check_url(text("url"), call.limits().push_url_bytes, call.engine().push().is_private_allowed())?;
    let expires_at = expires(call, object.get("expires"))?;
    let new = PushSubscription {
        account: call.ctx().actor.account,
        id: 0,
        session: call.ctx().session,
        device: device.to_owned(),
        url: text("url").to_owned(),
        keys: read_keys(object.get("keys"))?,
        types: read_types(object.get("types").unwrap_or(&Value::Null))?,
        code: call.ctx().random.readable(24),
        verified: false,
        expires_at,
        told: String::new(),
    };
    let id = call.mail().add_push_subscription(call.ctx(), new).await.map_err(refused)?;
    call.engine().push().change();
    let mut out = Map::new();
    out.insert("id".to_owned(), json!(id_of(id)));
    out.insert("expires".to_owned(), json!(dates::utc(expires_at)));
    for name in ["keys", "types"] {
        if !object.contains_key(name) {
            out.insert(name.to_owned(), Value::Null);
        }
    }
    Ok(out)
}

/// Changes one; what the server made of a later end than it allows.
async fn update(call: &Call, id: i64, patch: &Patch) -> Result<Option<Map>, SetError> {
    let mut change = PushChange::default();
    let mut out = None;
    for (path, value) in &patch.entries {
        match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["verificationCode"] => change.code = Some(value.as_str().unwrap_or_default().to_owned()),
            ["types"] => change.types = Some(read_types(value)?),
            ["expires"] => {
                let at = expires(call, Some(value))?;
                let shown = json!(dates::utc(at));
                if shown != *value {
                    out = Some(Map::from_iter([("expires".to_owned(), shown)]));
                }
                change.expires_at = Some(at);
            }
            _ => return Err(SetError::new("invalidPatch")),
        }
    }
    if change.code.is_some() {
        change.told = events::token_now(call).await?;
    }
    call.mail().change_push_subscription(call.ctx(), id, change).await.map_err(refused)?;
    call.engine().push().change();
    Ok(out)
}

async fn set(call: &Call, request: SetRequest) -> Result<SetDone, MethodError> {
    let mut done = SetDone::default();
    for (name, object) in request.create {
        match create(call, &object).await {
            Ok(made) => done.created.push((name, made)),
            Err(error) => done.not_created.push((name, error)),
        }
    }
    for (id, patch) in request.update {
        let changed = match read_id(&id) {
            Some(number) => update(call, number, &patch).await,
            None => Err(SetError::not_found()),
        };
        match changed {
            Ok(more) => done.updated.push((id, more)),
            Err(error) => done.not_updated.push((id, error)),
        }
    }
    for id in request.destroy {
        let removed = match read_id(&id) {
            Some(number) => call.mail().remove_push_subscription(call.ctx(), number).await.map_err(refused),
            None => Err(SetError::not_found()),
        };
        match removed {
            Ok(()) => done.destroyed.push(id),
            Err(error) => done.not_destroyed.push((id, error)),
        }
    }
    Ok(done)
}

impl Type for Subscriptions {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, _: &'a Call, _: &'a Access) -> Hook<'a, String> {
        Box::pin(async { Ok(String::new()) })
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        _: &'a Access,
        request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        Box::pin(async move {
            if out.wants("url") || out.wants("keys") {
                return Err(MethodError::Forbidden);
            }
            let known = call.mail().push_subscriptions(call.ctx()).await?;
            let every = || known.iter().map(|one| id_of(one.id)).collect();
            for id in request.ids.unwrap_or_else(every) {
                let found = read_id(&id).and_then(|id| known.iter().find(|one| one.id == id));
                let Some(one) = found else {
                    out.missing(id);
                    continue;
                };
                out.add(&id, |object| {
                    object.put("deviceClientId", &one.device);
                    object.put("verificationCode", &one.verified.then_some(&one.code));
                    object.put("expires", &dates::utc(one.expires_at));
                    object.put_json("types", one.types.as_deref().unwrap_or("null").as_bytes());
                    Ok(())
                })?;
            }
            Ok(String::new())
        })
    }

    fn set<'a>(&'a self, call: &'a Call, _: &'a Access, request: SetRequest) -> Hook<'a, SetDone> {
        Box::pin(set(call, request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p08_push_goes_to_addresses_with_https_only() {
        let is_good = |url: &str, private| check_url(url, 100, private).is_ok();
        assert!(is_good("https://push.example/x?y", false) && is_good("HTTPS://push.example", true));
        for wrong in
            ["http://push.example/", "https://", "https:///x", "ftp://a", "https://u@a/", "https://a\nb", "x"]
        {
            assert!(!is_good(wrong, false) && !is_good(wrong, true), "{wrong}");
        }
        assert!(is_good("http://127.0.0.1:80/x", true) && is_good("http://[::1]/", true));
        assert!(!is_good("http://127.0.0.1:80/x", false) && !is_good("http://127.0.0.1.example/", true));
        assert!(!is_good(&format!("https://a/{}", "x".repeat(100)), false));
    }

    #[test]
    fn p08_keys_of_another_size_are_refused() {
        let key = URL_SAFE_NO_PAD.encode([4; 65]);
        let keys = |auth: &[u8]| json!({"p256dh": key, "auth": URL_SAFE.encode(auth)});
        assert_eq!(read_keys(Some(&keys(&[7; 16]))).unwrap(), (key.clone(), URL_SAFE_NO_PAD.encode([7; 16])));
        assert!(read_keys(Some(&keys(&[7; 15]))).is_err());
        assert!(read_keys(Some(&json!({"p256dh": "AA", "auth": URL_SAFE.encode([7; 16])}))).is_err());
        assert_eq!(read_keys(Some(&Value::Null)).unwrap(), <_>::default());
    }
}
