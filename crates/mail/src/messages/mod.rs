//! Putting messages into mailboxes, and what is done with them there.

pub(crate) mod append;
mod copy;
pub(crate) mod store;

use std::sync::Arc;

use ::store::blobs::Put;
use ::store::params;
use ::store::sql::{Bulk, Type};
use base::{CollectionId, Error, ItemId, Result};
use bytes::Bytes;
use kernel::{Batch, Created, NewItem};

use crate::flags::Keywords;
use crate::summary::{Summary, summarise};
use crate::texts::{Fresh, Whole};
use crate::{Mail, threads};
pub use append::{Append, Appended};
pub use store::Stored;

pub(crate) static INSERT: Bulk = Bulk::insert(
    "message",
    &[
        ("account_id", Type::Int),
        ("id", Type::Int),
        ("body", Type::Bytes),
        ("trace", Type::Bytes),
        ("size", Type::Int),
        ("received_at", Type::Int),
        ("sent_at", Type::Int),
        ("thread_id", Type::Int),
        ("message_id", Type::Text),
        ("refs", Type::Text),
        ("subject", Type::Text),
        ("sender", Type::Text),
        ("preview", Type::Text),
        ("has_attachment", Type::Int),
        ("header_bytes", Type::Int),
        ("fields", Type::Bytes),
        ("envelope", Type::Bytes),
        ("structure", Type::Text),
        ("received_zone", Type::Int),
    ],
);

/// When a message arrived, as it was said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The zone in which it was said, minutes east of UTC.
    pub zone_minutes: i16,
}

impl From<i64> for Arrived {
    fn from(at_ms: i64) -> Self {
        Self { at_ms, zone_minutes: 0 }
    }
}

/// A message that was read once and may be put into any number of mailboxes.
#[derive(Clone)]
pub(crate) struct Read(Arc<Inner>);

struct Inner {
    trace: Bytes,
    size: i64,
    summary: Summary,
    keys: Vec<i64>,
    /// Where the search index finds it when it is about to read what is new.
    fresh: Option<(Arc<Fresh>, Arc<Whole>)>,
}

impl Read {
    /// Reads a whole message, whose first `trace_bytes` are ours.
    pub(crate) fn new(whole: &Bytes, trace_bytes: usize, fresh: Option<Arc<Fresh>>) -> Self {
        let summary = summarise(whole);
        let named = summary.refs.iter().chain(&summary.in_reply_to).map(String::as_str);
        let ids = std::iter::once(summary.message_id.as_str()).chain(named);
        let keys = threads::keys(ids, &summary.base_subject);
        let size = i64::try_from(whole.len()).unwrap_or(i64::MAX);
        let fresh = fresh.map(|fresh| (fresh, Whole::new(whole.clone())));
        let trace = whole.slice(..trace_bytes.min(whole.len()));
        Self(Arc::new(Inner { trace, size, summary, keys, fresh }))
    }

    /// The conversation that it belongs to once it was put under this number.
    pub(crate) fn thread(&self, batch: &mut Batch<'_, '_>, content: i64) -> Result<i64> {
        let account = batch.account();
        threads::find(batch.tx(), account, &self.0.keys, content)
    }

    /// Bytes of the whole.
    pub(crate) fn size(&self) -> i64 {
        self.0.size
    }

    /// Puts the message into a mailbox; its body is named in the same transaction.
    pub(crate) fn put(
        &self,
        batch: &mut Batch<'_, '_>,
        mailbox: CollectionId,
        body: &Put,
        received: impl Into<Arrived>,
        keywords: &Keywords,
    ) -> Result<Created> {
        let Inner { trace, size, summary, keys, fresh } = &*self.0;
        let Arrived { at_ms, zone_minutes } = received.into();
        let state = Some(keywords.others.join(" ")).filter(|state| !state.is_empty());
        let new = NewItem {
            size: *size,
            flags: keywords.flags,
            state,
            body: Some(body.hash()),
            ..NewItem::default()
        };
        let made = batch.create(mailbox, new)?;
        let account = batch.account();
        let tx = batch.tx();
        body.name(tx)?;
        let thread = threads::find(tx, account, keys, made.content)?;
        tx.add(
            &INSERT,
            params![
                account,
                made.content,
                body.hash(),
                &trace[..],
                *size,
                at_ms,
                summary.sent_at,
                thread,
                &summary.message_id,
                summary.refs.join(" "),
                &summary.subject,
                &summary.sender,
                &summary.preview,
                summary.has_attachment,
                summary.header_bytes,
                &summary.fields[..],
                summary.envelope.as_bytes(),
                &summary.structure,
                i64::from(zone_minutes)
            ],
        )?;
        if let Some((fresh, whole)) = fresh.clone() {
            let content = made.content;
            tx.after_commit(move || fresh.put(account, content, &whole));
        }
        Ok(made)
    }
}

impl Mail {
    /// Stores the body of a message, without what we put before it.
    pub(crate) async fn put_body(
        &self,
        organisation: base::OrganisationId,
        whole: &Bytes,
        trace_bytes: usize,
    ) -> Result<Put> {
        self.blobs().put(organisation, whole.slice(trace_bytes.min(whole.len())..)).await
    }

    /// The organisation of an account.
    pub(crate) async fn organisation_of(&self, account: base::AccountId) -> Result<base::OrganisationId> {
        let sql = "SELECT organisation_id FROM account WHERE id = $1";
        let found = self
            .kernel()
            .store()
            .read(move |tx| tx.query_opt(sql, params![account], |row| Ok(base::OrganisationId(row.int(0)?))));
        found.await?.ok_or_else(|| Error::not_found("account"))
    }
}

pub(crate) fn items(uids: &[u32]) -> Vec<ItemId> {
    uids.iter().map(|uid| ItemId(i64::from(*uid))).collect()
}

/// Puts a message that lies in another mailbox of the account into this one too.
pub(crate) fn put_again(
    batch: &mut Batch<'_, '_>,
    mailbox: CollectionId,
    object: base::ObjectId,
    size: i64,
    keywords: &Keywords,
) -> Result<Created> {
    let state = Some(keywords.others.join(" ")).filter(|state| !state.is_empty());
    let (object, content) = (Some(object), Some(object.0));
    batch.create(mailbox, NewItem { object, content, size, flags: keywords.flags, state, body: None })
}
