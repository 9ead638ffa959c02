//! Ids, keywords and states of mail.

use base::{CollectionId, Seq};
use mail::emails::EmailState;
use mail::flags::{Keywords, NAMED};

use crate::engine::{MethodError, ids};

/// The id of an email: the EMAILID of IMAP (RFC 8474).
pub(crate) fn email(object: i64) -> String {
    ids::write('M', object)
}

/// The object of an id.
pub(crate) fn read_email(id: &str) -> Option<i64> {
    ids::read('M', id)
}

/// The id of a conversation: the THREADID of IMAP.
pub(crate) fn thread(thread: i64) -> String {
    ids::write('T', thread)
}

/// The conversation of an id.
pub(crate) fn read_thread(id: &str) -> Option<i64> {
    ids::read('T', id)
}

/// The id of an identity.
pub(crate) fn identity(identity: i64) -> String {
    ids::write('I', identity)
}

/// The identity of an id.
pub(crate) fn read_identity(id: &str) -> Option<i64> {
    ids::read('I', id)
}

/// The id of a submission.
pub(crate) fn submission(submission: i64) -> String {
    ids::write('U', submission)
}

/// The submission of an id.
pub(crate) fn read_submission(id: &str) -> Option<i64> {
    ids::read('U', id)
}

/// The id of a mailbox: in its own account the MAILBOXID of IMAP.
pub(crate) fn mailbox(mailbox: CollectionId) -> String {
    ids::write('F', mailbox.0)
}

/// The mailbox of an id.
pub(crate) fn read_mailbox(id: &str) -> Option<CollectionId> {
    ids::read('F', id).map(CollectionId)
}

/// A state that is a commit.
pub(crate) fn state(seq: Seq) -> String {
    seq.0.to_string()
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A commit that is a state.
pub(crate) fn read_state(text: &str) -> Result<Seq, MethodError> {
    number(text).map(Seq).ok_or(MethodError::CannotCalculateChanges)
}

/// A state of emails, in which a part of the changes may have been told.
pub(crate) fn email_state(state: EmailState) -> String {
    match state.told {
        Some((seq, object)) => format!("{}-{}-{object}", state.seq.0, seq.0),
        None => state.seq.0.to_string(),
    }
}

/// The same read.
pub(crate) fn read_email_state(text: &str) -> Result<EmailState, MethodError> {
    let mut pieces = text.split('-').map(number);
    let read = match (pieces.next(), pieces.next(), pieces.next(), pieces.next()) {
        (Some(Some(seq)), None, ..) => Some(EmailState { seq: Seq(seq), told: None }),
        (Some(Some(seq)), Some(Some(at)), Some(Some(object)), None) => {
            Some(EmailState { seq: Seq(seq), told: Some((Seq(at), object)) })
        }
        _ => None,
    };
    read.ok_or(MethodError::CannotCalculateChanges)
}

/// The keyword of a flag of IMAP; none for those that JMAP does not have (RFC 8621 section 4.1.1).
pub(crate) fn keyword_of_flag(flag: &str) -> Option<String> {
    match flag.strip_prefix('\\') {
        Some("Deleted" | "Recent") => None,
        Some(system) => Some(format!("${}", system.to_ascii_lowercase())),
        None => Some(flag.to_lowercase()),
    }
}

/// The flag of a keyword.
fn flag_of_keyword(keyword: &str) -> String {
    match keyword.to_ascii_lowercase().as_str() {
        "$seen" => "\\Seen".to_owned(),
        "$answered" => "\\Answered".to_owned(),
        "$flagged" => "\\Flagged".to_owned(),
        "$draft" => "\\Draft".to_owned(),
        lower => {
            let named = NAMED.iter().find(|(_, name)| name.eq_ignore_ascii_case(lower));
            named.map_or_else(|| lower.to_owned(), |(_, name)| (*name).to_owned())
        }
    }
}

/// Whether a text may be a keyword: 1 to 255 bytes of ASCII without blanks and without `( ) { ] % * " \`.
pub(crate) fn is_keyword(keyword: &str) -> bool {
    (1..=255).contains(&keyword.len())
        && keyword.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && !b"(){]%*\"\\".contains(&byte))
}

/// Keywords of their names; nothing when one may be none.
pub(crate) fn keywords<'k>(names: impl Iterator<Item = &'k str>) -> Option<Keywords> {
    let flags =
        names.map(|name| is_keyword(name).then(|| flag_of_keyword(name))).collect::<Option<Vec<_>>>()?;
    Keywords::parse(flags.iter().map(String::as_str)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p08_states_are_written_and_read() {
        let told = EmailState { seq: Seq(3), told: Some((Seq(5), 77)) };
        assert_eq!(email_state(told), "3-5-77");
        assert_eq!(read_email_state("3-5-77").unwrap(), told);
        assert_eq!(read_email_state("12").unwrap(), EmailState { seq: Seq(12), told: None });
        for wrong in ["", "-", "a", "1-2", "1-2-3-4", "-1", "99999999999999999999"] {
            assert!(read_email_state(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn p08_keywords_are_flags_in_lower_case() {
        let read = keywords(["$Seen", "$FLAGGED", "Foo", "$forwarded"].into_iter()).unwrap();
        assert!(read.has("\\Seen") && read.has("\\Flagged") && read.has("$Forwarded"));
        let names: Vec<_> = read.names().filter_map(keyword_of_flag).collect();
        assert_eq!(names, ["$seen", "$flagged", "$forwarded", "foo"]);
        assert!(keywords(["a b"].into_iter()).is_none() && keywords(["\\Seen"].into_iter()).is_none());
        assert_eq!(keyword_of_flag("\\Deleted"), None);
    }
}
