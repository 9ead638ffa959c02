//! Tables: made new from today's schema, or brought up to it by numbered migrations, while other nodes run.

use base::{Error, Result};

use super::dialect::Dialect;
use super::schema;
use super::tx::{Conn, Tx};

/// A set of tables that one crate owns.
#[derive(Debug, Clone)]
pub struct Part {
    /// The crate's name.
    pub name: &'static str,
    /// Today's tables with their prose, for a new database.
    pub schema: &'static str,
    /// What brings an older database up to date; together they make the same tables as `schema`.
    pub migrations: &'static [Migration],
}

/// A step from one version of a part's tables to the next.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number, from 1 on without gaps.
    pub number: i64,
    /// What it does, in a few words.
    pub name: &'static str,
    /// The statements. Nodes of the version before keep running meanwhile: add first, remove in a later
    /// release. A text that begins with `-- concurrently` runs outside a transaction (indexes on large tables).
    pub text: &'static str,
}

const OWN: &str = "\
CREATE TABLE IF NOT EXISTS schema_version (
    part text NOT NULL,         -- the set of tables
    number bigint NOT NULL,     -- the number of the migration
    name text NOT NULL,         -- what it does
    applied_at bigint NOT NULL, -- when it was applied here, milliseconds since 1970
    PRIMARY KEY (part, number)
)";
const NOTE: &str = "INSERT INTO schema_version (part, number, name, applied_at) VALUES ($1, $2, $3, $4)";
/// Any number, the same on all nodes: one of them migrates, the others wait.
const LOCK: &str = "SELECT pg_advisory_lock(4773250801)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(4773250801)";

/// What a migration would do or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The set of tables.
    pub part: &'static str,
    /// The number that the part has afterwards.
    pub number: i64,
    /// What it does.
    pub name: &'static str,
}

/// Brings the tables of all parts up to date; the steps that were taken.
pub(crate) fn run(tx: &mut Tx<'_>, parts: &[Part], now_ms: i64) -> Result<Vec<Step>> {
    migrate(tx, parts, now_ms, true)
}

/// Brings the tables up to date on a connection of its own. With `fresh` a new database gets today's schema
/// at once; without it the migrations are applied one by one, as an old database gets them.
pub fn migrate(tx: &mut Tx<'_>, parts: &[Part], now_ms: i64, fresh: bool) -> Result<Vec<Step>> {
    let postgres = matches!(tx.conn, Conn::Postgres(_));
    if postgres {
        tx.query(LOCK, [], |_| Ok(()))?;
    }
    let done = all(tx, parts, now_ms, fresh);
    if postgres {
        tx.query(UNLOCK, [], |_| Ok(()))?;
    }
    done
}

fn all(tx: &mut Tx<'_>, parts: &[Part], now_ms: i64, fresh: bool) -> Result<Vec<Step>> {
    batch(tx, OWN)?;
    let mut steps = Vec::new();
    for part in parts {
        let have = tx
            .query("SELECT max(number) FROM schema_version WHERE part = $1", params![part.name], |row| {
                row.opt_int(0)
            })?
            .into_iter()
            .flatten()
            .next();
        let last = part.migrations.last().map_or(0, |migration| migration.number);
        match have {
            Some(have) if have > last => {
                return Err(Error::conflict(
                    "database",
                    format!(
                        "was made by a newer program: part {} is at {have}, this program knows {last}; \
                         start the newer program",
                        part.name
                    ),
                ));
            }
            None if fresh => first(tx, part, now_ms, &mut steps)?,
            have => {
                for migration in part.migrations.iter().filter(|m| m.number > have.unwrap_or(0)) {
                    step(tx, part, migration, now_ms)?;
                    steps.push(Step { part: part.name, number: migration.number, name: migration.name });
                }
            }
        }
        if steps.iter().any(|step| step.part == part.name) {
            comments(tx, part)?;
        }
    }
    Ok(steps)
}

fn first(tx: &mut Tx<'_>, part: &Part, now_ms: i64, steps: &mut Vec<Step>) -> Result<()> {
    batch(tx, "BEGIN")?;
    let made = batch(tx, part.schema).and_then(|()| {
        for migration in part.migrations {
            tx.execute(NOTE, params![part.name, migration.number, migration.name, now_ms])?;
            steps.push(Step { part: part.name, number: migration.number, name: migration.name });
        }
        Ok(())
    });
    finish(tx, made, part, "its first tables")
}

fn step(tx: &mut Tx<'_>, part: &Part, migration: &Migration, now_ms: i64) -> Result<()> {
    let note = params![part.name, migration.number, migration.name, now_ms];
    if migration.text.starts_with("-- concurrently") {
        batch(tx, migration.text)?;
        return tx.execute(NOTE, note).map(|_| ());
    }
    batch(tx, "BEGIN")?;
    let made = batch(tx, migration.text).and_then(|()| tx.execute(NOTE, note).map(|_| ()));
    finish(tx, made, part, migration.name)
}

fn finish(tx: &mut Tx<'_>, made: Result<()>, part: &Part, what: &str) -> Result<()> {
    let Err(error) = made else { return batch(tx, "COMMIT") };
    batch(tx, "ROLLBACK")?;
    let text = format!("could not make {what} of part {}; nothing was changed: {error}", part.name);
    Err(Error::new(error.meaning(), "migration", text).with_source(error))
}

fn batch(tx: &mut Tx<'_>, text: &str) -> Result<()> {
    match tx.conn {
        Conn::Sqlite(conn) => conn.batch(&Dialect::Sqlite.rewrite(&Dialect::Sqlite.section(text))?),
        Conn::Postgres(conn) => {
            tx.send_queued()?;
            conn.batch(&Dialect::Postgres.rewrite(&Dialect::Postgres.section(text))?)
        }
    }
}

/// SQLite keeps the text of `CREATE TABLE` with its comments; PostgreSQL has statements for them.
fn comments(tx: &mut Tx<'_>, part: &Part) -> Result<()> {
    if let Conn::Postgres(conn) = tx.conn {
        for table in schema::tables(&Dialect::Postgres.section(part.schema)) {
            conn.batch(&schema::comment_statements(&table))?;
        }
    }
    Ok(())
}
