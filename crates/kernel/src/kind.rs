//! What the kernel has to know of a kind of data: where its contents and bodies are, and how they read.

use base::{AccountId, Result};
use store::Read;
use store::blobs::Reference;

/// A column of a kind's content table that names bodies.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// The table; it has the columns `account_id` and `id`.
    pub table: &'static str,
    /// The column with the hash; it has an index, or every sweep of the bodies reads the whole table.
    pub column: &'static str,
}

impl Body {
    /// How the blob store finds the rows that name bodies here. A content stays until retention forgets it, so the
    /// bodies of all earlier states are kept as well.
    pub fn reference(&self) -> Reference {
        let Self { table, column } = self;
        Reference {
            name: (*table).into(),
            exists: format!(
                "SELECT 1 FROM {table} r JOIN account a ON a.id = r.account_id \
                 WHERE r.{column} = blob.hash AND a.organisation_id = blob.organisation_id"
            )
            .into(),
            list: format!(
                "SELECT a.organisation_id, r.{column} FROM {table} r JOIN account a ON a.id = r.account_id \
                 WHERE r.{column} IS NOT NULL"
            )
            .into(),
        }
    }
}

/// The text of a content for the search index.
pub type Searchable = fn(&mut Read<'_>, AccountId, &[i64]) -> Result<Vec<(i64, String)>>;

/// A kind of data, described. Adding one changes nothing in the kernel.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name, as it stands in `collection.kind`.
    pub name: &'static str,
    /// The table of its contents, with the columns `account_id` and `id`; none for a kind without.
    pub table: Option<&'static str>,
    /// The columns that name bodies.
    pub bodies: &'static [Body],
    /// Whether every earlier state is kept as a version, not only those that a mark sees.
    pub every_version: bool,
    /// The text of contents by their ids, for search.
    pub searchable: Option<Searchable>,
}
