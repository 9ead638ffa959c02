//! The tables of the crash test: letters, and how far each writer is.

use kernel::{Body, Kind};
use store::Part;
use store::sql::{Bulk, Migration, Type};

const SCHEMA: &str = "
-- A letter: the content of an item, never changed.
CREATE TABLE letter (
    account_id bigint NOT NULL, -- its owner
    id bigint NOT NULL, -- the content's number
    writer bigint NOT NULL, -- who wrote it
    step bigint NOT NULL, -- in which step
    text text NOT NULL, -- what it says
    body_hash {bytes}, -- its body, if it has one
    PRIMARY KEY (account_id, id)
) {without_rowid};
CREATE INDEX letter_body ON letter (body_hash);

-- How far a writer is, written in the transaction of each of its steps.
CREATE TABLE letter_writer (
    number bigint NOT NULL PRIMARY KEY, -- the writer
    home_id bigint NOT NULL, -- the account with its inbox and archive
    other_id bigint NOT NULL, -- the account with its third box
    inbox_id bigint NOT NULL, -- a collection
    archive_id bigint NOT NULL, -- a collection
    elsewhere_id bigint NOT NULL, -- a collection of the other account
    step bigint NOT NULL -- the last step that is done
);";

/// The tables.
pub(crate) const PART: Part = Part {
    name: "letters",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "ground", text: SCHEMA }],
};

/// Letters as a kind of data.
pub(crate) const KIND: Kind = Kind {
    name: "letter",
    table: Some("letter"),
    bodies: &[Body { table: "letter", column: "body_hash" }],
    every_version: false,
    searchable: None,
};

/// Adds letters.
pub(crate) static LETTER: Bulk = Bulk::insert(
    "letter",
    &[
        ("account_id", Type::Int),
        ("id", Type::Int),
        ("writer", Type::Int),
        ("step", Type::Int),
        ("text", Type::Text),
        ("body_hash", Type::Bytes),
    ],
);
