//! Push (RFC 8620 section 7.2): tells the addresses that clients left with us what changed.
//!
//! What must stay true here:
//! - What has to be sent is a job, so that a node that goes down loses nothing; a job of one address melts into the next.
//! - A commit costs a look into a map of those whose addresses are known, and nothing where nobody has one.
//! - Nothing is sent to an inner network unless the configuration allows it; redirects are not followed.
//! - An address is never logged: who knows it can send to the client.

mod encrypt;
mod service;
mod vapid;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::jmap::{Client, Jmap};
use base::{AccountId, Ctx, Door, Error, Meaning, Result, SessionId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::Push;
use mail::push::PushSubscription;
use rustls::RootCertStore;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::jobs::{Job, JobCtx, Jobs, NewJob, QueueCounters, Runner};
use tokio::task::JoinHandle;

use service::{Message, Sent, Service};
use vapid::Vapid;

/// Changes that wait to be looked at before they melt into "look at all".
const WAITING: u64 = 10_000;
/// Who has addresses is read anew this often, for what other nodes were told.
const REFRESH: Duration = Duration::from_mins(1);
/// Addresses that are read at a time.
const PAGE: u64 = 1_000;

/// What push is sent with.
pub struct PushSettings {
    /// The authorities that push services are trusted by.
    pub roots: Arc<RootCertStore>,
    /// An address for those who run a push service, such as `mailto:postmaster@example.org`.
    pub contact: String,
    /// Whether addresses of private networks are sent to, and the machine itself without TLS.
    pub allow_private: bool,
}

/// Sends what clients asked for, until it is stopped.
pub struct Pusher {
    runner: Runner,
    follow: JoinHandle<()>,
}

/// What a job works with.
#[derive(Clone)]
struct Work(Arc<Inner>);

struct Inner {
    jmap: Jmap,
    ctx: Ctx,
    jobs: Jobs,
    service: Service,
    vapid: Vapid,
}

/// Tells one address what changed since it was told last; or what it must show, while it has not.
#[derive(Serialize, Deserialize)]
struct Tell {
    account: i64,
    subscription: i64,
}

/// Who is told of an account: owners of addresses, and the addresses.
type Watched = HashMap<AccountId, Vec<(AccountId, i64)>>;

impl Pusher {
    /// Starts sending for the clients of `jmap`, which tells them the key that they subscribe with.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn start(jmap: &Jmap, ctx: &Ctx, settings: PushSettings) -> Result<Self> {
        let service = Service::new(settings.roots, ctx.limits.push_send_seconds, settings.allow_private)?;
        let vapid = Vapid::open(jmap.mail(), settings.contact).await?;
        jmap.use_push(vapid.public(), settings.allow_private);
        let jobs = Jobs::new(jmap.mail().kernel().store(), ctx);
        let inner = Inner { jmap: jmap.clone(), ctx: ctx.clone(), jobs: jobs.clone(), service, vapid };
        let work = Work(Arc::new(inner));
        let runner = jobs.runner().register::<Tell>(work.clone()).start().await?;
        let follow = tokio::spawn(follow(work));
        Ok(Self { runner, follow })
    }

    /// What became of what this node sent.
    pub fn counters(&self) -> Vec<QueueCounters> {
        self.runner.counters()
    }

    /// Takes no more, and waits at most `grace` for what is being sent.
    pub async fn stop(self, grace: Duration) {
        self.follow.abort();
        self.runner.stop(grace).await;
    }
}

/// Hears of commits of this node and of addresses that changed, and asks for jobs.
async fn follow(work: Work) {
    let mut changes = work.0.jmap.mail().kernel().subscribe_all(WAITING);
    // What changed while no node was there is found by the jobs themselves.
    let mut watched = work.watched(true).await.unwrap_or_default();
    let mut refresh = tokio::time::interval(REFRESH);
    loop {
        let looked = tokio::select! {
            push = changes.next() => match push {
                Push::Changed(change) => match watched.get(&change.account) {
                    Some(addresses) => work.ask(addresses).await,
                    None => Ok(()),
                },
                Push::Missed => work.watched(true).await.map(|now| watched = now),
            },
            () = work.0.jmap.push_was_changed() => work.watched(true).await.map(|now| watched = now),
            _ = refresh.tick() => work.watched(false).await.map(|now| watched = now),
        };
        if let Err(error) = looked {
            tracing::warn!(
                ?error,
                "clients could not be told of a change by push; the next one tells it too"
            );
        }
    }
}

impl Work {
    /// Asks for a job for each of some addresses; one that waits already is enough.
    async fn ask(&self, addresses: &[(AccountId, i64)]) -> Result<()> {
        let new = |(account, subscription): &(AccountId, i64)| {
            let tell = Tell { account: account.0, subscription: *subscription };
            Ok(NewJob::new(&tell)?.once(format!("{}-{subscription}", account.0)).account(*account))
        };
        let all = addresses.iter().map(new).collect::<Result<Vec<_>>>()?;
        let jobs = self.0.jobs.clone();
        let write = move |tx: &mut store::Tx<'_>| all.iter().try_for_each(|job| jobs.enqueue(tx, job));
        self.0.jobs.store().write([], write).await
    }

    /// All addresses by the accounts that they are told of; `ask`: each is looked after at once.
    async fn watched(&self, ask: bool) -> Result<Watched> {
        let mail = self.0.jmap.mail();
        let mut watched = Watched::new();
        let mut at = (AccountId(0), 0);
        let mut known: Option<(AccountId, Vec<AccountId>)> = None;
        loop {
            let page = mail.all_push_subscriptions(at, PAGE).await?;
            let Some((account, id, _)) = page.last() else { return Ok(watched) };
            at = (*account, *id);
            for (owner, id, is_verified) in &page {
                if known.as_ref().is_none_or(|(known, _)| known != owner) {
                    known = Some((*owner, self.seen_by(*owner).await?));
                }
                if *is_verified && let Some((_, accounts)) = &known {
                    for account in accounts {
                        watched.entry(*account).or_default().push((*owner, *id));
                    }
                }
            }
            if ask {
                let all: Vec<_> = page.iter().map(|(owner, id, _)| (*owner, *id)).collect();
                self.ask(&all).await?;
            }
        }
    }

    /// The accounts that someone may see something of; none of who is gone.
    async fn seen_by(&self, owner: AccountId) -> Result<Vec<AccountId>> {
        let Some(client) = self.client(owner).await? else { return Ok(Vec::new()) };
        let shared = self.0.jmap.mail().shared_accounts(&client.ctx).await?;
        Ok(std::iter::once(owner).chain(shared.into_iter().map(|shared| shared.account)).collect())
    }

    /// The owner of an address, while it may log in.
    async fn client(&self, owner: AccountId) -> Result<Option<Client>> {
        let ctx = &self.0.ctx;
        match self.0.jmap.mail().directory().login_account(ctx, owner, Door::Jmap).await {
            Ok(found) => Ok(Some(Client {
                ctx: ctx.with_actor(found.actor, Door::Jmap, SessionId(0)),
                address: found.address,
                origin: String::new(),
            })),
            Err(error) if matches!(error.meaning(), Meaning::Forbidden | Meaning::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends an object; whether someone is there.
    async fn send(&self, to: &PushSubscription, object: &Value) -> Result<Sent> {
        let Ok((url, origin)) = self.0.service.read(&to.url) else { return Ok(Sent::Gone) };
        let text = object.to_string().into_bytes();
        let (key, secret) = &to.keys;
        let is_encrypted = !key.is_empty();
        let body = if is_encrypted {
            let read = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
            encrypt::encrypt(&self.0.ctx.random, &read(key), &read(secret), &text)?
        } else {
            text
        };
        let authorization = self.0.vapid.authorization(&origin, self.0.ctx.now_ms())?;
        self.0.service.send(url, Message { body, is_encrypted, authorization: Some(authorization) }).await
    }

    /// What is to be told, and the states afterwards; nothing where nothing changed.
    async fn news(&self, to: &PushSubscription) -> Result<Option<(Value, Option<String>)>> {
        if !to.verified {
            let object = json!({
                "@type": "PushVerification",
                "pushSubscriptionId": ::jmap::push_subscription_id(to.id),
                "verificationCode": to.code,
            });
            return Ok(Some((object, None)));
        }
        let Some(client) = self.client(to.account).await? else { return Err(gone()) };
        let types = to.types.as_deref().and_then(|types| serde_json::from_str(types).ok());
        let Some(change) = self.0.jmap.changes_since(&client, types, &to.told).await? else {
            return Ok(None);
        };
        let mut object = change.object;
        // More than one message carries is told of the own account only; the client looks at the others when it is open.
        if object.to_string().len() > encrypt::MOST_BYTES
            && let Some(changed) = object.get_mut("changed").and_then(Value::as_object_mut)
        {
            let own = ::jmap::engine::ids::account(to.account);
            changed.retain(|account, _| *account == own);
        }
        Ok(Some((object, Some(change.token))))
    }
}

fn gone() -> Error {
    Error::not_found("owner")
}

impl Job for Tell {
    type Context = Work;
    const QUEUE: &'static str = "push";
    const CONCURRENCY: usize = 16;
    const MAX_ATTEMPTS: Option<u64> = Some(8);
    const TIME_LIMIT: Duration = Duration::from_mins(5);

    async fn run(self, job: &JobCtx<Work>) -> Result<()> {
        let (work, account) = (&job.context, AccountId(self.account));
        let mail = work.0.jmap.mail();
        let Some(to) = mail.push_subscription(&job.ctx, account, self.subscription).await? else {
            return Ok(());
        };
        let end = || mail.end_push_subscription(account, to.id);
        let (object, told) = match work.news(&to).await {
            Ok(Some(news)) => news,
            Ok(None) => return Ok(()),
            Err(error) if error.meaning() == Meaning::NotFound => return end().await,
            Err(error) => return Err(error),
        };
        match work.send(&to, &object).await {
            Ok(Sent::Taken) => match told {
                Some(told) => mail.note_pushed(account, to.id, &told).await,
                None => Ok(()),
            },
            Ok(Sent::Gone) => end().await,
            // A key that nothing can be encrypted to, or an address that was never there, is nobody's.
            Err(error) if error.meaning() == Meaning::Invalid || !to.verified && job.attempt >= 4 => {
                end().await
            }
            Err(error) if job.attempt >= 8 => {
                tracing::info!(?error, "a push service does not answer for long; its address is forgotten");
                end().await
            }
            Err(error) => Err(error),
        }
    }
}
