//! Mail on its way out: durable rows, from the transaction that asks for a delivery until the last recipient is
//! settled or its failure is reported. `docs/queue.md` tells how an administrator sees it.
//!
//! What must stay true here:
//! - A message is queued if and only if the transaction that asked for it was committed; its body is named in the
//!   same transaction.
//! - A recipient is sent to by one node at a time, for a time that this node keeps extending. A node that went
//!   away loses its leases. A delivery can therefore happen twice, and never not at all.
//! - A recipient goes in the transaction that notes what became of it, together with the report that it causes.
//! - Nothing is ever reported to the null sender, and reports have it as theirs.
//! - No statement here reads more rows than it takes.
//!
//! How mail is sent is not known here: that is the door's part.

mod claim;
mod dsn;
mod look;
mod message;
mod policy;
mod send;
mod settle;

use std::borrow::Cow;

use store::blobs::Reference;
use store::sql::Migration;
use store::{Part, Store};

pub use claim::{Claimed, Due, DueRoute, Lease, Recipient};
pub use dsn::Reporter;
pub use look::{PausedRoute, QueuedMessage, Removed};
pub use message::{Body, Message, NewMessage, NewRecipient, Notify, ReturnText, route_of};
pub use policy::{StsPolicy, TlsDay, TlsResult};
pub use settle::{Outcome, Reply, Settled, Verdict};

const SCHEMA: &str = include_str!("../../schema/queue.sql");

/// The tables of the queue.
pub const PART: Part = Part {
    name: "mail_queue",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "queue", text: SCHEMA }],
};

/// The bodies that queued messages name, for the sweep of the blob store.
pub const REFERENCE: Reference = Reference {
    name: Cow::Borrowed("queue_message"),
    exists: Cow::Borrowed(
        "SELECT 1 FROM queue_message q WHERE q.organisation_id = blob.organisation_id AND q.hash = blob.hash",
    ),
    list: Cow::Borrowed("SELECT q.organisation_id, q.hash FROM queue_message q"),
};

/// The topic under which all nodes hear that there is something to send, or that it should be looked at anew.
const TOPIC: &str = "mail_queue";
/// What is said.
const NEW: &str = "new";

/// The queue. Cheap to clone; everything it knows is in the database.
#[derive(Debug, Clone)]
pub struct Queue(Store);

impl Queue {
    /// The queue in `store`, which has the part [`PART`].
    pub fn new(store: &Store) -> Self {
        Self(store.clone())
    }

    /// Hints from now on that there may be something to send.
    pub fn listen(&self) -> Wakings {
        Wakings(self.0.notifier().subscribe(TOPIC))
    }

    fn wake(&self) {
        self.0.notifier().publish(TOPIC, NEW);
    }
}

/// Receives hints about the queue.
#[derive(Debug)]
pub struct Wakings(store::notify::Receiver);

impl Wakings {
    /// Returns when there may be something to do; nothing once the store is gone. May be cancelled without losing a
    /// hint.
    pub async fn next(&mut self) -> Option<()> {
        self.0.recv().await.map(|_| ())
    }
}
