//! A message on its way to one recipient, as filters see it.

use bytes::Bytes;

/// What the scanner for junk said.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Spam {
    /// Nobody looked.
    #[default]
    Unknown,
    /// It is none.
    Ham,
    /// Perhaps: from 0 to 1.
    Maybe(f64),
    /// It is junk, and goes to the mailbox for it.
    Spam,
}

/// A message with its envelope. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The message as it will be stored.
    pub body: Bytes,
    /// The sender of the envelope; empty for the null sender.
    pub sender: String,
    /// The recipient of the envelope, with its detail.
    pub recipient: String,
    /// What the scanner said.
    pub spam: Spam,
}

impl Letter {
    /// Whether it goes to the mailbox for junk where nothing else is said.
    pub fn is_junk(&self) -> bool {
        matches!(self.spam, Spam::Spam)
    }
}
