//! What a command may hold at most. The values come from `base::Limits`; nothing here is unbounded.

/// The bounds of one command, and how names are written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of one literal or quoted string that is no message.
    pub string_bytes: usize,
    /// Search keys of one command, and parentheses, `NOT` and `OR` within one another.
    pub search_keys: usize,
    /// Levels of search keys within one another.
    pub search_depth: usize,
    /// Ranges of one number set.
    pub set_ranges: usize,
    /// Elements of any other list (FETCH items, flags, header field names, mailboxes of a NOTIFY).
    pub list_items: usize,
    /// Messages of one APPEND, and parts of one CATENATE.
    pub messages: usize,
    /// Mailbox names are UTF-8 on the wire (`UTF8=ACCEPT` or `IMAP4rev2` enabled) and no modified UTF-7.
    pub utf8: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            string_bytes: 65_536,
            search_keys: 512,
            search_depth: 32,
            set_ranges: 10_000,
            list_items: 1_000,
            messages: 100,
            utf8: false,
        }
    }
}
