//! `Email/set` (RFC 8621 section 4.6).

use base::{CollectionId, Error, Meaning};
use mail::emails::{EmailEdit, KeywordEdit, NewEmail, PlaceEdit};
use mail::flags::Keywords;
use serde_json::{Value, json};

use super::compose::{Blobs, blob_ids, compose};
use crate::dates;
use crate::engine::{Access, Call, Map, MethodError, Patch, SetDone, SetError, SetRequest};
use crate::mail::{blob, ids};

/// The keys of an object whose values are all true; nothing for another value.
fn trues(value: &Value) -> Option<Vec<&str>> {
    let map = value.as_object()?;
    map.iter().map(|(name, value)| (value == &Value::Bool(true)).then_some(name.as_str())).collect()
}

pub(crate) fn read_mailboxes(value: Option<&Value>) -> Result<Vec<CollectionId>, SetError> {
    let wrong = |why: &str| SetError::invalid("mailboxIds", why);
    let named = value.and_then(trues).ok_or_else(|| wrong("must be an object of ids with the value true"))?;
    if named.is_empty() {
        return Err(wrong("must name at least one mailbox"));
    }
    let mailboxes = named.into_iter().map(ids::read_mailbox).collect::<Option<Vec<_>>>();
    mailboxes.ok_or_else(|| wrong("name a mailbox that does not exist"))
}

pub(crate) fn read_keywords(value: Option<&Value>) -> Result<Keywords, SetError> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(Keywords::default()) };
    let named = trues(value).and_then(|names| ids::keywords(names.into_iter()));
    named.ok_or_else(|| SetError::invalid("keywords", "must be keywords with the value true"))
}

pub(crate) fn read_received(value: Option<&Value>, now_ms: i64) -> Result<i64, SetError> {
    match value {
        None | Some(Value::Null) => Ok(now_ms),
        Some(Value::String(text)) => {
            dates::read(text).ok_or_else(|| SetError::invalid("receivedAt", "is no date in UTC"))
        }
        Some(_) => Err(SetError::invalid("receivedAt", "is no date in UTC")),
    }
}

/// Errors of the floors below about mailboxes are about the property that names them.
pub(crate) fn refused(error: Error) -> SetError {
    match (error.meaning(), error.field()) {
        (Meaning::NotFound, "email") => SetError::not_found(),
        (Meaning::NotFound, _) => SetError::invalid("mailboxIds", "name a mailbox that does not exist"),
        _ => error.into(),
    }
}

async fn new_email(call: &Call, access: &Access, object: &Map) -> Result<NewEmail, SetError> {
    let mailboxes = read_mailboxes(object.get("mailboxIds"))?;
    let keywords = read_keywords(object.get("keywords"))?;
    let received_at = read_received(object.get("receivedAt"), call.ctx().now_ms())?;
    let mut blobs = Blobs::new();
    for id in blob_ids(object) {
        if let Ok(bytes) = blob::read(call, access, &id).await {
            blobs.insert(id, bytes);
        }
    }
    let host = access.name.rsplit_once('@').map_or("localhost", |(_, host)| host);
    let body = compose(call.ctx(), host, object, &blobs)?;
    if body.len() as u64 > call.limits().message_bytes {
        return Err(SetError::new("tooLarge").describe("the message is larger than messages may be"));
    }
    Ok(NewEmail { body: body.into(), mailboxes, keywords, received_at })
}

fn edit(object: i64, patch: &Patch) -> Result<EmailEdit, SetError> {
    let mut edit = EmailEdit { object, ..EmailEdit::default() };
    let (mut add, mut remove) = (Vec::new(), Vec::new());
    let (mut put, mut take) = (Vec::new(), Vec::new());
    for (path, value) in &patch.entries {
        match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["keywords"] => edit.keywords = Some(KeywordEdit::Replace(read_keywords(Some(value))?)),
            ["mailboxIds"] => edit.places = Some(PlaceEdit::Replace(read_mailboxes(Some(value))?)),
            ["keywords", name] => match value {
                Value::Bool(true) => add.push(*name),
                Value::Null => remove.push(*name),
                _ => return Err(SetError::invalid(format!("keywords/{name}"), "must be true or null")),
            },
            ["mailboxIds", id] => {
                let known = ids::read_mailbox(id);
                match (value, known) {
                    (Value::Bool(true), Some(id)) => put.push(id),
                    (Value::Null, Some(id)) => take.push(id),
                    (Value::Null, None) => {}
                    (Value::Bool(true), None) => {
                        return Err(SetError::invalid("mailboxIds", "name a mailbox that does not exist"));
                    }
                    _ => return Err(SetError::invalid(format!("mailboxIds/{id}"), "must be true or null")),
                }
            }
            _ => {
                let name = path.first().cloned().unwrap_or_default();
                return Err(SetError::invalid(name, "is never changed"));
            }
        }
    }
    let bad = || SetError::invalid("keywords", "has a name that is no keyword");
    if !add.is_empty() || !remove.is_empty() {
        let add = ids::keywords(add.into_iter()).ok_or_else(bad)?;
        let remove = ids::keywords(remove.into_iter()).ok_or_else(bad)?;
        edit.keywords = Some(KeywordEdit::Patch { add, remove });
    }
    if !put.is_empty() || !take.is_empty() {
        edit.places = Some(PlaceEdit::Patch { add: put, remove: take });
    }
    Ok(edit)
}

/// What a client is told of an email that it made.
pub(crate) fn made(made: &mail::emails::Made) -> Map {
    let mut out = Map::new();
    out.insert("id".into(), json!(ids::email(made.object)));
    out.insert("blobId".into(), json!(blob::hash_id(&made.body)));
    out.insert("threadId".into(), json!(ids::thread(made.thread)));
    out.insert("size".into(), json!(made.size));
    out
}

pub(crate) async fn set(call: &Call, access: &Access, request: SetRequest) -> Result<SetDone, MethodError> {
    let mut done = SetDone::default();
    let (mut names, mut creates) = (Vec::new(), Vec::new());
    for (name, object) in request.create {
        match new_email(call, access, &object).await {
            Ok(new) => {
                names.push(name);
                creates.push(new);
            }
            Err(error) => done.not_created.push((name, error)),
        }
    }
    let (mut updated, mut updates) = (Vec::new(), Vec::new());
    for (id, patch) in request.update {
        let read = ids::read_email(&id).ok_or_else(SetError::not_found);
        match read.and_then(|object| edit(object, &patch)) {
            Ok(edit) => {
                updated.push(id);
                updates.push(edit);
            }
            Err(error) => done.not_updated.push((id, error)),
        }
    }
    let (mut destroyed, mut destroys) = (Vec::new(), Vec::new());
    for id in request.destroy {
        match ids::read_email(&id) {
            Some(object) => {
                destroyed.push(id);
                destroys.push(object);
            }
            None => done.not_destroyed.push((id, SetError::not_found())),
        }
    }
    let if_state = request.if_in_state.as_deref().and_then(|state| ids::read_state(state).ok());
    let edited =
        call.mail().edit_emails(call.ctx(), access.account, if_state, creates, updates, destroys).await;
    let edited = edited.map_err(|error| match error.meaning() {
        Meaning::Conflict if error.field() == "state" => MethodError::StateMismatch,
        _ => error.into(),
    })?;
    done.old_state = Some(ids::state(edited.before));
    done.new_state = ids::state(edited.after);
    for (name, result) in names.into_iter().zip(edited.created) {
        match result {
            Ok(new) => done.created.push((name, made(&new))),
            Err(error) => done.not_created.push((name, refused(error))),
        }
    }
    for (id, result) in updated.into_iter().zip(edited.updated) {
        match result {
            Ok(()) => done.updated.push((id, None)),
            Err(error) => done.not_updated.push((id, refused(error))),
        }
    }
    for (id, result) in destroyed.into_iter().zip(edited.destroyed) {
        match result {
            Ok(()) => done.destroyed.push(id),
            Err(error) => done.not_destroyed.push((id, refused(error))),
        }
    }
    Ok(done)
}
