//! How many emails and conversations of a mailbox are unread, counted once a change of the mailbox.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use base::{AccountId, Ctx, Result, Seq};

use crate::flags::{DRAFT, SEEN};
use crate::{Mail, Mailbox};

/// What is counted of a mailbox (RFC 8621 section 2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Its emails.
    pub emails: u64,
    /// Those that are neither seen nor drafts.
    pub unread_emails: u64,
    /// Conversations with an email in it.
    pub threads: u64,
    /// Conversations with an unread email in it.
    pub unread_threads: u64,
}

/// Mailboxes whose counts are remembered; beyond it they are counted again.
const REMEMBERED: usize = 100_000;

/// The counts that this node knows, with the commit that they are as of.
#[derive(Default)]
pub(crate) struct KnownCounts(Mutex<HashMap<(i64, i64), (Seq, Counts)>>);

impl KnownCounts {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<(i64, i64), (Seq, Counts)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mail {
    /// Counts a mailbox as it is.
    ///
    /// # Errors
    /// `NotFound` when the reader may not read it.
    pub async fn counts(&self, ctx: &Ctx, account: AccountId, mailbox: &Mailbox) -> Result<Counts> {
        if mailbox.total == 0 {
            return Ok(Counts::default());
        }
        let key = (account.0, mailbox.id.0);
        // What arrived lately becomes less without a commit.
        let is_kept = !ctx.is_past();
        if let Some((seq, counts)) = self.known_counts().all().get(&key)
            && *seq == mailbox.highest
            && is_kept
        {
            return Ok(*counts);
        }
        let view = self.view(ctx, account, mailbox.id).await?;
        let table = self.thread_table(ctx, account).await?;
        let (mut emails, mut threads) =
            (HashSet::with_capacity(view.len()), HashSet::with_capacity(view.len()));
        let mut unread_threads = HashSet::new();
        let mut counts = Counts::default();
        for entry in view.iter() {
            if !emails.insert(entry.object) {
                continue;
            }
            let thread = table.of(entry.content);
            threads.insert(thread);
            if entry.flags & (SEEN | DRAFT) == 0 {
                counts.unread_emails += 1;
                unread_threads.insert(thread);
            }
        }
        counts.emails = emails.len() as u64;
        counts.threads = threads.len() as u64;
        counts.unread_threads = unread_threads.len() as u64;
        if !is_kept {
            return Ok(counts);
        }
        let mut known = self.known_counts().all();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, (view.seq, counts));
        Ok(counts)
    }
}
