//! SQLite connections: how they are opened, and how statements run on them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Result};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};

use super::dialect::Dialect;
use super::failure;
use super::row::{Row, Source};
use super::value::Value;

/// Other processes (the command line, an administrator's SQL tool) may hold the write lock for a while.
const BUSY_WAIT: Duration = Duration::from_secs(10);
const STATEMENTS: usize = 512;

/// A connection with its rewritten statement texts.
pub(crate) struct SqliteConn {
    pub(crate) raw: Connection,
    texts: RefCell<HashMap<Box<str>, Arc<str>>>,
}

/// How a connection is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Writer,
    Reader,
}

impl SqliteConn {
    pub(crate) fn open(path: &Path, usage: Use) -> Result<Self> {
        let writer = usage == Use::Writer;
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if writer {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
        let raw = Connection::open_with_flags(path, flags).map_err(failure::sqlite)?;
        raw.busy_timeout(BUSY_WAIT).map_err(failure::sqlite)?;
        raw.set_prepared_statement_cache_capacity(STATEMENTS);
        // The page size counts only for a new file. Checkpoints are made by a thread of ours, so that a
        // commit never pays for one.
        let cache_kib = if writer { 16_384 } else { 4_096 };
        raw.execute_batch(&format!(
            "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864; \
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{cache_kib}; \
             PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA query_only = {};",
            if writer { "OFF" } else { "ON" }
        ))
        .map_err(failure::sqlite)?;
        Ok(Self { raw, texts: RefCell::default() })
    }

    /// From now on only checkpoints are synced: for data that can be made again.
    pub(crate) fn sync_seldom(&self) -> Result<()> {
        self.raw.execute_batch("PRAGMA synchronous = NORMAL;").map_err(failure::sqlite)
    }

    fn text(&self, sql: &str) -> Result<Arc<str>> {
        if let Some(text) = self.texts.borrow().get(sql) {
            return Ok(text.clone());
        }
        let text: Arc<str> = Dialect::Sqlite.rewrite(sql)?.into();
        let mut texts = self.texts.borrow_mut();
        if texts.len() >= 2 * STATEMENTS {
            texts.clear();
        }
        texts.insert(sql.into(), text.clone());
        Ok(text)
    }

    pub(crate) fn query<T>(
        &self,
        sql: &str,
        values: &[Value],
        map: &mut dyn FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.raw.prepare_cached(&self.text(sql)?).map_err(failure::sqlite)?;
        bind(&mut statement, values)?;
        let mut rows = statement.raw_query();
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(failure::sqlite)? {
            out.push(map(&Row(Source::Sqlite(row)))?);
        }
        Ok(out)
    }

    pub(crate) fn execute(&self, sql: &str, values: &[Value]) -> Result<u64> {
        let mut statement = self.raw.prepare_cached(&self.text(sql)?).map_err(failure::sqlite)?;
        bind(&mut statement, values)?;
        let changed = statement.raw_execute().map_err(failure::sqlite)?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        self.raw.execute_batch(sql).map_err(failure::sqlite)
    }
}

fn bind(statement: &mut rusqlite::CachedStatement<'_>, values: &[Value]) -> Result<()> {
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, Bound(value)).map_err(|e| {
            if matches!(value, Value::Text(text) if text.contains('\0')) {
                return Error::invalid("text", "has a NUL character; remove it");
            }
            failure::sqlite(e)
        })?;
    }
    Ok(())
}

struct Bound<'v>(&'v Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Value::Int(value) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
            Value::Real(value) => ToSqlOutput::Borrowed(ValueRef::Real(*value)),
            // PostgreSQL takes no NUL in a text; both engines refuse the same input.
            Value::Text(text) if text.contains('\0') => {
                return Err(rusqlite::Error::ToSqlConversionFailure("NUL in a text".into()));
            }
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Value::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Value::Ints(list) => json(list)?,
            Value::Texts(list) => json(list)?,
            Value::Blobs(list) => json(&list.iter().map(|bytes| hex(bytes)).collect::<Vec<_>>())?,
        })
    }
}

fn json<T: serde::Serialize>(list: &[T]) -> rusqlite::Result<ToSqlOutput<'static>> {
    serde_json::to_string(list)
        .map(|text| ToSqlOutput::Owned(rusqlite::types::Value::Text(text)))
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

fn hex(bytes: &[u8]) -> Cow<'static, str> {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    Cow::Owned(out)
}
