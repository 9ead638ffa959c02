//! What SQLite's planner is told of tables that grow: without any figures it holds all rows of an account for ten, and
//! reads every one of them where an index leads to the few that are asked for by a list of ids.
//!
//! What must stay true here:
//! - Figures are the same on every machine, so that plans are: they come from the columns of an index, not from its rows.
//! - Figures that are there already, such as those of an administrator's `ANALYZE`, stay.

use base::Result;

use super::sqlite::SqliteConn;

const INDEXES: &str = "\
SELECT m.name, l.name, l.\"unique\", l.origin = 'pk' AND m.sql LIKE '%WITHOUT ROWID%',
       (SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno))
  FROM sqlite_schema m, pragma_index_list(m.name) l WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite~_%' ESCAPE '~'";
const KNOWN: &str = "SELECT idx FROM sqlite_stat1";
const NOTE: &str = "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ($1, $2, $3)";
/// Makes the table of figures where there is none, and makes all that is in it count.
const READ_ANEW: &str = "ANALYZE sqlite_schema";

/// Rows of a table.
const ROWS: u32 = 1_000_000;
/// Rows of one account.
const OF_ACCOUNT: u32 = 10_000;
/// Collections of one account.
const COLLECTIONS: u32 = 10;
/// Rows that any other column leaves of those.
const OF_OTHER: u32 = 10;

/// An index as the database describes it.
struct Index {
    table: String,
    name: String,
    is_unique: bool,
    columns: Vec<String>,
}

/// The rows in all, then those that each further column leaves: the form of `sqlite_stat1`. None for an index whose first
/// column is no account, of which the planner's own guess is good.
fn figures(index: &Index) -> Option<String> {
    let [first, others @ ..] = index.columns.as_slice() else { return None };
    if first != "account_id" || others.is_empty() {
        return None;
    }
    let mut left = OF_ACCOUNT;
    let mut figures = vec![ROWS, left];
    for column in others {
        left = match column.as_str() {
            "collection_id" | "mailbox_id" => (left / COLLECTIONS).max(1),
            _ => left.min(OF_OTHER),
        };
        figures.push(left);
    }
    if let Some(last) = figures.last_mut() {
        // The same object lies in two places now and then.
        *last = if index.is_unique { 1 } else { left.min(2) };
    }
    Some(figures.iter().map(u32::to_string).collect::<Vec<_>>().join(" "))
}

/// Notes the figures of all indexes that have none.
pub(super) fn tell(conn: &SqliteConn) -> Result<()> {
    let has_table = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'";
    if conn.query(has_table, &[], &mut |_| Ok(()))?.is_empty() {
        conn.batch(READ_ANEW)?;
    }
    let known = conn.query(KNOWN, &[], &mut |row| row.opt_text(0))?;
    let mut missing = Vec::new();
    for index in conn.query(INDEXES, &[], &mut |row| {
        let (table, own) = (row.text(0)?, row.text(1)?);
        // The key of a table without row numbers is known by the name of the table.
        let name = if row.flag(3)? { table.clone() } else { own };
        let columns = row.opt_text(4)?.unwrap_or_default().split(',').map(str::to_owned).collect();
        Ok(Index { table, name, is_unique: row.flag(2)?, columns })
    })? {
        if !known.iter().flatten().any(|known| *known == index.name)
            && let Some(figures) = figures(&index)
        {
            missing.push([index.table.into(), index.name.into(), figures.into()]);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    conn.batch("BEGIN IMMEDIATE")?;
    let noted = missing.iter().try_for_each(|values| conn.execute(NOTE, values).map(|_| ()));
    conn.batch(if noted.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    noted?;
    conn.batch(READ_ANEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(columns: &str, is_unique: bool) -> Option<String> {
        let columns = columns.split(' ').map(str::to_owned).collect();
        figures(&Index { table: "t".to_owned(), name: "i".to_owned(), is_unique, columns })
    }

    #[test]
    fn figures_follow_from_the_columns() {
        assert_eq!(of("account_id collection_id id", true).unwrap(), "1000000 10000 1000 1");
        assert_eq!(of("account_id object_id", false).unwrap(), "1000000 10000 2");
        assert_eq!(of("account_id collection_id changed_seq id", false).unwrap(), "1000000 10000 1000 10 2");
        assert_eq!(of("account_id", true), None);
        assert_eq!(of("hash id", true), None);
    }
}
