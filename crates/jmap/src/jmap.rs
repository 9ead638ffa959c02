//! The handle that `httpd` holds: requests of logged-in people, as bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::{AccountId, Ctx, Result};
use mail::Mail;
use serde_json::Value;

use crate::engine::{self, Call, Engine, Request, RequestError, Table};
use crate::{quota, session};

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
}

/// What an account has going on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Running {
    requests: u64,
    uploads: u64,
}

/// Something that runs for an account, until it is dropped.
pub struct Busy {
    inner: Arc<Inner>,
    account: AccountId,
    upload: bool,
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
            let count = if self.upload { &mut now.uploads } else { &mut now.requests };
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
        let mut types = crate::mail::types();
        types.extend(quota::types());
        let mut capabilities = session::capabilities();
        capabilities.extend(crate::mail::capabilities());
        let engine = Arc::new(Engine::new(types, capabilities));
        Self(Arc::new(Inner { mail, engine, running: Mutex::default() }))
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

    /// Counts a request or an upload of an account while it runs.
    ///
    /// # Errors
    /// `Limit` when there are too many at a time.
    pub fn begin(&self, client: &Client, upload: bool) -> std::result::Result<Busy, RequestError> {
        let (account, limits) = (client.ctx.actor.account, &client.ctx.limits);
        let mut running = self.0.running();
        let now = running.entry(account).or_default();
        let (count, most, limit) = if upload {
            (&mut now.uploads, limits.jmap_uploads, "maxConcurrentUpload")
        } else {
            (&mut now.requests, limits.jmap_requests, "maxConcurrentRequests")
        };
        if *count >= most {
            return Err(RequestError::Limit(limit));
        }
        *count += 1;
        Ok(Busy { inner: self.0.clone(), account, upload })
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
        self.answer(client, request).await
    }

    pub(crate) async fn answer(
        &self,
        client: &Client,
        request: Request,
    ) -> std::result::Result<Vec<u8>, RequestError> {
        let _busy = self.begin(client, false)?;
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

const _: fn() = || {
    // The engine's futures cross threads.
    fn is_send<T: Send>(_: T) {}
    fn of(jmap: &Jmap, client: &Client) {
        is_send(jmap.request(client, b""));
    }
    let _ = of;
    let _ = engine::ids::is_id;
};
