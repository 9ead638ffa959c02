//! One transaction interface over both engines.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::{Error, Meaning};
use store::sql::{Bulk, GroupState, Migration, Type};
use store::{Part, Tx, params};
use testkit::engines::both;

const SCHEMA: &str = "
-- A thing to count.
CREATE TABLE thing (
    id bigint NOT NULL PRIMARY KEY, -- its number
    name text NOT NULL UNIQUE, -- its name
    size bigint NOT NULL CHECK (size >= 0), -- how large it is
    body {bytes} -- what is in it
);";

pub const THINGS: Part = Part {
    name: "things",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "first", text: SCHEMA }],
};

static ADD: Bulk = Bulk::insert(
    "thing",
    &[("id", Type::Int), ("name", Type::Text), ("size", Type::Int), ("body", Type::Bytes)],
);
static GROW: Bulk = Bulk::update("thing", &[("id", Type::Int), ("size", Type::Int)], 1);
const INSERT: &str = "INSERT INTO thing (id, name, size, body) VALUES ($1, $2, $3, $4)";

fn insert(tx: &mut Tx<'_>, id: i64, name: &str) -> base::Result<()> {
    tx.execute(INSERT, params![id, name, 1, None::<i64>.map(|_| vec![0u8])]).map(|_| ())
}

#[test]
fn what_is_written_is_read_back() {
    both(&[THINGS], None, |engine| async move {
        let store = engine.store.clone();
        store
            .write([1], |tx| {
                tx.execute(INSERT, params![1, "beffroi é 鐘", 7, vec![0u8, 255, 1]])?;
                tx.add(&ADD, params![2, "two", 8, None::<Vec<u8>>])?;
                tx.later("UPDATE thing SET size = size + $2 WHERE id = $1", params![2, 1])?;
                tx.add(&ADD, params![3, "three", 9, vec![3u8]])
            })
            .await
            .unwrap();
        let rows = store
            .read(|tx| {
                tx.query(
                    "SELECT id, name, size, body FROM thing WHERE id IN ({list $1}) ORDER BY id",
                    params![vec![1i64, 2, 3]],
                    |row| Ok((row.int(0)?, row.text(1)?, row.int(2)?, row.opt_bytes(3)?)),
                )
            })
            .await
            .unwrap();
        assert_eq!(
            rows,
            [
                (1, "beffroi é 鐘".to_owned(), 7, Some(vec![0, 255, 1])),
                (2, "two".to_owned(), 9, None),
                (3, "three".to_owned(), 9, Some(vec![3]))
            ]
        );
        let named = store
            .read(|tx| {
                let names = params![vec!["two".to_owned(), "it's".to_owned()]];
                tx.query("SELECT id FROM thing WHERE name IN ({texts $1})", names, |row| row.int(0))
            })
            .await
            .unwrap();
        assert_eq!(named, [2]);
        let by_body = store
            .read(|tx| {
                let bodies = params![vec![vec![3u8], vec![9u8]]];
                tx.query("SELECT id FROM thing WHERE body IN ({blobs $1})", bodies, |row| row.int(0))
            })
            .await
            .unwrap();
        assert_eq!(by_body, [3]);
    });
}

#[test]
fn a_failed_transaction_leaves_nothing_and_harms_no_neighbour() {
    both(&[THINGS], None, |engine| async move {
        let store = engine.store.clone();
        let mut waiting = Vec::new();
        for id in 0..200i64 {
            let store = store.clone();
            waiting.push(tokio::spawn(async move {
                store
                    .write([1], move |tx| {
                        insert(tx, id, &format!("n{id}"))?;
                        match id % 10 {
                            3 => Err(Error::invalid("id", "is unlucky")),
                            4 => insert(tx, id, "again"),
                            5 => {
                                // A closure that hides an error of the database keeps nothing either.
                                let _ = insert(tx, id, "again");
                                Ok(())
                            }
                            _ => Ok(()),
                        }
                    })
                    .await
            }));
        }
        for (id, result) in waiting.into_iter().enumerate() {
            let result = result.await.unwrap();
            match id % 10 {
                3 => assert_eq!(result.unwrap_err().meaning(), Meaning::Invalid),
                4 => assert_eq!(result.unwrap_err().meaning(), Meaning::Conflict),
                5 => assert!(result.is_err()),
                _ => result.unwrap(),
            }
        }
        let ids = store.read(|tx| tx.query("SELECT id FROM thing", [], |row| row.int(0))).await.unwrap();
        assert_eq!(ids.len(), 140);
        assert!(ids.iter().all(|id| !(3..=5).contains(&(id % 10))));
    });
}

#[test]
fn a_closure_that_breaks_off_is_an_error_and_the_store_goes_on() {
    both(&[THINGS], None, |engine| async move {
        let store = engine.store.clone();
        let broken = store
            .write([1], |tx| -> base::Result<()> {
                insert(tx, 1, "one")?;
                panic!("on purpose");
            })
            .await;
        assert_eq!(broken.unwrap_err().meaning(), Meaning::Corrupt);
        store.write([1], |tx| insert(tx, 1, "one")).await.unwrap();
    });
}

#[test]
fn errors_have_their_meaning() {
    both(&[THINGS], None, |engine| async move {
        let store = engine.store.clone();
        store.write([], |tx| insert(tx, 1, "one")).await.unwrap();
        let same = store.write([], |tx| insert(tx, 2, "one")).await.unwrap_err();
        assert_eq!(same.meaning(), Meaning::Conflict, "{same:?}");
        assert!(same.field().contains("thing"), "{same}");
        let small = store.write([], |tx| tx.execute("UPDATE thing SET size = -1", [])).await.unwrap_err();
        assert_eq!(small.meaning(), Meaning::Invalid, "{small:?}");
        let nul = store.write([], |tx| insert(tx, 3, "a\0b")).await.unwrap_err();
        assert_eq!(nul.meaning(), Meaning::Invalid, "{nul:?}");
        let late =
            store.write([], |tx| tx.add(&ADD, params![1, "other", 1, None::<Vec<u8>>])).await.unwrap_err();
        assert_eq!(late.meaning(), Meaning::Conflict, "{late:?}");
        let read = store.read(|tx| tx.query("SELECT nothing FROM thing", [], |row| row.int(0))).await;
        assert_eq!(read.unwrap_err().meaning(), Meaning::Corrupt);
        // The connection still works after each of them.
        let count = store.read(|tx| tx.query_one("SELECT count(*) FROM thing", [], |row| row.int(0))).await;
        assert_eq!(count.unwrap(), 1);
    });
}

#[test]
fn a_read_cannot_write() {
    both(&[THINGS], None, |engine| async move {
        let store = engine.store.clone();
        let done = store
            .read(|tx| {
                let sql = "INSERT INTO thing (id, name, size) VALUES (1, 'x', 1) RETURNING id";
                tx.query(sql, [], |row| row.int(0))
            })
            .await;
        assert!(done.is_err());
    });
}

#[derive(Default)]
struct Total(i64);

impl GroupState for Total {
    fn flush(&mut self, tx: &mut Tx<'_>) -> base::Result<()> {
        tx.add(&GROW, params![1, self.0])
    }
}

#[test]
fn group_state_is_written_once_a_group_and_hooks_run_after_it() {
    both(&[THINGS], None, |engine| async move {
        let store = engine.store.clone();
        store.write([1], |tx| insert(tx, 1, "one")).await.unwrap();
        let hooks = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<_> = (0..50)
            .map(|n: i64| {
                let (store, hooks) = (store.clone(), hooks.clone());
                tokio::spawn(async move {
                    store
                        .write([1], move |tx| {
                            let seen =
                                tx.query_one("SELECT size FROM thing WHERE id = 1", [], |row| row.int(0))?;
                            let total = tx.group::<Total>()?;
                            total.0 = total.0.max(seen) + 1;
                            let hooks = hooks.clone();
                            tx.after_commit(move || {
                                hooks.fetch_add(1, Ordering::SeqCst);
                            });
                            if n % 7 == 0 {
                                Err(Error::conflict("n", "is a multiple of seven"))
                            } else {
                                Ok(())
                            }
                        })
                        .await
                })
            })
            .collect();
        let mut done = 0;
        for result in waiting {
            done += usize::from(result.await.unwrap().is_ok());
        }
        assert_eq!((done, hooks.load(Ordering::SeqCst)), (42, 42));
        let size =
            store.read(|tx| tx.query_one("SELECT size FROM thing", [], |row| row.int(0))).await.unwrap();
        assert_eq!(size, 43);
    });
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    both(&[THINGS], None, |mut engine| async move {
        engine.store.write([1], |tx| insert(tx, 1, "one")).await.unwrap();
        engine.reopen().await;
        let name = engine
            .store
            .read(|tx| tx.query_one("SELECT name FROM thing WHERE id = $1", params![1], |row| row.text(0)))
            .await
            .unwrap();
        assert_eq!(name, "one");
        engine.store.close().await;
        assert_eq!(
            engine.store.write([1], |tx| insert(tx, 2, "two")).await.unwrap_err().meaning(),
            Meaning::Unavailable
        );
    });
}
