//! The JMAP door, from outside.

mod blobs;
mod client;
mod events;
mod hostile;
mod requests;
mod vacation;
