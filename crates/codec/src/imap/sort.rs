//! SORT and THREAD: RFC 5256, with ESORT (RFC 5267), PARTIAL (RFC 9394) and SORT=DISPLAY (RFC 5957).

use super::cursor::{Cursor, Fault, Parsed};
use super::search::{Key, Returns, charset};

/// `SORT` and `UID SORT`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    /// The result is in UIDs.
    pub uid: bool,
    /// What is answered; `None` for the old untagged SORT.
    pub returns: Option<Returns>,
    /// By what, the first one first.
    pub criteria: Vec<Criterion>,
    /// What is looked for.
    pub key: Key,
}

/// One criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Criterion {
    /// By what.
    pub by: SortBy,
    /// From the last to the first.
    pub reverse: bool,
}

/// What messages are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// INTERNALDATE.
    Arrival,
    /// The mailbox name of the first Cc address.
    Cc,
    /// The sent date, else INTERNALDATE.
    Date,
    /// The mailbox name of the first From address.
    From,
    /// Bytes.
    Size,
    /// The base subject.
    Subject,
    /// The mailbox name of the first To address.
    To,
    /// The display name of the first From address, else its address (RFC 5957).
    DisplayFrom,
    /// The display name of the first To address, else its address (RFC 5957).
    DisplayTo,
}

/// `THREAD` and `UID THREAD`.
#[derive(Debug, Clone, PartialEq)]
pub struct Thread {
    /// The result is in UIDs.
    pub uid: bool,
    /// How messages come together.
    pub algorithm: ThreadAlgorithm,
    /// What is looked for.
    pub key: Key,
}

/// How messages come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadAlgorithm {
    /// `ORDEREDSUBJECT`.
    OrderedSubject,
    /// `REFERENCES`.
    References,
    /// `REFS`: as REFERENCES, without subjects.
    Refs,
}

impl Sort {
    pub(crate) fn parse(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Self> {
        let mut returns = None;
        cursor.space()?;
        if cursor.take_word("RETURN") {
            cursor.space()?;
            let wanted = Returns::parse(cursor)?;
            if wanted.update {
                return Err(Fault::syntax("CONTEXT=SORT is not offered: a sorted result has no updates"));
            }
            returns = Some(wanted);
            cursor.space()?;
        }
        let criteria = cursor.list(false, criterion)?;
        cursor.space()?;
        charset(cursor)?;
        cursor.space()?;
        Ok(Self { uid, returns, criteria, key: Key::program(cursor)? })
    }
}

fn criterion(cursor: &mut Cursor<'_>) -> Parsed<Criterion> {
    let reverse = cursor.take_text("REVERSE ");
    let by = match cursor.word()?.to_ascii_uppercase().as_str() {
        "ARRIVAL" => SortBy::Arrival,
        "CC" => SortBy::Cc,
        "DATE" => SortBy::Date,
        "FROM" => SortBy::From,
        "SIZE" => SortBy::Size,
        "SUBJECT" => SortBy::Subject,
        "TO" => SortBy::To,
        "DISPLAYFROM" => SortBy::DisplayFrom,
        "DISPLAYTO" => SortBy::DisplayTo,
        _ => return Err(Fault::syntax("there is no such sort criterion")),
    };
    Ok(Criterion { by, reverse })
}

impl Thread {
    pub(crate) fn parse(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Self> {
        cursor.space()?;
        let algorithm = match cursor.atom()?.to_ascii_uppercase().as_str() {
            "ORDEREDSUBJECT" => ThreadAlgorithm::OrderedSubject,
            "REFERENCES" => ThreadAlgorithm::References,
            "REFS" => ThreadAlgorithm::Refs,
            _ => return Err(Fault::syntax("there is no such threading algorithm")),
        };
        cursor.space()?;
        charset(cursor)?;
        cursor.space()?;
        Ok(Self { uid, algorithm, key: Key::program(cursor)? })
    }
}
