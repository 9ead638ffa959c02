//! What is said on a WebSocket (RFC 8887 section 4): requests and their answers, and changes as they happen. How it
//! travels is known to `httpd`.
//!
//! What must stay true here:
//! - A message is bounded as a request is, and counts among the requests of its account until it is answered.
//! - An answer and an error carry the id of what they are about, as far as it could be read.

use base::{Error, Limits};
use serde_json::{Value, json};

use crate::engine::{Map, Request, RequestError, json_of};
use crate::events::StateChange;
use crate::jmap::{Busy, Client, Jmap, Work};

/// Types in the wish for changes.
const MOST_TYPES: usize = 200;

/// What a client said.
pub enum Said {
    /// It asks for something (section 4.3.2).
    Request(Asked),
    /// It wants to be told of changes (section 4.3.5.2): of these types, or of all; from a state on that it was told.
    Push {
        /// The types; none: all.
        types: Option<Vec<String>>,
        /// What it was told last.
        state: Option<String>,
    },
    /// It wants to be told no more (section 4.3.5.3).
    NoPush,
}

/// A request that waits for its answer.
pub struct Asked {
    request: Request,
    id: Option<String>,
    _busy: Busy,
}

impl Asked {
    /// The error that there is instead of an answer.
    pub fn failed(&self, error: Error) -> String {
        error_about(&RequestError::from(error), self.id.as_deref())
    }
}

/// A `RequestError` (section 4.3.4).
fn error_about(error: &RequestError, id: Option<&str>) -> String {
    let mut body = error.body();
    if let Value::Object(members) = &mut body {
        members.insert("@type".to_owned(), json!("RequestError"));
        members.insert("requestId".to_owned(), json!(id));
    }
    body.to_string()
}

/// What is said of a message that is too long to be read.
pub fn too_long() -> String {
    error_about(&RequestError::Limit("maxSizeRequest"), None)
}

fn not_request(why: &str) -> RequestError {
    RequestError::NotRequest(why.to_owned())
}

fn push(message: &mut Map) -> Result<Said, RequestError> {
    let wrong = || not_request("`dataTypes` is neither a list of names nor null");
    let types = match message.remove("dataTypes") {
        None | Some(Value::Null) => None,
        Some(Value::Array(types)) if types.len() <= MOST_TYPES => {
            let name = |name| if let Value::String(name) = name { Ok(name) } else { Err(wrong()) };
            Some(types.into_iter().map(name).collect::<Result<_, _>>()?)
        }
        Some(_) => return Err(wrong()),
    };
    let state = match message.remove("pushState") {
        None | Some(Value::Null) => None,
        Some(Value::String(state)) => Some(state),
        Some(_) => return Err(not_request("`pushState` is no text")),
    };
    Ok(Said::Push { types, state })
}

/// A message, and its id.
fn read(text: &[u8], limits: &Limits) -> Result<(Map, Option<String>), RequestError> {
    let Value::Object(message) = json_of(text, limits)? else {
        return Err(not_request("the message is not an object"));
    };
    let id = message.get("id").and_then(Value::as_str).map(str::to_owned);
    Ok((message, id))
}

impl Jmap {
    /// Reads a message of a client.
    ///
    /// # Errors
    /// What the client is told instead of an answer.
    pub fn hear(&self, client: &Client, text: &[u8]) -> Result<Said, String> {
        let limits = &client.ctx.limits;
        let (mut message, id) = read(text, limits).map_err(|error| error_about(&error, None))?;
        let said = match message.get("@type").and_then(Value::as_str) {
            Some("Request") => Request::from_json(Value::Object(message), limits).and_then(|request| {
                let busy = self.begin(client, Work::Request)?;
                Ok(Said::Request(Asked { request, id: id.clone(), _busy: busy }))
            }),
            Some("WebSocketPushEnable") => push(&mut message),
            Some("WebSocketPushDisable") => Ok(Said::NoPush),
            _ => Err(not_request("`@type` is none that a client may send")),
        };
        said.map_err(|error| error_about(&error, id.as_deref()))
    }

    /// The `Response` (section 4.3.3) to a request, or the error that there is instead.
    pub async fn tell(&self, client: &Client, asked: Asked) -> Vec<u8> {
        let Asked { request, id, _busy } = asked;
        match self.answer(client, request).await {
            Ok(answer) => headed(&answer, id.as_deref()),
            Err(error) => error_about(&error, id.as_deref()).into_bytes(),
        }
    }
}

/// An answer with the members that a WebSocket adds.
fn headed(answer: &[u8], id: Option<&str>) -> Vec<u8> {
    let head = match id {
        Some(id) => json!({ "@type": "Response", "requestId": id }),
        None => json!({ "@type": "Response" }),
    };
    let mut whole = head.to_string().into_bytes();
    whole.reserve(answer.len());
    // The brace that ends the one is the comma before the members of the other.
    if let (Some(last), Some(rest)) = (whole.last_mut(), answer.strip_prefix(b"{")) {
        *last = b',';
        whole.extend_from_slice(rest);
    }
    whole
}

impl StateChange {
    /// As a message: with the state to begin from another time (section 4.3.5.1).
    pub fn message(&self) -> String {
        let mut object = self.object.clone();
        if let Value::Object(members) = &mut object {
            members.insert("pushState".to_owned(), json!(self.token));
        }
        object.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_gets_its_head() {
        let answer = br#"{"methodResponses":[],"sessionState":"x"}"#;
        for (id, expected) in [
            (
                Some("a\"b"),
                json!({"@type": "Response", "requestId": "a\"b", "methodResponses": [], "sessionState": "x"}),
            ),
            (None, json!({"@type": "Response", "methodResponses": [], "sessionState": "x"})),
        ] {
            assert_eq!(serde_json::from_slice::<Value>(&headed(answer, id)).unwrap(), expected);
        }
    }

    #[test]
    fn wishes_for_changes_are_read() {
        let wish = |value: Value| {
            let Value::Object(mut message) = value else { unreachable!() };
            match push(&mut message) {
                Ok(Said::Push { types, state }) => format!("{types:?} {state:?}"),
                Ok(_) => "another".to_owned(),
                Err(error) => format!("{:?}", error.body()["type"]),
            }
        };
        assert_eq!(wish(json!({})), "None None");
        assert_eq!(wish(json!({ "dataTypes": null, "pushState": null })), "None None");
        assert_eq!(
            wish(json!({ "dataTypes": ["Email"], "pushState": "x" })),
            "Some([\"Email\"]) Some(\"x\")"
        );
        for wrong in [json!({ "dataTypes": "Email" }), json!({ "dataTypes": [1] }), json!({ "pushState": 1 })]
        {
            assert!(wish(wrong.clone()).contains("notRequest"), "{wrong}");
        }
    }
}
