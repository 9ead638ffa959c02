//! FETCH: RFC 3501 section 6.4.5 and RFC 9051, with CONDSTORE and QRESYNC (RFC 7162), BINARY (RFC 3516),
//! OBJECTID (RFC 8474), PREVIEW (RFC 8970), SAVEDATE (RFC 8514) and PARTIAL (RFC 9394).

use super::cursor::{Cursor, Fault, Parsed};
use super::set::Numbers;

/// `FETCH` and `UID FETCH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The numbers are UIDs.
    pub uid: bool,
    /// Which messages.
    pub numbers: Numbers,
    /// What of them, macros unfolded.
    pub items: Vec<FetchItem>,
    /// How.
    pub modifiers: FetchModifiers,
}

/// What follows the items in parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FetchModifiers {
    /// `CHANGEDSINCE`: only messages with a higher MODSEQ.
    pub changed_since: Option<u64>,
    /// `VANISHED`: tell also which are gone (RFC 7162 section 3.2.6).
    pub vanished: bool,
    /// `PARTIAL`: only this part of the messages (RFC 9394 section 3.3).
    pub partial: Option<PartialRange>,
}

/// `partial-range` (RFC 9394): places from 1, both included; from the end where `last` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialRange {
    /// The smaller place.
    pub from: u32,
    /// The larger place.
    pub to: u32,
    /// Counted from the last one backwards (`-1:-100`).
    pub last: bool,
}

/// One thing to fetch of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    /// `UID`.
    Uid,
    /// `FLAGS`.
    Flags,
    /// `INTERNALDATE`.
    InternalDate,
    /// `RFC822.SIZE`.
    Size,
    /// `ENVELOPE`.
    Envelope,
    /// `BODYSTRUCTURE`.
    BodyStructure,
    /// `BODY`: the structure without its extension data.
    Body,
    /// `RFC822`: as `BODY[]`, answered under its own name.
    Rfc822,
    /// `RFC822.HEADER`: as `BODY.PEEK[HEADER]`, answered under its own name.
    Rfc822Header,
    /// `RFC822.TEXT`: as `BODY[TEXT]`, answered under its own name.
    Rfc822Text,
    /// `BODY[...]` and `BODY.PEEK[...]`.
    Section {
        /// Which part and what of it.
        section: Section,
        /// Does not set `\Seen`.
        peek: bool,
        /// Only these bytes.
        partial: Option<Partial>,
    },
    /// `BINARY[...]` and `BINARY.PEEK[...]`.
    Binary {
        /// The part's number; empty for the whole message.
        part: Vec<u32>,
        /// Does not set `\Seen`.
        peek: bool,
        /// Only these bytes.
        partial: Option<Partial>,
    },
    /// `BINARY.SIZE[...]`.
    BinarySize {
        /// The part's number; empty for the whole message.
        part: Vec<u32>,
    },
    /// `MODSEQ`.
    ModSeq,
    /// `EMAILID`.
    EmailId,
    /// `THREADID`.
    ThreadId,
    /// `PREVIEW` and `PREVIEW (LAZY)`.
    Preview {
        /// Only where it is at hand.
        lazy: bool,
    },
    /// `SAVEDATE`.
    SaveDate,
}

/// `<offset.length>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// The first byte.
    pub offset: u64,
    /// At most this many bytes.
    pub length: u64,
}

/// `section-spec`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// The numbers of the part; empty for the message itself.
    pub part: Vec<u32>,
    /// What of the part.
    pub text: SectionText,
}

/// What of a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SectionText {
    /// All of it.
    #[default]
    Whole,
    /// `HEADER`.
    Header,
    /// `HEADER.FIELDS` and `HEADER.FIELDS.NOT`; names as the client wrote them.
    Fields {
        /// All fields but these.
        not: bool,
        /// Names of header fields.
        names: Vec<String>,
    },
    /// `TEXT`.
    Text,
    /// `MIME`: the header of the part itself.
    Mime,
}

impl FetchItem {
    /// Whether fetching it sets `\Seen`.
    pub fn sets_seen(&self) -> bool {
        match self {
            Self::Section { peek, .. } | Self::Binary { peek, .. } => !peek,
            Self::Rfc822 | Self::Rfc822Text => true,
            _ => false,
        }
    }
}

impl Fetch {
    pub(crate) fn parse(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Self> {
        let numbers = Numbers::parse(cursor)?;
        cursor.space()?;
        let items = items(cursor)?;
        let mut modifiers = FetchModifiers::default();
        if cursor.take(b' ') {
            modifiers = FetchModifiers::parse(cursor)?;
        }
        if modifiers.vanished && (!uid || modifiers.changed_since.is_none()) {
            return Err(Fault::syntax("VANISHED needs UID FETCH and CHANGEDSINCE"));
        }
        Ok(Self { uid, numbers, items, modifiers })
    }
}

impl FetchModifiers {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut modifiers = Self::default();
        cursor.list(false, |cursor| {
            if cursor.take_word("CHANGEDSINCE") {
                cursor.space()?;
                modifiers.changed_since = Some(cursor.number64()?);
            } else if cursor.take_word("VANISHED") {
                modifiers.vanished = true;
            } else if cursor.take_word("PARTIAL") {
                cursor.space()?;
                modifiers.partial = Some(PartialRange::parse(cursor)?);
            } else {
                return Err(Fault::syntax("there is no such FETCH modifier"));
            }
            Ok(())
        })?;
        Ok(modifiers)
    }
}

impl PartialRange {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let last = cursor.take(b'-');
        let from = cursor.nz_number()?;
        cursor.expect(b':', "a range is two numbers with ':'")?;
        if last != cursor.take(b'-') {
            return Err(Fault::syntax("both numbers of the range have the same sign"));
        }
        let to = cursor.nz_number()?;
        Ok(Self { from: from.min(to), to: from.max(to), last })
    }

    /// The places, from 0, of this part of `count` things.
    pub fn places(self, count: usize) -> std::ops::Range<usize> {
        let small = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).min(count);
        let (from, to) = (small(self.from.saturating_sub(1)), small(self.to));
        if self.last { count - to..count - from } else { from..to }
    }
}

pub(crate) fn items(cursor: &mut Cursor<'_>) -> Parsed<Vec<FetchItem>> {
    use FetchItem::{Body, Envelope, Flags, InternalDate, Size};
    if cursor.peek() == Some(b'(') {
        return cursor.list(false, item);
    }
    if cursor.take_word("ALL") {
        return Ok(vec![Flags, InternalDate, Size, Envelope]);
    }
    if cursor.take_word("FULL") {
        return Ok(vec![Flags, InternalDate, Size, Envelope, Body]);
    }
    if cursor.take_word("FAST") {
        return Ok(vec![Flags, InternalDate, Size]);
    }
    Ok(vec![item(cursor)?])
}

fn item(cursor: &mut Cursor<'_>) -> Parsed<FetchItem> {
    let word = cursor.word()?.to_ascii_uppercase();
    let section_follows = cursor.peek() == Some(b'[');
    Ok(match (word.as_str(), section_follows) {
        ("BODY", true) => section(cursor, false)?,
        ("BODY.PEEK", true) => section(cursor, true)?,
        ("BINARY", true) => binary(cursor, false)?,
        ("BINARY.PEEK", true) => binary(cursor, true)?,
        ("BINARY.SIZE", true) => FetchItem::BinarySize { part: binary_part(cursor)? },
        ("UID", false) => FetchItem::Uid,
        ("FLAGS", false) => FetchItem::Flags,
        ("INTERNALDATE", false) => FetchItem::InternalDate,
        ("RFC822.SIZE", false) => FetchItem::Size,
        ("ENVELOPE", false) => FetchItem::Envelope,
        ("BODYSTRUCTURE", false) => FetchItem::BodyStructure,
        ("BODY", false) => FetchItem::Body,
        ("RFC822", false) => FetchItem::Rfc822,
        ("RFC822.HEADER", false) => FetchItem::Rfc822Header,
        ("RFC822.TEXT", false) => FetchItem::Rfc822Text,
        ("MODSEQ", false) => FetchItem::ModSeq,
        ("EMAILID", false) => FetchItem::EmailId,
        ("THREADID", false) => FetchItem::ThreadId,
        ("SAVEDATE", false) => FetchItem::SaveDate,
        ("PREVIEW", false) => FetchItem::Preview { lazy: cursor.take_text(" (LAZY)") },
        _ => return Err(Fault::syntax("there is no such FETCH item")),
    })
}

fn section(cursor: &mut Cursor<'_>, peek: bool) -> Parsed<FetchItem> {
    let section = Section::parse(cursor)?;
    Ok(FetchItem::Section { section, peek, partial: partial(cursor)? })
}

fn binary(cursor: &mut Cursor<'_>, peek: bool) -> Parsed<FetchItem> {
    let part = binary_part(cursor)?;
    Ok(FetchItem::Binary { part, peek, partial: partial(cursor)? })
}

fn binary_part(cursor: &mut Cursor<'_>) -> Parsed<Vec<u32>> {
    cursor.expect(b'[', "'[' is missing")?;
    let part = if cursor.peek() == Some(b']') { Vec::new() } else { part_numbers(cursor)?.0 };
    cursor.expect(b']', "']' is missing")?;
    Ok(part)
}

fn partial(cursor: &mut Cursor<'_>) -> Parsed<Option<Partial>> {
    if !cursor.take(b'<') {
        return Ok(None);
    }
    let offset = cursor.number64()?;
    cursor.expect(b'.', "a partial is <offset.length>")?;
    let length = cursor.number64()?;
    cursor.expect(b'>', "a partial is <offset.length>")?;
    if length == 0 {
        return Err(Fault::syntax("the length of a partial must not be 0"));
    }
    Ok(Some(Partial { offset, length }))
}

/// Numbers with dots between them, and whether a dot follows that something else comes after.
fn part_numbers(cursor: &mut Cursor<'_>) -> Parsed<(Vec<u32>, bool)> {
    let mut numbers = Vec::new();
    loop {
        numbers.push(cursor.nz_number()?);
        if numbers.len() > 100 {
            return Err(Fault::limit("the part is too deep"));
        }
        if !cursor.take(b'.') {
            return Ok((numbers, false));
        }
        if !cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Ok((numbers, true));
        }
    }
}

impl Section {
    /// Whether it is the whole message.
    pub fn is_whole(&self) -> bool {
        self.part.is_empty() && self.text == SectionText::Whole
    }

    /// `section`, with its brackets.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.expect(b'[', "'[' is missing")?;
        let section = Self::spec(cursor)?;
        cursor.expect(b']', "']' is missing")?;
        Ok(section)
    }

    /// `section-spec`, up to its end.
    pub(crate) fn spec(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut section = Self::default();
        let mut text_follows = cursor.peek().is_some_and(|byte| byte.is_ascii_alphabetic());
        if cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            (section.part, text_follows) = part_numbers(cursor)?;
        }
        if text_follows {
            let is_part = !section.part.is_empty();
            section.text = Self::text(cursor, is_part)?;
        }
        Ok(section)
    }

    fn text(cursor: &mut Cursor<'_>, is_part: bool) -> Parsed<SectionText> {
        if cursor.take_text("HEADER.FIELDS") {
            let not = cursor.take_text(".NOT");
            cursor.space()?;
            let names = cursor.list(false, |cursor| cursor.astring_text())?;
            return Ok(SectionText::Fields { not, names });
        }
        match cursor.word()?.to_ascii_uppercase().as_str() {
            "HEADER" => Ok(SectionText::Header),
            "TEXT" => Ok(SectionText::Text),
            "MIME" if is_part => Ok(SectionText::Mime),
            _ => Err(Fault::syntax("there is no such section")),
        }
    }
}
