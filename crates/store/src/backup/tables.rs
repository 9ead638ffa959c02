//! Tables of a backup: rows as compressed lines of JSON, read on one snapshot and written back in bulk.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Error, Result};
use tokio::sync::oneshot;

use super::files::{Hashed, create_folder, failed, sync_folder};
use super::index::{Entry, Writer};
use super::manifest::{Manifest, TableFile};
use super::{BackupOptions, Progress, Restored, rows};
use crate::blobs::BLOBS;
use crate::sql::{Bulk, Column, Read, Store, Table, Type, Value};

const LEVEL: i32 = 3;
/// Bytes of rows that one page aims at, and its first number of rows.
const PAGE_BYTES: usize = 2 << 20;
const FIRST_ROWS: usize = 200;
const MOST_ROWS: usize = 5_000;

const BODIES: &str = "SELECT organisation_id, hash, size FROM blob WHERE (organisation_id, hash) > ($1, $2) \
     ORDER BY organisation_id, hash LIMIT $3";

/// A table that is copied.
struct Copied {
    part: &'static str,
    table: Table,
}

/// The tables that are copied, in an order in which each refers only to those before it. What the blob store
/// keeps in tables is its own affair: bodies are copied as such.
fn copied(store: &Store, leave_out: &[&str]) -> Vec<Copied> {
    store
        .tables()
        .into_iter()
        .filter(|(part, _)| *part != BLOBS.name && !leave_out.contains(part))
        .map(|(part, table)| Copied { part, table })
        .collect()
}

/// The work on one snapshot: first the list of all bodies, which is then on its way to whoever copies them,
/// then every table.
pub(crate) fn snapshot(
    store: &Store,
    options: &BackupOptions,
    stamp: &str,
    with_bodies: bool,
) -> (impl Future<Output = Result<Vec<TableFile>>>, oneshot::Receiver<PathBuf>) {
    let (sender, wanted) = oneshot::channel();
    let tables = copied(store, &options.leave_out);
    let (folder, stamp, progress) = (options.folder.clone(), stamp.to_owned(), options.progress.clone());
    let work = store.read(move |tx| {
        if with_bodies {
            let path = folder.join("bodies").join(format!("{stamp}.wanted"));
            list_bodies(tx, &path)?;
            // Nobody waits any more when copying has failed.
            let _ = sender.send(path);
        }
        let place = format!("tables-{stamp}");
        create_folder(&folder.join(&place))?;
        let total = tables.len() as u64;
        let mut written = Vec::new();
        for (index, copied) in tables.iter().enumerate() {
            progress("copying tables", index as u64, total);
            let file = format!("{place}/{:03}-{}.jsonl.zst", index + 1, copied.table.name);
            written.push(dump(tx, copied, &folder, file)?);
        }
        sync_folder(&folder.join(&place))?;
        Ok(written)
    });
    (work, wanted)
}

fn list_bodies(tx: &mut Read<'_>, path: &Path) -> Result<()> {
    let mut list = Writer::create(path)?;
    let mut after = (i64::MIN, Vec::new());
    loop {
        let page = page_of_bodies(tx, &after)?;
        let Some(last) = page.last() else { break };
        after = (last.key.0, last.key.1.to_vec());
        page.iter().try_for_each(|entry| list.add(entry))?;
    }
    list.finish().map(|_| ())
}

/// The bodies behind a key, with nothing known of where they are.
pub(crate) fn page_of_bodies(tx: &mut Read<'_>, after: &(i64, Vec<u8>)) -> Result<Vec<Entry>> {
    tx.query(BODIES, params![after.0, &after.1, 2_000], |row| {
        let key = (row.int(0)?, row.hash(1)?);
        Ok(Entry { key, container: 0, offset: 0, stored: 0, size: row.int(2)?.unsigned_abs() })
    })
}

fn dump(tx: &mut Read<'_>, copied: &Copied, folder: &Path, file: String) -> Result<TableFile> {
    let Copied { part, table } = copied;
    let path = folder.join(&file);
    let wrong = |e| failed(&path, e);
    let mut out = zstd::Encoder::new(Hashed::create(&path)?, LEVEL).map_err(wrong)?;
    let (columns, keys) = (names(table), key_columns(table)?);
    let (mut hasher, mut rows, mut limit) = (blake3::Hasher::new(), 0, FIRST_ROWS);
    let mut after: Option<Vec<Value>> = None;
    loop {
        let sql = question(&table.name, &columns, &table.key, after.is_some());
        let mut values = after.clone().unwrap_or_default();
        values.push(Value::Int(i64::try_from(limit).unwrap_or(1)));
        let page = tx.query(&sql, values, |row| {
            (0..columns.len()).map(|column| row.value(column)).collect::<Result<Vec<_>>>()
        })?;
        let Some(last) = page.last() else { break };
        after = Some(keys.iter().filter_map(|column| last.get(*column).cloned()).collect());
        let (count, mut bytes) = (page.len(), 0);
        for row in page {
            let line = rows::write(row)?;
            bytes += line.len();
            hasher.update(&line);
            out.write_all(&line).map_err(wrong)?;
        }
        rows += count as u64;
        if count < limit {
            break;
        }
        limit = (PAGE_BYTES / (bytes / count).max(1)).clamp(1, MOST_ROWS);
    }
    let (bytes, hash) = out.finish().map_err(wrong)?.finish()?;
    let rows_hash = hasher.finalize().to_hex().to_string();
    let (table, part) = (table.name.clone(), (*part).to_owned());
    Ok(TableFile { table, part, columns, rows, rows_hash, file, bytes, hash })
}

fn names(table: &Table) -> Vec<String> {
    table.columns.iter().map(|(name, _)| name.clone()).collect()
}

/// The places of the key's columns in a row.
fn key_columns(table: &Table) -> Result<Vec<usize>> {
    let places: Option<Vec<usize>> =
        table.key.iter().map(|key| table.columns.iter().position(|(name, _)| name == key)).collect();
    places.filter(|places| !places.is_empty()).ok_or_else(|| {
        Error::corrupt("schema", format!("table {} has no primary key and cannot be copied", table.name))
    })
}

fn question(table: &str, columns: &[String], key: &[String], later: bool) -> String {
    let (columns, keys) = (columns.join(", "), key.join(", "));
    let range = if later {
        let numbers: Vec<String> = (1..=key.len()).map(|n| format!("${n}")).collect();
        format!(" WHERE ({keys}) > ({})", numbers.join(", "))
    } else {
        String::new()
    };
    let limit = if later { key.len() + 1 } else { 1 };
    format!("SELECT {columns} FROM {table}{range} ORDER BY {keys} LIMIT ${limit}")
}

/// Refuses a database in which anything is.
pub(crate) async fn refuse_what_is_not_empty(store: &Store) -> Result<()> {
    let tables = store.tables();
    let found = store
        .read(move |tx| {
            for (_, table) in tables {
                if tx.query_opt(&format!("SELECT 1 FROM {} LIMIT 1", table.name), [], |_| Ok(()))?.is_some() {
                    return Ok(Some(table.name));
                }
            }
            Ok(None)
        })
        .await?;
    match found {
        Some(table) => {
            let rule = format!("is not empty (table {table} has rows); restore into a new database");
            Err(Error::conflict("database", rule))
        }
        None => Ok(()),
    }
}

/// Writes every table back.
pub(crate) async fn put_back(
    store: &Store,
    folder: &Path,
    manifest: &Manifest,
    progress: &Progress,
    restored: &mut Restored,
) -> Result<()> {
    let (store, folder, manifest, progress) =
        (store.clone(), folder.to_owned(), manifest.clone(), progress.clone());
    let (tables, rows) = tokio::task::spawn_blocking(move || load_all(&store, &folder, &manifest, &progress))
        .await
        .map_err(|e| Error::corrupt("restore", "broke off").with_source(e))??;
    (restored.tables, restored.rows) = (tables, rows);
    Ok(())
}

fn load_all(store: &Store, folder: &Path, manifest: &Manifest, progress: &Progress) -> Result<(u64, u64)> {
    let total = manifest.tables.iter().map(|table| table.rows).sum();
    let mut done = 0;
    let known = store.tables();
    let find = |name: &str| {
        known
            .iter()
            .map(|(_, table)| table)
            .find(|table| table.name == name)
            .ok_or_else(|| Error::corrupt("backup", format!("has a table {name}, which is not known")))
    };
    for file in &manifest.tables {
        let before = done;
        load(store, find(&file.table)?, file, folder, |rows| {
            done = before + rows;
            progress("writing rows", done, total);
        })?;
    }
    // Triggers may have written rows of their own while tables were filled: those of the backup count.
    for file in &manifest.tables {
        if count(store, &file.table)? != file.rows {
            load(store, find(&file.table)?, file, folder, |_| {})?;
        }
    }
    Ok((manifest.tables.len() as u64, done))
}

fn count(store: &Store, table: &str) -> Result<u64> {
    let sql = format!("SELECT count(*) FROM {table}");
    store.read_blocking(move |tx| tx.query_one(&sql, [], |row| row.int(0))).map(i64::unsigned_abs)
}

/// Fills one table.
fn load(
    store: &Store,
    table: &Table,
    file: &TableFile,
    folder: &Path,
    mut tell: impl FnMut(u64),
) -> Result<()> {
    let (bulk, places) = statement(table, file)?;
    if count(store, &table.name)? > 0 {
        let sql = format!("DELETE FROM {}", table.name);
        store.write_blocking([], move |tx| tx.execute(&sql, []))?;
    }
    let path = folder.join(&file.file);
    let wrong = |e| failed(&path, e);
    let input = zstd::Decoder::new(File::open(&path).map_err(wrong)?).map_err(wrong)?;
    let mut input = BufReader::with_capacity(1 << 16, input);
    let (mut line, mut done, mut ended) = (Vec::new(), 0, false);
    while !ended {
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < MOST_ROWS && bytes < PAGE_BYTES {
            line.clear();
            if input.read_until(b'\n', &mut line).map_err(wrong)? == 0 {
                ended = true;
                break;
            }
            bytes += line.len();
            let row = rows::read(&line, file.columns.len())?;
            page.push(places.iter().filter_map(|place| row.get(*place).cloned()).collect::<Vec<_>>());
        }
        done += page.len() as u64;
        let page = Arc::new(page);
        store.write_blocking([], move |tx| page.iter().try_for_each(|row| tx.add(bulk, row.clone())))?;
        tell(done);
    }
    if done == file.rows {
        Ok(())
    } else {
        Err(Error::corrupt(path.display().to_string(), format!("has {done} rows, not {}", file.rows)))
    }
}

/// The statement that fills a table, and the places of its values in a row of the backup. Numbers that the
/// database itself gives out are left to it; the rows come in their order.
fn statement(table: &Table, file: &TableFile) -> Result<(&'static Bulk, Vec<usize>)> {
    let (mut columns, mut places): (Vec<Column>, Vec<usize>) = (Vec::new(), Vec::new());
    for (place, name) in file.columns.iter().enumerate() {
        let at = table.columns.iter().position(|(known, _)| known == name);
        let definition = at.and_then(|at| table.definitions.get(at)).ok_or_else(|| {
            Error::corrupt("backup", format!("table {} has a column {name}, which is not known", table.name))
        })?;
        if definition.contains("GENERATED") || definition.contains("AUTOINCREMENT") {
            continue;
        }
        let kind = match definition.split_whitespace().next() {
            Some("text") => Type::Text,
            Some("double") => Type::Real,
            Some("{bytes}") => Type::Bytes,
            _ => Type::Int,
        };
        columns.push((&*name.clone().leak(), kind));
        places.push(place);
    }
    // A bulk statement is a static; a process restores a few dozen tables in its life.
    let bulk = Bulk::insert(table.name.clone().leak(), columns.leak());
    Ok((Box::leak(Box::new(bulk)), places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_behind_the_last_key() {
        let (columns, key) =
            (["a".to_owned(), "b".to_owned(), "c".to_owned()], ["a".to_owned(), "b".to_owned()]);
        assert_eq!(question("t", &columns, &key, false), "SELECT a, b, c FROM t ORDER BY a, b LIMIT $1");
        assert_eq!(
            question("t", &columns, &key, true),
            "SELECT a, b, c FROM t WHERE (a, b) > ($1, $2) ORDER BY a, b LIMIT $3"
        );
    }
}
