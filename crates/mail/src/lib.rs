//! Mail: messages in mailboxes, their delivery, and what lists, sorting and clients ask of them.
//!
//! What must stay true here:
//! - A message never changes: its body lies in the blob store, what is asked of it often stands in its row.
//! - A delivery is answered for only after its body and its rows are durable.
//! - Nothing here knows a wire protocol. What is shaped for one (the IMAP envelope) is derived data in a column.
//! - Rights are asked of the kernel with the caller's context.

mod deliver;
pub mod digest;
pub mod dkim;
pub mod emails;
pub mod flags;
pub mod greylist;
pub mod html;
pub mod images;
mod mail;
mod mailboxes;
mod messages;
pub mod push;
pub mod queue;
pub mod receipts;
pub mod recent;
pub mod removed;
mod rows;
pub mod shares;
pub mod sieve;
pub mod submission;
pub mod summary;
pub mod taken;
mod texts;
mod threads;
pub mod uploads;
mod view;

use kernel::{Body, Kind};
use store::Part;
use store::blobs::Reference;
use store::sql::Migration;

/// Bodies as doors pass them on: on their way in, on their way out, and by name.
pub use ::store::blobs::{BodyStream, Hash, Put};
pub use deliver::{Delivered, Incoming, Rcpt};
pub use mail::{HistoryRules, Mail};
pub use mailboxes::{Annotation, Mailbox, MailboxChange, Note, Quota, Role, SharedAccount};
pub use messages::{Append, Appended, Stored};
pub use rows::{Columns, Row};
pub use texts::MailTexts;
pub use view::{Changes, Entry, View};

/// The tables as they were at first.
const GROUND: &str = concat!(include_str!("../schema/ground.sql"), "\n", include_str!("../schema/sieve.sql"));

/// Today's tables.
const SCHEMA: &str = concat!(include_str!("../schema/mail.sql"), "\n", include_str!("../schema/sieve.sql"));

/// The tables of mail.
pub const PART: Part = Part {
    name: "mail",
    schema: SCHEMA,
    migrations: &[
        Migration { number: 1, name: "ground", text: GROUND },
        Migration { number: 2, name: "recent", text: include_str!("../schema/recent.sql") },
    ],
};

/// All tables of mail, each part after those that it refers to: what a store that keeps mail is opened with.
pub const PARTS: &[Part] = &[
    PART,
    queue::PART,
    dkim::PART,
    greylist::PART,
    taken::PART,
    uploads::PART,
    submission::PART,
    push::PART,
    shares::PART,
];

/// What names bodies beside the kind's own table: for the sweep of the blob store.
pub const REFERENCES: &[Reference] = &[queue::REFERENCE, uploads::REFERENCE];

/// The name of the kind, as it stands in `collection.kind`.
pub const NAME: &str = "mail";

/// Mail, as the kernel knows it.
pub const KIND: Kind = Kind {
    name: NAME,
    table: Some("message"),
    bodies: &[Body { table: "message", column: "body" }],
    every_version: false,
    searchable: None,
};
