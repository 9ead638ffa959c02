//! The delivery of a message to mailboxes.
//!
//! What must stay true here:
//! - The message is read once, its body is stored once an organisation, and all recipients of an organisation get it
//!   in one transaction (as many as `delivery_recipients` at a time).
//! - When a recipient's outcome is "delivered", body and rows are durable.
//! - What one recipient lacks (quota, a mailbox) fails for that recipient alone.
//! - What a rule throws away was put into the inbox and removed in the same commit, so that it can be found again.

mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{AccountId, CollectionId, Ctx, Error, Meaning, ObjectId, OrganisationId, Result, Seq};
use bytes::Bytes;
use directory::resolve::Recipient;
use kernel::{Batch, Many};
use store::blobs::Put;
use store::sql::Locks;

use crate::messages::{Read, append};
use crate::queue::Queue;
use crate::{Mail, mailboxes, sieve};
use plan::{Plan, Target};

/// A message that arrives.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The message, with what we put before it.
    pub message: Bytes,
    /// How many of its first bytes are ours (Return-Path, Received, verdicts).
    pub trace_bytes: usize,
    /// When it arrived, milliseconds since 1970.
    pub received_at: i64,
    /// Who sent it (MAIL FROM); empty for the null sender.
    pub sender: String,
    /// It was found to be spam.
    pub junk: bool,
}

/// One whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rcpt {
    /// The mailbox that receives it.
    pub recipient: Recipient,
    /// The address that was written to.
    pub address: String,
    /// What stood after the separator in it.
    pub detail: Option<String>,
}

/// Where a delivered message lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Whose mailbox.
    pub account: AccountId,
    /// The mailboxes with the UID in each; none when a rule threw it away.
    pub places: Vec<(CollectionId, u32)>,
    /// The object.
    pub object: Option<ObjectId>,
    /// The commit.
    pub seq: Seq,
}

/// The same error for another recipient.
fn again(error: &Error) -> Error {
    Error::new(error.meaning(), error.field().to_owned(), error.rule().to_owned())
}

/// What the transaction of some recipients of one organisation works with.
struct Work {
    message: Read,
    body: Put,
    received_at: i64,
    plans: Vec<Plan>,
}

impl Mail {
    /// Delivers a message to recipients, each of whom is answered for, in their order. A message that a filter of the
    /// recipient refuses is an error `Forbidden` about `message`, whose rule is the reason for the sender.
    pub async fn deliver(&self, ctx: &Ctx, incoming: &Incoming, rcpts: Vec<Rcpt>) -> Vec<Result<Delivered>> {
        let mut outcomes: Vec<Option<Result<Delivered>>> = rcpts.iter().map(|_| None).collect();
        let message = match append::read(self, &incoming.message, incoming.trace_bytes).await {
            Ok(message) => message,
            Err(error) => return rcpts.iter().map(|_| Err(again(&error))).collect(),
        };
        let mut by_organisation: BTreeMap<OrganisationId, Vec<(usize, Rcpt)>> = BTreeMap::new();
        for (index, rcpt) in rcpts.into_iter().enumerate() {
            by_organisation.entry(rcpt.recipient.organisation).or_default().push((index, rcpt));
        }
        let at_once = usize::try_from(ctx.limits.delivery_recipients).unwrap_or(usize::MAX).max(1);
        for (organisation, rcpts) in by_organisation {
            for some in rcpts.chunks(at_once) {
                let done = self.deliver_some(ctx, incoming, &message, organisation, some).await;
                for ((index, _), outcome) in some.iter().zip(done) {
                    if let Some(slot) = outcomes.get_mut(*index) {
                        *slot = Some(outcome);
                    }
                }
            }
        }
        let missing = || Err(Error::corrupt("delivery", "a recipient was passed over; please report it"));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }

    async fn deliver_some(
        &self,
        ctx: &Ctx,
        incoming: &Incoming,
        message: &Read,
        organisation: OrganisationId,
        rcpts: &[(usize, Rcpt)],
    ) -> Vec<Result<Delivered>> {
        let all = |error: &Error| rcpts.iter().map(|_| Err(again(error))).collect();
        let body = match self.put_body(organisation, &incoming.message, incoming.trace_bytes).await {
            Ok(body) => body,
            Err(error) => return all(&error),
        };
        let recipients: Vec<Recipient> = rcpts.iter().map(|(_, rcpt)| rcpt.recipient.clone()).collect();
        for recipient in &recipients {
            // Filters find the mailboxes that every account has. What fails here is said when the plan is made.
            let _ = self.inbox(ctx, recipient.account).await;
        }
        let rules = match self.filter().rules(ctx, &recipients).await {
            Ok(rules) => rules,
            Err(error) => return all(&error),
        };
        let mut outcomes = Vec::with_capacity(rcpts.len());
        let mut plans = Vec::with_capacity(rcpts.len());
        for ((_, rcpt), rules) in rcpts.iter().zip(&rules) {
            match self.plan(ctx, incoming, rcpt, rules).await {
                Ok(plan) => {
                    plans.push(plan);
                    outcomes.push(None);
                }
                Err(error) => outcomes.push(Some(Err(error))),
            }
        }
        let received_at = incoming.received_at;
        let work = Arc::new(Work { message: message.clone(), body, received_at, plans });
        let mut done = self.write(ctx, &work).await.into_iter();
        let mut next = |_: &Rcpt| done.next().unwrap_or_else(|| Err(Error::corrupt("delivery", "was lost")));
        outcomes
            .into_iter()
            .zip(rcpts)
            .map(|(outcome, (_, rcpt))| outcome.unwrap_or_else(|| next(rcpt)))
            .collect()
    }

    /// One outcome a plan.
    async fn write(&self, ctx: &Ctx, work: &Arc<Work>) -> Vec<Result<Delivered>> {
        if work.plans.is_empty() {
            return Vec::new();
        }
        let locks = Locks {
            accounts: work.plans.iter().map(|plan| plan.account.0).collect(),
            collections: work
                .plans
                .iter()
                .flat_map(|plan| plan.mailboxes())
                .map(|mailbox| mailbox.0)
                .collect(),
        };
        let (shared, trusted, queue) = (work.clone(), ctx.trusted(), self.queue());
        let written = self.kernel().write_many(&trusted, locks, move |many| {
            shared.plans.iter().map(|plan| put(many, &queue, &shared, plan)).collect::<Result<Vec<_>>>()
        });
        match written.await {
            Ok(outcomes) => outcomes,
            Err(error) if work.plans.len() == 1 => {
                if error.meaning() == Meaning::NotFound {
                    // The mailbox went in between; the next try asks for it again.
                    work.plans.iter().for_each(|plan| self.inboxes().forget(plan.account));
                    return vec![Err(Error::unavailable("mailbox", "changed meanwhile; try again"))];
                }
                vec![Err(error)]
            }
            // Whose fault it is shows when each has a transaction of its own.
            Err(_) => {
                let mut outcomes = Vec::with_capacity(work.plans.len());
                for plan in &work.plans {
                    let one = Arc::new(Work {
                        message: work.message.clone(),
                        body: work.body.clone(),
                        received_at: work.received_at,
                        plans: vec![plan.clone()],
                    });
                    outcomes.extend(Box::pin(self.write(ctx, &one)).await);
                }
                outcomes
            }
        }
    }
}

/// Carries out the plan of one recipient. The inner error is that recipient's alone: nothing was written for it.
fn put(many: &mut Many<'_, '_>, queue: &Queue, work: &Work, plan: &Plan) -> Result<Result<Delivered>> {
    let ctx = many.ctx().clone();
    many.batch(plan.account, |batch| {
        let size =
            |target: &Target| target.changed.as_ref().map_or(&work.message, |changed| &changed.0).size();
        let needed = plan.puts.iter().map(size).fold(0_i64, i64::saturating_add);
        let over = |quota: i64| batch.used_bytes().saturating_add(needed) > quota;
        if !plan.discarded && plan.quota_bytes.is_some_and(over) {
            return Ok(Err(Error::new(
                Meaning::OverQuota,
                "mailbox",
                "is full; it takes no more mail for now",
            )));
        }
        let mut places = Vec::with_capacity(plan.puts.len());
        let (mut first, mut object) = (None, None);
        for target in &plan.puts {
            let (at, keywords) = (target.mailbox, &target.keywords);
            let made = match (&target.changed, first) {
                (Some((message, body)), _) => message.put(batch, at, body, work.received_at, keywords)?,
                (None, None) => work.message.put(batch, at, &work.body, work.received_at, keywords)?,
                (None, Some(object)) => {
                    crate::messages::put_again(batch, at, object, work.message.size(), keywords)?
                }
            };
            if target.changed.is_none() {
                first.get_or_insert(made.object);
            }
            if plan.discarded {
                batch.destroy(at, &[made.item])?;
            } else {
                places.push((at, mailboxes::uid(made.item.0)?));
            }
            object.get_or_insert(made.object);
        }
        send(batch, queue, &ctx, work.received_at, plan)?;
        Ok(Ok(Delivered { account: plan.account, places, object, seq: batch.seq() }))
    })
}

/// What filters send and remember, in the transaction of the delivery: it is sent if the message is delivered.
fn send(batch: &mut Batch<'_, '_>, queue: &Queue, ctx: &Ctx, received_at: i64, plan: &Plan) -> Result<()> {
    let (account, now) = (batch.account(), ctx.now_ms());
    for seen in &plan.seen {
        sieve::claim(batch.tx(), &ctx.limits, account, seen, now)?;
    }
    for message in &plan.sends {
        queue.enqueue(batch.tx(), ctx, message)?;
    }
    if let Some(answer) = &plan.answer
        && sieve::claim(batch.tx(), &ctx.limits, account, &answer.seen, now)?
    {
        queue.enqueue(batch.tx(), ctx, &answer.message)?;
        for target in &answer.copies {
            if let Some((message, body)) = &target.changed {
                message.put(batch, target.mailbox, body, received_at, &target.keywords)?;
            }
        }
    }
    Ok(())
}
