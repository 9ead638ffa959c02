//! ACL (RFC 4314) and RIGHTS=.

use super::cursor::{Cursor, Fault, Parsed};
use super::mailbox::MailboxName;

/// How the rights of `SETACL` are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclChange {
    /// These and no others.
    Replace,
    /// `+`.
    Add,
    /// `-`.
    Remove,
}

/// `SETACL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAcl {
    /// Which mailbox.
    pub mailbox: MailboxName,
    /// Whose rights.
    pub identifier: String,
    /// How the rights are meant.
    pub change: AclChange,
    /// Letters.
    pub rights: String,
}

impl SetAcl {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let (mailbox, identifier) = mailbox_and_identifier(cursor)?;
        cursor.space()?;
        let text = cursor.astring_text()?;
        let (change, rights) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(rest), _) => (AclChange::Add, rest),
            (_, Some(rest)) => (AclChange::Remove, rest),
            _ => (AclChange::Replace, text.as_str()),
        };
        if !rights.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            return Err(Fault::syntax("rights are small letters and digits"));
        }
        Ok(Self { mailbox, identifier, change, rights: rights.to_owned() })
    }
}

/// What `DELETEACL` and `LISTRIGHTS` take.
pub(crate) fn mailbox_and_identifier(cursor: &mut Cursor<'_>) -> Parsed<(MailboxName, String)> {
    let mailbox = MailboxName::parse(cursor)?;
    cursor.space()?;
    Ok((mailbox, cursor.astring_text()?))
}
