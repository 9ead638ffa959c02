//! Who may do what in whose mailboxes, and what people are told when that changes.
//!
//! What must stay true here:
//! - Rights are given in one transaction with what the people behind them are told: nobody has rights that it did not
//!   hear of, except the members of very large groups.
//! - Each who is told has a commit in its own history, so that clients which follow it look anew.
//! - Removed notifications stay as rows for a while: from them clients are told that they are gone.

use base::{AccountId, CollectionId, Ctx, Error, Result, Seq};
use directory::address_book;
use directory::entries::{self, Entry, Kind};
use kernel::{Batch, Many, Rights};
use store::sql::Migration;
use store::{Part, Read, Row, Tx, params};

use crate::{Mail, Role};

const SCHEMA: &str = include_str!("../schema/share.sql");

/// The tables of what people are told.
pub const PART: Part = Part {
    name: "mail_share",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "share notifications", text: SCHEMA }],
};

const COLUMNS: &str =
    "id, created_at, actor_id, actor_name, actor_address, owner_id, mailbox_id, name, old_rights, new_rights";

/// What someone is told of a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareNotification {
    /// Its number in the account of who is told.
    pub id: i64,
    /// When the share changed, milliseconds since 1970.
    pub created_at: i64,
    /// Who changed it; none: the program, or an administrator at the machine.
    pub actor: Option<AccountId>,
    /// The name of that person then.
    pub actor_name: String,
    /// Its address then.
    pub actor_address: String,
    /// Whose mailbox it is.
    pub owner: AccountId,
    /// The mailbox.
    pub mailbox: CollectionId,
    /// Its name then.
    pub name: String,
    /// What the reader could do before.
    pub old_rights: Rights,
    /// What it can do since.
    pub new_rights: Rights,
}

/// What changed of someone's notifications.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareNotificationChanges {
    /// The state afterwards.
    pub state: Seq,
    /// Whether there are more changes after that.
    pub has_more: bool,
    /// Those that are new.
    pub created: Vec<i64>,
    /// Those that are gone.
    pub destroyed: Vec<i64>,
}

fn notification(row: &Row<'_>) -> Result<ShareNotification> {
    let actor = row.int(2)?;
    Ok(ShareNotification {
        id: row.int(0)?,
        created_at: row.int(1)?,
        actor: (actor != 0).then_some(AccountId(actor)),
        actor_name: row.text(3)?,
        actor_address: row.text(4)?,
        owner: AccountId(row.int(5)?),
        mailbox: CollectionId(row.int(6)?),
        name: row.text(7)?,
        old_rights: Rights(row.int(8)?),
        new_rights: Rights(row.int(9)?),
    })
}

/// A share that changes: the mailbox, and who changes it.
#[derive(Clone)]
struct Shared {
    owner: AccountId,
    mailbox: CollectionId,
    /// The mailbox that people are told of: the inbox for the whole account.
    told_of: CollectionId,
    actor: Option<Entry>,
}

/// Someone who may have to be told, with the accounts whose rights it has.
type Told = (AccountId, Vec<AccountId>);

/// Rights by who has them.
type Shares = Vec<(AccountId, Rights)>;

/// All shares that reach a mailbox: its own, and those of the whole account.
fn shares(tx: &mut Tx<'_>, share: &Shared) -> Result<Shares> {
    let sql = "SELECT subject_id, rights FROM share WHERE account_id = $1 AND collection_id {in $2}";
    tx.query(sql, params![share.owner, vec![0, share.told_of.0]], |row| {
        Ok((AccountId(row.int(0)?), Rights(row.int(1)?)))
    })
}

fn rights_of(subjects: &[AccountId], shares: &Shares) -> Rights {
    let own = shares.iter().filter(|(subject, _)| subjects.contains(subject));
    Rights(own.fold(0, |all, (_, rights)| all | rights.0))
}

impl Mail {
    /// Gives people and groups rights on a mailbox, or with mailbox 0 on all of the account: exactly these; no right
    /// takes all away. Everyone whose rights change is told, except the actor.
    ///
    /// # Errors
    /// `Forbidden` for rights that the actor does not hold, `NotFound` for someone of another organisation, `Invalid` for
    /// what is neither a person nor a group.
    pub async fn share(
        &self,
        ctx: &Ctx,
        account: AccountId,
        mailbox: CollectionId,
        wanted: Vec<(AccountId, Rights)>,
    ) -> Result<()> {
        let told_of = if mailbox.0 == 0 { self.inbox(ctx, account).await? } else { mailbox };
        let (reader, asked) = (ctx.clone(), wanted.clone());
        let read = self.directory().read(move |tx| look(tx, &reader, account, &asked));
        let (told, actor) = read.await?;
        let share = Shared { owner: account, mailbox, told_of, actor };
        let mut locks: Vec<i64> = told.iter().map(|(person, _)| person.0).collect();
        locks.push(account.0);
        self.kernel().write_many(ctx, locks, move |many| give(many, &share, &wanted, &told)).await
    }

    /// What the actor is told, the newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn share_notifications(&self, ctx: &Ctx) -> Result<(Seq, Vec<ShareNotification>)> {
        let reader = ctx.actor.account;
        let list = move |tx: &mut Read<'_>| {
            let sql = format!(
                "SELECT {COLUMNS} FROM share_notification WHERE account_id = $1 AND gone_seq = 0 ORDER BY id DESC"
            );
            Ok((state(tx, reader)?, tx.query(&sql, params![reader], notification)?))
        };
        self.kernel().store().read(list).await
    }

    /// The state of what the actor is told: a commit of its account.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn share_notification_state(&self, ctx: &Ctx) -> Result<Seq> {
        let reader = ctx.actor.account;
        self.kernel().store().read(move |tx| state(tx, reader)).await
    }

    /// What changed since a state, the oldest change first, at most `most` ids.
    ///
    /// # Errors
    /// `Conflict` when it is not known any more, `Invalid` for a state that lies ahead.
    pub async fn share_notification_changes(
        &self,
        ctx: &Ctx,
        since: Seq,
        most: u64,
    ) -> Result<ShareNotificationChanges> {
        let (reader, kept) = (ctx.actor.account, ctx.limits.share_notifications);
        self.kernel().store().read(move |tx| changes(tx, reader, since, most, kept)).await
    }

    /// Removes notifications of the actor; those that were there.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remove_share_notifications(&self, ctx: &Ctx, ids: Vec<i64>) -> Result<Vec<i64>> {
        let reader = ctx.actor.account;
        let remove = move |batch: &mut Batch<'_, '_>| {
            let sql =
                "SELECT id FROM share_notification WHERE account_id = $1 AND id {in $2} AND gone_seq = 0";
            let there = batch.tx().query(sql, params![reader, ids.clone()], |row| row.int(0))?;
            if there.is_empty() {
                return Ok(there);
            }
            batch.words(format!("{} share notifications removed", there.len()));
            let seq = batch.seq();
            let sql = "UPDATE share_notification SET gone_seq = $3 WHERE account_id = $1 AND id {in $2}";
            batch.tx().execute(sql, params![reader, there.clone(), seq])?;
            trim(batch)?;
            Ok(there)
        };
        self.kernel().write(ctx, reader, remove).await
    }

    /// Whether what the actor may see of another's account changed after one of its commits.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn share_changed_since(&self, ctx: &Ctx, owner: AccountId, since: Seq) -> Result<bool> {
        let reader = ctx.actor.account;
        let sql = "SELECT 1 FROM share_notification WHERE account_id = $1 AND owner_id = $2 AND owner_seq > $3 LIMIT 1";
        let read = self
            .kernel()
            .store()
            .read(move |tx| tx.query_opt(sql, params![reader, owner, since], |_| Ok(())));
        Ok(read.await?.is_some())
    }

    /// Whom the actor shares something with.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn shared_with(&self, ctx: &Ctx) -> Result<Vec<AccountId>> {
        let owner = ctx.actor.account;
        let sql = "SELECT DISTINCT subject_id FROM share WHERE account_id = $1 ORDER BY subject_id";
        self.kernel()
            .store()
            .read(move |tx| tx.query(sql, params![owner], |row| Ok(AccountId(row.int(0)?))))
            .await
    }
}

/// Who may have to be told, and who does it.
fn look(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    account: AccountId,
    wanted: &[(AccountId, Rights)],
) -> Result<(Vec<Told>, Option<Entry>)> {
    let sql = "SELECT organisation_id FROM account WHERE id = $1";
    let organisation = tx.query_opt(sql, params![account], |row| Ok(base::OrganisationId(row.int(0)?)))?;
    let organisation = organisation.ok_or_else(|| Error::not_found("account"))?;
    let subjects: Vec<AccountId> = wanted.iter().map(|(subject, _)| *subject).collect();
    let known = entries::of_accounts(tx, organisation, &subjects)?;
    for (subject, rights) in wanted {
        let found = known.iter().find(|entry| entry.account == *subject);
        if *rights != Rights::NONE && !found.is_some_and(|one| matches!(one.kind, Kind::Person | Kind::Group))
        {
            return Err(match found {
                Some(_) => Error::invalid("subject", "is neither a person nor a group"),
                None => Error::not_found("person or group"),
            });
        }
    }
    let most = ctx.limits.share_notified_people;
    let mut told = address_book::people_behind(tx, ctx, organisation, &subjects, most)?;
    told.retain(|(person, _)| *person != account);
    let actor = entries::of_accounts(tx, organisation, &[ctx.actor.account])?.pop();
    Ok((told, actor))
}

fn give(many: &mut Many<'_, '_>, share: &Shared, wanted: &Shares, told: &[Told]) -> Result<()> {
    let before = shares(many.tx(), share)?;
    let (seq, at) = many.batch(share.owner, |batch| {
        for (subject, rights) in wanted {
            batch.share(share.mailbox, *subject, *rights)?;
        }
        Ok((batch.seq(), batch.ctx().now_ms()))
    })?;
    let after = shares(many.tx(), share)?;
    let name = "SELECT name, role FROM collection WHERE account_id = $1 AND id = $2";
    let name = many.tx().query_opt(name, params![share.owner, share.told_of], |row| {
        Ok(if row.str(1)? == Role::Inbox.word() { "Inbox".to_owned() } else { row.text(0)? })
    })?;
    let name = name.unwrap_or_default();
    for (person, subjects) in told {
        let (old, new) = (rights_of(subjects, &before), rights_of(subjects, &after));
        if old != new {
            many.batch(*person, |batch| tell(batch, share, &name, (seq, at), (old, new)))?;
        }
    }
    Ok(())
}

fn tell(
    batch: &mut Batch<'_, '_>,
    share: &Shared,
    name: &str,
    (owner_seq, at): (Seq, i64),
    (old, new): (Rights, Rights),
) -> Result<()> {
    let (reader, id) = (batch.account(), batch.new_id()?);
    let words =
        |rights: Rights| if rights == Rights::NONE { "none".to_owned() } else { rights.words().join(",") };
    let (from, to) = (words(old), words(new));
    batch.words(format!("shared: mailbox {} of account {}: {from} -> {to}", share.told_of, share.owner));
    let seq = batch.seq();
    // Who did it itself knows: its row only says that what it may see changed.
    let gone = if share.actor.as_ref().is_some_and(|actor| actor.account == reader) { seq.0 } else { 0 };
    let (actor, actor_name, address) = share
        .actor
        .as_ref()
        .map_or((0, "", ""), |actor| (actor.account.0, actor.name.as_str(), actor.address.as_str()));
    batch.tx().execute(
        "INSERT INTO share_notification (account_id, id, created_seq, gone_seq, created_at, actor_id, actor_name,
             actor_address, owner_id, owner_seq, mailbox_id, name, old_rights, new_rights)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        params![
            reader,
            id,
            seq,
            gone,
            at,
            actor,
            actor_name,
            address,
            share.owner,
            owner_seq,
            share.told_of,
            name,
            old.0,
            new.0
        ],
    )?;
    trim(batch)
}

/// Removes the oldest notifications beyond the limit, and of those that are removed all but as many.
fn trim(batch: &mut Batch<'_, '_>) -> Result<()> {
    let (reader, seq) = (batch.account(), batch.seq());
    let most = i64::try_from(batch.ctx().limits.share_notifications).unwrap_or(i64::MAX);
    let tx = batch.tx();
    tx.execute(
        "UPDATE share_notification SET gone_seq = $2 WHERE account_id = $1 AND gone_seq = 0 AND id <=
           (SELECT id FROM share_notification WHERE account_id = $1 AND gone_seq = 0 ORDER BY id DESC LIMIT 1 OFFSET $3)",
        params![reader, seq, most],
    )?;
    tx.execute(
        "DELETE FROM share_notification WHERE account_id = $1 AND gone_seq <> 0 AND id IN
           (SELECT id FROM share_notification WHERE account_id = $1 AND gone_seq <> 0
             ORDER BY gone_seq DESC, id DESC LIMIT 1000 OFFSET $2)",
        params![reader, most],
    )?;
    Ok(())
}

fn state(tx: &mut Read<'_>, reader: AccountId) -> Result<Seq> {
    let sql = "SELECT coalesce(max(CASE WHEN gone_seq > created_seq THEN gone_seq ELSE created_seq END), 0)
                 FROM share_notification WHERE account_id = $1";
    tx.query_one(sql, params![reader], |row| Ok(Seq(row.int(0)?)))
}

fn changes(
    tx: &mut Read<'_>,
    reader: AccountId,
    since: Seq,
    most: u64,
    kept: u64,
) -> Result<ShareNotificationChanges> {
    let newest = state(tx, reader)?;
    if since > newest {
        return Err(Error::invalid("since", "lies in the future of this account; read everything again"));
    }
    let sql = "SELECT count(*), coalesce(min(gone_seq), 0) FROM share_notification
                WHERE account_id = $1 AND gone_seq <> 0";
    let (gone, oldest) = tx.query_one(sql, params![reader], |row| Ok((row.int(0)?, row.int(1)?)))?;
    if gone.unsigned_abs() >= kept && since.0 < oldest {
        return Err(Error::conflict("since", "lies too far back; read everything again"));
    }
    let sql = "SELECT id, created_seq, gone_seq FROM share_notification
                WHERE account_id = $1 AND (created_seq > $2 OR gone_seq > $2)";
    let rows = tx.query(sql, params![reader, since], |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)))?;
    // What came and went meanwhile was never there for the client.
    let mut told: Vec<(i64, i64, bool)> = (rows.into_iter())
        .filter(|(_, created, gone)| *gone == 0 || *created <= since.0)
        .map(|(id, created, gone)| if gone == 0 { (created, id, true) } else { (gone, id, false) })
        .collect();
    told.sort_unstable();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut out = ShareNotificationChanges { state: newest, ..ShareNotificationChanges::default() };
    if told.len() > most {
        // All changes of one commit are told together: there is no state between them.
        let cut = told.get(most).map_or(0, |(seq, ..)| *seq);
        told.retain(|(seq, ..)| *seq < cut);
        let Some((last, ..)) = told.last() else {
            return Err(Error::conflict(
                "since",
                "one commit changed more than can be told; read everything again",
            ));
        };
        out.state = Seq(*last);
        out.has_more = true;
    }
    for (_, id, is_new) in told {
        if is_new { out.created.push(id) } else { out.destroyed.push(id) }
    }
    Ok(out)
}
