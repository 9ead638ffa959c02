//! What people send, whichever the door: in whose name they may, what a message needs, and what became of it.
//!
//! What must stay true here:
//! - An address may be sent from when it is the account's own, or of a mailbox on which the account has the right to
//!   post. All doors ask [`Mail::may_send_as`].
//! - A submission is kept if and only if its message is queued: both are written in one transaction.
//! - What was taken back was sent to nobody: a message of which anything was tried cannot be taken back.

mod identities;
mod records;
mod senders;
mod text;

use store::Part;
use store::sql::Migration;

pub use identities::Identity;
pub use records::{NewSubmission, Submission, SubmissionChanges, SubmittedTo, Undo};
pub use text::{Heads, author_domain, authors, fields, heads, missing_fields, without_bcc};

pub(crate) use records::{NOTE_CHANGED, NOTE_RECIPIENT, NOTE_STATE, charge, note_charged};

#[cfg(doc)]
use crate::Mail;

const SCHEMA: &str = include_str!("../../schema/submission.sql");

/// The tables of what people send.
pub const PART: Part = Part {
    name: "mail_submission",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "submissions", text: SCHEMA }],
};
