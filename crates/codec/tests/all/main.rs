//! The tests of the formats, one module a format.

// Helpers of tests may stop with a message as well.
#![allow(clippy::unwrap_used, clippy::panic)]

mod address;
mod imap;
mod managesieve;
mod pop3;
