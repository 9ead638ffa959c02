//! Bodies that clients uploaded and have not used yet (RFC 8620 section 6.1).
//!
//! What must stay true here:
//! - Only who uploaded a body reads it by its upload.
//! - It is kept for at least the limit `jmap_upload_seconds`; then the next upload of anyone removes it.

use std::borrow::Cow;

use base::{AccountId, Ctx, Error, Result};
use store::blobs::{Hash, Put, Reference};
use store::sql::Migration;
use store::{Part, Tx, params};

use crate::Mail;

const SCHEMA: &str = include_str!("../schema/upload.sql");

/// The table of uploads.
pub const PART: Part = Part {
    name: "mail_upload",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "uploads", text: SCHEMA }],
};

/// The bodies that uploads name, for the sweep of the blob store.
pub const REFERENCE: Reference = Reference {
    name: Cow::Borrowed("upload"),
    exists: Cow::Borrowed(
        "SELECT 1 FROM upload u WHERE u.organisation_id = blob.organisation_id AND u.hash = blob.hash",
    ),
    list: Cow::Borrowed("SELECT u.organisation_id, u.hash FROM upload u"),
};

/// A body that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its bytes.
    pub size: i64,
    /// Its media type, as the client said.
    pub kind: String,
}

/// Old uploads that one new one removes.
const SWEPT: i64 = 100;

fn milliseconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000)
}

impl Mail {
    /// Keeps a body that the actor uploaded to an account; one that is there already is kept longer.
    ///
    /// # Errors
    /// `Limit` when the actor has too much of it unused; `TooLarge` for the media type.
    pub async fn keep_upload(&self, ctx: &Ctx, account: AccountId, put: &Put, kind: &str) -> Result<()> {
        if kind.len() as u64 > ctx.limits.name_bytes {
            return Err(Error::too_large("type", "is longer than a media type may be"));
        }
        let (ctx, put, kind) = (ctx.clone(), put.clone(), kind.to_owned());
        let write = move |tx: &mut Tx<'_>| {
            let (now, uploader) = (ctx.now_ms(), ctx.actor.account);
            let old = now.saturating_sub(milliseconds(ctx.limits.jmap_upload_seconds));
            tx.execute(
                "DELETE FROM upload WHERE (uploader_id, account_id, hash) IN
                   (SELECT uploader_id, account_id, hash FROM upload WHERE uploaded_at < $1 ORDER BY uploaded_at LIMIT $2)",
                params![old, SWEPT],
            )?;
            let used = tx.query_one(
                "SELECT CAST(COALESCE(SUM(size), 0) AS bigint) FROM upload WHERE uploader_id = $1",
                params![uploader],
                |row| row.int(0),
            )?;
            let size = i64::try_from(put.size()).unwrap_or(i64::MAX);
            if used.saturating_add(size).unsigned_abs() > ctx.limits.jmap_upload_bytes_per_account {
                return Err(Error::limit("uploads", "are too many that nothing uses; use them, or wait"));
            }
            put.name(tx)?;
            tx.execute(
                "INSERT INTO upload (uploader_id, account_id, organisation_id, hash, size, type, uploaded_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (uploader_id, account_id, hash) DO UPDATE SET type = excluded.type, uploaded_at = excluded.uploaded_at",
                params![uploader, account, put.organisation(), put.hash(), size, &kind, now],
            )?;
            Ok(())
        };
        self.kernel().store().write([], write).await
    }

    /// A body that the actor uploaded to an account.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn upload(&self, ctx: &Ctx, account: AccountId, hash: Hash) -> Result<Option<Upload>> {
        let uploader = ctx.actor.account;
        self.kernel()
            .store()
            .read(move |tx| {
                tx.query_opt(
                    "SELECT size, type FROM upload WHERE uploader_id = $1 AND account_id = $2 AND hash = $3",
                    params![uploader, account, hash],
                    |row| Ok(Upload { size: row.int(0)?, kind: row.text(1)? }),
                )
            })
            .await
    }

    /// The size of a message that is this very body, where the actor may read one in the account.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn message_with_body(&self, ctx: &Ctx, account: AccountId, hash: Hash) -> Result<Option<i64>> {
        self.kernel()
            .read(ctx, move |view| {
                let sql = "SELECT id, size FROM message WHERE account_id = $1 AND body = $2 AND length(trace) = 0 LIMIT 100";
                let found = view.tx().query(sql, params![account, hash], |row| Ok((row.int(0)?, row.int(1)?)))?;
                if view.ctx().actor.account == account {
                    return Ok(found.first().map(|(_, size)| *size));
                }
                let Some((_, size)) = found.first().copied() else { return Ok(None) };
                let contents: Vec<i64> = found.into_iter().map(|(content, _)| content).collect();
                let readable: Vec<i64> =
                    view.collections(account, Some(crate::NAME))?.iter().map(|info| info.id.0).collect();
                let sql = "SELECT 1 FROM item WHERE account_id = $1 AND collection_id {in $2} AND content_id {in $3} AND gone = 0 LIMIT 1";
                let seen = view.tx().query_opt(sql, params![account, readable, contents], |_| Ok(()))?;
                Ok(seen.map(|()| size))
            })
            .await
    }
}
