//! Mail from outside, on SQLite with the disk and on PostgreSQL with S3.

// Helpers of tests may stop with a message as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod deliveries;
mod filters;
mod images;
mod mailboxes;
mod messages;
mod queue;
mod removed;
mod summary;
mod views;
