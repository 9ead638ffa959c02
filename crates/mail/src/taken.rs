//! Mail that is taken over from elsewhere: each message once, however often it is asked for.
//!
//! What must stay true here:
//! - That a message was taken is written in the transaction that puts it: a run that broke off is taken up where it was.
//! - What people changed here is not undone: of flags, only what changed at the source is carried over.

use std::collections::HashMap;
use std::sync::Arc;

use base::{AccountId, CollectionId, Ctx, Result};
use store::sql::{Bulk, Migration, Type};
use store::{Part, params};

use crate::Mail;
use crate::flags::{FlagChange, Keywords};
use crate::messages::{Append, Appended};

const SCHEMA: &str = include_str!("../schema/taken.sql");

/// The table of what was taken over.
pub const PART: Part = Part {
    name: "mail_taken",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "taken", text: SCHEMA }],
};

static NOTE: Bulk = Bulk::upsert(
    "mail_taken",
    &[
        ("account_id", Type::Int),
        ("source", Type::Text),
        ("folder", Type::Text),
        ("key", Type::Text),
        ("mailbox_id", Type::Int),
        ("uid", Type::Int),
        ("flags", Type::Text),
    ],
    4,
    "ON CONFLICT (account_id, source, folder, key) DO UPDATE SET flags = excluded.flags",
);

const PAGE: &str = "
    SELECT key, mailbox_id, uid, flags FROM mail_taken
     WHERE account_id = $1 AND source = $2 AND folder = $3 AND key > $4
     ORDER BY key LIMIT $5";
const PAGE_ROWS: i64 = 5_000;

/// A folder elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// Where it is, such as `imap:ada@old.example:993`.
    pub source: String,
    /// Its name there.
    pub folder: String,
}

/// A message elsewhere that is to be taken.
#[derive(Debug, Clone)]
pub struct Take {
    /// What names it there for good.
    pub key: String,
    /// What is put here.
    pub message: Append,
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The mailbox that it was put into.
    pub mailbox: CollectionId,
    /// Its UID there.
    pub uid: u32,
    /// Its flags at the source when it was last looked at.
    pub keywords: Keywords,
}

fn words(keywords: &Keywords) -> String {
    keywords.names().collect::<Vec<_>>().join(" ")
}

impl Mail {
    /// What was taken from a folder so far, by its keys.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn taken(&self, account: AccountId, from: &From) -> Result<HashMap<String, Taken>> {
        let (mut all, mut after) = (HashMap::new(), String::new());
        loop {
            let (from, begin) = (from.clone(), after.clone());
            let page = self.kernel().store().read(move |tx| {
                tx.query(PAGE, params![account, &from.source, &from.folder, &begin, PAGE_ROWS], |row| {
                    let flags = row.text(3)?;
                    let taken = Taken {
                        mailbox: CollectionId(row.int(1)?),
                        uid: crate::mailboxes::uid(row.int(2)?)?,
                        keywords: Keywords::parse(flags.split_whitespace())?,
                    };
                    Ok((row.text(0)?, taken))
                })
            });
            let page = page.await?;
            match page.last() {
                Some((key, _)) => after.clone_from(key),
                None => return Ok(all),
            }
            all.extend(page);
        }
    }

    /// Puts messages from a folder elsewhere into a mailbox, all or none, and notes that they were taken.
    ///
    /// # Errors
    /// As [`Mail::append`].
    pub async fn take(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        from: &From,
        messages: Vec<Take>,
    ) -> Result<Vec<Appended>> {
        let notes: Vec<_> =
            messages.iter().map(|take| (take.key.clone(), words(&take.message.keywords))).collect();
        let messages = messages.into_iter().map(|take| take.message).collect();
        let from = from.clone();
        self.append_with(ctx, account, mailbox, messages, move |batch, appended| {
            let tx = batch.tx();
            for ((key, flags), made) in notes.iter().zip(appended) {
                let uid = i64::from(made.uid);
                tx.add(&NOTE, params![account, &from.source, &from.folder, key, mailbox, uid, flags])?;
            }
            Ok(())
        })
        .await
    }

    /// Carries over how the flags of a message changed at the source since it was last looked at.
    ///
    /// # Errors
    /// As [`Mail::store`].
    pub async fn take_flags(
        &self,
        ctx: &Ctx,
        account: AccountId,
        from: &From,
        key: &str,
        taken: &Taken,
        now: &Keywords,
    ) -> Result<()> {
        let minus = |one: &Keywords, other: &Keywords| Keywords {
            flags: one.flags & !other.flags,
            others: one.others.iter().filter(|word| !other.has(word)).cloned().collect(),
        };
        let changes =
            [FlagChange::Add(minus(now, &taken.keywords)), FlagChange::Remove(minus(&taken.keywords, now))];
        for change in changes {
            let (FlagChange::Add(words) | FlagChange::Remove(words) | FlagChange::Replace(words)) = &change;
            if *words != Keywords::default() {
                self.store(ctx, account, taken.mailbox, vec![taken.uid], change, None).await?;
            }
        }
        // After the change, not with it: a run that breaks off in between does it again, to no effect.
        let (from, key, now, taken) = (from.clone(), key.to_owned(), words(now), Arc::new(taken.clone()));
        self.kernel()
            .store()
            .write([], move |tx| {
                let row = params![
                    account,
                    &from.source,
                    &from.folder,
                    &key,
                    taken.mailbox,
                    i64::from(taken.uid),
                    &now
                ];
                tx.add(&NOTE, row)
            })
            .await
    }
}
