//! The bytes of sections: which ranges of which bodies, read together for a batch of messages.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes as Octets;
use codec::imap::{Partial, Section, SectionText};
use mail::Row;
use mail::summary::{Of, Structure, fields, structure_of};

use super::Told;
use super::plan::{Bytes, Plan};
use crate::failure::Result;
use crate::selected::Look;

/// A range of a body that is larger is not read ahead: it is sent as it is read.
pub(crate) const AHEAD_BYTES: u64 = 1 << 20;

/// Bytes that were read ahead, by content and range.
#[derive(Default)]
pub(crate) struct Pieces {
    ranges: HashMap<(i64, u64, u64), Octets>,
    structures: HashMap<i64, Structure>,
}

impl Pieces {
    /// The bytes of a range, if they were read ahead.
    pub(crate) fn get(&self, content: i64, range: &Range<u64>) -> Option<&Octets> {
        self.ranges.get(&(content, range.start, range.end))
    }

    /// The parts of a message, if they had to be known before.
    pub(crate) fn structure(&self, content: i64) -> Option<&Structure> {
        self.structures.get(&content)
    }
}

/// The bytes of a message of `size` bytes that a section is, or from which it is made; nothing for one that is not
/// there. Only the whole message needs no row.
pub(crate) fn range_of(
    section: &Section,
    size: i64,
    row: Option<&Row>,
    structure: Option<&Structure>,
) -> Option<Range<u64>> {
    if section.is_whole() {
        return Some(0..size.unsigned_abs());
    }
    let row = row?;
    let of = match &section.text {
        SectionText::Whole => Of::Whole,
        SectionText::Header | SectionText::Fields { .. } => Of::Header,
        SectionText::Text => Of::Text,
        SectionText::Mime => Of::Mime,
    };
    if section.part.is_empty() {
        let (size, header) = (row.size.unsigned_abs(), row.header_bytes.unsigned_abs());
        return match of {
            Of::Whole => Some(0..size),
            Of::Header => Some(0..header),
            Of::Text => Some(header..size),
            Of::Mime => None,
        };
    }
    structure?.section_range(&section.part, of)
}

/// What of a range a partial asks for.
pub(crate) fn cut(range: Range<u64>, partial: Option<Partial>) -> Range<u64> {
    let Some(Partial { offset, length }) = partial else { return range };
    let start = range.start.saturating_add(offset).min(range.end);
    start..start.saturating_add(length).min(range.end)
}

/// The fields of a list, from the row.
pub(crate) fn kept_fields(section: &Section, row: &Row) -> Option<Vec<u8>> {
    match &section.text {
        SectionText::Fields { not: false, names } if section.part.is_empty() => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            fields::select(&row.fields, &names)
        }
        _ => None,
    }
}

/// Whether [`kept_fields`] gives them.
fn has_kept_fields(section: &Section, row: &Row) -> bool {
    match &section.text {
        SectionText::Fields { not: false, names } if section.part.is_empty() => {
            let plain: Vec<&str> = names.iter().map(String::as_str).collect();
            fields::all_kept(names) && fields::has_all(&row.fields, &plain)
        }
        _ => false,
    }
}

/// The range that an item needs of a message, as far as rows do not answer it.
fn needed(wanted: &Bytes, size: i64, row: Option<&Row>, structure: Option<&Structure>) -> Option<Range<u64>> {
    if let Bytes::Section(section, partial) = wanted
        && section.is_whole()
    {
        return Some(cut(range_of(section, size, row, structure)?, *partial));
    }
    let row = row?;
    match wanted {
        Bytes::Section(section, partial) => {
            if has_kept_fields(section, row) {
                return None;
            }
            let range = range_of(section, size, Some(row), structure)?;
            let whole = matches!(section.text, SectionText::Fields { .. });
            Some(if whole { range } else { cut(range, *partial) })
        }
        Bytes::Part(part) if part.is_empty() => Some(0..row.size.unsigned_abs()),
        Bytes::Part(part) => structure?.section_range(part, Of::Whole),
        Bytes::Envelope => row.envelope.is_empty().then(|| 0..row.header_bytes.unsigned_abs()),
        Bytes::Structure => None,
    }
}

/// Reads ahead what a batch of messages needs.
pub(crate) async fn read<'r>(
    look: Look<'_>,
    plan: &Plan,
    batch: &[Told<'_>],
    row_of: impl Fn(i64) -> Option<&'r Row>,
) -> Result<Pieces> {
    let mut pieces = Pieces::default();
    let (account, mailbox) = (look.selected.account, look.selected.mailbox);
    let parts = plan.sections.iter().any(|wanted| match wanted {
        Bytes::Section(section, _) => !section.part.is_empty(),
        Bytes::Part(part) => !part.is_empty(),
        Bytes::Envelope => false,
        Bytes::Structure => true,
    });
    let mut wanted = Vec::new();
    for told in batch {
        let content = told.entry.content;
        let row = row_of(content);
        if row.is_none() && plan.rows {
            continue;
        }
        if let (true, false, Some(row)) = (parts, pieces.structures.contains_key(&content), row) {
            let structure = match Structure::parse(&row.structure) {
                Some(structure) => structure,
                None => structure_of(&look.mail.body(look.ctx, account, mailbox, content, None).await?),
            };
            pieces.structures.insert(content, structure);
        }
        let structure = pieces.structures.get(&content);
        for bytes in &plan.sections {
            let range = needed(bytes, told.entry.size, row, structure);
            if let Some(range) = range.filter(|range| range.end - range.start <= AHEAD_BYTES) {
                wanted.push((content, range));
            }
        }
    }
    if !wanted.is_empty() {
        let asked = wanted.iter().map(|(content, range)| (*content, Some(range.clone()))).collect();
        let read = look.mail.bodies(look.ctx, account, mailbox, asked).await?;
        for ((content, range), octets) in wanted.into_iter().zip(read) {
            if let Some(octets) = octets {
                pieces.ranges.insert((content, range.start, range.end), octets);
            }
        }
    }
    Ok(pieces)
}
