//! What becomes of a job after its run: it goes, it waits for another attempt, or it is put aside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::{Random, Result};

use super::work::{Begin, Counters, Kind};
use super::{Claim, Jobs, table};

const BACKOFF_FIRST_MS: i64 = 5_000;
const BACKOFF_LAST_MS: i64 = 6 * 3_600_000;
/// Attempts to note the end of a run while the database is away; after them the claim runs out.
const NOTE_ATTEMPTS: u32 = 6;

/// How long to wait after the `attempt`th failure: doubled each time, and spread over half to one and a half
/// of that, so that what failed together does not come back together.
pub(super) fn backoff_ms(attempt: i64, random: &Random) -> i64 {
    let doublings = u32::try_from(attempt.clamp(1, 30) - 1).unwrap_or(0);
    let middle = BACKOFF_FIRST_MS.saturating_mul(1 << doublings).min(BACKOFF_LAST_MS);
    let spread = i64::try_from(random.u64() % 1_000).unwrap_or(0);
    middle / 2 + middle * spread / 1_000
}

/// Runs a claimed job and notes what became of it.
pub(super) async fn run(kind: Arc<Kind>, begin: Begin) {
    let (jobs, claim, finished) = (begin.jobs.clone(), begin.claim.clone(), begin.finished.clone());
    let outcome = kind.run(begin).await;
    let now_ms = jobs.ctx.now_ms();
    let noted = match outcome {
        Ok(()) => {
            Counters::count(&kind.counters.finished);
            done(&jobs, &claim, &finished).await
        }
        // Its effect and its end were committed together; what failed after that changes neither.
        Err(error) if finished.load(Ordering::SeqCst) => {
            Counters::count(&kind.counters.finished);
            tracing::warn!(queue = kind.queue, job = claim.id, ?error, "a job failed after its end");
            Ok(())
        }
        Err(error) if claim.attempt >= kind.max_attempts => {
            Counters::count(&kind.counters.failed);
            Counters::count(&kind.counters.died);
            tracing::error!(queue = kind.queue, job = claim.id, ?error, "a job failed too often; put aside");
            let text = error.to_string();
            note(&jobs, &claim, move |tx, claim| table::bury(tx, claim, now_ms, &text)).await
        }
        Err(error) => {
            Counters::count(&kind.counters.failed);
            let again = now_ms + backoff_ms(claim.attempt, &jobs.ctx.random);
            let attempt = claim.attempt;
            tracing::warn!(queue = kind.queue, job = claim.id, attempt, ?error, "a job failed");
            let text = error.to_string();
            note(&jobs, &claim, move |tx, claim| table::release(tx, claim, again, attempt, Some(&text))).await
        }
    };
    if let Err(error) = noted {
        tracing::error!(queue = kind.queue, job = claim.id, ?error, "the end of a job could not be noted");
    }
}

async fn done(jobs: &Jobs, claim: &Claim, finished: &AtomicBool) -> Result<()> {
    if finished.load(Ordering::SeqCst) {
        return Ok(());
    }
    note(jobs, claim, table::finish_later).await
}

async fn note<F>(jobs: &Jobs, claim: &Claim, write: F) -> Result<()>
where
    F: Fn(&mut crate::Tx<'_>, &Claim) -> Result<()> + Clone + Send + 'static,
{
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (write, held) = (write.clone(), claim.clone());
        match jobs.store.write([], move |tx| write(tx, &held)).await {
            Err(error) if attempt < NOTE_ATTEMPTS => {
                tracing::debug!(job = claim.id, ?error, "the end of a job is noted again");
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_are_spread() {
        let random = Random::seeded(3);
        for (attempt, middle) in [(1, 5_000), (2, 10_000), (5, 80_000), (40, BACKOFF_LAST_MS)] {
            let waits: Vec<_> = (0..50).map(|_| backoff_ms(attempt, &random)).collect();
            assert!(waits.iter().all(|wait| (middle / 2..=middle * 3 / 2).contains(wait)), "{attempt}");
            assert!(waits.iter().collect::<std::collections::BTreeSet<_>>().len() > 20, "{attempt}");
        }
    }
}
