//! `copy` (RFC 8620 section 5.4).

use serde_json::{Value, json};

use super::set::{self, SetDone};
use super::table::Method;
use super::{Access, Arguments, Call, Map, MethodError, SetError, Type};

/// What is copied.
#[derive(Debug, Clone, Default)]
pub struct CopyRequest {
    /// The name of each creation, the id of its original, and the properties that differ.
    pub create: Vec<(String, String, Map)>,
    /// The state that the originals must have.
    pub if_from_in_state: Option<String>,
    /// The state that the account must have.
    pub if_in_state: Option<String>,
    /// What the type takes besides.
    pub arguments: Arguments,
}

async fn from_account(
    kind: &dyn Type,
    call: &Call,
    arguments: &mut Arguments,
) -> Result<Access, MethodError> {
    let from = arguments.string("fromAccountId")?;
    let from = call.access(&from).await.map_err(|error| match error {
        MethodError::AccountNotFound => MethodError::FromAccountNotFound,
        error => error,
    })?;
    if !from.own && !kind.table().shared {
        return Err(MethodError::FromAccountNotSupportedByMethod);
    }
    Ok(from)
}

/// The arguments of a copy: what can be copied, and what is refused before.
fn read(
    kind: &dyn Type,
    call: &Call,
    given: Map,
) -> Result<(CopyRequest, Vec<(String, SetError)>), MethodError> {
    let mut request = CopyRequest::default();
    let mut refused = Vec::new();
    if given.len() as u64 > call.limits().jmap_objects_set {
        return Err(MethodError::RequestTooLarge);
    }
    for (name, object) in given {
        let Value::Object(mut object) = object else {
            return Err(MethodError::invalid_arguments("create", "has something else than objects"));
        };
        let Some(Value::String(id)) = object.remove("id") else {
            refused.push((name, SetError::invalid("id", "names what is copied")));
            continue;
        };
        let id = super::get::id_of(call, id);
        let wrong = set::wrong_properties(kind, &object);
        if wrong.is_empty() {
            set::resolve(call, kind.table(), &mut object);
            request.create.push((name, id, object));
        } else {
            let error = wrong.into_iter().fold(SetError::new("invalidProperties"), SetError::property);
            refused.push((name, error));
        }
    }
    Ok((request, refused))
}

/// Copies; and what has to be removed afterwards, as a call of `set`.
pub(crate) async fn copy(
    kind: &dyn Type,
    call: &Call,
    to: &Access,
    method: &Method,
    mut arguments: Arguments,
) -> Result<(Map, Vec<(String, Map)>), MethodError> {
    let from = from_account(kind, call, &mut arguments).await?;
    if (from.account, from.tree) == (to.account, to.tree) {
        return Err(MethodError::invalid_arguments("fromAccountId", "is the same account"));
    }
    let if_from_in_state = arguments.string_opt("ifFromInState")?;
    let if_in_state = arguments.string_opt("ifInState")?;
    let destroy = arguments.bool("onSuccessDestroyOriginal", false)?;
    let destroy_state = arguments.string_opt("destroyFromIfInState")?;
    let given = arguments.map_opt("create")?;
    let given = given.ok_or_else(|| MethodError::invalid_arguments("create", "is missing"))?;
    arguments.check(method.arguments)?;
    let (request, refused) = read(kind, call, given)?;
    if let Some(wanted) = &if_from_in_state
        && kind.state(&call.at(&from), &from).await? != *wanted
    {
        return Err(MethodError::StateMismatch);
    }
    let before = kind.state(call, to).await?;
    if if_in_state.as_ref().is_some_and(|wanted| *wanted != before) {
        return Err(MethodError::StateMismatch);
    }
    let originals: Vec<(String, String)> =
        request.create.iter().map(|(name, id, _)| (name.clone(), id.clone())).collect();
    let mut done = if request.create.is_empty() {
        SetDone { new_state: before.clone(), ..SetDone::default() }
    } else {
        kind.copy(call, &from, to, CopyRequest { if_from_in_state, if_in_state, arguments, ..request })
            .await?
    };
    done.not_created.extend(refused);
    set::note_created(call, &done);
    let mut then: Vec<(String, Map)> = std::mem::take(&mut done.then)
        .into_iter()
        .map(|(name, arguments)| (name.to_owned(), arguments))
        .collect();
    let copied = |name: &str| done.created.iter().any(|(created, _)| created == name);
    let ids: Vec<&str> =
        originals.iter().filter(|(name, _)| copied(name)).map(|(_, id)| id.as_str()).collect();
    if destroy && !ids.is_empty() {
        let mut arguments = Map::new();
        arguments.insert("accountId".to_owned(), json!(from.id()));
        arguments.insert("destroy".to_owned(), json!(ids));
        if let Some(state) = destroy_state {
            arguments.insert("ifInState".to_owned(), json!(state));
        }
        then.push((format!("{}/set", kind.table().name), arguments));
    }
    let mut out = Map::new();
    out.insert("fromAccountId".to_owned(), json!(from.id()));
    out.insert("accountId".to_owned(), json!(to.id()));
    out.insert("oldState".to_owned(), json!(done.old_state.unwrap_or(before)));
    out.insert("newState".to_owned(), json!(done.new_state));
    out.insert("created".to_owned(), set::objects(done.created));
    out.insert("notCreated".to_owned(), set::errors(&done.not_created));
    Ok((out, then))
}
