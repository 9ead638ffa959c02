//! A toy kind of data: short notes. It proves that a new kind needs no change of the kernel, and gives the
//! tests of the kernel something to hold.

use base::{AccountId, CollectionId, Result};
use kernel::{Batch, Created, Kind, NewItem};
use store::sql::{Bulk, Migration, Type};
use store::{Part, Read, params};

const SCHEMA: &str = "
-- A note: the content of an item, never changed.
CREATE TABLE note (
    account_id bigint NOT NULL, -- its owner
    id bigint NOT NULL, -- the content's number
    text text NOT NULL, -- what it says
    PRIMARY KEY (account_id, id)
) {without_rowid};";

/// The table of notes.
pub const PART: Part = Part {
    name: "note",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "ground", text: SCHEMA }],
};

/// Notes, of which only what a mark sees is kept.
pub const KIND: Kind = Kind {
    name: "note",
    table: Some("note"),
    bodies: &[],
    every_version: false,
    searchable: Some(searchable),
};

/// Pages: notes of which every version is kept.
pub const VERSIONED: Kind = Kind { name: "page", every_version: true, ..KIND };

static INSERT: Bulk =
    Bulk::insert("note", &[("account_id", Type::Int), ("id", Type::Int), ("text", Type::Text)]);

/// Puts a note into a collection.
pub fn create(
    batch: &mut Batch<'_, '_>,
    collection: CollectionId,
    text: &str,
    flags: i64,
) -> Result<Created> {
    let size = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let made = batch.create(collection, NewItem { size, flags, ..NewItem::default() })?;
    let account = batch.account();
    batch.tx().add(&INSERT, params![account, made.content, text])?;
    Ok(made)
}

/// Gives a note another text.
pub fn rewrite(
    batch: &mut Batch<'_, '_>,
    collection: CollectionId,
    item: base::ItemId,
    text: &str,
) -> Result<()> {
    let content = batch.new_id()?;
    let account = batch.account();
    batch.tx().add(&INSERT, params![account, content, text])?;
    let size = i64::try_from(text.len()).unwrap_or(i64::MAX);
    batch.set_content(collection, item, content, size, None)
}

/// The text of a note.
pub fn text(tx: &mut Read<'_>, account: AccountId, content: i64) -> Result<String> {
    tx.query_one(
        "SELECT text FROM note WHERE account_id = $1 AND id = $2",
        params![account, content],
        |row| row.text(0),
    )
}

fn searchable(tx: &mut Read<'_>, account: AccountId, contents: &[i64]) -> Result<Vec<(i64, String)>> {
    tx.query(
        "SELECT id, text FROM note WHERE account_id = $1 AND id {in $2}",
        params![account, contents],
        |row| Ok((row.int(0)?, row.text(1)?)),
    )
}
