//! What is to be done with a message for one recipient.

use base::CollectionId;
use bytes::Bytes;

/// A mailbox to put a message into. It may be gone when the delivery comes to it: then it is the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The inbox.
    Inbox,
    /// The mailbox for junk.
    Junk,
    /// A mailbox that exists.
    Mailbox(CollectionId),
    /// A mailbox that is to be made: names from the top down, and its role (`archive`), or empty.
    New {
        /// The names of the mailbox and those above it, from the top down.
        path: Vec<String>,
        /// What it is for, or empty.
        role: String,
    },
}

/// A copy to be put into a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub place: Place,
    /// Flags and keywords as IMAP writes them (RFC 5232).
    pub flags: Vec<String>,
    /// The message when a script changed it; none: as it arrived.
    pub body: Option<Bytes>,
}

/// A message to be sent on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// To whom.
    pub to: String,
    /// The message, with the header field that stops loops. The envelope keeps its sender.
    pub body: Bytes,
    /// A filter of the domain sends it on: no class of service of the person forbids that.
    pub by_domain: bool,
}

/// Why a message is refused (RFC 5429).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// For the sender.
    pub reason: String,
    /// `ereject`: refused in the protocol where that is possible, rather than by a message.
    pub extended: bool,
}

/// An automatic answer (RFC 3834), to be sent with a null sender if [`super::claim`] says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// To whom.
    pub to: String,
    /// The answer.
    pub body: Bytes,
    /// That this sender was answered.
    pub seen: Seen,
    /// Copies of the answer for mailboxes (RFC 8580), put there if it is sent.
    pub copies: Vec<Target>,
}

/// Something to remember for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// 1: a sender that was answered; 2: a message that came before.
    pub what: i64,
    /// The first half of a hash of it.
    pub key: [u8; 16],
    /// When it is forgotten, milliseconds since 1970.
    pub expires_at: i64,
}

impl Seen {
    /// A sender that was answered.
    pub(super) const ANSWERED: i64 = 1;
    /// A message.
    pub(super) const MESSAGE: i64 = 2;

    /// The number that stands for a text.
    pub(super) fn key(text: &str) -> [u8; 16] {
        blake3::hash(text.as_bytes()).as_bytes().first_chunk().copied().unwrap_or_default()
    }
}

/// What is to be done with a message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actions {
    /// Copies for mailboxes. Without one, and unless it is refused, the message goes through the inbox and is gone
    /// in the same commit: the history has it, for the rescue mailbox.
    pub files: Vec<Target>,
    /// Messages to send on.
    pub redirects: Vec<Redirect>,
    /// The message is refused.
    pub reject: Option<Rejection>,
    /// An answer to the sender.
    pub reply: Option<Reply>,
    /// What to remember, written in the transaction of the delivery.
    pub seen: Vec<Seen>,
    /// Filters that failed, and how, for the log and for their owner.
    pub faults: Vec<String>,
}

impl Actions {
    /// What happens where there is no filter: the inbox, or the mailbox for junk.
    pub fn implicit(junk: bool) -> Self {
        let place = if junk { Place::Junk } else { Place::Inbox };
        Self { files: vec![Target { place, flags: Vec::new(), body: None }], ..Self::default() }
    }

    /// Whether the message is in no mailbox afterwards.
    pub fn is_gone(&self) -> bool {
        self.files.is_empty()
    }
}
