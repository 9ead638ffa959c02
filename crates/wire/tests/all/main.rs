//! Connections, listeners and logins from outside.

// Tests may stop with a message: that is how they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod connections;
mod logins;
mod serving;
