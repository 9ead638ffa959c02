//! ManageSieve from outside: transcripts, real clients, hostile ones.

// Helpers of tests may stop with a message as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod clients;
mod hostile;
mod served;
mod transcripts;
