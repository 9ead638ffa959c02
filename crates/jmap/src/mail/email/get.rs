//! Emails in answers: from columns as far as they say it, from bodies where they do not.

use std::borrow::Cow;

use bytes::Bytes;
use mail::emails::Email;
use mail::summary::{Structure, fields, structure_of};
use mail::{Columns, Row, flags};
use serde_json::{Map, Value, json};

use super::body::{Body, PartProperties, lists};
use super::header::{CONVENIENCE, Header, headers};
use crate::dates;
use crate::engine::{Access, Arguments, Call, GetRequest, MethodError, Object, Objects};
use crate::mail::{blob, ids};

/// Bytes of messages that are in memory together.
const AT_ONCE_BYTES: i64 = 16 << 20;

/// What a client wants of bodies.
pub(crate) struct Options {
    pub parts: PartProperties,
    pub text_values: bool,
    pub html_values: bool,
    pub all_values: bool,
    pub most_bytes: usize,
}

impl Options {
    pub(crate) fn read(arguments: &mut Arguments) -> Result<Self, MethodError> {
        let parts = PartProperties::read(arguments.strings_opt("bodyProperties")?).map_err(|name| {
            MethodError::invalid_arguments(
                "bodyProperties",
                format_args!("`{name}` is no property of a part"),
            )
        })?;
        Ok(Self {
            parts,
            text_values: arguments.bool("fetchTextBodyValues", false)?,
            html_values: arguments.bool("fetchHTMLBodyValues", false)?,
            all_values: arguments.bool("fetchAllBodyValues", false)?,
            most_bytes: usize::try_from(arguments.unsigned_opt("maxBodyValueBytes")?.unwrap_or(0))
                .unwrap_or(usize::MAX),
        })
    }

    fn any_values(&self) -> bool {
        self.text_values || self.html_values || self.all_values
    }
}

/// What is wanted of every email of a call.
#[expect(clippy::struct_excessive_bools, reason = "a set of what is wanted")]
pub(crate) struct Plan {
    headers: Vec<(String, Header)>,
    all_headers: bool,
    structure: bool,
    values: bool,
    safe_html: bool,
    pub columns: Columns,
    options: Options,
}

impl Plan {
    pub(crate) fn new(wants: impl Fn(&str) -> bool, extra: &[String], options: Options) -> Self {
        let conveniences = CONVENIENCE.iter().filter(|(name, ..)| wants(name));
        let mut headers: Vec<(String, Header)> = conveniences
            .filter_map(|(name, ..)| Some(((*name).to_owned(), Header::convenience(name)?)))
            .collect();
        headers.extend(extra.iter().filter_map(|name| Some((name.clone(), Header::parse(name)?))));
        let values = wants("bodyValues") && options.any_values();
        let safe_html = wants("safeHtml");
        let structure = values
            || safe_html
            || ["bodyStructure", "textBody", "htmlBody", "attachments"].iter().any(|name| wants(name));
        let columns = Columns {
            thread: wants("threadId"),
            texts: wants("preview") || wants("hasAttachment"),
            envelope: false,
            structure,
            fields: !headers.is_empty(),
        };
        Self { headers, all_headers: wants("headers"), structure, values, safe_html, columns, options }
    }

    /// What of the bytes of a message is needed beside its row: nothing, its header, all.
    fn need(&self, row: &Row) -> Need {
        if self.structure {
            let structure = Structure::parse(&row.structure);
            let all = self.values
                || self.safe_html
                || structure.as_ref().is_none_or(|structure| self.options.parts.need_bytes(structure));
            if all {
                return Need::All;
            }
        }
        let names: Vec<&str> = self.headers.iter().map(|(_, header)| header.name.as_str()).collect();
        let kept = names.is_empty() || fields::select(&row.fields, &names).is_some();
        if self.all_headers || !kept { Need::Header } else { Need::Nothing }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    Header,
    All,
}

/// A message that is told.
pub(crate) struct Message<'m> {
    pub row: &'m Row,
    /// Its header section or all of it, where that is needed.
    pub bytes: &'m [u8],
    /// The id of the blob of a part.
    pub blob_id: &'m (dyn Fn(&str) -> Option<String> + Sync),
    pub account: &'m str,
}

/// Takes properties with their values.
pub(crate) trait Sink {
    fn wants(&self, name: &str) -> bool;
    fn put(&mut self, name: &str, value: Value);
}

impl Sink for Object<'_> {
    fn wants(&self, name: &str) -> bool {
        Object::wants(self, name)
    }

    fn put(&mut self, name: &str, value: Value) {
        Object::put(self, name, &value);
    }
}

/// What the message itself says, wherever it lies.
pub(crate) fn put_message(message: &Message<'_>, plan: &Plan, out: &mut dyn Sink) {
    let row = message.row;
    out.put("size", json!(row.size));
    if out.wants("hasAttachment") {
        out.put("hasAttachment", json!(row.has_attachment));
    }
    if out.wants("preview") {
        out.put("preview", json!(row.preview));
    }
    if !plan.headers.is_empty() {
        put_headers(message, plan, out);
    }
    if plan.all_headers {
        out.put("headers", headers(section(message)));
    }
    if plan.structure {
        put_bodies(message, plan, out);
    } else if out.wants("bodyValues") {
        out.put("bodyValues", json!({}));
    }
}

/// The header section.
fn section<'m>(message: &Message<'m>) -> &'m [u8] {
    let end = usize::try_from(message.row.header_bytes).unwrap_or(usize::MAX);
    message.bytes.get(..end).unwrap_or(message.bytes)
}

fn put_headers(message: &Message<'_>, plan: &Plan, out: &mut dyn Sink) {
    for (property, header) in &plan.headers {
        let kept = fields::select(&message.row.fields, &[header.name.as_str()]);
        let section: Cow<'_, [u8]> = match kept {
            Some(kept) if message.bytes.is_empty() => Cow::Owned(kept),
            _ => Cow::Borrowed(section(message)),
        };
        let value = header.value(&section);
        out.put(property, value);
    }
}

fn put_bodies(message: &Message<'_>, plan: &Plan, out: &mut dyn Sink) {
    let structure = Structure::parse(&message.row.structure).unwrap_or_else(|| structure_of(message.bytes));
    let body = Body { structure: &structure, bytes: message.bytes, blob_id: message.blob_id };
    let parts = &plan.options.parts;
    let lists = lists(&structure);
    let told = |list: &[usize]| list.iter().map(|index| body.part(*index, parts, false)).collect::<Value>();
    if out.wants("bodyStructure") {
        out.put("bodyStructure", body.part(0, parts, true));
    }
    for (name, list) in
        [("textBody", &lists.text), ("htmlBody", &lists.html), ("attachments", &lists.attachments)]
    {
        if out.wants(name) {
            out.put(name, told(list));
        }
    }
    if out.wants("bodyValues") {
        let mut wanted: Vec<usize> = Vec::new();
        let options = &plan.options;
        if options.all_values {
            wanted.extend(0..structure.parts.len());
            wanted.retain(|index| !within_message(&structure, *index));
        }
        if options.text_values {
            wanted.extend(&lists.text);
        }
        if options.html_values {
            wanted.extend(&lists.html);
        }
        let mut values = Map::new();
        for index in wanted {
            let Some(section) = structure.section_of(index) else { continue };
            if let (false, Some(value)) =
                (values.contains_key(&section), body.text(index, options.most_bytes))
            {
                values.insert(section, value);
            }
        }
        out.put("bodyValues", Value::Object(values));
    }
    if plan.safe_html {
        out.put("safeHtml", super::safe::safe_html(message, &body, &lists));
    }
}

/// Whether a part lies in a message within the message: such parts are not told of.
fn within_message(structure: &Structure, index: usize) -> bool {
    let Some(part) = structure.parts.get(index) else { return true };
    let mut depth = part.depth;
    for above in structure.parts.get(..index).unwrap_or_default().iter().rev() {
        if above.depth < depth {
            depth = above.depth;
            if above.form == mail::summary::Form::Message {
                return true;
            }
        }
    }
    false
}

fn put_places(email: &Email, out: &mut dyn Sink) {
    if out.wants("mailboxIds") {
        let all: Map<String, Value> =
            email.places.iter().map(|place| (ids::mailbox(place.mailbox), Value::Bool(true))).collect();
        out.put("mailboxIds", Value::Object(all));
    }
    if out.wants("keywords") {
        out.put("keywords", keywords(&email.keywords()));
    }
}

/// Keywords as JMAP writes them: in lower case, system flags with `$` (section 4.1.1).
pub(crate) fn keywords(keywords: &flags::Keywords) -> Value {
    let mut all = Map::new();
    for name in keywords.names() {
        if let Some(name) = ids::keyword_of_flag(name) {
            all.insert(name, Value::Bool(true));
        }
    }
    Value::Object(all)
}

/// `Email/get`.
pub(crate) async fn get(
    call: &Call,
    access: &Access,
    mut request: GetRequest,
    out: &mut Objects,
) -> Result<String, MethodError> {
    let options = Options::read(&mut request.arguments)?;
    let plan = Plan::new(|name| out.wants(name), out.extra_properties(), options);
    let asked = if let Some(asked) = &request.ids {
        asked.clone()
    } else {
        let most = call.limits().jmap_objects_get;
        let all = call.mail().email_ids(call.ctx(), access.account, most).await?;
        if all.len() as u64 > most {
            return Err(MethodError::RequestTooLarge);
        }
        all.into_iter().map(ids::email).collect()
    };
    let objects: Vec<i64> = asked.iter().filter_map(|id| ids::read_email(id)).collect();
    let (state, emails) = call.mail().emails(call.ctx(), access.account, objects, plan.columns).await?;
    let mut waiting: Vec<&Email> = Vec::new();
    let mut bytes = 0;
    for id in asked {
        let found = ids::read_email(&id)
            .and_then(|object| emails.binary_search_by_key(&object, |email| email.object).ok())
            .and_then(|at| emails.get(at));
        let Some(email) = found else {
            out.missing(id);
            continue;
        };
        bytes += if plan.need(&email.row) == Need::All { email.row.size } else { 0 };
        waiting.push(email);
        if bytes > AT_ONCE_BYTES {
            write(call, access, &plan, std::mem::take(&mut waiting), out).await?;
            bytes = 0;
        }
    }
    write(call, access, &plan, waiting, out).await?;
    Ok(ids::state(state))
}

/// Writes some emails, in their order, once what they need of their bytes was read.
async fn write(
    call: &Call,
    access: &Access,
    plan: &Plan,
    emails: Vec<&Email>,
    out: &mut Objects,
) -> Result<(), MethodError> {
    let mut read: Vec<Bytes> = vec![Bytes::new(); emails.len()];
    let mut by_mailbox: std::collections::BTreeMap<i64, Vec<usize>> = std::collections::BTreeMap::new();
    for (index, email) in emails.iter().enumerate() {
        if plan.need(&email.row) != Need::Nothing
            && let Some(place) = email.places.first()
        {
            by_mailbox.entry(place.mailbox.0).or_default().push(index);
        }
    }
    for (mailbox, indexes) in by_mailbox {
        let wanted = indexes.iter().filter_map(|index| emails.get(*index)).map(|email| {
            let header = Some(0..email.row.header_bytes.unsigned_abs());
            (email.row.content, if plan.need(&email.row) == Need::All { None } else { header })
        });
        let mailbox = base::CollectionId(mailbox);
        let found = call.mail().bodies(call.ctx(), access.account, mailbox, wanted.collect()).await?;
        for (index, bytes) in indexes.into_iter().zip(found) {
            if let (Some(slot), Some(bytes)) = (read.get_mut(index), bytes) {
                *slot = bytes;
            }
        }
    }
    let account = access.id();
    for (email, bytes) in emails.into_iter().zip(read) {
        let object = email.object;
        let blob_id = move |section: &str| Some(blob::part_id(object, section));
        let message = Message { row: &email.row, bytes: &bytes, blob_id: &blob_id, account: &account };
        out.add(&ids::email(object), |out| {
            out.put("blobId", &blob::message_id(&email.row, object));
            out.put("threadId", &ids::thread(email.row.thread));
            put_places(email, out);
            out.put("receivedAt", &dates::utc(email.row.received_at));
            put_message(&message, plan, out);
            Ok(())
        })?;
    }
    Ok(())
}
