//! SMTP from outside, both ways.

// Helpers of tests may stop with a message as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod checking;
mod client;
mod hostile;
mod out_dkim;
mod out_postfix;
mod out_tls;
mod out_world;
mod outbound;
mod peer;
mod programs;
mod receiving;
mod submitting;
