//! What FETCH answers of messages: from the view where it can be, from rows many at a time, and bytes of bodies as
//! ranges that are read together.

mod binary;
mod part;
mod plan;
mod section;
mod write;

pub use part::part;

use codec::imap::{FetchItem, Ranges};
use mail::{Entry, Row};

use crate::failure::Result;
use crate::out::Out;
use crate::selected::Look;
use plan::Plan;

/// Messages whose rows are read at a time.
const ROWS: usize = 1_000;
/// Messages whose bodies are read at a time, by count and by size.
const BODIES: usize = 100;
const BODY_BYTES: i64 = 8 << 20;

/// What is to be told of which messages.
pub struct Wanted<'a> {
    /// What, in the order of the client; `UID`, `FLAGS` and `MODSEQ` were added where the mode of the session asks.
    pub items: &'a [FetchItem],
    /// UIDs that the client knows.
    pub uids: &'a Ranges,
    /// Of these, those whose `FLAGS` are told too, because `\Seen` was just set.
    pub with_flags: &'a Ranges,
}

/// A message to tell of.
pub(crate) struct Told<'v> {
    /// The number at the head of the answer.
    number: u32,
    entry: &'v Entry,
}

/// Appends `* n FETCH (...)` for each message, or `* uid UIDFETCH (...)` with UIDONLY (RFC 9586). Messages that are gone
/// are left out: the answer tells how many were.
///
/// # Errors
/// `NO` when something cannot be read or decoded (`[UNKNOWN-CTE]`), and a broken connection.
pub async fn run(look: Look<'_>, wanted: Wanted<'_>, out: &mut Out<'_>) -> Result<u32> {
    let plan = Plan::of(wanted.items);
    let uidonly = look.modes.has(crate::selected::Modes::UIDONLY);
    let mut gone = 0;
    let mut batch: Vec<Told<'_>> = Vec::new();
    let mut bytes = 0_i64;
    let mut entries = look.view.iter().peekable();
    for (sequence, uid) in look.selected.numbered(wanted.uids) {
        // One walk for both; a far jump is a search.
        if entries.peek().is_some_and(|entry| entry.uid < uid) {
            entries.next();
            if entries.peek().is_some_and(|entry| entry.uid < uid) {
                let Some(entry) = look.view.entry(uid) else {
                    gone += tell_gone(&wanted, sequence, uid, uidonly, out);
                    continue;
                };
                push(&mut batch, &mut bytes, if uidonly { uid } else { sequence }, entry);
                flush_full(look, &plan, &wanted, &mut batch, &mut bytes, out).await?;
                continue;
            }
        }
        match entries.next_if(|entry| entry.uid == uid) {
            Some(entry) => push(&mut batch, &mut bytes, if uidonly { uid } else { sequence }, entry),
            None => gone += tell_gone(&wanted, sequence, uid, uidonly, out),
        }
        flush_full(look, &plan, &wanted, &mut batch, &mut bytes, out).await?;
    }
    flush(look, &plan, &wanted, &batch, out).await?;
    Ok(gone)
}

/// Of a message that is gone, and which the client was not told to be gone yet, its UID is known still (RFC 2180 section
/// 4.1). How many could not be told.
fn tell_gone(wanted: &Wanted<'_>, sequence: u32, uid: u32, uidonly: bool, out: &mut Out<'_>) -> u32 {
    let is_uid = wanted.items.iter().all(|item| *item == FetchItem::Uid);
    if uidonly || !is_uid {
        return 1;
    }
    out.untagged(format_args!("{sequence} FETCH (UID {uid})"));
    0
}

fn push<'v>(batch: &mut Vec<Told<'v>>, bytes: &mut i64, number: u32, entry: &'v Entry) {
    *bytes += entry.size;
    batch.push(Told { number, entry });
}

async fn flush_full(
    look: Look<'_>,
    plan: &Plan,
    wanted: &Wanted<'_>,
    batch: &mut Vec<Told<'_>>,
    bytes: &mut i64,
    out: &mut Out<'_>,
) -> Result<()> {
    let full = if plan.bodies { batch.len() >= BODIES || *bytes >= BODY_BYTES } else { batch.len() >= ROWS };
    if full {
        flush(look, plan, wanted, batch, out).await?;
        batch.clear();
        *bytes = 0;
    }
    Ok(())
}

/// Reads what is needed of some messages, and tells it.
async fn flush(
    look: Look<'_>,
    plan: &Plan,
    wanted: &Wanted<'_>,
    batch: &[Told<'_>],
    out: &mut Out<'_>,
) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let (account, mailbox) = (look.selected.account, look.selected.mailbox);
    let mut rows = Vec::new();
    if plan.rows {
        let mut contents: Vec<i64> = batch.iter().map(|told| told.entry.content).collect();
        contents.sort_unstable();
        contents.dedup();
        rows = look.mail.rows(look.ctx, account, mailbox, contents, plan.columns).await?;
    }
    let mut saved = Vec::new();
    if plan.saved {
        let uids = batch.iter().map(|told| told.entry.uid).collect();
        saved = look.mail.saved_at(look.ctx, account, mailbox, uids).await?;
        saved.sort_unstable();
    }
    let row_of = |content: i64| {
        rows.binary_search_by_key(&content, |row: &Row| row.content).ok().and_then(|at| rows.get(at))
    };
    let mut pieces = section::Pieces::default();
    if plan.ahead {
        pieces = section::read(look, plan, batch, row_of).await?;
    }
    for told in batch {
        let row = row_of(told.entry.content);
        if plan.rows && row.is_none() {
            // It went between the view and the row.
            continue;
        }
        let saved_at = (saved.binary_search_by_key(&told.entry.uid, |(uid, _)| *uid).ok())
            .and_then(|at| saved.get(at))
            .map(|(_, at)| *at);
        let with_flags = !wanted.with_flags.is_empty() && wanted.with_flags.contains(told.entry.uid);
        let mut pen = write::Pen { look, told, row, saved_at, pieces: &mut pieces };
        pen.message(wanted.items, with_flags, out).await?;
        out.checkpoint().await?;
    }
    Ok(())
}
