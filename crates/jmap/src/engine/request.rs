//! The envelope of a request (RFC 8620 section 3.3).

use std::collections::BTreeMap;

use base::Limits;
use serde_json::Value;

use super::value::{self, Refused};
use super::{Map, RequestError, ids};

/// A request whose envelope is right.
#[derive(Debug)]
pub struct Request {
    /// The capabilities that it uses.
    pub using: Vec<String>,
    /// Method, arguments, call id.
    pub calls: Vec<(String, Map, String)>,
    /// Ids of earlier creations, when the client wants to be told of new ones.
    pub created: Option<BTreeMap<String, String>>,
}

fn not_request(why: &str) -> RequestError {
    RequestError::NotRequest(why.to_owned())
}

/// JSON within the bounds of requests.
pub(crate) fn json(body: &[u8], limits: &Limits) -> Result<Value, RequestError> {
    if body.len() as u64 > limits.jmap_request_bytes {
        return Err(RequestError::Limit("maxSizeRequest"));
    }
    value::parse(body, limits.jmap_request_values).map_err(|refused| match refused {
        Refused::NotJson(why) => RequestError::NotJson(format!("the body is no I-JSON: {why}")),
        Refused::TooMany => RequestError::Limit("maxSizeRequest"),
    })
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is no request, or over a limit.
    pub fn read(body: &[u8], limits: &Limits) -> Result<Self, RequestError> {
        Self::from_json(json(body, limits)?, limits)
    }

    /// The same of JSON that was read.
    ///
    /// # Errors
    /// When it is no request, or over a limit.
    pub fn from_json(value: Value, limits: &Limits) -> Result<Self, RequestError> {
        let Value::Object(mut envelope) = value else { return Err(not_request("the body is not an object")) };
        let Some(Value::Array(using)) = envelope.remove("using") else {
            return Err(not_request("`using` is not a list"));
        };
        let using = using
            .into_iter()
            .map(|name| text(name, "`using` has something else than texts"))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(Value::Array(calls)) = envelope.remove("methodCalls") else {
            return Err(not_request("`methodCalls` is not a list"));
        };
        if calls.len() as u64 > limits.jmap_calls {
            return Err(RequestError::Limit("maxCallsInRequest"));
        }
        let calls = calls.into_iter().map(invocation).collect::<Result<Vec<_>, _>>()?;
        let created = match envelope.remove("createdIds") {
            None | Some(Value::Null) => None,
            Some(Value::Object(given)) => Some(creations(given)?),
            Some(_) => return Err(not_request("`createdIds` is not an object")),
        };
        Ok(Self { using, calls, created })
    }
}

fn text(value: Value, why: &str) -> Result<String, RequestError> {
    if let Value::String(text) = value { Ok(text) } else { Err(not_request(why)) }
}

fn invocation(call: Value) -> Result<(String, Map, String), RequestError> {
    let wrong = || not_request("a method call is not a list of name, arguments and call id");
    let Value::Array(parts) = call else { return Err(wrong()) };
    let [Value::String(name), Value::Object(arguments), Value::String(id)] =
        <[Value; 3]>::try_from(parts).map_err(|_| wrong())?
    else {
        return Err(wrong());
    };
    Ok((name, arguments, id))
}

fn creations(given: Map) -> Result<BTreeMap<String, String>, RequestError> {
    let wrong = || not_request("`createdIds` has something else than ids");
    given
        .into_iter()
        .map(|(name, id)| match id {
            Value::String(id) if ids::is_id(&name) && ids::is_id(&id) => Ok((name, id)),
            _ => Err(wrong()),
        })
        .collect()
}
