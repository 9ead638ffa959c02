//! The IMAP door from outside.

// Helpers of tests may stop with a message as well.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures
)]

mod clients;
mod data;
mod fetching;
mod hostile;
mod house;
mod idle;
mod past;
mod searching;
mod sharing;
mod sorting;
mod stress;
mod threading;
mod timing;
mod transcripts;
