//! The handle that `httpd` holds: requests of logged-in people, as bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::{AccountId, Ctx, Error, Result};
use mail::{Mail, Put};
use serde_json::{Value, json};

use crate::blobs::{self, Blob};
use crate::engine::{self, Access, Call, Engine, Request, RequestError, Table, Type};
use crate::{
    blob_type, calendar, directory, events, history, principal, push_subscription, quota, session,
    share_notification, sieve, vacation,
};

/// Who asks: the context of the login, its address, and where the client found this server.
#[derive(Debug, Clone)]
pub struct Client {
    /// Actor, session, door.
    pub ctx: Ctx,
    /// The login name.
    pub address: String,
    /// Scheme, host and port, such as `https://mail.example.org`.
    pub origin: String,
}

/// JMAP over mail. Cheap to clone.
#[derive(Clone)]
pub struct Jmap(Arc<Inner>);

struct Inner {
    mail: Mail,
    engine: Arc<Engine>,
    running: Mutex<HashMap<AccountId, Running>>,
    states: events::Shared,
}

/// All types.
fn types() -> Vec<Arc<dyn Type>> {
    let lists = [
        push_subscription::types(),
        blob_type::types(),
        crate::mail::types(),
        calendar::types(),
        quota::types(),
        sieve::types(),
        vacation::types(),
        directory::types(),
        history::types(),
        principal::types(),
        share_notification::types(),
    ];
    lists.into_iter().flatten().collect()
}

/// The tables of all types.
pub(crate) fn tables() -> Vec<&'static Table> {
    types().iter().map(|kind| kind.table()).collect()
}

/// What an account has going on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Running {
    requests: u64,
    uploads: u64,
    streams: u64,
}

/// What may run a few times at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A request.
    Request,
    /// An upload.
    Upload,
    /// A stream of changes.
    Stream,
}

impl Running {
    fn count(&mut self, work: Work) -> &mut u64 {
        match work {
            Work::Request => &mut self.requests,
            Work::Upload => &mut self.uploads,
            Work::Stream => &mut self.streams,
        }
    }
}

/// Something that runs for an account, until it is dropped.
pub struct Busy {
    inner: Arc<Inner>,
    account: AccountId,
    work: Work,
}

impl Inner {
    fn running(&self) -> MutexGuard<'_, HashMap<AccountId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut running = self.inner.running();
        if let Some(now) = running.get_mut(&self.account) {
            let count = now.count(self.work);
            *count = count.saturating_sub(1);
            if *now == Running::default() {
                running.remove(&self.account);
            }
        }
    }
}

impl Jmap {
    /// JMAP over mail, with all its types.
    pub fn new(mail: Mail) -> Self {
        let types = types();
        let mut capabilities = session::capabilities();
        capabilities.extend(crate::mail::capabilities());
        let engine = Arc::new(Engine::new(types, capabilities));
        Self(Arc::new(Inner { mail, engine, running: Mutex::default(), states: events::Shared::default() }))
    }

    /// Mail below.
    pub fn mail(&self) -> &Mail {
        &self.0.mail
    }

    /// The tables of all types.
    pub fn tables(&self) -> Vec<&'static Table> {
        self.0.engine.tables().collect()
    }

    pub(crate) fn call(&self, client: &Client) -> Call {
        Call::new(client.ctx.clone(), &client.address, self.0.mail.clone(), self.0.engine.clone())
    }

    /// Counts something that an account has going on.
    ///
    /// # Errors
    /// `Limit` when there are too many at a time.
    pub fn begin(&self, client: &Client, work: Work) -> std::result::Result<Busy, RequestError> {
        let (account, limits) = (client.ctx.actor.account, &client.ctx.limits);
        let mut running = self.0.running();
        let now = running.entry(account).or_default();
        let count = now.count(work);
        let (most, limit) = match work {
            Work::Request => (limits.jmap_requests, "maxConcurrentRequests"),
            Work::Upload => (limits.jmap_uploads, "maxConcurrentUpload"),
            Work::Stream => (limits.jmap_event_streams, "maxConcurrentStreams"),
        };
        if *count >= most {
            return Err(RequestError::Limit(limit));
        }
        *count += 1;
        Ok(Busy { inner: self.0.clone(), account, work })
    }

    /// Someone sends to clients that are not connected, from now on: they subscribe with its public key (base64url).
    pub fn use_push(&self, key: String, is_private_allowed: bool) {
        self.0.engine.push().begin(key, is_private_allowed);
    }

    /// Returns when a client of this node changed where it wants to be told.
    pub async fn push_was_changed(&self) {
        self.0.engine.push().was_changed().await;
    }

    pub(crate) fn shared_states(&self) -> &events::Shared {
        &self.0.states
    }

    /// The account that a client names, as it may use it; `upload`: it wants to put something there.
    ///
    /// # Errors
    /// `NotFound` for one in which it may see nothing, `Forbidden` for an upload into one that it may only read.
    pub async fn account(&self, client: &Client, id: &str, upload: bool) -> Result<Access> {
        let access = self.call(client).access(id).await.map_err(|error| match error {
            engine::MethodError::AccountNotFound => Error::not_found("account"),
            _ => Error::unavailable("account", "cannot be looked at now; try again"),
        })?;
        if upload && access.read_only {
            return Err(Error::forbidden("account", "may only be read"));
        }
        Ok(access)
    }

    /// Keeps what a client uploaded; the answer of RFC 8620 section 6.1.
    ///
    /// # Errors
    /// `Limit` when it has too much that nothing uses, and those of [`Jmap::account`].
    pub async fn uploaded(
        &self,
        client: &Client,
        account: AccountId,
        put: &Put,
        kind: &str,
    ) -> Result<Value> {
        self.mail().keep_upload(&client.ctx, account, put, kind).await?;
        Ok(json!({
            "accountId": engine::ids::account(account),
            "blobId": blobs::hash_id(&put.hash()),
            "type": kind,
            "size": put.size(),
        }))
    }

    /// A blob of an account.
    ///
    /// # Errors
    /// `NotFound` when there is none that the client may read.
    pub async fn blob(&self, client: &Client, account: &Access, id: &str) -> Result<Blob> {
        let found = blobs::find(self.mail(), &account.ctx(&client.ctx), account.account, id).await?;
        found.ok_or_else(|| Error::not_found("blob"))
    }

    /// The session of a client (RFC 8620 section 2).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn session(&self, client: &Client) -> Result<Value> {
        session::object(&self.call(client), client).await
    }

    /// Answers a request: JSON in, JSON out.
    ///
    /// # Errors
    /// Those of requests as a whole; what fails in a call is in the answer.
    pub async fn request(&self, client: &Client, body: &[u8]) -> std::result::Result<Vec<u8>, RequestError> {
        let request = Request::read(body, &client.ctx.limits)?;
        let _busy = self.begin(client, Work::Request)?;
        self.answer(client, request).await
    }

    /// Answers a request that is counted already.
    pub(crate) async fn answer(
        &self,
        client: &Client,
        request: Request,
    ) -> std::result::Result<Vec<u8>, RequestError> {
        let call = self.call(client);
        let state = session::state(&call, client).await?;
        self.0.engine.answer(&call, request, &state).await
    }
}

impl std::fmt::Debug for Jmap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.0.engine.tables().map(|table| table.name).collect();
        f.debug_tuple("Jmap").field(&names).finish()
    }
}
