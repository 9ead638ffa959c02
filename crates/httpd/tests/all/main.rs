//! The frame from outside: raw bytes over TCP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at its first surprise"
)]

mod accounts;
mod callers;
mod frame;
mod hostile;
mod images;
mod logins;
mod push;
mod sockets;
mod world;
