//! The statements on the table of jobs.

use base::{AccountId, Error, Result};

use super::enqueue::Priority;
use super::{Claim, Jobs, NewJob, TOPIC};
use crate::sql::{Bulk, Read, Row, Tx, Type};

/// Counts stop here: a queue that long needs no exact number.
const COUNT_LIMIT: i64 = 10_000;
/// Claims of nodes that went away, taken back at a time.
const RECOVER: i64 = 100;
const ERROR_CHARS: usize = 2_000;

/// For each queue: when its first job is due, by priority.
const DUE: &str = "WITH q(name) AS ({texts $1}) SELECT q.name, \
    (SELECT min(run_at) FROM job WHERE state = 'waiting' AND queue = q.name AND priority = 0), \
    (SELECT min(run_at) FROM job WHERE state = 'waiting' AND queue = q.name AND priority = 1), \
    (SELECT min(run_at) FROM job WHERE state = 'waiting' AND queue = q.name AND priority = 2) FROM q";
const NEXT_EXPIRY: &str = "SELECT min(claimed_until) FROM job WHERE state = 'running'";
const CLAIM: &str = "SELECT id, payload, attempts, account_id, created_at FROM job \
    WHERE state = 'waiting' AND queue = $1 AND priority = $2 AND run_at <= $3 \
    ORDER BY run_at, id LIMIT $4 {skip locked}";
const CLAIMED: &str = "UPDATE job SET state = 'running', attempts = attempts + 1, claimed_by = $2, \
    claimed_until = $3 WHERE id {in $1}";
const EXTEND: &str = "UPDATE job SET claimed_until = $3 WHERE id {in $1} AND claimed_by = $2 \
    AND state = 'running'";
const STILL: &str = "SELECT id, attempts FROM job WHERE id {in $1} AND claimed_by = $2";
const FINISH: &str = "DELETE FROM job WHERE id = $1 AND claimed_by = $2 AND attempts = $3";
const EXPIRED: &str = "SELECT id, queue, attempts, claimed_by FROM job WHERE state = 'running' \
    AND claimed_until <= $1 ORDER BY claimed_until LIMIT $2 {skip locked}";
const TWIN: &str = "DELETE FROM job WHERE id = $1 AND state <> 'waiting' AND dedupe_key IS NOT NULL AND EXISTS \
    (SELECT 1 FROM job w WHERE w.state = 'waiting' AND w.dedupe_key IS NOT NULL AND w.queue = job.queue \
     AND w.dedupe_key = job.dedupe_key)";
const RELEASE: &str = "UPDATE job SET state = 'waiting', run_at = $4, attempts = $5, \
    last_error = coalesce($6, last_error), claimed_by = NULL, claimed_until = NULL \
    WHERE id = $1 AND claimed_by = $2 AND attempts = $3";
const BURY: &str = "UPDATE job SET state = 'dead', run_at = $4, last_error = $5, claimed_by = NULL, \
    claimed_until = NULL WHERE id = $1 AND claimed_by = $2 AND attempts = $3";
const DEAD: &str = "SELECT id, queue, payload, attempts, run_at, created_at, account_id, last_error FROM job \
    WHERE state = 'dead' AND (queue, run_at, id) > ($1, $2, $3) ORDER BY queue, run_at, id LIMIT $4";
const REVIVE: &str = "UPDATE job SET state = 'waiting', attempts = 0, run_at = $2 \
    WHERE id = $1 AND state = 'dead' RETURNING queue";
const REMOVE: &str = "DELETE FROM job WHERE id = $1 AND state = 'dead'";
const DEPTHS: &str = "WITH q(name) AS ({texts $1}) SELECT q.name, \
    (SELECT count(*) FROM (SELECT 1 FROM job WHERE state = 'waiting' AND queue = q.name \
      ORDER BY priority, run_at LIMIT $2) AS w), \
    (SELECT count(*) FROM (SELECT 1 FROM job WHERE state = 'dead' AND queue = q.name \
      ORDER BY run_at LIMIT $2) AS d) FROM q";
const RUNNING: &str = "SELECT queue, count(*) FROM job WHERE state = 'running' GROUP BY queue";
const EVERY: &str = "INSERT INTO job_every (queue, every_ms, next_at) VALUES ($1, $2, $3) ON CONFLICT (queue) \
    DO UPDATE SET every_ms = excluded.every_ms, next_at = excluded.next_at \
    WHERE job_every.every_ms <> excluded.every_ms";
const EVERY_NEXT: &str = "SELECT min(next_at) FROM job_every WHERE queue IN ({texts $1})";
const EVERY_FIRE: &str = "UPDATE job_every SET next_at = $2, last_at = $3 WHERE queue = $1 AND next_at <= $3";
const IN_RUN: &str = "SELECT id FROM job WHERE state = 'running' AND queue = $1 \
    ORDER BY claimed_until LIMIT 1";

/// Every statement with its name, so that tests can look at the plans of both engines.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("due", DUE),
    ("next expiry", NEXT_EXPIRY),
    ("claim", CLAIM),
    ("claimed", CLAIMED),
    ("extend", EXTEND),
    ("still", STILL),
    ("finish", FINISH),
    ("expired", EXPIRED),
    ("twin", TWIN),
    ("release", RELEASE),
    ("bury", BURY),
    ("dead", DEAD),
    ("revive", REVIVE),
    ("remove", REMOVE),
    ("depths", DEPTHS),
    ("running", RUNNING),
    ("every", EVERY),
    ("every next", EVERY_NEXT),
    ("every fire", EVERY_FIRE),
    ("in run", IN_RUN),
];

static FINISH_BULK: Bulk =
    Bulk::delete("job", &[("id", Type::Int), ("claimed_by", Type::Text), ("attempts", Type::Int)]);

/// A job that was tried too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadJob {
    /// Its number.
    pub id: i64,
    /// Its queue.
    pub queue: String,
    /// Its fields as JSON.
    pub payload: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Since when it is dead, milliseconds since 1970.
    pub dead_at: i64,
    /// When it was asked for, milliseconds since 1970.
    pub created_at: i64,
    /// The account it is for, if it is for one.
    pub account: Option<AccountId>,
    /// Why the last attempt failed.
    pub last_error: String,
}

/// How full a queue is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Depth {
    /// The queue.
    pub queue: String,
    /// Jobs that wait, at most 10,000.
    pub waiting: i64,
    /// Jobs that run on any node.
    pub running: i64,
    /// Dead jobs, at most 10,000.
    pub dead: i64,
    /// For how long the job that waits longest is due, in milliseconds; 0 when none is due.
    pub oldest_due_ms: i64,
}

pub(super) struct Claimed {
    pub(super) claim_id: i64,
    pub(super) payload: String,
    pub(super) attempt: i64,
    pub(super) account: Option<AccountId>,
    pub(super) created_at: i64,
}

/// When the next things are due.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// For each queue asked for, the earliest `run_at` by priority.
    pub(super) queues: Vec<(String, [Option<i64>; 3])>,
    pub(super) expiry: Option<i64>,
    pub(super) every: Option<i64>,
}

pub(super) fn due(tx: &mut Read<'_>, queues: &[String], every: &[String]) -> Result<Due> {
    Ok(Due {
        queues: tx.query(DUE, params![queues], |row| {
            Ok((row.text(0)?, [row.opt_int(1)?, row.opt_int(2)?, row.opt_int(3)?]))
        })?,
        expiry: tx.query(NEXT_EXPIRY, [], |row| row.opt_int(0))?.into_iter().flatten().next(),
        every: match every {
            [] => None,
            _ => tx.query(EVERY_NEXT, params![every], |row| row.opt_int(0))?.into_iter().flatten().next(),
        },
    })
}

/// Claims at most `limit` due jobs of a queue, the urgent ones first.
pub(super) fn claim(
    tx: &mut Tx<'_>,
    (queue, limit): (&str, i64),
    runner: &str,
    now_ms: i64,
    until_ms: i64,
) -> Result<Vec<Claimed>> {
    let mut claimed = Vec::new();
    for priority in Priority::ALL {
        let left = limit - i64::try_from(claimed.len()).unwrap_or(limit);
        if left > 0 {
            claimed.extend(tx.query(CLAIM, params![queue, priority, now_ms, left], |row| {
                Ok(Claimed {
                    claim_id: row.int(0)?,
                    payload: row.text(1)?,
                    attempt: row.int(2)? + 1,
                    account: row.opt_int(3)?.map(AccountId),
                    created_at: row.int(4)?,
                })
            })?);
        }
    }
    if !claimed.is_empty() {
        let ids: Vec<i64> = claimed.iter().map(|job| job.claim_id).collect();
        tx.later(CLAIMED, params![ids, runner, until_ms])?;
    }
    Ok(claimed)
}

/// Extends claims; those that are still held, with their attempt.
pub(super) fn extend(tx: &mut Tx<'_>, ids: &[i64], runner: &str, until_ms: i64) -> Result<Vec<(i64, i64)>> {
    tx.later(EXTEND, params![ids, runner, until_ms])?;
    tx.query(STILL, params![ids, runner], |row| Ok((row.int(0)?, row.int(1)?)))
}

/// Ends a job; whether the claim still stood.
pub(super) fn finish_now(tx: &mut Tx<'_>, claim: &Claim) -> Result<bool> {
    Ok(tx.execute(FINISH, params![claim.id, &*claim.runner, claim.attempt])? == 1)
}

/// Ends a job without asking whether the claim still stood: then the other runner ends it.
pub(super) fn finish_later(tx: &mut Tx<'_>, claim: &Claim) -> Result<()> {
    tx.add(&FINISH_BULK, params![claim.id, &*claim.runner, claim.attempt])
}

/// Lets a job wait again until `run_at`, with `attempts` behind it.
pub(super) fn release(
    tx: &mut Tx<'_>,
    claim: &Claim,
    run_at: i64,
    attempts: i64,
    error: Option<&str>,
) -> Result<()> {
    // The same work was asked for meanwhile: that job does it.
    tx.execute(TWIN, params![claim.id])?;
    let error = error.map(shorten);
    tx.later(RELEASE, params![claim.id, &*claim.runner, claim.attempt, run_at, attempts, error])
}

/// Puts a job aside.
pub(super) fn bury(tx: &mut Tx<'_>, claim: &Claim, now_ms: i64, error: &str) -> Result<()> {
    tx.later(BURY, params![claim.id, &*claim.runner, claim.attempt, now_ms, shorten(error)])
}

fn shorten(error: &str) -> String {
    error.chars().filter(|c| *c != '\0').take(ERROR_CHARS).collect()
}

/// Takes the claims back that nobody extends; how many. `most` says how often a queue's jobs are tried.
pub(super) fn recover(tx: &mut Tx<'_>, now_ms: i64, most: &dyn Fn(&str) -> i64) -> Result<usize> {
    const GONE: &str = "the node that ran it went away";
    let expired = tx.query(EXPIRED, params![now_ms, RECOVER], |row| {
        let claim = Claim { id: row.int(0)?, runner: row.str(3)?.into(), attempt: row.int(2)? };
        Ok((row.text(1)?, claim))
    })?;
    for (queue, claim) in &expired {
        if claim.attempt >= most(queue) {
            bury(tx, claim, now_ms, GONE)?;
        } else {
            release(tx, claim, now_ms, claim.attempt, Some(GONE))?;
        }
    }
    Ok(expired.len())
}

/// Notes work that is done every so often.
pub(super) fn set_every(tx: &mut Tx<'_>, queue: &str, every_ms: i64, now_ms: i64) -> Result<()> {
    tx.execute(EVERY, params![queue, every_ms, next_multiple(now_ms, every_ms)]).map(|_| ())
}

/// Moves the next time of such work on; whether it is this node that asks for it now.
pub(super) fn fire_every(tx: &mut Tx<'_>, queue: &str, every_ms: i64, now_ms: i64) -> Result<bool> {
    let next = next_multiple(now_ms, every_ms);
    let fired = tx.execute(EVERY_FIRE, params![queue, next, now_ms])? == 1;
    // What still runs from the last time is not begun a second time beside itself.
    Ok(fired && tx.query_opt(IN_RUN, params![queue], |row| row.int(0))?.is_none())
}

fn next_multiple(now_ms: i64, every_ms: i64) -> i64 {
    (now_ms.div_euclid(every_ms.max(1)) + 1) * every_ms.max(1)
}

impl Jobs {
    /// Dead jobs in the order of queue and time, at most `limit` after `after`.
    pub fn dead(&self, tx: &mut Read<'_>, after: Option<&DeadJob>, limit: i64) -> Result<Vec<DeadJob>> {
        let (queue, dead_at, id) = after.map_or(("", 0, 0), |job| (job.queue.as_str(), job.dead_at, job.id));
        tx.query(DEAD, params![queue, dead_at, id, limit], |row: &Row<'_>| {
            Ok(DeadJob {
                id: row.int(0)?,
                queue: row.text(1)?,
                payload: row.text(2)?,
                attempts: row.int(3)?,
                dead_at: row.int(4)?,
                created_at: row.int(5)?,
                account: row.opt_int(6)?.map(AccountId),
                last_error: row.opt_text(7)?.unwrap_or_default(),
            })
        })
    }

    /// Lets a dead job be tried again, as if it were new.
    ///
    /// # Errors
    /// `NotFound` when there is no such dead job.
    pub fn retry(&self, tx: &mut Tx<'_>, id: i64) -> Result<()> {
        if tx
            .query_opt("SELECT id FROM job WHERE id = $1 AND state = 'dead'", params![id], |_| Ok(()))?
            .is_none()
        {
            return Err(Error::not_found("job"));
        }
        if tx.execute(TWIN, params![id])? == 1 {
            return Ok(());
        }
        for queue in tx.query(REVIVE, params![id, self.ctx.now_ms()], |row| row.text(0))? {
            let notifier = self.store.notifier().clone();
            tx.after_commit(move || notifier.publish(TOPIC, &queue));
        }
        Ok(())
    }

    /// Removes a dead job for good.
    ///
    /// # Errors
    /// `NotFound` when there is no such dead job.
    pub fn remove(&self, tx: &mut Tx<'_>, id: i64) -> Result<()> {
        match tx.execute(REMOVE, params![id])? {
            0 => Err(Error::not_found("job")),
            _ => Ok(()),
        }
    }

    /// How full these queues are.
    pub fn depths(&self, tx: &mut Read<'_>, queues: &[&str]) -> Result<Vec<Depth>> {
        let names: Vec<String> = queues.iter().map(|queue| (*queue).to_owned()).collect();
        let due = due(tx, &names, &[])?;
        let running = tx.query(RUNNING, [], |row| Ok((row.text(0)?, row.int(1)?)))?;
        let now_ms = self.ctx.now_ms();
        tx.query(DEPTHS, params![names, COUNT_LIMIT], |row| {
            let queue = row.text(0)?;
            let oldest = due.queues.iter().find(|(name, _)| *name == queue);
            let oldest = oldest.and_then(|(_, times)| times.iter().flatten().min().copied());
            Ok(Depth {
                waiting: row.int(1)?,
                running: running.iter().find(|(name, _)| *name == queue).map_or(0, |(_, count)| *count),
                dead: row.int(2)?,
                oldest_due_ms: oldest.map_or(0, |at| (now_ms - at).max(0)),
                queue,
            })
        })
    }

    /// Asks for periodic work when its time has come and no other node was first; whether it was asked for.
    pub(super) fn fire(&self, tx: &mut Tx<'_>, job: &NewJob, queue: &str, every_ms: i64) -> Result<bool> {
        let first = fire_every(tx, queue, every_ms, self.ctx.now_ms())?;
        if first {
            self.enqueue(tx, job)?;
        }
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periodic_work_falls_on_multiples_of_its_period() {
        assert_eq!(next_multiple(1_000, 1_000), 2_000);
        assert_eq!(next_multiple(1_999, 1_000), 2_000);
        assert_eq!(next_multiple(0, 0), 1);
    }
}
