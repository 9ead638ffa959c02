//! The session (RFC 8620 section 2): what this server can do, which accounts there are, and where to go.

use base::{Limits, Result, Tree};
use serde_json::{Map, Value, json};

use crate::engine::capabilities::{self, nothing, nothing_of_account};
use crate::engine::{Access, Call, Capability, Collation};
use crate::jmap::Client;
use crate::{blob_type, history, principal, sieve};

fn core(limits: &Limits) -> Value {
    json!({
        "maxSizeUpload": limits.jmap_upload_bytes,
        "maxConcurrentUpload": limits.jmap_uploads,
        "maxSizeRequest": limits.jmap_request_bytes,
        "maxConcurrentRequests": limits.jmap_requests,
        "maxCallsInRequest": limits.jmap_calls,
        "maxObjectsInGet": limits.jmap_objects_get,
        "maxObjectsInSet": limits.jmap_objects_set,
        "collationAlgorithms": Collation::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
    })
}

/// The capabilities of everything but mail.
pub(crate) fn capabilities() -> Vec<Capability> {
    let plain = Capability {
        name: "",
        shared: false,
        of_accounts: true,
        server: nothing,
        account: nothing_of_account,
    };
    vec![
        Capability { name: capabilities::CORE, shared: true, server: core, ..plain },
        Capability { name: capabilities::QUOTA, shared: true, ..plain },
        Capability { name: capabilities::VACATION, ..plain },
        Capability { name: capabilities::CALENDARS_PARSE, shared: true, ..plain },
        Capability { name: capabilities::VAPID, of_accounts: false, ..plain },
        Capability { name: capabilities::WEBSOCKET, of_accounts: false, ..plain },
        Capability { name: capabilities::MDN, ..plain },
        Capability { name: capabilities::DIRECTORY, ..plain },
        Capability { name: capabilities::HISTORY, shared: true, account: history::of_account, ..plain },
        Capability { name: capabilities::PRINCIPALS, account: principal::of_account, ..plain },
        Capability { name: capabilities::BLOB, shared: true, account: blob_type::of_account, ..plain },
        Capability {
            name: capabilities::SIEVE,
            server: sieve::of_server,
            account: sieve::of_account,
            ..plain
        },
    ]
}

/// An account as a session shows it.
pub(crate) fn account(call: &Call, access: &Access) -> Value {
    let is_past = access.tree != Tree::Present;
    let has = |capability: &&Capability| {
        capability.of_accounts
            && (access.own || capability.shared)
            && (!is_past || capabilities::OF_HISTORY.contains(&capability.name))
    };
    let mut own: Map<String, Value> = (call.engine().capabilities().iter().filter(has))
        .map(|capability| (capability.name.to_owned(), (capability.account)(call.limits(), access)))
        .collect();
    // It stands with accounts only (RFC 9670 section 1.4.2).
    if !is_past {
        own.insert(capabilities::PRINCIPALS_OWNER.to_owned(), principal::of_owner(call, access));
    }
    json!({
        "name": access.name,
        "isPersonal": access.own,
        "isReadOnly": access.read_only,
        "accountCapabilities": own,
    })
}

async fn accounts(call: &Call) -> Result<Map<String, Value>> {
    let all = call.accounts().await?;
    Ok(all.iter().map(|access| (access.id(), account(call, access))).collect())
}

/// The session without its state.
async fn without_state(call: &Call, client: &Client) -> Result<Map<String, Value>> {
    let engine = call.engine();
    let server: Map<String, Value> = (engine.capabilities().iter())
        .filter(|capability| capability.name != capabilities::VAPID || engine.push().is_sent())
        .map(|capability| {
            let mut value = (capability.server)(call.limits());
            if capability.name == capabilities::WEBSOCKET {
                let origin = client.origin.replacen("http", "ws", 1);
                value = json!({ "url": format!("{origin}/jmap/ws"), "supportsPush": true });
            }
            if let (capabilities::VAPID, Some(key)) = (capability.name, engine.push().key()) {
                value = json!({ "applicationServerKey": key });
            }
            (capability.name.to_owned(), value)
        })
        .collect();
    // Of images the newest.
    let own = call.accounts().await?.into_iter().next();
    let primary: Map<String, Value> = (engine.capabilities().iter())
        .filter(|capability| capability.of_accounts)
        .filter_map(|capability| {
            let own = own.as_ref()?;
            let is_past = own.tree != Tree::Present;
            let has = !is_past || capabilities::OF_HISTORY.contains(&capability.name);
            has.then(|| (capability.name.to_owned(), json!(own.id())))
        })
        .collect();
    let origin = &client.origin;
    let members = [
        ("capabilities", Value::Object(server)),
        ("accounts", Value::Object(accounts(call).await?)),
        ("primaryAccounts", Value::Object(primary)),
        ("username", json!(call.own().name)),
        ("apiUrl", json!(format!("{origin}/jmap/api"))),
        (
            "downloadUrl",
            json!(format!("{origin}/jmap/download/{{accountId}}/{{blobId}}/{{name}}?accept={{type}}")),
        ),
        ("uploadUrl", json!(format!("{origin}/jmap/upload/{{accountId}}/"))),
        (
            "eventSourceUrl",
            json!(format!(
                "{origin}/jmap/eventsource/?types={{types}}&closeafter={{closeafter}}&ping={{ping}}"
            )),
        ),
    ];
    Ok(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn state_of(accounts: &Map<String, Value>, address: &str, limits: &Limits) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(address.as_bytes());
    hasher.update(core(limits).to_string().as_bytes());
    hasher.update(Value::Object(accounts.clone()).to_string().as_bytes());
    hasher.finalize().to_hex().chars().take(16).collect()
}

/// The state of the session: changes when anything in it does.
pub(crate) async fn state(call: &Call, client: &Client) -> Result<String> {
    Ok(state_of(&accounts(call).await?, &client.address, call.limits()))
}

/// The session.
pub(crate) async fn object(call: &Call, client: &Client) -> Result<Value> {
    let mut session = without_state(call, client).await?;
    let state = session
        .get("accounts")
        .and_then(Value::as_object)
        .map(|accounts| state_of(accounts, &client.address, call.limits()));
    session.insert("state".to_owned(), json!(state.unwrap_or_default()));
    Ok(Value::Object(session))
}
