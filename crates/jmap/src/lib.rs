//! The JMAP door (RFC 8620 and what is built on it): requests over the verbs of the kinds.
//!
//! What must stay true here:
//! - One engine answers get, set, copy, changes and queries; a type is a table of properties and a few hooks.
//! - States are sequence numbers of the kernel, where a type has no better.
//! - Nothing here knows HTTP: requests come as bytes and go as bytes; `httpd` carries them.
//! - Every list, depth and size that a client chooses has a limit with a name.

mod blob_type;
pub mod blobs;
mod calendar;
mod dates;
mod directory;
pub mod engine;
mod events;
mod history;
mod jmap;
pub mod mail;
mod principal;
mod push_subscription;
mod quota;
pub mod reference;
mod session;
mod share_notification;
mod sieve;
mod socket;
mod states;
mod vacation;

pub use engine::RequestError;
pub use events::{Follower, StateChange};
pub use jmap::{Busy, Client, Jmap, Work};
pub use push_subscription::id_of as push_subscription_id;
pub use socket::{Asked, Said, too_long};
