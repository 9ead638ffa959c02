//! LIST and LSUB: RFC 3501 sections 6.3.8 and 6.3.9, with LIST-EXTENDED (RFC 5258), LIST-STATUS (RFC 5819),
//! SPECIAL-USE (RFC 6154), LIST-MYRIGHTS (RFC 8440) and LIST-METADATA (RFC 9590).

use super::cursor::{Cursor, Fault, Parsed};
use super::mailbox::{StatusItem, status_items};
use super::metadata;
use super::utf7;

/// `LIST`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the wire, in any combination")]
pub struct List {
    /// The reference: put before each pattern.
    pub reference: String,
    /// Patterns with `%` and `*`.
    pub patterns: Vec<String>,
    /// The extended form of the command.
    pub extended: bool,
    /// `SUBSCRIBED` as selection.
    pub subscribed: bool,
    /// `REMOTE` as selection: there are none, so it changes nothing.
    pub remote: bool,
    /// `RECURSIVEMATCH`.
    pub recursive: bool,
    /// `SPECIAL-USE` as selection.
    pub special_use: bool,
    /// What is told of each.
    pub returns: ListReturns,
}

/// `RETURN (...)`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the wire, in any combination")]
pub struct ListReturns {
    /// `SUBSCRIBED`.
    pub subscribed: bool,
    /// `CHILDREN`.
    pub children: bool,
    /// `SPECIAL-USE`.
    pub special_use: bool,
    /// `MYRIGHTS`.
    pub my_rights: bool,
    /// `STATUS`.
    pub status: Vec<StatusItem>,
    /// `METADATA`: names of entries.
    pub metadata: Vec<String>,
}

impl List {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut list = Self::default();
        if cursor.peek() == Some(b'(') {
            list.extended = true;
            list.selection(cursor)?;
            cursor.space()?;
        }
        list.reference = pattern(&cursor.astring()?, cursor.bounds().utf8);
        cursor.space()?;
        if cursor.peek() == Some(b'(') {
            list.extended = true;
            list.patterns =
                cursor.list(false, |cursor| Ok(pattern(&cursor.list_mailbox()?, cursor.bounds().utf8)))?;
        } else {
            list.patterns = vec![pattern(&cursor.list_mailbox()?, cursor.bounds().utf8)];
        }
        if cursor.take_text(" RETURN ") {
            list.extended = true;
            list.returns = ListReturns::parse(cursor)?;
        }
        Ok(list)
    }

    /// `LSUB`, as a list of what is subscribed.
    pub(crate) fn parse_lsub(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let reference = pattern(&cursor.astring()?, cursor.bounds().utf8);
        cursor.space()?;
        let patterns = vec![pattern(&cursor.list_mailbox()?, cursor.bounds().utf8)];
        Ok(Self { reference, patterns, subscribed: true, ..Self::default() })
    }

    fn selection(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        cursor.list(true, |cursor| {
            match cursor.atom()?.to_ascii_uppercase().as_str() {
                "SUBSCRIBED" => self.subscribed = true,
                "REMOTE" => self.remote = true,
                "RECURSIVEMATCH" => self.recursive = true,
                "SPECIAL-USE" => self.special_use = true,
                _ => return Err(Fault::syntax("there is no such selection option of LIST")),
            }
            Ok(())
        })?;
        if self.recursive && !self.subscribed && !self.special_use {
            return Err(Fault::syntax("RECURSIVEMATCH needs another selection option"));
        }
        Ok(())
    }
}

impl ListReturns {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut returns = Self::default();
        cursor.list(true, |cursor| {
            match cursor.atom()?.to_ascii_uppercase().as_str() {
                "SUBSCRIBED" => returns.subscribed = true,
                "CHILDREN" => returns.children = true,
                "SPECIAL-USE" => returns.special_use = true,
                "MYRIGHTS" => returns.my_rights = true,
                "STATUS" => {
                    cursor.space()?;
                    returns.status = status_items(cursor)?;
                }
                "METADATA" => {
                    cursor.space()?;
                    returns.metadata = cursor.list(false, metadata::entry)?;
                }
                _ => return Err(Fault::syntax("there is no such return option of LIST")),
            }
            Ok(())
        })?;
        Ok(returns)
    }
}

/// A pattern as text. What is no modified UTF-7 stands for itself: it matches nothing, and is no error.
fn pattern(bytes: &[u8], is_utf8: bool) -> String {
    let decoded = if is_utf8 { None } else { utf7::decode(bytes) };
    decoded.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
}
