//! What a message says of receipts.

use codec::Address;

use crate::submission::fields;
use crate::summary::forms;

/// What a message says of receipts (RFC 8098 section 2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Who is to be told.
    pub to: Vec<Address>,
    /// Whether a program may tell them without asking anybody: the message came from the one address that asks.
    pub is_trustworthy: bool,
    /// The recipient as the sender wrote it, with its type.
    pub original_recipient: Option<String>,
    /// The `Message-ID`, with its brackets.
    pub message_id: Option<String>,
    /// The subject.
    pub subject: Option<String>,
}

/// The value of the only field of a name; none where there are several.
fn only<'m>(message: &'m [u8], wanted: &str) -> Option<&'m [u8]> {
    let mut found = fields(message).filter(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
    let (_, field) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let colon = memchr::memchr(b':', field)?;
    field.get(colon + 1..)
}

/// A value in one line, without what no header may hold.
pub(super) fn one_line(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let words: Vec<&str> =
        text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Reads what a message wants; none where it wants nothing, or says twice what it wants.
pub fn wish(message: &[u8]) -> Option<Wish> {
    let asked = only(message, "Disposition-Notification-To")?;
    let mut to: Vec<Address> = Vec::new();
    for addressee in forms::addresses(asked) {
        let address = Address::parse(&addressee.email).ok()?;
        if !to.contains(&address) {
            to.push(address);
        }
    }
    if to.is_empty() {
        return None;
    }
    let return_path = only(message, "Return-Path").map(one_line);
    let return_path = return_path.as_deref().map(|path| path.trim_matches(['<', '>']));
    let is_trustworthy = match (to.as_slice(), return_path) {
        ([one], Some(path)) => Address::parse(path).is_ok_and(|path| path == *one),
        _ => false,
    };
    let text = |name: &str| only(message, name).map(one_line).filter(|value| !value.is_empty());
    Some(Wish {
        to,
        is_trustworthy,
        original_recipient: text("Original-Recipient"),
        message_id: text("Message-ID"),
        subject: only(message, "Subject").map(forms::text).filter(|subject| !subject.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b11_a_message_says_who_wants_a_receipt() {
        let wished = |text: &str| wish(text.replace('\n', "\r\n").as_bytes());
        let text = "Return-Path: <a@x.test>\nSubject: =?utf-8?q?=C3=A9t=C3=A9?=\nMessage-ID: <1@x>\nDisposition-Notification-To: Ada\n <a@x.test>\n\nhi\n";
        let found = wished(text).unwrap();
        assert_eq!(found.to.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a@x.test"]);
        assert!(found.is_trustworthy);
        assert_eq!(found.subject.as_deref(), Some("\u{e9}t\u{e9}"));
        assert_eq!(found.message_id.as_deref(), Some("<1@x>"));
        assert!(!wished(&text.replace("<a@x.test>\nSubject", "<b@x.test>\nSubject")).unwrap().is_trustworthy);
        assert!(!wished(&text.replace("Ada\n <a@x.test>", "a@x.test, b@x.test")).unwrap().is_trustworthy);
        assert!(!wished(&text.replace("Return-Path", "X-Path")).unwrap().is_trustworthy);
        assert_eq!(wished(&text.replace("Ada\n <a@x.test>", "nobody")), None);
        assert_eq!(wished("Subject: hi\n\nDisposition-Notification-To: a@x.test\n"), None);
        assert_eq!(wished("Disposition-Notification-To: a@x\nDisposition-Notification-To: b@x\n\n"), None);
    }
}
