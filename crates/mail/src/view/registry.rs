//! The views that this node holds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use base::{AccountId, CollectionId, Ctx, Meaning, Result};
use kernel::{Push, Subscription};
use tokio::sync::Mutex as AsyncMutex;

use super::{View, build};
use crate::Mail;

type Key = (i64, i64);

/// The views that this node holds, by account and mailbox.
#[derive(Default)]
pub(crate) struct Views(Arc<Inner>);

#[derive(Default)]
struct Inner {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    tidied: AtomicBool,
}

#[derive(Default)]
struct Slot {
    held: AsyncMutex<Option<Held>>,
    used_at: AtomicI64,
}

struct Held {
    view: Arc<View>,
    heard: Subscription,
}

impl Held {
    /// Whether anything was heard that may concern the mailbox.
    fn is_stale(&mut self) -> bool {
        let mut stale = false;
        while let Some(push) = self.heard.try_next() {
            stale |= match push {
                Push::Missed => true,
                Push::Changed(change) => {
                    change.seq > self.view.seq
                        && (change.collections.is_empty() || change.collections.contains(&self.view.mailbox))
                }
            };
        }
        stale
    }
}

impl Inner {
    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Views {
    fn slot(&self, key: Key, ctx: &Ctx) -> Arc<Slot> {
        if !self.0.tidied.swap(true, Ordering::Relaxed) {
            tokio::spawn(tidy(Arc::downgrade(&self.0), ctx.clone()));
        }
        let slot = self.0.slots().entry(key).or_default().clone();
        slot.used_at.store(ctx.now_ms(), Ordering::Relaxed);
        slot
    }

    /// Lets go of a mailbox that is no longer there.
    pub(crate) fn drop_view(&self, account: AccountId, mailbox: CollectionId) {
        self.0.slots().remove(&(account.0, mailbox.0));
    }

    /// How many views are held.
    pub(crate) fn len(&self) -> usize {
        self.0.slots().len()
    }
}

/// Drops, from time to time, what nobody used for a while.
async fn tidy(views: Weak<Inner>, ctx: Ctx) {
    let idle_ms = i64::try_from(ctx.limits.view_idle_seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
    loop {
        tokio::time::sleep(Duration::from_secs(ctx.limits.view_idle_seconds.clamp(1, 60))).await;
        let Some(views) = views.upgrade() else { return };
        let since = ctx.now_ms() - idle_ms;
        let mut slots = views.slots();
        slots.retain(|_, slot| slot.used_at.load(Ordering::Relaxed) > since);
        if slots.is_empty() {
            slots.shrink_to_fit();
        }
    }
}

impl Mail {
    /// A mailbox as it is now.
    ///
    /// # Errors
    /// `NotFound` when there is none that the reader may read.
    pub async fn view(&self, ctx: &Ctx, account: AccountId, mailbox: CollectionId) -> Result<Arc<View>> {
        if ctx.is_past() {
            return self.past_view(ctx, account, mailbox).await;
        }
        let own = ctx.actor.system || ctx.actor.account == account;
        if !own {
            self.kernel().read(ctx, move |view| view.require(account, mailbox, kernel::Right::Read)).await?;
        }
        let slot = self.views().slot((account.0, mailbox.0), ctx);
        let mut held = slot.held.lock().await;
        // The view is everyone's: rights were asked above.
        let system = ctx.trusted();
        let remembered = usize::try_from(ctx.limits.view_tombstones).unwrap_or(usize::MAX);
        let made = match held.as_mut() {
            None => {
                // Listening before reading, so that nothing falls between.
                let heard = self.kernel().subscribe(&system, &[account]).await?;
                let built =
                    self.kernel().read(&system, move |view| build::build(view, account, mailbox)).await;
                built.map(|view| {
                    let view = Arc::new(view);
                    *held = Some(Held { view: view.clone(), heard });
                    view
                })
            }
            Some(known) => {
                if !known.is_stale() {
                    return Ok(known.view.clone());
                }
                let old = known.view.clone();
                let fresh =
                    self.kernel().read(&system, move |view| build::refresh(view, &old, remembered)).await;
                fresh.map(|view| {
                    known.view = Arc::new(view);
                    known.view.clone()
                })
            }
        };
        if let Err(error) = &made {
            // What was heard is used up: the next one who asks begins again.
            *held = None;
            if error.meaning() == Meaning::NotFound {
                self.views().drop_view(account, mailbox);
            }
        }
        made
    }

    /// How many mailboxes are held in memory.
    pub fn views_held(&self) -> usize {
        self.views().len()
    }
}
