//! Queuing a message that a door has whole in its hands.

use base::{Ctx, Result};
use bytes::Bytes;

use super::{Body, NewMessage};
use crate::Mail;

impl Mail {
    /// Stores a message and queues it for its outside recipients; its number. `new.body` is set here.
    ///
    /// # Errors
    /// As `Queue::enqueue`, and those of the blob store.
    pub async fn send(&self, ctx: &Ctx, message: Bytes, new: NewMessage) -> Result<i64> {
        let put = self.blobs().put(new.organisation, message).await?;
        let (queue, own) = (self.queue(), ctx.clone());
        let new = NewMessage { body: Body::Put(put), ..new };
        self.kernel().store().write(Vec::new(), move |tx| queue.enqueue(tx, &own, &new)).await
    }
}
