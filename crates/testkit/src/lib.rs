//! A test world: databases of both engines, a clock that is moved by hand, and what tests of several
//! crates share. Nothing here is part of the product.

// Tests may stop with a message: that is how they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]
#![allow(clippy::indexing_slicing)]

pub mod bench;
pub mod crash;
pub mod dns;
pub mod dovecot;
pub mod engines;
pub mod mail;
pub mod note;
pub mod plans;
pub mod postfix;
pub mod postgres;
pub mod s3;
pub mod world;
