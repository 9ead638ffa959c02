//! The IMAP door: IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051) with their extensions.
//!
//! What must stay true here:
//! - A session keeps numbers, no messages: which mailbox, which UIDs the client knows, up to which commit.
//! - No lock and no transaction is held while something is written to a client.
//! - Sequence numbers change only when the client was told, and messages are told gone only when the RFC allows it.
//! - The buffers and the future of a command are gone when it is answered: an idle connection costs kilobytes.

pub mod failure;
pub mod fetch;
pub mod out;
pub mod seam;
pub mod search;
pub mod selected;
pub mod sort;
pub mod thread;
