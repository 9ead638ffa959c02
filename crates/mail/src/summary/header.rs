//! The fields of a header section, and their values made readable. Walks bytes once and copies nothing that it
//! need not; the decoding of values is mail-parser's.

use std::borrow::Cow;

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

/// Longer field values are cut before they are decoded: no client shows more of a subject or an address list.
const VALUE_BYTES: usize = 256 << 10;

/// A field as it stands: everything from its name to the line end of its last line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'b> {
    /// The name, without the colon and without spaces around it.
    pub(crate) name: &'b [u8],
    /// All of it, with the name and the line end.
    pub(crate) raw: &'b [u8],
    /// What follows the colon, with the line end.
    pub(crate) value: &'b [u8],
}

impl Field<'_> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The fields of a header section. Lines that are no fields are passed over.
pub(crate) struct Fields<'b> {
    rest: &'b [u8],
}

/// The fields of a header section, which may end with its empty line.
pub(crate) fn fields(header: &[u8]) -> Fields<'_> {
    Fields { rest: header }
}

/// Where the line that begins at `from` ends, behind its line feed.
pub(crate) fn line_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(bytes.len(), |at| from + at + 1)
}

impl<'b> Iterator for Fields<'b> {
    type Item = Field<'b>;

    fn next(&mut self) -> Option<Field<'b>> {
        loop {
            let rest = self.rest;
            if rest.is_empty() {
                return None;
            }
            let mut end = line_end(rest, 0);
            while matches!(rest.get(end), Some(b' ' | b'\t')) {
                end = line_end(rest, end);
            }
            let (raw, after) = rest.split_at(end);
            self.rest = after;
            let Some(colon) = memchr::memchr2(b':', b'\n', raw) else { continue };
            if raw.get(colon) != Some(&b':') {
                continue;
            }
            let name = raw.get(..colon).unwrap_or_default().trim_ascii();
            if name.is_empty() {
                continue;
            }
            return Some(Field { name, raw, value: raw.get(colon + 1..).unwrap_or_default() });
        }
    }
}

/// Bytes as text: UTF-8 where they are, else as the Windows code page of Western Europe, the usual sin.
pub(crate) fn to_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// A value on one line: without its line ends and the spaces around it (RFC 5322 section 2.2.3), without NUL,
/// its encoded words as they are.
pub(crate) fn unfold(value: &[u8]) -> String {
    let value = value.get(..value.len().min(VALUE_BYTES)).unwrap_or_default().trim_ascii();
    let text = to_text(value);
    if memchr::memchr3(b'\r', b'\n', 0, value).is_none() {
        return text.into_owned();
    }
    text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')).collect()
}

/// A value ready for mail-parser, which wants the line end.
pub(super) fn prepared(value: &[u8]) -> String {
    let value = value.get(..value.len().min(VALUE_BYTES)).unwrap_or_default();
    let mut text = to_text(value.trim_ascii_end()).into_owned();
    text.push('\n');
    text
}

/// The text of an unstructured field, encoded words decoded (RFC 2047).
pub(crate) fn decoded(value: &[u8]) -> String {
    if value.len() < VALUE_BYTES && value.is_ascii() && memchr::memmem::find(value, b"=?").is_none() {
        let plain = unfold(value);
        // What was a fold is one space.
        if !plain.contains('\t') {
            return plain;
        }
    }
    let text = prepared(value);
    let mut stream = MessageStream::new(text.as_bytes());
    match stream.parse_unstructured() {
        HeaderValue::Text(text) => text.trim().replace('\0', ""),
        _ => String::new(),
    }
}

/// The addresses of a field: decoded names, and `local@domain`.
pub(crate) fn addresses(value: &[u8]) -> Vec<(Option<String>, Option<String>)> {
    let text = prepared(value);
    let mut stream = MessageStream::new(text.as_bytes());
    let value = stream.parse_address();
    let own = |text: &Option<Cow<'_, str>>| text.as_ref().map(|text| text.replace('\0', ""));
    let Some(address) = value.as_address() else { return Vec::new() };
    address.iter().map(|addr| (own(&addr.name), own(&addr.address))).collect()
}

/// The moment of a `Date` field, in milliseconds since 1970.
pub(crate) fn date_ms(value: &[u8]) -> Option<i64> {
    let text = prepared(value);
    match MessageStream::new(text.as_bytes()).parse_date() {
        HeaderValue::DateTime(date) if date.is_valid() => Some(date.to_timestamp() * 1000),
        // A leap second is a second later.
        HeaderValue::DateTime(mut date) if date.second == 60 => {
            date.second = 59;
            date.is_valid().then(|| (date.to_timestamp() + 1) * 1000)
        }
        _ => None,
    }
}

/// The day that stands in a `Date` field, whatever its zone, in days since 1970.
pub(crate) fn local_day(value: &[u8]) -> Option<i64> {
    let text = prepared(value);
    match MessageStream::new(text.as_bytes()).parse_date() {
        HeaderValue::DateTime(date) => {
            let noon =
                mail_parser::DateTime { hour: 12, minute: 0, second: 0, tz_hour: 0, tz_minute: 0, ..date };
            noon.is_valid().then(|| noon.to_timestamp().div_euclid(86_400))
        }
        _ => None,
    }
}

/// A parameter of a structured field, decoded (RFC 2231, RFC 2047).
pub(crate) fn parameter(value: &[u8], name: &str) -> Option<String> {
    let text = prepared(value);
    let value = MessageStream::new(text.as_bytes()).parse_content_type();
    value.as_content_type()?.attribute(name).map(|value| value.replace('\0', ""))
}

/// The ids between angle brackets, without the brackets and without spaces; for a field without brackets its
/// words.
pub(crate) fn message_ids(value: &[u8]) -> impl Iterator<Item = String> + '_ {
    let bracketed = memchr::memchr(b'<', value).is_some();
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            let id = if bracketed {
                let start = memchr::memchr(b'<', rest)?;
                let after = rest.get(start + 1..)?;
                let end = memchr::memchr(b'>', after).unwrap_or(after.len());
                rest = after.get(end + 1..).unwrap_or_default();
                after.get(..end)?
            } else {
                let start = rest.iter().position(|b| !b.is_ascii_whitespace())?;
                let after = rest.get(start..)?;
                let end = after.iter().position(u8::is_ascii_whitespace).unwrap_or(after.len());
                rest = after.get(end..).unwrap_or_default();
                after.get(..end)?
            };
            let id = normal_id(id);
            if !id.is_empty() {
                return Some(id);
            }
        }
    })
}

/// An id in the form in which ids are compared: without spaces and needless quotes (RFC 5256 section 3: `"a"@b`
/// equals `a@b`).
fn normal_id(id: &[u8]) -> String {
    let text: String = to_text(id).chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let Some((local, domain)) = text.rsplit_once('@') else { return text };
    match local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => {
            let mut plain = String::with_capacity(quoted.len());
            let mut escaped = false;
            for c in quoted.chars() {
                if c == '\\' && !escaped {
                    escaped = true;
                } else {
                    plain.push(c);
                    escaped = false;
                }
            }
            format!("{plain}@{domain}")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_with_their_folds() {
        let header = b"From : a\r\nSubject:\r\n two\r\n\tlines\r\nno field\r\n: empty\r\nX:\n\n";
        let found: Vec<_> = fields(header).map(|f| (to_text(f.name).into_owned(), unfold(f.value))).collect();
        assert_eq!(
            found,
            [
                ("From".into(), "a".into()),
                ("Subject".into(), "two\tlines".into()),
                ("X".into(), String::new())
            ]
        );
    }

    #[test]
    fn values_are_decoded() {
        assert_eq!(decoded(b" =?utf-8?Q?caf=C3=A9?= =?iso-8859-1?B?4Q==?= x\r\n"), "café\u{e1} x");
        assert_eq!(decoded(b" a\r\n\tb\r\n"), "a b");
        assert_eq!(decoded(b" raw \xe9t\xe9"), "raw été");
        assert_eq!(date_ms(b" Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\n"), Some(760_686_745_000));
        assert_eq!(date_ms(b" never\r\n"), None);
        assert_eq!(message_ids(b" <a@b> junk <\"c d\"@e>\r\n <f").collect::<Vec<_>>(), ["a@b", "cd@e", "f"]);
        assert_eq!(message_ids(b" a@b c@d \r\n").collect::<Vec<_>>(), ["a@b", "c@d"]);
        let name = b" attachment; filename*0*=utf-8''%e2%82%ac; filename*1=x.pdf\r\n";
        assert_eq!(parameter(name, "filename").as_deref(), Some("€x.pdf"));
    }
}
