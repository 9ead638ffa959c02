//! Storage: one transaction interface over SQLite and PostgreSQL, and the blob store.
//!
//! What must stay true here:
//! - A caller is told that a transaction is done only after it is durable.
//! - No transaction is open while a caller waits for anything but the database.
//! - Every queue is bounded, and a full one is an error that says so.

// The macro of `sql` is used by the modules beside it.
#[macro_use]
pub mod sql;

pub mod backup;
pub mod blobs;
pub mod jobs;
pub mod notify;

pub use blobs::{BLOBS, BlobBackend, BlobOptions, Blobs};
pub use sql::{Backend, Part, Read, Row, Store, StoreOptions, Tx, Value};
