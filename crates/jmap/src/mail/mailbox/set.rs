//! `Mailbox/set` (RFC 8621 section 2.5).

use base::{CollectionId, Error, Meaning};
use mail::{MailboxChange, Role};
use serde_json::{Value, json};

use super::share::{self, Share};
use super::{all, rights};
use crate::engine::{Access, Call, Map, MethodError, Patch, SetDone, SetError, SetRequest};
use crate::mail::ids;

/// What a client says of a mailbox; what is none is not said.
#[derive(Default)]
#[expect(clippy::option_option, reason = "not said, said to be none, said")]
struct Said {
    name: Option<String>,
    parent: Option<CollectionId>,
    role: Option<Option<Role>>,
    sort_order: Option<u32>,
    subscribed: Option<bool>,
    share: Vec<Share>,
}

fn refused(error: Error) -> SetError {
    let property = match (error.meaning(), error.field()) {
        (Meaning::NotFound, field) if field.starts_with("parent") => "parentId",
        (Meaning::NotFound, _) => return SetError::not_found(),
        (Meaning::Forbidden, _) => return error.into(),
        (Meaning::Conflict, "name") => {
            return SetError::new("alreadyExists").property("name").describe(error.to_string());
        }
        (_, "parent" | "parentId") => "parentId",
        (_, "role") => "role",
        (_, "name") => "name",
        _ => return error.into(),
    };
    SetError::invalid(property, error.to_string())
}

fn said(
    name: &str,
    value: &Value,
    said: &mut Said,
    resolve: impl Fn(&str) -> Option<String>,
) -> Result<(), SetError> {
    let wrong = |why: &str| SetError::invalid(name, why);
    match (name, value) {
        ("name", Value::String(text)) => said.name = Some(text.clone()),
        ("parentId", Value::Null) => said.parent = Some(CollectionId(0)),
        ("parentId", Value::String(id)) => {
            let id = resolve(id).and_then(|id| ids::read_mailbox(&id));
            said.parent = Some(id.ok_or_else(|| wrong("names a mailbox that does not exist"))?);
        }
        ("role", Value::Null) => said.role = Some(None),
        ("role", Value::String(word)) => {
            let role = Role::from_word(word).filter(|_| word.chars().all(|c| !c.is_uppercase()));
            said.role = Some(Some(role.ok_or_else(|| wrong("is no role that mailboxes have here"))?));
        }
        ("sortOrder", Value::Number(order)) => {
            let order = order.as_u64().and_then(|order| u32::try_from(order).ok());
            said.sort_order = Some(order.ok_or_else(|| wrong("must be less than 2^31"))?);
        }
        ("isSubscribed", Value::Bool(on)) => said.subscribed = Some(*on),
        ("sortOrder", Value::Null) => said.sort_order = Some(0),
        ("shareWith", value) => share::read(&[], value, &mut said.share)?,
        _ => return Err(wrong("has another type")),
    }
    Ok(())
}

async fn create(call: &Call, access: &Access, new: Said) -> Result<Map, SetError> {
    let (mail, ctx, account) = (call.mail(), call.ctx(), access.account);
    let parent = new.parent.unwrap_or(CollectionId(0));
    let name = new.name.ok_or_else(|| SetError::invalid("name", "is missing"))?;
    let role = new.role.flatten();
    let id = mail.create_mailbox(ctx, account, parent, &name, role).await.map_err(refused)?;
    if let Some(order) = new.sort_order.filter(|order| *order != 0) {
        mail.set_sort_order(ctx, account, id, order).await.map_err(refused)?;
    }
    if new.subscribed == Some(false) {
        mail.subscribe(ctx, account, id, false).await.map_err(refused)?;
    }
    if let Err(error) = share::apply(call, access, id, &new.share).await {
        mail.destroy_mailbox(ctx, account, id).await.map_err(refused)?;
        return Err(error);
    }
    let made = mail.mailbox(ctx, account, id).await.map_err(refused)?;
    let mut out = Map::new();
    for (name, value) in [
        ("id", json!(ids::mailbox(id))),
        ("totalEmails", json!(0)),
        ("unreadEmails", json!(0)),
        ("totalThreads", json!(0)),
        ("unreadThreads", json!(0)),
        ("myRights", rights(&made)),
    ] {
        out.insert(name.to_owned(), value);
    }
    let defaults = [
        ("parentId", new.parent.is_none(), Value::Null),
        ("role", new.role.is_none(), Value::Null),
        ("sortOrder", new.sort_order.is_none(), json!(0)),
        ("isSubscribed", new.subscribed.is_none(), json!(made.subscribed)),
    ];
    for (name, unsaid, value) in defaults {
        if unsaid {
            out.insert(name.to_owned(), value);
        }
    }
    Ok(out)
}

async fn update(call: &Call, access: &Access, id: CollectionId, change: Said) -> Result<(), SetError> {
    let (mail, ctx, account) = (call.mail(), call.ctx(), access.account);
    let now = mail.mailbox(ctx, account, id).await.map_err(refused)?;
    let shown = if now.role == Some(Role::Inbox) { "Inbox" } else { &now.name };
    let name = change.name.filter(|name| *name != now.name && name != shown);
    let parent = change.parent.filter(|parent| *parent != now.parent);
    let role = change.role.filter(|role| *role != now.role);
    if name.is_some() || parent.is_some() || role.is_some() {
        let change = MailboxChange { parent, name, role };
        mail.change_mailbox(ctx, account, id, change).await.map_err(refused)?;
    }
    if let Some(order) = change.sort_order.filter(|order| *order != now.sort_order) {
        mail.set_sort_order(ctx, account, id, order).await.map_err(refused)?;
    }
    if let Some(on) = change.subscribed.filter(|on| *on != now.subscribed) {
        mail.subscribe(ctx, account, id, on).await.map_err(refused)?;
        if access.own {
            mail.touch_mailbox(ctx, account, id).await.map_err(refused)?;
        }
    }
    share::apply(call, access, id, &change.share).await
}

async fn destroy(call: &Call, access: &Access, id: CollectionId, with_emails: bool) -> Result<(), SetError> {
    let (mail, ctx, account) = (call.mail(), call.ctx(), access.account);
    let all = mail.mailboxes(ctx, account).await?;
    let mailbox = all.iter().find(|mailbox| mailbox.id == id).ok_or_else(SetError::not_found)?;
    if all.iter().any(|other| other.parent == id) {
        return Err(SetError::new("mailboxHasChild").describe("others lie in it: remove or move them first"));
    }
    if mailbox.total > 0 && !with_emails {
        return Err(SetError::new("mailboxHasEmail").describe("emails lie in it"));
    }
    mail.destroy_mailbox(ctx, account, id).await.map_err(|error| match error.meaning() {
        Meaning::Conflict => SetError::new("mailboxHasChild").describe("others lie in it"),
        _ => refused(error),
    })
}

fn patched(patch: &Patch, created: &[(String, Map)]) -> Result<Said, SetError> {
    let mut change = Said::default();
    for (path, value) in &patch.entries {
        let (name, below) = path.split_first().ok_or_else(|| SetError::new("invalidPatch"))?;
        if name == "shareWith" {
            share::read(below, value, &mut change.share)?;
            continue;
        }
        if !below.is_empty() {
            return Err(SetError::new("invalidPatch"));
        }
        said(name, value, &mut change, |id| resolved(id, created))?;
    }
    Ok(change)
}

/// An id, or the one of a creation of this call.
fn resolved(id: &str, created: &[(String, Map)]) -> Option<String> {
    let Some(name) = id.strip_prefix('#') else { return Some(id.to_owned()) };
    let (_, object) = created.iter().find(|(known, _)| known == name)?;
    object.get("id").and_then(Value::as_str).map(str::to_owned)
}

pub(super) async fn set(
    call: &Call,
    access: &Access,
    mut request: SetRequest,
) -> Result<SetDone, MethodError> {
    let with_emails = request.arguments.bool("onDestroyRemoveEmails", false)?;
    let (before, _) = all(call, access).await?;
    let mut done = SetDone { old_state: Some(ids::state(before)), ..SetDone::default() };
    for (name, object) in &request.create {
        let mut new = Said::default();
        let read = object.iter().try_for_each(|(property, value)| {
            said(property, value, &mut new, |id| resolved(id, &done.created))
        });
        let made = match read {
            Ok(()) => create(call, access, new).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(made) => done.created.push((name.clone(), made)),
            Err(error) => done.not_created.push((name.clone(), error)),
        }
    }
    for (id, patch) in &request.update {
        let result = match (ids::read_mailbox(id), patched(patch, &done.created)) {
            (Some(mailbox), Ok(change)) => update(call, access, mailbox, change).await,
            (None, _) => Err(SetError::not_found()),
            (_, Err(error)) => Err(error),
        };
        match result {
            Ok(()) => done.updated.push((id.clone(), None)),
            Err(error) => done.not_updated.push((id.clone(), error)),
        }
    }
    // Children before those that they lie in.
    let all = call.mail().mailboxes(call.ctx(), access.account).await?;
    let depth = |id: &str| {
        let mut at = ids::read_mailbox(id);
        let mut depth = 0;
        while let Some(mailbox) = at.and_then(|id| all.iter().find(|mailbox| mailbox.id == id)) {
            depth += 1;
            at = Some(mailbox.parent).filter(|_| depth <= all.len());
        }
        depth
    };
    request.destroy.sort_by_key(|id| std::cmp::Reverse(depth(id)));
    for id in request.destroy {
        let result = match ids::read_mailbox(&id) {
            Some(mailbox) => destroy(call, access, mailbox, with_emails).await,
            None => Err(SetError::not_found()),
        };
        match result {
            Ok(()) => done.destroyed.push(id),
            Err(error) => done.not_destroyed.push((id, error)),
        }
    }
    done.new_state = ids::state(call.mail().mail_state(call.ctx(), access.account).await?);
    Ok(done)
}
