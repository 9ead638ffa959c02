//! New accounts.

use base::{AccountId, Error, MAX_ID, OrganisationId, Result, Seq};
use store::sql::{Bulk, Type};
use store::{Tx, params};

use crate::chain;
use crate::rows::{AccountRow, Rows};
use crate::verbs::Kernel;

static INSERT: Bulk = Bulk::insert(
    "account",
    &[
        ("id", Type::Int),
        ("organisation_id", Type::Int),
        ("kind", Type::Text),
        ("seq", Type::Int),
        ("next_id", Type::Int),
        ("mark_seq", Type::Int),
        ("floor_seq", Type::Int),
        ("used_bytes", Type::Int),
        ("changed_at", Type::Int),
        ("held", Type::Int),
        ("head_hash", Type::Bytes),
    ],
);

/// Makes `count` accounts of an organisation; the same transaction may write them. Their ids follow one
/// another.
///
/// # Errors
/// `Limit` when the ids are used up.
pub fn create_accounts(
    tx: &mut Tx<'_>,
    organisation: OrganisationId,
    kind: &str,
    count: i64,
    now_ms: i64,
) -> Result<Vec<AccountId>> {
    let sql = "INSERT INTO counter (name, next) VALUES ('account', 1 + $1)
               ON CONFLICT (name) DO UPDATE SET next = counter.next + $1 RETURNING next";
    let next = tx.query_one(sql, params![count], |row| row.int(0))?;
    tx.touch();
    if next > MAX_ID {
        return Err(Error::limit("account", "no account number is left"));
    }
    let ids: Vec<AccountId> = (next - count..next).map(AccountId).collect();
    for &id in &ids {
        let row = AccountRow {
            id,
            organisation,
            seq: Seq(0),
            next_id: 1,
            mark_seq: Seq(0),
            floor_seq: Seq(0),
            used_bytes: 0,
            changed_at: now_ms,
            held: false,
            head_hash: chain::START,
        };
        tx.add(&INSERT, params![id, organisation, kind, 0, 1, 0, 0, 0, now_ms, 0, row.head_hash])?;
        Rows::note_account(tx, row)?;
    }
    Ok(ids)
}

/// Locks accounts that a transaction finds out only while it runs. Where they are known before, name them to
/// the store instead: then groups cannot deadlock (here one of two may be undone and run again).
pub fn lock_accounts(tx: &mut Tx<'_>, accounts: &[AccountId]) -> Result<()> {
    let mut missing = Vec::new();
    for &account in accounts {
        if Rows::account(tx, account).is_err() {
            missing.push(account.0);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort_unstable();
    crate::rows::on_lock(tx, &missing.into())
}

impl Kernel {
    /// A page of all accounts by their numbers, from after one on.
    pub async fn accounts(&self, after: AccountId, limit: u64) -> Result<Vec<AccountId>> {
        let sql = "SELECT id FROM account WHERE id > $1 ORDER BY id LIMIT $2";
        self.page_of_accounts(sql, after, limit).await
    }

    /// The same of those that changed since their last mark.
    pub async fn accounts_changed_since_mark(&self, after: AccountId, limit: u64) -> Result<Vec<AccountId>> {
        let sql = "SELECT id FROM account WHERE id > $1 AND seq > mark_seq ORDER BY id LIMIT $2";
        self.page_of_accounts(sql, after, limit).await
    }

    async fn page_of_accounts(
        &self,
        sql: &'static str,
        after: AccountId,
        limit: u64,
    ) -> Result<Vec<AccountId>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let run = move |tx: &mut store::Read<'_>| {
            tx.query(sql, params![after, limit], |row| Ok(AccountId(row.int(0)?)))
        };
        self.store().read(run).await
    }
}
