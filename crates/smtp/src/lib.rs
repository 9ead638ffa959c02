//! SMTP: mail that comes to us, from servers, local relays and people, what is looked at in it, and sending mail to
//! others.

pub mod checks;
pub mod inbound;
pub mod outbound;

pub use inbound::{Inbound, Profile, Settings};
