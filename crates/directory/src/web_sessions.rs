//! Sessions that a token stands for: of browsers, and of programs that asked for one. They end after a time without a
//! request, and after a longer time in any case.

use base::{AccountId, Ctx, Door, Error, OrganisationId, Result, SessionId};
use store::{Read, Tx, params};

use crate::login::{self, LoggedIn};
use crate::sessions::{self, NewSession, Opened, Session};

/// A session to open for someone who proved who it is.
#[derive(Debug, Clone)]
pub struct NewWebSession {
    /// Who logged in.
    pub account: AccountId,
    /// Its organisation.
    pub organisation: OrganisationId,
    /// The program or browser, as it names itself.
    pub client: String,
    /// Where it came from.
    pub network_address: String,
    /// How long it lasts without a request.
    pub idle_ms: i64,
    /// How long it lasts in any case.
    pub lasts_ms: i64,
}

/// What a session has beyond others.
#[derive(Debug, Clone)]
pub struct WebSession {
    /// The session.
    pub session: Session,
    /// When its owner last proved who it is.
    pub proved_at: i64,
    ends_at: i64,
    idle_ms: i64,
}

/// Opens a session; its token is in the answer.
///
/// # Errors
/// Those of the database.
pub fn open(tx: &mut Tx<'_>, ctx: &Ctx, new: &NewWebSession) -> Result<Opened> {
    let opened = sessions::open(
        tx,
        ctx,
        &NewSession {
            account: new.account,
            organisation: new.organisation,
            door: Door::Jmap,
            client: new.client.clone(),
            network_address: new.network_address.clone(),
            lifetime_ms: new.idle_ms.min(new.lasts_ms),
            with_token: true,
            app_password: None,
        },
    )?;
    let now = ctx.now_ms();
    tx.later(
        "INSERT INTO web_session (session_id, account_id, ends_at, idle_ms, proved_at)
         VALUES ($1, $2, $3, $4, $5)",
        params![opened.id, new.account, now.saturating_add(new.lasts_ms), new.idle_ms, now],
    )?;
    Ok(opened)
}

/// The session that a token stands for and who acts in it, at a door that its class of service opens.
///
/// # Errors
/// `Forbidden` when the token stands for no session that lasts, or the account may not log in.
pub fn by_token(tx: &mut Read<'_>, ctx: &Ctx, token: &str, door: Door) -> Result<(WebSession, LoggedIn)> {
    let session = sessions::by_token(tx, ctx, token)?.ok_or_else(login::wrong)?;
    let logged_in = login::by_session(tx, ctx, session.account, door)?;
    let found = tx.query_opt(
        "SELECT ends_at, idle_ms, proved_at FROM web_session WHERE session_id = $1",
        params![session.id],
        |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)),
    )?;
    // A session that another door opened with a token has no more than its own end.
    let (ends_at, idle_ms, proved_at) =
        found.unwrap_or((session.expires_at, session.expires_at - session.created_at, session.created_at));
    Ok((WebSession { session, proved_at, ends_at, idle_ms }, logged_in))
}

/// Notes that a session is used, which moves its end; at most every few minutes, as [`sessions::wants_touch`] says.
///
/// # Errors
/// Those of the database.
pub fn touch(tx: &mut Tx<'_>, ctx: &Ctx, web: &WebSession) -> Result<()> {
    let now = ctx.now_ms();
    let until = now.saturating_add(web.idle_ms).min(web.ends_at);
    tx.later(
        "UPDATE session SET last_seen_at = $2, expires_at = $3 WHERE id = $1 AND ended_at IS NULL",
        params![web.session.id, now, until],
    )
}

/// Notes that the owner of a session proved again who it is.
///
/// # Errors
/// Those of the database.
pub fn proved(tx: &mut Tx<'_>, ctx: &Ctx, session: SessionId) -> Result<()> {
    tx.later("UPDATE web_session SET proved_at = $2 WHERE session_id = $1", params![session, ctx.now_ms()])
}

/// Takes a ticket: `false` when it was taken before.
///
/// # Errors
/// Those of the database.
pub fn take_ticket(tx: &mut Tx<'_>, id: &[u8], expires_at: i64) -> Result<bool> {
    let taken = tx.execute(
        "INSERT INTO used_ticket (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
        params![id.to_vec(), expires_at],
    )?;
    Ok(taken == 1)
}

/// Whether a ticket was taken.
///
/// # Errors
/// Those of the database.
pub fn is_taken(tx: &mut Read<'_>, id: &[u8]) -> Result<bool> {
    let found = tx.query_opt("SELECT 1 FROM used_ticket WHERE id = $1", params![id.to_vec()], |_| Ok(()))?;
    Ok(found.is_some())
}

/// Removes what ended before a time, in bounded steps; how many went.
///
/// # Errors
/// Those of the database.
pub fn forget(tx: &mut Tx<'_>, now_ms: i64, most: i64) -> Result<u64> {
    let tickets = tx.execute(
        "DELETE FROM used_ticket WHERE id IN
             (SELECT id FROM used_ticket WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        params![now_ms, most],
    )?;
    tx.execute(
        "DELETE FROM provider_session WHERE session_id IN
             (SELECT session_id FROM web_session WHERE ends_at < $1 ORDER BY ends_at, session_id LIMIT $2)",
        params![now_ms, most],
    )?;
    let sessions = tx.execute(
        "DELETE FROM web_session WHERE session_id IN
             (SELECT session_id FROM web_session WHERE ends_at < $1 ORDER BY ends_at, session_id LIMIT $2)",
        params![now_ms, most],
    )?;
    Ok(tickets + sessions)
}

/// Refuses what changes credentials unless the owner proved lately who it is.
///
/// # Errors
/// `Forbidden` about `confirm`.
pub fn require_proof(ctx: &Ctx, web: &WebSession, within_ms: i64) -> Result<()> {
    if ctx.now_ms() - web.proved_at <= within_ms {
        return Ok(());
    }
    Err(Error::forbidden("confirm", "is needed: show your password again"))
}
