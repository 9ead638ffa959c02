//! Reading what a digest holds from rows.

use std::hash::{DefaultHasher, Hash, Hasher};

use codec::fold::fold;

use super::{Digest, Field, Known, Order};
use crate::Row;
use crate::summary::{base_subject, fields, header};

/// Stands for an id. Ids are compared as they are written; two that differ fall together once in 2^64.
pub(super) fn id_number(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish().max(1)
}

/// The fields with a name, joined as one list; nothing when there is none.
fn values(kept: &[u8], name: &str) -> Option<String> {
    let mut out: Option<String> = None;
    for field in header::fields(kept).filter(|field| field.is(name)) {
        let value = header::decoded(field.value);
        match &mut out {
            Some(all) => {
                all.push_str(", ");
                all.push_str(&value);
            }
            None => out = Some(value),
        }
    }
    out
}

/// As [`values`], of a field with addresses. One that is written with comments or spaces in it is there as it is meant
/// too: ENVELOPE tells it so, and clients search for it so.
fn addressed(kept: &[u8], name: &str) -> Option<String> {
    let mut out = values(kept, name)?;
    for field in header::fields(kept).filter(|field| field.is(name)) {
        for address in header::addresses(field.value).into_iter().filter_map(|(_, address)| address) {
            if !out.contains(&address) {
                out.push(' ');
                out.push_str(&address);
            }
        }
    }
    Some(out)
}

/// The local part and the name to show of the first address of a field.
fn first_address(kept: &[u8], name: &str) -> (String, String) {
    let Some(field) = header::fields(kept).find(|field| field.is(name)) else { return Default::default() };
    let Some((shown, address)) = header::addresses(field.value).into_iter().next() else {
        return Default::default();
    };
    let address = address.unwrap_or_default();
    let local = address.rsplit_once('@').map_or(address.as_str(), |(local, _)| local).to_uppercase();
    let shown = shown.filter(|shown| !shown.is_empty()).unwrap_or(address).to_uppercase();
    (local, shown)
}

/// The day that stands in a Date field, whatever its zone.
fn day(kept: &[u8]) -> Option<i64> {
    let field = header::fields(kept).find(|field| field.is("Date"))?;
    header::local_day(field.value)
}

impl Digest {
    /// Adds a message. `kept` is its row's fields, or its whole header where these leave something out.
    pub(super) fn add(&mut self, row: &Row, kept: &[u8]) {
        let Ok(place) = u32::try_from(self.len()) else { return };
        if self.places.contains_key(&row.content) {
            return;
        }
        let base = base_subject(&row.subject);
        let start = self.refs.len();
        self.refs.extend(row.refs.split(' ').filter(|id| !id.is_empty()).map(id_number));
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let refs = (narrow(start), narrow(self.refs.len()));
        let message_id = if row.message_id.is_empty() { 0 } else { id_number(&row.message_id) };
        let texts = [
            (Field::Subject, values(kept, "Subject")),
            (Field::From, addressed(kept, "From")),
            (Field::To, addressed(kept, "To")),
            (Field::Cc, addressed(kept, "Cc")),
            (Field::Bcc, addressed(kept, "Bcc")),
            (Field::MessageId, values(kept, "Message-ID")),
        ];
        let (from, display_from) = first_address(kept, "From");
        let (to, display_to) = first_address(kept, "To");
        let (cc, _) = first_address(kept, "Cc");
        let orders = [
            (Order::Subject, base.text.to_uppercase()),
            (Order::From, from),
            (Order::To, to),
            (Order::Cc, cc),
            (Order::DisplayFrom, display_from),
            (Order::DisplayTo, display_to),
        ];
        for (field, text) in texts {
            let text = text.map(|text| fold(&text));
            let Some(arena) = self.fields.get_mut(field as usize) else { continue };
            let fits = arena.fits(text.as_ref().map_or(0, String::len));
            arena.push(text.as_deref().filter(|_| fits));
        }
        for (order, text) in orders {
            let Some(arena) = self.orders.get_mut(order as usize) else { continue };
            let fits = arena.fits(text.len());
            arena.push(Some(text.as_str()).filter(|_| fits));
        }
        self.known.push(Known {
            thread: row.thread,
            sent_at: row.sent_at,
            sent_day: day(kept),
            is_reply: base.is_reply,
            message_id,
            refs,
        });
        self.places.insert(row.content, place);
    }
}

/// Whether the row's fields say all that a digest needs.
pub(super) fn is_complete(row: &Row) -> bool {
    const NEEDED: &[&str] = &["subject", "from", "to", "cc", "bcc", "message-id", "date"];
    fields::has_all(&row.fields, NEEDED)
}
