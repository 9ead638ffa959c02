//! Copying and moving messages, within an account and between accounts.

use base::{AccountId, CollectionId, Ctx, Error, Result};
use kernel::{Batch, BatchItem, Many, NewItem};
use store::params;
use store::sql::Locks;

use super::items;
use super::store::chunk_items;
use crate::{Mail, mailboxes};

/// A mailbox of an account.
pub(crate) type Place = (AccountId, CollectionId);

const COPY: &str = "
    INSERT INTO message (account_id, id, body, trace, size, received_at, sent_at, thread_id, message_id, refs,
           subject, sender, preview, has_attachment, header_bytes, fields, envelope, structure,
           received_zone)
    SELECT $3, $4, body, trace, size, received_at, sent_at, $4, message_id, refs,
           subject, sender, preview, has_attachment, header_bytes, fields, envelope, structure,
           received_zone
      FROM message WHERE account_id = $1 AND id = $2";

fn pairs(moved: Vec<(base::ItemId, base::ItemId)>) -> Result<Vec<(u32, u32)>> {
    moved.into_iter().map(|(from, to)| Ok((mailboxes::uid(from.0)?, mailboxes::uid(to.0)?))).collect()
}

impl Mail {
    /// Puts messages into another mailbox as well, of the same account or of another: the UIDs there and here.
    ///
    /// # Errors
    /// `OverQuota` of the target's owner, `NotFound` and `Forbidden` by rights.
    pub async fn copy(&self, ctx: &Ctx, from: Place, uids: Vec<u32>, to: Place) -> Result<Vec<(u32, u32)>> {
        self.transfer(ctx, from, uids, to, false).await
    }

    /// Moves messages to another mailbox, of the same account or of another: the UIDs here and there.
    ///
    /// # Errors
    /// As [`Mail::copy`].
    pub async fn move_to(
        &self,
        ctx: &Ctx,
        from: Place,
        uids: Vec<u32>,
        to: Place,
    ) -> Result<Vec<(u32, u32)>> {
        self.transfer(ctx, from, uids, to, true).await
    }

    async fn transfer(
        &self,
        ctx: &Ctx,
        from: Place,
        uids: Vec<u32>,
        to: Place,
        moves: bool,
    ) -> Result<Vec<(u32, u32)>> {
        if from.0 != to.0 && self.organisation_of(from.0).await? != self.organisation_of(to.0).await? {
            return Err(Error::not_found("mailbox"));
        }
        let mut done = Vec::with_capacity(uids.len());
        // All or none (RFC 9051 section 6.4.7) within what one transaction may touch.
        for chunk in uids.chunks(chunk_items(ctx)) {
            let chunk = items(chunk);
            let locks = Locks { accounts: vec![from.0.0, to.0.0], collections: vec![from.1.0, to.1.0] };
            let part = self.kernel().write_many(ctx, locks, move |many| {
                let quota = directory::resolve::quota_in_force(many.tx(), to.0)?;
                if from.0 != to.0 {
                    return across(many, from, &chunk, to, quota, moves);
                }
                many.batch(from.0, |batch| {
                    is_mail(batch, to.1)?;
                    if moves && from.1 == to.1 {
                        // New UIDs in the same mailbox (RFC 6851 section 3).
                        let copied = batch.copy_to(from.1, &chunk, to.1)?;
                        let gone: Vec<base::ItemId> = copied.iter().map(|(item, _)| *item).collect();
                        batch.destroy(from.1, &gone)?;
                        return Ok(copied);
                    }
                    if moves {
                        return batch.move_to(from.1, &chunk, to.1);
                    }
                    batch.set_quota(quota);
                    batch.copy_to(from.1, &chunk, to.1)
                })
            });
            done.extend(pairs(part.await?)?);
        }
        Ok(done)
    }
}

/// A mailbox, and no collection of another kind.
fn is_mail(batch: &mut Batch<'_, '_>, mailbox: CollectionId) -> Result<()> {
    let (kind, _) = batch.collection(mailbox)?;
    if kind == crate::NAME { Ok(()) } else { Err(Error::not_found("mailbox")) }
}

/// From one account to another: the message becomes an object of the other one.
fn across(
    many: &mut Many<'_, '_>,
    from: Place,
    wanted: &[base::ItemId],
    to: Place,
    quota: Option<i64>,
    moves: bool,
) -> Result<Vec<(base::ItemId, base::ItemId)>> {
    let found: Vec<BatchItem> = many.batch(from.0, |batch| {
        let found = batch.items(from.1, wanted)?;
        if moves {
            let ids: Vec<base::ItemId> = found.iter().map(|item| item.id).collect();
            batch.destroy(from.1, &ids)?;
        }
        Ok(found)
    })?;
    let mut bodies = Vec::with_capacity(found.len());
    for item in &found {
        let sql = "SELECT body FROM message WHERE account_id = $1 AND id = $2";
        bodies.push(many.tx().query_one(sql, params![from.0, item.content], |row| row.hash(0))?);
    }
    let now_ms = many.ctx().now_ms();
    many.batch(to.0, |batch| {
        batch.set_quota(quota);
        is_mail(batch, to.1)?;
        let organisation = batch.organisation();
        let mut copied = Vec::with_capacity(found.len());
        for (item, body) in found.iter().zip(&bodies) {
            let new = NewItem {
                size: item.size,
                flags: item.flags,
                state: item.state.clone(),
                body: Some(*body),
                ..NewItem::default()
            };
            let made = batch.create(to.1, new)?;
            store::blobs::name_again(batch.tx(), organisation, body, now_ms)?;
            let written = batch.tx().execute(COPY, params![from.0, item.content, to.0, made.content])?;
            if written != 1 {
                return Err(Error::corrupt("message", "has no row; run `beffroi check`"));
            }
            copied.push((item.id, made.item));
        }
        Ok(copied)
    })
}
