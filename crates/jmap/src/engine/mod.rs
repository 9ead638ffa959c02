//! The engine of JMAP (RFC 8620): requests, references between calls, and one implementation of get, set, copy,
//! changes, query and queryChanges over tables of types.
//!
//! # A type
//! A type is a [`Table`] (its name, capability, properties, filter conditions, sort keys, arguments of its own) and an
//! implementation of [`Type`], whose hooks each take a whole batch: `get` all ids, `set` all creations, updates and
//! removals. The engine has checked everything that the table can say before a hook is called:
//!
//! | hook | the engine has done | the hook does |
//! |---|---|---|
//! | `get` | account, `ids` (limit, duplicates, `#creation`), `properties` against the table | writes objects into [`Objects`] with [`Objects::add`], names missing ones with [`Objects::missing`], returns the state of the same snapshot |
//! | `set` | account may be written, limits, unknown, server-set and immutable properties, shapes of values, patch pointers and their conflicts, `#creation` of earlier calls, `willDestroy`, `ifInState`; refused ones are not in the request any more; creations that name one another are in order | one transaction for all, returns [`SetDone`] |
//! | `changes` | arguments | returns [`Changes`], or [`MethodError::CannotCalculateChanges`] |
//! | `query` | filter and sort against the table, limits | finds the ids; [`Query::window`] cuts position, anchor and limit out of a whole list |
//! | `query_changes` | the same | returns [`QueryChanges`], or `CannotCalculateChanges` (the default) |
//! | `copy` | both accounts, ids, properties | returns what was created; the engine removes the originals by `set` |
//! | `custom` | account | any other method of the table's `methods` (`Email/import`, `Email/parse`, `Blob/lookup`): takes its [`Arguments`], returns one JSON object |
//!
//! - Objects are written straight into the answer: `object.put("subject", &row.subject)` writes the property only when
//!   the client wants it; ask [`Object::wants`] before what costs something.
//! - A hook never answers item by item: read with one statement for all ids, write with one `kernel.write`.
//! - In a creation, a value such as `"#a"` of a shape [`Shape::Id`] that names another creation of the same call is left as it
//!   is; the one that it names stands before it, and [`SetRequest::resolve`] makes the id of it.
//! - [`Patch::properties`] gives the patch by property: a whole value, or paths below it. [`Patch::apply`] makes a new
//!   object of a current one, for types that keep objects whole.
//! - A [`base::Error`] becomes a [`SetError`] or a [`MethodError`] by `From`: return it with `?`.
//! - Ids are made and read by [`ids`]: a letter and the number.
//! - Methods that a call causes in others (`onSuccessUpdateEmail`) are named in [`SetDone::then`]; the engine runs them
//!   after it, under the same call id.
//!
//! What must stay true here:
//! - Everything that a client sends is bounded before it is kept: values, depth, calls, objects, filters.
//! - An account of another organisation is `accountNotFound`, like one that does not exist.
//! - An answer is written once, into one buffer.

mod access;
mod arguments;
mod call;
pub mod capabilities;
mod changes;
mod copy;
mod error;
mod get;
pub mod ids;
mod output;
mod patch;
mod query;
mod reference;
mod request;
mod run;
mod set;
mod shape;
mod table;
mod types;
mod value;

pub use access::Access;
pub use arguments::Arguments;
pub use call::Call;
pub use capabilities::Capability;
pub use changes::{Changes, ChangesRequest};
pub use copy::CopyRequest;
pub use error::{MethodError, RequestError, SetError};
pub use get::GetRequest;
pub use output::{Object, Objects};
pub use patch::Patch;
pub(crate) use query::read_filter;
pub use query::{Collation, Comparator, Filter, Page, Query, QueryChanges, QueryChangesRequest, Test};
pub use request::Request;
pub(crate) use request::json as json_of;
pub(crate) use run::Engine;
pub use set::{SetDone, SetRequest};
pub use table::{Argument, Condition, Method, Property, Shape, Sort, Table};
pub use types::{Hook, Type};
pub use value::parse as parse_json;

/// A JSON object.
pub type Map = serde_json::Map<String, serde_json::Value>;
