//! `set` (RFC 8620 section 5.3).

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::get::{current, id_of};
use super::table::{Method, Shape, Table};
use super::{Access, Arguments, Call, Map, MethodError, Patch, SetError, Type};

/// What is to be done; what the table refuses is not in it any more.
#[derive(Debug, Clone, Default)]
pub struct SetRequest {
    /// The state that the account must have. The engine has compared it; a type may do so again in its transaction.
    pub if_in_state: Option<String>,
    /// New objects by the names that the client gives them; one that names another stands behind it.
    pub create: Vec<(String, Map)>,
    /// Changes by id.
    pub update: Vec<(String, Patch)>,
    /// Ids to remove.
    pub destroy: Vec<String>,
    /// What the type takes besides.
    pub arguments: Arguments,
}

/// What was done.
#[derive(Debug, Clone, Default)]
pub struct SetDone {
    /// The state before, when the type knows it.
    pub old_state: Option<String>,
    /// The state afterwards.
    pub new_state: String,
    /// What was created: its name, and the properties that the server set, `id` among them.
    pub created: Vec<(String, Map)>,
    /// What was changed, with properties that the client does not know.
    pub updated: Vec<(String, Option<Map>)>,
    /// What was removed.
    pub destroyed: Vec<String>,
    /// What could not be created.
    pub not_created: Vec<(String, SetError)>,
    /// What could not be changed.
    pub not_updated: Vec<(String, SetError)>,
    /// What could not be removed.
    pub not_destroyed: Vec<(String, SetError)>,
    /// Calls that follow from it: method and arguments.
    pub then: Vec<(&'static str, Map)>,
}

impl SetRequest {
    /// The id behind a value that may name a creation of this very call.
    pub fn resolve<'i>(&self, value: &'i str, created: &'i [(String, Map)]) -> Option<&'i str> {
        let Some(name) = value.strip_prefix('#') else { return Some(value) };
        let (_, object) = created.iter().find(|(known, _)| known == name)?;
        object.get("id").and_then(Value::as_str)
    }
}

/// Puts ids for the names of earlier creations, where the shape says that ids stand.
fn resolve_value(call: &Call, shape: Shape, value: &mut Value) {
    match (shape, value) {
        (Shape::Id, Value::String(id)) => {
            if let Some(known) = id.strip_prefix('#').and_then(|name| call.created(name)) {
                *id = known;
            }
        }
        (Shape::Nullable(inner), value) => resolve_value(call, *inner, value),
        (Shape::List(inner), Value::Array(list)) => {
            for value in list {
                resolve_value(call, *inner, value);
            }
        }
        (Shape::Map(inner), Value::Object(map)) => {
            for value in map.values_mut() {
                resolve_value(call, *inner, value);
            }
        }
        (Shape::IdMap(inner), Value::Object(map)) => {
            *map = std::mem::take(map)
                .into_iter()
                .map(|(key, mut value)| {
                    resolve_value(call, *inner, &mut value);
                    (id_of(call, key), value)
                })
                .collect();
        }
        (Shape::Named(_, properties), Value::Object(map)) => {
            for property in properties {
                if let Some(value) = map.get_mut(property.name) {
                    resolve_value(call, property.shape, value);
                }
            }
        }
        _ => {}
    }
}

/// The same for all properties of an object.
pub(crate) fn resolve(call: &Call, table: &Table, object: &mut Map) {
    for (name, value) in object {
        if let Some(property) = table.property(name) {
            resolve_value(call, property.shape, value);
        }
    }
}

/// The names of creations that a value still has.
fn names_in(shape: Shape, value: &Value, out: &mut Vec<String>) {
    match (shape, value) {
        (Shape::Id, Value::String(id)) => out.extend(id.strip_prefix('#').map(str::to_owned)),
        (Shape::Nullable(inner), value) => names_in(*inner, value, out),
        (Shape::List(inner), Value::Array(list)) => {
            for value in list {
                names_in(*inner, value, out);
            }
        }
        (Shape::Map(inner), Value::Object(map)) => {
            for value in map.values() {
                names_in(*inner, value, out);
            }
        }
        (Shape::IdMap(inner), Value::Object(map)) => {
            for (key, value) in map {
                out.extend(key.strip_prefix('#').map(str::to_owned));
                names_in(*inner, value, out);
            }
        }
        (Shape::Named(_, properties), Value::Object(map)) => {
            for property in properties {
                if let Some(value) = map.get(property.name) {
                    names_in(property.shape, value, out);
                }
            }
        }
        _ => {}
    }
}

/// The names of creations in an object, with the properties that have them.
fn names(table: &Table, object: &Map) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, value) in object {
        let mut of = Vec::new();
        if let Some(property) = table.property(name) {
            names_in(property.shape, value, &mut of);
        }
        found.extend(of.into_iter().map(|reference| (name.clone(), reference)));
    }
    found
}

/// The properties of a new object that the table refuses.
pub(crate) fn wrong_properties(kind: &dyn Type, object: &Map) -> Vec<String> {
    let table = kind.table();
    let wrong = |(name, value): &(&String, &Value)| match table.property(name) {
        Some(property) => property.is_server_set() || !property.shape.fits(value),
        None => !kind.has_property(name),
    };
    object.iter().filter(wrong).map(|(name, _)| name.clone()).collect()
}

fn check_new(kind: &dyn Type, object: &Map) -> Result<(), SetError> {
    let wrong = wrong_properties(kind, object);
    if !wrong.is_empty() {
        let why = "there is no such property, only the server sets it, or the value is of another type";
        return Err(wrong
            .into_iter()
            .fold(SetError::new("invalidProperties").describe(why), SetError::property));
    }
    let required = kind.table().properties.iter().filter(|property| property.is_required());
    let missing: Vec<_> = required
        .filter(|property| !object.contains_key(property.name))
        .map(|property| property.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(missing
        .into_iter()
        .fold(SetError::new("invalidProperties").describe("is missing"), SetError::property))
}

/// A creation that names others: by which property, and which.
type Waiting = (String, Map, Vec<(String, String)>);

/// Creations in such an order that what one names stands before it; those that name nothing that is there are refused.
fn order(
    table: &Table,
    create: BTreeMap<String, Map>,
    refused: &mut Vec<(String, SetError)>,
) -> Vec<(String, Map)> {
    let mut ordered = Vec::with_capacity(create.len());
    let mut placed = HashSet::new();
    let mut waiting: Vec<Waiting> = Vec::new();
    for (name, object) in create {
        let of = names(table, &object);
        if of.is_empty() {
            placed.insert(name.clone());
            ordered.push((name, object));
        } else {
            waiting.push((name, object, of));
        }
    }
    loop {
        let before = waiting.len();
        let mut still = Vec::with_capacity(before);
        for (name, object, of) in waiting {
            if of.iter().all(|(_, reference)| placed.contains(reference)) {
                placed.insert(name.clone());
                ordered.push((name, object));
            } else {
                still.push((name, object, of));
            }
        }
        waiting = still;
        if waiting.len() == before || waiting.is_empty() {
            break;
        }
    }
    for (name, _, of) in waiting {
        let why = "names a creation that is not there, or that names this one";
        let wrong =
            of.into_iter().filter(|(_, reference)| !placed.contains(reference)).map(|(property, _)| property);
        let wrong: std::collections::BTreeSet<String> = wrong.collect();
        refused.push((
            name,
            wrong.into_iter().fold(SetError::new("invalidProperties").describe(why), SetError::property),
        ));
    }
    ordered
}

/// A request, and what was refused of it.
struct Checked {
    request: SetRequest,
    refused: SetDone,
}

fn object(value: Value, argument: &str) -> Result<Map, MethodError> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(MethodError::invalid_arguments(argument, "has something else than objects")),
    }
}

fn read(
    kind: &dyn Type,
    call: &Call,
    method: &Method,
    mut arguments: Arguments,
) -> Result<Checked, MethodError> {
    let table = kind.table();
    let if_in_state = arguments.string_opt("ifInState")?;
    let create = arguments.map_opt("create")?.unwrap_or_default();
    let update = arguments.map_opt("update")?.unwrap_or_default();
    let destroy = arguments.strings_opt("destroy")?.unwrap_or_default();
    arguments.check(method.arguments)?;
    if (create.len() + update.len() + destroy.len()) as u64 > call.limits().jmap_objects_set {
        return Err(MethodError::RequestTooLarge);
    }
    let mut refused = SetDone::default();
    let mut new = BTreeMap::new();
    for (name, value) in create {
        let mut value = object(value, "create")?;
        match check_new(kind, &value) {
            Ok(()) => {
                resolve(call, table, &mut value);
                new.insert(name, value);
            }
            Err(error) => refused.not_created.push((name, error)),
        }
    }
    let create = order(table, new, &mut refused.not_created);
    let mut seen = HashSet::new();
    let destroy: Vec<String> =
        destroy.into_iter().map(|id| id_of(call, id)).filter(|id| seen.insert(id.clone())).collect();
    let mut changes = Vec::with_capacity(update.len());
    let mut changed = HashSet::new();
    for (id, value) in update {
        let (value, id) = (object(value, "update")?, id_of(call, id));
        if seen.contains(&id) {
            refused.not_updated.push((id, SetError::new("willDestroy")));
        } else if !changed.insert(id.clone()) {
            return Err(MethodError::invalid_arguments("update", "names an object twice"));
        } else {
            match Patch::read(value, table, |name| kind.has_property(name)) {
                Ok(mut patch) => {
                    resolve_patch(call, table, &mut patch);
                    changes.push((id, patch));
                }
                Err(error) => refused.not_updated.push((id, error)),
            }
        }
    }
    let request = SetRequest { if_in_state, create, update: changes, destroy, arguments };
    Ok(Checked { request, refused })
}

fn resolve_patch(call: &Call, table: &Table, patch: &mut Patch) {
    for (path, value) in &mut patch.entries {
        let Some(mut shape) =
            path.first().and_then(|name| table.property(name)).map(|property| property.shape)
        else {
            continue;
        };
        for segment in path.iter_mut().skip(1) {
            while let Shape::Nullable(inner) = shape {
                shape = *inner;
            }
            if matches!(shape, Shape::IdMap(_)) {
                *segment = id_of(call, std::mem::take(segment));
            }
            shape = shape.below(segment).unwrap_or(Shape::Any);
        }
        resolve_value(call, shape, value);
    }
}

/// What only the server sets, or nobody changes, may be given when it is what it was: then it is left out.
async fn check_fixed(
    kind: &dyn Type,
    call: &Call,
    account: &Access,
    checked: &mut Checked,
) -> Result<(), MethodError> {
    let table = kind.table();
    let is_fixed = |name: &str| {
        table.property(name).is_some_and(|property| property.is_immutable() || property.is_server_set())
    };
    let (mut ids, mut properties) = (Vec::new(), HashSet::new());
    for (id, patch) in &checked.request.update {
        let before = properties.len();
        let fixed: Vec<&str> = patch.properties().filter(|name| is_fixed(name)).collect();
        properties.extend(fixed.iter().map(|name| (*name).to_owned()));
        if !fixed.is_empty() || properties.len() > before {
            ids.push(id.clone());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let now = current(kind, call, account, ids, properties.into_iter().collect()).await?;
    let update = std::mem::take(&mut checked.request.update);
    for (id, mut patch) in update {
        let mut wrong = Vec::new();
        if let Some(object) = now.get(&id) {
            patch.entries.retain(|(path, value)| {
                let Some(name) = path.first().filter(|name| is_fixed(name)) else { return true };
                let mut at = object.get(name);
                for segment in path.iter().skip(1) {
                    at = at.and_then(|value| value.get(segment));
                }
                if at.unwrap_or(&Value::Null) != value {
                    wrong.push(path.join("/"));
                }
                false
            });
        }
        if wrong.is_empty() {
            checked.request.update.push((id, patch));
        } else {
            let error = SetError::new("invalidProperties").describe("cannot be changed");
            checked.refused.not_updated.push((id, wrong.into_iter().fold(error, SetError::property)));
        }
    }
    Ok(())
}

/// Remembers the ids of what was created.
pub(crate) fn note_created(call: &Call, done: &SetDone) {
    for (name, object) in &done.created {
        if let Some(id) = object.get("id").and_then(Value::as_str) {
            call.note_created(name, id);
        }
    }
}

/// Objects by name; null where there are none.
pub(crate) fn objects(list: Vec<(String, Map)>) -> Value {
    if list.is_empty() {
        return Value::Null;
    }
    Value::Object(list.into_iter().map(|(name, object)| (name, Value::Object(object))).collect())
}

/// Errors by name; null where there are none.
pub(crate) fn errors(list: &[(String, SetError)]) -> Value {
    if list.is_empty() {
        return Value::Null;
    }
    Value::Object(list.iter().map(|(name, error)| (name.clone(), error.body())).collect())
}

fn answer(account: &Access, done: SetDone, before: Option<String>) -> Map {
    let mut out = Map::new();
    let updated = done.updated.into_iter().map(|(id, more)| (id, more.map_or(Value::Null, Value::Object)));
    let updated: HashMap<String, Value> = updated.collect();
    out.insert("accountId".to_owned(), json!(account.id()));
    out.insert("oldState".to_owned(), json!(done.old_state.or(before)));
    out.insert("newState".to_owned(), json!(done.new_state));
    out.insert("created".to_owned(), objects(done.created));
    out.insert("updated".to_owned(), if updated.is_empty() { Value::Null } else { json!(updated) });
    out.insert(
        "destroyed".to_owned(),
        if done.destroyed.is_empty() { Value::Null } else { json!(done.destroyed) },
    );
    out.insert("notCreated".to_owned(), errors(&done.not_created));
    out.insert("notUpdated".to_owned(), errors(&done.not_updated));
    out.insert("notDestroyed".to_owned(), errors(&done.not_destroyed));
    out
}

/// Does it; and calls that follow from it.
pub(crate) async fn set(
    kind: &dyn Type,
    call: &Call,
    account: &Access,
    method: &Method,
    arguments: Arguments,
) -> Result<(Map, Vec<(String, Map)>), MethodError> {
    let mut checked = read(kind, call, method, arguments)?;
    let mut before = None;
    if let Some(wanted) = &checked.request.if_in_state {
        let state = kind.state(call, account).await?;
        if state != *wanted {
            return Err(MethodError::StateMismatch);
        }
        before = Some(state);
    }
    check_fixed(kind, call, account, &mut checked).await?;
    let Checked { request, refused } = checked;
    let nothing = request.create.is_empty() && request.update.is_empty() && request.destroy.is_empty();
    let mut done = if nothing {
        let state = match before.clone() {
            Some(state) => state,
            None => kind.state(call, account).await?,
        };
        SetDone { old_state: Some(state.clone()), new_state: state, ..SetDone::default() }
    } else {
        kind.set(call, account, request).await?
    };
    done.not_created.extend(refused.not_created);
    done.not_updated.extend(refused.not_updated);
    note_created(call, &done);
    let then =
        std::mem::take(&mut done.then).into_iter().map(|(name, arguments)| (name.to_owned(), arguments));
    let then = then.collect();
    Ok((answer(account, done, before), then))
}
