//! Filters of incoming mail: scripts of a person, filters of a domain, the answer while away, forwarding.
//!
//! [`Filter::rules`] reads what applies to recipients, [`Filter::run`] says what is to be done with a message for one of
//! them. Both happen before the transaction of a delivery; what they found ([`Actions`]) is applied in it, so that a
//! message and the memory of having seen it are durable together.
//!
//! What must stay true here:
//! - Whatever a script does, and however it fails, the message is not lost: an error keeps it in the inbox.
//! - Everything a script can use up has a limit: steps, includes, variables, redirects, actions, time.
//! - A sender is answered once in a while, and never a list, a robot, a null sender or oneself.
//! - A forwarded message that comes back is kept, and forwarded no more.
//! - The library below is called in `compile` and `engine` only.

mod absent;
mod actions;
mod claim;
mod compile;
mod domain;
mod engine;
#[cfg(test)]
mod engine_tests;
mod filter;
mod forward;
mod letter;
mod reply;
mod rules;
mod scripts;
mod settings;

pub use actions::{Actions, Place, Redirect, Rejection, Reply, Seen, Target};
pub use claim::claim;
pub use compile::{EXTENSIONS, Fault, check};
pub use domain::{DomainFilter, NewDomainFilter};
pub use filter::Filter;
pub(crate) use forward::head_of;
pub use letter::{Letter, Spam};
pub use rules::Rules;
pub use scripts::Script;
pub use settings::{Forwarding, Vacation};
