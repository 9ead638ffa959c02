//! The binary from outside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at its first surprise"
)]

mod administration;
mod check;
mod configuration;
mod demo;
mod desk;
mod doors;
mod durability;
mod import;
mod jmap;
mod logins;
mod outgoing;
mod pages;
mod rescue;
mod secured;
mod serving;
mod world;
