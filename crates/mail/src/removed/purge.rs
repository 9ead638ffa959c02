//! Removing for good, before the time is over: for who holds the verb `history.purge`.

use base::{AccountId, CollectionId, Ctx, ItemId, ObjectId, Result};
use directory::entries;
use directory::roles::{self, Verb};

use crate::Mail;

/// Messages of one transaction.
const CHUNK: usize = 500;

impl Mail {
    async fn may_purge(&self, ctx: &Ctx, account: AccountId) -> Result<()> {
        if ctx.actor.system {
            return Ok(());
        }
        let own = ctx.clone();
        let asked = self.directory().read(move |tx| {
            let entry = entries::load(tx, own.actor.organisation, account)?;
            roles::require(tx, &own, Verb::HistoryPurge, &entry.place(), "account").map(|_| ())
        });
        asked.await
    }

    /// Forgets removed messages for good, in images of the account too; those that live somewhere are left alone. The
    /// objects that went.
    ///
    /// # Errors
    /// `Forbidden` for who has not the right `history.purge` on the account, `Conflict` under a legal hold.
    pub async fn purge_emails(&self, ctx: &Ctx, account: AccountId, objects: Vec<i64>) -> Result<Vec<i64>> {
        self.may_purge(ctx, account).await?;
        let trusted = ctx.trusted();
        let mut gone = Vec::with_capacity(objects.len());
        for chunk in objects.chunks(CHUNK) {
            let chunk: Vec<ObjectId> = chunk.iter().copied().map(ObjectId).collect();
            let part = self.kernel().write(&trusted, account, move |batch| batch.purge(&chunk));
            gone.extend(part.await?.into_iter().map(|object| object.0));
        }
        Ok(gone)
    }

    /// Forgets a removed mailbox for good, with the messages that lie in it and nowhere else; how many these were.
    ///
    /// # Errors
    /// As [`Mail::purge_emails`]; `NotFound` when there is no such removed mailbox.
    pub async fn purge_mailbox(&self, ctx: &Ctx, account: AccountId, id: CollectionId) -> Result<u64> {
        self.may_purge(ctx, account).await?;
        let trusted = ctx.trusted();
        self.kernel().write(&trusted, account, move |batch| batch.purge_collection(id)).await?;
        let (mut after, mut count) = (ItemId(0), 0);
        loop {
            let part = self.kernel().write(&trusted, account, move |batch| {
                let found = batch.objects_in(id, after, CHUNK as u64)?;
                let objects: Vec<ObjectId> = found.iter().map(|(_, object)| *object).collect();
                let purged = batch.purge(&objects)?;
                Ok((found.last().map(|(item, _)| *item), purged.len() as u64))
            });
            let (last, purged) = part.await?;
            count += purged;
            match last {
                Some(last) => after = last,
                None => return Ok(count),
            }
        }
    }
}
