//! What people and programs note about mailboxes and accounts (RFC 5464).

use base::{AccountId, CollectionId, Ctx, Error, Result};
use kernel::Right;
use store::{Tx, params};

use crate::Mail;

/// A note about a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// Its name in lower case, without `/private` or `/shared` before it.
    pub name: String,
    /// Whether only the reader sees it.
    pub private: bool,
    /// What it says.
    pub value: Vec<u8>,
}

/// A note that is set, or taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its name, without `/private` or `/shared` before it; compared without case.
    pub name: String,
    /// Whether only the reader sees it.
    pub private: bool,
    /// What it says; none takes it away.
    pub value: Option<Vec<u8>>,
}

impl Mail {
    /// The notes about a mailbox, or with mailbox 0 about the account, that the reader sees.
    ///
    /// # Errors
    /// `NotFound` for a mailbox that the reader may not see.
    pub async fn annotations(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
    ) -> Result<Vec<Annotation>> {
        self.kernel()
            .read(ctx, move |view| {
                view.require(account, mailbox, Right::Read)?;
                let reader = view.ctx().actor.account;
                let sql = "SELECT name, subject_id, value FROM mailbox_annotation
                            WHERE account_id = $1 AND mailbox_id = $2 AND subject_id {in $3} ORDER BY name, subject_id";
                view.tx().query(sql, params![account, mailbox, vec![0, reader.0]], |row| {
                    Ok(Annotation { name: row.text(0)?, private: row.int(1)? != 0, value: row.bytes(2)? })
                })
            })
            .await
    }

    /// Sets notes or takes them away, all or none, as one commit.
    ///
    /// # Errors
    /// `NotFound` and `Forbidden` by rights (what all see needs the right to flag), `TooLarge` and `Limit` by the
    /// limits `annotation_bytes` and `annotations_per_mailbox`.
    pub async fn annotate(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        notes: Vec<Note>,
    ) -> Result<()> {
        super::refuse_past(ctx)?;
        let (most_bytes, most) = (ctx.limits.annotation_bytes, ctx.limits.annotations_per_mailbox);
        for note in &notes {
            if note.value.as_ref().is_some_and(|value| value.len() as u64 > most_bytes) {
                return Err(Error::too_large("annotation", format!("has more than {most_bytes} bytes")));
            }
            if note.name.len() as u64 > ctx.limits.name_bytes {
                return Err(Error::too_large("annotation", "has too long a name"));
            }
        }
        let reader = ctx.actor.account;
        self.kernel()
            .write(ctx, account, move |batch| {
                for note in &notes {
                    batch.require(mailbox, if note.private { Right::Read } else { Right::Flag })?;
                    let subject = if note.private { reader } else { AccountId(0) };
                    set(batch.tx(), (account, mailbox, subject), note)?;
                }
                let tx = batch.tx();
                let sql = "SELECT count(*) FROM mailbox_annotation WHERE account_id = $1 AND mailbox_id = $2";
                let count = tx.query_one(sql, params![account, mailbox], |row| row.int(0))?;
                let adds = notes.iter().any(|note| note.value.is_some());
                if adds && count.unsigned_abs() > most {
                    return Err(Error::limit(
                        "annotation",
                        format!("a mailbox has at most {most} annotations"),
                    ));
                }
                Ok(())
            })
            .await
    }
}

fn set(
    tx: &mut Tx<'_>,
    (account, mailbox, subject): (AccountId, CollectionId, AccountId),
    note: &Note,
) -> Result<()> {
    let name = note.name.to_ascii_lowercase();
    let Some(value) = &note.value else {
        let sql = "DELETE FROM mailbox_annotation
                    WHERE account_id = $1 AND mailbox_id = $2 AND subject_id = $3 AND name = $4";
        return tx.execute(sql, params![account, mailbox, subject, &name]).map(|_| ());
    };
    let sql = "INSERT INTO mailbox_annotation (account_id, mailbox_id, subject_id, name, value)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (account_id, mailbox_id, subject_id, name) DO UPDATE SET value = excluded.value";
    tx.execute(sql, params![account, mailbox, subject, &name, value.as_slice()]).map(|_| ())
}
