//! The kernel from outside, on both engines, with a toy kind.

// Helpers of tests may stop with a message as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;
mod history;
mod isolation;
mod manual;
mod model;
mod push;
mod search;
mod search_model;
mod verbs;
