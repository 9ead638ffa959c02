//! All commands: one table from names to parsers.

use super::access::{self, Authenticate, IdField, Login};
use super::acl::{self, SetAcl};
use super::append::{Append, Replace};
use super::bounds::Bounds;
use super::cursor::{Cursor, Fault, FaultKind, Parsed};
use super::fetch::Fetch;
use super::flags::Store;
use super::list::List;
use super::mailbox::{MailboxName, Select, StatusItem, create_uses, status_items};
use super::metadata::{GetMetadata, SetMetadata};
use super::notify::Notify;
use super::quota::SetQuota;
use super::search::{MultiSearch, Search};
use super::set::{Numbers, SequenceSet};
use super::sort::{Sort, Thread};

/// A command with its tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Tagged {
    /// What the answer begins with.
    pub tag: String,
    /// The command.
    pub command: Command,
}

/// `COPY` and `MOVE`, with `UID` or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The numbers are UIDs.
    pub uid: bool,
    /// Which messages.
    pub numbers: Numbers,
    /// Where to.
    pub mailbox: MailboxName,
}

/// Every command that is understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `CAPABILITY`.
    Capability,
    /// `NOOP`.
    Noop,
    /// `LOGOUT`.
    Logout,
    /// `STARTTLS`.
    StartTls,
    /// `AUTHENTICATE`.
    Authenticate(Authenticate),
    /// `LOGIN`.
    Login(Login),
    /// `UNAUTHENTICATE` (RFC 8437).
    Unauthenticate,
    /// `ENABLE`: capabilities in capitals.
    Enable(Vec<String>),
    /// `ID`.
    Id(Vec<IdField>),
    /// `COMPRESS DEFLATE`.
    Compress,
    /// `NAMESPACE`.
    Namespace,
    /// `SELECT` and `EXAMINE`.
    Select(Select),
    /// `CREATE` with its special uses.
    Create(MailboxName, Vec<String>),
    /// `DELETE`.
    Delete(MailboxName),
    /// `RENAME`.
    Rename(MailboxName, MailboxName),
    /// `SUBSCRIBE`.
    Subscribe(MailboxName),
    /// `UNSUBSCRIBE`.
    Unsubscribe(MailboxName),
    /// `LIST`.
    List(List),
    /// `LSUB`.
    Lsub(List),
    /// `STATUS`.
    Status(MailboxName, Vec<StatusItem>),
    /// `APPEND`.
    Append(Append),
    /// `REPLACE`.
    Replace(Replace),
    /// `IDLE` (RFC 2177).
    Idle,
    /// `CHECK`.
    Check,
    /// `CLOSE`.
    Close,
    /// `UNSELECT` (RFC 3691).
    Unselect,
    /// `EXPUNGE`.
    Expunge,
    /// `UID EXPUNGE` (RFC 4315).
    UidExpunge(Numbers),
    /// `SEARCH`.
    Search(Search),
    /// `ESEARCH` (RFC 7377).
    MultiSearch(MultiSearch),
    /// `SORT`.
    Sort(Sort),
    /// `THREAD`.
    Thread(Thread),
    /// `FETCH`.
    Fetch(Fetch),
    /// `STORE`.
    Store(Store),
    /// `COPY`.
    Copy(Copy),
    /// `MOVE` (RFC 6851).
    Move(Copy),
    /// `SETACL`.
    SetAcl(SetAcl),
    /// `DELETEACL`.
    DeleteAcl(MailboxName, String),
    /// `GETACL`.
    GetAcl(MailboxName),
    /// `LISTRIGHTS`.
    ListRights(MailboxName, String),
    /// `MYRIGHTS`.
    MyRights(MailboxName),
    /// `GETQUOTA`.
    GetQuota(String),
    /// `CANCELUPDATE`: tags of searches whose updates are not wanted any more (RFC 5267).
    CancelUpdate(Vec<String>),
    /// `GETQUOTAROOT`.
    GetQuotaRoot(MailboxName),
    /// `SETQUOTA`.
    SetQuota(SetQuota),
    /// `GETMETADATA`.
    GetMetadata(GetMetadata),
    /// `SETMETADATA`.
    SetMetadata(SetMetadata),
    /// `NOTIFY`.
    Notify(Notify),
}

/// A command that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its tag, where it has one.
    pub tag: Option<String>,
    /// Why.
    pub fault: Fault,
}

/// Reads a whole command: its lines joined, each literal as `{n}` CRLF and its bytes, without the last CRLF.
///
/// # Errors
/// [`Refused`] tells the tag, where there is one, and what is wrong.
pub fn parse(bytes: &[u8], bounds: &Bounds) -> Result<Tagged, Refused> {
    let mut cursor = Cursor::new(bytes, bounds);
    let tag = cursor.tag().map_err(|fault| Refused { tag: None, fault })?.to_owned();
    match command(&mut cursor) {
        Ok(command) => Ok(Tagged { tag, command }),
        Err(fault) => Err(Refused { tag: Some(tag), fault }),
    }
}

/// Tag and name of a command whose first line may not be whole: what decides how large its literals may be. The name
/// is in capitals; of `UID x` it is `UID X`.
pub fn head(line: &[u8]) -> Option<(String, String)> {
    let bounds = Bounds::default();
    let mut cursor = Cursor::new(line, &bounds);
    let tag = cursor.tag().ok()?.to_owned();
    cursor.space().ok()?;
    let mut name = cursor.atom().ok()?.to_ascii_uppercase();
    if name == "UID" {
        cursor.space().ok()?;
        name.push(' ');
        name.push_str(&cursor.atom().ok()?.to_ascii_uppercase());
    }
    Some((tag, name))
}

fn command(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    cursor.space()?;
    let name = cursor.atom()?.to_ascii_uppercase();
    let found = match plain(&name) {
        Some(command) => command,
        None if name == "UID" => {
            cursor.space()?;
            let name = cursor.atom()?.to_ascii_uppercase();
            of_messages(&name, cursor, true)?
        }
        None => match of_mailboxes(&name, cursor)? {
            Some(command) => command,
            None => of_messages(&name, cursor, false)?,
        },
    };
    cursor.end()?;
    Ok(found)
}

/// Commands without arguments.
fn plain(name: &str) -> Option<Command> {
    Some(match name {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "LOGOUT" => Command::Logout,
        "STARTTLS" => Command::StartTls,
        "UNAUTHENTICATE" => Command::Unauthenticate,
        "NAMESPACE" => Command::Namespace,
        "IDLE" => Command::Idle,
        "CHECK" => Command::Check,
        "CLOSE" => Command::Close,
        "UNSELECT" => Command::Unselect,
        "EXPUNGE" => Command::Expunge,
        _ => return None,
    })
}

const OF_MAILBOXES: &[&str] = &[
    "AUTHENTICATE",
    "LOGIN",
    "ENABLE",
    "ID",
    "COMPRESS",
    "SELECT",
    "EXAMINE",
    "CREATE",
    "DELETE",
    "RENAME",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "LIST",
    "LSUB",
    "STATUS",
    "APPEND",
    "SETACL",
    "DELETEACL",
    "GETACL",
    "LISTRIGHTS",
    "MYRIGHTS",
    "GETQUOTA",
    "GETQUOTAROOT",
    "SETQUOTA",
    "GETMETADATA",
    "SETMETADATA",
    "NOTIFY",
    "CANCELUPDATE",
];

/// Commands about the session and about mailboxes.
fn of_mailboxes(name: &str, cursor: &mut Cursor<'_>) -> Parsed<Option<Command>> {
    if !OF_MAILBOXES.contains(&name) {
        return Ok(None);
    }
    cursor.space()?;
    Ok(Some(match name {
        "AUTHENTICATE" => Command::Authenticate(Authenticate::parse(cursor)?),
        "LOGIN" => Command::Login(Login::parse(cursor)?),
        "ENABLE" => Command::Enable(access::enable(cursor)?),
        "ID" => Command::Id(access::id(cursor)?),
        "COMPRESS" if cursor.take_word("DEFLATE") => Command::Compress,
        "SELECT" => Command::Select(Select::parse(cursor, false)?),
        "EXAMINE" => Command::Select(Select::parse(cursor, true)?),
        "CREATE" => Command::Create(MailboxName::parse(cursor)?, create_uses(cursor)?),
        "DELETE" => Command::Delete(MailboxName::parse(cursor)?),
        "RENAME" => {
            let from = MailboxName::parse(cursor)?;
            cursor.space()?;
            Command::Rename(from, MailboxName::parse(cursor)?)
        }
        "SUBSCRIBE" => Command::Subscribe(MailboxName::parse(cursor)?),
        "UNSUBSCRIBE" => Command::Unsubscribe(MailboxName::parse(cursor)?),
        "LIST" => Command::List(List::parse(cursor)?),
        "LSUB" => Command::Lsub(List::parse_lsub(cursor)?),
        "STATUS" => {
            let mailbox = MailboxName::parse(cursor)?;
            cursor.space()?;
            Command::Status(mailbox, status_items(cursor)?)
        }
        "APPEND" => Command::Append(Append::parse(cursor)?),
        "SETACL" => Command::SetAcl(SetAcl::parse(cursor)?),
        "DELETEACL" => {
            let (mailbox, identifier) = acl::mailbox_and_identifier(cursor)?;
            Command::DeleteAcl(mailbox, identifier)
        }
        "GETACL" => Command::GetAcl(MailboxName::parse(cursor)?),
        "LISTRIGHTS" => {
            let (mailbox, identifier) = acl::mailbox_and_identifier(cursor)?;
            Command::ListRights(mailbox, identifier)
        }
        "MYRIGHTS" => Command::MyRights(MailboxName::parse(cursor)?),
        "GETQUOTA" => Command::GetQuota(cursor.astring_text()?),
        "GETQUOTAROOT" => Command::GetQuotaRoot(MailboxName::parse(cursor)?),
        "SETQUOTA" => Command::SetQuota(SetQuota::parse(cursor)?),
        "GETMETADATA" => Command::GetMetadata(GetMetadata::parse(cursor)?),
        "SETMETADATA" => Command::SetMetadata(SetMetadata::parse(cursor)?),
        "NOTIFY" => Command::Notify(Notify::parse(cursor)?),
        "CANCELUPDATE" => Command::CancelUpdate(cancelled(cursor)?),
        _ => return Err(Fault::syntax("an argument is wrong")),
    }))
}

/// Tags, each as a quoted string.
fn cancelled(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    let mut tags = vec![cursor.astring_text()?];
    while cursor.take(b' ') {
        if tags.len() >= cursor.bounds().list_items {
            return Err(Fault::limit("too many tags"));
        }
        tags.push(cursor.astring_text()?);
    }
    Ok(tags)
}

/// Commands about messages, which also come after `UID`.
fn of_messages(name: &str, cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Command> {
    const UNKNOWN: Fault = Fault::new(FaultKind::Unknown, "there is no such command");
    match name {
        "SEARCH" => return Search::parse(cursor, uid).map(Command::Search),
        "ESEARCH" if !uid => return MultiSearch::parse(cursor).map(Command::MultiSearch),
        "SORT" => return Sort::parse(cursor, uid).map(Command::Sort),
        "THREAD" => return Thread::parse(cursor, uid).map(Command::Thread),
        "FETCH" | "STORE" | "COPY" | "MOVE" | "REPLACE" => {}
        "EXPUNGE" if uid => {}
        _ => return Err(UNKNOWN),
    }
    cursor.space()?;
    match name {
        "FETCH" => Fetch::parse(cursor, uid).map(Command::Fetch),
        "STORE" => Store::parse(cursor, uid).map(Command::Store),
        "COPY" => Copy::parse(cursor, uid).map(Command::Copy),
        "MOVE" => Copy::parse(cursor, uid).map(Command::Move),
        "REPLACE" => Replace::parse(cursor, uid).map(Command::Replace),
        "EXPUNGE" => Numbers::parse(cursor).map(Command::UidExpunge),
        _ => Err(UNKNOWN),
    }
}

impl Copy {
    fn parse(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Self> {
        let numbers = Numbers::parse(cursor)?;
        cursor.space()?;
        Ok(Self { uid, numbers, mailbox: MailboxName::parse(cursor)? })
    }
}

impl Command {
    /// The message sequence numbers that the command names directly, for the check that there are such messages.
    pub fn sequence(&self) -> Option<&SequenceSet> {
        let (uid, numbers) = match self {
            Self::Fetch(fetch) => (fetch.uid, &fetch.numbers),
            Self::Store(store) => (store.uid, &store.numbers),
            Self::Copy(copy) | Self::Move(copy) => (copy.uid, &copy.numbers),
            _ => return None,
        };
        match numbers {
            Numbers::Set(set) if !uid => Some(set),
            _ => None,
        }
    }
}
