//! Looking into the queue and stepping in, for administrators.

use base::{Ctx, Error, OrganisationId, Result};
use store::{Row, Tx, params};

use super::message::Message;
use super::settle::EMPTY;
use super::{Queue, claim};

const PAGE: &str = "SELECT q.id, q.organisation_id, q.account_id, q.sender, q.size, q.created_at, r.number, \
    r.address, r.route, r.state, r.attempts, r.next_at, r.last_at, r.last_reply \
    FROM (SELECT id, organisation_id, account_id, sender, size, created_at FROM queue_message \
          WHERE id > $1 ORDER BY id LIMIT $2) q \
    JOIN queue_recipient r ON r.message_id = q.id ORDER BY q.id, r.number";
const ONE: &str = "SELECT q.id, q.organisation_id, q.account_id, q.sender, q.size, q.created_at, r.number, \
    r.address, r.route, r.state, r.attempts, r.next_at, r.last_at, r.last_reply \
    FROM queue_message q JOIN queue_recipient r ON r.message_id = q.id WHERE q.id = $1 ORDER BY r.number";
const FLUSH_ALL: &str = "UPDATE queue_recipient SET next_at = $1 WHERE state = 'waiting' AND next_at > $1";
const FLUSH_ROUTE: &str =
    "UPDATE queue_recipient SET next_at = $1 WHERE state = 'waiting' AND route = $2 AND next_at > $1";
const FLUSH_MESSAGE: &str =
    "UPDATE queue_recipient SET next_at = $1 WHERE state = 'waiting' AND message_id = $2 AND next_at > $1";
const ROUTES_OF: &str =
    "SELECT DISTINCT route FROM queue_recipient WHERE message_id = $1 ORDER BY route LIMIT 1000";
const FLUSHED: &str = "INSERT INTO queue_flush (route, flushed_at) VALUES ($1, $2) \
    ON CONFLICT (route) DO UPDATE SET flushed_at = excluded.flushed_at";
const FORGET_FLUSHES: &str = "DELETE FROM queue_flush WHERE flushed_at < $1";
/// Longer than any node remembers that a destination does not answer.
const FLUSH_MS: i64 = 86_400_000;
const HOLD: &str = "UPDATE queue_recipient SET state = 'held' WHERE message_id = $1 AND state = 'waiting'";
const UNHOLD: &str =
    "UPDATE queue_recipient SET state = 'waiting', next_at = $2 WHERE message_id = $1 AND state = 'held'";
const REMOVE: &str = "DELETE FROM queue_recipient WHERE message_id = $1";
const PAUSE: &str = "INSERT INTO queue_pause (route, since, reason) VALUES ($1, $2, $3) \
    ON CONFLICT (route) DO UPDATE SET reason = excluded.reason";
const RESUME: &str = "DELETE FROM queue_pause WHERE route = $1";
const PAUSES: &str = "SELECT route, since, reason FROM queue_pause ORDER BY route LIMIT 10000";
const SENDING: &str = "SELECT count(*) FROM queue_recipient WHERE message_id = $1 AND state = 'sending'";

const RECALL: &str =
    "DELETE FROM queue_recipient WHERE message_id = $1 AND state IN ('waiting', 'held') AND attempts = 0";

/// A recipient of a queued message, as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    /// The message's number.
    pub id: i64,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The account that sent it; 0 for the server itself.
    pub account: i64,
    /// The reverse path; empty for the null sender.
    pub sender: String,
    /// Bytes of the message.
    pub size: i64,
    /// When it was queued, milliseconds since 1970.
    pub created_at: i64,
    /// The recipient's place in the message.
    pub number: i64,
    /// The recipient.
    pub address: String,
    /// The domain that it goes to.
    pub route: String,
    /// `waiting`, `sending` or `held`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_at: i64,
    /// When it was tried last.
    pub last_at: Option<i64>,
    /// What was answered then.
    pub last_reply: Option<String>,
}

/// A destination that is paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PausedRoute {
    /// The domain; `*` for all.
    pub route: String,
    /// Since when, milliseconds since 1970.
    pub since: i64,
    /// Why.
    pub reason: String,
}

/// What removing a message did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Recipients that will not get it.
    pub recipients: u64,
    /// Recipients that it was being sent to: they may get it all the same.
    pub in_flight: i64,
}

fn queued(row: &Row<'_>) -> Result<QueuedMessage> {
    Ok(QueuedMessage {
        id: row.int(0)?,
        organisation: OrganisationId(row.int(1)?),
        account: row.int(2)?,
        sender: row.text(3)?,
        size: row.int(4)?,
        created_at: row.int(5)?,
        number: row.int(6)?,
        address: row.text(7)?,
        route: row.text(8)?,
        state: row.text(9)?,
        attempts: row.int(10)?,
        next_at: row.int(11)?,
        last_at: row.opt_int(12)?,
        last_reply: row.opt_text(13)?,
    })
}

impl Queue {
    /// The recipients of at most `limit` messages behind the number `after`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn list(&self, after: i64, limit: i64) -> Result<Vec<QueuedMessage>> {
        self.0.read(move |tx| tx.query(PAGE, params![after, limit], queued)).await
    }

    /// A message with all its recipients that are not settled.
    ///
    /// # Errors
    /// `NotFound` when it is not in the queue.
    pub async fn show(&self, id: i64) -> Result<(Message, Vec<QueuedMessage>)> {
        self.0
            .read(move |tx| {
                let message = tx
                    .query_opt(claim::MESSAGE_BY_IDS, params![vec![id]], claim::message)?
                    .ok_or_else(|| Error::not_found("queued message"))?;
                Ok((message, tx.query(ONE, params![id], queued)?))
            })
            .await
    }

    /// Tries all that waits now: of a destination, of a message, or of the whole queue; how many recipients.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn flush(&self, ctx: &Ctx, route: Option<&str>, message: Option<i64>) -> Result<u64> {
        let (now_ms, route) = (ctx.now_ms(), route.map(str::to_owned));
        let count = self
            .0
            .write([], move |tx| {
                tx.execute(FORGET_FLUSHES, params![now_ms - FLUSH_MS])?;
                let of_message =
                    message.map(|id| tx.query(ROUTES_OF, params![id], |row| row.text(0))).transpose()?;
                let whole = [route.clone().unwrap_or_else(|| "*".to_owned())];
                for route in of_message.as_deref().unwrap_or(&whole) {
                    tx.execute(FLUSHED, params![route, now_ms])?;
                }
                match (message, &route) {
                    (Some(id), _) => tx.execute(FLUSH_MESSAGE, params![now_ms, id]),
                    (None, Some(route)) => tx.execute(FLUSH_ROUTE, params![now_ms, route]),
                    (None, None) => tx.execute(FLUSH_ALL, params![now_ms]),
                }
            })
            .await?;
        self.wake();
        Ok(count)
    }

    /// Sends nothing to a destination, or with `*` nothing at all, until [`Queue::resume`].
    ///
    /// # Errors
    /// Those of the database.
    pub async fn pause(&self, ctx: &Ctx, route: &str, reason: &str) -> Result<()> {
        let (now_ms, route, reason) = (ctx.now_ms(), route.to_owned(), reason.to_owned());
        self.0.write([], move |tx| tx.execute(PAUSE, params![&route, now_ms, &reason])).await?;
        self.wake();
        Ok(())
    }

    /// Ends a pause; whether there was one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn resume(&self, route: &str) -> Result<bool> {
        let route = route.to_owned();
        let count = self.0.write([], move |tx| tx.execute(RESUME, params![&route])).await?;
        self.wake();
        Ok(count > 0)
    }

    /// The pauses in force.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn pauses(&self) -> Result<Vec<PausedRoute>> {
        let read =
            |row: &Row<'_>| Ok(PausedRoute { route: row.text(0)?, since: row.int(1)?, reason: row.text(2)? });
        self.0.read(move |tx| tx.query(PAUSES, [], read)).await
    }

    /// Holds a message back, or lets it go on; how many of its recipients.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn hold(&self, ctx: &Ctx, id: i64, on: bool) -> Result<u64> {
        let now_ms = ctx.now_ms();
        let count = self
            .0
            .write([], move |tx| {
                if on { tx.execute(HOLD, params![id]) } else { tx.execute(UNHOLD, params![id, now_ms]) }
            })
            .await?;
        self.wake();
        Ok(count)
    }

    /// Takes recipients of a message out of the queue to whom nothing was ever tried to be sent; how many. Whoever wants
    /// all or nothing compares the number, and ends the transaction.
    ///
    /// # Errors
    /// Those of the database.
    pub fn recall(&self, tx: &mut Tx<'_>, id: i64) -> Result<u64> {
        let recipients = tx.execute(RECALL, params![id])?;
        tx.execute(EMPTY, params![id])?;
        Ok(recipients)
    }

    /// Removes a message; its sender hears nothing.
    ///
    /// # Errors
    /// `NotFound` when it is not in the queue.
    pub async fn remove(&self, id: i64) -> Result<Removed> {
        self.0
            .write([], move |tx| {
                let in_flight = tx.query_one(SENDING, params![id], |row| row.int(0))?;
                let recipients = tx.execute(REMOVE, params![id])?;
                let messages = tx.execute(EMPTY, params![id])?;
                if messages == 0 {
                    return Err(Error::not_found("queued message"));
                }
                Ok(Removed { recipients, in_flight })
            })
            .await
    }
}
