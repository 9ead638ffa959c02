//! Header fields that hold a text: from memory the usual ones, from rows those that rows keep, else from the bodies.

use codec::fold::fold;
use mail::Columns;
use mail::digest::Field;
use mail::summary::{fields, text_of_fields};

use super::{Asked, Bits};
use crate::failure::Result;

/// Messages whose headers are read at a time.
const AT_ONCE: usize = 500;

impl Asked<'_> {
    pub(super) async fn header(&self, name: &str, text: &str, within: &Bits) -> Result<Bits> {
        let needle = fold(text);
        let Some(field) = Field::named(name) else { return self.rare(name, &needle, within).await };
        let digest = self.digest().await?;
        let arena = digest.field(field);
        let mut held = Vec::new();
        for place in arena.holding(&needle) {
            if held.len() <= place {
                held.resize(place + 1, false);
            }
            if let Some(slot) = held.get_mut(place) {
                *slot = true;
            }
        }
        Ok(self.each(within, |entry| {
            digest.place(entry.content).and_then(|place| held.get(place)).copied().unwrap_or(false)
        }))
    }

    /// A field that is not kept in memory.
    async fn rare(&self, name: &str, needle: &str, within: &Bits) -> Result<Bits> {
        let (account, mailbox) = (self.look.selected.account, self.look.selected.mailbox);
        let columns = Columns { fields: true, ..Columns::default() };
        let mut found = Bits::none(self.entries.len());
        let places: Vec<usize> = within.iter().collect();
        for chunk in places.chunks(AT_ONCE) {
            let contents = || chunk.iter().filter_map(|at| self.entries.get(*at)).map(|entry| entry.content);
            let mut sorted: Vec<i64> = contents().collect();
            sorted.sort_unstable();
            sorted.dedup();
            let rows = self.look.mail.rows(self.look.ctx, account, mailbox, sorted, columns).await?;
            let mut matching = Vec::new();
            let mut unknown = Vec::new();
            for row in rows {
                match fields::select(&row.fields, &[name]) {
                    Some(kept) if holds(&kept, needle) => matching.push(row.content),
                    Some(_) => {}
                    None => unknown.push((row.content, Some(0..row.header_bytes.unsigned_abs()))),
                }
            }
            let asked: Vec<i64> = unknown.iter().map(|(content, _)| *content).collect();
            let headers = self.look.mail.bodies(self.look.ctx, account, mailbox, unknown).await?;
            for (content, header) in asked.into_iter().zip(headers) {
                let selected = header.map(|header| fields::select_in(&header, &[name], true));
                if selected.is_some_and(|selected| holds(&selected, needle)) {
                    matching.push(content);
                }
            }
            matching.sort_unstable();
            for at in chunk {
                let content = self.entries.get(*at).map(|entry| entry.content);
                if content.is_some_and(|content| matching.binary_search(&content).is_ok()) {
                    found.set(*at);
                }
            }
        }
        Ok(found)
    }
}

/// Whether one of these fields, of one name, holds a folded text; with an empty one: whether there is one.
fn holds(fields: &[u8], needle: &str) -> bool {
    text_of_fields(fields).any(|value| fold(&value).contains(needle))
}
