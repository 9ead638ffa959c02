//! The store from outside, on both engines.

// Helpers of tests may stop with a message, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::duration_suboptimal_units)]

mod blobs;
mod blobs_full;
mod blobs_state;
mod blobs_sweep;
mod blobs_world;
mod jobs;
mod jobs_table;
mod migrations;
mod notify;
mod transactions;
