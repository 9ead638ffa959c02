//! Mail that comes from elsewhere: Maildir, mbox, or another server by IMAP. A run takes what is new since the last one,
//! carries over flags that changed at the source, and tells what it left.
//!
//! What must stay true here:
//! - Nothing at the source changes.
//! - A message that cannot be taken is told and passed over; one that was taken is never taken again.

pub mod imap;
mod maildir;
mod mbox;
mod source;

use std::collections::HashSet;

use base::{AccountId, CollectionId, Ctx, Error, Meaning, Result};
use bytes::Bytes;
use mail::taken::{From, Take};
use mail::{Append, Mail, Mailbox};

pub use maildir::Maildir;
pub use mbox::Mbox;
pub use source::Source;
use source::{Entry, Folder};

/// Messages that are put together.
const AT_ONCE: usize = 100;
/// Bytes of messages that are in memory together.
const AT_ONCE_BYTES: u64 = 16 << 20;

/// What became of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Its name at the source.
    pub folder: String,
    /// Messages that were taken.
    pub taken: u64,
    /// Messages that were here already.
    pub known: u64,
    /// Of these, whose flags changed at the source.
    pub changed: u64,
    /// Messages that were taken once and are not at the source any more; they stay here.
    pub gone: u64,
    /// Messages that were not taken.
    pub left: u64,
    /// Why; for a folder as a whole, too.
    pub reasons: Vec<String>,
}

/// Reasons that are kept of a folder.
const REASONS: usize = 100;

impl Outcome {
    fn leave(&mut self, reason: String) {
        self.left += 1;
        if self.reasons.len() < REASONS && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}

/// Takes mail for one account.
pub struct Import<'m> {
    /// Where it is put.
    pub mail: &'m Mail,
    /// Who does it.
    pub ctx: &'m Ctx,
    /// Whose mailboxes.
    pub account: AccountId,
    /// Only look what would be taken.
    pub dry_run: bool,
}

impl Import<'_> {
    /// Takes all folders of a source. `told` hears what is done, of how much, in messages.
    ///
    /// # Errors
    /// Those of the connection and of the database, and `OverQuota`: the run can be repeated.
    pub async fn run(&self, source: &mut Source, told: impl Fn(u64, u64)) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        let (mut done, mut of) = (0, 0);
        for folder in source.folders().await? {
            let mut outcome = Outcome { folder: folder.path.join("/"), ..Outcome::default() };
            if let Some(reason) = &folder.closed {
                outcome.reasons.push(reason.clone());
                outcomes.push(outcome);
                continue;
            }
            match source.entries(&folder).await {
                Ok(entries) => {
                    of += entries.len() as u64;
                    told(done, of);
                    self.folder(source, &folder, &entries, &mut outcome, |part| told(done + part, of))
                        .await?;
                    done += entries.len() as u64;
                }
                // The server does not let us into this one; the others are none the worse.
                Err(error) if error.meaning() == Meaning::Forbidden => {
                    outcome.reasons.push(error.rule().to_owned());
                }
                Err(error) => return Err(error),
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    async fn folder(
        &self,
        source: &mut Source,
        folder: &Folder,
        entries: &[Entry],
        outcome: &mut Outcome,
        told: impl Fn(u64),
    ) -> Result<()> {
        let from = From { source: source.name().to_owned(), folder: folder.name.clone() };
        let known = self.mail.taken(self.account, &from).await?;
        if let Some(reason) = other_validity(entries, known.keys().next()) {
            outcome.left = entries.len() as u64;
            outcome.reasons.push(reason);
            return Ok(());
        }
        let keys: HashSet<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        outcome.gone = known.keys().filter(|key| !keys.contains(key.as_str())).count() as u64;
        let mut fresh = Vec::new();
        for entry in entries {
            match known.get(&entry.key) {
                None => fresh.push(entry.clone()),
                Some(taken) => {
                    outcome.known += 1;
                    let words = |all: &mail::flags::Keywords| {
                        all.names().map(str::to_lowercase).collect::<HashSet<_>>()
                    };
                    if words(&taken.keywords) != words(&entry.keywords) {
                        outcome.changed += 1;
                        if !self.dry_run {
                            let (key, now) = (&entry.key, &entry.keywords);
                            self.mail.take_flags(self.ctx, self.account, &from, key, taken, now).await?;
                        }
                    }
                }
            }
        }
        if self.dry_run {
            outcome.taken = fresh.len() as u64;
            return Ok(());
        }
        // Folders that are empty are made too.
        let mailbox = self.mailbox(folder).await?;
        let most = self.ctx.limits.message_bytes;
        fresh.retain(|entry| {
            let fits = entry.size <= most;
            if !fits {
                outcome.leave(format!("has {} bytes; {most} are allowed", entry.size));
            }
            fits
        });
        let mut at = outcome.known + outcome.left;
        for some in chunks(&fresh) {
            let bodies = source.fetch(some).await?;
            let bodies = some.iter().zip(bodies);
            self.put(mailbox, &from, bodies, outcome).await?;
            at += some.len() as u64;
            told(at);
        }
        Ok(())
    }

    async fn put(
        &self,
        mailbox: CollectionId,
        from: &From,
        bodies: impl Iterator<Item = (&Entry, Option<Bytes>)>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let mut messages = Vec::new();
        for (entry, body) in bodies {
            match body {
                Some(body) if body.is_empty() => outcome.leave("is empty".to_owned()),
                Some(body) if body.len() as u64 > self.ctx.limits.message_bytes => {
                    outcome.leave(format!("has {} bytes with the line ends of mail", body.len()));
                }
                Some(body) => messages.push(Take {
                    key: entry.key.clone(),
                    message: Append {
                        body,
                        keywords: entry.keywords.clone(),
                        received_at: entry.received_at,
                        received_zone: 0,
                    },
                }),
                None => outcome.leave("went away meanwhile; the next run looks again".to_owned()),
            }
        }
        let count = messages.len() as u64;
        if count > 0 {
            self.mail.take(self.ctx, self.account, mailbox, from, messages).await?;
            outcome.taken += count;
        }
        Ok(())
    }

    /// The mailbox for a folder, made with those above it when it is missing.
    async fn mailbox(&self, folder: &Folder) -> Result<CollectionId> {
        let inbox = self.mail.inbox(self.ctx, self.account).await?;
        let all = self.mail.mailboxes(self.ctx, self.account).await?;
        if let Some(role) = folder.role
            && let Some(mailbox) = all.iter().find(|mailbox| mailbox.role == Some(role))
        {
            return Ok(mailbox.id);
        }
        let mut parent = CollectionId(0);
        let mut path = folder.path.as_slice();
        // What lies below the inbox elsewhere lies below ours.
        if let Some((first, below)) = path.split_first()
            && first.eq_ignore_ascii_case("inbox")
        {
            (parent, path) = (inbox, below);
        }
        for name in path {
            let name = name.replace('/', "_");
            let is_it = |mailbox: &&Mailbox| mailbox.parent == parent && mailbox.name == name;
            let found = all.iter().find(is_it).map(|mailbox| mailbox.id);
            parent = match found {
                Some(id) => id,
                None => self.make(parent, &name).await?,
            };
        }
        Ok(parent)
    }

    async fn make(&self, parent: CollectionId, name: &str) -> Result<CollectionId> {
        let made = self.mail.create_mailbox(self.ctx, self.account, parent, name, None).await;
        match made {
            Ok(id) => Ok(id),
            // Names that differ in capitals only are one here.
            Err(error) if error.meaning() == Meaning::Conflict => {
                let all = self.mail.mailboxes(self.ctx, self.account).await?;
                let is_it = |mailbox: &&Mailbox| {
                    mailbox.parent == parent && mailbox.name.to_lowercase() == name.to_lowercase()
                };
                all.iter().find(is_it).map(|mailbox| mailbox.id).ok_or(error)
            }
            Err(error) => Err(Error::new(
                error.meaning(),
                error.field().to_owned(),
                format!("of the folder `{name}` {}", error.rule()),
            )),
        }
    }
}

/// Why nothing is taken when the server numbered the folder anew: everything would be here twice.
fn other_validity(entries: &[Entry], known: Option<&String>) -> Option<String> {
    let (now, _) = entries.first()?.key.split_once(':')?;
    let (before, uid) = known?.split_once(':')?;
    let is_imap = uid.len() == 10 && uid.bytes().all(|byte| byte.is_ascii_digit()) && before.len() <= 10;
    (is_imap && now != before).then(|| {
        format!(
            "the server numbered the folder anew (UIDVALIDITY {before} became {now}); it would be taken twice"
        )
    })
}

/// Pieces that fit into memory, and into one transaction.
fn chunks(entries: &[Entry]) -> Vec<&[Entry]> {
    let mut chunks = Vec::new();
    let (mut begin, mut bytes) = (0, 0);
    for (at, entry) in entries.iter().enumerate() {
        if at > begin && (at - begin >= AT_ONCE || bytes + entry.size > AT_ONCE_BYTES) {
            chunks.extend(entries.get(begin..at));
            (begin, bytes) = (at, 0);
        }
        bytes += entry.size;
    }
    chunks.extend(entries.get(begin..).filter(|rest| !rest.is_empty()));
    chunks
}
