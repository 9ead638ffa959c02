//! The directory: organisations, domains, people, groups, lists, shared mailboxes, resources, their addresses,
//! classes of service and states; roles and what they allow; credentials, logins and sessions.
//!
//! What must stay true here:
//! - Every function that answers for an object takes the organisation and the context, and asks [`roles`] for the
//!   right. An object of another organisation is answered for as one that does not exist.
//! - Every write of ours raises `revision`: what changes without it was made by SQL, and enters the history so.
//! - Every change is a commit of the organisation's account, with the fields before and after.
//! - No loop asks the database once a member, recipient or line.
//!
//! [`Directory`] is what doors and commands hold; the functions of the modules run inside its
//! [`Directory::edit`] and [`Directory::read`].

pub mod address_book;
pub mod aliases;
pub mod audit;
pub mod classes;
pub mod credentials;
pub mod domains;
pub mod edit;
pub mod entries;
pub mod fields;
pub mod groups;
mod handle;
pub mod import;
pub mod links;
pub mod login;
pub mod organisations;
pub mod people;
pub mod providers;
pub mod resolve;
pub mod roles;
pub mod sessions;
pub mod sql_changes;
pub mod states;
pub mod throttle;
pub mod units;
pub mod web_sessions;

pub use edit::Edit;
pub use handle::{Directory, ScramLogin};
use store::Part;
use store::sql::Migration;

/// The tables as they were at first.
const GROUND: &str = concat!(include_str!("../schema/directory.sql"), include_str!("../schema/by_sql.sql"));

/// Today's tables, views and triggers.
pub const SCHEMA: &str = concat!(
    include_str!("../schema/directory.sql"),
    include_str!("../schema/by_sql.sql"),
    include_str!("../schema/scram.sql"),
    include_str!("../schema/postfix.sql"),
    include_str!("../schema/login.sql"),
    include_str!("../schema/passkeys.sql"),
    include_str!("../schema/providers.sql")
);

/// The tables of the directory.
pub const PART: Part = Part {
    name: "directory",
    schema: SCHEMA,
    migrations: &[
        Migration { number: 1, name: "ground", text: GROUND },
        Migration { number: 2, name: "scram", text: include_str!("../schema/scram.sql") },
        Migration { number: 3, name: "postfix", text: include_str!("../schema/postfix.sql") },
        Migration { number: 4, name: "login", text: include_str!("../schema/login.sql") },
        Migration { number: 5, name: "passkeys", text: include_str!("../schema/passkeys.sql") },
        Migration { number: 6, name: "providers", text: include_str!("../schema/providers.sql") },
    ],
};

/// A number that stands for a text where the text itself would be too much to keep.
pub(crate) fn short_number(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    u64::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default())
}
