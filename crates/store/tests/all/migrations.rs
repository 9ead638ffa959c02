//! R06: numbered migrations, applied while old data is there.

use base::Meaning;
use store::sql::Migration;
use store::{Part, params};
use testkit::engines::both;

const OLD: &str = "
-- A place.
CREATE TABLE place (
    id bigint NOT NULL PRIMARY KEY, -- its number
    name text NOT NULL -- its name
) {without_rowid};";
const NEW: &str = "
-- A place.
CREATE TABLE place (
    id bigint NOT NULL PRIMARY KEY, -- its number
    name text NOT NULL, -- its name
    rank bigint NOT NULL DEFAULT 0 -- its place among the places
) {without_rowid};
CREATE INDEX place_name ON place (name);";
const FIRST: Migration = Migration { number: 1, name: "first", text: OLD };
const BEFORE: Part = Part { name: "places", schema: OLD, migrations: &[FIRST] };
const AFTER: Part = Part {
    name: "places",
    schema: NEW,
    migrations: &[
        FIRST,
        Migration {
            number: 2,
            name: "rank",
            text: "ALTER TABLE place ADD COLUMN rank bigint NOT NULL DEFAULT 0",
        },
        Migration {
            number: 3,
            name: "find by name",
            text: "-- concurrently\n--- postgres\nCREATE INDEX CONCURRENTLY place_name ON place (name)\n--- end\n\
                   --- sqlite\nCREATE INDEX place_name ON place (name)\n--- end\n",
        },
    ],
};
const BROKEN: Part = Part {
    name: "places",
    schema: NEW,
    migrations: &[
        FIRST,
        Migration {
            number: 2,
            name: "half",
            text: "ALTER TABLE place ADD COLUMN rank bigint; ALTER TABLE nowhere ADD COLUMN x bigint",
        },
    ],
};

#[test]
fn r06_a_fresh_schema_equals_the_sum_of_its_migrations_and_old_data_stays() {
    both(&[AFTER], None, |fresh| async move {
        let fresh_catalog = fresh.store.read(|tx| tx.catalog()).await.unwrap();
        let mut old = testkit::engines::Engine::new(fresh.dialect(), &[BEFORE], None).await;
        old.store
            .write([], |tx| tx.execute("INSERT INTO place (id, name) VALUES ($1, $2)", params![1, "Lille"]))
            .await
            .unwrap();
        old.set_parts(&[AFTER]);
        old.reopen().await;
        let row = old.store.read(|tx| {
            tx.query_one("SELECT name, rank FROM place WHERE id = 1", [], |row| {
                Ok((row.text(0)?, row.int(1)?))
            })
        });
        assert_eq!(row.await.unwrap(), ("Lille".to_owned(), 0));
        assert_eq!(old.store.read(|tx| tx.catalog()).await.unwrap(), fresh_catalog);
        let versions = "SELECT count(*) FROM schema_version WHERE part = 'places'";
        let count = old.store.read(|tx| tx.query_one(versions, [], |row| row.int(0))).await.unwrap();
        assert_eq!(count, 3);
        old.store.close().await;
    });
}

#[test]
fn r06_a_migration_that_fails_changes_nothing_and_says_which() {
    both(&[BEFORE], None, |mut engine| async move {
        let before = engine.store.read(|tx| tx.catalog()).await.unwrap();
        let error = engine.try_parts(&[BROKEN]).await.unwrap_err();
        assert!(error.to_string().contains("half of part places"), "{error}");
        assert_eq!(engine.store.read(|tx| tx.catalog()).await.unwrap(), before);
    });
}

#[test]
fn r06_an_older_program_refuses_a_newer_database() {
    both(&[AFTER], None, |mut engine| async move {
        let error = engine.try_parts(&[BEFORE]).await.unwrap_err();
        assert_eq!(error.meaning(), Meaning::Conflict);
        assert!(error.to_string().contains("newer program"), "{error}");
    });
}

#[test]
fn every_table_and_column_has_its_prose_in_the_database() {
    both(&[AFTER], None, |engine| async move {
        let prose = match engine.store.dialect() {
            store::sql::Dialect::Sqlite => "SELECT sql FROM sqlite_schema WHERE name = 'place'",
            store::sql::Dialect::Postgres => "SELECT col_description('place'::regclass, 3)",
        };
        let prose = engine.store.read(move |tx| tx.query_one(prose, [], |row| row.text(0))).await.unwrap();
        assert!(prose.contains("its place among the places"), "{prose}");
    });
}
