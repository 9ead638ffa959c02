//! `Email/changes`.

use base::Meaning;

use crate::engine::{Access, Call, Changes, ChangesRequest, Map, MethodError};
use crate::mail::ids;
use crate::mail::mailbox::check_shares;

/// A state that lies too far back, or is none.
pub(crate) fn cannot(error: base::Error) -> MethodError {
    match error.meaning() {
        Meaning::Conflict | Meaning::Invalid => MethodError::CannotCalculateChanges,
        _ => error.into(),
    }
}

pub(crate) async fn changes(
    call: &Call,
    access: &Access,
    request: ChangesRequest,
) -> Result<Changes, MethodError> {
    let known = ids::read_email_state(&request.since)?;
    check_shares(call, access, known.seq).await?;
    let found =
        call.mail().email_changes(call.ctx(), access.account, known, request.max).await.map_err(cannot)?;
    let written = |objects: Vec<i64>| objects.into_iter().map(ids::email).collect();
    Ok(Changes {
        new_state: ids::email_state(found.state),
        has_more: found.has_more,
        created: written(found.created),
        updated: written(found.updated),
        destroyed: written(found.destroyed),
        extra: Map::new(),
    })
}
