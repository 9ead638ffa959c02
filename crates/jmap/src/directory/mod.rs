//! The directory by JMAP: the organisation, its domains, classes of service and units, and everyone and everything that has
//! an address. A capability of our own.
//!
//! What must stay true here:
//! - Properties follow the tables of fields in `directory`; a field that is added there is there here, too.
//! - Rights are asked in `directory`: what a caller may not read is not found, what it may not change is forbidden.
//! - Each creation, update and removal is one commit of the organisation: one that is refused undoes nothing of others.

mod audit;
mod changes;
mod columns;
mod entry;
mod plain;
mod role;

use std::sync::Arc;

use base::Result;
use directory::organisations;
use serde_json::Value;

use crate::engine::{
    Call, Filter, GetRequest, Map, MethodError, Objects, Page, Patch, Query, SetDone, SetError, SetRequest,
    Type,
};

/// The types of the directory.
pub(crate) fn types() -> Vec<Arc<dyn Type>> {
    plain::types().into_iter().chain(entry::types()).chain(role::types()).chain(audit::types()).collect()
}

/// The state of all of it: the newest commit of the organisation.
pub(crate) async fn state(call: &Call) -> Result<String, MethodError> {
    let organisation = columns::organisation(call);
    let directory = call.mail().directory();
    let account = directory.read(move |tx| organisations::account(tx, organisation)).await?;
    // The account is nobody's: its number alone tells nothing of what is in it.
    let system = call.mail().kernel().read(&call.ctx().trusted(), move |view| view.seq(account)).await?;
    Ok(system.0.to_string())
}

/// One kind of object as these types have it.
trait Directory: Type + Sized {
    /// Objects by their ids, all where none is given: id, and properties with their values; `details`: those as well that
    /// cost more reads.
    fn read(
        &self,
        call: &Call,
        ids: Option<Vec<String>>,
        details: bool,
    ) -> impl Future<Output = Result<Vec<(String, Map)>, MethodError>> + Send;

    /// Makes one; what the server set.
    fn create(&self, call: &Call, object: Map) -> impl Future<Output = Result<Map, SetError>> + Send;

    /// Changes one: properties with their new values.
    fn update(
        &self,
        call: &Call,
        id: &str,
        object: Map,
        patch: &Patch,
    ) -> impl Future<Output = Result<(), SetError>> + Send;

    /// Removes one.
    fn destroy(&self, call: &Call, id: &str) -> impl Future<Output = Result<(), SetError>> + Send;
}

async fn get<T: Directory>(
    kind: &T,
    call: &Call,
    request: GetRequest,
    out: &mut Objects,
) -> Result<String, MethodError> {
    let state = state(call).await?;
    let asked = request.ids.clone();
    let details = ["addresses", "members", "targets"].iter().any(|name| out.wants(name));
    let found = kind.read(call, request.ids, details).await?;
    for id in asked.unwrap_or_default() {
        if !found.iter().any(|(known, _)| *known == id) {
            out.missing(id);
        }
    }
    for (id, object) in found {
        out.add(&id, |out| {
            for (name, value) in &object {
                out.put(name, value);
            }
            Ok(())
        })?;
    }
    Ok(state)
}

/// The whole values of a patch by property; what is below a property stays in the patch.
fn whole(patch: &Patch) -> Map {
    let entries = patch.entries.iter().filter_map(|(path, value)| match path.as_slice() {
        [name] => Some((name.clone(), value.clone())),
        _ => None,
    });
    entries.collect()
}

async fn set<T: Directory>(kind: &T, call: &Call, request: SetRequest) -> Result<SetDone, MethodError> {
    let mut done = SetDone { old_state: Some(state(call).await?), ..SetDone::default() };
    for (name, object) in request.create {
        match kind.create(call, object).await {
            Ok(made) => done.created.push((name, made)),
            Err(error) => done.not_created.push((name, error)),
        }
    }
    for (id, patch) in request.update {
        match kind.update(call, &id, whole(&patch), &patch).await {
            Ok(()) => done.updated.push((id, None)),
            Err(error) => done.not_updated.push((id, error)),
        }
    }
    for id in request.destroy {
        match kind.destroy(call, &id).await {
            Ok(()) => done.destroyed.push(id),
            Err(error) => done.not_destroyed.push((id, error)),
        }
    }
    done.new_state = state(call).await?;
    Ok(done)
}

/// Whether an object passes a filter: `text` is part of a name or address, anything else is the value of the property.
fn passes(object: &Map, filter: &Filter) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|one| passes(object, one)),
        Filter::Or(any) => any.iter().any(|one| passes(object, one)),
        Filter::Not(none) => !none.iter().any(|one| passes(object, one)),
        Filter::Is(tests) => tests.iter().all(|test| match test.name {
            "text" => {
                let wanted = codec::fold::fold(test.value.as_str().unwrap_or_default());
                let holds = |name: &str| {
                    let text = object.get(name).and_then(Value::as_str).unwrap_or_default();
                    codec::fold::fold(text).contains(&wanted)
                };
                ["name", "address", "displayName"].iter().any(|name| holds(name))
            }
            name => object.get(name).unwrap_or(&Value::Null) == &test.value,
        }),
    }
}

fn text_of(object: &Map, name: &str) -> String {
    object.get(name).and_then(Value::as_str).map(codec::fold::fold).unwrap_or_default()
}

/// A query over objects that are there as a whole.
async fn query(call: &Call, mut found: Vec<(String, Map)>, request: &Query) -> Result<Page, MethodError> {
    found.retain(|(_, object)| request.filter.as_ref().is_none_or(|filter| passes(object, filter)));
    found.sort_by(|(_, one), (_, other)| {
        for key in &request.sort {
            let order = text_of(one, key.property).cmp(&text_of(other, key.property));
            if order.is_ne() {
                return if key.ascending { order } else { order.reverse() };
            }
        }
        std::cmp::Ordering::Equal
    });
    let ids: Vec<String> = found.into_iter().map(|(id, _)| id).collect();
    request.page(&ids, state(call).await?, false)
}

/// The hooks of a type of the directory.
macro_rules! directory_hooks {
    () => {
        fn state<'a>(&'a self, call: &'a Call, _: &'a Access) -> Hook<'a, String> {
            Box::pin(super::state(call))
        }

        fn get<'a>(
            &'a self,
            call: &'a Call,
            _: &'a Access,
            request: GetRequest,
            out: &'a mut Objects,
        ) -> Hook<'a, String> {
            Box::pin(super::get(self, call, request, out))
        }

        fn set<'a>(&'a self, call: &'a Call, _: &'a Access, request: SetRequest) -> Hook<'a, SetDone> {
            Box::pin(super::set(self, call, request))
        }
    };
}
use directory_hooks;
