//! `get` (RFC 8620 section 5.1).

use serde_json::Value;

use super::output::Wanted;
use super::table::Method;
use super::{Access, Arguments, Call, Map, MethodError, Objects, Type};

/// What a `get` is about.
#[derive(Debug, Clone, Default)]
pub struct GetRequest {
    /// The ids, each once; none: all objects.
    pub ids: Option<Vec<String>>,
    /// What the type takes besides.
    pub arguments: Arguments,
}

/// Looks up an id that may be the name of a creation.
pub(crate) fn id_of(call: &Call, id: String) -> String {
    id.strip_prefix('#').and_then(|name| call.created(name)).unwrap_or(id)
}

/// The properties of a `get`, as far as the type knows them.
pub(crate) fn wanted(kind: &dyn Type, properties: Option<Vec<String>>) -> Result<Wanted, MethodError> {
    let table = kind.table();
    let Some(properties) = properties else { return Ok(Wanted::default_of(table)) };
    let mut wanted = Wanted::default();
    for name in properties {
        match table.property(&name) {
            Some(property) if !wanted.names.contains(&property.name) => wanted.names.push(property.name),
            Some(_) => {}
            None if kind.has_property(&name) => {
                if !wanted.extra.contains(&name) {
                    wanted.extra.push(name);
                }
            }
            None => {
                return Err(MethodError::invalid_arguments(
                    "properties",
                    format_args!("{} has no property {name}", table.name),
                ));
            }
        }
    }
    Ok(wanted)
}

fn ids(call: &Call, arguments: &mut Arguments) -> Result<Option<Vec<String>>, MethodError> {
    let Some(given) = arguments.strings_opt("ids")? else { return Ok(None) };
    if given.len() as u64 > call.limits().jmap_objects_get {
        return Err(MethodError::RequestTooLarge);
    }
    let mut seen = std::collections::HashSet::with_capacity(given.len());
    let mut ids = Vec::with_capacity(given.len());
    for id in given {
        let id = id_of(call, id);
        if seen.insert(id.clone()) {
            ids.push(id);
        }
    }
    Ok(Some(ids))
}

/// Answers a `get` into the buffer; what it wrote of a call that fails is cut off by the caller.
pub(crate) async fn get(
    kind: &dyn Type,
    call: &Call,
    account: &Access,
    method: &Method,
    mut arguments: Arguments,
    buffer: &mut Vec<u8>,
) -> Result<(), MethodError> {
    let ids = ids(call, &mut arguments)?;
    let wanted = wanted(kind, arguments.strings_opt("properties")?)?;
    arguments.check(method.arguments)?;
    let all = ids.is_none();
    let personal = kind.table().personal;
    buffer.push(b'{');
    if !personal {
        buffer.extend_from_slice(b"\"accountId\":");
        write(buffer, &account.id())?;
        buffer.push(b',');
    }
    buffer.extend_from_slice(b"\"list\":[");
    let mut out = Objects::new(std::mem::take(buffer), wanted, call.limits().jmap_answer_bytes);
    let done = kind.get(call, account, GetRequest { ids, arguments }, &mut out).await;
    *buffer = out.buffer;
    let state = done?;
    if all && out.count as u64 > call.limits().jmap_objects_get {
        return Err(MethodError::RequestTooLarge);
    }
    buffer.extend_from_slice(b"],\"notFound\":");
    write(buffer, &out.not_found)?;
    if !personal {
        buffer.extend_from_slice(b",\"state\":");
        write(buffer, &state)?;
    }
    buffer.push(b'}');
    Ok(())
}

/// Writes JSON.
pub(crate) fn write<T: serde::Serialize + ?Sized>(
    buffer: &mut Vec<u8>,
    value: &T,
) -> Result<(), MethodError> {
    serde_json::to_writer(buffer, value).map_err(|_| MethodError::ServerFail)
}

/// Objects as they are now, by id, for what must be compared with them.
pub(crate) async fn current(
    kind: &dyn Type,
    call: &Call,
    account: &Access,
    ids: Vec<String>,
    properties: Vec<String>,
) -> Result<std::collections::HashMap<String, Map>, MethodError> {
    let wanted = wanted(kind, Some(properties))?;
    let mut out = Objects::new(vec![b'['], wanted, call.limits().jmap_answer_bytes);
    let request = GetRequest { ids: Some(ids), arguments: Arguments::default() };
    kind.get(call, account, request, &mut out).await?;
    out.buffer.push(b']');
    let list: Vec<Map> = serde_json::from_slice(&out.buffer).map_err(|_| MethodError::ServerFail)?;
    let id = |object: &Map| object.get("id").and_then(Value::as_str).map(str::to_owned);
    Ok(list.into_iter().filter_map(|object| Some((id(&object)?, object))).collect())
}
