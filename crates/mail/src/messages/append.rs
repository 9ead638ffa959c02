//! Messages that a client puts into a mailbox.

use base::{AccountId, CollectionId, Ctx, Error, ObjectId, Result, Seq};
use bytes::Bytes;
use kernel::Batch;
use store::sql::Locks;

use super::copy::Place;
use super::{Arrived, Read, items};
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
    /// The zone in which that was said, minutes east of UTC.
    pub received_zone: i16,
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

/// A message that was read and whose body is stored: only its rows are missing.
struct Ready {
    message: Read,
    body: store::blobs::Put,
    keywords: Keywords,
    arrived: Arrived,
}

impl Ready {
    fn put(&self, batch: &mut Batch<'_, '_>, mailbox: CollectionId) -> Result<Appended> {
        let made = self.message.put(batch, mailbox, &self.body, self.arrived, &self.keywords)?;
        Ok(Appended {
            uid: mailboxes::uid(made.item.0)?,
            object: made.object,
            content: made.content,
            seq: made.seq,
        })
    }
}

fn is_mail(batch: &mut Batch<'_, '_>, mailbox: CollectionId) -> Result<()> {
    let (kind, _) = batch.collection(mailbox)?;
    if kind == crate::NAME { Ok(()) } else { Err(Error::not_found("mailbox")) }
}

impl Mail {
    async fn ready(&self, ctx: &Ctx, account: AccountId, messages: Vec<Append>) -> Result<Vec<Ready>> {
        let most = ctx.limits.message_bytes;
        if messages.iter().any(|message| message.body.len() as u64 > most) {
            return Err(Error::too_large(
                "message",
                format!("has more than {most} bytes; send it as a file"),
            ));
        }
        let organisation = self.organisation_of(account).await?;
        let made_ready = messages.into_iter().map(
            |Append { body: whole, keywords, received_at, received_zone }| async move {
                let body = self.put_body(organisation, &whole, 0).await?;
                let message = read(self, &whole, 0).await?;
                let at_ms = received_at.unwrap_or_else(|| ctx.now_ms());
                let arrived = Arrived { at_ms, zone_minutes: received_zone };
                Ok(Ready { message, body, keywords, arrived })
            },
        );
        // Together: bodies that wait at the same time become durable at once.
        futures_util::future::try_join_all(made_ready).await
    }

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
        self.append_with(ctx, account, mailbox, messages, |_, _| Ok(())).await
    }

    /// The same with `beside` in the transaction, after the messages are put.
    pub(crate) async fn append_with(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        messages: Vec<Append>,
        beside: impl Fn(&mut Batch<'_, '_>, &[Appended]) -> Result<()> + Send + 'static,
    ) -> Result<Vec<Appended>> {
        let ready = self.ready(ctx, account, messages).await?;
        let locks = Locks { accounts: vec![account.0], collections: vec![mailbox.0] };
        self.kernel()
            .write_many(ctx, locks, move |many| {
                let quota = directory::resolve::quota_in_force(many.tx(), account)?;
                many.batch(account, |batch| {
                    batch.set_quota(quota);
                    is_mail(batch, mailbox)?;
                    let done =
                        ready.iter().map(|ready| ready.put(batch, mailbox)).collect::<Result<Vec<_>>>()?;
                    beside(batch, &done)?;
                    Ok(done)
                })
            })
            .await
    }

    /// Puts a message into a mailbox in the place of another one, of the same mailbox or of any: both happen or
    /// neither, as one commit where both lie in one account.
    ///
    /// # Errors
    /// `NotFound` when the old message is not there, and those of [`Mail::append`] and [`Mail::expunge`].
    pub async fn replace(
        &self,
        ctx: &Ctx,
        (from, old_mailbox): Place,
        old: u32,
        (to, mailbox): Place,
        message: Append,
    ) -> Result<Appended> {
        let ready = self.ready(ctx, to, vec![message]).await?;
        let locks = Locks { accounts: vec![from.0, to.0], collections: vec![old_mailbox.0, mailbox.0] };
        let old = items(&[old]);
        self.kernel()
            .write_many(ctx, locks, move |many| {
                let quota = directory::resolve::quota_in_force(many.tx(), to)?;
                let put = |batch: &mut Batch<'_, '_>| {
                    batch.set_quota(quota);
                    is_mail(batch, mailbox)?;
                    let made = ready.first().map(|ready| ready.put(batch, mailbox)).transpose()?;
                    made.ok_or_else(|| Error::not_found("message"))
                };
                let remove = |batch: &mut Batch<'_, '_>| {
                    let gone = batch.destroy(old_mailbox, &old)?;
                    if gone.done.is_empty() { Err(Error::not_found("message")) } else { Ok(()) }
                };
                if from == to {
                    return many.batch(to, |batch| {
                        remove(batch)?;
                        put(batch)
                    });
                }
                many.batch(from, remove)?;
                many.batch(to, put)
            })
            .await
    }
}
