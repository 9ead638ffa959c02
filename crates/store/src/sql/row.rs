//! A row of a result, read by column number; nothing is copied that is not asked for.

use base::{Error, Result};
use rusqlite::types::ValueRef;

/// A row of either engine. Valid only inside the closure that maps it.
pub struct Row<'r>(pub(crate) Source<'r>);

pub(crate) enum Source<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

fn wrong(column: usize, wanted: &str) -> Error {
    Error::corrupt("database", format!("column {column} of a result is not {wanted}"))
}

impl Row<'_> {
    fn sqlite<'a>(row: &'a rusqlite::Row<'a>, column: usize) -> Result<ValueRef<'a>> {
        row.get_ref(column).map_err(|e| wrong(column, "there").with_source(e))
    }

    /// An integer, or nothing for NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match &self.0 {
            Source::Sqlite(row) => match Self::sqlite(row, column)? {
                ValueRef::Null => Ok(None),
                ValueRef::Integer(value) => Ok(Some(value)),
                _ => Err(wrong(column, "an integer")),
            },
            Source::Postgres(row) => match row.try_get::<_, Option<i64>>(column) {
                Ok(value) => Ok(value),
                // count(*) is bigint, but literals and integer functions are four bytes wide.
                Err(_) => row
                    .try_get::<_, Option<i32>>(column)
                    .map(|value| value.map(i64::from))
                    .map_err(|e| wrong(column, "an integer").with_source(e)),
            },
        }
    }

    /// An integer.
    pub fn int(&self, column: usize) -> Result<i64> {
        self.opt_int(column)?.ok_or_else(|| wrong(column, "an integer"))
    }

    /// An integer that stands for true (not 0) or false.
    pub fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// A floating point number.
    pub fn real(&self, column: usize) -> Result<f64> {
        match &self.0 {
            Source::Sqlite(row) => match Self::sqlite(row, column)? {
                ValueRef::Real(value) => Ok(value),
                #[expect(clippy::cast_precision_loss, reason = "SQLite stores whole numbers as integers")]
                ValueRef::Integer(value) => Ok(value as f64),
                _ => Err(wrong(column, "a number")),
            },
            Source::Postgres(row) => {
                row.try_get::<_, f64>(column).map_err(|e| wrong(column, "a number").with_source(e))
            }
        }
    }

    /// A text without a copy, or nothing for NULL.
    pub fn opt_str(&self, column: usize) -> Result<Option<&str>> {
        match &self.0 {
            Source::Sqlite(row) => match Self::sqlite(row, column)? {
                ValueRef::Null => Ok(None),
                ValueRef::Text(bytes) => std::str::from_utf8(bytes)
                    .map(Some)
                    .map_err(|e| wrong(column, "valid UTF-8").with_source(e)),
                _ => Err(wrong(column, "a text")),
            },
            Source::Postgres(row) => {
                row.try_get::<_, Option<&str>>(column).map_err(|e| wrong(column, "a text").with_source(e))
            }
        }
    }

    /// A text without a copy.
    pub fn str(&self, column: usize) -> Result<&str> {
        self.opt_str(column)?.ok_or_else(|| wrong(column, "a text"))
    }

    /// A text, or nothing for NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<String>> {
        Ok(self.opt_str(column)?.map(str::to_owned))
    }

    /// A text.
    pub fn text(&self, column: usize) -> Result<String> {
        self.str(column).map(str::to_owned)
    }

    /// Bytes without a copy, or nothing for NULL.
    pub fn opt_slice(&self, column: usize) -> Result<Option<&[u8]>> {
        match &self.0 {
            Source::Sqlite(row) => match Self::sqlite(row, column)? {
                ValueRef::Null => Ok(None),
                ValueRef::Blob(bytes) => Ok(Some(bytes)),
                _ => Err(wrong(column, "bytes")),
            },
            Source::Postgres(row) => {
                row.try_get::<_, Option<&[u8]>>(column).map_err(|e| wrong(column, "bytes").with_source(e))
            }
        }
    }

    /// Bytes without a copy.
    pub fn slice(&self, column: usize) -> Result<&[u8]> {
        self.opt_slice(column)?.ok_or_else(|| wrong(column, "bytes"))
    }

    /// Bytes, or nothing for NULL.
    pub fn opt_bytes(&self, column: usize) -> Result<Option<Vec<u8>>> {
        Ok(self.opt_slice(column)?.map(<[u8]>::to_vec))
    }

    /// Bytes.
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>> {
        self.slice(column).map(<[u8]>::to_vec)
    }

    /// A hash of 32 bytes.
    pub fn hash(&self, column: usize) -> Result<[u8; 32]> {
        self.slice(column)?.try_into().map_err(|_| wrong(column, "a hash of 32 bytes"))
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        match &self.0 {
            Source::Sqlite(row) => row.as_ref().column_count(),
            Source::Postgres(row) => row.len(),
        }
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of a column.
    pub fn column_name(&self, column: usize) -> Result<String> {
        match &self.0 {
            Source::Sqlite(row) => row
                .as_ref()
                .column_name(column)
                .map(str::to_owned)
                .map_err(|e| wrong(column, "there").with_source(e)),
            Source::Postgres(row) => row
                .columns()
                .get(column)
                .map(|found| found.name().to_owned())
                .ok_or_else(|| wrong(column, "there")),
        }
    }

    /// Any column as a value, for copies of whole tables.
    pub fn value(&self, column: usize) -> Result<super::Value> {
        use super::Value;
        use tokio_postgres::types::Type as Pg;
        match &self.0 {
            Source::Sqlite(row) => Ok(match Self::sqlite(row, column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(value) => Value::Int(value),
                ValueRef::Real(value) => Value::Real(value),
                ValueRef::Text(_) => Value::from(self.text(column)?),
                ValueRef::Blob(bytes) => Value::from(bytes),
            }),
            Source::Postgres(row) => {
                let kind = row.columns().get(column).map(tokio_postgres::Column::type_);
                match kind {
                    Some(&Pg::INT8 | &Pg::INT4) => self.opt_int(column).map(Value::from),
                    Some(&Pg::FLOAT8) => row
                        .try_get::<_, Option<f64>>(column)
                        .map(Value::from)
                        .map_err(|e| wrong(column, "a number").with_source(e)),
                    Some(&Pg::BYTEA) => self.opt_bytes(column).map(Value::from),
                    _ => self.opt_text(column).map(Value::from),
                }
            }
        }
    }
}
