//! What every floor shares: ids, clock, randomness, limits, secrets, the request context and the
//! closed list of error meanings.
//!
//! This crate knows no database, no wire format and no kind of data.

mod clock;
mod context;
mod error;
mod id;
mod limits;
mod random;
mod secret;

pub use clock::Clock;
pub use context::{Actor, Ctx, Door, Tree};
pub use error::{Error, Meaning, Result};
pub use id::{AccountId, CollectionId, ItemId, MAX_ID, ObjectId, OrganisationId, Seq, SessionId};
pub use limits::{LIMITS, LimitDoc, Limits};
pub use random::Random;
pub use secret::Secret;
