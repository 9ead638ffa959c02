//! The envelope of a message as the text that IMAP puts on the wire (RFC 9051 section 7.5.2, RFC 3501 section
//! 7.4.2). Encoded words stay as they are. What is not ASCII stands in literals, as UTF-8: a literal may hold
//! eight bits in every session, with and without UTF8=ACCEPT.

use super::address::{Element, elements};
use super::header::{self, unfold};

/// Writes a string: quoted, or as a literal where it must be.
pub(crate) fn push_string(out: &mut String, text: &str) {
    let quotable = text.bytes().all(|byte| (0x20..0x7f).contains(&byte) || byte == b'\t');
    if quotable {
        out.push('"');
        if memchr::memchr2(b'"', b'\\', text.as_bytes()).is_none() {
            out.push_str(text);
        } else {
            for c in text.chars() {
                if matches!(c, '"' | '\\') {
                    out.push('\\');
                }
                out.push(c);
            }
        }
        out.push('"');
    } else {
        let text = text.replace('\0', "");
        out.push('{');
        out.push_str(&text.len().to_string());
        out.push_str("}\r\n");
        out.push_str(&text);
    }
}

/// Writes a string or `NIL`.
pub(crate) fn push_nstring(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => push_string(out, text),
        None => out.push_str("NIL"),
    }
}

/// The envelope of nothing.
pub(crate) const EMPTY: &str = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";

#[derive(Default)]
struct Collected {
    date: Option<String>,
    subject: Option<String>,
    from: String,
    sender: String,
    reply_to: String,
    to: String,
    cc: String,
    bcc: String,
    in_reply_to: Option<String>,
    message_id: Option<String>,
}

/// Several fields of one name are one list.
fn join(list: &mut String, value: &[u8]) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(&unfold(value));
}

fn push_addresses(out: &mut String, list: &[Element]) {
    if list.is_empty() {
        out.push_str("NIL");
        return;
    }
    out.push('(');
    for element in list {
        out.push('(');
        push_nstring(out, element.name.as_deref());
        out.push(' ');
        push_nstring(out, element.route.as_deref());
        out.push(' ');
        push_nstring(out, element.mailbox.as_deref());
        out.push(' ');
        push_nstring(out, element.host.as_deref());
        out.push(')');
    }
    out.push(')');
}

/// The envelope of a message with this header section, as wire text.
pub fn envelope_of(header: &[u8]) -> String {
    let mut found = Collected::default();
    let once = |slot: &mut Option<String>, value: &[u8]| {
        if slot.is_none() {
            *slot = Some(unfold(value));
        }
    };
    for field in header::fields(header) {
        match field.name.len() {
            2 if field.is("To") => join(&mut found.to, field.value),
            2 if field.is("Cc") => join(&mut found.cc, field.value),
            3 if field.is("Bcc") => join(&mut found.bcc, field.value),
            4 if field.is("From") => join(&mut found.from, field.value),
            4 if field.is("Date") => once(&mut found.date, field.value),
            6 if field.is("Sender") => join(&mut found.sender, field.value),
            7 if field.is("Subject") => once(&mut found.subject, field.value),
            8 if field.is("Reply-To") => join(&mut found.reply_to, field.value),
            10 if field.is("Message-ID") => once(&mut found.message_id, field.value),
            11 if field.is("In-Reply-To") => once(&mut found.in_reply_to, field.value),
            _ => {}
        }
    }
    let from = elements(&found.from);
    let or_from = |list: &str| {
        let read = elements(list);
        if read.is_empty() { from.clone() } else { read }
    };
    let mut out = String::with_capacity(512);
    out.push('(');
    push_nstring(&mut out, found.date.as_deref());
    out.push(' ');
    push_nstring(&mut out, found.subject.as_deref());
    for list in [
        &from,
        &or_from(&found.sender),
        &or_from(&found.reply_to),
        &elements(&found.to),
        &elements(&found.cc),
        &elements(&found.bcc),
    ] {
        out.push(' ');
        push_addresses(&mut out, list);
    }
    for id in [&found.in_reply_to, &found.message_id] {
        out.push(' ');
        push_nstring(&mut out, id.as_deref().filter(|id| !id.is_empty()));
    }
    out.push(')');
    out
}
