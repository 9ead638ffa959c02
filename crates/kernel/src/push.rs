//! Live updates: whoever follows an account hears of its commits, on whichever node they are made.
//!
//! What must stay true here:
//! - What is told is a hint (account, commit, collections, kinds): the follower reads with its own rights.
//! - A follower that is slow costs no more than its own bounded box: hints of one account melt into one, and
//!   a box that is full is emptied for the word [`Push::Missed`].
//! - A follower costs no task and no connection, only a box and an entry in a map; the entry of an account goes
//!   with its last follower.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use base::{AccountId, CollectionId, Ctx, Error, Result, Seq};
use store::notify::{Notice, Notifier};
use store::params;
use tokio::sync::Notify;

use crate::verbs::{Change, Kernel};

const TOPIC: &str = "push";
const SHARDS: usize = 16;
/// A change of more collections than this is told without naming them.
const NAMED_COLLECTIONS: usize = 64;

/// What a follower hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Push {
    /// Commits were made up to this one; several may have melted into one.
    Changed(Change),
    /// Commits may have been made of which nothing was told: look at everything that is followed.
    Missed,
}

/// Follows accounts until it is dropped.
pub struct Subscription {
    mailbox: Arc<Mailbox>,
    hub: Arc<Hub>,
    accounts: Vec<AccountId>,
}

/// The box of one follower.
struct Mailbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    limit: usize,
}

#[derive(Default)]
struct Waiting {
    changes: BTreeMap<AccountId, Change>,
    collections: usize,
    missed: bool,
}

#[derive(Default)]
struct Followers {
    by_account: HashMap<AccountId, Vec<Arc<Mailbox>>>,
}

/// Knows who follows what.
pub(crate) struct Hub {
    shards: [Mutex<Followers>; SHARDS],
    /// Those that follow every account: the search index.
    all: Mutex<Vec<Arc<Mailbox>>>,
    notifier: Notifier,
    kinds: Vec<&'static str>,
    listening: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mailbox {
    fn new(limit: u64) -> Arc<Self> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Arc::new(Self { waiting: Mutex::default(), arrived: Notify::new(), limit })
    }

    fn put(&self, change: &Change) {
        let mut waiting = lock(&self.waiting);
        waiting.add(change);
        if waiting.collections + waiting.changes.len() > self.limit {
            *waiting = Waiting { missed: true, ..Waiting::default() };
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    fn miss(&self) {
        lock(&self.waiting).missed = true;
        self.arrived.notify_one();
    }

    fn take(&self) -> Option<Push> {
        let mut waiting = lock(&self.waiting);
        if std::mem::take(&mut waiting.missed) {
            return Some(Push::Missed);
        }
        let (_, change) = waiting.changes.pop_first()?;
        waiting.collections -= change.collections.len();
        Some(Push::Changed(change))
    }
}

impl Waiting {
    fn add(&mut self, change: &Change) {
        let Some(known) = self.changes.get_mut(&change.account) else {
            self.collections += change.collections.len();
            self.changes.insert(change.account, change.clone());
            return;
        };
        let before = known.collections.len();
        known.melt(change);
        self.collections = self.collections + known.collections.len() - before;
    }
}

impl Change {
    /// Takes up a change of the same account.
    fn melt(&mut self, other: &Self) {
        self.seq = self.seq.max(other.seq);
        if self.collections.is_empty() || other.collections.is_empty() {
            // One of them does not say which: then neither does the whole.
            self.collections.clear();
        }
        for id in &other.collections {
            if !self.collections.is_empty() && !self.collections.contains(id) {
                self.collections.push(*id);
            }
        }
        for kind in &other.kinds {
            if !self.kinds.contains(kind) {
                self.kinds.push(kind);
            }
        }
    }

    /// As it travels between nodes: `account seq collection,... kind,...`.
    fn write(&self) -> String {
        let ids: Vec<String> = self.collections.iter().map(ToString::to_string).collect();
        format!("{} {} {} {}", self.account, self.seq, ids.join(","), self.kinds.join(","))
    }

    fn read(text: &str, kinds: &[&'static str]) -> Option<Self> {
        let mut parts = text.split(' ');
        let account = AccountId(parts.next()?.parse().ok()?);
        let seq = Seq(parts.next()?.parse().ok()?);
        let ids = parts.next()?.split(',').filter(|id| !id.is_empty());
        let collections = ids.map(|id| id.parse().map(CollectionId)).collect::<Result<_, _>>().ok()?;
        let named = parts.next()?;
        // A kind that only a newer node knows has nobody here who could read it.
        let kinds = named.split(',').filter_map(|name| kinds.iter().find(|kind| **kind == name).copied());
        Some(Self { account, seq, collections, kinds: kinds.collect() })
    }
}

impl Hub {
    pub(crate) fn new(notifier: Notifier, kinds: Vec<&'static str>) -> Arc<Self> {
        Arc::new(Self {
            shards: Default::default(),
            all: Mutex::default(),
            notifier,
            kinds,
            listening: AtomicBool::new(false),
        })
    }

    fn shard(&self, account: AccountId) -> MutexGuard<'_, Followers> {
        let index = usize::try_from(account.0.unsigned_abs()).unwrap_or(0) % SHARDS;
        let [first, ..] = &self.shards;
        lock(self.shards.get(index).unwrap_or(first))
    }

    /// Tells a commit of this node to its followers everywhere.
    pub(crate) fn publish(&self, change: &Change) {
        self.tell(change);
        for mailbox in &*lock(&self.all) {
            mailbox.put(change);
        }
        if self.notifier.tells_others() {
            self.notifier.publish_away(TOPIC, &change.write());
        }
    }

    fn tell(&self, change: &Change) {
        if let Some(mailboxes) = self.shard(change.account).by_account.get(&change.account) {
            for mailbox in mailboxes {
                mailbox.put(change);
            }
        }
    }

    fn missed(&self) {
        for shard in &self.shards {
            for mailbox in lock(shard).by_account.values().flatten() {
                mailbox.miss();
            }
        }
    }

    fn follow(&self, account: AccountId, mailbox: &Arc<Mailbox>) {
        let mut shard = self.shard(account);
        let mailboxes = shard.by_account.entry(account).or_default();
        // Nearly always one or two: a growing vector would keep room for four.
        mailboxes.reserve_exact(1);
        mailboxes.push(mailbox.clone());
    }

    fn leave(&self, account: AccountId, mailbox: &Arc<Mailbox>) {
        let mut shard = self.shard(account);
        if let Some(mailboxes) = shard.by_account.get_mut(&account) {
            mailboxes.retain(|other| !Arc::ptr_eq(other, mailbox));
            if mailboxes.is_empty() {
                shard.by_account.remove(&account);
                if shard.by_account.len() * 4 < shard.by_account.capacity() {
                    shard.by_account.shrink_to_fit();
                }
            }
        }
    }

    /// Hears other nodes from the first follower on.
    fn listen(self: &Arc<Self>) {
        if !self.notifier.hears_others() || self.listening.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut heard = self.notifier.subscribe(TOPIC);
        let hub: Weak<Self> = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(notice) = heard.recv().await {
                let Some(hub) = hub.upgrade() else { return };
                match notice {
                    Notice::Text { local: true, .. } => {}
                    Notice::Text { text, .. } => match Change::read(&text, &hub.kinds) {
                        Some(change) => hub.tell(&change),
                        None => hub.missed(),
                    },
                    Notice::Missed => hub.missed(),
                }
            }
        });
    }

    /// How many accounts are followed, and how often in all.
    pub(crate) fn size(&self) -> (usize, usize) {
        let mut size = (0, 0);
        for shard in &self.shards {
            let shard = lock(shard);
            size.0 += shard.by_account.len();
            size.1 += shard.by_account.values().map(Vec::len).sum::<usize>();
        }
        size
    }
}

impl Subscription {
    /// The next hint. May be cancelled without losing one.
    pub async fn next(&mut self) -> Push {
        loop {
            if let Some(push) = self.mailbox.take() {
                return push;
            }
            self.mailbox.arrived.notified().await;
        }
    }

    /// A hint that is there already. Whoever heard of a change by another subscription finds it here as well: a change
    /// is put into all boxes under the lock of its account, and that is waited for.
    pub fn try_next(&mut self) -> Option<Push> {
        for account in &self.accounts {
            drop(self.hub.shard(*account));
        }
        self.mailbox.take()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        for account in &self.accounts {
            self.hub.leave(*account, &self.mailbox);
        }
        if self.accounts.is_empty() {
            lock(&self.hub.all).retain(|other| !Arc::ptr_eq(other, &self.mailbox));
        }
    }
}

impl Kernel {
    /// Follows accounts from now on: subscribe first, then read, and nothing is missed. Call it within the
    /// asynchronous runtime of the process.
    ///
    /// # Errors
    /// `NotFound` for an account in which the actor may see nothing; `Limit` for too many at once.
    pub async fn subscribe(&self, ctx: &Ctx, accounts: &[AccountId]) -> Result<Subscription> {
        let mut accounts = accounts.to_vec();
        accounts.sort_unstable();
        accounts.dedup();
        if accounts.len() as u64 > ctx.limits.push_queue {
            let limit = ctx.limits.push_queue;
            return Err(Error::limit("accounts", format!("at most {limit} can be followed at once")));
        }
        let foreign: Vec<AccountId> = (accounts.iter().copied())
            .filter(|account| !ctx.actor.system && ctx.actor.account != *account)
            .collect();
        if !foreign.is_empty() {
            let subjects: Vec<i64> = ctx.actor.subjects.iter().map(|subject| subject.0).collect();
            let sql =
                "SELECT 1 FROM share WHERE subject_id {in $2} AND account_id = $1 AND rights <> 0 LIMIT 1";
            let seen = self.store().read(move |tx| {
                for account in foreign {
                    if tx.query_opt(sql, params![account, &subjects], |_| Ok(()))?.is_none() {
                        return Err(Error::not_found("account"));
                    }
                }
                Ok(())
            });
            seen.await?;
        }
        let hub = self.hub().clone();
        hub.listen();
        let mailbox = Mailbox::new(ctx.limits.push_queue);
        for account in &accounts {
            hub.follow(*account, &mailbox);
        }
        Ok(Subscription { mailbox, hub, accounts })
    }

    /// Follows every commit that this process makes, for work of the program itself such as the search index;
    /// at most `limit` accounts and collections wait before it hears [`Push::Missed`].
    pub fn subscribe_all(&self, limit: u64) -> Subscription {
        let mailbox = Mailbox::new(limit);
        lock(&self.hub().all).push(mailbox.clone());
        Subscription { mailbox, hub: self.hub().clone(), accounts: Vec::new() }
    }

    /// How many accounts are followed on this node, and by how many followers in all.
    pub fn followed(&self) -> (usize, usize) {
        self.hub().size()
    }
}

/// The collections of a change as they are told: none when they are too many to name.
pub(crate) fn named(collections: &[CollectionId]) -> Vec<CollectionId> {
    if collections.len() > NAMED_COLLECTIONS { Vec::new() } else { collections.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(account: i64, seq: i64, collections: &[i64]) -> Change {
        let collections = collections.iter().map(|id| CollectionId(*id)).collect();
        Change { account: AccountId(account), seq: Seq(seq), collections, kinds: vec!["note"] }
    }

    #[test]
    fn a_change_is_the_same_after_its_travel() {
        for sent in [change(7, 9, &[1, 22]), change(7, 9, &[])] {
            assert_eq!(Change::read(&sent.write(), &["page", "note"]), Some(sent));
        }
        assert_eq!(Change::read("1 2 3", &[]), None);
        assert_eq!(Change::read("1 2 x note", &[]), None);
        assert_eq!(Change::read("1 2  newer", &["note"]).unwrap().kinds, Vec::<&str>::new());
    }

    #[test]
    fn a_full_box_is_emptied_for_one_word() {
        let mailbox = Mailbox::new(5);
        mailbox.put(&change(1, 1, &[1]));
        mailbox.put(&change(1, 2, &[2, 1]));
        assert_eq!(mailbox.take(), Some(Push::Changed(change(1, 2, &[1, 2]))));
        assert_eq!(mailbox.take(), None);
        for account in 0..3 {
            mailbox.put(&change(account, 1, &[1]));
        }
        mailbox.put(&change(9, 1, &[]));
        assert_eq!(mailbox.take(), Some(Push::Missed));
        assert_eq!(mailbox.take(), Some(Push::Changed(change(9, 1, &[]))));
        mailbox.miss();
        mailbox.put(&change(1, 3, &[]));
        assert_eq!(mailbox.take(), Some(Push::Missed));
        mailbox.put(&change(1, 4, &[4]));
        assert_eq!(mailbox.take(), Some(Push::Changed(change(1, 4, &[]))));
    }
}
