//! The texts of messages: for the search index, which asks for them when it indexes, and for searches that look at
//! texts themselves where the index cannot be sure.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use base::{AccountId, Ctx, Error, OrganisationId, Result, Seq};
use bytes::{Bytes, BytesMut};
use codec::fold::fold;
use kernel::{Kernel, Text, Texts, TextsOf};
use store::blobs::Hash;
use store::{Blobs, params};
use tokio::sync::Notify;

use crate::summary::{text_holds, text_of};
use crate::{Mail, View};

/// Bytes of messages that were just put into mailboxes and are not indexed yet.
const FRESH_BYTES: usize = 24 << 20;
/// Messages whose texts are looked at together, by count and by size.
const AT_ONCE: usize = 200;
const AT_ONCE_BYTES: i64 = 16 << 20;
/// Bytes of text of one message that are looked through.
const TEXT_BYTES: usize = 64 << 20;

/// A message that was just put somewhere, and its text once somebody asked for it.
pub(crate) struct Whole {
    bytes: Bytes,
    text: OnceLock<Text>,
}

impl Whole {
    pub(crate) fn new(bytes: Bytes) -> Arc<Self> {
        Arc::new(Self { bytes, text: OnceLock::new() })
    }

    fn text(&self, limit: usize) -> Text {
        self.text.get_or_init(|| Text::from(text_of(&self.bytes, limit))).clone()
    }
}

/// Messages that were just put into mailboxes, so that indexing them reads nothing again; the oldest are forgotten.
#[derive(Default)]
pub(crate) struct Fresh(Mutex<Kept>, OnceLock<Arc<Notify>>);

#[derive(Default)]
struct Kept {
    by_content: HashMap<(i64, i64), Arc<Whole>>,
    order: VecDeque<(i64, i64)>,
    bytes: usize,
}

impl Fresh {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom to tell when there is much.
    pub(crate) fn empty_by(&self, index: Arc<Notify>) {
        // The first one stays.
        let _ = self.1.set(index);
    }

    pub(crate) fn put(&self, account: AccountId, content: i64, whole: &Arc<Whole>) {
        let mut kept = self.kept();
        let key = (account.0, content);
        if whole.bytes.len() > FRESH_BYTES || kept.by_content.insert(key, whole.clone()).is_some() {
            return;
        }
        kept.order.push_back(key);
        let much = |bytes: usize| bytes > FRESH_BYTES / 3 * 2;
        let before = kept.bytes;
        kept.bytes += whole.bytes.len();
        if much(kept.bytes)
            && !much(before)
            && let Some(index) = self.1.get()
        {
            index.notify_one();
        }
        while kept.bytes > FRESH_BYTES {
            let Some(oldest) = kept.order.pop_front() else { break };
            if let Some(gone) = kept.by_content.remove(&oldest) {
                kept.bytes = kept.bytes.saturating_sub(gone.bytes.len());
            }
        }
    }

    /// Those of these contents that are here; they are let go.
    fn take(&self, account: AccountId, contents: &[i64]) -> Vec<(i64, Arc<Whole>)> {
        let mut kept = self.kept();
        let mut out = Vec::new();
        for content in contents {
            if let Some(whole) = kept.by_content.remove(&(account.0, *content)) {
                kept.bytes = kept.bytes.saturating_sub(whole.bytes.len());
                out.push((*content, whole));
            }
        }
        if kept.by_content.is_empty() {
            kept.order.clear();
        } else if !out.is_empty() {
            let Kept { by_content, order, .. } = &mut *kept;
            order.retain(|key| by_content.contains_key(key));
        }
        out
    }
}

/// The texts of messages, for a search index.
pub struct MailTexts {
    kernel: Kernel,
    blobs: Blobs,
    fresh: Arc<Fresh>,
}

/// A message to be read.
struct Stored {
    content: i64,
    hash: Hash,
    trace: Vec<u8>,
}

impl MailTexts {
    pub(crate) fn new(kernel: Kernel, blobs: Blobs, fresh: Arc<Fresh>) -> Self {
        Self { kernel, blobs, fresh }
    }

    /// Messages as they stand.
    async fn messages(&self, account: AccountId, contents: Vec<i64>) -> Result<Vec<(i64, Bytes)>> {
        if contents.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT id, body, trace FROM message WHERE account_id = $1 AND id {in $2}";
        let read = self.kernel.store().read(move |tx| {
            let organisation = "SELECT organisation_id FROM account WHERE id = $1";
            let organisation = tx.query_one(organisation, params![account], |row| row.int(0))?;
            let stored = tx.query(sql, params![account, contents], |row| {
                Ok(Stored { content: row.int(0)?, hash: row.hash(1)?, trace: row.bytes(2)? })
            })?;
            Ok((OrganisationId(organisation), stored))
        });
        let (organisation, stored) = read.await?;
        let mut out = Vec::with_capacity(stored.len());
        for Stored { content, hash, trace } in stored {
            let body = self.blobs.read(organisation, hash, None).await?;
            let mut whole = BytesMut::with_capacity(trace.len() + body.len());
            whole.extend_from_slice(&trace);
            whole.extend_from_slice(&body);
            out.push((content, whole.freeze()));
        }
        Ok(out)
    }
}

impl Texts for MailTexts {
    fn texts<'t>(&'t self, account: AccountId, contents: &'t [i64], limit_bytes: u64) -> TextsOf<'t> {
        Box::pin(async move {
            let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
            let fresh = self.fresh.take(account, contents);
            let rest = contents.iter().filter(|content| !fresh.iter().any(|(known, _)| known == *content));
            let stored = self.messages(account, rest.copied().collect()).await?;
            let made = tokio::task::spawn_blocking(move || {
                let fresh = fresh.into_iter().map(|(content, whole)| (content, whole.text(limit)));
                let read =
                    stored.iter().map(|(content, whole)| (*content, Text::from(text_of(whole, limit))));
                fresh.chain(read).collect()
            });
            made.await.map_err(|error| Error::corrupt("message", "could not be read").with_source(error))
        })
    }
}

impl Mail {
    /// Contents, ascending, that an index which stands at a commit may not know. What changed after it is new, or has
    /// other flags than before: the index tells them apart.
    async fn unknown(&self, view: &View, seq: Seq) -> Result<Vec<i64>> {
        if seq >= view.seq {
            return Ok(Vec::new());
        }
        let mut new: Vec<i64> =
            view.iter().filter(|entry| entry.modseq > seq).map(|entry| entry.content).collect();
        new.sort_unstable();
        if let (Some(search), false) = (self.search(), new.is_empty()) {
            let known = search.indexed(view.account, new.clone(), seq).await?;
            new.retain(|content| known.binary_search(content).is_err());
        }
        Ok(new)
    }

    /// Those of these contents of a mailbox, with their sizes, whose text holds a piece, compared as
    /// [`codec::fold`] says: in the body, or with `body_only` false in the header too. Complete, however far the
    /// index is behind. Ascending.
    ///
    /// # Errors
    /// `NotFound` when the reader may not read the mailbox, and those of the stores.
    pub async fn holding(
        &self,
        ctx: &Ctx,
        view: &View,
        among: &[(i64, i64)],
        text: &str,
        body_only: bool,
    ) -> Result<Vec<i64>> {
        let mut sure = Vec::new();
        let mut look: Vec<(i64, i64)> = Vec::new();
        let found = match self.search() {
            // The index knows what lies somewhere; of the past every message is read.
            Some(search) if !ctx.is_past() => search.holding(view.account, text).await?,
            _ => kernel::Candidates { any: true, ..kernel::Candidates::default() },
        };
        if found.any {
            look.extend_from_slice(among);
        } else {
            let new = self.unknown(view, found.seq).await?;
            for (content, size) in among {
                let has = |list: &[i64]| list.binary_search(content).is_ok();
                if has(&found.sure) && !body_only {
                    sure.push(*content);
                } else if has(&found.sure) || has(&found.unsure) || has(&new) {
                    look.push((*content, *size));
                }
            }
        }
        let folded: Arc<str> = fold(text).into();
        let mut waiting = look.into_iter().peekable();
        while waiting.peek().is_some() {
            let (mut chunk, mut bytes) = (Vec::new(), 0);
            while chunk.len() < AT_ONCE && bytes < AT_ONCE_BYTES {
                let Some((content, size)) = waiting.next() else { break };
                bytes += size;
                chunk.push(content);
            }
            let wanted = chunk.iter().map(|content| (*content, None)).collect();
            let bodies = self.bodies(ctx, view.account, view.mailbox, wanted).await?;
            let folded = folded.clone();
            let looked = tokio::task::spawn_blocking(move || {
                let holds = |body: &Bytes| text_holds(&text_of(body, TEXT_BYTES), &folded, body_only);
                let pairs = chunk.into_iter().zip(bodies);
                pairs
                    .filter(|(_, body)| body.as_ref().is_some_and(holds))
                    .map(|(content, _)| content)
                    .collect::<Vec<i64>>()
            });
            let looked = looked.await;
            sure.extend(
                looked
                    .map_err(|error| Error::corrupt("message", "could not be searched").with_source(error))?,
            );
        }
        sure.sort_unstable();
        sure.dedup();
        Ok(sure)
    }
}
