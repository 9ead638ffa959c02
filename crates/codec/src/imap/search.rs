//! SEARCH: RFC 3501 section 6.4.4, RFC 9051, with ESEARCH (RFC 4731), SEARCHRES (RFC 5182), CONDSTORE (RFC 7162),
//! WITHIN (RFC 5032), OBJECTID (RFC 8474), SAVEDATE (RFC 8514), PARTIAL (RFC 9394) and MULTISEARCH (RFC 7377).

use super::cursor::{Cursor, Fault, FaultKind, Parsed};
use super::date::{Day, date};
use super::fetch::PartialRange;
use super::notify::NotifyFilter;
use super::set::Numbers;

/// `SEARCH` and `UID SEARCH`.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// The result is in UIDs.
    pub uid: bool,
    /// What is answered; `None` for the old untagged SEARCH.
    pub returns: Option<Returns>,
    /// A charset was named.
    pub charset: bool,
    /// What is looked for.
    pub key: Key,
}

/// `ESEARCH` (RFC 7377): a search in several mailboxes.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiSearch {
    /// In which mailboxes; the selected one where none are named.
    pub sources: Vec<NotifyFilter>,
    /// What is answered.
    pub returns: Returns,
    /// What is looked for.
    pub key: Key,
}

/// `RETURN (...)`. Where none of MIN, MAX, ALL and COUNT is named, ALL is meant: the parser fills it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the wire, in any combination")]
pub struct Returns {
    /// The smallest number.
    pub min: bool,
    /// The largest number.
    pub max: bool,
    /// All numbers.
    pub all: bool,
    /// How many.
    pub count: bool,
    /// Keep the result as `$`.
    pub save: bool,
    /// A part of the result (RFC 9394).
    pub partial: Option<PartialRange>,
    /// Tell what becomes of the result later (RFC 5267).
    pub update: bool,
}

/// `search-key`.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// `ALL`.
    All,
    /// All of these; of none: `ALL`.
    And(Vec<Key>),
    /// `OR`.
    Or(Box<Key>, Box<Key>),
    /// `NOT`.
    Not(Box<Key>),
    /// A sequence set: message sequence numbers, or `$`.
    Sequence(Numbers),
    /// `UID`.
    Uid(Numbers),
    /// A flag or keyword is set or not, by its IMAP name (`\Seen`, `work`).
    Flag(String, bool),
    /// `RECENT`: this session was the first to hear of it (RFC 3501).
    Recent,
    /// `BCC`, `CC`, `FROM`, `TO`, `SUBJECT` and `HEADER`: the named field holds the text; empty: the field is there.
    Header(String, String),
    /// `BODY`.
    Body(String),
    /// `TEXT`.
    Text(String),
    /// `BEFORE`, `ON`, `SINCE` and the like.
    Date(DateField, Compare, Day),
    /// `LARGER`: strictly more bytes.
    Larger(u64),
    /// `SMALLER`: strictly less bytes.
    Smaller(u64),
    /// `MODSEQ`: at least this.
    ModSeq(u64),
    /// `OLDER`: INTERNALDATE at least this many seconds ago (RFC 5032).
    Older(u32),
    /// `YOUNGER`: INTERNALDATE at most this many seconds ago.
    Younger(u32),
    /// `EMAILID`.
    EmailId(String),
    /// `THREADID`.
    ThreadId(String),
    /// `SAVEDATESUPPORTED`: true for all (RFC 8514).
    SaveDateSupported,
}

/// The date that a key looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateField {
    /// INTERNALDATE.
    Received,
    /// The Date header field.
    Sent,
    /// When it came into this mailbox.
    Saved,
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Earlier than the day.
    Before,
    /// Within the day.
    On,
    /// Within or later than the day.
    Since,
}

impl Key {
    /// Whether MODSEQ is asked for anywhere: the answer then tells the highest MODSEQ (RFC 7162 section 3.1.5).
    pub fn has_modseq(&self) -> bool {
        self.any(&|key| matches!(key, Self::ModSeq(_)))
    }

    /// Whether `$` is named anywhere.
    pub fn has_saved(&self) -> bool {
        self.any(&|key| matches!(key, Self::Sequence(Numbers::Saved) | Self::Uid(Numbers::Saved)))
    }

    /// Whether message sequence numbers are named anywhere.
    pub fn has_sequence(&self) -> bool {
        self.any(&|key| matches!(key, Self::Sequence(Numbers::Set(_))))
    }

    /// Whether the test holds for this key or one within it.
    pub fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        test(self)
            || match self {
                Self::And(keys) => keys.iter().any(|key| key.any(test)),
                Self::Or(left, right) => left.any(test) || right.any(test),
                Self::Not(key) => key.any(test),
                _ => false,
            }
    }
}

impl Search {
    pub(crate) fn parse(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Self> {
        let mut returns = None;
        cursor.space()?;
        if cursor.take_word("RETURN") {
            cursor.space()?;
            returns = Some(Returns::parse(cursor)?);
            cursor.space()?;
        }
        let charset = optional_charset(cursor)?;
        Ok(Self { uid, returns, charset, key: Key::program(cursor)? })
    }
}

impl MultiSearch {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut sources = Vec::new();
        cursor.space()?;
        if cursor.take_text("IN ") {
            // Options of scope may follow the mailboxes; none is defined.
            sources = cursor.list(false, NotifyFilter::parse)?;
            cursor.space()?;
        }
        let mut returns = Returns { all: true, ..Returns::default() };
        if cursor.take_word("RETURN") {
            cursor.space()?;
            returns = Returns::parse(cursor)?;
            cursor.space()?;
        }
        optional_charset(cursor)?;
        let key = Key::program(cursor)?;
        let in_others = sources.iter().any(|source| !source.is_selected());
        if returns.update {
            return Err(Fault::syntax("UPDATE is for the selected mailbox alone"));
        }
        if in_others && (returns.save || key.has_sequence() || key.has_saved()) {
            return Err(Fault::syntax("numbers and '$' are of the selected mailbox alone"));
        }
        Ok(Self { sources, returns, key })
    }
}

fn optional_charset(cursor: &mut Cursor<'_>) -> Parsed<bool> {
    let named = cursor.take_text("CHARSET ");
    if named {
        charset(cursor)?;
        cursor.space()?;
    }
    Ok(named)
}

impl Returns {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut returns = Self::default();
        cursor.list(true, |cursor| {
            match cursor.atom()?.to_ascii_uppercase().as_str() {
                "MIN" => returns.min = true,
                "MAX" => returns.max = true,
                "ALL" => returns.all = true,
                "COUNT" => returns.count = true,
                "SAVE" => returns.save = true,
                "UPDATE" => returns.update = true,
                // A hint that more will be asked of the result: it costs nothing to begin anew.
                "CONTEXT" => {}
                "PARTIAL" if returns.partial.is_none() => {
                    cursor.space()?;
                    returns.partial = Some(PartialRange::parse(cursor)?);
                }
                "PARTIAL" => return Err(Fault::syntax("PARTIAL may be given once")),
                _ => return Err(Fault::syntax("there is no such RETURN option")),
            }
            Ok(())
        })?;
        if returns.all && returns.partial.is_some() {
            return Err(Fault::syntax("ALL and PARTIAL exclude each other"));
        }
        let names_something = returns.min || returns.max || returns.count || returns.partial.is_some();
        // RFC 5182 section 2.1: with SAVE alone, nothing is answered.
        if !names_something && !returns.save {
            returns.all = true;
        }
        Ok(returns)
    }
}

/// The charset of a SEARCH, SORT or THREAD: texts are read as UTF-8, of which US-ASCII is a part.
pub(crate) fn charset(cursor: &mut Cursor<'_>) -> Parsed<()> {
    let name = cursor.astring()?;
    let known = [&b"UTF-8"[..], b"US-ASCII"];
    if known.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Charset, "texts to search for are US-ASCII or UTF-8"))
}

impl Key {
    /// `search-key *(SP search-key)` up to the end.
    pub(crate) fn program(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut left = cursor.bounds().search_keys;
        let key = Self::sequence_of_keys(cursor, 0, &mut left)?;
        cursor.end()?;
        Ok(key)
    }

    fn sequence_of_keys(cursor: &mut Cursor<'_>, depth: usize, left: &mut usize) -> Parsed<Self> {
        let mut keys = vec![Self::parse(cursor, depth, left)?];
        while cursor.take(b' ') {
            keys.push(Self::parse(cursor, depth, left)?);
        }
        match keys.len() {
            1 => Ok(keys.remove(0)),
            _ => Ok(Self::And(keys)),
        }
    }

    fn parse(cursor: &mut Cursor<'_>, depth: usize, left: &mut usize) -> Parsed<Self> {
        if depth > cursor.bounds().search_depth {
            return Err(Fault::limit("the search is nested too deep"));
        }
        *left = left.checked_sub(1).ok_or(Fault::limit("the search has too many keys"))?;
        match cursor.peek() {
            Some(b'(') => {
                cursor.open()?;
                let key = Self::sequence_of_keys(cursor, depth + 1, left)?;
                cursor.close()?;
                Ok(key)
            }
            Some(b'0'..=b'9' | b'*' | b'$') => Numbers::parse(cursor).map(Self::Sequence),
            _ => {
                let word = cursor.word()?.to_ascii_uppercase();
                match Self::plain(&word) {
                    Some(key) => Ok(key),
                    None => Self::with_argument(&word, cursor, depth, left),
                }
            }
        }
    }

    /// Keys without an argument.
    fn plain(word: &str) -> Option<Self> {
        let flag = |name: &str, set: bool| Some(Self::Flag(name.to_owned(), set));
        match word {
            "ALL" => Some(Self::All),
            "ANSWERED" => flag("\\Answered", true),
            "DELETED" => flag("\\Deleted", true),
            "DRAFT" => flag("\\Draft", true),
            "FLAGGED" => flag("\\Flagged", true),
            "SEEN" => flag("\\Seen", true),
            "UNANSWERED" => flag("\\Answered", false),
            "UNDELETED" => flag("\\Deleted", false),
            "UNDRAFT" => flag("\\Draft", false),
            "UNFLAGGED" => flag("\\Flagged", false),
            "UNSEEN" => flag("\\Seen", false),
            "RECENT" => Some(Self::Recent),
            "OLD" => Some(Self::Not(Box::new(Self::Recent))),
            "NEW" => Some(Self::And(vec![Self::Recent, Self::Flag("\\Seen".to_owned(), false)])),
            "SAVEDATESUPPORTED" => Some(Self::SaveDateSupported),
            _ => None,
        }
    }

    fn with_argument(word: &str, cursor: &mut Cursor<'_>, depth: usize, left: &mut usize) -> Parsed<Self> {
        if !KEYS_WITH_ARGUMENT.contains(&word) {
            return Err(Fault::syntax("there is no such search key"));
        }
        cursor.space()?;
        Ok(match word {
            "NOT" => Self::Not(Box::new(Self::parse(cursor, depth + 1, left)?)),
            "OR" => {
                let first = Self::parse(cursor, depth + 1, left)?;
                cursor.space()?;
                Self::Or(Box::new(first), Box::new(Self::parse(cursor, depth + 1, left)?))
            }
            "UID" => Self::Uid(Numbers::parse(cursor)?),
            "BCC" | "CC" | "FROM" | "TO" | "SUBJECT" => Self::Header(word.to_owned(), cursor.astring_text()?),
            "HEADER" => {
                let name = cursor.astring_text()?;
                cursor.space()?;
                Self::Header(name, cursor.astring_text()?)
            }
            "BODY" => Self::Body(cursor.astring_text()?),
            "TEXT" => Self::Text(cursor.astring_text()?),
            "KEYWORD" => Self::Flag(flag_keyword(cursor)?, true),
            "UNKEYWORD" => Self::Flag(flag_keyword(cursor)?, false),
            "LARGER" => Self::Larger(cursor.number64()?),
            "SMALLER" => Self::Smaller(cursor.number64()?),
            "OLDER" => Self::Older(cursor.nz_number()?),
            "YOUNGER" => Self::Younger(cursor.nz_number()?),
            "EMAILID" => Self::EmailId(object_id(cursor)?),
            "THREADID" => Self::ThreadId(object_id(cursor)?),
            "MODSEQ" => Self::modseq(cursor)?,
            _ => {
                let (field, compare) = dated(word).ok_or(Fault::syntax("there is no such search key"))?;
                Self::Date(field, compare, date(cursor)?)
            }
        })
    }

    /// `MODSEQ [entry-name entry-type] number` (RFC 7162 section 3.1.5). The MODSEQ is of the whole message, so that
    /// the entry changes nothing.
    fn modseq(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.peek() == Some(b'"') {
            cursor.quoted()?;
            cursor.space()?;
            let known = ["all", "priv", "shared"].iter().any(|kind| cursor.take_word(kind));
            if !known {
                return Err(Fault::syntax("an entry's type is all, priv or shared"));
            }
            cursor.space()?;
        }
        Ok(Self::ModSeq(cursor.number64()?))
    }
}

const KEYS_WITH_ARGUMENT: &[&str] = &[
    "NOT",
    "OR",
    "UID",
    "BCC",
    "CC",
    "FROM",
    "TO",
    "SUBJECT",
    "HEADER",
    "BODY",
    "TEXT",
    "KEYWORD",
    "UNKEYWORD",
    "LARGER",
    "SMALLER",
    "OLDER",
    "YOUNGER",
    "EMAILID",
    "THREADID",
    "MODSEQ",
    "BEFORE",
    "ON",
    "SINCE",
    "SENTBEFORE",
    "SENTON",
    "SENTSINCE",
    "SAVEDBEFORE",
    "SAVEDON",
    "SAVEDSINCE",
];

fn dated(word: &str) -> Option<(DateField, Compare)> {
    let (field, rest) = if let Some(rest) = word.strip_prefix("SENT") {
        (DateField::Sent, rest)
    } else if let Some(rest) = word.strip_prefix("SAVED") {
        (DateField::Saved, rest)
    } else {
        (DateField::Received, word)
    };
    match rest {
        "BEFORE" => Some((field, Compare::Before)),
        "ON" => Some((field, Compare::On)),
        "SINCE" => Some((field, Compare::Since)),
        _ => None,
    }
}

/// `flag-keyword`: an atom.
fn flag_keyword(cursor: &mut Cursor<'_>) -> Parsed<String> {
    Ok(cursor.atom()?.to_owned())
}

/// `objectid`: letters, digits, `_` and `-` (RFC 8474 section 7).
fn object_id(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let id = cursor.astring_text()?;
    let fits =
        id.len() <= 255 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if fits && !id.is_empty() { Ok(id) } else { Err(Fault::syntax("no object id")) }
}
