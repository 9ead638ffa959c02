//! What was submitted over JMAP: the record beside the queued message.

use base::{AccountId, CollectionId, Ctx, Error, Result};
use bytes::Bytes;
use kernel::{Batch, Right};
use store::{Read, Tx, params};

use crate::Mail;
use crate::queue::{Body, NewMessage, NewRecipient};

const ID_SHIFT: u32 = 9;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// Old records that one submission removes.
const SWEPT: i64 = 100;

/// What became of a recipient, in the transaction that settles it.
pub(crate) const NOTE_RECIPIENT: &str =
    "UPDATE submission_recipient SET delivered = $3, reply = $4 WHERE queue_id = $1 AND number = $2";
/// That submissions of an account changed.
pub(crate) const NOTE_STATE: &str = "UPDATE submission_state SET seq = seq + 1 WHERE account_id = $2 \
    AND EXISTS (SELECT 1 FROM submission s WHERE s.queue_id = $1 AND s.gone = 0)";
/// Which one did.
pub(crate) const NOTE_CHANGED: &str = "UPDATE submission SET changed_seq = \
    (SELECT t.seq FROM submission_state t WHERE t.account_id = submission.account_id) WHERE queue_id = $1 AND gone = 0";

const COUNT_RECENT: &str = "SELECT count(*) FROM submission s JOIN submission_recipient r ON r.queue_id = s.queue_id \
    WHERE s.account_id = $1 AND s.created_at > $2";
const RAISE: &str = "INSERT INTO submission_state (account_id, seq) VALUES ($1, 1) \
    ON CONFLICT (account_id) DO UPDATE SET seq = submission_state.seq + 1";
const STATE: &str = "SELECT seq, floor FROM submission_state WHERE account_id = $1";
const OLD: &str = "SELECT s.id, s.queue_id FROM submission s WHERE s.account_id = $1 AND s.created_at < $2 \
    AND NOT EXISTS (SELECT 1 FROM queue_message q WHERE q.id = s.queue_id) LIMIT $3";
const INSERT: &str = "INSERT INTO submission (account_id, id, object_id, thread_id, identity_id, envelope, send_at, \
    queue_id, created_at, created_seq, changed_seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)";
const INSERT_HIDDEN: &str = "INSERT INTO submission (account_id, id, object_id, thread_id, identity_id, envelope, send_at, \
    queue_id, created_at, created_seq, changed_seq, gone) VALUES ($1, $2, $3, 0, 0, $6, $4, $5, $4, 0, 0, 1)";
const INSERT_RECIPIENT: &str =
    "INSERT INTO submission_recipient (queue_id, number, address) VALUES ($1, $2, $3)";
const ROWS: &str = "SELECT id, object_id, thread_id, identity_id, envelope, send_at, canceled, queue_id \
    FROM submission WHERE account_id = $1 AND gone = 0 ORDER BY created_at, id";
const RECIPIENTS: &str = "SELECT r.queue_id, r.address, r.delivered, r.reply, q.state, q.attempts, q.last_reply \
    FROM submission_recipient r LEFT JOIN queue_recipient q ON q.message_id = r.queue_id AND q.number = r.number \
    WHERE r.queue_id {in $1} ORDER BY r.queue_id, r.number";
const ONE: &str = "SELECT queue_id, canceled FROM submission WHERE account_id = $1 AND id = $2 AND gone = 0";
const CHANGED: &str = "SELECT id, created_seq, changed_seq, gone FROM submission \
    WHERE account_id = $1 AND changed_seq > $2 ORDER BY changed_seq, id";

/// A message that is to be sent.
#[derive(Debug, Clone)]
pub struct NewSubmission {
    /// The email.
    pub email: i64,
    /// Its conversation.
    pub thread: i64,
    /// The identity.
    pub identity: i64,
    /// Sender and recipients as JSON.
    pub envelope: String,
    /// What is queued; its body is set here.
    pub message: NewMessage,
}

/// Whether a submission can still be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// Nothing of it was sent.
    Pending,
    /// It is on its way, or settled.
    Final,
    /// It was taken back.
    Canceled,
}

impl Undo {
    /// As JMAP says it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Final => "final",
            Self::Canceled => "canceled",
        }
    }
}

/// What became of it for a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmittedTo {
    /// The address.
    pub address: String,
    /// `queued`, `yes`, `no` or `unknown`.
    pub delivered: String,
    /// What was answered last.
    pub reply: String,
}

/// What was submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Its number.
    pub id: i64,
    /// The email, as it was called then.
    pub email: i64,
    /// Its conversation.
    pub thread: i64,
    /// The identity.
    pub identity: i64,
    /// Sender and recipients as JSON.
    pub envelope: String,
    /// When it is sent, milliseconds since 1970.
    pub send_at: i64,
    /// Whether it can still be taken back.
    pub undo: Undo,
    /// Its recipients.
    pub recipients: Vec<SubmittedTo>,
}

/// What changed among the submissions of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubmissionChanges {
    /// The state that the reader knows afterwards.
    pub seq: i64,
    /// Whether there is more.
    pub has_more: bool,
    /// New ones.
    pub created: Vec<i64>,
    /// Changed ones.
    pub updated: Vec<i64>,
    /// Removed ones.
    pub destroyed: Vec<i64>,
}

fn state(tx: &mut Read<'_>, account: AccountId) -> Result<(i64, i64)> {
    let found = tx.query_opt(STATE, params![account], |row| Ok((row.int(0)?, row.int(1)?)))?;
    Ok(found.unwrap_or_default())
}

/// Notes that something changes; the number of the change.
fn raise(tx: &mut Tx<'_>, account: AccountId) -> Result<i64> {
    tx.execute(RAISE, params![account])?;
    tx.query_one(STATE, params![account], |row| row.int(0))
}

/// Removes records that are kept no longer.
fn sweep(tx: &mut Tx<'_>, ctx: &Ctx, account: AccountId) -> Result<()> {
    let days = i64::try_from(ctx.limits.submission_kept_days).unwrap_or(i64::MAX);
    let before = ctx.now_ms().saturating_sub(days.saturating_mul(DAY_MS));
    let old = tx.query(OLD, params![account, before, SWEPT], |row| Ok((row.int(0)?, row.int(1)?)))?;
    if old.is_empty() {
        return Ok(());
    }
    let (ids, queued): (Vec<i64>, Vec<i64>) = old.into_iter().unzip();
    tx.execute("DELETE FROM submission_recipient WHERE queue_id {in $1}", params![queued])?;
    tx.execute("DELETE FROM submission WHERE account_id = $1 AND id {in $2}", params![account, ids])?;
    let seq = raise(tx, account)?;
    tx.execute("UPDATE submission_state SET floor = $2 WHERE account_id = $1", params![account, seq])?;
    Ok(())
}

/// Refuses what is too much in an hour.
pub(crate) fn charge(tx: &mut Tx<'_>, ctx: &Ctx, account: AccountId, recipients: usize) -> Result<()> {
    sweep(tx, ctx, account)?;
    let recent = tx.query_one(COUNT_RECENT, params![account, ctx.now_ms() - HOUR_MS], |row| row.int(0))?;
    if recent.unsigned_abs() + recipients as u64 > ctx.limits.submission_recipients_per_account_hour {
        return Err(Error::limit("recipients", "are too many in an hour; try again later"));
    }
    Ok(())
}

/// Lets what was queued count in its hour, without a record that anybody sees.
pub(crate) fn note_charged(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    account: AccountId,
    email: i64,
    (queue_id, recipients): (i64, &[NewRecipient]),
) -> Result<()> {
    let (now, id) = (ctx.now_ms(), ctx.random.id() >> ID_SHIFT);
    tx.execute(INSERT_HIDDEN, params![account, id, email, now, queue_id, "{}"])?;
    for (number, recipient) in (1_i64..).zip(recipients) {
        tx.execute(INSERT_RECIPIENT, params![queue_id, number, &recipient.address])?;
    }
    Ok(())
}

fn read_all(tx: &mut Read<'_>, account: AccountId) -> Result<Vec<Submission>> {
    let mut all = tx.query(ROWS, params![account], |row| {
        let submission = Submission {
            id: row.int(0)?,
            email: row.int(1)?,
            thread: row.int(2)?,
            identity: row.int(3)?,
            envelope: row.text(4)?,
            send_at: row.int(5)?,
            undo: if row.flag(6)? { Undo::Canceled } else { Undo::Final },
            recipients: Vec::new(),
        };
        Ok((row.int(7)?, submission))
    })?;
    let queued: Vec<i64> = all.iter().map(|(queue_id, _)| *queue_id).collect();
    for chunk in queued.chunks(500) {
        let rows = tx.query(RECIPIENTS, params![chunk.to_vec()], |row| {
            let of = (row.int(0)?, row.text(1)?, row.text(2)?, row.text(3)?);
            Ok((of, (row.opt_text(4)?, row.opt_int(5)?, row.opt_text(6)?)))
        })?;
        for ((queue_id, address, delivered, reply), (state, attempts, last_reply)) in rows {
            let Some((_, one)) = all.iter_mut().find(|(known, _)| *known == queue_id) else { continue };
            let untouched = attempts == Some(0) && state.as_deref().is_some_and(|state| state != "sending");
            let first = one.recipients.is_empty();
            if one.undo != Undo::Canceled {
                one.undo = if untouched && (first || one.undo == Undo::Pending) {
                    Undo::Pending
                } else {
                    Undo::Final
                };
            }
            let (delivered, reply) = match (one.undo, delivered.as_str(), state) {
                (Undo::Canceled, ..) => ("no".to_owned(), "550 5.7.0 taken back by the sender".to_owned()),
                (_, "queued", Some(_)) => {
                    (delivered, last_reply.unwrap_or_else(|| "250 2.1.5 queued".to_owned()))
                }
                // An administrator removed it from the queue.
                (_, "queued", None) => ("unknown".to_owned(), "550 5.0.0 removed from the queue".to_owned()),
                _ => (delivered, reply),
            };
            one.recipients.push(SubmittedTo { address, delivered, reply });
        }
    }
    Ok(all.into_iter().map(|(_, submission)| submission).collect())
}

impl Mail {
    /// Queues a message that the actor sends, and keeps the record of it, in one transaction; its number and when it is
    /// sent.
    ///
    /// # Errors
    /// `Limit` for too many recipients in an hour, those of `Queue::enqueue`, `Forbidden` for another's account.
    pub async fn submit(
        &self,
        ctx: &Ctx,
        account: AccountId,
        text: Bytes,
        new: NewSubmission,
    ) -> Result<(i64, i64)> {
        let put = self.blobs().put(new.message.organisation, text).await?;
        let message = NewMessage { body: Body::Put(put), account, ..new.message.clone() };
        let (queue, own) = (self.queue(), ctx.clone());
        let write = move |batch: &mut Batch<'_, '_>| {
            batch.require(CollectionId(0), Right::Share)?;
            let (tx, now) = (batch.tx(), own.now_ms());
            charge(tx, &own, account, message.recipients.len())?;
            let queue_id = queue.enqueue(tx, &own, &message)?;
            let (seq, id) = (raise(tx, account)?, own.random.id() >> ID_SHIFT);
            let send_at = message.hold_until.unwrap_or(now).max(now);
            tx.execute(
                INSERT,
                params![
                    account,
                    id,
                    new.email,
                    new.thread,
                    new.identity,
                    &new.envelope,
                    send_at,
                    queue_id,
                    now,
                    seq
                ],
            )?;
            for (number, recipient) in (1_i64..).zip(&message.recipients) {
                tx.execute(INSERT_RECIPIENT, params![queue_id, number, &recipient.address])?;
            }
            batch.words(format!("submitted to {} recipients", message.recipients.len()));
            Ok((id, send_at))
        };
        self.kernel().write(ctx, account, write).await
    }

    /// What the actor submitted and is still kept, the oldest first, with its state.
    ///
    /// # Errors
    /// `NotFound` for another's account.
    pub async fn submissions(&self, ctx: &Ctx, account: AccountId) -> Result<(i64, Vec<Submission>)> {
        self.kernel()
            .read(ctx, move |view| {
                view.require(account, CollectionId(0), Right::Share)?;
                let (seq, _) = state(view.tx(), account)?;
                Ok((seq, read_all(view.tx(), account)?))
            })
            .await
    }

    /// How often the submissions of an account changed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn submission_state(&self, ctx: &Ctx, account: AccountId) -> Result<i64> {
        self.kernel().read(ctx, move |view| Ok(state(view.tx(), account)?.0)).await
    }

    /// What changed since a state; at most `most` of them.
    ///
    /// # Errors
    /// `Conflict` when that is not known any more, or never was a state.
    pub async fn submission_changes(
        &self,
        ctx: &Ctx,
        account: AccountId,
        since: i64,
        most: usize,
    ) -> Result<SubmissionChanges> {
        self.kernel()
            .read(ctx, move |view| {
                view.require(account, CollectionId(0), Right::Share)?;
                let (seq, floor) = state(view.tx(), account)?;
                if since < floor || since > seq {
                    return Err(Error::conflict("state", "is not known"));
                }
                let mut rows = view.tx().query(CHANGED, params![account, since], |row| {
                    Ok((row.int(0)?, row.int(1)?, row.int(2)?, row.flag(3)?))
                })?;
                let mut out = SubmissionChanges { seq, has_more: rows.len() > most, ..Default::default() };
                rows.truncate(most);
                if out.has_more
                    && let Some((_, _, last, _)) = rows.last()
                {
                    out.seq = *last;
                }
                for (id, created, _, gone) in rows {
                    match (created > since, gone) {
                        (true, true) => {}
                        (true, false) => out.created.push(id),
                        (false, true) => out.destroyed.push(id),
                        (false, false) => out.updated.push(id),
                    }
                }
                Ok(out)
            })
            .await
    }

    /// Takes a submission back, of which nothing was sent yet.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when something of it was sent or tried.
    pub async fn cancel_submission(&self, ctx: &Ctx, account: AccountId, id: i64) -> Result<()> {
        let queue = self.queue();
        let write = move |batch: &mut Batch<'_, '_>| {
            batch.require(CollectionId(0), Right::Share)?;
            let tx = batch.tx();
            let (queue_id, canceled) = tx
                .query_opt(ONE, params![account, id], |row| Ok((row.int(0)?, row.flag(1)?)))?
                .ok_or_else(|| Error::not_found("submission"))?;
            if canceled {
                return Ok(());
            }
            let sql = "SELECT count(*) FROM submission_recipient WHERE queue_id = $1";
            let all = tx.query_one(sql, params![queue_id], |row| row.int(0))?;
            if queue.recall(tx, queue_id)? != all.unsigned_abs() {
                return Err(Error::conflict("undoStatus", "is final: it is on its way"));
            }
            let seq = raise(tx, account)?;
            let sql =
                "UPDATE submission SET canceled = 1, changed_seq = $3 WHERE account_id = $1 AND id = $2";
            tx.execute(sql, params![account, id, seq])?;
            batch.words("submission taken back".to_owned());
            Ok(())
        };
        self.kernel().write(ctx, account, write).await
    }

    /// Removes the record of a submission; the message goes its way.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove_submission(&self, ctx: &Ctx, account: AccountId, id: i64) -> Result<()> {
        let write = move |batch: &mut Batch<'_, '_>| {
            batch.require(CollectionId(0), Right::Share)?;
            let tx = batch.tx();
            let seq = raise(tx, account)?;
            let sql = "UPDATE submission SET gone = 1, changed_seq = $3 WHERE account_id = $1 AND id = $2 AND gone = 0";
            if tx.execute(sql, params![account, id, seq])? == 0 {
                return Err(Error::not_found("submission"));
            }
            batch.words("record of a submission removed".to_owned());
            Ok(())
        };
        self.kernel().write(ctx, account, write).await
    }
}
