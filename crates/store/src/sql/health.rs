//! Whether the database itself is whole, as far as its engine can tell.

use base::Result;

use super::Store;
use super::dialect::Dialect;

/// Flaws that are listed; a broken file has the same everywhere.
const MOST: &str = "PRAGMA integrity_check(100)";

impl Store {
    /// Everything that the engine finds wrong with its own files, in its words; nothing on PostgreSQL, whose
    /// pages are its administrator's affair (`pg_amcheck`). Reads the whole file and runs beside all else.
    pub async fn flaws(&self) -> Result<Vec<String>> {
        if self.dialect() == Dialect::Postgres {
            return Ok(Vec::new());
        }
        self.read(|tx| {
            let mut flaws = tx.query(MOST, [], |row| row.text(0))?;
            flaws.retain(|line| line != "ok");
            flaws.extend(tx.query("PRAGMA foreign_key_check", [], |row| {
                let (table, parent) = (row.text(0)?, row.text(2)?);
                Ok(format!("a row of {table} refers to a row of {parent} that is not there"))
            })?);
            flaws.truncate(100);
            Ok(flaws)
        })
        .await
    }
}
