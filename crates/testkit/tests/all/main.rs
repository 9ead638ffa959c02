//! Tests of the programs that are part of the test kit, and of what needs several floors at once.

// Helpers of tests may stop with a message, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod backup;
mod crash;
