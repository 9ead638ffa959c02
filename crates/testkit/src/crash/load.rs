//! The state of the writers as the database has it.

use base::{AccountId, CollectionId, Result};
use store::{Read, Store, params};

use super::plan::{Letter, State};

/// A writer and where it writes.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pub(crate) number: u32,
    pub(crate) home: AccountId,
    pub(crate) other: AccountId,
    pub(crate) boxes: [CollectionId; 3],
}

/// A letter as it was found, beside its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) writer: i64,
    pub(crate) text: Option<String>,
    pub(crate) body: Option<Vec<u8>>,
}

const WRITERS: &str = "SELECT number, home_id, other_id, inbox_id, archive_id, elsewhere_id, step
                         FROM letter_writer ORDER BY number";
const STEP: &str = "SELECT step FROM letter_writer WHERE number = $1";
const NEXT: &str = "SELECT uidnext FROM collection WHERE account_id = $1 AND id = $2";
const LETTERS: &str = "
    SELECT i.id, i.flags, coalesce(l.step, 0), coalesce(l.writer, -1), l.text, l.body_hash
      FROM item i LEFT JOIN letter l ON l.account_id = i.account_id AND l.id = i.content_id
     WHERE i.account_id = $1 AND i.collection_id = $2 AND i.gone = 0";

impl Writer {
    /// The account of one of its boxes.
    pub(crate) fn account(&self, at: usize) -> AccountId {
        if at == super::plan::ELSEWHERE { self.other } else { self.home }
    }
}

pub(crate) async fn writers(store: &Store) -> Result<Vec<Writer>> {
    store
        .read(|tx| {
            tx.query(WRITERS, [], |row| {
                Ok(Writer {
                    number: u32::try_from(row.int(0)?).expect("a small number"),
                    home: AccountId(row.int(1)?),
                    other: AccountId(row.int(2)?),
                    boxes: [CollectionId(row.int(3)?), CollectionId(row.int(4)?), CollectionId(row.int(5)?)],
                })
            })
        })
        .await
}

/// The state of a writer on one snapshot, and the letters as they were found.
pub(crate) async fn state(store: &Store, writer: &Writer) -> Result<(State, Vec<Found>)> {
    let writer = writer.clone();
    store.read(move |tx| read(tx, &writer)).await
}

fn read(tx: &mut Read<'_>, writer: &Writer) -> Result<(State, Vec<Found>)> {
    let step = tx.query_one(STEP, params![writer.number], |row| row.int(0))?;
    let mut state = State { step: step.unsigned_abs(), ..State::default() };
    let mut found = Vec::new();
    for at in 0..3 {
        let key = params![writer.account(at), writer.boxes[at]];
        state.next[at] = tx.query_one(NEXT, key.clone(), |row| row.int(0))?;
        let letters = tx.query(LETTERS, key, |row| {
            let found = Found { writer: row.int(3)?, text: row.opt_text(4)?, body: row.opt_bytes(5)? };
            let (flags, step) = (row.int(1)?, row.int(2)?.unsigned_abs());
            Ok((row.int(0)?, Letter { flags, step, body: found.body.is_some() }, found))
        })?;
        for (id, letter, content) in letters {
            state.boxes[at].insert(id, letter);
            found.push(content);
        }
    }
    Ok((state, found))
}
