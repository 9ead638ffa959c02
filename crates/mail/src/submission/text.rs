//! The text of what people send (RFC 6409 sections 6 and 8).

use std::fmt::Write as _;

use base::Ctx;
use codec::Address;
use mail_parser::{DateTime, MessageParser};

/// The header fields of a message: name and whole field.
pub fn fields(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut end = 0;
        loop {
            end += memchr::memchr(b'\n', rest.get(end..)?)? + 1;
            match rest.get(end) {
                Some(b' ' | b'\t') => {}
                _ => break,
            }
        }
        let (field, after) = rest.split_at_checked(end)?;
        if field == b"\r\n" || field == b"\n" {
            return None;
        }
        rest = after;
        let colon = memchr::memchr(b':', field).unwrap_or(field.len());
        Some((field.get(..colon).unwrap_or_default().trim_ascii_end(), field))
    })
}

/// The header of a message, with the empty line after it.
fn header_of(body: &[u8]) -> &[u8] {
    let length = fields(body).map(|(_, field)| field.len()).sum::<usize>();
    body.get(..(length + 2).min(body.len())).unwrap_or(body)
}

/// The addresses in the header of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads {
    /// Its authors.
    pub from: Vec<String>,
    /// Who sent it for them.
    pub sender: Vec<String>,
    /// All whom it is addressed to (To, Cc, Bcc), each once.
    pub recipients: Vec<String>,
}

/// Reads the addresses in the header of a message; none when it cannot be read.
pub fn heads(message: &[u8]) -> Option<Heads> {
    let parsed = MessageParser::default().parse_headers(header_of(message))?;
    let list = |addresses: Option<&mail_parser::Address<'_>>| -> Vec<String> {
        let all = addresses.into_iter().flat_map(|addresses| addresses.iter());
        all.map(|address| address.address().unwrap_or_default().to_owned()).collect()
    };
    let mut recipients: Vec<String> = Vec::new();
    for address in [parsed.to(), parsed.cc(), parsed.bcc()].into_iter().flat_map(list) {
        if !recipients.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
            recipients.push(address);
        }
    }
    Some(Heads { from: list(parsed.from()), sender: list(parsed.sender()), recipients })
}

/// Those in whose name a message speaks, each with what it is in the message.
///
/// # Errors
/// What is wrong, in words: a message has exactly one From field, which names somebody.
pub fn authors(message: &[u8]) -> Result<Vec<(&'static str, Address)>, String> {
    if fields(message).filter(|(name, _)| name.eq_ignore_ascii_case(b"From")).count() != 1 {
        return Err("a message has exactly one From field".to_owned());
    }
    let heads = heads(message).ok_or("the header of the message cannot be read")?;
    if heads.from.is_empty() {
        return Err("the From field names nobody".to_owned());
    }
    let named = heads.from.iter().map(|text| ("the author", text));
    let named = named.chain(heads.sender.iter().map(|text| ("the Sender", text)));
    let read = |(what, text): (&'static str, &String)| match Address::parse(text) {
        Ok(address) => Ok((what, address)),
        Err(fault) => Err(format!("{what}'s address {fault}")),
    };
    named.map(read).collect()
}

/// The domain of the first author of a message.
pub fn author_domain(message: &[u8]) -> Option<String> {
    let heads = heads(message)?;
    let address = Address::parse(heads.from.first()?).ok()?;
    address.domain().map(str::to_owned)
}

/// The fields that a message lacks.
pub fn missing_fields(ctx: &Ctx, host: &str, message: &[u8]) -> String {
    let has = |wanted: &str| fields(message).any(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
    let mut added = String::new();
    if !has("Date") {
        let now = DateTime::from_timestamp(ctx.now_ms() / 1_000);
        let _ = write!(added, "Date: {}\r\n", now.to_rfc822());
    }
    if !has("Message-ID") {
        let (one, two) = (ctx.random.u64(), ctx.random.u64());
        let _ = write!(added, "Message-ID: <{one:016x}{two:016x}@{host}>\r\n");
    }
    added
}

/// A message without its Bcc fields; none where it has none.
pub fn without_bcc(message: &[u8]) -> Option<Vec<u8>> {
    let is_bcc = |name: &[u8]| name.eq_ignore_ascii_case(b"Bcc");
    if !fields(message).any(|(name, _)| is_bcc(name)) {
        return None;
    }
    let mut out = Vec::with_capacity(message.len());
    let mut header_bytes = 0;
    for (name, field) in fields(message) {
        header_bytes += field.len();
        if !is_bcc(name) {
            out.extend_from_slice(field);
        }
    }
    out.extend_from_slice(message.get(header_bytes..).unwrap_or_default());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p08_a_header_names_authors_and_recipients() {
        let text = b"From: Ada <ada@x.test>\r\nTo: b@x.test, C <c@y.test>\r\nCc: B@x.test\r\nBcc: d@z.test\r\n e@z.test\r\n\r\nBcc: body\r\n";
        let heads = heads(text).unwrap();
        assert_eq!(heads.from, ["ada@x.test"]);
        assert_eq!(heads.recipients.first().map(String::as_str), Some("b@x.test"));
        assert!(heads.recipients.iter().any(|one| one == "c@y.test"));
        assert_eq!(author_domain(text).as_deref(), Some("x.test"));
        let without = without_bcc(text).unwrap();
        assert!(without.ends_with(b"Cc: B@x.test\r\n\r\nBcc: body\r\n"));
        assert_eq!(without_bcc(&without), None);
        assert!(authors(b"To: a@b\r\n\r\n").is_err());
        assert!(authors(b"From: a@b.test\r\nFrom: c@d.test\r\n\r\n").is_err());
    }
}
