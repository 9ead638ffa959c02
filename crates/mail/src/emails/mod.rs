//! Messages as those see them for whom one message may lie in several mailboxes (JMAP, RFC 8621 section 4): the object
//! with all its places.
//!
//! What must stay true here:
//! - An email is an object (`item.object_id`), which keeps its number over moves and copies within its account. It is
//!   there as long as a place of it is that the reader may see; its keywords are those of all these places.
//! - The state of mail is the newest commit that touched a mailbox, whichever.

mod changes;
mod counts;
mod edit;
mod table;

use base::{AccountId, CollectionId, Ctx, ObjectId, Result, Seq};
use kernel::View as KernelView;
use store::{Read, params};

use crate::flags::Keywords;
use crate::{Columns, Mail, Row, mailboxes, rows};
pub use changes::{EmailChanges, EmailState};
pub use counts::Counts;
pub(crate) use counts::KnownCounts;
pub use edit::{Edited, EmailEdit, KeywordEdit, Made, NewEmail, PlaceEdit};
pub use table::ThreadTable;
pub(crate) use table::ThreadTables;

/// Objects that one statement reads.
const CHUNK: usize = 500;

/// Where an email lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The mailbox.
    pub mailbox: CollectionId,
    /// The UID there.
    pub uid: u32,
    /// Flags that have a bit.
    pub flags: i64,
    /// The other keywords and properties, as they stand in the item.
    pub state: Option<String>,
}

/// An email: an object with its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// The object.
    pub object: i64,
    /// Its places that the reader may see; at least one.
    pub places: Vec<Place>,
    /// What its row says.
    pub row: Row,
}

impl Email {
    /// The flags and keywords of all its places.
    pub fn keywords(&self) -> Keywords {
        union(&self.places)
    }
}

/// The keywords of several places together.
pub(crate) fn union(places: &[Place]) -> Keywords {
    let mut all = Keywords::default();
    for place in places {
        let of = Keywords::of_item(place.flags, place.state.as_deref());
        all.flags |= of.flags;
        for word in of.others {
            if !all.has(&word) {
                all.others.push(word);
            }
        }
    }
    all
}

/// The newest commit that touched a mailbox of the account.
pub(crate) fn state(tx: &mut Read<'_>, account: AccountId) -> Result<Seq> {
    let sql = "SELECT max(max_seq) FROM collection WHERE account_id = $1 AND kind = $2";
    Ok(Seq(tx.query_one(sql, params![account, crate::NAME], |row| row.opt_int(0))?.unwrap_or(0)))
}

/// The places of objects in these mailboxes, by object.
pub(crate) fn places(
    tx: &mut Read<'_>,
    account: AccountId,
    objects: &[i64],
    mailboxes: &[CollectionId],
) -> Result<Vec<(i64, Place)>> {
    let mut out = Vec::with_capacity(objects.len());
    for chunk in objects.chunks(CHUNK) {
        let sql = "SELECT object_id, collection_id, id, flags, state FROM item
                    WHERE account_id = $1 AND object_id {in $2} AND gone = 0";
        let found = tx.query(sql, params![account, chunk.to_vec()], |row| {
            let place = Place {
                mailbox: CollectionId(row.int(1)?),
                uid: mailboxes::uid(row.int(2)?)?,
                flags: row.int(3)?,
                state: row.opt_text(4)?,
            };
            Ok((row.int(0)?, place))
        })?;
        out.extend(found.into_iter().filter(|(_, place)| mailboxes.contains(&place.mailbox)));
    }
    out.sort_unstable_by_key(|(object, place)| (*object, place.mailbox.0, place.uid));
    Ok(out)
}

/// The mailboxes of an account that the reader may read.
pub(crate) fn readable(view: &mut KernelView<'_, '_>, account: AccountId) -> Result<Vec<CollectionId>> {
    Ok(view.collections(account, Some(crate::NAME))?.into_iter().map(|info| info.id).collect())
}

impl Mail {
    /// The state of mail of an account: the newest commit that touched a mailbox. Of what the history shows, a number that
    /// is another one when that is.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn mail_state(&self, ctx: &Ctx, account: AccountId) -> Result<Seq> {
        if ctx.is_past() {
            return self.past_state(ctx, account).await;
        }
        self.kernel().read(ctx, move |view| state(view.tx(), account)).await
    }

    /// The number of the newest message of an account, 0 without one: it grows whenever one is added; rights are the
    /// caller's.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn newest_message(&self, account: AccountId) -> Result<i64> {
        let sql = "SELECT max(id) FROM message WHERE account_id = $1";
        let read =
            self.kernel().store().read(move |tx| tx.query_one(sql, params![account], |row| row.opt_int(0)));
        Ok(read.await?.unwrap_or(0))
    }

    /// Emails by their objects, with the state of the same snapshot; what is not there, or what the reader may not
    /// read, is left out. In the order of the objects.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn emails(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mut objects: Vec<i64>,
        columns: Columns,
    ) -> Result<(Seq, Vec<Email>)> {
        objects.sort_unstable();
        objects.dedup();
        if ctx.is_past() {
            return self.past_emails(ctx, account, &objects, columns).await;
        }
        self.kernel()
            .read(ctx, move |view| {
                let seq = state(view.tx(), account)?;
                let mailboxes = readable(view, account)?;
                let found = places(view.tx(), account, &objects, &mailboxes)?;
                let mut there: Vec<i64> = found.iter().map(|(object, _)| *object).collect();
                there.dedup();
                let mut rows = rows::of(view.tx(), account, &there, columns)?.into_iter().peekable();
                let mut out: Vec<Email> = Vec::with_capacity(there.len());
                for (object, place) in found {
                    match out.last_mut() {
                        Some(last) if last.object == object => last.places.push(place),
                        _ => {
                            while rows.next_if(|row| row.content < object).is_some() {}
                            let Some(row) = rows.next_if(|row| row.content == object) else { continue };
                            out.push(Email { object, places: vec![place], row });
                        }
                    }
                }
                Ok((seq, out))
            })
            .await
    }

    /// The emails of conversations, those that arrived first before the others, with the state of the same snapshot.
    /// A conversation without an email that the reader may see is left out.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn threads(
        &self,
        ctx: &Ctx,
        account: AccountId,
        threads: Vec<i64>,
    ) -> Result<(Seq, Vec<(i64, Vec<i64>)>)> {
        let past = if ctx.is_past() {
            Some((self.past_state(ctx, account).await?, self.past_objects(ctx, account).await?))
        } else {
            None
        };
        self.kernel()
            .read(ctx, move |view| {
                let seq = match &past {
                    Some((state, _)) => *state,
                    None => state(view.tx(), account)?,
                };
                let mailboxes = readable(view, account)?;
                let mut members: Vec<(i64, i64, i64)> = Vec::new();
                for chunk in threads.chunks(CHUNK) {
                    let sql = "SELECT thread_id, received_at, id FROM message
                                WHERE account_id = $1 AND thread_id {in $2}";
                    members.extend(view.tx().query(sql, params![account, chunk.to_vec()], |row| {
                        Ok((row.int(0)?, row.int(1)?, row.int(2)?))
                    })?);
                }
                if let Some((_, shown)) = &past {
                    members.retain(|(_, _, object)| shown.contains(object));
                } else {
                    let objects: Vec<i64> = members.iter().map(|(_, _, object)| *object).collect();
                    let found = places(view.tx(), account, &objects, &mailboxes)?;
                    let lies = |object: &i64| found.binary_search_by_key(object, |(known, _)| *known).is_ok();
                    members.retain(|(_, _, object)| lies(object));
                }
                members.sort_unstable();
                let mut out: Vec<(i64, Vec<i64>)> = Vec::with_capacity(threads.len());
                for (thread, _, object) in members {
                    match out.last_mut() {
                        Some((last, emails)) if *last == thread => emails.push(object),
                        _ => out.push((thread, vec![object])),
                    }
                }
                Ok((seq, out))
            })
            .await
    }
}

impl Mail {
    /// A mailbox that an email lies in, and its content there; none when the reader may not see it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn place_of(
        &self,
        ctx: &Ctx,
        account: AccountId,
        object: ObjectId,
    ) -> Result<Option<(CollectionId, i64)>> {
        if ctx.is_past() {
            return self.past_place(ctx, account, object.0).await;
        }
        let places = self.kernel().read(ctx, move |view| view.places(account, object)).await?;
        Ok(places.into_iter().next().map(|(mailbox, item)| (mailbox, item.content)))
    }

    /// The objects of all emails of an account that the reader may see, at most one more than `most`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn email_ids(&self, ctx: &Ctx, account: AccountId, most: u64) -> Result<Vec<i64>> {
        let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
        if ctx.is_past() {
            let shown = self.past_objects(ctx, account).await?;
            return Ok(shown.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX)).collect());
        }
        self.kernel()
            .read(ctx, move |view| {
                let mailboxes: Vec<i64> = readable(view, account)?.into_iter().map(|id| id.0).collect();
                let sql = "SELECT DISTINCT object_id FROM item
                            WHERE account_id = $1 AND collection_id {in $2} AND gone = 0 ORDER BY object_id LIMIT $3";
                view.tx().query(sql, params![account, mailboxes, limit], |row| row.int(0))
            })
            .await
    }

    /// Those of these contents that have attachments, ascending; rights are the caller's.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn with_attachments(&self, account: AccountId, contents: Vec<i64>) -> Result<Vec<i64>> {
        let read = self.kernel().store().read(move |tx| {
            let mut out = Vec::new();
            for chunk in contents.chunks(CHUNK) {
                let sql =
                    "SELECT id FROM message WHERE account_id = $1 AND id {in $2} AND has_attachment = 1";
                out.extend(tx.query(sql, params![account, chunk.to_vec()], |row| row.int(0))?);
            }
            out.sort_unstable();
            Ok(out)
        });
        read.await
    }

    /// All messages of the conversations that these are of; rights are the caller's.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn thread_members(&self, account: AccountId, contents: Vec<i64>) -> Result<Vec<i64>> {
        let read = self.kernel().store().read(move |tx| {
            let mut threads = Vec::new();
            for chunk in contents.chunks(CHUNK) {
                let sql = "SELECT DISTINCT thread_id FROM message WHERE account_id = $1 AND id {in $2}";
                threads.extend(tx.query(sql, params![account, chunk.to_vec()], |row| row.int(0))?);
            }
            threads.sort_unstable();
            threads.dedup();
            let mut out = Vec::new();
            for chunk in threads.chunks(CHUNK) {
                let sql = "SELECT id FROM message WHERE account_id = $1 AND thread_id {in $2}";
                out.extend(tx.query(sql, params![account, chunk.to_vec()], |row| row.int(0))?);
            }
            Ok(out)
        });
        read.await
    }
}

impl Mail {
    /// The conversations of messages, also of those that are gone: pairs of message and conversation.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn threads_of(&self, account: AccountId, contents: Vec<i64>) -> Result<Vec<(i64, i64)>> {
        let read = self.kernel().store().read(move |tx| {
            let mut out = Vec::new();
            for chunk in contents.chunks(CHUNK) {
                let sql = "SELECT id, thread_id FROM message WHERE account_id = $1 AND id {in $2}";
                out.extend(
                    tx.query(sql, params![account, chunk.to_vec()], |row| Ok((row.int(0)?, row.int(1)?)))?,
                );
            }
            Ok(out)
        });
        read.await
    }
}
