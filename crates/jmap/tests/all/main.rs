//! The JMAP door, from outside.

// Helpers of tests may stop with a message as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod administration;
mod blobs;
mod client;
mod directory;
mod events;
mod history;
mod hostile;
mod mail;
mod push;
mod receipts;
mod requests;
mod sharing;
mod submission;
mod vacation;
