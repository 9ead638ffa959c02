//! Reading a mailbox, and what changed in it, from the tables.

use std::collections::HashMap;
use std::sync::Arc;

use base::{AccountId, CollectionId, Ctx, Error, ItemId, Meaning, Result, Seq};
use kernel::{CollectionInfo, Item, View as KernelView};
use store::params;

use super::{Changes, Entry, View};
use crate::{Mail, mailboxes};

/// Contents whose dates one statement reads.
const DATES: usize = 1_000;

fn info(view: &mut KernelView<'_, '_>, account: AccountId, mailbox: CollectionId) -> Result<CollectionInfo> {
    let info = view.collection(account, mailbox)?;
    if info.kind == crate::NAME { Ok(info) } else { Err(Error::not_found("mailbox")) }
}

fn zone(minutes: i64) -> i16 {
    i16::try_from(minutes).unwrap_or(0)
}

/// When contents arrived, and in which zone that was said.
fn dates(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    contents: &[i64],
) -> Result<HashMap<i64, (i64, i16)>> {
    let mut out = HashMap::with_capacity(contents.len());
    for chunk in contents.chunks(DATES) {
        let sql = "SELECT id, received_at, received_zone FROM message WHERE account_id = $1 AND id {in $2}";
        let values = params![account, chunk.to_vec()];
        out.extend(view.tx().query(sql, values, |row| Ok((row.int(0)?, (row.int(1)?, zone(row.int(2)?)))))?);
    }
    Ok(out)
}

pub(super) fn entries(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    items: Vec<Item>,
) -> Result<Vec<Entry>> {
    let contents: Vec<i64> = items.iter().map(|item| item.content).collect();
    let dates = dates(view, account, &contents)?;
    items
        .into_iter()
        .map(|item| {
            let (received_at, received_zone) = dates.get(&item.content).copied().unwrap_or_default();
            Ok(Entry {
                uid: mailboxes::uid(item.id.0)?,
                flags: item.flags,
                object: item.object.0,
                content: item.content,
                size: item.size,
                received_at,
                received_zone,
                modseq: item.changed_seq,
                state: item.state.map(Arc::from),
            })
        })
        .collect()
}

/// A mailbox as it is.
pub(super) fn build(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    mailbox: CollectionId,
) -> Result<View> {
    let info = info(view, account, mailbox)?;
    let mut all = Vec::with_capacity(usize::try_from(info.total).unwrap_or(0));
    let mut after = ItemId(0);
    loop {
        let page = view.page(account, mailbox, after, u64::MAX)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        all.extend(entries(view, account, page)?);
    }
    Ok(View::new(account, mailbox, info.max_seq, mailboxes::uid(info.uidnext)?, all))
}

/// What changed after a commit, with the commits of what went.
struct Since {
    seq: Seq,
    uidnext: u32,
    changed: Vec<Entry>,
    gone: Vec<(Seq, u32)>,
}

fn since(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    mailbox: CollectionId,
    from: Seq,
) -> Result<Since> {
    let info = info(view, account, mailbox)?;
    let (mut live, mut gone) = (Vec::new(), Vec::new());
    if info.max_seq > from {
        let mut page = view.changes(account, mailbox, from, ItemId(0), u64::MAX)?;
        while let Some(last) = page.last().cloned() {
            for change in page {
                if change.gone {
                    gone.push((change.item.changed_seq, mailboxes::uid(change.item.id.0)?));
                } else {
                    live.push(change.item);
                }
            }
            page = view.changes_after(account, from, &last, u64::MAX)?;
        }
    }
    live.sort_unstable_by_key(|item| item.id);
    let changed = entries(view, account, live)?;
    Ok(Since { seq: info.max_seq, uidnext: mailboxes::uid(info.uidnext)?, changed, gone })
}

/// The mailbox of an older view as it is now.
pub(super) fn refresh(view: &mut KernelView<'_, '_>, old: &View, remembered: usize) -> Result<View> {
    match since(view, old.account, old.mailbox, old.seq) {
        Ok(Since { seq, uidnext, changed, gone }) => Ok(old.with(seq, uidnext, changed, &gone, remembered)),
        // What changed so long ago is not known any more.
        Err(error) if error.meaning() == Meaning::Conflict => build(view, old.account, old.mailbox),
        Err(error) => Err(error),
    }
}

impl Mail {
    /// What changed in a mailbox after a commit, from the tables.
    ///
    /// # Errors
    /// `Conflict` when that lies so far back that it is not known: the client starts again. `NotFound` when the
    /// reader may not read the mailbox.
    pub async fn changes(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        from: Seq,
    ) -> Result<Changes> {
        if ctx.is_past() {
            // Nothing changes there.
            let view = self.view(ctx, account, mailbox).await?;
            return Ok(Changes { seq: view.seq, ..Changes::default() });
        }
        self.kernel()
            .read(ctx, move |view| {
                let Since { seq, changed, gone, .. } = since(view, account, mailbox, from)?;
                let mut gone: Vec<u32> = gone.into_iter().map(|(_, uid)| uid).collect();
                gone.sort_unstable();
                Ok(Changes { changed, gone, seq })
            })
            .await
    }
}
