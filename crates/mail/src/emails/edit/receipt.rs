//! Sending the receipt of an email: once.

use base::{AccountId, CollectionId, Ctx, Error, Result};
use bytes::Bytes;
use kernel::{Batch, Right};

use super::{EmailEdit, KeywordEdit, Work, union};
use crate::Mail;
use crate::flags::{Keywords, MDN_SENT};
use crate::queue::{Body, NewMessage};
use crate::submission;

impl Mail {
    /// Queues the receipt of an email, and sets `$MDNSent` on it, in one transaction.
    ///
    /// # Errors
    /// `Conflict` about `receipt` when one was sent before; `NotFound` about `email`; `Forbidden` where the keyword may not
    /// be set; `Limit` for too many messages in an hour, and those of `Queue::enqueue`.
    pub async fn send_receipt(
        &self,
        ctx: &Ctx,
        account: AccountId,
        email: i64,
        text: Bytes,
        message: NewMessage,
    ) -> Result<()> {
        let put = self.blobs().put(message.organisation, text).await?;
        let message = NewMessage { body: Body::Put(put), account, ..message };
        let (queue, own) = (self.queue(), ctx.clone());
        let sent = Keywords { flags: MDN_SENT, others: Vec::new() };
        let change = KeywordEdit::Patch { add: sent, remove: Keywords::default() };
        let edits = vec![EmailEdit { object: email, keywords: Some(change), places: None }];
        let write = move |batch: &mut Batch<'_, '_>| {
            batch.require(CollectionId(0), Right::Share)?;
            let mut work = Work::begin(batch, &edits, &[])?;
            let at = work.at(email).ok_or_else(|| Error::not_found("email"))?;
            if union(at).flags & MDN_SENT != 0 {
                return Err(Error::conflict("receipt", "was sent before"));
            }
            submission::charge(batch.tx(), &own, account, message.recipients.len())?;
            work.update(batch, &edits)?.into_iter().collect::<Result<()>>()?;
            let queue_id = queue.enqueue(batch.tx(), &own, &message)?;
            submission::note_charged(batch.tx(), &own, account, email, (queue_id, &message.recipients))?;
            batch.words(format!("sent a receipt to {} recipients", message.recipients.len()));
            Ok(())
        };
        self.kernel().write(ctx, account, write).await
    }
}
