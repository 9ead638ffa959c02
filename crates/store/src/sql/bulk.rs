//! Statements over many rows: one `unnest` on PostgreSQL, a prepared statement a row on SQLite
//! (inside the process that is the faster form).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use super::value::{Type, Value};

/// A column of a bulk statement.
pub type Column = (&'static str, Type);

/// What a bulk statement does with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkKind {
    /// Adds rows.
    Insert,
    /// Changes the rows that the key columns name.
    Update,
    /// Removes the rows that the key columns name.
    Delete,
}

/// A statement over many rows, declared once as a `static`.
///
/// The first `keys` columns are the key. Rows of one key in one transaction group meet in one row:
/// for an insert the first one stays, for an update the last one wins.
pub struct Bulk {
    pub(crate) table: &'static str,
    pub(crate) kind: BulkKind,
    pub(crate) columns: &'static [Column],
    pub(crate) keys: usize,
    conflict: &'static str,
    texts: [OnceLock<String>; 2],
}

impl Bulk {
    const fn new(
        kind: BulkKind,
        table: &'static str,
        columns: &'static [Column],
        keys: usize,
        conflict: &'static str,
    ) -> Self {
        Self { table, kind, columns, keys, conflict, texts: [const { OnceLock::new() }; 2] }
    }

    /// Adds rows; a row that exists is an error.
    pub const fn insert(table: &'static str, columns: &'static [Column]) -> Self {
        Self::new(BulkKind::Insert, table, columns, 0, "")
    }

    /// Adds rows, with an `ON CONFLICT ...` clause for rows whose first `keys` columns exist already.
    pub const fn upsert(
        table: &'static str,
        columns: &'static [Column],
        keys: usize,
        conflict: &'static str,
    ) -> Self {
        Self::new(BulkKind::Insert, table, columns, keys, conflict)
    }

    /// Sets the other columns where the first `keys` columns match.
    pub const fn update(table: &'static str, columns: &'static [Column], keys: usize) -> Self {
        Self::new(BulkKind::Update, table, columns, keys, "")
    }

    /// Removes the rows that match all columns.
    pub const fn delete(table: &'static str, columns: &'static [Column]) -> Self {
        Self::new(BulkKind::Delete, table, columns, columns.len(), "")
    }

    /// The text for one row, in our form with `$n`.
    pub(crate) fn row_text(&self) -> &str {
        let [text, _] = &self.texts;
        text.get_or_init(|| self.write(|n| format!("${n}"), None))
    }

    /// The text for many rows as arrays, for PostgreSQL.
    pub(crate) fn array_text(&self) -> &str {
        let [_, text] = &self.texts;
        text.get_or_init(|| {
            let mut arrays = String::new();
            for (index, (_, kind)) in self.columns.iter().enumerate() {
                let name = match kind {
                    Type::Int => "int8",
                    Type::Real => "float8",
                    Type::Text => "text",
                    Type::Bytes => "bytea",
                };
                let comma = if index == 0 { "" } else { ", " };
                let _ = write!(arrays, "{comma}${}::{name}[]", index + 1);
            }
            self.write(|n| format!("r.c{n}"), Some(&arrays))
        })
    }

    fn write(&self, cell: impl Fn(usize) -> String, arrays: Option<&str>) -> String {
        let table = self.table;
        let names = |range: &[Column]| range.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let from = |word: &str| match arrays {
            Some(arrays) => {
                let cells: Vec<_> = (1..=self.columns.len()).map(|n| format!("c{n}")).collect();
                format!(" {word} unnest({arrays}) AS r({})", cells.join(", "))
            }
            None => String::new(),
        };
        let (keys, rest) = self.columns.split_at(self.keys.min(self.columns.len()));
        let pairs = |columns: &[Column], first: usize, prefix: &str, glue: &str| {
            columns
                .iter()
                .enumerate()
                .map(|(index, (name, _))| format!("{prefix}{name} = {}", cell(first + index)))
                .collect::<Vec<_>>()
                .join(glue)
        };
        let prefix = if arrays.is_some() { format!("{table}.") } else { String::new() };
        match self.kind {
            BulkKind::Insert => {
                let cells: Vec<_> = (1..=self.columns.len()).map(&cell).collect();
                let rows = match arrays {
                    Some(_) => format!("SELECT {}{}", cells.join(", "), from("FROM")),
                    None => format!("VALUES ({})", cells.join(", ")),
                };
                format!("INSERT INTO {table} ({}) {rows} {}", names(self.columns), self.conflict)
            }
            BulkKind::Update => format!(
                "UPDATE {table} SET {}{} WHERE {}",
                pairs(rest, self.keys + 1, "", ", "),
                from("FROM"),
                pairs(keys, 1, &prefix, " AND ")
            ),
            BulkKind::Delete => {
                format!("DELETE FROM {table}{} WHERE {}", from("USING"), pairs(keys, 1, &prefix, " AND "))
            }
        }
    }
}

/// Rows of one bulk statement that wait to be sent.
pub(crate) struct Segment {
    pub(crate) bulk: &'static Bulk,
    rows: Vec<Vec<Value>>,
    by_key: HashMap<Vec<u8>, usize>,
}

impl Segment {
    pub(crate) fn new(bulk: &'static Bulk) -> Self {
        Self { bulk, rows: Vec::new(), by_key: HashMap::new() }
    }

    pub(crate) fn push(&mut self, row: Vec<Value>) {
        if self.bulk.keys == 0 {
            self.rows.push(row);
            return;
        }
        let key = key_bytes(row.iter().take(self.bulk.keys));
        match self.by_key.get(&key) {
            Some(&at) if self.bulk.kind == BulkKind::Update => {
                if let Some(slot) = self.rows.get_mut(at) {
                    *slot = row;
                }
            }
            Some(_) => {}
            None => {
                self.by_key.insert(key, self.rows.len());
                self.rows.push(row);
            }
        }
    }

    /// One array a column. Rows with a key go in the order of their keys: two groups that insert the same
    /// keys then wait for each other in one order and cannot deadlock.
    pub(crate) fn into_arrays(mut self) -> Vec<Vec<Value>> {
        if self.bulk.keys > 0 {
            let keys = self.bulk.keys;
            self.rows.sort_by_cached_key(|row| key_bytes(row.iter().take(keys)));
        }
        let mut arrays: Vec<Vec<Value>> =
            self.bulk.columns.iter().map(|_| Vec::with_capacity(self.rows.len())).collect();
        for row in self.rows {
            for (array, value) in arrays.iter_mut().zip(row) {
                array.push(value);
            }
        }
        arrays
    }
}

fn key_bytes<'v>(values: impl Iterator<Item = &'v Value>) -> Vec<u8> {
    let mut key = Vec::with_capacity(48);
    for value in values {
        match value {
            // Biased, so that negative numbers sort first.
            Value::Int(n) => key.extend_from_slice(&(n.wrapping_sub(i64::MIN)).to_be_bytes()),
            Value::Text(text) => {
                key.extend_from_slice(text.as_bytes());
                key.push(0);
            }
            Value::Bytes(bytes) => key.extend_from_slice(bytes),
            Value::Real(real) => key.extend_from_slice(&real.to_be_bytes()),
            _ => key.push(0),
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    static UPDATE: Bulk = Bulk::update("t", &[("a", Type::Int), ("b", Type::Text), ("c", Type::Int)], 2);
    static UPSERT: Bulk =
        Bulk::upsert("t", &[("a", Type::Int), ("b", Type::Text)], 1, "ON CONFLICT DO NOTHING");
    static DELETE: Bulk = Bulk::delete("t", &[("a", Type::Int)]);

    #[test]
    fn texts_for_rows_and_arrays() {
        assert_eq!(UPDATE.row_text(), "UPDATE t SET c = $3 WHERE a = $1 AND b = $2");
        assert_eq!(
            UPDATE.array_text(),
            "UPDATE t SET c = r.c3 FROM unnest($1::int8[], $2::text[], $3::int8[]) AS r(c1, c2, c3) \
             WHERE t.a = r.c1 AND t.b = r.c2"
        );
        assert_eq!(UPSERT.row_text(), "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT DO NOTHING");
        assert_eq!(DELETE.array_text(), "DELETE FROM t USING unnest($1::int8[]) AS r(c1) WHERE t.a = r.c1");
    }

    #[test]
    fn the_last_update_and_the_first_insert_of_a_key_stay() {
        let mut updates = Segment::new(&UPDATE);
        updates.push(vec![1.into(), "x".into(), 5.into()]);
        updates.push(vec![1.into(), "x".into(), 6.into()]);
        assert_eq!(updates.into_arrays()[2], vec![Value::Int(6)]);
        let mut inserts = Segment::new(&UPSERT);
        inserts.push(vec![2.into(), "b".into()]);
        inserts.push(vec![1.into(), "a".into()]);
        inserts.push(vec![2.into(), "c".into()]);
        assert_eq!(inserts.into_arrays(), [vec![1.into(), 2.into()], vec!["a".into(), "b".into()]]);
    }
}
