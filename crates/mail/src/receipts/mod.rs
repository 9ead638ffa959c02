//! Receipts (RFC 8098): what became of a message once it was in somebody's hands, told to whoever its sender named.
//!
//! What must stay true here:
//! - Only a message that asks for a receipt gets one, and only once: the keyword `$MDNSent` is set in the transaction
//!   that queues the receipt, and only if it was not set.
//! - A receipt answers nobody but those whom the message names, has the null sender, and counts among what its person
//!   sends in an hour.

mod read;
mod wish;
mod write;

use std::collections::BTreeMap;

pub use read::read;
pub use wish::{Wish, wish};
pub use write::{Original, write};

/// What became of a message (RFC 8098 section 3.2.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was shown to somebody, who may have read it.
    Displayed,
    /// It was removed unseen.
    Deleted,
    /// It was sent on.
    Dispatched,
    /// A rule or a program dealt with it.
    Processed,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Displayed, Self::Deleted, Self::Dispatched, Self::Processed];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Displayed => "displayed",
            Self::Deleted => "deleted",
            Self::Dispatched => "dispatched",
            Self::Processed => "processed",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(word))
    }
}

/// What became of a message, and who did it (RFC 8098 section 3.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disposition {
    /// What became of it.
    pub kind: Kind,
    /// A program did it, not a person.
    pub is_automatic: bool,
    /// A program sends the receipt, and nobody was asked.
    pub is_sent_automatically: bool,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its subject.
    pub subject: Option<String>,
    /// What people read.
    pub text: Option<String>,
    /// Whether the original message is in it.
    pub has_original: bool,
    /// The program that reports.
    pub reporting_agent: Option<String>,
    /// What became of the message.
    pub disposition: Disposition,
    /// The gateway that made the receipt of something else.
    pub gateway: Option<String>,
    /// The recipient as the sender wrote it, with its type.
    pub original_recipient: Option<String>,
    /// The recipient for whom it is, with its type.
    pub final_recipient: Option<String>,
    /// The `Message-ID` of the message.
    pub original_message_id: Option<String>,
    /// What went wrong.
    pub errors: Vec<String>,
    /// Fields that RFC 8098 does not know.
    pub extensions: BTreeMap<String, String>,
}
