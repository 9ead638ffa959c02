//! A new message of what a client says of it (RFC 8621 section 4.6).

use std::borrow::Cow;
use std::collections::BTreeMap;

use base::Ctx;
use bytes::Bytes;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::text::Text;
use mail_builder::headers::url::URL;
use mail_builder::headers::{Header as _, HeaderType};
use mail_builder::mime::{BodyPart, MimePart, make_boundary};
use serde_json::Value;

use super::header::{CONVENIENCE, Form, Header};
use crate::dates;
use crate::engine::{Map, SetError};

/// Levels of parts within one another.
const DEPTH: usize = 16;
/// Parts of a message.
const PARTS: usize = 500;

/// Bytes of the blobs that a message names, by id.
pub(crate) type Blobs = BTreeMap<String, Bytes>;

fn wrong(property: &str, why: &str) -> SetError {
    SetError::invalid(property, why)
}

/// The ids of all blobs that parts of a new message name.
pub(crate) fn blob_ids(object: &Map) -> Vec<String> {
    fn walk(value: &Value, depth: usize, out: &mut Vec<String>) {
        let Value::Object(part) = value else { return };
        if let Some(Value::String(id)) = part.get("blobId") {
            out.push(id.clone());
        }
        if let (Some(Value::Array(parts)), true) = (part.get("subParts"), depth < DEPTH) {
            for part in parts {
                walk(part, depth + 1, out);
            }
        }
    }
    let mut out = Vec::new();
    for name in ["textBody", "htmlBody", "attachments"] {
        if let Some(Value::Array(parts)) = object.get(name) {
            for part in parts {
                walk(part, 0, &mut out);
            }
        }
    }
    if let Some(part) = object.get("bodyStructure") {
        walk(part, 0, &mut out);
    }
    out
}

/// The text of the message.
///
/// # Errors
/// `invalidProperties` for what breaks a rule of section 4.6, `blobNotFound`.
pub(crate) fn compose(ctx: &Ctx, host: &str, object: &Map, blobs: &Blobs) -> Result<Vec<u8>, SetError> {
    let missing: Vec<String> = blob_ids(object).into_iter().filter(|id| !blobs.contains_key(id)).collect();
    if !missing.is_empty() {
        return Err(SetError::new("blobNotFound").with("notFound", missing.into()));
    }
    let mut out = Vec::with_capacity(4_096);
    let named = fields(object, "", &mut out)?;
    let has = |name: &str| named.iter().any(|known| known.eq_ignore_ascii_case(name));
    if let Some(content) = named.iter().find(|name| name.to_ascii_lowercase().starts_with("content-")) {
        return Err(wrong(&format!("header:{content}"), "describes a part: set it in bodyStructure"));
    }
    if !has("Message-ID") {
        let (one, two) = (ctx.random.u64(), ctx.random.u64());
        out.extend_from_slice(format!("Message-ID: <{one:016x}{two:016x}@{host}>\r\n").as_bytes());
    }
    if !has("Date") {
        out.extend_from_slice(b"Date: ");
        Date::new(ctx.now_ms().div_euclid(1_000)).write_header(&mut out, 6);
    }
    if !has("MIME-Version") {
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    }
    let parts = Parts { values: values(object)?, blobs };
    parts.body(object)?.write_part(&mut out);
    Ok(out)
}

/// Writes the fields that an object sets; their names.
fn fields(object: &Map, path: &str, out: &mut Vec<u8>) -> Result<Vec<String>, SetError> {
    let mut named: Vec<String> = Vec::new();
    for (property, value) in object {
        if property == "headers" {
            return Err(wrong(
                &format!("{path}headers"),
                "is not set as a whole: use header:Name properties",
            ));
        }
        let header = match CONVENIENCE.iter().find(|(known, ..)| path.is_empty() && known == property) {
            Some(_) => Header::convenience(property),
            None if property.starts_with("header:") => Header::parse(property),
            None => continue,
        };
        let at = format!("{path}{property}");
        let Some(header) = header else { return Err(wrong(&at, "is no form of this field")) };
        if named.iter().any(|known| known.eq_ignore_ascii_case(&header.name)) {
            return Err(wrong(&at, "sets a field that another property sets too"));
        }
        if value.is_null() {
            continue;
        }
        named.push(header.name.clone());
        if header.all {
            let Value::Array(all) = value else { return Err(wrong(&at, "is not a list")) };
            for value in all {
                field(&header, value, out).ok_or_else(|| wrong(&at, "has not the form that it names"))?;
            }
        } else {
            field(&header, value, out).ok_or_else(|| wrong(&at, "has not the form that it names"))?;
        }
    }
    Ok(named)
}

fn is_clean(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && c != '\t')
}

/// Writes a field; nothing when the value has another form.
fn field(header: &Header, value: &Value, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    out.extend_from_slice(header.name.as_bytes());
    out.push(b':');
    if header.form == Form::Raw {
        let text = value.as_str()?;
        if !is_folded(text) {
            return None;
        }
        if !text.starts_with([' ', '\t', '\r']) {
            out.push(b' ');
        }
        out.extend_from_slice(text.trim_end_matches(['\r', '\n']).as_bytes());
        out.extend_from_slice(b"\r\n");
        return Some(());
    }
    out.push(b' ');
    let column = out.len() - start;
    match header.form {
        Form::Raw => {}
        Form::Text => {
            let text = value.as_str().filter(|text| is_clean(text))?;
            Text::new(text).write_header(out, column);
        }
        Form::Addresses => {
            let list = addresses(value)?;
            if list.is_empty() {
                out.truncate(start);
                return Some(());
            }
            Address::new_list(list).write_header(out, column);
        }
        Form::GroupedAddresses => {
            let mut groups = Vec::new();
            for group in value.as_array()? {
                let list = addresses(group.get("addresses")?)?;
                match group.get("name").and_then(Value::as_str) {
                    Some(name) if is_clean(name) => groups.push(Address::new_group(Some(name), list)),
                    Some(_) => return None,
                    None => groups.extend(list),
                }
            }
            Address::new_list(groups).write_header(out, column);
        }
        Form::MessageIds => {
            let ids = words(value)?;
            if ids.is_empty() {
                out.truncate(start);
                return Some(());
            }
            MessageId::new_list(ids.into_iter()).write_header(out, column);
        }
        Form::Date => {
            let text = value.as_str()?;
            dates::read(text)?;
            let date = mail_parser::DateTime::parse_rfc3339(text)?;
            out.extend_from_slice(date.to_rfc822().as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Form::Urls => URL::new_list(words(value)?.into_iter()).write_header(out, column),
    }
    Some(())
}

/// Whether a raw value is whole lines, each but the first of which begins with a blank.
fn is_folded(text: &str) -> bool {
    let mut lines = text.trim_end_matches(['\r', '\n']).split("\r\n");
    lines.next().is_some_and(is_clean)
        && lines.all(|line| is_clean(line) && line.starts_with([' ', '\t']) && !line.trim().is_empty())
}

fn addresses(value: &Value) -> Option<Vec<Address<'_>>> {
    let mut out = Vec::new();
    for one in value.as_array()? {
        let email = one.get("email")?.as_str()?;
        let name = match one.get("name") {
            None | Some(Value::Null) => None,
            Some(name) => Some(name.as_str()?).filter(|name| !name.is_empty()),
        };
        if email.is_empty() || !is_clean(email) || email.contains(['<', '>']) || !name.is_none_or(is_clean) {
            return None;
        }
        out.push(Address::new_address(name, email));
    }
    Some(out)
}

/// Ids or URLs: texts without blanks and angle brackets.
fn words(value: &Value) -> Option<Vec<&str>> {
    let list = value.as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
    let is_word = |word: &&str| {
        !word.is_empty()
            && !word.contains(|c: char| c.is_whitespace() || c.is_control() || c == '<' || c == '>')
    };
    list.iter().all(is_word).then_some(list)
}

/// The texts of parts by partId.
fn values(object: &Map) -> Result<BTreeMap<&str, &str>, SetError> {
    let mut out = BTreeMap::new();
    let Some(Value::Object(all)) = object.get("bodyValues") else { return Ok(out) };
    for (id, value) in all {
        let at = format!("bodyValues/{id}");
        let Value::Object(value) = value else { return Err(wrong(&at, "is not an object")) };
        for flag in ["isEncodingProblem", "isTruncated"] {
            if !matches!(value.get(flag), None | Some(Value::Bool(false))) {
                return Err(wrong(&format!("{at}/{flag}"), "must be false: only whole texts are sent"));
            }
        }
        let text = value.get("value").and_then(Value::as_str);
        out.insert(id.as_str(), text.ok_or_else(|| wrong(&format!("{at}/value"), "must be a text"))?);
    }
    Ok(out)
}

struct Parts<'p> {
    values: BTreeMap<&'p str, &'p str>,
    blobs: &'p Blobs,
}

type Built<'p> = MimePart<'p>;

fn multipart<'p>(subtype: &str, parts: Vec<Built<'p>>) -> Built<'p> {
    let kind = ContentType::new(format!("multipart/{subtype}")).attribute("boundary", make_boundary("="));
    MimePart::new(kind, parts)
}

impl<'p> Parts<'p> {
    fn body(&self, object: &'p Map) -> Result<Built<'p>, SetError> {
        let given = |name: &str| object.get(name).filter(|value| !value.is_null());
        if let Some(structure) = given("bodyStructure") {
            let doubled =
                ["textBody", "htmlBody", "attachments"].into_iter().find(|name| given(name).is_some());
            if let Some(name) = doubled {
                return Err(wrong(name, "is not set together with bodyStructure"));
            }
            let mut count = 0;
            return self.part(structure, "bodyStructure", 0, &mut count, None);
        }
        let text = self.only(given("textBody"), "textBody", "text/plain")?;
        let html = self.only(given("htmlBody"), "htmlBody", "text/html")?;
        let (mut inline, mut attached) = (Vec::new(), Vec::new());
        if let Some(list) = given("attachments") {
            let Value::Array(list) = list else { return Err(wrong("attachments", "is not a list")) };
            let mut count = 0;
            for (index, part) in list.iter().enumerate() {
                let built = self.part(part, &format!("attachments/{index}"), 0, &mut count, None)?;
                let shown = part.get("disposition").and_then(Value::as_str) == Some("inline")
                    && part.get("cid").is_some_and(|cid| !cid.is_null());
                if shown && html.is_some() { inline.push(built) } else { attached.push(built) }
            }
        }
        let html = html.map(|html| {
            if inline.is_empty() {
                return html;
            }
            let mut parts = vec![html];
            parts.append(&mut inline);
            multipart("related", parts)
        });
        let shown = match (text, html) {
            (Some(text), Some(html)) => Some(multipart("alternative", vec![text, html])),
            (text, html) => text.or(html),
        };
        if attached.is_empty() {
            return Ok(shown.unwrap_or_else(|| MimePart::new("text/plain", "")));
        }
        let mut parts: Vec<Built<'p>> = shown.into_iter().collect();
        parts.append(&mut attached);
        Ok(multipart("mixed", parts))
    }

    /// The one part of `textBody` or `htmlBody`.
    fn only(&self, list: Option<&'p Value>, name: &str, kind: &str) -> Result<Option<Built<'p>>, SetError> {
        let Some(list) = list else { return Ok(None) };
        match list.as_array().map(Vec::as_slice) {
            Some([part]) => {
                let given = part.get("type").filter(|value| !value.is_null());
                if given.is_some_and(|given| {
                    !given.as_str().is_some_and(|given| given.eq_ignore_ascii_case(kind))
                }) {
                    return Err(wrong(&format!("{name}/0/type"), "is not the type of this list"));
                }
                let mut count = 0;
                self.part(part, &format!("{name}/0"), 0, &mut count, Some(kind)).map(Some)
            }
            Some([]) => Ok(None),
            _ => Err(wrong(name, "must have exactly one part")),
        }
    }

    fn part(
        &self,
        part: &'p Value,
        path: &str,
        depth: usize,
        count: &mut usize,
        kind: Option<&str>,
    ) -> Result<Built<'p>, SetError> {
        let at = |name: &str| format!("{path}/{name}");
        let Value::Object(part) = part else { return Err(wrong(path, "is not an object")) };
        *count += 1;
        if depth > DEPTH || *count > PARTS {
            return Err(wrong(path, "has too many parts"));
        }
        check_members(part, path)?;
        let text = |name: &str| line(part, path, name);
        let mut raw = Vec::new();
        let named = fields(part, &format!("{path}/"), &mut raw)?;
        let sets = |name: &str| named.iter().any(|known| known.eq_ignore_ascii_case(name));
        if sets("Content-Transfer-Encoding") {
            return Err(wrong(&at("header:Content-Transfer-Encoding"), "is chosen by the server"));
        }
        for (property, field) in [
            ("type", "Content-Type"),
            ("charset", "Content-Type"),
            ("name", "Content-Type"),
            ("cid", "Content-ID"),
            ("disposition", "Content-Disposition"),
            ("language", "Content-Language"),
            ("location", "Content-Location"),
        ] {
            if sets(field) && part.get(property).is_some_and(|value| !value.is_null()) {
                return Err(wrong(&at(property), "sets a field that another property sets too"));
            }
        }
        let sub_parts = part.get("subParts").filter(|value| !value.is_null());
        let (part_id, blob_id) = (text("partId")?, text("blobId")?);
        let default = if sub_parts.is_some() {
            "multipart/mixed"
        } else if part_id.is_some() {
            "text/plain"
        } else {
            "application/octet-stream"
        };
        let kind = text("type")?.or(kind).unwrap_or(default).to_ascii_lowercase();
        if !is_type(&kind) {
            return Err(wrong(&at("type"), "is no media type"));
        }
        let contents = if kind.starts_with("multipart/") {
            if part_id.is_some() || blob_id.is_some() {
                return Err(wrong(
                    &at(if part_id.is_some() { "partId" } else { "blobId" }),
                    "has no place in a multipart",
                ));
            }
            let Some(Value::Array(parts)) = sub_parts else {
                return Err(wrong(&at("subParts"), "are missing"));
            };
            let built = parts.iter().enumerate().map(|(index, part)| {
                self.part(part, &format!("{path}/subParts/{index}"), depth + 1, count, None)
            });
            BodyPart::Multipart(built.collect::<Result<Vec<_>, _>>()?)
        } else {
            if sub_parts.is_some() {
                return Err(wrong(&at("subParts"), "have a place only in a multipart"));
            }
            self.contents(part, path, part_id, blob_id)?
        };
        described(part, path, &kind, contents, &named, &raw)
    }

    fn contents(
        &self,
        part: &'p Map,
        path: &str,
        part_id: Option<&'p str>,
        blob_id: Option<&'p str>,
    ) -> Result<BodyPart<'p>, SetError> {
        let at = |name: &str| format!("{path}/{name}");
        let given = |name: &str| part.get(name).is_some_and(|value| !value.is_null());
        match (part_id, blob_id) {
            (Some(_), Some(_)) => Err(wrong(&at("blobId"), "is not given together with partId")),
            (Some(id), None) => {
                for name in ["charset", "size"] {
                    if given(name) {
                        return Err(wrong(&at(name), "follows from the text in bodyValues"));
                    }
                }
                let text = self.values.get(id).ok_or_else(|| wrong(&at("partId"), "is not in bodyValues"))?;
                Ok(BodyPart::Text(crlf(text)))
            }
            (None, Some(id)) => {
                let bytes = self.blobs.get(id).ok_or_else(|| wrong(&at("blobId"), "does not exist"))?;
                Ok(BodyPart::Binary(Cow::Borrowed(bytes)))
            }
            (None, None) => Err(wrong(path, "needs a partId or a blobId")),
        }
    }
}

/// A part with the fields that say what it is.
fn described<'p>(
    part: &'p Map,
    path: &str,
    kind: &str,
    contents: BodyPart<'p>,
    named: &[String],
    raw: &[u8],
) -> Result<Built<'p>, SetError> {
    let at = |name: &str| format!("{path}/{name}");
    let sets = |name: &str| named.iter().any(|known| known.eq_ignore_ascii_case(name));
    let mut content_type = ContentType::new(kind.to_owned());
    match &contents {
        BodyPart::Multipart(_) => content_type = content_type.attribute("boundary", make_boundary("=")),
        BodyPart::Text(_) => content_type = content_type.attribute("charset", "utf-8"),
        BodyPart::Binary(_) => {
            if let Some(charset) = line(part, path, "charset")?.filter(|_| kind.starts_with("text/")) {
                content_type = content_type.attribute("charset", charset.to_owned());
            }
        }
    }
    let name = line(part, path, "name")?;
    if let Some(name) = name {
        content_type = content_type.attribute("name", name.to_owned());
    }
    // A message is attached as it stands (RFC 2046 section 5.2.1).
    let as_it_stands = kind == "message/rfc822" || kind == "message/global";
    let mut built = MimePart { headers: Vec::new(), contents };
    if !sets("Content-Type") {
        built.headers.push((Cow::from("Content-Type"), HeaderType::from(content_type)));
    }
    let disposition = line(part, path, "disposition")?.or(name.map(|_| "attachment"));
    if let Some(value) = disposition.filter(|_| !sets("Content-Disposition")) {
        let mut header = ContentType::new(value.to_ascii_lowercase());
        if let Some(name) = name {
            header = header.attribute("filename", name.to_owned());
        }
        built.headers.push((Cow::from("Content-Disposition"), HeaderType::from(header)));
    }
    if let Some(cid) = line(part, path, "cid")? {
        if cid.contains(['<', '>', ' ']) {
            return Err(wrong(&at("cid"), "has blanks or angle brackets"));
        }
        built = built.cid(cid);
    }
    if let Some(location) = line(part, path, "location")? {
        built = built.location(location);
    }
    if let Some(Value::Array(languages)) = part.get("language") {
        let words = languages.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
        let words = words.filter(|words| words.iter().all(|word| is_clean(word)));
        built = built.language(words.ok_or_else(|| wrong(&at("language"), "must be texts"))?.join(", "));
    }
    if as_it_stands {
        built = built.transfer_encoding("8bit");
    }
    let header = String::from_utf8_lossy(raw).into_owned();
    for (name, value) in own_fields(&header) {
        built = built.header(name.to_owned(), mail_builder::headers::raw::Raw::new(value.to_owned()));
    }
    Ok(built)
}

/// A text of one line that a part has.
fn line<'p>(part: &'p Map, path: &str, name: &str) -> Result<Option<&'p str>, SetError> {
    match part.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if is_clean(text) => Ok(Some(text.as_str())),
        Some(_) => Err(wrong(&format!("{path}/{name}"), "must be a text of one line")),
    }
}

/// Text with the line ends of mail.
fn crlf(text: &str) -> Cow<'_, str> {
    if !text.contains('\n') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\n', "\r\n"))
}

/// The fields of a header that was written here: each with its folds, without its line end.
fn own_fields(header: &str) -> Vec<(&str, &str)> {
    let mut out = Vec::new();
    let mut rest = header;
    while !rest.is_empty() {
        let mut end = rest.find("\r\n").map_or(rest.len(), |at| at + 2);
        while rest.get(end..).is_some_and(|more| more.starts_with([' ', '\t'])) {
            end += rest.get(end..).and_then(|more| more.find("\r\n")).map_or(rest.len() - end, |at| at + 2);
        }
        let (field, after) = rest.split_at(end);
        if let Some((name, value)) = field.split_once(':') {
            out.push((name, value.trim_start_matches(' ').trim_end_matches("\r\n")));
        }
        rest = after;
    }
    out
}

fn is_type(kind: &str) -> bool {
    let is_token = |text: &str| {
        (1..=127).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    kind.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// Members of a part that clients may set.
fn check_members(part: &Map, path: &str) -> Result<(), SetError> {
    const KNOWN: &[&str] = &[
        "partId",
        "blobId",
        "size",
        "name",
        "type",
        "charset",
        "disposition",
        "cid",
        "language",
        "location",
        "subParts",
        "headers",
    ];
    let strange = part.keys().find(|name| !KNOWN.contains(&name.as_str()) && !name.starts_with("header:"));
    match strange {
        Some(name) => Err(wrong(&format!("{path}/{name}"), "is no property of a part")),
        None => Ok(()),
    }
}
