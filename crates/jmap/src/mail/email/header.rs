//! Properties named `header:...` (RFC 8621 section 4.1.2): which form a field may be asked for in, and its value.

use mail::summary::forms::{self, Addressee, Group};
use serde_json::{Value, json};

/// The form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it stands.
    Raw,
    /// Decoded text.
    Text,
    /// Addresses.
    Addresses,
    /// Addresses in groups.
    GroupedAddresses,
    /// Message ids.
    MessageIds,
    /// A date.
    Date,
    /// URLs.
    Urls,
}

/// A field that is asked for, or set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The name of the field as it was given.
    pub name: String,
    /// In which form.
    pub form: Form,
    /// Every field of the name, not only the last.
    pub all: bool,
}

const ADDRESSES: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "resent-from",
    "resent-sender",
    "resent-reply-to",
    "resent-to",
    "resent-cc",
    "resent-bcc",
];
const MESSAGE_IDS: &[&str] = &["message-id", "in-reply-to", "references", "resent-message-id"];
const DATES: &[&str] = &["date", "resent-date"];
const URLS: &[&str] =
    &["list-help", "list-unsubscribe", "list-subscribe", "list-post", "list-owner", "list-archive"];
const TEXTS: &[&str] = &["subject", "comments", "keywords", "list-id"];
/// Fields of RFC 5322 that have no form but their own bytes.
const RAW: &[&str] = &["return-path", "received"];

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && name.bytes().all(|byte| (33..=126).contains(&byte) && byte != b':')
}

impl Form {
    fn of_suffix(text: &str) -> Option<Self> {
        Some(match text {
            "asRaw" => Self::Raw,
            "asText" => Self::Text,
            "asAddresses" => Self::Addresses,
            "asGroupedAddresses" => Self::GroupedAddresses,
            "asMessageIds" => Self::MessageIds,
            "asDate" => Self::Date,
            "asURLs" => Self::Urls,
            _ => return None,
        })
    }

    /// Whether a field may be read in this form: those that RFC 5322 and RFC 2369 define only in the form that fits.
    fn suits(self, name: &str) -> bool {
        let is = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
        let own = match self {
            Self::Raw => return true,
            Self::Text => is(TEXTS),
            Self::Addresses | Self::GroupedAddresses => is(ADDRESSES),
            Self::MessageIds => is(MESSAGE_IDS),
            Self::Date => is(DATES),
            Self::Urls => is(URLS),
        };
        own || ![ADDRESSES, MESSAGE_IDS, DATES, URLS, TEXTS, RAW].iter().any(|list| is(list))
    }
}

impl Header {
    /// Reads the name of a property; nothing for one that is none.
    pub(crate) fn parse(property: &str) -> Option<Self> {
        let mut pieces = property.strip_prefix("header:")?.split(':');
        let name = pieces.next().filter(|name| is_name(name))?.to_owned();
        let (mut form, mut all) = (Form::Raw, false);
        match (pieces.next(), pieces.next(), pieces.next()) {
            (None, ..) => {}
            (Some("all"), None, _) => all = true,
            (Some(suffix), None, _) => form = Form::of_suffix(suffix)?,
            (Some(suffix), Some("all"), None) => (form, all) = (Form::of_suffix(suffix)?, true),
            _ => return None,
        }
        form.suits(&name).then_some(Self { name, form, all })
    }

    /// One of the properties with names of their own, such as `from`.
    pub(crate) fn convenience(property: &str) -> Option<Self> {
        let (_, name, form) = CONVENIENCE.iter().find(|(known, ..)| *known == property)?;
        Some(Self { name: (*name).to_owned(), form: *form, all: false })
    }

    /// Its value in a header section.
    pub(crate) fn value(&self, section: &[u8]) -> Value {
        let mut found =
            forms::all(section).filter(|(name, _)| name.eq_ignore_ascii_case(self.name.as_bytes()));
        if self.all {
            return found.map(|(_, value)| form_value(self.form, value)).collect();
        }
        found.next_back().map_or(Value::Null, |(_, value)| form_value(self.form, value))
    }
}

/// Properties that stand for a field in a form.
pub(crate) const CONVENIENCE: &[(&str, &str, Form)] = &[
    ("messageId", "Message-ID", Form::MessageIds),
    ("inReplyTo", "In-Reply-To", Form::MessageIds),
    ("references", "References", Form::MessageIds),
    ("sender", "Sender", Form::Addresses),
    ("from", "From", Form::Addresses),
    ("to", "To", Form::Addresses),
    ("cc", "Cc", Form::Addresses),
    ("bcc", "Bcc", Form::Addresses),
    ("replyTo", "Reply-To", Form::Addresses),
    ("subject", "Subject", Form::Text),
    ("sentAt", "Date", Form::Date),
];

fn address(addressee: &Addressee) -> Value {
    json!({ "name": addressee.name, "email": addressee.email })
}

fn addresses(list: &[Addressee]) -> Value {
    list.iter().map(address).collect()
}

fn form_value(form: Form, value: &[u8]) -> Value {
    match form {
        Form::Raw => json!(forms::raw(value)),
        Form::Text => json!(forms::text(value)),
        Form::Addresses => addresses(&forms::addresses(value)),
        Form::GroupedAddresses => {
            let group =
                |group: &Group| json!({ "name": group.name, "addresses": addresses(&group.addresses) });
            forms::grouped(value).iter().map(group).collect()
        }
        Form::MessageIds => json!(forms::message_ids(value)),
        Form::Date => json!(forms::date(value)),
        Form::Urls => json!(forms::urls(value)),
    }
}

/// All fields of a section, as `headers` gives them.
pub(crate) fn headers(section: &[u8]) -> Value {
    forms::all(section)
        .map(|(name, value)| json!({ "name": forms::raw(name), "value": forms::raw(value) }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p08_names_of_header_properties_say_form_and_all() {
        let read = |text: &str| Header::parse(text).map(|header| (header.form, header.all));
        assert_eq!(read("header:Subject"), Some((Form::Raw, false)));
        assert_eq!(read("header:subject:asText"), Some((Form::Text, false)));
        assert_eq!(read("header:X-Foo:asURLs:all"), Some((Form::Urls, true)));
        assert_eq!(read("header:Received:all"), Some((Form::Raw, true)));
        for wrong in [
            "header:",
            "header::asText",
            "header:Subject:asAddresses",
            "header:From:asText",
            "header:To:asDate",
            "header:Received:asText",
            "header:X:all:asText",
            "header:X:asNothing",
            "header:X:asText:all:all",
            "header:a b",
            "Header:X",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn p08_the_last_field_counts_unless_all_are_asked_for() {
        let section = b"X-A: one\r\nx-a: two\r\n\r\n";
        assert_eq!(Header::parse("header:X-A").unwrap().value(section), json!(" two"));
        assert_eq!(Header::parse("header:X-A:asText:all").unwrap().value(section), json!(["one", "two"]));
        assert_eq!(Header::parse("header:X-B").unwrap().value(section), Value::Null);
        assert_eq!(Header::parse("header:X-B:all").unwrap().value(section), json!([]));
    }
}
