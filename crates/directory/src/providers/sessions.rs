//! Sessions that began at a provider.

use base::{AccountId, Ctx, OrganisationId, Result, SessionId};
use store::{Read, Tx, params};

/// Where a session began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The organisation of the provider.
    pub organisation: OrganisationId,
    /// The provider.
    pub provider: i64,
    /// What the provider calls the person.
    pub subject: String,
    /// The provider's own session; empty: it told none.
    pub provider_session: String,
}

/// Notes where a session began.
///
/// # Errors
/// Those of the database.
pub fn begin_session(tx: &mut Tx<'_>, session: SessionId, account: AccountId, origin: &Origin) -> Result<()> {
    tx.later(
        "INSERT INTO provider_session (session_id, organisation_id, provider_id, account_id, subject, provider_session)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![session, origin.organisation, origin.provider, account, &origin.subject, &origin.provider_session],
    )
}

/// Where a session began, if at a provider.
///
/// # Errors
/// Those of the database.
pub fn origin(tx: &mut Read<'_>, session: SessionId) -> Result<Option<Origin>> {
    tx.query_opt(
        "SELECT organisation_id, provider_id, subject, provider_session FROM provider_session WHERE session_id = $1",
        params![session],
        |row| {
            Ok(Origin {
                organisation: OrganisationId(row.int(0)?),
                provider: row.int(1)?,
                subject: row.text(2)?,
                provider_session: row.text(3)?,
            })
        },
    )
}

/// Ends the sessions that a provider ended: of a person, of one of its sessions, or of that session of that person.
/// An empty text stands for any; how many ended.
///
/// # Errors
/// Those of the database.
pub fn end_sessions(tx: &mut Tx<'_>, ctx: &Ctx, ended: &Origin) -> Result<u64> {
    if ended.subject.is_empty() && ended.provider_session.is_empty() {
        return Ok(0);
    }
    tx.execute(
        "UPDATE session SET ended_at = $5 WHERE ended_at IS NULL AND id IN (
             SELECT session_id FROM provider_session
             WHERE organisation_id = $1 AND provider_id = $2 AND ($3 = '' OR subject = $3)
                   AND ($4 = '' OR provider_session = $4))",
        params![ended.organisation, ended.provider, &ended.subject, &ended.provider_session, ctx.now_ms()],
    )
}
