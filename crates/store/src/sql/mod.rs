//! SQL on two engines through one interface: text with numbered parameters, synchronous closures,
//! grouped commits.

/// Builds the parameters of a statement: an array of [`Value`].
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { [$($crate::sql::Value::from($value)),*] };
}

mod bulk;
mod catalog;
mod dialect;
pub(crate) mod failure;
mod group;
mod health;
mod migrate;
mod open;
pub(crate) mod postgres;
mod row;
mod schema;
mod sqlite;
mod statistics;
mod stats;
mod tx;
mod value;

pub use bulk::{Bulk, BulkKind, Column};
pub use dialect::Dialect;
pub use group::Locks;
pub use migrate::{Migration, Part, Step, migrate};
pub use open::{Backend, OnLock, Store, StoreOptions};
pub use row::Row;
pub use schema::{Table, tables};
pub use stats::{Stats, StatsSnapshot};
pub use tx::{GroupState, Read, Tx};
pub use value::{Type, Value};
