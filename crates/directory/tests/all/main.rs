//! Stories of the directory on both engines, one module a topic.

// Tests may stop with a message: that is how they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod accounts;
mod bulk;
mod groups;
mod import;
mod isolation;
mod logins;
mod plans;
mod providers;
mod resolving;
mod rights;
mod schema;
mod sql;
mod states;
mod world;
