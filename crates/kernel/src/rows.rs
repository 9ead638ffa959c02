//! The rows of accounts and collections that a transaction group shares: read and locked once at its start,
//! written once at its end, whatever the number of its transactions.

use std::collections::HashMap;

use base::{AccountId, CollectionId, Error, OrganisationId, Result, Seq};
use store::sql::{Bulk, GroupState, Locks, Type};
use store::{Read, Row, Tx, params};

static ACCOUNT: Bulk = Bulk::update(
    "account",
    &[
        ("id", Type::Int),
        ("seq", Type::Int),
        ("next_id", Type::Int),
        ("mark_seq", Type::Int),
        ("floor_seq", Type::Int),
        ("used_bytes", Type::Int),
        ("changed_at", Type::Int),
        ("head_hash", Type::Bytes),
    ],
    1,
);
static COLLECTION: Bulk = Bulk::update(
    "collection",
    &[
        ("account_id", Type::Int),
        ("id", Type::Int),
        ("parent_id", Type::Int),
        ("name", Type::Text),
        ("role", Type::Text),
        ("state", Type::Text),
        ("uidnext", Type::Int),
        ("total", Type::Int),
        ("unseen", Type::Int),
        ("bytes", Type::Int),
        ("state_seq", Type::Int),
        ("max_seq", Type::Int),
        ("past_seq", Type::Int),
        ("gone", Type::Int),
    ],
    2,
);

const LOCK: &str = "
    SELECT a.id, a.organisation_id, a.seq, a.next_id, a.mark_seq, a.floor_seq, a.used_bytes, a.changed_at,
           a.held, a.head_hash,
           c.id, c.kind, c.parent_id, c.name, c.role, c.state, c.uidnext, c.total, c.unseen, c.bytes,
           c.created_seq, c.state_seq, c.max_seq, c.past_seq, c.gone
      FROM account a LEFT JOIN collection c ON c.account_id = a.id AND c.id {in $2}
     WHERE a.id {in $1} ORDER BY a.id {for update of a}";
const ONE: &str = "
    SELECT id, kind, parent_id, name, role, state, uidnext, total, unseen, bytes,
           created_seq, state_seq, max_seq, past_seq, gone
      FROM collection WHERE account_id = $1 AND id = $2";

/// What stands in `collection.gone` when it was purged.
const PURGED: i64 = 2;

/// A row of `account`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountRow {
    pub(crate) id: AccountId,
    pub(crate) organisation: OrganisationId,
    pub(crate) seq: Seq,
    pub(crate) next_id: i64,
    pub(crate) mark_seq: Seq,
    pub(crate) floor_seq: Seq,
    pub(crate) used_bytes: i64,
    pub(crate) changed_at: i64,
    pub(crate) held: bool,
    pub(crate) head_hash: [u8; 32],
}

/// A row of `collection`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CollectionRow {
    pub(crate) id: CollectionId,
    pub(crate) kind: String,
    pub(crate) parent: CollectionId,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) state: String,
    pub(crate) uidnext: i64,
    pub(crate) total: i64,
    pub(crate) unseen: i64,
    pub(crate) bytes: i64,
    pub(crate) created_seq: Seq,
    pub(crate) state_seq: Seq,
    pub(crate) max_seq: Seq,
    pub(crate) past_seq: Seq,
    pub(crate) gone: bool,
    /// Removed, and what lay in it is no longer kept.
    pub(crate) purged: bool,
}

#[derive(Default)]
pub(crate) struct Rows {
    accounts: HashMap<i64, (AccountRow, bool)>,
    collections: HashMap<(i64, i64), (CollectionRow, bool)>,
}

impl AccountRow {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: AccountId(row.int(0)?),
            organisation: OrganisationId(row.int(1)?),
            seq: Seq(row.int(2)?),
            next_id: row.int(3)?,
            mark_seq: Seq(row.int(4)?),
            floor_seq: Seq(row.int(5)?),
            used_bytes: row.int(6)?,
            changed_at: row.int(7)?,
            held: row.flag(8)?,
            head_hash: row.hash(9)?,
        })
    }

    /// One account, outside a transaction that writes it.
    pub(crate) fn find(tx: &mut Read<'_>, account: AccountId) -> Result<Self> {
        let sql = "SELECT id, organisation_id, seq, next_id, mark_seq, floor_seq, used_bytes, changed_at,
                          held, head_hash FROM account WHERE id = $1";
        tx.query_opt(sql, params![account], Self::read)?.ok_or_else(|| Error::not_found("account"))
    }
}

impl CollectionRow {
    pub(crate) fn read(row: &Row<'_>, first: usize) -> Result<Self> {
        Ok(Self {
            id: CollectionId(row.int(first)?),
            kind: row.text(first + 1)?,
            parent: CollectionId(row.int(first + 2)?),
            name: row.text(first + 3)?,
            role: row.text(first + 4)?,
            state: row.text(first + 5)?,
            uidnext: row.int(first + 6)?,
            total: row.int(first + 7)?,
            unseen: row.int(first + 8)?,
            bytes: row.int(first + 9)?,
            created_seq: Seq(row.int(first + 10)?),
            state_seq: Seq(row.int(first + 11)?),
            max_seq: Seq(row.int(first + 12)?),
            past_seq: Seq(row.int(first + 13)?),
            gone: row.int(first + 14)? != 0,
            purged: row.int(first + 14)? == PURGED,
        })
    }

    pub(crate) fn find(tx: &mut Read<'_>, account: AccountId, id: CollectionId) -> Result<Option<Self>> {
        tx.query_opt(ONE, params![account, id], |row| Self::read(row, 0))
    }
}

/// Locks the accounts of a group in one order and reads them; give it to the store as its `on_lock`.
pub fn on_lock(tx: &mut Tx<'_>, locks: &Locks) -> Result<()> {
    let found = tx.query(LOCK, params![&locks.accounts, &locks.collections], |row| {
        let collection = match row.opt_int(10)? {
            Some(_) => Some(CollectionRow::read(row, 10)?),
            None => None,
        };
        Ok((AccountRow::read(row)?, collection))
    })?;
    let rows = tx.peek_group::<Rows>()?;
    for (account, collection) in found {
        if let Some(collection) = collection {
            rows.collections.insert((account.id.0, collection.id.0), (collection, false));
        }
        rows.accounts.entry(account.id.0).or_insert((account, false));
    }
    Ok(())
}

impl Rows {
    /// The account, which must have been locked at the start of the group.
    pub(crate) fn account(tx: &mut Tx<'_>, id: AccountId) -> Result<AccountRow> {
        let rows = tx.peek_group::<Self>()?;
        rows.accounts.get(&id.0).map(|(row, _)| row.clone()).ok_or_else(|| Error::not_found("account"))
    }

    pub(crate) fn put_account(tx: &mut Tx<'_>, row: AccountRow) -> Result<()> {
        tx.group::<Self>()?.accounts.insert(row.id.0, (row, true));
        Ok(())
    }

    /// Knows an account as it stands in its row, which was just written.
    pub(crate) fn note_account(tx: &mut Tx<'_>, row: AccountRow) -> Result<()> {
        tx.peek_group::<Self>()?.accounts.insert(row.id.0, (row, false));
        Ok(())
    }

    /// A collection, read when the group does not have it yet.
    pub(crate) fn collection(
        tx: &mut Tx<'_>,
        account: AccountId,
        id: CollectionId,
    ) -> Result<Option<CollectionRow>> {
        let key = (account.0, id.0);
        if let Some((row, _)) = tx.peek_group::<Self>()?.collections.get(&key) {
            return Ok(Some(row.clone()));
        }
        let found = CollectionRow::find(tx, account, id)?;
        if let Some(row) = &found {
            tx.peek_group::<Self>()?.collections.insert(key, (row.clone(), false));
        }
        Ok(found)
    }

    pub(crate) fn put_collection(tx: &mut Tx<'_>, account: AccountId, row: CollectionRow) -> Result<()> {
        tx.group::<Self>()?.collections.insert((account.0, row.id.0), (row, true));
        Ok(())
    }
}

impl GroupState for Rows {
    fn flush(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        for (row, changed) in self.accounts.values_mut().filter(|(_, changed)| *changed) {
            *changed = false;
            tx.add(
                &ACCOUNT,
                params![
                    row.id,
                    row.seq,
                    row.next_id,
                    row.mark_seq,
                    row.floor_seq,
                    row.used_bytes,
                    row.changed_at,
                    row.head_hash
                ],
            )?;
        }
        for ((account, _), (row, changed)) in self.collections.iter_mut().filter(|(_, (_, changed))| *changed)
        {
            *changed = false;
            tx.add(
                &COLLECTION,
                params![
                    *account,
                    row.id,
                    row.parent,
                    &row.name,
                    &row.role,
                    &row.state,
                    row.uidnext,
                    row.total,
                    row.unseen,
                    row.bytes,
                    row.state_seq,
                    row.max_seq,
                    row.past_seq,
                    if row.purged { PURGED } else { i64::from(row.gone) }
                ],
            )?;
        }
        Ok(())
    }
}
