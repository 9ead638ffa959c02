//! Images: the mailboxes of an account as they were at its marks, one an hour, and bringing them back. What is shown is
//! a view of the history (`kernel::View::tree_as_of`); an image costs one row.

mod apply;
mod plan;

use std::collections::HashMap;

use base::{AccountId, CollectionId, Ctx, Error, ItemId, Result, Seq};
use kernel::{PastCollection, PastItem, View as KernelView};

pub use apply::{ImageReport, ImageRestore, Restoring, Selection};

use crate::flags::Keywords;
use crate::mailboxes::{self, Role};
use crate::rows::{self, Columns, Row};
use crate::{Mail, NAME};

/// A moment that can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// The commit that it shows.
    pub mark: Seq,
    /// When it was made, milliseconds since 1970.
    pub at: i64,
}

/// A mailbox as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageMailbox {
    /// The mailbox.
    pub id: CollectionId,
    /// The mailbox that it lay in; 0 at the top.
    pub parent: CollectionId,
    /// Its name then.
    pub name: String,
    /// What it was for then.
    pub role: Option<Role>,
    /// Its messages then.
    pub total: i64,
    /// Those of them not seen.
    pub unseen: i64,
    /// Their size.
    pub bytes: i64,
}

/// A message as it was in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageEmail {
    /// Its UID there.
    pub uid: u32,
    /// The object.
    pub object: i64,
    /// Its flags and keywords then.
    pub keywords: Keywords,
    /// What its row says, with its texts and its conversation.
    pub row: Row,
}

/// The mailboxes of an image, those above before those in them.
pub(crate) fn tree(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    mark: Seq,
) -> Result<Vec<PastCollection>> {
    let mut left: Vec<PastCollection> =
        view.tree_as_of(account, mark)?.into_iter().filter(|was| was.kind == NAME).collect();
    let mut out: Vec<PastCollection> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let known = |id: CollectionId| id.0 == 0 || out.iter().any(|above| above.id == id);
        let (next, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|was| known(was.parent));
        if next.is_empty() {
            return Err(Error::corrupt("image", "has mailboxes in none"));
        }
        out.extend(next);
        left = rest;
    }
    Ok(out)
}

/// All items of a mailbox of an image.
pub(crate) fn items(
    view: &mut KernelView<'_, '_>,
    account: AccountId,
    mark: Seq,
    mailbox: CollectionId,
) -> Result<Vec<PastItem>> {
    let (mut after, mut out) = (ItemId(0), Vec::new());
    loop {
        let page = view.page_as_of(account, mark, mailbox, after, u64::MAX)?;
        let Some(last) = page.last() else { return Ok(out) };
        after = last.id;
        out.extend(page);
    }
}

impl Mail {
    /// The images of an account, the newest first.
    ///
    /// # Errors
    /// `NotFound` for who may not read all of the account.
    pub async fn images(&self, ctx: &Ctx, account: AccountId) -> Result<Vec<Image>> {
        let marks = self.kernel().read(ctx, move |view| view.marks(account)).await?;
        Ok(marks.into_iter().map(|(mark, at)| Image { mark, at }).collect())
    }

    /// The mailboxes of an account as they were, those above before those in them.
    ///
    /// # Errors
    /// `NotFound` when there is no such image.
    pub async fn image_mailboxes(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mark: Seq,
    ) -> Result<Vec<ImageMailbox>> {
        let tree = self.kernel().read(ctx, move |view| tree(view, account, mark)).await?;
        let mailbox = |was: PastCollection| ImageMailbox {
            id: was.id,
            parent: was.parent,
            role: Role::from_word(&was.role),
            name: was.name,
            total: was.total,
            unseen: was.unseen,
            bytes: was.bytes,
        };
        Ok(tree.into_iter().map(mailbox).collect())
    }

    /// A page of the messages that lay in a mailbox, in the order of their UIDs, behind `after`.
    ///
    /// # Errors
    /// `NotFound` when there is no such image, or the mailbox was not there then.
    pub async fn image_emails(
        &self,
        ctx: &Ctx,
        account: AccountId,
        (mark, mailbox): (Seq, CollectionId),
        after: u32,
        limit: u64,
    ) -> Result<Vec<ImageEmail>> {
        self.kernel()
            .read(ctx, move |view| {
                let page = view.page_as_of(account, mark, mailbox, ItemId(i64::from(after)), limit)?;
                let mut contents: Vec<i64> = page.iter().map(|item| item.content).collect();
                contents.sort_unstable();
                let columns = Columns { texts: true, thread: true, ..Columns::default() };
                let found = rows::of(view.tx(), account, &contents, columns)?;
                let found: HashMap<i64, Row> = found.into_iter().map(|row| (row.content, row)).collect();
                let mut out = Vec::with_capacity(page.len());
                for item in page {
                    let Some(row) = found.get(&item.content) else { continue };
                    out.push(ImageEmail {
                        uid: mailboxes::uid(item.id.0)?,
                        object: item.object.0,
                        keywords: Keywords::of_item(item.flags, item.state.as_deref()),
                        row: row.clone(),
                    });
                }
                Ok(out)
            })
            .await
    }
}
