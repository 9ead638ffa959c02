//! Sessions: who is logged in, from where, with what; and ending them.
//!
//! Sessions are no part of the organisation's history: their rows are it.

use base::{AccountId, Ctx, Door, Error, OrganisationId, Result, Secret, SessionId};
use store::{Read, Tx, params};

use crate::entries;
use crate::organisations;
use crate::roles::{self, Verb};

/// A session is noted as used at most this often: reading mail must not write.
const TOUCH_EVERY_MS: i64 = 5 * 60_000;

/// A session as its owner and administrators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its number, as it stands in the history of what was done in it.
    pub id: SessionId,
    /// Whose it is.
    pub account: AccountId,
    /// The organisation.
    pub organisation: OrganisationId,
    /// The door.
    pub door: Door,
    /// The program or browser, as it names itself.
    pub client: String,
    /// Where it came from.
    pub network_address: String,
    /// When it began.
    pub created_at: i64,
    /// When it was last used, within some minutes.
    pub last_seen_at: i64,
    /// When it ends by itself.
    pub expires_at: i64,
}

/// A session to open.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Who logged in.
    pub account: AccountId,
    /// The organisation.
    pub organisation: OrganisationId,
    /// The door.
    pub door: Door,
    /// The program or browser, as it names itself; clipped.
    pub client: String,
    /// Where it came from.
    pub network_address: String,
    /// How long it lasts.
    pub lifetime_ms: i64,
    /// Whether the client gets a token, which stands for the session in later requests; otherwise the session is
    /// bound to a connection.
    pub with_token: bool,
    /// The app password that opens it: the session ends with it.
    pub app_password: Option<i64>,
}

/// What a client holds: its session and, where it asked for one, the token.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The session.
    pub id: SessionId,
    /// The token: 192 random bits as text. It is stored nowhere.
    pub token: Option<Secret>,
}

fn token_hash(token: &str) -> [u8; 32] {
    blake3::derive_key("beffroi session token 1", token.as_bytes())
}

/// Opens a session. The oldest one of the account ends when it has too many.
///
/// # Errors
/// Those of the database.
pub fn open(tx: &mut Tx<'_>, ctx: &Ctx, new: &NewSession) -> Result<Opened> {
    open_as(tx, ctx, new_id(ctx), new)
}

/// A number for a session that is written later: for connections, which begin before their row stands.
pub fn new_id(ctx: &Ctx) -> SessionId {
    SessionId(ctx.random.id().max(1))
}

/// As [`open`], with a number from [`new_id`].
///
/// # Errors
/// Those of the database.
pub fn open_as(tx: &mut Tx<'_>, ctx: &Ctx, id: SessionId, new: &NewSession) -> Result<Opened> {
    let now = ctx.now_ms();
    let token = new.with_token.then(|| Secret::new(base64_url(&ctx.random.bytes::<24>())));
    let hash = token.as_ref().map(|token| token_hash(token.expose()));
    let client: String =
        new.client.chars().filter(|character| !codec::text::is_hidden(*character)).take(200).collect();
    let most = i64::try_from(ctx.limits.sessions_per_person).unwrap_or(i64::MAX).max(1);
    tx.execute(
        "UPDATE session SET ended_at = $2 WHERE id IN (
             SELECT id FROM session WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
             ORDER BY created_at DESC LIMIT 1000000 OFFSET $3)",
        params![new.account, now, most - 1],
    )?;
    tx.later(
        "INSERT INTO session (id, organisation_id, account_id, door, client, network_address, token_hash,
                              created_at, last_seen_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)",
        params![
            id,
            new.organisation,
            new.account,
            new.door.number(),
            client,
            &new.network_address,
            hash,
            now,
            now.saturating_add(new.lifetime_ms.max(0))
        ],
    )?;
    if let Some(app_password) = new.app_password {
        tx.later(
            "INSERT INTO app_session (session_id, account_id, app_password_id) VALUES ($1, $2, $3)",
            params![id, new.account, app_password],
        )?;
        // Rows of connections are written behind: the password may be gone by now.
        tx.later(
            "UPDATE session SET ended_at = $3 WHERE id = $1 AND NOT EXISTS
                 (SELECT 1 FROM app_password p WHERE p.account_id = $2 AND p.id = $4)",
            params![id, new.account, now, app_password],
        )?;
    }
    Ok(Opened { id, token })
}

const COLUMNS: &str =
    "id, account_id, organisation_id, door, client, network_address, created_at, last_seen_at, expires_at";

fn session(row: &store::Row<'_>) -> Result<Session> {
    Ok(Session {
        id: SessionId(row.int(0)?),
        account: AccountId(row.int(1)?),
        organisation: OrganisationId(row.int(2)?),
        door: Door::from_number(row.int(3)?).ok_or_else(|| Error::corrupt("session.door", "is no door"))?,
        client: row.text(4)?,
        network_address: row.text(5)?,
        created_at: row.int(6)?,
        last_seen_at: row.int(7)?,
        expires_at: row.int(8)?,
    })
}

/// The session that a token stands for, while it lasts and its account may log in.
///
/// # Errors
/// Those of the database.
pub fn by_token(tx: &mut Read<'_>, ctx: &Ctx, token: &str) -> Result<Option<Session>> {
    let found = tx.query_opt(
        &format!(
            "SELECT {COLUMNS} FROM session WHERE token_hash = $1 AND ended_at IS NULL AND expires_at > $2"
        ),
        params![token_hash(token), ctx.now_ms()],
        session,
    )?;
    let Some(found) = found else { return Ok(None) };
    Ok(crate::login::may_log_in(tx, found.account)?.then_some(found))
}

/// Ends sessions whose connections were closed, and makes others last until `until`: both in one statement each.
///
/// # Errors
/// Those of the database.
pub fn settle(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    closed: &[SessionId],
    open: &[SessionId],
    until: i64,
) -> Result<()> {
    let numbers = |ids: &[SessionId]| ids.iter().map(|id| id.0).collect::<Vec<i64>>();
    let now = ctx.now_ms();
    if !closed.is_empty() {
        tx.later(
            "UPDATE session SET ended_at = $2, last_seen_at = $2 WHERE id IN ({list $1}) AND ended_at IS NULL",
            params![numbers(closed), now],
        )?;
    }
    if !open.is_empty() {
        tx.later(
            "UPDATE session SET expires_at = $2, last_seen_at = $3
             WHERE id IN ({list $1}) AND ended_at IS NULL",
            params![numbers(open), until, now],
        )?;
    }
    Ok(())
}

/// Sessions that ended at `since` or later, at most `most` of them, the latest first: for connections that are
/// bound to them.
///
/// # Errors
/// Those of the database.
pub fn ended_since(tx: &mut Read<'_>, since: i64, most: i64) -> Result<Vec<SessionId>> {
    tx.query(
        "SELECT id FROM session WHERE ended_at IS NOT NULL AND ended_at >= $1 ORDER BY ended_at DESC LIMIT $2",
        params![since, most],
        |row| Ok(SessionId(row.int(0)?)),
    )
}

/// Whether a session still lasts: for connections that stay open.
///
/// # Errors
/// Those of the database.
pub fn lasts(tx: &mut Read<'_>, ctx: &Ctx, id: SessionId) -> Result<bool> {
    let found = tx.query_opt(
        "SELECT 1 FROM session WHERE id = $1 AND ended_at IS NULL AND expires_at > $2",
        params![id, ctx.now_ms()],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Whether the use of a session is to be noted with [`touch`].
pub fn wants_touch(ctx: &Ctx, session: &Session) -> bool {
    ctx.now_ms() - session.last_seen_at >= TOUCH_EVERY_MS
}

/// Notes that a session was used.
///
/// # Errors
/// Those of the database.
pub fn touch(tx: &mut Tx<'_>, ctx: &Ctx, id: SessionId) -> Result<()> {
    tx.later("UPDATE session SET last_seen_at = $2 WHERE id = $1", params![id, ctx.now_ms()])
}

/// The open sessions of an account, the newest first.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub fn list(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    account: AccountId,
) -> Result<Vec<Session>> {
    require(tx, ctx, organisation, account)?;
    tx.query(
        &format!(
            "SELECT {COLUMNS} FROM session WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
             ORDER BY created_at DESC LIMIT $3"
        ),
        params![account, ctx.now_ms(), i64::try_from(ctx.limits.page_items).unwrap_or(i64::MAX)],
        session,
    )
}

/// Ends a session of an account. Whoever calls tells the connections that are bound to it.
///
/// # Errors
/// `NotFound`, also when it ended already; `Forbidden`.
pub fn end(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    account: AccountId,
    id: SessionId,
) -> Result<()> {
    require(tx, ctx, organisation, account)?;
    let ended = tx.execute(
        "UPDATE session SET ended_at = $3 WHERE id = $1 AND account_id = $2 AND ended_at IS NULL",
        params![id, account, ctx.now_ms()],
    )?;
    if ended == 0 { Err(Error::not_found("session")) } else { Ok(()) }
}

/// Ends all sessions of an account; with `but` all others. The ids of those that ended.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub fn end_all(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    account: AccountId,
    but: Option<SessionId>,
) -> Result<Vec<SessionId>> {
    require(tx, ctx, organisation, account)?;
    let but = but.map_or(0, |but| but.0);
    let open = tx.query(
        "SELECT id FROM session WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2 AND id <> $3",
        params![account, ctx.now_ms(), but],
        |row| Ok(SessionId(row.int(0)?)),
    )?;
    tx.execute(
        "UPDATE session SET ended_at = $2 WHERE account_id = $1 AND ended_at IS NULL AND id <> $3",
        params![account, ctx.now_ms(), but],
    )?;
    Ok(open)
}

/// Ends all sessions of an account whose state or password changed; the caller has asked for the right.
pub(crate) fn end_all_of(edit: &mut crate::edit::Edit<'_, '_>, account: AccountId) -> Result<()> {
    let now = edit.now_ms();
    edit.later(
        "UPDATE session SET ended_at = $2 WHERE account_id = $1 AND ended_at IS NULL",
        params![account, now],
    )
}

/// Removes sessions that ended before a time, in bounded steps; how many went. What was done in them keeps its
/// number in the history; where they came from is forgotten.
///
/// # Errors
/// Those of the database.
pub fn forget(tx: &mut Tx<'_>, ended_before: i64, most: i64) -> Result<u64> {
    tx.execute(
        "DELETE FROM app_session WHERE session_id IN
             (SELECT id FROM session WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2)",
        params![ended_before, most],
    )?;
    tx.execute(
        "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2)",
        params![ended_before, most],
    )
}

fn require(tx: &mut Read<'_>, ctx: &Ctx, organisation: OrganisationId, account: AccountId) -> Result<()> {
    organisations::require_member(ctx, organisation, "account")?;
    let entry = entries::load(tx, organisation, account)?;
    roles::require_unless_own(tx, ctx, Verb::AccountSession, &entry.place(), "account")
}

pub(crate) fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
