//! The text of a message: for search, and for the line below a subject in a list.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::html::html_to_text;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

use super::header;
use super::structure::{Form, Part, Structure};

/// Characters of a preview (RFC 8970 allows 256).
const PREVIEW_CHARS: usize = 200;
/// Bytes of a part that are looked at for a preview.
const PREVIEW_BYTES: usize = 16 << 10;
/// Stands between what the header says and what the body says.
pub const HEAD_END: char = '\u{1e}';

/// Fields that hold nothing that people look for: traces, signatures, and what describes the encoding.
const UNSEARCHED: &[&str] = &[
    "arc-authentication-results",
    "arc-message-signature",
    "arc-seal",
    "authentication-results",
    "autocrypt",
    "content-transfer-encoding",
    "content-type",
    "dkim-signature",
    "domainkey-signature",
    "face",
    "mime-version",
    "received",
    "received-spf",
    "x-face",
    "x-google-dkim-signature",
    "x-gm-message-state",
    "x-ms-exchange-antispam-messagedata",
    "x-ms-exchange-antispam-messagedata-0",
    "x-received",
];

/// The bytes of a part, decoded; where the encoding is broken as far as it goes, else as they stand.
pub fn decode<'b>(body: &'b [u8], encoding: &str) -> Cow<'b, [u8]> {
    if encoding.eq_ignore_ascii_case("base64") {
        base64_decode(body).map_or(Cow::Borrowed(body), Cow::Owned)
    } else if encoding.eq_ignore_ascii_case("quoted-printable") {
        quoted_printable_decode(body).map_or(Cow::Borrowed(body), Cow::Owned)
    } else {
        Cow::Borrowed(body)
    }
}

/// The text of a text part, decoded from its encoding and charset; of HTML what is shown.
pub(crate) fn part_text(part: &Part, bytes: &[u8], limit: usize) -> String {
    let body = bytes.get(part.body..part.end).unwrap_or_default();
    // Base64 takes a third more, quoted-printable rarely more than twice as much.
    let body = cut_lines(body, limit.saturating_mul(2));
    let decoded = decode(body, &part.encoding);
    let charset = part.parameter("charset").unwrap_or("us-ascii");
    let ascii = charset.eq_ignore_ascii_case("us-ascii") || charset.eq_ignore_ascii_case("utf-8");
    let text: Cow<'_, str> = match charset_decoder(charset.as_bytes()) {
        Some(decoder) if !ascii => decoder(&decoded).into(),
        _ => match decoded {
            Cow::Borrowed(bytes) => header::to_text(bytes),
            Cow::Owned(bytes) => String::from_utf8(bytes)
                .unwrap_or_else(|error| header::to_text(error.as_bytes()).into_owned())
                .into(),
        },
    };
    let mut text = if part.is("text", Some("html")) { html_to_text(&text) } else { text.into_owned() };
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
    }
    text
}

/// The text of a text part as it stands, HTML with its tags, and whether something of it could not be decoded: bytes
/// that the charset has not, a charset or an encoding that is not known (RFC 8621 section 4.1.4).
pub fn text_value(part: &Part, bytes: &[u8]) -> (String, bool) {
    let body = bytes.get(part.body..part.end).unwrap_or_default();
    let known = ["7bit", "8bit", "binary", "base64", "quoted-printable", ""];
    let strange = !known.iter().any(|encoding| part.encoding.eq_ignore_ascii_case(encoding));
    let decoded = decode(body, &part.encoding);
    let charset = part.parameter("charset").unwrap_or("us-ascii");
    let (text, problem) = if charset.eq_ignore_ascii_case("us-ascii") || charset.eq_ignore_ascii_case("utf-8")
    {
        match std::str::from_utf8(&decoded) {
            // ASCII that is UTF-8 in truth is shown, and said to be wrong.
            Ok(text) => (text.to_owned(), !charset.eq_ignore_ascii_case("utf-8") && !text.is_ascii()),
            Err(_) if charset.eq_ignore_ascii_case("utf-8") => {
                (String::from_utf8_lossy(&decoded).into_owned(), true)
            }
            Err(_) => (header::to_text(&decoded).into_owned(), true),
        }
    } else if let Some(encoding) = encoding_rs::Encoding::for_label(charset.trim().as_bytes()) {
        let (text, had_errors) = encoding.decode_without_bom_handling(&decoded);
        (text.into_owned(), had_errors)
    } else if let Some(decoder) = charset_decoder(charset.as_bytes()) {
        (decoder(&decoded), false)
    } else {
        (header::to_text(&decoded).into_owned(), true)
    };
    let text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
    let text = text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned);
    (text, problem || strange)
}

/// The beginning of a body, cut at a line end where there is one.
fn cut_lines(body: &[u8], limit: usize) -> &[u8] {
    let Some(head) = body.get(..limit).filter(|head| head.len() < body.len()) else { return body };
    memchr::memrchr(b'\n', head).and_then(|end| body.get(..=end)).unwrap_or(head)
}

/// The beginning of the text that a person would read first.
pub(crate) fn preview(structure: &Structure, bytes: &[u8]) -> String {
    let texts = || structure.parts.iter().filter(|part| part.is("text", None) && !part.is_attachment());
    let plain = texts().find(|part| part.is("text", Some("plain")) && part.size() > 2);
    let first = texts().find(|part| part.size() > 2);
    // A plain text that is not the first may be a footer behind an HTML text.
    let part = match (first, plain) {
        (Some(first), Some(plain)) if same_alternative(structure, first, plain) => plain,
        (Some(first), _) => first,
        _ => return String::new(),
    };
    let text = part_text(part, bytes, PREVIEW_BYTES);
    let quoted = |line: &&str| !line.trim_start().starts_with('>');
    let own = squeeze(text.lines().filter(quoted));
    if own.is_empty() { squeeze(text.lines()) } else { own }
}

fn same_alternative(structure: &Structure, one: &Part, other: &Part) -> bool {
    let place = |part: &Part| {
        structure.parts.iter().position(|known| known.header == part.header && known.depth == part.depth)
    };
    let parent = |index: usize| {
        let depth = structure.parts.get(index)?.depth;
        structure.parts.get(..index)?.iter().rposition(|part| part.depth < depth)
    };
    let (Some(one), Some(other)) = (place(one).and_then(parent), place(other).and_then(parent)) else {
        return true;
    };
    one == other && structure.parts.get(one).is_some_and(|part| part.is("multipart", Some("alternative")))
}

/// Words with single spaces between them, up to the length of a preview.
fn squeeze<'t>(lines: impl Iterator<Item = &'t str>) -> String {
    let mut out = String::with_capacity(PREVIEW_CHARS);
    let mut chars = 0;
    let invisible = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    for word in lines.flat_map(str::split_whitespace) {
        let mut begun = false;
        for c in word.chars().filter(|c| !invisible(*c)) {
            if !begun && chars > 0 {
                out.push(' ');
                chars += 1;
            }
            begun = true;
            if chars >= PREVIEW_CHARS {
                return out.trim_end().to_owned();
            }
            out.push(c);
            chars += 1;
        }
    }
    out
}

fn push_line(out: &mut String, line: &str, limit: usize) {
    if out.len() + line.len() < limit {
        out.push_str(line);
        out.push('\n');
    } else if out.len() < limit {
        let room = limit - out.len() - 1;
        out.push_str(line.get(..line.floor_char_boundary(room)).unwrap_or_default());
        out.push('\n');
    }
}

/// What is searched of a header section: the values of its fields, decoded.
fn push_header(out: &mut String, header: &[u8], limit: usize) {
    for field in header::fields(header) {
        if out.len() >= limit {
            return;
        }
        if !UNSEARCHED.iter().any(|name| field.is(name)) {
            push_line(out, &header::decoded(field.value), limit);
        }
    }
}

/// The search document of a message: what its header says, [`HEAD_END`], and what its texts, the names of its
/// attachments and the messages within it say.
pub(crate) fn document(structure: &Structure, bytes: &[u8], limit: usize) -> String {
    let mut out = String::with_capacity(limit.min(bytes.len()));
    let header = |part: &Part| bytes.get(part.header..part.body).unwrap_or_default();
    if let Some(root) = structure.parts.first() {
        push_header(&mut out, header(root), limit);
    }
    out.push(HEAD_END);
    out.push('\n');
    let mut before: Option<&Part> = None;
    for part in &structure.parts {
        if out.len() >= limit {
            break;
        }
        if before.is_some_and(|before| before.form == Form::Message) {
            push_header(&mut out, header(part), limit);
        }
        for field in header::fields(header(part)) {
            let parameter = if field.is("Content-Disposition") {
                "filename"
            } else if field.is("Content-Type") {
                "name"
            } else {
                continue;
            };
            if let Some(name) = header::parameter(field.value, parameter) {
                push_line(&mut out, &name, limit);
            }
        }
        if part.form == Form::Leaf && part.is("text", None) {
            let text = part_text(part, bytes, limit.saturating_sub(out.len()));
            push_line(&mut out, &text, limit);
        }
        before = Some(part);
    }
    // What PostgreSQL does not take in a text.
    if out.contains('\0') { out.replace('\0', " ") } else { out }
}

/// The values of header fields, decoded.
pub fn text_of_fields(fields: &[u8]) -> impl Iterator<Item = String> + '_ {
    header::fields(fields).map(|field| header::decoded(field.value))
}

/// Whether a search document holds a piece of text that was folded ([`codec::fold::fold`]): in one of the lines of
/// its head, or anywhere in its body, whose lines are read as one.
pub fn text_holds(document: &str, folded: &str, body_only: bool) -> bool {
    let (head, body) = document.split_once(HEAD_END).unwrap_or(("", document));
    let in_head = |line: &str| codec::fold::fold(line).contains(folded);
    (!body_only && head.lines().any(in_head)) || codec::fold::fold(body.trim()).contains(folded)
}
