//! Names of mailboxes (RFC 9051 section 5.1, NAMESPACE of RFC 2342): one's own at the top, those of other people below
//! `Other Users/`, shared ones below `Shared/`, each account by its address. The levels are separated by `/`.

use std::collections::HashMap;

use base::{AccountId, CollectionId};
use directory::entries::Kind;
use mail::{Mail, Mailbox, Role, SharedAccount};
use wire::auth::Session as Login;

use crate::failure::{Failure, Result};

/// What separates levels.
pub(crate) const SEPARATOR: char = '/';
/// Where mailboxes of other people are.
pub(crate) const OTHERS: &str = "Other Users";
/// Where shared mailboxes are.
pub(crate) const SHARED: &str = "Shared";
/// The inbox.
pub(crate) const INBOX: &str = "INBOX";

/// A name, and the mailbox that it is of; without one it is only a level above others.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// The whole name.
    pub name: String,
    /// The mailbox.
    pub mailbox: Option<Mailbox>,
    /// Its reader is subscribed to it.
    pub subscribed: bool,
    /// There is a mailbox of that name, or one below it; else only a subscription is left of it.
    pub there: bool,
}

impl Named {
    /// A level above mailboxes.
    fn level(name: &str) -> Self {
        Self { name: name.to_owned(), mailbox: None, subscribed: false, there: true }
    }
}

/// Where a new mailbox comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The account.
    pub account: AccountId,
    /// The deepest mailbox of the path that is there; 0 for the top.
    pub parent: CollectionId,
    /// The names of the levels that are not there, at least one.
    pub missing: Vec<String>,
}

fn prefix(shared: &SharedAccount) -> String {
    let above = if shared.kind == Kind::Person { OTHERS } else { SHARED };
    format!("{above}{SEPARATOR}{}", shared.address)
}

/// The names of the mailboxes of one account, below a prefix.
fn named(mailboxes: Vec<Mailbox>, prefix: &str, into: &mut Vec<Named>) {
    let parents: HashMap<i64, (i64, String)> = (mailboxes.iter())
        .map(|mailbox| {
            let name =
                if mailbox.role == Some(Role::Inbox) { INBOX.to_owned() } else { mailbox.name.clone() };
            (mailbox.id.0, (mailbox.parent.0, name))
        })
        .collect();
    for mailbox in mailboxes {
        let mut levels = Vec::new();
        let mut id = mailbox.id.0;
        // A level that one may not see is left out.
        while let Some((parent, name)) = parents.get(&id).filter(|_| levels.len() < 64) {
            levels.push(name.as_str());
            id = *parent;
        }
        if !prefix.is_empty() {
            levels.push(prefix);
        }
        levels.reverse();
        let subscribed = mailbox.subscribed;
        into.push(Named { name: levels.join("/"), mailbox: Some(mailbox), subscribed, there: true });
    }
}

/// Every name that someone sees, sorted, the own inbox first; levels without a mailbox are there too.
pub(crate) async fn all(mail: &Mail, login: &Login) -> Result<Vec<Named>> {
    let mut found = Vec::new();
    mail.inbox(&login.ctx, login.account).await?;
    named(mail.mailboxes(&login.ctx, login.account).await?, "", &mut found);
    for shared in mail.shared_accounts(&login.ctx).await? {
        let mailboxes = mail.mailboxes(&login.ctx, shared.account).await?;
        if mailboxes.is_empty() {
            continue;
        }
        let prefix = prefix(&shared);
        let above = prefix.split_once(SEPARATOR).map_or(prefix.as_str(), |(above, _)| above);
        if !found.iter().any(|named| named.name == above) {
            found.push(Named::level(above));
        }
        found.push(Named::level(&prefix));
        named(mailboxes, &prefix, &mut found);
    }
    let kept = mail.subscribed_names(&login.ctx).await?;
    if !kept.is_empty() {
        subscriptions(&mut found, &kept);
    }
    found.sort_by(|left, right| (left.name != INBOX, &left.name).cmp(&(right.name != INBOX, &right.name)));
    Ok(found)
}

/// Adds names to which someone is subscribed though their mailboxes are gone, and the levels above them.
fn subscriptions(found: &mut Vec<Named>, kept: &[String]) {
    let mut places: HashMap<String, usize> =
        found.iter().enumerate().map(|(place, named)| (named.name.clone(), place)).collect();
    for name in kept {
        let ends = name.match_indices(SEPARATOR).map(|(at, _)| at).chain([name.len()]);
        for end in ends {
            let part = name.get(..end).unwrap_or_default();
            let place = *places.entry(part.to_owned()).or_insert_with(|| {
                found.push(Named { there: false, ..Named::level(part) });
                found.len() - 1
            });
            if let Some(named) = found.get_mut(place).filter(|_| end == name.len()) {
                named.subscribed = true;
            }
        }
    }
}

/// The account that a name lies in, and the rest of the name; `None` when there is no such account.
async fn account<'n>(mail: &Mail, login: &Login, name: &'n str) -> Result<Option<(AccountId, &'n str)>> {
    let (first, rest) = name.split_once(SEPARATOR).unwrap_or((name, ""));
    if first != OTHERS && first != SHARED {
        return Ok(Some((login.account, name)));
    }
    let (address, rest) = rest.split_once(SEPARATOR).unwrap_or((rest, ""));
    let above = format!("{first}{SEPARATOR}{address}");
    let shared = mail.shared_accounts(&login.ctx).await?;
    let found = shared.iter().find(|shared| prefix(shared).eq_ignore_ascii_case(&above));
    Ok(found.map(|shared| (shared.account, rest)))
}

fn child<'m>(mailboxes: &'m [Mailbox], parent: CollectionId, name: &str) -> Option<&'m Mailbox> {
    let is_top = parent.0 == 0;
    mailboxes.iter().find(|mailbox| {
        if is_top && name == INBOX {
            return mailbox.role == Some(Role::Inbox);
        }
        let is_top_mailbox =
            mailbox.parent.0 == 0 || !mailboxes.iter().any(|other| other.id == mailbox.parent);
        let parent_fits = if is_top { is_top_mailbox } else { mailbox.parent == parent };
        parent_fits && mailbox.name == name && mailbox.role != Some(Role::Inbox)
    })
}

fn nonexistent() -> Failure {
    Failure::no("NONEXISTENT", "There is no such mailbox")
}

/// The mailbox of a name.
///
/// # Errors
/// `NO [NONEXISTENT]`.
pub(crate) async fn find(mail: &Mail, login: &Login, name: &str) -> Result<Mailbox> {
    if name == INBOX {
        let inbox = mail.inbox(&login.ctx, login.account).await?;
        return Ok(mail.mailbox(&login.ctx, login.account, inbox).await?);
    }
    let Some((account, rest)) = account(mail, login, name).await? else { return Err(nonexistent()) };
    if account == login.account {
        mail.inbox(&login.ctx, account).await?;
    }
    let mailboxes = mail.mailboxes(&login.ctx, account).await?;
    let mut at = None;
    for level in rest.split(SEPARATOR) {
        let parent = at.map_or(CollectionId(0), |mailbox: &Mailbox| mailbox.id);
        at = Some(child(&mailboxes, parent, level).ok_or_else(nonexistent)?);
    }
    at.cloned().ok_or_else(nonexistent)
}

/// As [`find`], for a mailbox that something is put into: the client is told that it may create it (RFC 9051 section
/// 6.4.7).
///
/// # Errors
/// `NO [TRYCREATE]`.
pub(crate) async fn target(mail: &Mail, login: &Login, name: &str) -> Result<Mailbox> {
    find(mail, login, name).await.map_err(|failure| match failure {
        Failure::No(words) if words.code == "NONEXISTENT" => {
            Failure::no("TRYCREATE", "There is no such mailbox")
        }
        other => other,
    })
}

/// Where a mailbox of this name would come.
///
/// # Errors
/// `NO [ALREADYEXISTS]`, and `NO [CANNOT]` for a name that cannot be.
pub(crate) async fn spot(mail: &Mail, login: &Login, name: &str) -> Result<Spot> {
    // A trailing separator says that others will come below (RFC 9051 section 6.3.4): each mailbox may have some.
    let name = name.strip_suffix(SEPARATOR).unwrap_or(name);
    if name.is_empty() || name.split(SEPARATOR).any(str::is_empty) {
        return Err(Failure::no("CANNOT", "A level of the name is empty"));
    }
    let cannot = || Failure::no("CANNOT", "Mailboxes of others are made by those they belong to");
    if name == OTHERS || name == SHARED {
        return Err(cannot());
    }
    let Some((account, rest)) = account(mail, login, name).await? else { return Err(cannot()) };
    if rest.is_empty() {
        return Err(cannot());
    }
    if account == login.account {
        mail.inbox(&login.ctx, account).await?;
    }
    let mailboxes = mail.mailboxes(&login.ctx, account).await?;
    let mut parent = CollectionId(0);
    let mut levels = rest.split(SEPARATOR);
    let mut missing = Vec::new();
    for level in levels.by_ref() {
        let Some(mailbox) = child(&mailboxes, parent, level) else {
            missing.push(level.to_owned());
            break;
        };
        parent = mailbox.id;
    }
    missing.extend(levels.map(str::to_owned));
    if missing.is_empty() {
        return Err(Failure::no("ALREADYEXISTS", "There is such a mailbox already"));
    }
    Ok(Spot { account, parent, missing })
}
