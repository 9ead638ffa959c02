//! The answer about one message.

use std::ops::Range;

use bytes::Bytes as Octets;
use codec::imap::{FetchItem, Partial, Section, SectionText, write};
use mail::summary::{self, Of, Structure, fields, render_bodystructure};
use mail::{Entry, Row};

use super::section::{self, AHEAD_BYTES, Pieces};
use super::{Told, binary};
use crate::failure::{Failure, Result};
use crate::out::Out;
use crate::selected::{Look, Modes};

/// What is known of a message when it is told of.
pub(crate) struct Pen<'p> {
    pub(crate) look: Look<'p>,
    pub(crate) told: &'p Told<'p>,
    pub(crate) row: Option<&'p Row>,
    pub(crate) saved_at: Option<i64>,
    pub(crate) pieces: &'p mut Pieces,
}

fn modseq(out: &mut Vec<u8>, entry: &Entry) {
    out.extend_from_slice(b"MODSEQ (");
    write::number(out, entry.modseq.0.unsigned_abs());
    out.push(b')');
}

/// Literals hold no NUL (RFC 9051 section 9, `CHAR8`): it goes out as a byte that means nothing in UTF-8.
fn push_without_nul(out: &mut Vec<u8>, bytes: &[u8]) {
    let from = out.len();
    out.extend_from_slice(bytes);
    if memchr::memchr(0, bytes).is_some() {
        out.get_mut(from..)
            .unwrap_or_default()
            .iter_mut()
            .filter(|byte| **byte == 0)
            .for_each(|byte| *byte = 0x80);
    }
}

fn literal(out: &mut Vec<u8>, bytes: &[u8]) {
    write::literal_head(out, bytes.len() as u64);
    push_without_nul(out, bytes);
}

/// `BODY[...]` as it was asked for, with the place from which a partial begins.
fn section_name(out: &mut Vec<u8>, word: &str, section: &Section, partial: Option<Partial>) {
    out.extend_from_slice(word.as_bytes());
    out.push(b'[');
    part_numbers(out, &section.part);
    let text = match &section.text {
        SectionText::Whole => "",
        SectionText::Header => "HEADER",
        SectionText::Fields { not: false, .. } => "HEADER.FIELDS",
        SectionText::Fields { not: true, .. } => "HEADER.FIELDS.NOT",
        SectionText::Text => "TEXT",
        SectionText::Mime => "MIME",
    };
    if !section.part.is_empty() && !text.is_empty() {
        out.push(b'.');
    }
    out.extend_from_slice(text.as_bytes());
    if let SectionText::Fields { names, .. } = &section.text {
        out.extend_from_slice(b" (");
        for (index, name) in names.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            write::astring(out, name.as_bytes(), false);
        }
        out.push(b')');
    }
    out.push(b']');
    origin(out, partial);
}

fn part_numbers(out: &mut Vec<u8>, part: &[u32]) {
    for (index, number) in part.iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        write::number(out, u64::from(*number));
    }
}

fn origin(out: &mut Vec<u8>, partial: Option<Partial>) {
    if let Some(Partial { offset, .. }) = partial {
        out.push(b'<');
        write::number(out, offset);
        out.push(b'>');
    }
}

impl Pen<'_> {
    /// Appends `FLAGS (...)`.
    fn flags(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"FLAGS ");
        let entry = self.told.entry;
        crate::flags::push(out, entry, self.look.selected.recent.contains(entry.uid));
    }

    /// Appends the whole answer. Where something cannot be read, nothing of it is left in the buffer.
    pub(crate) async fn message(
        &mut self,
        items: &[FetchItem],
        with_flags: bool,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let start = out.bytes.len();
        let done = self.items(items, with_flags, out).await;
        // What was sent already cannot be taken back: then the connection is at fault, not the message.
        if matches!(done, Err(Failure::No(_) | Failure::Bad(_))) && out.bytes.len() >= start {
            out.bytes.truncate(start);
        }
        done
    }

    async fn items(&mut self, items: &[FetchItem], with_flags: bool, out: &mut Out<'_>) -> Result<()> {
        out.bytes.extend_from_slice(b"* ");
        write::number(&mut out.bytes, u64::from(self.told.number));
        let uidonly = self.look.modes.has(Modes::UIDONLY);
        out.text(if uidonly { " UIDFETCH (" } else { " FETCH (" });
        let mut space = false;
        for item in items {
            if std::mem::replace(&mut space, true) {
                out.bytes.push(b' ');
            }
            if !self.small(item, &mut out.bytes) {
                self.large(item, out).await?;
            }
        }
        if with_flags && !items.contains(&FetchItem::Flags) {
            out.bytes.push(b' ');
            self.flags(&mut out.bytes);
            if self.look.modes.has(Modes::CONDSTORE) && !items.contains(&FetchItem::ModSeq) {
                out.bytes.push(b' ');
                modseq(&mut out.bytes, self.told.entry);
            }
        }
        out.text(")\r\n");
        Ok(())
    }

    /// Items from the view and the row's small columns; whether it was one.
    fn small(&self, item: &FetchItem, out: &mut Vec<u8>) -> bool {
        let entry = self.told.entry;
        let utf8 = self.look.modes.is_utf8();
        match item {
            FetchItem::Uid => {
                out.extend_from_slice(b"UID ");
                write::number(out, u64::from(entry.uid));
            }
            FetchItem::Flags => self.flags(out),
            FetchItem::InternalDate => {
                out.extend_from_slice(b"INTERNALDATE ");
                write::date_time(out, entry.received_at, entry.received_zone);
            }
            FetchItem::Size => {
                out.extend_from_slice(b"RFC822.SIZE ");
                write::number(out, entry.size.unsigned_abs());
            }
            FetchItem::ModSeq => modseq(out, entry),
            FetchItem::EmailId => {
                out.extend_from_slice(b"EMAILID (");
                self.object_id(out, b'M', entry.object);
                out.push(b')');
            }
            FetchItem::ThreadId => {
                out.extend_from_slice(b"THREADID (");
                self.object_id(out, b'T', self.row.map_or(0, |row| row.thread));
                out.push(b')');
            }
            FetchItem::Preview { .. } => {
                out.extend_from_slice(b"PREVIEW ");
                write::string(out, self.row.map_or("", |row| row.preview.as_str()).as_bytes(), utf8);
            }
            FetchItem::SaveDate => {
                out.extend_from_slice(b"SAVEDATE ");
                match self.saved_at {
                    Some(at) => write::date_time(out, at, 0),
                    None => out.extend_from_slice(b"NIL"),
                }
            }
            FetchItem::Envelope => {
                let Some(row) = self.row.filter(|row| !row.envelope.is_empty()) else { return false };
                out.extend_from_slice(b"ENVELOPE ");
                out.extend_from_slice(&row.envelope);
            }
            _ => return false,
        }
        true
    }

    fn object_id(&self, out: &mut Vec<u8>, letter: u8, number: i64) {
        let (reader, account) = (self.look.ctx.actor.account, self.look.selected.account);
        crate::select::push_object_id(out, letter, reader, account, number);
    }

    /// Items that may need the body.
    async fn large(&mut self, item: &FetchItem, out: &mut Out<'_>) -> Result<()> {
        let whole = |text| Section { part: Vec::new(), text };
        match item {
            FetchItem::Envelope => {
                let header = self.row.map_or(0, |row| row.header_bytes.unsigned_abs());
                let header = self.octets(0..header).await?;
                out.text("ENVELOPE ");
                out.text(&summary::envelope_of(&header));
            }
            FetchItem::BodyStructure | FetchItem::Body => {
                let extended = *item == FetchItem::BodyStructure;
                out.text(if extended { "BODYSTRUCTURE " } else { "BODY " });
                if let Some(structure) = self.structure() {
                    out.text(&render_bodystructure(structure, extended));
                }
            }
            FetchItem::Section { section, partial, .. } => {
                section_name(&mut out.bytes, "BODY", section, *partial);
                out.bytes.push(b' ');
                self.section(section, *partial, out).await?;
            }
            FetchItem::Rfc822 => {
                out.text("RFC822 ");
                self.section(&whole(SectionText::Whole), None, out).await?;
            }
            FetchItem::Rfc822Header => {
                out.text("RFC822.HEADER ");
                self.section(&whole(SectionText::Header), None, out).await?;
            }
            FetchItem::Rfc822Text => {
                out.text("RFC822.TEXT ");
                self.section(&whole(SectionText::Text), None, out).await?;
            }
            FetchItem::Binary { part, partial, .. } => self.binary(part, *partial, out).await?,
            FetchItem::BinarySize { part } => self.binary_size(part, &mut out.bytes).await?,
            _ => {}
        }
        Ok(())
    }

    fn structure(&self) -> Option<&Structure> {
        self.pieces.structure(self.told.entry.content)
    }

    async fn octets(&self, range: Range<u64>) -> Result<Octets> {
        let content = self.told.entry.content;
        if let Some(octets) = self.pieces.get(content, &range) {
            return Ok(octets.clone());
        }
        if range.is_empty() {
            return Ok(Octets::new());
        }
        let (account, mailbox) = (self.look.selected.account, self.look.selected.mailbox);
        Ok(self.look.mail.body(self.look.ctx, account, mailbox, content, Some(range)).await?)
    }

    async fn section(&self, section: &Section, partial: Option<Partial>, out: &mut Out<'_>) -> Result<()> {
        if let SectionText::Fields { not, names } = &section.text {
            return self.fields(section, *not, names, partial, out).await;
        }
        let size = self.told.entry.size;
        let Some(range) = section::range_of(section, size, self.row, self.structure()) else {
            out.text("NIL");
            return Ok(());
        };
        let range = section::cut(range, partial);
        let length = range.end - range.start;
        if length <= AHEAD_BYTES {
            let octets = self.octets(range).await?;
            literal(&mut out.bytes, &octets);
            return Ok(());
        }
        // The first piece is read before its length is promised.
        let mut next = range.start..range.start + AHEAD_BYTES;
        let mut octets = self.octets(next.clone()).await?;
        write::literal_head(&mut out.bytes, length);
        loop {
            if octets.len() as u64 != next.end - next.start {
                // The client was promised more: it must not take what follows for the rest.
                return Err(Failure::Gone(wire::Fault::Closed));
            }
            push_without_nul(&mut out.bytes, &octets);
            out.checkpoint().await?;
            next = next.end..(next.end + AHEAD_BYTES).min(range.end);
            if next.is_empty() {
                return Ok(());
            }
            octets = match self.octets(next.clone()).await {
                Ok(octets) => octets,
                Err(_) => return Err(Failure::Gone(wire::Fault::Closed)),
            };
        }
    }

    async fn fields(
        &self,
        section: &Section,
        not: bool,
        names: &[String],
        partial: Option<Partial>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let Some(row) = self.row else { return Ok(()) };
        let mut found = if let Some(found) = section::kept_fields(section, row) {
            found
        } else {
            let Some(range) = section::range_of(section, row.size, Some(row), self.structure()) else {
                out.text("NIL");
                return Ok(());
            };
            let header = self.octets(range).await?;
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            fields::select_in(&header, &names, !not)
        };
        found.extend_from_slice(b"\r\n");
        literal(&mut out.bytes, binary::cut(&found, partial));
        Ok(())
    }

    /// The decoded bytes of a part; nothing when it is not there.
    async fn decoded(&self, part: &[u32]) -> Result<Option<Octets>> {
        let structure = self.structure();
        let range = match (part, structure) {
            ([], _) => Some(0..self.row.map_or(0, |row| row.size.unsigned_abs())),
            (part, structure) => structure.and_then(|structure| structure.section_range(part, Of::Whole)),
        };
        let Some(range) = range else { return Ok(None) };
        let octets = self.octets(range).await?;
        let known = if part.is_empty() { None } else { structure.and_then(|structure| structure.part(part)) };
        let decoded = match binary::decoded(known, &octets)? {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(bytes) => Some(Octets::from(bytes)),
        };
        Ok(Some(decoded.unwrap_or(octets)))
    }

    async fn binary(&self, part: &[u32], partial: Option<Partial>, out: &mut Out<'_>) -> Result<()> {
        let decoded = self.decoded(part).await?;
        out.text("BINARY[");
        part_numbers(&mut out.bytes, part);
        out.bytes.push(b']');
        origin(&mut out.bytes, partial);
        out.bytes.push(b' ');
        let Some(decoded) = decoded else {
            out.text("NIL");
            return Ok(());
        };
        let bytes = binary::cut(&decoded, partial);
        if memchr::memchr(0, bytes).is_some() {
            out.bytes.push(b'~');
        }
        write::literal(&mut out.bytes, bytes);
        Ok(())
    }

    async fn binary_size(&self, part: &[u32], out: &mut Vec<u8>) -> Result<()> {
        let size = self.decoded(part).await?.map_or(0, |decoded| decoded.len());
        out.extend_from_slice(b"BINARY.SIZE[");
        part_numbers(out, part);
        out.extend_from_slice(b"] ");
        write::number(out, size as u64);
        Ok(())
    }
}
