//! The order in which SORT tells messages (RFC 5256 section 3, RFC 5957).

use std::cmp::Ordering;
use std::sync::Arc;

use codec::imap::{Criterion, Ranges, SortBy};
use mail::Entry;
use mail::digest::{Digest, Order};

use crate::failure::Result;
use crate::selected::Look;

/// The UIDs in their order.
///
/// # Errors
/// `NO` when it cannot be evaluated.
pub async fn run(look: Look<'_>, criteria: &[Criterion], uids: &Ranges) -> Result<Vec<u32>> {
    let mut entries = crate::search::among(&look, uids);
    let of_view = |by: SortBy| matches!(by, SortBy::Arrival | SortBy::Size);
    if criteria.iter().all(|criterion| of_view(criterion.by)) {
        entries.sort_by(|one, other| by_view(criteria, one, other));
        return Ok(entries.into_iter().map(|entry| entry.uid).collect());
    }
    let digest = look.mail.digest(look.ctx, look.view).await?;
    let mut keyed: Vec<Keyed<'_>> = entries.into_iter().map(|entry| Keyed::of(entry, &digest)).collect();
    // The last resort is the sequence number, which the stable sort keeps.
    keyed.sort_by(|one, other| {
        let compare = |criterion: &Criterion| {
            let order = one.compared(other, criterion.by, &digest);
            if criterion.reverse { order.reverse() } else { order }
        };
        criteria.iter().map(compare).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    Ok(keyed.into_iter().map(|keyed| keyed.entry.uid).collect())
}

fn by_view(criteria: &[Criterion], one: &Entry, other: &Entry) -> Ordering {
    let compare = |criterion: &Criterion| {
        let order = match criterion.by {
            SortBy::Size => one.size.cmp(&other.size),
            _ => one.received_at.cmp(&other.received_at),
        };
        if criterion.reverse { order.reverse() } else { order }
    };
    criteria.iter().map(compare).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// A message with its place in the digest.
struct Keyed<'v> {
    entry: &'v Entry,
    place: usize,
    /// The sent date, else INTERNALDATE.
    date_ms: i64,
}

impl<'v> Keyed<'v> {
    fn of(entry: &'v Entry, digest: &Arc<Digest>) -> Self {
        let place = digest.place(entry.content).unwrap_or(usize::MAX);
        let sent_at = digest.at(place).and_then(|known| known.sent_at);
        Self { entry, place, date_ms: sent_at.unwrap_or(entry.received_at) }
    }

    fn compared(&self, other: &Self, by: SortBy, digest: &Digest) -> Ordering {
        let texts = |order: Order| {
            let arena = digest.order(order);
            arena.get(self.place).cmp(&arena.get(other.place))
        };
        match by {
            SortBy::Arrival => self.entry.received_at.cmp(&other.entry.received_at),
            SortBy::Date => self.date_ms.cmp(&other.date_ms),
            SortBy::Size => self.entry.size.cmp(&other.entry.size),
            SortBy::Subject => texts(Order::Subject),
            SortBy::From => texts(Order::From),
            SortBy::To => texts(Order::To),
            SortBy::Cc => texts(Order::Cc),
            SortBy::DisplayFrom => texts(Order::DisplayFrom),
            SortBy::DisplayTo => texts(Order::DisplayTo),
        }
    }
}
