//! Messages that a client puts into a mailbox.

use base::{AccountId, CollectionId, Ctx, Error, ObjectId, Result, Seq};
use bytes::Bytes;
use store::sql::Locks;

use super::Read;
use crate::flags::Keywords;
use crate::{Mail, mailboxes};

/// Messages up to this are read by the task that puts them; longer ones by a thread that may be busy for a while.
pub(crate) const AT_ONCE_BYTES: usize = 64 << 10;

/// A message to be put into a mailbox.
#[derive(Debug, Clone)]
pub struct Append {
    /// The message as it is.
    pub body: Bytes,
    /// Its flags and keywords.
    pub keywords: Keywords,
    /// When it arrived, in milliseconds since 1970; none: now.
    pub received_at: Option<i64>,
}

/// Where a message was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its UID.
    pub uid: u32,
    /// The object.
    pub object: ObjectId,
    /// The content's number.
    pub content: i64,
    /// The commit.
    pub seq: Seq,
}

/// Reads a message, away from the tasks that answer clients when it is long.
pub(crate) async fn read(mail: &Mail, whole: &Bytes, trace_bytes: usize) -> Result<Read> {
    let fresh = mail.search().map(|_| mail.fresh().clone());
    if whole.len() <= AT_ONCE_BYTES {
        return Ok(Read::new(whole, trace_bytes, fresh));
    }
    let whole = whole.clone();
    tokio::task::spawn_blocking(move || Read::new(&whole, trace_bytes, fresh))
        .await
        .map_err(|e| Error::corrupt("message", "could not be read").with_source(e))
}

impl Mail {
    /// Puts messages into a mailbox, all or none, as one commit.
    ///
    /// # Errors
    /// `OverQuota`, `TooLarge` by the limit `message_bytes`, `NotFound` and `Forbidden` by rights.
    pub async fn append(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        messages: Vec<Append>,
    ) -> Result<Vec<Appended>> {
        let most = ctx.limits.message_bytes;
        if messages.iter().any(|message| message.body.len() as u64 > most) {
            return Err(Error::too_large(
                "message",
                format!("has more than {most} bytes; send it as a file"),
            ));
        }
        let organisation = self.organisation_of(account).await?;
        let mut ready = Vec::with_capacity(messages.len());
        for Append { body, keywords, received_at } in messages {
            let put = self.put_body(organisation, &body, 0).await?;
            let message = read(self, &body, 0).await?;
            ready.push((message, put, keywords, received_at.unwrap_or_else(|| ctx.now_ms())));
        }
        let locks = Locks { accounts: vec![account.0], collections: vec![mailbox.0] };
        self.kernel()
            .write_many(ctx, locks, move |many| {
                let quota = directory::resolve::quota_in_force(many.tx(), account)?;
                many.batch(account, |batch| {
                    batch.set_quota(quota);
                    let (kind, _) = batch.collection(mailbox)?;
                    if kind != crate::NAME {
                        return Err(Error::not_found("mailbox"));
                    }
                    let put = |(message, body, keywords, received_at): &(
                        Read,
                        store::blobs::Put,
                        Keywords,
                        i64,
                    )| {
                        let made = message.put(batch, mailbox, body, *received_at, keywords)?;
                        let uid = mailboxes::uid(made.item.0)?;
                        Ok(Appended { uid, object: made.object, content: made.content, seq: made.seq })
                    };
                    ready.iter().map(put).collect()
                })
            })
            .await
    }
}
