//! IMAP URLs of messages and their parts (RFC 5092), as CATENATE (RFC 4469) takes them: those of this server.

use super::bounds::Bounds;
use super::cursor::Cursor;
use super::fetch::{Partial, Section};

/// A message, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageUrl {
    /// User and server of an absolute URL, as written: `user@host`, `host`.
    pub server: Option<String>,
    /// The mailbox; the selected one when absent.
    pub mailbox: Option<String>,
    /// The UIDVALIDITY that the mailbox must have.
    pub uidvalidity: Option<u32>,
    /// The message.
    pub uid: u32,
    /// Which part; all of it when absent.
    pub section: Option<Section>,
    /// Which bytes.
    pub partial: Option<Partial>,
}

impl MessageUrl {
    /// Reads a URL; `None` when it is none of a message.
    pub fn parse(url: &str, bounds: &Bounds) -> Option<Self> {
        let mut found = Self::default();
        let mut path = url;
        if let Some(rest) = strip_prefix(url, "imap://") {
            let (server, rest) = rest.split_once('/')?;
            found.server = Some(server.to_owned());
            path = rest;
        } else if let Some(rest) = url.strip_prefix('/') {
            path = rest;
        }
        // `mailbox;UIDVALIDITY=n/;UID=n/;SECTION=s/;PARTIAL=p`, where the mailbox may have slashes.
        let (mailbox, rest) = if let Some(rest) = strip_prefix(path, ";UID=") {
            (None, rest)
        } else {
            let at = find(path, "/;UID=")?;
            (Some(path.get(..at)?), path.get(at + 6..)?)
        };
        if let Some(mailbox) = mailbox {
            let (name, validity) = match find(mailbox, ";UIDVALIDITY=") {
                Some(at) => (mailbox.get(..at)?, Some(mailbox.get(at + 13..)?.parse().ok()?)),
                None => (mailbox, None),
            };
            found.mailbox = Some(percent_decoded(name)?);
            found.uidvalidity = validity;
        }
        let mut parts = rest.split("/;");
        found.uid = parts.next()?.trim_end_matches('/').parse().ok().filter(|uid| *uid > 0)?;
        for part in parts {
            if let Some(section) = strip_prefix(part, "SECTION=") {
                let text = percent_decoded(section)?;
                let mut cursor = Cursor::new(text.as_bytes(), bounds);
                found.section = Some(Section::spec(&mut cursor).ok()?);
                cursor.end().ok()?;
            } else if let Some(partial) = strip_prefix(part, "PARTIAL=") {
                let (offset, length) = partial.split_once('.').unwrap_or((partial, ""));
                let length = if length.is_empty() { u64::MAX } else { length.parse().ok()? };
                found.partial = Some(Partial { offset: offset.parse().ok()?, length });
            } else {
                return None;
            }
        }
        Some(found)
    }
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    if head.eq_ignore_ascii_case(prefix) { text.get(prefix.len()..) } else { None }
}

fn find(text: &str, wanted: &str) -> Option<usize> {
    let wanted = wanted.as_bytes();
    text.as_bytes().windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        rest = after;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}
