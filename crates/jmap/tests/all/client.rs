//! A client: a person of the world who sends requests.

use base::Door;
use jmap::{Client, Jmap, RequestError};
use serde_json::{Value, json};
use testkit::mail::{Person, World};

/// Every capability that the tests use.
pub const USING: &[&str] = &[
    "urn:ietf:params:jmap:core",
    "urn:ietf:params:jmap:mail",
    "urn:ietf:params:jmap:quota",
    "urn:ietf:params:jmap:blob",
    "urn:ietf:params:jmap:sieve",
    "urn:ietf:params:jmap:vacationresponse",
];

/// A logged-in person.
pub struct User {
    pub jmap: Jmap,
    pub client: Client,
    pub account: String,
}

impl User {
    pub async fn new(world: &World, jmap: &Jmap, person: &Person) -> Self {
        let client = Client {
            ctx: world.ctx_of(person, Door::Jmap).await,
            address: person.address.clone(),
            origin: "https://mail.bench.test".to_owned(),
        };
        Self { jmap: jmap.clone(), client, account: format!("a{}", person.account.0) }
    }

    /// Sends a body as it is.
    pub async fn raw(&self, body: &str) -> Result<Value, RequestError> {
        let answer = self.jmap.request(&self.client, body.as_bytes()).await?;
        Ok(serde_json::from_slice(&answer).expect("an answer is JSON"))
    }

    /// Sends calls; their answers.
    pub async fn calls(&self, calls: Value) -> Vec<Value> {
        let body = json!({ "using": USING, "methodCalls": calls }).to_string();
        let mut answer = self.raw(&body).await.expect("a request that is answered");
        let Value::Array(answers) = answer["methodResponses"].take() else { panic!("no answers: {answer}") };
        answers
    }

    /// Sends one call for the own account; the arguments of its answer.
    pub async fn call(&self, method: &str, mut arguments: Value) -> Value {
        if arguments.get("accountId").is_none() {
            arguments["accountId"] = json!(self.account);
        }
        let mut answers = self.calls(json!([[method, arguments, "0"]])).await;
        let mut answer = answers.swap_remove(0);
        assert!(answer[0] == method || answer[0] == "error", "{answer}");
        answer[1].take()
    }
}
