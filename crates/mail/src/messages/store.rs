//! Flags, keywords, and the end of messages.

use std::sync::Arc;

use base::{AccountId, CollectionId, Ctx, Result, Seq};
use kernel::ItemUpdate;

use super::items;
use crate::flags::FlagChange;
use crate::{Mail, mailboxes};

/// What became of messages whose flags were to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// They are as asked now.
    pub done: Vec<u32>,
    /// They changed after `unchanged_since`, and were left alone.
    pub modified: Vec<u32>,
    /// They are not in the mailbox.
    pub missing: Vec<u32>,
    /// The commit, or the newest one when nothing had to change.
    pub seq: Seq,
}

fn uids(items: impl IntoIterator<Item = base::ItemId>) -> Result<Vec<u32>> {
    items.into_iter().map(|item| mailboxes::uid(item.0)).collect()
}

impl Mail {
    /// Changes flags and keywords of messages, in one commit a `batch_items` of them.
    ///
    /// # Errors
    /// `NotFound` and `Forbidden` by rights: `\Seen` needs one of its own.
    pub async fn store(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        wanted: Vec<u32>,
        change: FlagChange,
        unchanged_since: Option<Seq>,
    ) -> Result<Stored> {
        let change = Arc::new(change);
        let mut all = Stored::default();
        for chunk in wanted.chunks(chunk_items(ctx)) {
            let (change, chunk) = (change.clone(), items(chunk));
            let part = self.kernel().write_into(ctx, account, mailbox, move |batch| {
                let (set, clear) = change.bits();
                let edit = |state: Option<&str>| change.apply(state);
                let edit: Option<kernel::EditState<'_>> = change.changes_words().then_some(&edit);
                let (set, clear) = within_rights(batch, mailbox, (set, clear), edit.is_some())?;
                let update = ItemUpdate { set, clear, edit, unchanged_since, ..ItemUpdate::default() };
                let changed = batch.update(mailbox, &chunk, &update)?;
                let (_, seq) = batch.collection(mailbox)?;
                Ok((changed, seq))
            });
            let (changed, seq) = part.await?;
            all.done.extend(uids(changed.done.into_iter().map(|(item, _)| item))?);
            all.modified.extend(uids(changed.modified)?);
            all.missing.extend(uids(changed.missing)?);
            all.seq = all.seq.max(seq);
        }
        Ok(all)
    }

    /// Removes messages for good from where they lie; they can be brought back for a while. The UIDs that were
    /// there.
    ///
    /// # Errors
    /// `NotFound` and `Forbidden` by rights.
    pub async fn expunge(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        wanted: Vec<u32>,
    ) -> Result<Vec<u32>> {
        let mut gone = Vec::new();
        for chunk in wanted.chunks(chunk_items(ctx)) {
            let chunk = items(chunk);
            let part =
                self.kernel().write_into(ctx, account, mailbox, move |batch| batch.destroy(mailbox, &chunk));
            gone.extend(uids(part.await?.done.into_iter().map(|(item, _)| item))?);
        }
        Ok(gone)
    }
}

/// Messages of one commit.
pub(crate) fn chunk_items(ctx: &Ctx) -> usize {
    // A move touches each twice.
    usize::try_from(ctx.limits.batch_items / 2).unwrap_or(usize::MAX).max(1)
}

/// Of a change that someone may make only in part, that part (RFC 4314 section 4): who may mark as seen but not flag
/// changes `\Seen` alone. An actor without either right is refused.
fn within_rights(
    batch: &mut kernel::Batch<'_, '_>,
    mailbox: CollectionId,
    (set, clear): (i64, i64),
    words: bool,
) -> Result<(i64, i64)> {
    use crate::flags::{DELETED, SEEN};
    use kernel::Right;
    let rights = batch.rights(mailbox)?;
    let mut allowed = 0;
    if rights.has(Right::Seen) {
        allowed |= SEEN;
    }
    if rights.has(Right::Flag) {
        allowed |= !(SEEN | DELETED);
    }
    if rights.has(Right::Delete) && rights.has(Right::Flag) {
        allowed |= DELETED;
    }
    if words || (set | clear) & allowed == 0 && (set | clear) != 0 {
        // Refuses with the right that is missing.
        let wanted = if (set | clear) & !SEEN == 0 && !words { Right::Seen } else { Right::Flag };
        batch.require(mailbox, wanted)?;
    }
    Ok((set & allowed, clear & allowed))
}
