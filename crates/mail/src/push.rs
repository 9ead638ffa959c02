//! Where clients want to be told of changes (RFC 8620 section 7.2): the rows, which whoever sends reads.
//!
//! What must stay true here:
//! - A subscription goes with the session that made it, and ends with it.
//! - Nothing but its code is sent before the client has shown that it received it.

use base::{AccountId, Ctx, Error, Result, SessionId};
use directory::sessions;
use store::sql::Migration;
use store::{Part, Read, Row, Tx, params};

use crate::Mail;

const SCHEMA: &str = include_str!("../schema/push.sql");

/// The tables of subscriptions.
pub const PART: Part = Part {
    name: "mail_push",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "push", text: SCHEMA }],
};

const ID_SHIFT: u32 = 9;
/// Subscriptions that ended which one new one removes.
const SWEPT: i64 = 100;
const COLUMNS: &str =
    "account_id, id, session_id, device, url, p256dh, auth, types, code, verified, expires_at, told";

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSubscription {
    /// Whose it is.
    pub account: AccountId,
    /// Its number; 0 for one that is to be made.
    pub id: i64,
    /// The session that it goes with; 0: it was made with a password.
    pub session: SessionId,
    /// How the client knows its device.
    pub device: String,
    /// Where it is sent to.
    pub url: String,
    /// The client's public key and secret, in base64url; empty: it is sent as it is.
    pub keys: (String, String),
    /// The types that it wants to hear of, as JSON; none: all.
    pub types: Option<String>,
    /// What the client must show before anything else is sent.
    pub code: String,
    /// Whether it has.
    pub verified: bool,
    /// When it ends, milliseconds since 1970.
    pub expires_at: i64,
    /// The states that were sent last.
    pub told: String,
}

/// A change of a subscription; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct PushChange {
    /// The code that the client received.
    pub code: Option<String>,
    /// The states from which on it is to be told, when the code is right.
    pub told: String,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// The types that it wants to hear of, as JSON; none: all.
    pub types: Option<Option<String>>,
}

fn read(row: &Row<'_>) -> Result<PushSubscription> {
    Ok(PushSubscription {
        account: AccountId(row.int(0)?),
        id: row.int(1)?,
        session: SessionId(row.int(2)?),
        device: row.text(3)?,
        url: row.text(4)?,
        keys: (row.text(5)?, row.text(6)?),
        types: row.opt_text(7)?,
        code: row.text(8)?,
        verified: row.flag(9)?,
        expires_at: row.int(10)?,
        told: row.text(11)?,
    })
}

/// The session that subscriptions of a caller go with: one that lasts, of a browser or a program with a token.
fn session_of(tx: &mut Read<'_>, ctx: &Ctx) -> Result<SessionId> {
    let sql = "SELECT 1 FROM web_session WHERE session_id = $1";
    let lasting = tx.query_opt(sql, params![ctx.session], |_| Ok(()))?;
    Ok(if lasting.is_some() { ctx.session } else { SessionId(0) })
}

impl Mail {
    /// The subscriptions of the actor that go with its session.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn push_subscriptions(&self, ctx: &Ctx) -> Result<Vec<PushSubscription>> {
        let ctx = ctx.clone();
        let list = move |tx: &mut Read<'_>| {
            let session = session_of(tx, &ctx)?;
            let sql = format!(
                "SELECT {COLUMNS} FROM push_subscription WHERE account_id = $1 AND session_id = $2 AND expires_at > $3 ORDER BY id"
            );
            tx.query(&sql, params![ctx.actor.account, session, ctx.now_ms()], read)
        };
        self.kernel().store().read(list).await
    }

    /// Makes a subscription; its number.
    ///
    /// # Errors
    /// `Limit` when the actor has too many.
    pub async fn add_push_subscription(&self, ctx: &Ctx, new: PushSubscription) -> Result<i64> {
        let ctx = ctx.clone();
        let write = move |tx: &mut Tx<'_>| {
            let (account, now) = (ctx.actor.account, ctx.now_ms());
            let session = session_of(tx, &ctx)?;
            tx.execute(
                "DELETE FROM push_subscription WHERE (account_id, id) IN
                   (SELECT account_id, id FROM push_subscription WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                params![now, SWEPT],
            )?;
            let count = "SELECT count(*) FROM push_subscription WHERE account_id = $1";
            let there = tx.query_one(count, params![account], |row| row.int(0))?;
            if there.unsigned_abs() >= ctx.limits.push_subscriptions {
                return Err(Error::limit("push_subscriptions", "are too many; remove one first"));
            }
            let id = ctx.random.id() >> ID_SHIFT;
            let (p256dh, auth) = &new.keys;
            tx.execute(
                "INSERT INTO push_subscription (account_id, id, session_id, device, url, p256dh, auth, types, code, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                params![account, id, session, &new.device, &new.url, p256dh, auth, new.types.as_deref(), &new.code, new.expires_at],
            )?;
            Ok(id)
        };
        self.kernel().store().write([], write).await
    }

    /// Changes a subscription.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` about `verificationCode` for another code than the one that was sent.
    pub async fn change_push_subscription(&self, ctx: &Ctx, id: i64, change: PushChange) -> Result<()> {
        let ctx = ctx.clone();
        let write = move |tx: &mut Tx<'_>| {
            let (account, session) = (ctx.actor.account, session_of(tx, &ctx)?);
            let sql = "SELECT code, verified, told FROM push_subscription
                       WHERE account_id = $1 AND id = $2 AND session_id = $3 AND expires_at > $4";
            let found = tx.query_opt(sql, params![account, id, session, ctx.now_ms()], |row| {
                Ok((row.text(0)?, row.flag(1)?, row.text(2)?))
            })?;
            let (code, was_verified, mut told) = found.ok_or_else(|| Error::not_found("subscription"))?;
            let mut verified = was_verified;
            if let Some(given) = &change.code {
                if *given != code {
                    return Err(Error::invalid("verificationCode", "is not the one that was sent"));
                }
                if !was_verified {
                    told.clone_from(&change.told);
                }
                verified = true;
            }
            tx.execute(
                "UPDATE push_subscription SET verified = $3, told = $4, expires_at = COALESCE($5, expires_at)
                 WHERE account_id = $1 AND id = $2",
                params![account, id, verified, &told, change.expires_at],
            )?;
            if let Some(types) = &change.types {
                let sql = "UPDATE push_subscription SET types = $3 WHERE account_id = $1 AND id = $2";
                tx.execute(sql, params![account, id, types.as_deref()])?;
            }
            Ok(())
        };
        self.kernel().store().write([], write).await
    }

    /// Removes a subscription of the actor.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove_push_subscription(&self, ctx: &Ctx, id: i64) -> Result<()> {
        let ctx = ctx.clone();
        let write = move |tx: &mut Tx<'_>| {
            let session = session_of(tx, &ctx)?;
            let sql = "DELETE FROM push_subscription WHERE account_id = $1 AND id = $2 AND session_id = $3";
            let gone = tx.execute(sql, params![ctx.actor.account, id, session])?;
            if gone == 0 { Err(Error::not_found("subscription")) } else { Ok(()) }
        };
        self.kernel().store().write([], write).await
    }

    /// A subscription for whoever sends, while it and its session last; one that ended is removed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn push_subscription(
        &self,
        ctx: &Ctx,
        account: AccountId,
        id: i64,
    ) -> Result<Option<PushSubscription>> {
        let own = ctx.clone();
        let find = move |tx: &mut Read<'_>| {
            let sql = format!("SELECT {COLUMNS} FROM push_subscription WHERE account_id = $1 AND id = $2");
            let Some(found) = tx.query_opt(&sql, params![account, id], read)? else { return Ok(None) };
            let lasts = found.expires_at > own.now_ms()
                && (found.session.0 == 0 || sessions::lasts(tx, &own, found.session)?);
            Ok(Some((found, lasts)))
        };
        match self.kernel().store().read(find).await? {
            Some((found, true)) => Ok(Some(found)),
            Some((_, false)) => self.end_push_subscription(account, id).await.map(|()| None),
            None => Ok(None),
        }
    }

    /// Removes a subscription that nobody can be told by any more.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end_push_subscription(&self, account: AccountId, id: i64) -> Result<()> {
        let write = move |tx: &mut Tx<'_>| {
            let sql = "DELETE FROM push_subscription WHERE account_id = $1 AND id = $2";
            tx.execute(sql, params![account, id]).map(|_| ())
        };
        self.kernel().store().write([], write).await
    }

    /// Notes what a subscription was told.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn note_pushed(&self, account: AccountId, id: i64, told: &str) -> Result<()> {
        let told = told.to_owned();
        let write = move |tx: &mut Tx<'_>| {
            let sql = "UPDATE push_subscription SET told = $3 WHERE account_id = $1 AND id = $2";
            tx.execute(sql, params![account, id, &told]).map(|_| ())
        };
        self.kernel().store().write([], write).await
    }

    /// The subscriptions after a place, in the order of their places: whose, number, whether it is verified.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn all_push_subscriptions(
        &self,
        (account, id): (AccountId, i64),
        most: u64,
    ) -> Result<Vec<(AccountId, i64, bool)>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let list = move |tx: &mut Read<'_>| {
            let sql = "SELECT account_id, id, verified FROM push_subscription
                       WHERE (account_id, id) > ($1, $2) ORDER BY account_id, id LIMIT $3";
            tx.query(sql, params![account, id, most], |row| {
                Ok((AccountId(row.int(0)?), row.int(1)?, row.flag(2)?))
            })
        };
        self.kernel().store().read(list).await
    }

    /// The key that push services know this installation by, in PKCS#8 and base64; `new` is kept where there is none yet.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn push_key(&self, new: String) -> Result<String> {
        let write = move |tx: &mut Tx<'_>| {
            let sql = "INSERT INTO push_key (id, private_key) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
            tx.execute(sql, params![&new])?;
            tx.query_one("SELECT private_key FROM push_key WHERE id = 1", params![], |row| row.text(0))
        };
        self.kernel().store().write([], write).await
    }
}
