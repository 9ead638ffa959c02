//! One connection's worth of work: takes what is due for a destination, sends it, notes what became of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base::Result;
use bytes::Bytes;
use mail::queue::{Claimed, Outcome, Recipient, Reply, TlsResult, Verdict};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::Shared;
use super::dispatch::Route;
use super::local::Place;
use super::route::{Bound, Hop, NoWay, Plan, Way};
use super::session::{Session, Target, TlsFate, Unusable};

/// Bytes of a message that are read at a time.
const READ_BYTES: u64 = 16 << 20;

/// Attempts to note what became of mail while the database is away.
const NOTE_ATTEMPTS: u32 = 8;

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing more was due.
    Idle,
    /// No host of the destination could be spoken to.
    Down,
    /// Our own database or blob store failed.
    Broken,
}

/// Sends what is due for a destination until nothing is.
pub(super) async fn run(shared: &Shared, name: &str, route: &Route, again: &Notify) -> Ended {
    let mut session = None;
    let ended = work(shared, name, route, again, &mut session).await;
    if let Some(session) = session {
        session.quit().await;
    }
    ended.unwrap_or_else(|error| {
        tracing::warn!(destination = name, ?error, "mail could not be worked on");
        Ended::Broken
    })
}

async fn work(
    shared: &Shared,
    name: &str,
    route: &Route,
    again: &Notify,
    session: &mut Option<Session>,
) -> Result<Ended> {
    let batch =
        i64::try_from(shared.ctx.limits.outbound_recipients_per_transaction).unwrap_or(i64::MAX).max(1);
    let idle = Duration::from_secs(shared.ctx.limits.outbound_idle_seconds);
    while !shared.is_stopping() {
        let claimed = shared.queue.claim(&shared.ctx, name, batch, &shared.lease).await?;
        if claimed.is_empty() {
            // Only an open connection is worth waiting with.
            if session.as_ref().is_none_or(|session| session.is_spent) || !lingers(route, idle).await {
                return Ok(Ended::Idle);
            }
            continue;
        }
        let taken: usize = claimed.iter().map(|claimed| claimed.recipients.len()).sum();
        if i64::try_from(taken).unwrap_or(0) >= batch {
            again.notify_one();
        }
        for one in &claimed {
            shared.hold(one.message.id);
        }
        let mut down: Option<Reply> = None;
        let mut broken = None;
        let mut untried = Vec::new();
        for one in &claimed {
            if broken.is_some() {
                untried.push(one.message.id);
            } else if let Err(error) = send_one(shared, one, session, &mut down).await {
                broken = Some(error);
            }
            shared.let_go(one.message.id);
        }
        if let Some(error) = broken {
            // The one that broke may have been sent: it stays leased until its lease runs out.
            shared.queue.release(untried, name, &shared.lease).await?;
            return Err(error);
        }
        if down.is_some() {
            return Ok(Ended::Down);
        }
    }
    Ok(Ended::Idle)
}

/// Waits a moment for more to the same destination; whether there may be.
async fn lingers(route: &Route, idle: Duration) -> bool {
    route.lingering.fetch_add(1, Ordering::SeqCst);
    let woken = tokio::time::timeout(idle, route.more.notified()).await.is_ok();
    route.lingering.fetch_sub(1, Ordering::SeqCst);
    woken
}

/// Sends one message to those of its recipients that were taken, and notes what became of them. `down` says that the
/// destination does not answer: then nothing is tried.
async fn send_one(
    shared: &Shared,
    claimed: &Claimed,
    session: &mut Option<Session>,
    down: &mut Option<Reply>,
) -> Result<()> {
    let outcomes = if let Some(reply) = down {
        all(claimed, Verdict::Deferred, reply)
    } else {
        let mut outcomes = Vec::with_capacity(claimed.recipients.len());
        for (place, some) in shared.places(claimed).await? {
            outcomes.extend(match place {
                Place::Here => shared.deliver_here(&some).await?,
                Place::Relay(relay) => {
                    elsewhere(shared, &some, Way::Relay(relay, None), session, down).await?
                }
                Place::Away => elsewhere(shared, &some, shared.way(&some.route), session, down).await?,
            });
        }
        outcomes
    };
    for outcome in &outcomes {
        let address = claimed.recipients.iter().find(|recipient| recipient.number == outcome.number);
        tracing::info!(
            message = claimed.message.id,
            to = address.map_or("", |recipient| recipient.address.as_str()),
            verdict = ?outcome.verdict,
            reply = outcome.reply.line(),
            host = outcome.reply.from.as_deref().unwrap_or_default(),
            "mail was tried"
        );
    }
    note(shared, claimed, &outcomes).await
}

/// Notes what became of recipients. What was sent and is not noted would be sent again: so this is tried for a while.
async fn note(shared: &Shared, claimed: &Claimed, outcomes: &[Outcome]) -> Result<()> {
    let by = (&shared.lease, &shared.reporter);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let outcomes = outcomes.to_vec();
        match shared.queue.settle(&shared.ctx, shared.mail.blobs(), claimed, outcomes, by).await {
            Ok(_) => return Ok(()),
            // Removed by an administrator, or taken over: someone else has the say.
            Err(error) if error.meaning() == base::Meaning::Conflict => {
                tracing::warn!(message = claimed.message.id, %error, "what became of mail could not be noted");
                return Ok(());
            }
            Err(error) if attempt < NOTE_ATTEMPTS => {
                tracing::warn!(message = claimed.message.id, ?error, "what became of mail is noted again");
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

pub(super) fn all(claimed: &Claimed, verdict: Verdict, reply: &Reply) -> Vec<Outcome> {
    let outcome = |recipient: &Recipient| Outcome {
        number: recipient.number,
        verdict,
        reply: reply.clone(),
        is_final: false,
    };
    claimed.recipients.iter().map(outcome).collect()
}

/// What becomes of a message that we cannot read: it must not stop the others.
pub(super) fn unreadable(claimed: &Claimed, error: &base::Error) -> Vec<Outcome> {
    tracing::error!(message = claimed.message.id, ?error, "queued mail cannot be read");
    all(claimed, Verdict::Deferred, &Reply::local("4.3.0", "the message cannot be read here for now"))
}

/// A message with its signatures, and its place in memory.
struct Loaded {
    signatures: Vec<u8>,
    body: Bytes,
    _memory: OwnedSemaphorePermit,
}

/// Sends to another server.
async fn elsewhere(
    shared: &Shared,
    claimed: &Claimed,
    way: Way,
    session: &mut Option<Session>,
    down: &mut Option<Reply>,
) -> Result<Vec<Outcome>> {
    let loaded = match load(shared, claimed).await {
        Ok(loaded) => loaded,
        Err(error) => return Ok(unreadable(claimed, &error)),
    };
    let parts: [&[u8]; 2] = [&loaded.signatures, &loaded.body];
    let most =
        usize::try_from(shared.ctx.limits.outbound_recipients_per_transaction).unwrap_or(usize::MAX).max(1);
    let mut outcomes = Vec::with_capacity(claimed.recipients.len());
    for some in claimed.recipients.chunks(most) {
        let most = shared.ctx.limits.outbound_messages_per_connection;
        if let Some(spent) = session.take_if(|session| session.is_spent || session.messages >= most) {
            spent.quit().await;
        }
        // A connection that was kept may have been closed meanwhile; then a new one is tried at once.
        let was_kept = session.is_some();
        let mut done = match open(shared, &way, &claimed.route, session).await {
            Ok(open) => open.send(claimed, some, &parts).await,
            Err((verdict, reply)) => {
                if verdict == Verdict::Deferred {
                    *down = Some(reply.clone());
                }
                return Ok(all(claimed, verdict, &reply));
            }
        };
        let lost =
            done.iter().all(|outcome| outcome.verdict == Verdict::Deferred && outcome.reply.code.is_none());
        if was_kept && lost && session.as_ref().is_some_and(|session| session.is_spent) {
            *session = None;
            if let Ok(open) = open(shared, &way, &claimed.route, session).await {
                done = open.send(claimed, some, &parts).await;
            }
        }
        outcomes.extend(done);
    }
    Ok(outcomes)
}

/// The open conversation, or a new one with the first host that can be spoken to.
async fn open<'s>(
    shared: &Shared,
    way: &Way,
    domain: &str,
    session: &'s mut Option<Session>,
) -> Result<&'s mut Session, NoWay> {
    if session.is_none() {
        let plan = shared.plan(way.clone()).await?;
        *session = Some(first_host(shared, &plan, domain).await?);
    }
    session.as_mut().ok_or_else(|| (Verdict::Deferred, Reply::local("4.3.0", "no connection")))
}

async fn first_host(shared: &Shared, plan: &Plan, domain: &str) -> Result<Session, NoWay> {
    let mut last: Option<NoWay> = None;
    let mut may_work_later = false;
    for host in &plan.hosts {
        let hop = match shared.hop(plan, host).await {
            Ok(hop) => hop,
            Err(no_way) => {
                may_work_later |= no_way.0 == Verdict::Deferred;
                last = Some(no_way);
                continue;
            }
        };
        for target in &hop.targets {
            match try_target(shared, plan, &hop, target, domain).await {
                Ok(session) => return Ok(session),
                Err(unusable) => {
                    may_work_later = true;
                    last = Some((Verdict::Deferred, unusable.reply));
                }
            }
        }
    }
    let (verdict, reply) =
        last.unwrap_or_else(|| (Verdict::Deferred, Reply::local("4.4.4", "there is no host to speak to")));
    Err(if may_work_later { (Verdict::Deferred, reply) } else { (verdict, reply) })
}

async fn try_target(
    shared: &Shared,
    plan: &Plan,
    hop: &Hop,
    target: &Target,
    domain: &str,
) -> Result<Session, Unusable> {
    let hostname = &shared.settings.hostname;
    let report = |fate: TlsFate| count(shared, domain, plan, &hop.bound, &target.host, fate);
    match Session::open(target, hostname, shared.waits).await {
        Ok((session, fate)) => {
            report(fate);
            Ok(session)
        }
        Err(unusable) => {
            report(unusable.tls);
            let Some(trust) = hop.fallback.clone().filter(|_| unusable.tls != TlsFate::None) else {
                return Err(unusable);
            };
            // The policy is only being tested: it is told of the failure, and gets its mail.
            let target = Target { trust, ..target.clone() };
            Session::open(&target, hostname, shared.waits).await.map(|(session, _)| session)
        }
    }
}

/// Counts how TLS went with a host.
fn count(shared: &Shared, domain: &str, plan: &Plan, bound: &Bound, host: &str, fate: TlsFate) {
    if bound.policy_type.is_empty() {
        return;
    }
    let result = |result: &str, host: &str| TlsResult {
        policy_type: bound.policy_type.to_owned(),
        result: result.to_owned(),
        host: host.to_owned(),
        policy: bound.text.clone(),
    };
    if let Some(problem) = plan.problem {
        shared.count_tls(domain, result(problem, ""));
    }
    match fate {
        TlsFate::None => {}
        TlsFate::Worked => shared.count_tls(domain, result("", "")),
        TlsFate::Failed(kind) => shared.count_tls(domain, result(kind, host)),
    }
}

async fn load(shared: &Shared, claimed: &Claimed) -> Result<Loaded> {
    let message = &claimed.message;
    let size = u64::try_from(message.size).unwrap_or(0);
    let kib = u32::try_from(size / 1_024 + 1).unwrap_or(u32::MAX).min(shared.memory_kib);
    let memory =
        shared.memory.clone().acquire_many_owned(kib).await.map_err(|error| {
            base::Error::unavailable("memory", "of the queue is closed").with_source(error)
        })?;
    let body = shared.body(claimed, size).await?;
    let signatures = match &message.sign_domain {
        Some(domain) => {
            let store = shared.mail.kernel().store();
            mail::dkim::signatures(store, message.organisation, domain, body.clone()).await.unwrap_or_else(
                |error| {
                    // Mail without a signature is better than none.
                    tracing::error!(message = message.id, ?error, "mail could not be signed");
                    Vec::new()
                },
            )
        }
        None => Vec::new(),
    };
    Ok(Loaded { signatures, body, _memory: memory })
}

impl Shared {
    /// The whole body of a message.
    pub(super) async fn body(&self, claimed: &Claimed, size: u64) -> Result<Bytes> {
        let message = &claimed.message;
        let blobs = self.mail.blobs();
        if size <= READ_BYTES {
            return blobs.read(message.organisation, message.hash, None).await;
        }
        let mut body = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        let mut at = 0;
        while at < size {
            let end = (at + READ_BYTES).min(size);
            let part = blobs.read(message.organisation, message.hash, Some(at..end)).await?;
            body.extend_from_slice(&part);
            at = end;
        }
        Ok(Bytes::from(body))
    }
}
