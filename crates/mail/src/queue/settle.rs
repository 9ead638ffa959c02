//! What became of an attempt: recipients go, wait for another attempt, and their sender is told.

use base::{AccountId, Ctx, Error, Meaning, Random, Result};
use bytes::Bytes;
use store::{Blobs, Tx, params};

use super::claim::{Claimed, Lease, Recipient};
use super::dsn::{self, Action, Report, Reporter};
use super::message::{Body, NewMessage, NewRecipient, Notify, ReturnText, shorten};
use super::{NEW, Queue, TOPIC};
use crate::submission::{NOTE_CHANGED, NOTE_RECIPIENT, NOTE_STATE};

const DONE: &str = "DELETE FROM queue_recipient WHERE message_id = $1 AND number {in $2} AND state = 'sending' \
    AND lease_by = $3";
const AGAIN: &str = "UPDATE queue_recipient SET state = 'waiting', next_at = $4, last_reply = $5, warned = $6, \
    lease_by = NULL, lease_until = NULL WHERE message_id = $1 AND number = $2 AND state = 'sending' AND lease_by = $3";
const STILL: &str = "SELECT count(*) FROM queue_recipient WHERE message_id = $1 AND number {in $2} \
    AND state = 'sending' AND lease_by = $3";
pub(super) const EMPTY: &str = "DELETE FROM queue_message WHERE id = $1 AND NOT EXISTS \
    (SELECT 1 FROM queue_recipient r WHERE r.message_id = $1)";
/// Bytes of an answer that are kept.
const REPLY_BYTES: usize = 1_000;
const SECOND_MS: i64 = 1_000;

/// What a server answered, or what went wrong before it could.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The SMTP code; none when no server answered.
    pub code: Option<u16>,
    /// The enhanced status code (RFC 3463) such as `5.1.1`; empty: none was given.
    pub enhanced: String,
    /// The text, in one line.
    pub text: String,
    /// The host that answered, or was to answer.
    pub from: Option<String>,
}

impl Reply {
    /// What went wrong on our side, or on the way, with an enhanced status code.
    pub fn local(enhanced: &str, text: impl Into<String>) -> Self {
        Self { code: None, enhanced: enhanced.to_owned(), text: text.into(), from: None }
    }

    /// The answer as one line: `550 5.1.1 no such user`.
    pub fn line(&self) -> String {
        let code = self.code.map(|code| code.to_string());
        let parts = [code.as_deref().unwrap_or_default(), &self.enhanced, &self.text];
        let said: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        shorten(&said.join(" "), REPLY_BYTES).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    /// The status that a report carries: what the server gave if it fits, else one without detail.
    pub(super) fn status(&self, action: Action) -> String {
        let class = match action {
            Action::Failed => ['5', '4'].as_slice(),
            Action::Delayed => &['4'],
            Action::Delivered | Action::Relayed => &['2'],
        };
        match self.enhanced.chars().next() {
            Some(first) if class.contains(&first) => self.enhanced.clone(),
            _ => format!("{}.0.0", class.first().copied().unwrap_or('5')),
        }
    }
}

/// How an attempt ended for a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The next server has it, and reports on what follows if that was asked for.
    Delivered,
    /// The next server has it, and cannot report.
    Relayed,
    /// It may work later.
    Deferred,
    /// It will never work.
    Failed,
}

/// What became of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its place in the message.
    pub number: i64,
    /// How the attempt ended.
    pub verdict: Verdict,
    /// What was answered.
    pub reply: Reply,
    /// Whether the mailbox is here: a delivery that is to be reported is ours to report.
    pub is_final: bool,
}

/// How many recipients of an attempt met with what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Delivered or passed on.
    pub delivered: usize,
    /// Waiting for another attempt.
    pub deferred: usize,
    /// Given up.
    pub failed: usize,
}

/// One recipient's fate, decided.
struct Fate<'c> {
    recipient: &'c Recipient,
    reply: Reply,
    action: Option<Action>,
    /// When it is tried again; none: it is settled.
    next_at: Option<i64>,
    /// When it is settled: whether it lies in a mailbox, as the record of a submission says it.
    delivered: &'static str,
}

impl Queue {
    /// Notes what became of recipients that this node had leased, and queues the reports to their sender.
    ///
    /// # Errors
    /// `Conflict` when the lease was lost: another node sends it again. Those of the database and the blob store.
    pub async fn settle(
        &self,
        ctx: &Ctx,
        blobs: &Blobs,
        claimed: &Claimed,
        outcomes: Vec<Outcome>,
        (lease, reporter): (&Lease, &Reporter),
    ) -> Result<Settled> {
        let fates: Vec<Fate<'_>> = (claimed.recipients.iter())
            .filter_map(|recipient| {
                let outcome = outcomes.iter().find(|outcome| outcome.number == recipient.number)?;
                Some(decide(ctx, claimed, recipient, outcome))
            })
            .collect();
        let reports = self.reports(ctx, blobs, claimed, &fates, reporter).await?;
        let rows: Vec<Row> = fates.iter().map(Row::of).collect();
        let settled = count(&fates);
        let (id, node, own) = (claimed.message.id, lease.node.clone(), ctx.clone());
        let account = claimed.message.account;
        let queue = self.clone();
        self.0
            .write([], move |tx| {
                note(tx, id, &node, &rows)?;
                // What the server itself sends nobody submitted.
                if account.0 != 0 {
                    note_submission(tx, id, account, &rows)?;
                }
                for report in &reports {
                    queue.enqueue(tx, &own, report)?;
                }
                let notifier = queue.0.notifier().clone();
                tx.after_commit(move || notifier.publish(TOPIC, NEW));
                Ok(())
            })
            .await?;
        Ok(settled)
    }

    /// The reports that these fates cause: one for each action, to a sender who can be told.
    async fn reports(
        &self,
        ctx: &Ctx,
        blobs: &Blobs,
        claimed: &Claimed,
        fates: &[Fate<'_>],
        reporter: &Reporter,
    ) -> Result<Vec<NewMessage>> {
        let message = &claimed.message;
        let mut reports = Vec::new();
        if message.sender.is_empty() {
            return Ok(reports);
        }
        for action in [Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed] {
            let about: Vec<Report<'_>> = (fates.iter())
                .filter(|fate| fate.action == Some(action))
                .map(|fate| Report { recipient: fate.recipient, action, reply: &fate.reply })
                .collect();
            if about.is_empty() {
                continue;
            }
            let original = returned_bytes(ctx, blobs, claimed, action).await?;
            let moment = (ctx.now_ms(), ctx.random.u64());
            let text = dsn::write(reporter, message, &original, &about, moment)?;
            let has_8bit = !text.is_ascii();
            let put = blobs.put(message.organisation, Bytes::from(text)).await?;
            let to = NewRecipient { notify: Notify::NEVER, ..NewRecipient::new(&message.sender) };
            let report = NewMessage::new(message.organisation, Body::Put(put), "", [to]);
            reports.push(NewMessage { has_8bit, needs_utf8: message.needs_utf8, ..report });
        }
        Ok(reports)
    }
}

/// As much of the message as its report brings back.
async fn returned_bytes(ctx: &Ctx, blobs: &Blobs, claimed: &Claimed, action: Action) -> Result<Bytes> {
    let message = &claimed.message;
    let size = u64::try_from(message.size).unwrap_or(0);
    let is_whole = action == Action::Failed
        && message.return_text == ReturnText::Full
        && size <= ctx.limits.queue_returned_bytes;
    let end = if is_whole { size } else { size.min(ctx.limits.queue_returned_bytes) };
    match blobs.read(message.organisation, message.hash, Some(0..end)).await {
        Ok(bytes) if is_whole => Ok(bytes),
        Ok(bytes) => Ok(bytes.slice_ref(dsn::header_of(&bytes))),
        // The sender hears of the failure all the same.
        Err(error) if error.meaning() == Meaning::NotFound => Ok(Bytes::new()),
        Err(error) => Err(error),
    }
}

fn decide<'c>(ctx: &Ctx, claimed: &Claimed, recipient: &'c Recipient, outcome: &Outcome) -> Fate<'c> {
    let (message, now_ms) = (&claimed.message, ctx.now_ms());
    let reply = outcome.reply.clone();
    let delivered = match outcome.verdict {
        Verdict::Delivered if outcome.is_final => "yes",
        Verdict::Delivered | Verdict::Relayed => "unknown",
        Verdict::Deferred | Verdict::Failed => "no",
    };
    let settled =
        |action: Option<Action>, reply: Reply| Fate { recipient, reply, action, next_at: None, delivered };
    match outcome.verdict {
        Verdict::Delivered if outcome.is_final && recipient.notify.success() => {
            settled(Some(Action::Delivered), reply)
        }
        Verdict::Relayed if recipient.notify.success() => settled(Some(Action::Relayed), reply),
        Verdict::Delivered | Verdict::Relayed => settled(None, reply),
        Verdict::Failed => settled(recipient.notify.failure().then_some(Action::Failed), reply),
        Verdict::Deferred if now_ms >= message.expires_at => {
            let days = (now_ms - message.release_at) / (86_400 * SECOND_MS);
            let text = format!("{} (given up after {days} days)", reply.text);
            settled(recipient.notify.failure().then_some(Action::Failed), Reply { text, ..reply })
        }
        Verdict::Deferred => {
            let wait_ms = backoff_ms(ctx, recipient.attempt, &ctx.random);
            // The last attempt is when the time is over, not long after it.
            let next_at = now_ms.saturating_add(wait_ms).min(message.expires_at);
            let is_late = now_ms >= message.warn_at && !recipient.warned && recipient.notify.delay();
            let action = is_late.then_some(Action::Delayed);
            Fate { recipient, reply, action, next_at: Some(next_at), delivered: "queued" }
        }
    }
}

/// How long to wait after the `attempt`th failure: doubled each time up to a bound, give or take a tenth, so that
/// what failed together does not come back together.
pub(super) fn backoff_ms(ctx: &Ctx, attempt: i64, random: &Random) -> i64 {
    let seconds = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_MS);
    let doublings = u32::try_from(attempt.clamp(1, 24) - 1).unwrap_or(0);
    let first = seconds(ctx.limits.queue_retry_first_seconds);
    let middle = first.saturating_mul(1 << doublings).min(seconds(ctx.limits.queue_retry_last_seconds));
    let spread = i64::try_from(random.u64() % 200).unwrap_or(0);
    middle - middle / 10 + middle / 1_000 * spread
}

/// A recipient's row as it becomes; its own copy, since a transaction may run again.
#[derive(Clone)]
struct Row {
    number: i64,
    next_at: Option<i64>,
    reply: String,
    warned: bool,
    delivered: &'static str,
}

impl Row {
    fn of(fate: &Fate<'_>) -> Self {
        let warned = fate.recipient.warned || fate.action == Some(Action::Delayed);
        let (number, delivered) = (fate.recipient.number, fate.delivered);
        Self { number, next_at: fate.next_at, reply: fate.reply.line(), warned, delivered }
    }
}

fn note(tx: &mut Tx<'_>, id: i64, node: &str, rows: &[Row]) -> Result<()> {
    let numbers: Vec<i64> = rows.iter().map(|row| row.number).collect();
    let held = tx.query_one(STILL, params![id, &numbers, node], |row| row.int(0))?;
    if usize::try_from(held).ok() != Some(rows.len()) {
        return Err(Error::conflict("queued message", "was taken over by another node, or removed"));
    }
    let done: Vec<i64> = rows.iter().filter(|row| row.next_at.is_none()).map(|row| row.number).collect();
    for row in rows {
        if let Some(next_at) = row.next_at {
            tx.later(AGAIN, params![id, row.number, node, next_at, &row.reply, row.warned])?;
        }
    }
    if !done.is_empty() {
        tx.later(DONE, params![id, done, node])?;
        tx.later(EMPTY, params![id])?;
    }
    Ok(())
}

/// Notes the same in the record of what a person submitted, where there is one.
fn note_submission(tx: &mut Tx<'_>, id: i64, account: AccountId, rows: &[Row]) -> Result<()> {
    for row in rows.iter().filter(|row| row.next_at.is_none()) {
        tx.later(NOTE_RECIPIENT, params![id, row.number, row.delivered, &row.reply])?;
    }
    tx.later(NOTE_STATE, params![id, account])?;
    tx.later(NOTE_CHANGED, params![id])
}

fn count(fates: &[Fate<'_>]) -> Settled {
    let mut settled = Settled::default();
    for fate in fates {
        match (fate.next_at, fate.action) {
            (Some(_), _) => settled.deferred += 1,
            (None, Some(Action::Failed)) => settled.failed += 1,
            (None, _) => settled.delivered += 1,
        }
    }
    settled
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base::{Clock, Limits};

    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let ctx = Ctx::system(Clock::manual(0), Random::seeded(1), Arc::new(Limits::default()));
        for (attempt, middle) in [(1, 300_000), (2, 600_000), (4, 2_400_000), (20, 14_400_000)] {
            let wait = backoff_ms(&ctx, attempt, &ctx.random);
            assert!((middle * 9 / 10..=middle * 11 / 10).contains(&wait), "{attempt}: {wait}");
        }
    }

    #[test]
    fn a_status_fits_its_action() {
        let reply = Reply { code: Some(550), enhanced: "5.1.1".into(), text: "no".into(), from: None };
        assert_eq!(reply.status(Action::Failed), "5.1.1");
        assert_eq!(reply.status(Action::Delayed), "4.0.0");
        assert_eq!(reply.line(), "550 5.1.1 no");
        assert_eq!(Reply::local("4.4.1", "x").status(Action::Failed), "4.4.1");
    }
}
