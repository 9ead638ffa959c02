//! The IMAP door from outside.

// Helpers of tests may stop with a message as well.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures
)]

mod data;
mod fetching;
mod house;
mod searching;
mod sorting;
mod threading;
mod timing;
mod transcripts;
