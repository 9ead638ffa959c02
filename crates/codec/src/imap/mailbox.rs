//! Names of mailboxes, and the commands that name one: RFC 3501 section 6.3, with CREATE-SPECIAL-USE (RFC 6154), STATUS
//! items of RFC 7162, 7889, 8438, 8474 and 9208, and the parameters of SELECT (RFC 7162 section 3.2.5).

use super::cursor::{Cursor, Fault, FaultKind, Parsed, utf8};
use super::set::SequenceSet;
use super::utf7;

/// The name of a mailbox, as text. `INBOX` is written so, however the client wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName(pub String);

/// `SELECT` and `EXAMINE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// Which mailbox.
    pub mailbox: MailboxName,
    /// Only for reading (`EXAMINE`).
    pub examine: bool,
    /// `CONDSTORE`.
    pub condstore: bool,
    /// `QRESYNC`.
    pub qresync: Option<Resync>,
}

/// What a client knows of a mailbox (RFC 7162 section 3.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resync {
    /// The UIDVALIDITY it knows.
    pub uidvalidity: u32,
    /// The MODSEQ up to which it knows everything.
    pub modseq: u64,
    /// The UIDs it knows; all up to the UIDNEXT of then when absent.
    pub known: Option<SequenceSet>,
    /// Message sequence numbers and their UIDs.
    pub matching: Option<(SequenceSet, SequenceSet)>,
}

/// `STATUS` data items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    /// `MESSAGES`.
    Messages,
    /// `RECENT` (RFC 3501).
    Recent,
    /// `UIDNEXT`.
    UidNext,
    /// `UIDVALIDITY`.
    UidValidity,
    /// `UNSEEN`.
    Unseen,
    /// `DELETED` (RFC 9051).
    Deleted,
    /// `SIZE` (RFC 8438).
    Size,
    /// `HIGHESTMODSEQ` (RFC 7162).
    HighestModSeq,
    /// `MAILBOXID` (RFC 8474).
    MailboxId,
    /// `APPENDLIMIT` (RFC 7889).
    AppendLimit,
    /// `DELETED-STORAGE` (RFC 9208).
    DeletedStorage,
}

impl MailboxName {
    /// The inbox.
    pub const INBOX: &'static str = "INBOX";

    /// Reads the bytes of a name.
    ///
    /// # Errors
    /// A fault of kind `Name` when they are no modified UTF-7, or no UTF-8 where UTF-8 was agreed on.
    pub(crate) fn from_wire(bytes: Vec<u8>, is_utf8: bool) -> Parsed<Self> {
        let fault = Fault::new(FaultKind::Name, "the name is not written as a mailbox name has to be");
        let name =
            if is_utf8 { utf8(bytes).map_err(|_| fault)? } else { utf7::decode(&bytes).ok_or(fault)? };
        if name.len() > 4_096 || name.chars().any(char::is_control) {
            return Err(fault);
        }
        Ok(Self::new(&name))
    }

    /// The name as text, with `INBOX` in capitals.
    pub fn new(name: &str) -> Self {
        let head = name.get(..5).filter(|head| head.eq_ignore_ascii_case(Self::INBOX));
        match (head, name.get(5..)) {
            (Some(_), Some(rest)) if rest.is_empty() || rest.starts_with('/') => {
                Self(format!("{}{rest}", Self::INBOX))
            }
            _ => Self(name.to_owned()),
        }
    }

    /// `mailbox`.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        Self::from_wire(cursor.astring()?, cursor.bounds().utf8)
    }
}

impl Select {
    pub(crate) fn parse(cursor: &mut Cursor<'_>, examine: bool) -> Parsed<Self> {
        let mailbox = MailboxName::parse(cursor)?;
        let mut select = Self { mailbox, examine, condstore: false, qresync: None };
        if cursor.take(b' ') {
            cursor.list(false, |cursor| {
                if cursor.take_word("CONDSTORE") {
                    select.condstore = true;
                } else if cursor.take_word("QRESYNC") {
                    cursor.space()?;
                    select.qresync = Some(Resync::parse(cursor)?);
                } else {
                    return Err(Fault::syntax("there is no such parameter of SELECT"));
                }
                Ok(())
            })?;
        }
        Ok(select)
    }
}

impl Resync {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.open()?;
        let uidvalidity = cursor.nz_number()?;
        cursor.space()?;
        let modseq = cursor.number64()?;
        let mut resync = Self { uidvalidity, modseq, known: None, matching: None };
        if cursor.peek() == Some(b' ') {
            cursor.space()?;
            if cursor.peek() != Some(b'(') {
                resync.known = Some(known_set(cursor)?);
            }
            if resync.known.is_none() || cursor.take(b' ') {
                cursor.open()?;
                let numbers = known_set(cursor)?;
                cursor.space()?;
                let uids = known_set(cursor)?;
                cursor.close()?;
                resync.matching = Some((numbers, uids));
            }
        }
        cursor.close()?;
        Ok(resync)
    }
}

/// A set without `*`.
fn known_set(cursor: &mut Cursor<'_>) -> Parsed<SequenceSet> {
    let set = SequenceSet::parse(cursor)?;
    if set.has_star() {
        Err(Fault::syntax("'*' has no place in a set that the client knows"))
    } else {
        Ok(set)
    }
}

/// `USE (\Sent ...)` of CREATE (RFC 6154 section 3); attributes without their backslash, as written.
pub(crate) fn create_uses(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    let mut uses = Vec::new();
    if cursor.take(b' ') {
        cursor.list(false, |cursor| {
            if !cursor.take_word("USE") {
                return Err(Fault::syntax("there is no such parameter of CREATE"));
            }
            cursor.space()?;
            uses = cursor.list(true, |cursor| {
                cursor.expect(b'\\', "a use begins with '\\'")?;
                Ok(cursor.atom()?.to_owned())
            })?;
            Ok(())
        })?;
    }
    Ok(uses)
}

/// `status-att` in parentheses.
pub(crate) fn status_items(cursor: &mut Cursor<'_>) -> Parsed<Vec<StatusItem>> {
    cursor.list(false, |cursor| {
        Ok(match cursor.word()?.to_ascii_uppercase().as_str() {
            "MESSAGES" => StatusItem::Messages,
            "RECENT" => StatusItem::Recent,
            "UIDNEXT" => StatusItem::UidNext,
            "UIDVALIDITY" => StatusItem::UidValidity,
            "UNSEEN" => StatusItem::Unseen,
            "DELETED" => StatusItem::Deleted,
            "SIZE" => StatusItem::Size,
            "HIGHESTMODSEQ" => StatusItem::HighestModSeq,
            "MAILBOXID" => StatusItem::MailboxId,
            "APPENDLIMIT" => StatusItem::AppendLimit,
            "DELETED-STORAGE" => StatusItem::DeletedStorage,
            _ => return Err(Fault::syntax("there is no such STATUS item")),
        })
    })
}
