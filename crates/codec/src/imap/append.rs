//! APPEND: RFC 3501 section 6.3.11, with MULTIAPPEND (RFC 3502), CATENATE (RFC 4469), BINARY's `~{n}` (RFC 3516),
//! UTF8=ACCEPT's `UTF8 (~{n})` (RFC 6855) and REPLACE (RFC 8508).

use std::ops::Range;

use super::cursor::{Cursor, Fault, Parsed};
use super::date::date_time;
use super::flags::flag;
use super::mailbox::MailboxName;

/// `APPEND`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Where to.
    pub mailbox: MailboxName,
    /// At least one message.
    pub messages: Vec<AppendMessage>,
}

/// `REPLACE` and `UID REPLACE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replace {
    /// The number is a UID.
    pub uid: bool,
    /// The message that goes; 0 stands for `*`.
    pub number: u32,
    /// Where the new one comes.
    pub mailbox: MailboxName,
    /// The new one.
    pub message: AppendMessage,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendMessage {
    /// Its flags, by IMAP name.
    pub flags: Vec<String>,
    /// Its INTERNALDATE, milliseconds since the epoch.
    pub received_at: Option<i64>,
    /// The zone in which that was said, minutes east of UTC.
    pub received_zone: i16,
    /// Its bytes.
    pub body: AppendBody,
}

/// Where the bytes of a message come from. Places are offsets in the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendBody {
    /// A literal.
    Literal {
        /// Where it stands.
        place: Range<usize>,
        /// It was sent as `~{n}`, and may hold NUL.
        binary: bool,
        /// It was sent as `UTF8 (~{n})`.
        utf8: bool,
    },
    /// Parts put together.
    Catenate(Vec<CatenatePart>),
}

/// A part of a CATENATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatenatePart {
    /// `TEXT`: where its bytes stand in the command.
    Text(Range<usize>),
    /// `URL`: a message or part of one on this server.
    Url(String),
}

impl Append {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mailbox = MailboxName::parse(cursor)?;
        let mut messages = vec![AppendMessage::parse(cursor)?];
        while !cursor.is_at_end() {
            if messages.len() >= cursor.bounds().messages {
                return Err(Fault::limit("too many messages in one APPEND"));
            }
            messages.push(AppendMessage::parse(cursor)?);
        }
        Ok(Self { mailbox, messages })
    }
}

impl Replace {
    pub(crate) fn parse(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Self> {
        let number = if cursor.take(b'*') { 0 } else { cursor.nz_number()? };
        cursor.space()?;
        let mailbox = MailboxName::parse(cursor)?;
        Ok(Self { uid, number, mailbox, message: AppendMessage::parse(cursor)? })
    }
}

impl AppendMessage {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.space()?;
        let mut flags = Vec::new();
        let (mut received_at, mut received_zone) = (None, 0);
        if cursor.peek() == Some(b'(') {
            flags = cursor.list(true, flag)?;
            cursor.space()?;
        }
        if cursor.peek() == Some(b'"') {
            let (at_ms, zone) = date_time(cursor)?;
            (received_at, received_zone) = (Some(at_ms), zone);
            cursor.space()?;
        }
        let body = if cursor.take_text("CATENATE ") {
            catenate(cursor)?
        } else if cursor.take_text("UTF8 (") {
            if cursor.peek() != Some(b'~') {
                return Err(Fault::syntax("UTF8 takes a literal8"));
            }
            let place = cursor.literal(usize::MAX)?;
            cursor.close()?;
            AppendBody::Literal { place, binary: true, utf8: true }
        } else {
            let binary = cursor.peek() == Some(b'~');
            AppendBody::Literal { place: cursor.literal(usize::MAX)?, binary, utf8: false }
        };
        Ok(Self { flags, received_at, received_zone, body })
    }
}

fn catenate(cursor: &mut Cursor<'_>) -> Parsed<AppendBody> {
    let most = cursor.bounds().messages;
    let mut count = 0;
    let parts = cursor.list(false, |cursor| {
        count += 1;
        if count > most {
            return Err(Fault::limit("too many parts in one CATENATE"));
        }
        if cursor.take_text("TEXT ") {
            cursor.literal(usize::MAX).map(CatenatePart::Text)
        } else if cursor.take_text("URL ") {
            cursor.astring_text().map(CatenatePart::Url)
        } else {
            Err(Fault::syntax("a part of CATENATE is TEXT or URL"))
        }
    })?;
    Ok(AppendBody::Catenate(parts))
}
