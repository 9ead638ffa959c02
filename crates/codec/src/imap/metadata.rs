//! METADATA (RFC 5464).

use super::cursor::{Cursor, Fault, Parsed};
use super::mailbox::MailboxName;

/// `GETMETADATA`. An empty mailbox name means the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetMetadata {
    /// Which mailbox.
    pub mailbox: MailboxName,
    /// Names of entries, as written.
    pub entries: Vec<String>,
    /// `MAXSIZE`: values with more bytes are left out.
    pub max_size: Option<u64>,
    /// `DEPTH`.
    pub depth: Depth,
}

/// How far below the entries one looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// The entries themselves.
    #[default]
    Zero,
    /// Also what is right below them.
    One,
    /// Also all that is below them.
    Infinity,
}

/// `SETMETADATA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetMetadata {
    /// Which mailbox; an empty name means the server.
    pub mailbox: MailboxName,
    /// Entries and their values; `None` removes one.
    pub entries: Vec<(String, Option<Vec<u8>>)>,
}

impl GetMetadata {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut found = Self {
            mailbox: MailboxName(String::new()),
            entries: Vec::new(),
            max_size: None,
            depth: Depth::Zero,
        };
        // The grammar of RFC 5464 has the options first, its examples have them after the name.
        if cursor.peek() == Some(b'(') {
            found.options(cursor)?;
            cursor.space()?;
        }
        found.mailbox = MailboxName::parse(cursor)?;
        cursor.space()?;
        if cursor.rest().first() == Some(&b'(') && is_option(cursor.rest().get(1..).unwrap_or_default()) {
            found.options(cursor)?;
            cursor.space()?;
        }
        found.entries =
            if cursor.peek() == Some(b'(') { cursor.list(false, entry)? } else { vec![entry(cursor)?] };
        Ok(found)
    }

    fn options(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        cursor.list(false, |cursor| {
            if cursor.take_text("MAXSIZE ") {
                self.max_size = Some(cursor.number64()?);
            } else if cursor.take_text("DEPTH ") {
                self.depth = match cursor.atom()?.to_ascii_lowercase().as_str() {
                    "0" => Depth::Zero,
                    "1" => Depth::One,
                    "infinity" => Depth::Infinity,
                    _ => return Err(Fault::syntax("DEPTH is 0, 1 or infinity")),
                };
            } else {
                return Err(Fault::syntax("there is no such option of GETMETADATA"));
            }
            Ok(())
        })?;
        Ok(())
    }
}

fn is_option(rest: &[u8]) -> bool {
    let begins = |word: &[u8]| rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    begins(b"MAXSIZE ") || begins(b"DEPTH ")
}

impl SetMetadata {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mailbox = MailboxName::parse(cursor)?;
        cursor.space()?;
        let entries = cursor.list(false, |cursor| {
            let name = entry(cursor)?;
            cursor.space()?;
            Ok((name, value(cursor)?))
        })?;
        Ok(Self { mailbox, entries })
    }
}

/// `entry`: `/private/...` or `/shared/...`, compared without case, without wildcards and empty parts.
pub(crate) fn entry(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let name = cursor.astring_text()?;
    let is_fine = name.starts_with('/')
        && !name.ends_with('/')
        && name.len() <= 1_024
        && !name.contains("//")
        && name
            .bytes()
            .all(|byte| byte.is_ascii() && !byte.is_ascii_control() && !matches!(byte, b'*' | b'%'));
    if is_fine { Ok(name) } else { Err(Fault::syntax("the name of an entry is wrong")) }
}

fn value(cursor: &mut Cursor<'_>) -> Parsed<Option<Vec<u8>>> {
    if cursor.peek() == Some(b'~') {
        let place = cursor.literal(cursor.bounds().string_bytes)?;
        return Ok(Some(cursor.slice(&place).to_vec()));
    }
    cursor.nstring()
}
