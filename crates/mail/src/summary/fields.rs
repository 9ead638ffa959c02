//! The header fields that clients ask for in lists, kept as they stand so that a list of messages is answered from
//! rows. What did not fit is named behind a NUL, so that readers know when to open the body.

use super::header::{self, Field};

/// Bytes that are kept.
const BYTES: usize = 6 << 10;

/// The fields that are kept, in lower case and in order. One that is on this list and is not found was not in the
/// message. Traces and signatures are long and seldom asked for: they are read from the body.
pub const KEPT: &[&str] = &[
    "bcc",
    "cc",
    "content-class",
    "content-description",
    "content-disposition",
    "content-id",
    "content-language",
    "content-transfer-encoding",
    "content-type",
    "date",
    "disposition-notification-to",
    "errors-to",
    "followup-to",
    "from",
    "importance",
    "in-reply-to",
    "lines",
    "list-archive",
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "mail-followup-to",
    "mail-reply-to",
    "message-id",
    "mime-version",
    "newsgroups",
    "organization",
    "precedence",
    "priority",
    "references",
    "reply-to",
    "resent-cc",
    "resent-date",
    "resent-from",
    "resent-message-id",
    "resent-sender",
    "resent-to",
    "return-receipt-to",
    "sender",
    "sensitivity",
    "status",
    "subject",
    "thread-index",
    "thread-topic",
    "to",
    "user-agent",
    "x-draft-info",
    "x-k9mail-identity",
    "x-label",
    "x-mailer",
    "x-mozilla-status",
    "x-mozilla-status2",
    "x-original-to",
    "x-priority",
    "x-spam-flag",
    "x-spam-level",
    "x-spam-score",
    "x-spam-status",
    "x-uniform-type-identifier",
    "x-universally-unique-identifier",
];

fn is_kept(name: &[u8]) -> bool {
    KEPT.binary_search_by(|known| known.bytes().cmp(name.iter().map(u8::to_ascii_lowercase))).is_ok()
}

/// Whether all these fields are on the list.
pub fn all_kept(names: &[String]) -> bool {
    names.iter().all(|name| is_kept(name.as_bytes()))
}

/// Gathers the fields that are kept.
#[derive(Default)]
pub(crate) struct Gather {
    kept: Vec<u8>,
    left_out: Vec<u8>,
}

impl Gather {
    pub(crate) fn add(&mut self, field: &Field<'_>) {
        if !is_kept(field.name) {
            return;
        }
        if self.kept.len() + field.raw.len() + 2 <= BYTES {
            self.kept.extend_from_slice(field.raw);
            if !field.raw.ends_with(b"\n") {
                self.kept.extend_from_slice(b"\r\n");
            }
        } else if self.left_out.len() < BYTES {
            self.left_out.push(0);
            self.left_out.extend(field.name.iter().map(u8::to_ascii_lowercase));
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        // NUL is the mark: a field that holds one is read from the body.
        if memchr::memchr(0, &self.kept).is_some() {
            self.kept = vec![0, b'*'];
            return self.kept;
        }
        self.kept.append(&mut self.left_out);
        self.kept
    }
}

/// The fields with these names as they stand, in the order of the message; nothing when the body must be asked.
pub fn select(kept: &[u8], names: &[&str]) -> Option<Vec<u8>> {
    if names.iter().any(|name| !is_kept(name.as_bytes())) {
        return None;
    }
    if !has_all(kept, names) {
        return None;
    }
    let end = memchr::memchr(0, kept).unwrap_or(kept.len());
    Some(select_in(kept.get(..end)?, names, true))
}

/// Whether what was kept says all there is of these fields, which are on the list.
pub fn has_all(kept: &[u8], names: &[&str]) -> bool {
    let end = memchr::memchr(0, kept).unwrap_or(kept.len());
    let left_out = kept.get(end..).unwrap_or_default();
    left_out
        .split(|byte| *byte == 0)
        .filter(|gone| !gone.is_empty())
        .all(|gone| gone != b"*" && !names.iter().any(|name| gone.eq_ignore_ascii_case(name.as_bytes())))
}

/// The fields of a header section with these names, or with all others, in their order.
pub fn select_in(header: &[u8], names: &[&str], with: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    for field in header::fields(header) {
        if names.iter().any(|name| field.is(name)) == with {
            out.extend_from_slice(field.raw);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order() {
        assert!(KEPT.is_sorted());
        assert!(is_kept(b"Message-ID") && !is_kept(b"Received"));
    }

    #[test]
    fn what_was_left_out_is_known() {
        let long = format!("References: {}\r\n", "<a@b> ".repeat(2_000));
        let header = format!("From: a\r\nX-Own: b\r\n{long}To: c\r\n\tand d\r\n\r\n");
        let mut gather = Gather::default();
        header::fields(header.as_bytes()).for_each(|field| gather.add(&field));
        let kept = gather.finish();
        assert_eq!(select(&kept, &["to", "cc", "FROM"]), Some(b"From: a\r\nTo: c\r\n\tand d\r\n".to_vec()));
        assert_eq!(select(&kept, &["from", "references"]), None);
        assert_eq!(select(&kept, &["x-own"]), None);
    }
}
