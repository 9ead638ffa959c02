//! Ids as those of mail are: what comes back has the id that it had.

use base::{CollectionId, Seq};
use mail::flags::Keywords;
use serde_json::json;

use crate::engine::{Map, ids};

/// The id of an email.
pub(super) fn email(object: i64) -> String {
    ids::write('M', object)
}

/// The object of an id.
pub(super) fn read_email(id: &str) -> Option<i64> {
    ids::read('M', id)
}

/// The id of a conversation.
pub(super) fn thread(thread: i64) -> String {
    ids::write('T', thread)
}

/// The id of a mailbox.
pub(super) fn mailbox(mailbox: CollectionId) -> String {
    ids::write('F', mailbox.0)
}

/// The mailbox of an id.
pub(super) fn read_mailbox(id: &str) -> Option<CollectionId> {
    ids::read('F', id).map(CollectionId)
}

/// A state that is a commit.
pub(super) fn state(seq: Seq) -> String {
    seq.0.to_string()
}

/// Keywords as JMAP writes them (RFC 8621 section 4.1.1): in lower case, those of IMAP's system flags with a `$`.
pub(super) fn keywords(keywords: &Keywords) -> Map {
    let names = keywords.names().filter_map(|flag| match flag.strip_prefix('\\') {
        Some("Deleted" | "Recent") => None,
        Some(system) => Some(format!("${}", system.to_ascii_lowercase())),
        None => Some(flag.to_lowercase()),
    });
    names.map(|name| (name, json!(true))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b13_keywords_are_flags_in_lower_case() {
        let read = Keywords::parse(["\\Seen", "\\Deleted", "Work"]).unwrap();
        assert_eq!(serde_json::Value::Object(keywords(&read)), json!({"$seen": true, "work": true}));
    }
}
