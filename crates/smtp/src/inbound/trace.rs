//! What is put before a message: Return-Path, Delivered-To and Received (RFC 5321 section 4.4), and what stands in its
//! header already.

use std::fmt::Write as _;

use mail::submission::fields;
use mail_parser::DateTime;

use super::Profile;
use super::command::Hello;
use super::envelope::Envelope;
use super::session::Session;

/// Bytes that are left free before the text of a message, so that what is put before it costs no copy.
pub(super) const HEAD_BYTES: usize = 2_048;

/// Puts `head` before a text that was read with [`HEAD_BYTES`] free before it: the whole message.
pub(super) fn join(mut text: Vec<u8>, head: &str) -> bytes::Bytes {
    let start = HEAD_BYTES.checked_sub(head.len());
    if let Some(free) = start.and_then(|start| text.get_mut(start..HEAD_BYTES)) {
        free.copy_from_slice(head.as_bytes());
        bytes::Bytes::from(text).slice(start.unwrap_or_default()..)
    } else {
        let body = text.get(HEAD_BYTES..).unwrap_or_default();
        [head.as_bytes(), body].concat().into()
    }
}

/// How many Received fields a message has.
pub(super) fn received(text: &[u8]) -> u64 {
    fields(text).filter(|(name, _)| name.eq_ignore_ascii_case(b"Received")).count() as u64
}

/// Whether a message was delivered to an address of ours before: it goes round in circles.
pub(super) fn was_delivered_to(text: &[u8], address: &str) -> bool {
    fields(text).any(|(name, field)| {
        name.eq_ignore_ascii_case(b"Delivered-To")
            && field
                .get(name.len() + 1..)
                .is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(address.as_bytes()))
    })
}

impl Session {
    /// The trace fields of a message.
    pub(super) fn trace(&self, envelope: &Envelope) -> String {
        let mut out = String::with_capacity(512);
        let _ = write!(out, "Return-Path: <{}>\r\n", envelope.sender());
        if let [only] = envelope.recipients.as_slice() {
            let _ = write!(out, "Delivered-To: {}\r\n", only.address);
        }
        self.write_received(&mut out, envelope);
        out
    }

    /// The Received field of a message.
    pub(super) fn write_received(&self, out: &mut String, envelope: &Envelope) {
        let (verb, name) = match &self.hello {
            Some((verb, name)) => (*verb, name.as_str()),
            None => (Hello::Ehlo, "unknown"),
        };
        let name = self.helo_name.as_deref().unwrap_or(name);
        // Where a person sends from is nobody's business but the server's: its log and sessions know.
        if self.login.is_some() {
            let _ = write!(out, "Received: from [127.0.0.1] by {}", self.door.settings.hostname);
        } else {
            let address = self.conn.peer().ip();
            let literal =
                if address.is_ipv6() { format!("[IPv6:{address}]") } else { format!("[{address}]") };
            let hostname = &self.door.settings.hostname;
            let _ = write!(out, "Received: from {} ({literal})\r\n\tby {hostname}", visible(name));
        }
        let _ = write!(out, " with {}", self.protocol(verb, envelope));
        let _ = write!(out, " id {:016x}", self.door.ctx.random.u64());
        if let [only] = envelope.recipients.as_slice() {
            let _ = write!(out, "\r\n\tfor <{}>", only.address);
        }
        if let Some((version, cipher)) = self.conn.tls_parameters() {
            let _ = write!(out, "\r\n\t({version} {cipher})");
        }
        let now = DateTime::from_timestamp(self.door.ctx.now_ms() / 1_000);
        let _ = write!(out, ";\r\n\t{}\r\n", now.to_rfc822());
    }

    /// The protocol's name in trace fields (RFC 3848, RFC 6531 section 4.3).
    fn protocol(&self, verb: Hello, envelope: &Envelope) -> String {
        let base = match (self.door.profile, verb, envelope.mail.utf8) {
            (Profile::Lmtp, _, true) => "UTF8LMTP",
            (Profile::Lmtp, _, false) => "LMTP",
            (_, Hello::Helo, _) => return "SMTP".to_owned(),
            (_, _, true) => "UTF8SMTP",
            (_, _, false) => "ESMTP",
        };
        let tls = if self.conn.is_tls() { "S" } else { "" };
        let login = if self.login.is_some() { "A" } else { "" };
        format!("{base}{tls}{login}")
    }
}

/// A name without what would end a comment or a line.
fn visible(name: &str) -> String {
    name.chars()
        .map(
            |character| {
                if character.is_ascii_graphic() && !"()\\".contains(character) { character } else { '?' }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_put_before_a_text_with_room_or_without() {
        let mut text = vec![0; HEAD_BYTES];
        text.extend_from_slice(b"Subject: x\r\n\r\n");
        assert_eq!(join(text.clone(), "A: b\r\n"), &b"A: b\r\nSubject: x\r\n\r\n"[..]);
        let long = format!("A: {}\r\n", "b".repeat(3_000));
        assert_eq!(join(text, &long).len(), long.len() + 14);
    }

    #[test]
    fn header_fields_are_seen_whole() {
        let text = b"Received: a\r\n by b\r\nreceived : c\r\nDelivered-To: Ada@Example.org\r\nSubject: d\r\n\r\nReceived: body\r\n";
        assert_eq!(fields(text).count(), 4);
        assert_eq!(received(text), 2);
        assert!(was_delivered_to(text, "ada@example.org"));
        assert!(!was_delivered_to(text, "bob@example.org"));
        assert_eq!(fields(b"").count(), 0);
        assert_eq!(fields(b"no end").count(), 0);
    }
}
