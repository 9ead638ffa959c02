//! Flags (RFC 3501 section 2.3.2) and STORE (section 6.4.6) with UNCHANGEDSINCE (RFC 7162 section 3.1.3).

use super::cursor::{Cursor, Fault, Parsed};
use super::set::Numbers;

/// `STORE` and `UID STORE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The numbers are UIDs.
    pub uid: bool,
    /// Which messages.
    pub numbers: Numbers,
    /// Only those with this MODSEQ or a lower one.
    pub unchanged_since: Option<u64>,
    /// What happens with the flags.
    pub change: StoreChange,
    /// No answer with the new flags is asked for.
    pub silent: bool,
    /// Flags by their IMAP names.
    pub flags: Vec<String>,
}

/// What happens with the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreChange {
    /// `FLAGS`.
    Replace,
    /// `+FLAGS`.
    Add,
    /// `-FLAGS`.
    Remove,
}

impl Store {
    pub(crate) fn parse(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Self> {
        let numbers = Numbers::parse(cursor)?;
        cursor.space()?;
        let mut unchanged_since = None;
        if cursor.peek() == Some(b'(') {
            cursor.list(false, |cursor| {
                if !cursor.take_word("UNCHANGEDSINCE") {
                    return Err(Fault::syntax("there is no such STORE modifier"));
                }
                cursor.space()?;
                unchanged_since = Some(cursor.number64()?);
                Ok(())
            })?;
            cursor.space()?;
        }
        let change = match cursor.peek() {
            Some(b'+') => StoreChange::Add,
            Some(b'-') => StoreChange::Remove,
            _ => StoreChange::Replace,
        };
        if change != StoreChange::Replace {
            cursor.take(b'+');
            cursor.take(b'-');
        }
        if !cursor.take_text("FLAGS") {
            return Err(Fault::syntax("only FLAGS can be stored"));
        }
        let silent = cursor.take_text(".SILENT");
        cursor.space()?;
        let flags = if cursor.peek() == Some(b'(') {
            cursor.list(true, flag)?
        } else {
            let mut flags = vec![flag(cursor)?];
            while cursor.take(b' ') {
                flags.push(flag(cursor)?);
                if flags.len() > cursor.bounds().list_items {
                    return Err(Fault::limit("too many flags"));
                }
            }
            flags
        };
        Ok(Self { uid, numbers, unchanged_since, change, silent, flags })
    }
}

/// `flag`: a system flag, in the case of the RFC, or a keyword as it was written.
pub(crate) fn flag(cursor: &mut Cursor<'_>) -> Parsed<String> {
    if !cursor.take(b'\\') {
        return Ok(cursor.atom()?.to_owned());
    }
    let name = cursor.atom()?;
    let known = ["Seen", "Answered", "Flagged", "Deleted", "Draft"];
    match known.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        Some(known) => Ok(format!("\\{known}")),
        None => Err(Fault::syntax("there is no such system flag")),
    }
}
