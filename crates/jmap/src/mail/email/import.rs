//! `Email/import`, `Email/copy` and `Email/parse` (RFC 8621 sections 4.7 to 4.9).

use bytes::Bytes;
use mail::emails::NewEmail;
use mail::flags::DELETED;
use mail::summary::{parse as parse_message, structure_of};
use mail::{Columns, Row};
use serde_json::{Value, json};

use super::get::{Message, Options, Plan, Sink, put_message};
use super::set::{made, read_keywords, read_mailboxes, read_received, refused};
use crate::engine::{Access, Arguments, Call, CopyRequest, Map, MethodError, SetDone, SetError};
use crate::mail::{blob, ids};

/// Errors, by creation id.
fn errors(refused: Vec<(String, SetError)>) -> Value {
    if refused.is_empty() {
        return Value::Null;
    }
    Value::Object(refused.into_iter().map(|(name, error)| (name, error.body())).collect())
}

/// Whether bytes may be a message: there are some, and the header has no NUL.
fn is_message(bytes: &Bytes) -> bool {
    let parsed = parse_message(bytes);
    let summary = parsed.summary();
    let end = usize::try_from(summary.header_bytes).unwrap_or(0);
    let header = bytes.get(..end).unwrap_or_default();
    mail::summary::forms::all(header).next().is_some() && !header.contains(&0)
}

async fn imported(call: &Call, access: &Access, object: &Value) -> Result<NewEmail, SetError> {
    let Value::Object(object) = object else {
        return Err(SetError::invalid("emails", "has something else than objects"));
    };
    let known = ["blobId", "mailboxIds", "keywords", "receivedAt"];
    if let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(SetError::invalid(name.clone(), "is no property of an import"));
    }
    let Some(Value::String(id)) = object.get("blobId") else {
        return Err(SetError::invalid("blobId", "must name a blob"));
    };
    let mut with_ids = object.clone();
    if let Some(Value::Object(mailboxes)) = with_ids.get_mut("mailboxIds") {
        *mailboxes = std::mem::take(mailboxes)
            .into_iter()
            .map(|(id, value)| {
                (id.strip_prefix('#').and_then(|name| call.created(name)).unwrap_or(id), value)
            })
            .collect();
    }
    let mailboxes = read_mailboxes(with_ids.get("mailboxIds"))?;
    let keywords = read_keywords(object.get("keywords"))?;
    let received_at = read_received(object.get("receivedAt"), call.ctx().now_ms())?;
    let id = id.strip_prefix('#').and_then(|name| call.created(name)).unwrap_or_else(|| id.clone());
    let body =
        blob::read(call, access, &id).await.map_err(|_| SetError::invalid("blobId", "does not exist"))?;
    if !is_message(&body) {
        return Err(SetError::new("invalidEmail").describe("the blob is no message"));
    }
    if body.len() as u64 > call.limits().message_bytes {
        return Err(SetError::new("tooLarge").describe("the message is larger than messages may be"));
    }
    Ok(NewEmail { body, mailboxes, keywords, received_at })
}

pub(crate) async fn import(
    call: &Call,
    access: &Access,
    mut arguments: Arguments,
) -> Result<Map, MethodError> {
    let if_state = arguments.string_opt("ifInState")?;
    let emails = arguments.map_opt("emails")?;
    let emails = emails.ok_or_else(|| MethodError::invalid_arguments("emails", "is missing"))?;
    if emails.len() as u64 > call.limits().jmap_objects_set {
        return Err(MethodError::RequestTooLarge);
    }
    let before = call.mail().mail_state(call.ctx(), access.account).await?;
    if if_state.is_some_and(|wanted| wanted != ids::state(before)) {
        return Err(MethodError::StateMismatch);
    }
    let (mut names, mut creates, mut not_created) = (Vec::new(), Vec::new(), Vec::new());
    for (name, object) in &emails {
        match imported(call, access, object).await {
            Ok(new) => {
                names.push(name.clone());
                creates.push(new);
            }
            Err(error) => not_created.push((name.clone(), error)),
        }
    }
    let edited =
        call.mail().edit_emails(call.ctx(), access.account, None, creates, Vec::new(), Vec::new()).await?;
    let mut created = Map::new();
    for (name, result) in names.into_iter().zip(edited.created) {
        match result {
            Ok(new) => {
                call.note_created(&name, &ids::email(new.object));
                created.insert(name, Value::Object(made(&new)));
            }
            Err(error) => not_created.push((name, refused(error))),
        }
    }
    let mut out = Map::new();
    out.insert("oldState".into(), json!(ids::state(edited.before)));
    out.insert("newState".into(), json!(ids::state(edited.after)));
    out.insert("created".into(), if created.is_empty() { Value::Null } else { Value::Object(created) });
    out.insert("notCreated".into(), errors(not_created));
    Ok(out)
}

pub(crate) async fn copy(
    call: &Call,
    from: &Access,
    to: &Access,
    request: CopyRequest,
) -> Result<SetDone, MethodError> {
    let mut done = SetDone::default();
    let from_ctx = &from.ctx(call.ctx());
    let objects = request.create.iter().filter_map(|(_, id, _)| ids::read_email(id)).collect();
    let (state, originals) = call.mail().emails(from_ctx, from.account, objects, Columns::default()).await?;
    if request.if_from_in_state.is_some_and(|wanted| wanted != ids::state(state)) {
        return Err(MethodError::StateMismatch);
    }
    let (mut names, mut creates) = (Vec::new(), Vec::new());
    for (name, id, object) in request.create {
        let original = ids::read_email(&id)
            .and_then(|object| originals.binary_search_by_key(&object, |email| email.object).ok())
            .and_then(|at| originals.get(at));
        let Some(original) = original else {
            done.not_created.push((name, SetError::not_found()));
            continue;
        };
        let Some(place) = original.places.first() else { continue };
        let new = async {
            let strange =
                object.keys().find(|name| !["mailboxIds", "keywords", "receivedAt"].contains(&name.as_str()));
            if let Some(name) = strange {
                return Err(SetError::invalid(name.clone(), "is never changed"));
            }
            let mailboxes = read_mailboxes(object.get("mailboxIds"))?;
            let keywords = match object.get("keywords") {
                // What was marked for removal by IMAP is not to go again.
                None => {
                    let mut keywords = original.keywords();
                    keywords.flags &= !DELETED;
                    keywords
                }
                given => read_keywords(given)?,
            };
            let received_at = read_received(object.get("receivedAt"), original.row.received_at)?;
            let body =
                call.mail().body(from_ctx, from.account, place.mailbox, original.row.content, None).await?;
            Ok(NewEmail { body, mailboxes, keywords, received_at })
        };
        match new.await {
            Ok(new) => {
                names.push(name);
                creates.push(new);
            }
            Err(error) => done.not_created.push((name, error)),
        }
    }
    let if_state = request.if_in_state.as_deref().and_then(|state| ids::read_state(state).ok());
    let edited =
        call.mail().edit_emails(call.ctx(), to.account, if_state, creates, Vec::new(), Vec::new()).await?;
    done.old_state = Some(ids::state(edited.before));
    done.new_state = ids::state(edited.after);
    for (name, result) in names.into_iter().zip(edited.created) {
        match result {
            Ok(new) => done.created.push((name, made(&new))),
            Err(error) => done.not_created.push((name, refused(error))),
        }
    }
    Ok(done)
}

/// Properties of a message that lies in no mailbox.
struct Parsed {
    wanted: Vec<String>,
    out: Map,
}

impl Sink for Parsed {
    fn wants(&self, name: &str) -> bool {
        self.wanted.iter().any(|wanted| wanted == name)
    }

    fn put(&mut self, name: &str, value: Value) {
        if self.wants(name) {
            self.out.insert(name.to_owned(), value);
        }
    }
}

/// What `Email/parse` tells when nothing is said (section 4.9).
const DEFAULT: &[&str] = &[
    "messageId",
    "inReplyTo",
    "references",
    "sender",
    "from",
    "to",
    "cc",
    "bcc",
    "replyTo",
    "subject",
    "sentAt",
    "hasAttachment",
    "preview",
    "bodyValues",
    "textBody",
    "htmlBody",
    "attachments",
];
/// Properties of places: null for a message that has none.
const OF_PLACES: &[&str] = &["id", "mailboxIds", "keywords", "receivedAt", "threadId"];

fn wanted(given: Option<Vec<String>>) -> Result<Vec<String>, MethodError> {
    let Some(given) = given else { return Ok(DEFAULT.iter().map(|name| (*name).to_owned()).collect()) };
    for name in &given {
        let known = super::TABLE.property(name).is_some() || super::header::Header::parse(name).is_some();
        if !known {
            return Err(MethodError::invalid_arguments(
                "properties",
                format_args!("`{name}` is no property"),
            ));
        }
    }
    Ok(given)
}

/// The row that a message would have.
fn row_of(bytes: &Bytes) -> Row {
    let summary = parse_message(bytes).summary();
    Row {
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        header_bytes: summary.header_bytes,
        preview: summary.preview,
        has_attachment: summary.has_attachment,
        structure: structure_of(bytes).to_text(),
        ..Row::default()
    }
}

pub(crate) async fn parse(
    call: &Call,
    access: &Access,
    mut arguments: Arguments,
) -> Result<Map, MethodError> {
    let blob_ids = arguments.strings("blobIds")?;
    if blob_ids.len() as u64 > call.limits().jmap_objects_get {
        return Err(MethodError::RequestTooLarge);
    }
    let wanted = wanted(arguments.strings_opt("properties")?)?;
    let options = Options::read(&mut arguments)?;
    let extra: Vec<String> = wanted.iter().filter(|name| name.starts_with("header:")).cloned().collect();
    let plan = Plan::new(|name| wanted.iter().any(|wanted| wanted == name), &extra, options);
    let (mut parsed, mut not_parsable, mut not_found) = (Map::new(), Vec::new(), Vec::new());
    let account = access.id();
    for asked in blob_ids {
        let id = asked.strip_prefix('#').and_then(|name| call.created(name)).unwrap_or_else(|| asked.clone());
        let Ok(bytes) = blob::read(call, access, &id).await else {
            not_found.push(asked);
            continue;
        };
        if !is_message(&bytes) {
            not_parsable.push(asked);
            continue;
        }
        let row = row_of(&bytes);
        let mut out = Parsed { wanted: wanted.clone(), out: Map::new() };
        for name in OF_PLACES {
            out.put(name, Value::Null);
        }
        out.put("blobId", json!(id));
        let blob_id = |section: &str| Some(blob::part_of(&id, section));
        let message = Message { row: &row, bytes: &bytes, blob_id: &blob_id, account: &account };
        put_message(&message, &plan, &mut out);
        parsed.insert(asked, Value::Object(out.out));
    }
    let list = |list: Vec<String>| if list.is_empty() { Value::Null } else { json!(list) };
    let mut out = Map::new();
    out.insert("parsed".into(), if parsed.is_empty() { Value::Null } else { Value::Object(parsed) });
    out.insert("notParsable".into(), list(not_parsable));
    out.insert("notFound".into(), list(not_found));
    Ok(out)
}
