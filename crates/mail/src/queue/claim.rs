//! Which destinations have something due, and taking it.

use base::{AccountId, Ctx, OrganisationId, Result};
use store::{Row, Tx, params};

use super::Queue;
use super::message::{Message, Notify, ReturnText};

/// The destinations after `$1` that have something waiting, each with when its first is due: two looks into an index a
/// destination, however much waits there.
const ROUTES: &str = "WITH RECURSIVE r(route, number) AS (\
    SELECT (SELECT min(route) FROM queue_recipient WHERE state = 'waiting' AND route > $1), 1 \
    UNION ALL SELECT (SELECT min(q.route) FROM queue_recipient q WHERE q.state = 'waiting' AND q.route > r.route), \
    r.number + 1 FROM r WHERE r.route IS NOT NULL AND r.number < $2) \
    SELECT route, (SELECT min(q.next_at) FROM queue_recipient q WHERE q.state = 'waiting' AND q.route = r.route) \
    FROM r WHERE route IS NOT NULL";
const PAUSED: &str = "SELECT route FROM queue_pause ORDER BY route LIMIT $1";
const FLUSHES: &str = "SELECT route, flushed_at FROM queue_flush ORDER BY route LIMIT $1";
const CLAIM: &str = "SELECT message_id, number, address, attempts, notify, original, warned FROM queue_recipient \
    WHERE state = 'waiting' AND route = $1 AND next_at <= $2 \
    ORDER BY next_at, message_id, number LIMIT $3 {skip locked}";
const TAKE: &str = "UPDATE queue_recipient SET state = 'sending', attempts = attempts + 1, lease_by = $3, \
    lease_until = $4, last_at = $5 WHERE message_id = $1 AND number {in $2} AND state = 'waiting'";
const MESSAGES: &str = "SELECT id, organisation_id, account_id, hash, size, sender, envelope_id, return_text, \
    needs_utf8, has_8bit, requires_tls, sign_domain, created_at, release_at, warn_at, expires_at \
    FROM queue_message WHERE id {in $1}";
const EXTEND: &str = "UPDATE queue_recipient SET lease_until = $3 WHERE message_id {in $1} AND state = 'sending' \
    AND lease_by = $2";
const EXPIRED: &str = "SELECT message_id, number FROM queue_recipient WHERE state = 'sending' AND lease_until <= $1 \
    AND lease_by <> $2 ORDER BY lease_until LIMIT $3 {skip locked}";
const GIVE_BACK: &str = "UPDATE queue_recipient SET state = 'waiting', lease_by = NULL, lease_until = NULL \
    WHERE message_id = $1 AND number = $2 AND state = 'sending'";
const RELEASE: &str = "UPDATE queue_recipient SET state = 'waiting', attempts = attempts - 1, lease_by = NULL, \
    lease_until = NULL WHERE message_id {in $1} AND state = 'sending' AND lease_by = $2 \
    AND ($3 = '*' OR route = $3)";
/// Leases of nodes that went away, taken back at a time.
const EXPIRED_ROWS: i64 = 500;
/// Paused destinations that are asked for.
const PAUSED_ROWS: i64 = 10_000;

/// A destination with something that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRoute {
    /// The domain, or an address literal in brackets.
    pub route: String,
    /// When its first recipient is due, milliseconds since 1970.
    pub next_at: i64,
}

/// A recipient that is being sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Its place in the message.
    pub number: i64,
    /// The address.
    pub address: String,
    /// Which attempt this is, from 1.
    pub attempt: i64,
    /// What the sender wants to hear.
    pub notify: Notify,
    /// The address that it was sent to first, with its type.
    pub original: Option<String>,
    /// Whether the sender was told that it is late.
    pub warned: bool,
}

/// A message with those of its recipients that this node sends to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The message.
    pub message: Message,
    /// The destination of these recipients.
    pub route: String,
    /// The recipients.
    pub recipients: Vec<Recipient>,
}

/// In whose name recipients are taken, and until when.
#[derive(Debug, Clone)]
pub struct Lease {
    /// A name of this run of this node, never used again.
    pub node: String,
    /// How long a lease lasts that is not extended.
    pub lasts_ms: i64,
}

/// What there is to do, as one look found it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Destinations with something that waits.
    pub routes: Vec<DueRoute>,
    /// Destinations that are paused; `*` for all.
    pub paused: Vec<String>,
    /// When all that waits for a destination was last wanted to be tried, milliseconds since 1970; `*` for all.
    pub flushes: Vec<(String, i64)>,
}

impl Queue {
    /// Destinations behind `after` in alphabetical order, at most `limit`, and which are paused.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn due(&self, after: &str, limit: i64) -> Result<Due> {
        let after = after.to_owned();
        self.0
            .read(move |tx| {
                let routes = tx.query(ROUTES, params![&after, limit], |row| {
                    Ok(DueRoute { route: row.text(0)?, next_at: row.opt_int(1)?.unwrap_or(0) })
                })?;
                let paused = tx.query(PAUSED, params![PAUSED_ROWS], |row| row.text(0))?;
                let flushes =
                    tx.query(FLUSHES, params![PAUSED_ROWS], |row| Ok((row.text(0)?, row.int(1)?)))?;
                Ok(Due { routes, paused, flushes })
            })
            .await
    }

    /// Takes at most `limit` recipients of a destination that are due, grouped by message.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn claim(&self, ctx: &Ctx, route: &str, limit: i64, lease: &Lease) -> Result<Vec<Claimed>> {
        let (now_ms, route, lease) = (ctx.now_ms(), route.to_owned(), lease.clone());
        self.0.write([], move |tx| claim(tx, now_ms, &route, limit, &lease)).await
    }

    /// Extends the leases on recipients of these messages.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn extend(&self, ctx: &Ctx, messages: Vec<i64>, lease: &Lease) -> Result<()> {
        let until = ctx.now_ms().saturating_add(lease.lasts_ms);
        let node = lease.node.clone();
        self.0.write([], move |tx| tx.later(EXTEND, params![&messages, &node, until])).await
    }

    /// Gives recipients of these messages at a destination back untried, or with `*` at all destinations.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn release(&self, messages: Vec<i64>, route: &str, lease: &Lease) -> Result<()> {
        let (node, route) = (lease.node.clone(), route.to_owned());
        self.0.write([], move |tx| tx.later(RELEASE, params![&messages, &node, &route])).await?;
        self.wake();
        Ok(())
    }

    /// Takes back what nodes that went away had leased; how many recipients.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn take_back(&self, ctx: &Ctx, lease: &Lease) -> Result<usize> {
        let (now_ms, node) = (ctx.now_ms(), lease.node.clone());
        self.take_back_before(now_ms, node).await
    }

    /// Takes back all leases but those of this node: for the one process that an embedded database has, at its
    /// start.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn take_back_all(&self, lease: &Lease) -> Result<usize> {
        if self.0.notifier().has_others() {
            return Ok(0);
        }
        self.take_back_before(i64::MAX, lease.node.clone()).await
    }

    async fn take_back_before(&self, before_ms: i64, node: String) -> Result<usize> {
        let mut all = 0;
        loop {
            let node = node.clone();
            let count = self
                .0
                .write([], move |tx| {
                    let rows = tx.query(EXPIRED, params![before_ms, &node, EXPIRED_ROWS], |row| {
                        Ok((row.int(0)?, row.int(1)?))
                    })?;
                    for (message, number) in &rows {
                        tx.later(GIVE_BACK, params![*message, *number])?;
                    }
                    Ok(rows.len())
                })
                .await?;
            all += count;
            if i64::try_from(count).unwrap_or(0) < EXPIRED_ROWS {
                return Ok(all);
            }
        }
    }
}

fn claim(tx: &mut Tx<'_>, now_ms: i64, route: &str, limit: i64, lease: &Lease) -> Result<Vec<Claimed>> {
    let rows = tx.query(CLAIM, params![route, now_ms, limit], |row| {
        let recipient = Recipient {
            number: row.int(1)?,
            address: row.text(2)?,
            attempt: row.int(3)? + 1,
            notify: Notify::from_number(row.int(4)?),
            original: row.opt_text(5)?,
            warned: row.flag(6)?,
        };
        Ok((row.int(0)?, recipient))
    })?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut ids: Vec<i64> = rows.iter().map(|(message, _)| *message).collect();
    ids.dedup();
    let messages = tx.query(MESSAGES, params![&ids], message)?;
    let mut claimed: Vec<Claimed> = Vec::new();
    for message in messages {
        claimed.push(Claimed { message, route: route.to_owned(), recipients: Vec::new() });
    }
    claimed.sort_by_key(|claimed| ids.iter().position(|id| *id == claimed.message.id));
    for (id, recipient) in rows {
        if let Some(found) = claimed.iter_mut().find(|claimed| claimed.message.id == id) {
            found.recipients.push(recipient);
        }
    }
    let until = now_ms.saturating_add(lease.lasts_ms);
    for one in &claimed {
        let numbers: Vec<i64> = one.recipients.iter().map(|recipient| recipient.number).collect();
        tx.later(TAKE, params![one.message.id, numbers, &lease.node, until, now_ms])?;
    }
    Ok(claimed)
}

pub(super) fn message(row: &Row<'_>) -> Result<Message> {
    Ok(Message {
        id: row.int(0)?,
        organisation: OrganisationId(row.int(1)?),
        account: AccountId(row.int(2)?),
        hash: row.hash(3)?,
        size: row.int(4)?,
        sender: row.text(5)?,
        envelope_id: row.opt_text(6)?,
        return_text: ReturnText::from_name(row.str(7)?),
        needs_utf8: row.flag(8)?,
        has_8bit: row.flag(9)?,
        requires_tls: row.flag(10)?,
        sign_domain: row.opt_text(11)?,
        created_at: row.int(12)?,
        release_at: row.int(13)?,
        warn_at: row.int(14)?,
        expires_at: row.int(15)?,
    })
}

/// The columns of a message, for [`message`].
pub(super) const MESSAGE_BY_IDS: &str = MESSAGES;
