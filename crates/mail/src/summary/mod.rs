//! What is read of a message once, when it comes in, so that lists, envelopes, structures and sections never open
//! the body again. Pure, never fails, and bounded on whatever is sent: see [`walk`] for nesting and parts.
//!
//! Three columns are empty or incomplete where the message is out of all proportion; readers then make them from
//! the body: an empty `envelope` by [`envelope_of`], an empty `structure` by [`structure_of`], and `fields` that
//! leave something out, which [`fields::select`] notices.

mod address;
mod bodystructure;
mod content_type;
mod envelope;
pub mod fields;
pub mod forms;
pub(crate) mod header;
mod section;
mod structure;
mod subject;
mod text;
pub mod walk;

pub use bodystructure::render_bodystructure;
pub use envelope::envelope_of;
pub use section::Of;
pub use structure::{Form, Parameter, Part, Structure};
pub use subject::{Base, base_subject};
pub use text::{HEAD_END, decode, text_holds, text_of_fields, text_value};

/// Bytes of an envelope that are kept with the message.
const ENVELOPE_BYTES: usize = 32 << 10;
/// Bytes of a structure that are kept with the message.
const STRUCTURE_BYTES: usize = 64 << 10;
/// Bytes of a subject and of a sender.
const LINE_BYTES: usize = 2 << 10;
/// Bytes of a message id.
const ID_BYTES: usize = 512;
/// So many references are kept from the beginning, and as many from the end.
const REFERENCES: usize = 20;

/// What is kept of a message beside its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Bytes of the header with its empty line.
    pub header_bytes: i64,
    /// The moment of the `Date` field, milliseconds since 1970.
    pub sent_at: Option<i64>,
    /// The message id, without brackets, in the form in which ids are compared; empty without one.
    pub message_id: String,
    /// The messages that this one refers to, the oldest first: `References`, else the first id of `In-Reply-To`
    /// (RFC 5256 section 3). Of very many the first and the last.
    pub refs: Vec<String>,
    /// The ids of `In-Reply-To`, for threads as JMAP and other clients see them.
    pub in_reply_to: Vec<String>,
    /// The subject, decoded.
    pub subject: String,
    /// The base subject (RFC 5256 section 2.1).
    pub base_subject: String,
    /// Whether the subject is that of a reply or of something forwarded.
    pub is_reply: bool,
    /// The first address of `From`, decoded: `Name <local@domain>`, or what of it there is.
    pub sender: String,
    /// The beginning of its text, at most 200 characters.
    pub preview: String,
    /// Whether it has parts that are not shown as its text.
    pub has_attachment: bool,
    /// Header fields as they stand; read by [`fields::select`].
    pub fields: Vec<u8>,
    /// The envelope of IMAP as wire text; empty when it is too large.
    pub envelope: String,
    /// The tree of parts, read by [`Structure::parse`]; empty when it is too large.
    pub structure: String,
}

/// A message whose parts have been found, from which the summary and the search document are made.
pub struct Parsed<'b> {
    bytes: &'b [u8],
    structure: Structure,
}

/// Finds the parts of a message.
pub fn parse(body: &[u8]) -> Parsed<'_> {
    Parsed { bytes: body, structure: structure_of(body) }
}

/// The tree of parts of a message.
pub fn structure_of(body: &[u8]) -> Structure {
    Structure { parts: walk::walk(body) }
}

/// All that is kept of a message beside its body.
pub fn summarise(body: &[u8]) -> Summary {
    parse(body).summary()
}

/// The text of a message for search, at most `limit` bytes: the header and the body, with [`HEAD_END`] between.
pub fn text_of(body: &[u8], limit: usize) -> String {
    parse(body).text(limit)
}

fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
    }
    text
}

/// The first and the last of very many.
fn bounded(ids: Vec<String>) -> Vec<String> {
    let end = ids.len().saturating_sub(REFERENCES);
    let keep = |(index, _): &(usize, String)| *index < REFERENCES || *index >= end;
    ids.into_iter().enumerate().filter(keep).map(|(_, id)| cut(id, ID_BYTES)).collect()
}

impl Parsed<'_> {
    /// The tree of parts.
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    /// The search document, at most about `limit` bytes.
    pub fn text(&self, limit: usize) -> String {
        text::document(&self.structure, self.bytes, limit)
    }

    /// What is kept beside the body.
    pub fn summary(&self) -> Summary {
        let header = self.structure.parts.first().and_then(|root| self.bytes.get(..root.body));
        let header = header.unwrap_or_default();
        let header_bytes = i64::try_from(header.len()).unwrap_or(i64::MAX);
        let mut out = Summary { header_bytes, ..Summary::default() };
        let mut kept = fields::Gather::default();
        let (mut references, mut from) = (None, None);
        for field in header::fields(header) {
            kept.add(&field);
            if field.is("Subject") && out.subject.is_empty() {
                out.subject = cut(header::decoded(field.value), LINE_BYTES);
            } else if field.is("Date") && out.sent_at.is_none() {
                out.sent_at = header::date_ms(field.value);
            } else if field.is("Message-ID") && out.message_id.is_empty() {
                out.message_id =
                    header::message_ids(field.value).next().map_or(String::new(), |id| cut(id, ID_BYTES));
            } else if field.is("References") && references.is_none() {
                references = Some(field.value);
            } else if field.is("In-Reply-To") && out.in_reply_to.is_empty() {
                out.in_reply_to = bounded(header::message_ids(field.value).take(2 * REFERENCES).collect());
            } else if field.is("From") && from.is_none() {
                from = Some(field.value);
            }
        }
        out.refs = references.map(|value| bounded(header::message_ids(value).collect())).unwrap_or_default();
        if out.refs.is_empty() {
            out.refs.extend(out.in_reply_to.first().cloned());
        }
        out.sender = from.map_or(String::new(), |value| cut(sender(value), LINE_BYTES));
        let base = base_subject(&out.subject);
        (out.base_subject, out.is_reply) = (base.text, base.is_reply);
        out.preview = text::preview(&self.structure, self.bytes);
        out.has_attachment = self.structure.parts.iter().any(shown_as_attachment);
        out.fields = kept.finish();
        out.envelope = envelope_of(header);
        if out.envelope.len() > ENVELOPE_BYTES {
            out.envelope.clear();
        }
        out.structure = self.structure.to_text();
        if out.structure.len() > STRUCTURE_BYTES {
            out.structure.clear();
        }
        out
    }
}

fn sender(value: &[u8]) -> String {
    let first = header::addresses(value).into_iter().next();
    match first {
        Some((Some(name), Some(address))) => format!("{name} <{address}>"),
        Some((Some(one), None) | (None, Some(one))) => one,
        _ => header::decoded(value),
    }
}

/// Attached files and messages; not signatures, nor the pictures of an HTML text.
fn shown_as_attachment(part: &Part) -> bool {
    if part.form == Form::Multipart || part.is("application", Some("pgp-signature")) {
        return false;
    }
    let signature = ["pkcs7-signature", "x-pkcs7-signature", "pgp-encrypted"];
    if signature.iter().any(|subtype| part.is("application", Some(subtype))) {
        return false;
    }
    let named = part.parameter("name").is_some() || part.disposition_parameter("filename").is_some();
    let shown_within =
        part.disposition.as_ref().is_some_and(|(value, _)| value.eq_ignore_ascii_case("inline"));
    part.is_attachment()
        || (part.depth > 0 && part.is_message())
        || (!part.is("text", None) && !shown_within && part.id.is_none())
        || (named && part.is("text", None) && !shown_within)
}
