//! What answers are made of: atoms, quoted strings, literals, `NIL` and names, appended to a buffer.

use super::date;
use super::utf7;

/// Strings up to this length are quoted where they can be; longer ones are literals.
const QUOTED_BYTES: usize = 1_024;

/// Appends a number.
pub fn number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut left = number;
    loop {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
        }
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// Appends `string`: quoted when it is short, of one line and, without `utf8`, ASCII; else as a literal.
pub fn string(out: &mut Vec<u8>, value: &[u8], utf8: bool) {
    let plain = |byte: &u8| !matches!(byte, 0 | b'\r' | b'\n') && (utf8 || byte.is_ascii());
    let is_quotable = value.len() <= QUOTED_BYTES
        && value.iter().all(plain)
        && (value.is_ascii() || std::str::from_utf8(value).is_ok());
    if is_quotable { quoted(out, value) } else { literal(out, value) }
}

/// Appends a quoted string; the value must have no CR, LF or NUL.
pub fn quoted(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    for byte in value {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// Appends `literal`.
pub fn literal(out: &mut Vec<u8>, value: &[u8]) {
    literal_head(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends `{n}` and CRLF; the bytes follow.
pub fn literal_head(out: &mut Vec<u8>, length: u64) {
    out.push(b'{');
    number(out, length);
    out.extend_from_slice(b"}\r\n");
}

/// Appends `nstring`.
pub fn nstring(out: &mut Vec<u8>, value: Option<&[u8]>, utf8: bool) {
    match value {
        Some(value) => string(out, value, utf8),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// Appends `astring`: an atom where it can be one.
pub fn astring(out: &mut Vec<u8>, value: &[u8], utf8: bool) {
    let is_atom = !value.is_empty()
        && !value.eq_ignore_ascii_case(b"NIL")
        && value.iter().all(|byte| super::cursor::is_astring_char(*byte));
    if is_atom { out.extend_from_slice(value) } else { string(out, value, utf8) }
}

/// Appends the name of a mailbox: UTF-8 in quotes with `utf8`, else modified UTF-7.
pub fn mailbox(out: &mut Vec<u8>, name: &str, utf8: bool) {
    if utf8 {
        astring(out, name.as_bytes(), true);
    } else {
        astring(out, utf7::encode(name).as_bytes(), false);
    }
}

/// Appends `date-time` with its quotes, in a zone of so many minutes east of UTC.
pub fn date_time(out: &mut Vec<u8>, at_ms: i64, zone_minutes: i16) {
    out.push(b'"');
    out.extend_from_slice(date::write_date_time(at_ms, zone_minutes).as_bytes());
    out.push(b'"');
}

/// Appends names with spaces between them, in parentheses.
pub fn list<'a>(out: &mut Vec<u8>, names: impl IntoIterator<Item = &'a str>) {
    out.push(b'(');
    for (index, name) in names.into_iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
    out.push(b')');
}
