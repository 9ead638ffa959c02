//! Mailboxes: the collections of mail of an account, as a person sees them.

mod annotations;
mod edit;
mod inbox;
mod names;
mod sharing;

use base::{AccountId, CollectionId, Ctx, Error, Result, Seq};
use kernel::{CollectionInfo, Rights, View as KernelView};
use store::params;

use crate::Mail;
pub use annotations::{Annotation, Note};
pub use edit::MailboxChange;
pub(crate) use edit::want;
pub(crate) use inbox::Inboxes;
pub use sharing::SharedAccount;

macro_rules! roles {
    ($($name:ident = $word:literal, $attribute:literal, $doc:literal;)*) => {
        /// What a mailbox is for (RFC 6154, RFC 8621).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Role {
            $(#[doc = $doc] $name,)*
        }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word in `collection.role`, and in JMAP.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The special-use attribute of IMAP; empty for the inbox.
            pub const fn attribute(self) -> &'static str {
                match self { $(Self::$name => $attribute,)* }
            }
        }
    };
}

roles! {
    Inbox = "inbox", "", "Where mail arrives.";
    Sent = "sent", "\\Sent", "What was sent.";
    Drafts = "drafts", "\\Drafts", "What is not finished.";
    Trash = "trash", "\\Trash", "What was thrown away.";
    Junk = "junk", "\\Junk", "Spam.";
    Archive = "archive", "\\Archive", "What was put away.";
    Important = "important", "\\Important", "What is probably important.";
    All = "all", "\\All", "Every message.";
    Flagged = "flagged", "\\Flagged", "What is flagged.";
}

impl Role {
    /// The role of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.word() == word)
    }

    /// The role of that special-use attribute.
    pub fn from_attribute(attribute: &str) -> Option<Self> {
        let found =
            |role: &Self| !role.attribute().is_empty() && role.attribute().eq_ignore_ascii_case(attribute);
        Self::ALL.iter().copied().find(found)
    }
}

/// A mailbox as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Whose it is.
    pub account: AccountId,
    /// Its number in that account, which no other mailbox ever has.
    pub id: CollectionId,
    /// The mailbox that it lies in; 0 at the top.
    pub parent: CollectionId,
    /// Its name there.
    pub name: String,
    /// What it is for.
    pub role: Option<Role>,
    /// Its messages.
    pub total: i64,
    /// Its messages without `\Seen`.
    pub unseen: i64,
    /// Their size.
    pub bytes: i64,
    /// The UID that the next message gets.
    pub uidnext: u32,
    /// Changes when the UIDs of a name mean other messages than before.
    pub uidvalidity: u32,
    /// The commit that last changed anything in it: its highest MODSEQ.
    pub highest: Seq,
    /// What the reader may do in it.
    pub rights: Rights,
    /// Whether the reader wants to see it in lists.
    pub subscribed: bool,
    /// Where it stands among its siblings: the lowest first.
    pub sort_order: u32,
}

/// What an account uses of what it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of all its items, of every kind.
    pub used_bytes: i64,
    /// Bytes that it may have; none: no limit.
    pub limit_bytes: Option<i64>,
}

/// Refuses what would change something for someone who looks at what the history shows.
fn refuse_past(ctx: &Ctx) -> Result<()> {
    if ctx.is_past() {
        let rule = "is shown as it was and cannot be changed; copy what you need from it";
        return Err(Error::forbidden("mailbox", rule));
    }
    Ok(())
}

/// A mailbox's UIDVALIDITY: both numbers only grow, so a later mailbox of the same name has a larger one.
fn uidvalidity(account: AccountId, mailbox: CollectionId) -> u32 {
    let low = (account.0.wrapping_mul(4096).wrapping_add(mailbox.0)) & i64::from(u32::MAX);
    u32::try_from(low).unwrap_or(1).max(1)
}

/// The UID of an item.
///
/// # Errors
/// `Limit` beyond 2^32: no client could name it.
pub(crate) fn uid(item: i64) -> Result<u32> {
    u32::try_from(item).map_err(|_| Error::limit("mailbox", "has no UID left; move its mail to a new one"))
}

fn mailbox(account: AccountId, info: CollectionInfo, subscribed: bool) -> Result<Mailbox> {
    Ok(Mailbox {
        account,
        id: info.id,
        parent: info.parent,
        role: Role::from_word(&info.role),
        name: info.name,
        total: info.total,
        unseen: info.unseen,
        bytes: info.bytes,
        uidnext: uid(info.uidnext)?,
        uidvalidity: uidvalidity(account, info.id),
        highest: info.max_seq,
        rights: info.rights,
        subscribed,
        sort_order: edit::Properties::read(&info.state).sort_order,
    })
}

/// The mailboxes of an account that the reader has subscribed to.
fn subscribed(view: &mut KernelView<'_, '_>, owner: AccountId) -> Result<Vec<i64>> {
    let reader = view.ctx().actor.account;
    let sql = "SELECT mailbox_id FROM mailbox_subscription WHERE account_id = $1 AND owner_id = $2 ORDER BY mailbox_id";
    view.tx().query(sql, params![reader, owner], |row| row.int(0))
}

/// The mailboxes of an account that the reader may see, on a snapshot.
pub(crate) fn all(view: &mut KernelView<'_, '_>, account: AccountId) -> Result<Vec<Mailbox>> {
    let wanted = subscribed(view, account)?;
    view.collections(account, Some(crate::NAME))?
        .into_iter()
        .map(|info| {
            let on = wanted.binary_search(&info.id.0).is_ok();
            mailbox(account, info, on)
        })
        .collect()
}

impl Mail {
    /// The mailboxes of an account that the reader may see, in the order of their ids: a tree by `parent`.
    ///
    /// # Errors
    /// Those of the database; of an account in which the reader may see nothing there are none.
    pub async fn mailboxes(&self, ctx: &Ctx, account: AccountId) -> Result<Vec<Mailbox>> {
        if ctx.is_past() {
            return self.past_mailboxes(ctx, account).await;
        }
        self.kernel().read(ctx, move |view| all(view, account)).await
    }

    /// One mailbox.
    ///
    /// # Errors
    /// `NotFound` when there is none that the reader may see.
    pub async fn mailbox(&self, ctx: &Ctx, account: AccountId, id: CollectionId) -> Result<Mailbox> {
        if ctx.is_past() {
            return self.past_mailbox(ctx, account, id).await;
        }
        self.kernel()
            .read(ctx, move |view| {
                let info = view.collection(account, id)?;
                if info.kind != crate::NAME {
                    return Err(Error::not_found("mailbox"));
                }
                let on = subscribed(view, account)?.binary_search(&id.0).is_ok();
                mailbox(account, info, on)
            })
            .await
    }

    /// What an account uses of what it may use.
    ///
    /// # Errors
    /// `NotFound` when the reader may see nothing of it.
    pub async fn quota(&self, ctx: &Ctx, account: AccountId) -> Result<Quota> {
        self.kernel()
            .read(ctx, move |view| {
                let own = view.ctx().actor.system || view.ctx().actor.account == account;
                if !own && view.collections(account, None)?.is_empty() {
                    return Err(Error::not_found("account"));
                }
                let used_bytes = view.used_bytes(account)?;
                let limit_bytes = directory::resolve::quota_in_force(view.tx(), account)?;
                Ok(Quota { used_bytes, limit_bytes })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uidvalidity_is_never_zero_and_grows_with_the_mailbox() {
        assert!(uidvalidity(AccountId(5), CollectionId(9)) > uidvalidity(AccountId(5), CollectionId(8)));
        assert_eq!(uidvalidity(AccountId(1 << 20), CollectionId(0)), 1);
    }

    #[test]
    fn roles_have_words_and_attributes() {
        for role in Role::ALL {
            assert_eq!(Role::from_word(role.word()), Some(*role));
        }
        assert_eq!(Role::from_attribute("\\junk"), Some(Role::Junk));
        assert_eq!(Role::from_attribute(""), None);
    }
}
