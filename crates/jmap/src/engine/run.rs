//! A request from its bytes to its answer.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use base::Tree;
use tokio::sync::Notify;

use super::get::write;
use super::reference::{self, Answered};
use super::{
    Arguments, Call, Capability, Map, MethodError, Request, RequestError, Table, Type, capabilities, changes,
    copy, get, query, set,
};

/// All types, and what the session says of them.
pub(crate) struct Engine {
    types: Vec<Arc<dyn Type>>,
    capabilities: Vec<Capability>,
    push: Push,
}

/// What is known of whoever sends to clients that are not connected.
#[derive(Default)]
pub(crate) struct Push {
    sender: OnceLock<(String, bool)>,
    changed: Notify,
}

impl Push {
    /// Someone sends from now on, under a public key; `is_private_allowed`: to inner networks, too.
    pub(crate) fn begin(&self, key: String, is_private_allowed: bool) {
        // The first one stays.
        let _ = self.sender.set((key, is_private_allowed));
    }

    /// The public key of the sender.
    pub(crate) fn key(&self) -> Option<&str> {
        self.sender.get().map(|(key, _)| key.as_str())
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.sender.get().is_some()
    }

    pub(crate) fn is_private_allowed(&self) -> bool {
        self.sender.get().is_some_and(|(_, allowed)| *allowed)
    }

    /// Says that a subscription changed.
    pub(crate) fn change(&self) {
        self.changed.notify_one();
    }

    /// Returns when one did.
    pub(crate) async fn was_changed(&self) {
        self.changed.notified().await;
    }
}

/// The answers so far: one buffer, and where in it which answer stands.
struct Answers {
    buffer: Vec<u8>,
    all: Vec<(String, String, Range<usize>)>,
}

impl Answers {
    fn begin(&mut self, name: &str, id: &str) -> Result<usize, MethodError> {
        if !self.all.is_empty() {
            self.buffer.push(b',');
        }
        self.buffer.push(b'[');
        write(&mut self.buffer, name)?;
        self.buffer.push(b',');
        let at = self.buffer.len();
        self.all.push((name.to_owned(), id.to_owned(), at..at));
        Ok(at)
    }

    fn end(&mut self, id: &str) -> Result<(), MethodError> {
        if let Some((_, _, range)) = self.all.last_mut() {
            range.end = self.buffer.len();
        }
        self.buffer.push(b',');
        write(&mut self.buffer, id)?;
        self.buffer.push(b']');
        Ok(())
    }

    fn error(&mut self, error: &MethodError, id: &str) -> Result<(), MethodError> {
        self.begin("error", id)?;
        write(&mut self.buffer, &error.body())?;
        self.end(id)
    }

    /// Refuses an answer that makes the whole too large.
    fn check(&self, call: &Call) -> Result<(), MethodError> {
        if self.buffer.len() as u64 > call.limits().jmap_answer_bytes {
            return Err(MethodError::RequestTooLarge);
        }
        Ok(())
    }

    /// Takes back an answer that broke off.
    fn undo(&mut self, length: usize, count: usize) {
        self.buffer.truncate(length);
        self.all.truncate(count);
    }

    fn resolve(&self, arguments: Map, values: u64) -> Result<Map, MethodError> {
        if !reference::has_any(&arguments) {
            return Ok(arguments);
        }
        let answers: Vec<Answered<'_>> = (self.all.iter())
            .map(|(name, id, range)| Answered {
                name,
                id,
                json: self.buffer.get(range.clone()).unwrap_or_default(),
            })
            .collect();
        reference::resolve(arguments, &answers, values)
    }
}

impl Engine {
    pub(crate) fn new(types: Vec<Arc<dyn Type>>, capabilities: Vec<Capability>) -> Self {
        Self { types, capabilities, push: Push::default() }
    }

    pub(crate) fn push(&self) -> &Push {
        &self.push
    }

    pub(crate) fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    pub(crate) fn types(&self) -> &[Arc<dyn Type>] {
        &self.types
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &'static Table> {
        self.types.iter().map(|kind| kind.table())
    }

    /// Answers a request whose envelope is right.
    ///
    /// # Errors
    /// When it uses what is not known.
    pub(crate) async fn answer(
        &self,
        call: &Call,
        request: Request,
        session_state: &str,
    ) -> Result<Vec<u8>, RequestError> {
        let known = |name: &str| self.capabilities.iter().any(|capability| capability.name == name);
        if let Some(name) = request.using.iter().find(|name| !known(name)) {
            return Err(RequestError::UnknownCapability(name.clone()));
        }
        let Request { using, calls, created } = request;
        let wants_created = created.is_some();
        for (name, id) in created.unwrap_or_default() {
            call.note_created(&name, &id);
        }
        let mut answers = Answers { buffer: b"{\"methodResponses\":[".to_vec(), all: Vec::new() };
        for (name, arguments, id) in calls {
            self.call(call, &using, (name, arguments, id), &mut answers).await.map_err(failed)?;
        }
        let mut buffer = answers.buffer;
        buffer.push(b']');
        if wants_created {
            buffer.extend_from_slice(b",\"createdIds\":");
            write(&mut buffer, &call.all_created()).map_err(failed)?;
        }
        buffer.extend_from_slice(b",\"sessionState\":");
        write(&mut buffer, session_state).map_err(failed)?;
        buffer.push(b'}');
        Ok(buffer)
    }

    /// One call of the client, and those that follow from it under the same id.
    async fn call(
        &self,
        call: &Call,
        using: &[String],
        (name, arguments, id): (String, Map, String),
        answers: &mut Answers,
    ) -> Result<(), MethodError> {
        let mut waiting = vec![(name, answers.resolve(arguments, call.limits().jmap_request_values))];
        while let Some((name, arguments)) = waiting.pop() {
            let (length, count) = (answers.buffer.len(), answers.all.len());
            let done = match arguments {
                Ok(arguments) => self.method(call, using, &name, &id, arguments, answers).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(then) => {
                    waiting.extend(then.into_iter().rev().map(|(name, arguments)| (name, Ok(arguments))));
                }
                Err(error) => {
                    answers.undo(length, count);
                    answers.error(&error, &id)?;
                }
            }
        }
        Ok(())
    }

    async fn method(
        &self,
        call: &Call,
        using: &[String],
        name: &str,
        id: &str,
        arguments: Map,
        answers: &mut Answers,
    ) -> Result<Vec<(String, Map)>, MethodError> {
        let uses = |capability: &str| using.iter().any(|name| name == capability);
        if name == "Core/echo" && uses(capabilities::CORE) {
            answers.begin(name, id)?;
            write(&mut answers.buffer, &arguments)?;
            answers.end(id)?;
            return answers.check(call).map(|()| Vec::new());
        }
        let unknown = || MethodError::UnknownMethod;
        let (kind, verb) = name.split_once('/').ok_or_else(unknown)?;
        let kind = self.types.iter().find(|known| known.table().name == kind).ok_or_else(unknown)?;
        let (kind, table) = (&**kind, kind.table());
        let method = table.method(verb).ok_or_else(unknown)?;
        let capability = if method.capability.is_empty() { table.capability } else { method.capability };
        if !uses(capability) {
            return Err(unknown());
        }
        let mut arguments = Arguments::new(arguments);
        let account =
            if table.personal { call.own() } else { call.access(&arguments.string("accountId")?).await? };
        if !account.own && !table.shared {
            return Err(MethodError::AccountNotSupportedByMethod);
        }
        if account.read_only && (method.writes || (!method.is_custom && matches!(verb, "set" | "copy"))) {
            return Err(MethodError::AccountReadOnly);
        }
        if account.tree != Tree::Present && !capabilities::OF_HISTORY.contains(&table.capability) {
            return Err(MethodError::AccountNotSupportedByMethod);
        }
        let call = &call.at(&account);
        answers.begin(name, id)?;
        let mut then = Vec::new();
        let body = match if method.is_custom { "" } else { verb } {
            "get" => {
                get::get(kind, call, &account, method, arguments, &mut answers.buffer).await?;
                answers.end(id)?;
                return Ok(then);
            }
            "changes" => changes::changes(kind, call, &account, arguments).await?,
            "query" => query::query(kind, call, &account, method, arguments).await?,
            "queryChanges" => query::query_changes(kind, call, &account, method, arguments).await?,
            "set" => {
                let (body, more) = set::set(kind, call, &account, method, arguments).await?;
                then = more;
                body
            }
            "copy" => {
                let (body, more) = copy::copy(kind, call, &account, method, arguments).await?;
                then = more;
                body
            }
            _ => {
                arguments.check(method.arguments)?;
                let mut body = kind.custom(call, &account, method.name, arguments).await?;
                then = call.take_following();
                body.entry("accountId").or_insert_with(|| account.id().into());
                body
            }
        };
        let mut body = body;
        if table.personal {
            body.retain(|name, _| !matches!(name.as_str(), "accountId" | "oldState" | "newState"));
        }
        write(&mut answers.buffer, &body)?;
        answers.end(id)?;
        answers.check(call).map(|()| then)
    }
}

fn failed(_: MethodError) -> RequestError {
    RequestError::Failed(base::Meaning::Corrupt)
}
