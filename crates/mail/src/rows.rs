//! What the rows of messages say, many at a time, and their bodies.

use std::ops::Range;

use base::{AccountId, CollectionId, Ctx, Error, Result};
use bytes::{Bytes, BytesMut};
use kernel::{Right, View as KernelView};
use store::blobs::Hash;
use store::{Read, params};

use crate::Mail;

/// Which columns are wanted besides the small ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a set of columns, each of which is wanted or not")]
pub struct Columns {
    /// `message_id`, `refs`, `thread`, `sent_at`.
    pub thread: bool,
    /// `subject`, `sender`, `preview`, `has_attachment`.
    pub texts: bool,
    /// `envelope`.
    pub envelope: bool,
    /// `structure`.
    pub structure: bool,
    /// `fields`.
    pub fields: bool,
}

/// A message as its row says; columns that were not asked for are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The content's number.
    pub content: i64,
    /// Hash of the body.
    pub body: Hash,
    /// Bytes that we put before the body.
    pub trace_bytes: i64,
    /// Bytes of both.
    pub size: i64,
    /// When it arrived, milliseconds since 1970.
    pub received_at: i64,
    /// Length of the header.
    pub header_bytes: i64,
    /// Its Date field.
    pub sent_at: Option<i64>,
    /// Its conversation.
    pub thread: i64,
    /// Its Message-ID.
    pub message_id: String,
    /// What it answers, separated by spaces.
    pub refs: String,
    /// Its subject, decoded.
    pub subject: String,
    /// Its first author.
    pub sender: String,
    /// How its text begins.
    pub preview: String,
    /// Whether it has attachments.
    pub has_attachment: bool,
    /// The IMAP envelope.
    pub envelope: Bytes,
    /// The tree of its parts.
    pub structure: String,
    /// Header fields that clients ask for.
    pub fields: Bytes,
}

/// Rows that one statement reads.
const CHUNK: usize = 500;

impl Columns {
    fn list(self) -> String {
        let mut list = "id, body, length(trace), size, received_at, header_bytes".to_owned();
        for (wanted, columns) in [
            (self.thread, ", sent_at, thread_id, message_id, refs"),
            (self.texts, ", subject, sender, preview, has_attachment"),
            (self.envelope, ", envelope"),
            (self.structure, ", structure"),
            (self.fields, ", fields"),
        ] {
            if wanted {
                list.push_str(columns);
            }
        }
        list
    }

    fn read(self, row: &store::Row<'_>) -> Result<Row> {
        let mut out = Row {
            content: row.int(0)?,
            body: row.hash(1)?,
            trace_bytes: row.int(2)?,
            size: row.int(3)?,
            received_at: row.int(4)?,
            header_bytes: row.int(5)?,
            ..Row::default()
        };
        let mut at = 6;
        let mut next = || {
            at += 1;
            at - 1
        };
        if self.thread {
            out.sent_at = row.opt_int(next())?;
            out.thread = row.int(next())?;
            out.message_id = row.text(next())?;
            out.refs = row.text(next())?;
        }
        if self.texts {
            out.subject = row.text(next())?;
            out.sender = row.text(next())?;
            out.preview = row.text(next())?;
            out.has_attachment = row.flag(next())?;
        }
        if self.envelope {
            out.envelope = row.bytes(next())?.into();
        }
        if self.structure {
            out.structure = row.text(next())?;
        }
        if self.fields {
            out.fields = row.bytes(next())?.into();
        }
        Ok(out)
    }
}

/// The rows of some contents, in the order of their numbers; what is not there is left out. Rights are the caller's.
pub(crate) fn of(
    tx: &mut Read<'_>,
    account: AccountId,
    contents: &[i64],
    columns: Columns,
) -> Result<Vec<Row>> {
    let sql =
        format!("SELECT {} FROM message WHERE account_id = $1 AND id {{in $2}} ORDER BY id", columns.list());
    let mut out = Vec::with_capacity(contents.len());
    for chunk in contents.chunks(CHUNK) {
        out.extend(tx.query(&sql, params![account, chunk.to_vec()], |row| columns.read(row))?);
    }
    Ok(out)
}

/// Of some contents those that lie in a mailbox which the reader may read, or all for their owner.
fn readable(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    mailbox: CollectionId,
    contents: Vec<i64>,
) -> Result<Vec<i64>> {
    view.require(account, mailbox, Right::Read)?;
    if view.ctx().actor.system || view.ctx().actor.account == account {
        return Ok(contents);
    }
    let mut out = Vec::with_capacity(contents.len());
    for chunk in contents.chunks(CHUNK) {
        let sql = "SELECT DISTINCT i.content_id FROM message m
                     JOIN item i ON i.account_id = m.account_id AND i.object_id = m.id
                    WHERE m.account_id = $1 AND m.id {in $2} AND i.collection_id = $3";
        let values = params![account, chunk.to_vec(), mailbox];
        out.extend(view.tx().query(sql, values, |row| row.int(0))?);
    }
    Ok(out)
}

/// Where a message lies: its body in the blob store, and the bytes before it.
struct Parts {
    content: i64,
    body: Hash,
    trace: Bytes,
    size: i64,
}

impl Mail {
    /// What the rows of messages of a mailbox say, in the order of their numbers. What is not there, or what the
    /// reader may not read, is left out.
    ///
    /// # Errors
    /// `NotFound` when the reader may not read the mailbox.
    pub async fn rows(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        contents: Vec<i64>,
        columns: Columns,
    ) -> Result<Vec<Row>> {
        self.kernel()
            .read(ctx, move |view| {
                let contents = readable(view, account, mailbox, contents)?;
                of(view.tx(), account, &contents, columns)
            })
            .await
    }

    /// When messages were put where they lie, in milliseconds since 1970, by their UIDs.
    ///
    /// # Errors
    /// `NotFound` when the reader may not read the mailbox.
    pub async fn saved_at(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        uids: Vec<u32>,
    ) -> Result<Vec<(u32, i64)>> {
        let items = crate::messages::items(&uids);
        let found = self.kernel().read(ctx, move |view| view.put_at(account, mailbox, &items)).await?;
        found.into_iter().map(|(item, at)| Ok((crate::mailboxes::uid(item.0)?, at))).collect()
    }

    /// The bytes of a message of a mailbox, or the part of them that the range covers; a range that reaches beyond
    /// the end is cut.
    ///
    /// # Errors
    /// `NotFound` when there is none that the reader may read.
    pub async fn body(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        content: i64,
        range: Option<Range<u64>>,
    ) -> Result<Bytes> {
        let found = self.bodies(ctx, account, mailbox, vec![(content, range)]).await?;
        found.into_iter().next().flatten().ok_or_else(|| Error::not_found("message"))
    }

    /// The bytes of several messages of a mailbox, or parts of them, in the order asked; nothing for what is not
    /// there.
    ///
    /// # Errors
    /// `NotFound` when the reader may not read the mailbox, and those of the blob store.
    pub async fn bodies(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        wanted: Vec<(i64, Option<Range<u64>>)>,
    ) -> Result<Vec<Option<Bytes>>> {
        let contents: Vec<i64> = wanted.iter().map(|(content, _)| *content).collect();
        let found = self.kernel().read(ctx, move |view| {
            let contents = readable(view, account, mailbox, contents)?;
            let sql = "SELECT organisation_id FROM account WHERE id = $1";
            let organisation = view.tx().query_one(sql, params![account], |row| row.int(0))?;
            let mut parts = Vec::with_capacity(contents.len());
            for chunk in contents.chunks(CHUNK) {
                let sql = "SELECT id, body, trace, size FROM message WHERE account_id = $1 AND id {in $2}";
                parts.extend(view.tx().query(sql, params![account, chunk.to_vec()], |row| {
                    let (content, body) = (row.int(0)?, row.hash(1)?);
                    Ok(Parts { content, body, trace: row.bytes(2)?.into(), size: row.int(3)? })
                })?);
            }
            Ok((base::OrganisationId(organisation), parts))
        });
        let (organisation, mut parts) = found.await?;
        parts.sort_unstable_by_key(|part| part.content);
        let mut out = Vec::with_capacity(wanted.len());
        for (content, range) in wanted {
            let Ok(at) = parts.binary_search_by_key(&content, |part| part.content) else {
                out.push(None);
                continue;
            };
            out.push(match parts.get(at) {
                Some(part) => Some(self.cut(organisation, part, range).await?),
                None => None,
            });
        }
        Ok(out)
    }

    /// A range of the whole, of which the first bytes are the trace.
    async fn cut(
        &self,
        organisation: base::OrganisationId,
        part: &Parts,
        range: Option<Range<u64>>,
    ) -> Result<Bytes> {
        let trace_bytes = part.trace.len() as u64;
        let size = part.size.unsigned_abs();
        let range = range.unwrap_or(0..size);
        let (start, end) = (range.start.min(size), range.end.clamp(range.start.min(size), size));
        let at = |place: u64| usize::try_from(place.min(trace_bytes)).unwrap_or(part.trace.len());
        let before = part.trace.slice(at(start)..at(end));
        if end <= trace_bytes {
            return Ok(before);
        }
        let in_body = start.saturating_sub(trace_bytes)..end - trace_bytes;
        let body = self.blobs().read(organisation, part.body, Some(in_body)).await?;
        if before.is_empty() {
            return Ok(body);
        }
        let mut whole = BytesMut::with_capacity(before.len() + body.len());
        whole.extend_from_slice(&before);
        whole.extend_from_slice(&body);
        Ok(whole.freeze())
    }
}
