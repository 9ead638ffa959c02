//! With whom a mailbox is shared: the property `shareWith`, in the form of RFC 9670 section 4.

use std::collections::BTreeMap;

use base::{AccountId, CollectionId, Error, Meaning};
use kernel::{Right, Rights};
use mail::Mailbox;
use serde_json::{Value, json};

use crate::engine::{Access, Call, Map, MethodError, SetError};
use crate::principal;

/// The rights of JMAP, each with that of the kernel.
pub(crate) const NAMES: &[(&str, Right)] = &[
    ("mayReadItems", Right::Read),
    ("mayAddItems", Right::Insert),
    ("mayRemoveItems", Right::Delete),
    ("maySetSeen", Right::Seen),
    ("maySetKeywords", Right::Flag),
    ("mayCreateChild", Right::Child),
    ("mayRename", Right::Rename),
    ("mayDelete", Right::Rename),
    ("maySubmit", Right::Post),
    ("mayShare", Right::Share),
];

/// A change of who may do what.
#[derive(Debug, Clone, Copy)]
pub(super) enum Share {
    /// All others lose theirs.
    OnlyNamed,
    /// Exactly these rights; none: no share.
    Is(AccountId, Rights),
    /// One right more, or less.
    Right(AccountId, Right, bool),
}

fn wrong(why: &str) -> SetError {
    SetError::invalid("shareWith", why)
}

fn subject(id: &str) -> Result<AccountId, SetError> {
    principal::read_id(id).ok_or_else(|| wrong("names a principal that does not exist"))
}

fn right(name: &str) -> Result<Right, SetError> {
    let found = NAMES.iter().find(|(known, _)| *known == name).map(|(_, right)| *right);
    found.ok_or_else(|| wrong("has a right that mailboxes do not have"))
}

/// Who may rename may remove: one is not given with the other refused.
fn check_pair(on: impl Fn(&str) -> Option<bool>) -> Result<(), SetError> {
    match (on("mayRename"), on("mayDelete")) {
        (Some(rename), Some(delete)) if rename != delete => {
            Err(wrong("has only one of mayRename and mayDelete, which go together"))
        }
        _ => Ok(()),
    }
}

fn rights(value: &Value) -> Result<Rights, SetError> {
    let Some(map) = value.as_object() else { return Ok(Rights::NONE) };
    check_pair(|name| map.get(name).and_then(Value::as_bool))?;
    let mut all = Vec::new();
    for (name, on) in map {
        let right = right(name)?;
        if on == &Value::Bool(true) {
            all.push(right);
        }
    }
    Ok(all.into_iter().collect())
}

/// What a value for `shareWith`, or for a path below it, asks for.
pub(super) fn read(path: &[String], value: &Value, out: &mut Vec<Share>) -> Result<(), SetError> {
    match (path, value) {
        ([], Value::Null) => out.push(Share::OnlyNamed),
        ([], Value::Object(map)) => {
            out.push(Share::OnlyNamed);
            for (id, value) in map {
                out.push(Share::Is(subject(id)?, rights(value)?));
            }
        }
        ([id], value) => out.push(Share::Is(subject(id)?, rights(value)?)),
        ([id, name], value) => {
            out.push(Share::Right(subject(id)?, right(name)?, value == &Value::Bool(true)));
        }
        _ => return Err(SetError::new("invalidPatch")),
    }
    Ok(())
}

/// Two paths of one patch that say different things of one right.
fn contradicts(wanted: &[Share]) -> bool {
    let rights = || {
        wanted.iter().filter_map(|share| match share {
            Share::Right(subject, right, on) => Some((*subject, *right, *on)),
            _ => None,
        })
    };
    rights().any(|(subject, right, on)| rights().any(|other| other == (subject, right, !on)))
}

/// Someone to share with who is not there is a wrong value; what one may not give is forbidden.
fn refused(error: Error) -> SetError {
    match (error.meaning(), error.field()) {
        (Meaning::NotFound, "collection") => SetError::not_found(),
        (Meaning::NotFound, _) => wrong("names a principal that does not exist"),
        (Meaning::Invalid | Meaning::Conflict, _) => wrong(&error.to_string()),
        (Meaning::Limit, _) => SetError::new("overQuota").describe(error.to_string()),
        _ => error.into(),
    }
}

/// Shares, in one commit.
pub(super) async fn apply(
    call: &Call,
    access: &Access,
    mailbox: CollectionId,
    wanted: &[Share],
) -> Result<(), SetError> {
    if wanted.is_empty() {
        return Ok(());
    }
    if contradicts(wanted) {
        return Err(wrong("has only one of mayRename and mayDelete, which go together"));
    }
    let (mail, ctx, account) = (call.mail(), call.ctx(), access.account);
    let now = mail.acl(ctx, account, mailbox).await.map_err(refused)?;
    let before: BTreeMap<AccountId, Rights> =
        now.iter().map(|(subject, _, rights)| (*subject, *rights)).collect();
    let mut rights = before.clone();
    for share in wanted {
        match *share {
            Share::OnlyNamed => rights.values_mut().for_each(|rights| *rights = Rights::NONE),
            Share::Is(subject, is) => {
                rights.insert(subject, is);
            }
            Share::Right(subject, right, on) => {
                let known = rights.entry(subject).or_default();
                known.0 = if on { known.0 | right as i64 } else { known.0 & !(right as i64) };
            }
        }
    }
    rights.retain(|subject, rights| before.get(subject).copied().unwrap_or_default() != *rights);
    if rights.is_empty() {
        return Ok(());
    }
    mail.share(ctx, account, mailbox, rights.into_iter().collect()).await.map_err(refused)
}

/// With whom it is shared; null where that is nobody, or the caller may not know.
pub(super) async fn shown(call: &Call, access: &Access, mailbox: &Mailbox) -> Result<Value, MethodError> {
    if !mailbox.rights.has(Right::Share) {
        return Ok(Value::Null);
    }
    let acl = call.mail().acl(call.ctx(), access.account, mailbox.id).await?;
    if acl.is_empty() {
        return Ok(Value::Null);
    }
    let each = acl.into_iter().map(|(subject, _, rights)| {
        let names = NAMES.iter().map(|(name, right)| ((*name).to_owned(), json!(rights.has(*right))));
        (principal::id_of(subject), Value::Object(names.collect::<Map>()))
    });
    Ok(Value::Object(each.collect()))
}
