//! The filter as a delivery holds it.

use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Ctx, Error, Result};
use directory::resolve::{self, Recipient, Resolution};
use directory::{Directory, classes, entries};
use kernel::Kernel;
use store::notify::Notifier;
use tokio::sync::Semaphore;

use super::absent::Absent;
use super::compile::Cache;
use super::engine::{self, Engine};
use super::{Actions, Letter, Rules};

/// Letters of at least this size are filtered beside the threads that answer connections.
const LARGE_BYTES: usize = 256 * 1024;
/// Filters that run beside at once.
const BESIDE: usize = 4;
/// How long a filter beside may take.
const LONGEST: Duration = Duration::from_secs(20);

/// Filters of incoming mail. Cheap to clone.
#[derive(Clone)]
pub struct Filter {
    directory: Directory,
    cache: Cache,
    absent: Absent,
    beside: Arc<Semaphore>,
}

impl Filter {
    /// Filters over a directory whose store was opened with [`crate::PART`].
    pub fn new(directory: Directory) -> Self {
        Self {
            directory,
            cache: Cache::default(),
            absent: Absent::default(),
            beside: Arc::new(Semaphore::new(BESIDE)),
        }
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(super) fn notifier(&self) -> Notifier {
        self.kernel().store().notifier().clone()
    }

    pub(super) fn kernel(&self) -> &Kernel {
        self.directory.kernel()
    }

    /// What applies to these recipients, in their order: one question where nobody has any rule, and none where that
    /// is known already.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rules(&self, ctx: &Ctx, recipients: &[Recipient]) -> Result<Vec<Arc<Rules>>> {
        let heard = match self.absent.knows(self.kernel().store(), recipients) {
            Ok(()) => {
                let nothing = Arc::new(Rules::default());
                return Ok(recipients.iter().map(|_| nothing.clone()).collect());
            }
            Err(heard) => heard,
        };
        let (own, asked) = (ctx.clone(), recipients.to_vec());
        let read = self.directory.read(move |tx| super::rules::read(tx, &own, &asked)).await?;
        self.absent.learn(heard, &read.accounts_without, &read.organisations_without);
        Ok(read.rules.into_iter().map(Arc::new).collect())
    }

    /// What is to be done with a message for one recipient. A filter that fails keeps the message and says so in
    /// [`Actions::faults`].
    ///
    /// # Errors
    /// Those of the database, when it has to be asked whether an address is one of ours.
    pub async fn run(&self, ctx: &Ctx, rules: &Arc<Rules>, letter: &Letter) -> Result<Actions> {
        let mut actions = if rules.is_empty() {
            return Ok(Actions::implicit(letter.is_junk()));
        } else if engine::is_heavy(rules) || letter.body.len() >= LARGE_BYTES {
            self.run_beside(ctx, rules, letter).await
        } else {
            Engine::new(ctx, &self.cache, rules, letter).run()
        };
        if !rules.may_forward_outside {
            self.keep_inside(ctx, letter, &mut actions).await?;
        }
        for fault in &actions.faults {
            tracing::warn!(account = rules.account.0, fault, "a filter failed; the message was kept");
        }
        Ok(actions)
    }

    async fn run_beside(&self, ctx: &Ctx, rules: &Arc<Rules>, letter: &Letter) -> Actions {
        let failed = |why: &str| {
            let mut actions = Actions::implicit(letter.is_junk());
            actions.faults.push(why.to_owned());
            actions
        };
        let work = async {
            let permit = self.beside.clone().acquire_owned().await;
            let (ctx, cache) = (ctx.clone(), self.cache.clone());
            let (rules, letter) = (rules.clone(), letter.clone());
            tokio::task::spawn_blocking(move || {
                let _permit = permit;
                Engine::new(&ctx, &cache, &rules, &letter).run()
            })
            .await
        };
        match tokio::time::timeout(LONGEST, work).await {
            Ok(Ok(actions)) => actions,
            Ok(Err(_)) => failed("the filter ended in the middle"),
            Err(_) => failed("the filter took too long"),
        }
    }

    /// Drops what would leave the organisation; the message is kept then.
    async fn keep_inside(&self, ctx: &Ctx, letter: &Letter, actions: &mut Actions) -> Result<()> {
        let mut inside = Vec::with_capacity(actions.redirects.len());
        let mut dropped = false;
        for redirect in std::mem::take(&mut actions.redirects) {
            if !redirect.by_domain && self.is_outside(ctx, &redirect.to).await? {
                dropped = true;
            } else {
                inside.push(redirect);
            }
        }
        actions.redirects = inside;
        if dropped {
            actions.faults.push("forwarding to an outside address is not allowed here".to_owned());
            if actions.files.is_empty() && actions.reject.is_none() {
                actions.files = Actions::implicit(letter.is_junk()).files;
            }
        }
        Ok(())
    }

    /// Whether an address is of no domain of ours, or leads outside.
    pub(super) async fn is_outside(&self, ctx: &Ctx, address: &str) -> Result<bool> {
        let Ok(address) = codec::Address::parse(address) else { return Ok(true) };
        let own = ctx.clone();
        let found = self.directory.read(move |tx| resolve::resolve(tx, &own, &address)).await?;
        Ok(match found {
            Resolution::Found(recipients) => !recipients.outside.is_empty(),
            Resolution::NotOurs | Resolution::Relay(_) | Resolution::Refused(_) => true,
        })
    }

    pub(super) async fn may_forward_outside(&self, ctx: &Ctx, account: AccountId) -> Result<bool> {
        self.class_allows(ctx, account, "forward_outside").await
    }

    pub(super) async fn may_filter(&self, ctx: &Ctx, account: AccountId) -> Result<bool> {
        self.class_allows(ctx, account, "sieve").await
    }

    async fn class_allows(&self, ctx: &Ctx, account: AccountId, what: &'static str) -> Result<bool> {
        let own = ctx.trusted();
        self.directory
            .read(move |tx| {
                let organisation = tx
                    .query_opt(
                        "SELECT organisation_id FROM account WHERE id = $1",
                        store::params![account],
                        |row| row.int(0),
                    )?
                    .map(base::OrganisationId)
                    .ok_or_else(|| Error::not_found("account"))?;
                let entry = entries::load(tx, organisation, account)?;
                match entry.class_id {
                    Some(class) => Ok(classes::get(tx, &own, organisation, class)?.int(what) != Some(0)),
                    None => Ok(true),
                }
            })
            .await
    }
}
