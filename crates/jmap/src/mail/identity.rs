//! Identities (RFC 8621 section 6): the addresses that a person sends as.
//!
//! The state is the objects themselves, each as its number and a hash of what it says, since the directory changes them
//! as well. So what changed is known from any state, unless there are very many.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Error, Meaning};
use mail::submission::Identity;
use serde_json::{Value, json};

use super::ids;
use crate::engine::{
    Access, Call, Changes, ChangesRequest, GetRequest, Hook, Map, Method, MethodError, Objects, Patch,
    Property, SetDone, SetError, SetRequest, Shape, Table, Type, capabilities,
};

const ADDRESS: Shape = Shape::Named(
    "EmailAddress",
    &[
        Property::new("name", Shape::Nullable(&Shape::String), "The name."),
        Property::new("email", Shape::String, "The address."),
    ],
);
const ADDRESSES: Shape = Shape::Nullable(&Shape::List(&ADDRESS));

static TABLE: Table = Table {
    name: "Identity",
    capability: capabilities::SUBMISSION,
    doc: "An address that a person sends as: its own, its aliases, those delegated to it, and further ones that it made of its own.",
    shared: false,
    pushed: false,
    properties: &[
        Property::new("id", Shape::Id, "Its id.").server_set().immutable(),
        Property::new("name", Shape::String, "The name beside the address."),
        Property::new("email", Shape::String, "The address.").immutable().required(),
        Property::new("replyTo", ADDRESSES, "Where answers go; null: nowhere else."),
        Property::new("bcc", ADDRESSES, "Who gets a copy of everything; null: nobody."),
        Property::new("textSignature", Shape::String, "Below messages in plain text."),
        Property::new("htmlSignature", Shape::String, "Below messages in HTML."),
        Property::new("mayDelete", Shape::Bool, "Whether it was made, and not given by the directory.")
            .server_set(),
    ],
    methods: &[Method::standard("get"), Method::standard("changes"), Method::standard("set")],
    ..Table::EMPTY
};

/// More identities than this make a state that changes cannot be told from.
const TOLD: usize = 40;

/// The type of identities.
pub(crate) struct Identities;

/// The types of identities.
pub(super) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Identities)]
}

async fn all(call: &Call, account: &Access) -> Result<Vec<Identity>, MethodError> {
    Ok(call.mail().identities(call.ctx(), account.account).await?)
}

/// What an identity says, as eight digits.
fn digest(identity: &Identity) -> String {
    let mut hasher = blake3::Hasher::new();
    let lists = [&identity.reply_to, &identity.bcc].map(|list| list.as_deref().unwrap_or_default());
    let texts = [&identity.address, &identity.name, &identity.text_signature, &identity.html_signature];
    for text in texts.into_iter().map(String::as_str).chain(lists) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(8).collect()
}

fn state_of(identities: &[Identity]) -> String {
    let mut each: Vec<String> =
        identities.iter().map(|one| format!("{:x}-{}", one.id, digest(one))).collect();
    each.sort_unstable();
    let whole = each.join(".");
    if each.len() <= TOLD {
        return if whole.is_empty() { "none".to_owned() } else { whole };
    }
    format!("many-{}", blake3::hash(whole.as_bytes()).to_hex())
}

/// The identities of a state with their hashes; none when it is no state that tells them.
fn told(state: &str) -> Option<BTreeMap<i64, &str>> {
    if state == "none" {
        return Some(BTreeMap::new());
    }
    let each = state.split('.').map(|one| {
        let (id, digest) = one.split_once('-')?;
        Some((i64::from_str_radix(id, 16).ok()?, digest))
    });
    each.collect()
}

/// A list of addresses as it is kept: JSON.
fn read_list(value: &Value) -> Option<String> {
    (!value.is_null()).then(|| value.to_string())
}

fn write_list(list: Option<&String>) -> Value {
    list.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
}

fn apply<'p>(identity: &mut Identity, entries: impl Iterator<Item = (&'p str, &'p Value)>) {
    for (name, value) in entries {
        let text = || value.as_str().unwrap_or_default().to_owned();
        match name {
            "name" => identity.name = text(),
            "replyTo" => identity.reply_to = read_list(value),
            "bcc" => identity.bcc = read_list(value),
            "textSignature" => identity.text_signature = text(),
            "htmlSignature" => identity.html_signature = text(),
            _ => {}
        }
    }
}

/// Errors about an address that is not the person's have a name of their own.
fn refused(error: Error) -> SetError {
    match error.meaning() {
        Meaning::Forbidden if error.field() == "email" => {
            SetError::new("forbiddenFrom").describe(error.to_string())
        }
        Meaning::Limit => SetError::new("overQuota").describe(error.to_string()),
        _ => error.into(),
    }
}

async fn create(call: &Call, account: &Access, object: &Map) -> Result<Map, SetError> {
    let email = object.get("email").and_then(Value::as_str).unwrap_or_default();
    let address = codec::Address::parse(email)
        .map_err(|fault| SetError::invalid("email", fault.to_string()))?
        .to_string();
    let mut identity = Identity { address, made: true, ..Identity::default() };
    apply(&mut identity, object.iter().map(|(name, value)| (name.as_str(), value)));
    let mut made = Map::new();
    for (name, empty) in [("name", json!("")), ("replyTo", Value::Null), ("bcc", Value::Null)] {
        if !object.contains_key(name) {
            made.insert(name.to_owned(), empty);
        }
    }
    for name in ["textSignature", "htmlSignature"] {
        if !object.contains_key(name) {
            made.insert(name.to_owned(), json!(""));
        }
    }
    let id = call.mail().put_identity(call.ctx(), account.account, identity).await.map_err(refused)?;
    made.insert("id".to_owned(), json!(ids::identity(id)));
    made.insert("mayDelete".to_owned(), json!(true));
    Ok(made)
}

async fn update(
    call: &Call,
    account: &Access,
    known: &[Identity],
    id: &str,
    patch: &Patch,
) -> Result<(), SetError> {
    let number = ids::read_identity(id).ok_or_else(SetError::not_found)?;
    let found = known.iter().find(|identity| identity.id == number).ok_or_else(SetError::not_found)?;
    let mut identity = found.clone();
    let whole = patch.entries.iter().filter_map(|(path, value)| match path.as_slice() {
        [name] => Some((name.as_str(), value)),
        _ => None,
    });
    apply(&mut identity, whole);
    call.mail().put_identity(call.ctx(), account.account, identity).await.map_err(refused)?;
    Ok(())
}

async fn set(call: &Call, account: &Access, request: SetRequest) -> Result<SetDone, MethodError> {
    let known = all(call, account).await?;
    let mut done = SetDone { old_state: Some(state_of(&known)), ..SetDone::default() };
    for (name, object) in request.create {
        match create(call, account, &object).await {
            Ok(made) => done.created.push((name, made)),
            Err(error) => done.not_created.push((name, error)),
        }
    }
    for (id, patch) in request.update {
        match update(call, account, &known, &id, &patch).await {
            Ok(()) => done.updated.push((id, None)),
            Err(error) => done.not_updated.push((id, error)),
        }
    }
    for id in request.destroy {
        let found = ids::read_identity(&id).and_then(|id| known.iter().find(|one| one.id == id));
        let result = match found {
            Some(identity) if identity.made => {
                let removed = call.mail().remove_identity(call.ctx(), account.account, identity.id).await;
                removed.map_err(SetError::from)
            }
            Some(_) => Err(SetError::new("forbidden").describe("the directory gives this address")),
            None => Err(SetError::not_found()),
        };
        match result {
            Ok(()) => done.destroyed.push(id),
            Err(error) => done.not_destroyed.push((id, error)),
        }
    }
    done.new_state = state_of(&all(call, account).await?);
    Ok(done)
}

impl Type for Identities {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, account: &'a Access) -> Hook<'a, String> {
        Box::pin(async move { Ok(state_of(&all(call, account).await?)) })
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        Box::pin(async move {
            let known = all(call, account).await?;
            let every = || known.iter().map(|identity| ids::identity(identity.id)).collect();
            for id in request.ids.unwrap_or_else(every) {
                let found = ids::read_identity(&id).and_then(|id| known.iter().find(|one| one.id == id));
                let Some(identity) = found else {
                    out.missing(id);
                    continue;
                };
                out.add(&id, |object| {
                    object.put("name", &identity.name);
                    object.put("email", &identity.address);
                    object.put("replyTo", &write_list(identity.reply_to.as_ref()));
                    object.put("bcc", &write_list(identity.bcc.as_ref()));
                    object.put("textSignature", &identity.text_signature);
                    object.put("htmlSignature", &identity.html_signature);
                    object.put("mayDelete", &identity.made);
                    Ok(())
                })?;
            }
            Ok(state_of(&known))
        })
    }

    fn changes<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: ChangesRequest,
    ) -> Hook<'a, Changes> {
        Box::pin(async move {
            let now = state_of(&all(call, account).await?);
            let mut changes = Changes::none(now.as_str());
            if now == request.since {
                return Ok(changes);
            }
            let cannot = MethodError::CannotCalculateChanges;
            let (Some(before), Some(after)) = (told(&request.since), told(&now)) else { return Err(cannot) };
            for (id, digest) in &after {
                match before.get(id) {
                    None => changes.created.push(ids::identity(*id)),
                    Some(known) if known != digest => changes.updated.push(ids::identity(*id)),
                    Some(_) => {}
                }
            }
            let gone = before.keys().filter(|id| !after.contains_key(id));
            changes.destroyed.extend(gone.map(|id| ids::identity(*id)));
            let count = changes.created.len() + changes.updated.len() + changes.destroyed.len();
            // There is no state between the two.
            if request.max.is_some_and(|max| count as u64 > max) { Err(cannot) } else { Ok(changes) }
        })
    }

    fn set<'a>(&'a self, call: &'a Call, account: &'a Access, request: SetRequest) -> Hook<'a, SetDone> {
        Box::pin(set(call, account, request))
    }
}
