//! The JMAP door, from outside.

mod client;
mod requests;
