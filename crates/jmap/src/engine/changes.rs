//! `changes` (RFC 8620 section 5.2).

use serde_json::json;

use super::{Access, Arguments, Call, Map, MethodError, Type};

/// What a `changes` is about.
#[derive(Debug, Clone)]
pub struct ChangesRequest {
    /// The state that the client knows.
    pub since: String,
    /// How many ids it wants at most; never 0.
    pub max: Option<u64>,
}

/// What changed. An id stands in one of the lists only.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// The state that the client knows afterwards.
    pub new_state: String,
    /// Whether there are more changes after that.
    pub has_more: bool,
    /// Ids that are new.
    pub created: Vec<String>,
    /// Ids that changed.
    pub updated: Vec<String>,
    /// Ids that are gone.
    pub destroyed: Vec<String>,
    /// What the type says besides.
    pub extra: Map,
}

impl Changes {
    /// Nothing changed.
    pub fn none(state: impl Into<String>) -> Self {
        Self { new_state: state.into(), ..Self::default() }
    }
}

/// `maxChanges`, which is never 0.
pub(crate) fn most(arguments: &mut Arguments) -> Result<Option<u64>, MethodError> {
    match arguments.unsigned_opt("maxChanges")? {
        Some(0) => Err(MethodError::invalid_arguments("maxChanges", "is greater than 0")),
        most => Ok(most),
    }
}

pub(crate) async fn changes(
    kind: &dyn Type,
    call: &Call,
    account: &Access,
    mut arguments: Arguments,
) -> Result<Map, MethodError> {
    let since = arguments.string("sinceState")?;
    let max = most(&mut arguments)?;
    arguments.check(&[])?;
    let changes = kind.changes(call, account, ChangesRequest { since: since.clone(), max }).await?;
    let mut out = changes.extra;
    out.insert("accountId".to_owned(), json!(account.id()));
    out.insert("oldState".to_owned(), json!(since));
    out.insert("newState".to_owned(), json!(changes.new_state));
    out.insert("hasMoreChanges".to_owned(), json!(changes.has_more));
    out.insert("created".to_owned(), json!(changes.created));
    out.insert("updated".to_owned(), json!(changes.updated));
    out.insert("destroyed".to_owned(), json!(changes.destroyed));
    Ok(out)
}
