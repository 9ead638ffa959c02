//! What a method call may use: who asks, the kinds below, the creations of the request so far.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::{Ctx, Limits};
use mail::Mail;
use tokio::sync::OnceCell;

use super::run::Engine;
use super::{Access, Map, MethodError, access, ids};

/// The request that a call is part of. Cheap to clone.
#[derive(Clone)]
pub struct Call(Arc<Inner>);

struct Inner {
    ctx: Ctx,
    address: String,
    mail: Mail,
    engine: Arc<Engine>,
    created: Mutex<BTreeMap<String, String>>,
    following: Mutex<Vec<(String, Map)>>,
    shared: OnceCell<Vec<Access>>,
}

impl Call {
    pub(crate) fn new(ctx: Ctx, address: &str, mail: Mail, engine: Arc<Engine>) -> Self {
        Self(Arc::new(Inner {
            ctx,
            address: address.to_owned(),
            mail,
            engine,
            created: Mutex::default(),
            following: Mutex::default(),
            shared: OnceCell::new(),
        }))
    }

    /// Who asks.
    pub fn ctx(&self) -> &Ctx {
        &self.0.ctx
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.0.ctx.limits
    }

    /// Mail, and through it the directory, the kernel and the blob store.
    pub fn mail(&self) -> &Mail {
        &self.0.mail
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    fn ids(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.created.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of what was created under a name (without `#`) in this request, or one before it.
    pub fn created(&self, name: &str) -> Option<String> {
        self.ids().get(name).cloned()
    }

    /// Remembers the id of what was created under a name.
    pub fn note_created(&self, name: &str, id: &str) {
        self.ids().insert(name.to_owned(), id.to_owned());
    }

    pub(crate) fn all_created(&self) -> BTreeMap<String, String> {
        self.ids().clone()
    }

    /// Lets a call follow on the one that is answered now, under the same id (RFC 8620 section 3.4): for methods of a
    /// type's own.
    pub fn follow_with(&self, method: &str, arguments: Map) {
        self.0.following.lock().unwrap_or_else(PoisonError::into_inner).push((method.to_owned(), arguments));
    }

    pub(crate) fn take_following(&self) -> Vec<(String, Map)> {
        std::mem::take(&mut *self.0.following.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The caller's own account.
    pub fn own(&self) -> Access {
        access::own(self.ctx(), &self.0.address)
    }

    /// The accounts of others that share something with the caller.
    pub async fn shared_accounts(&self) -> base::Result<&[Access]> {
        let found = self.0.shared.get_or_try_init(|| access::shared(self.mail(), self.ctx())).await?;
        Ok(found)
    }

    /// The account with that id, as the caller may use it.
    ///
    /// # Errors
    /// `AccountNotFound` when the caller may see nothing in it.
    pub async fn access(&self, id: &str) -> Result<Access, MethodError> {
        let account = ids::read_account(id).ok_or(MethodError::AccountNotFound)?;
        if account == self.ctx().actor.account {
            return Ok(self.own());
        }
        let shared = self.shared_accounts().await?;
        shared.iter().find(|access| access.account == account).cloned().ok_or(MethodError::AccountNotFound)
    }

    /// A blob of an account in memory.
    ///
    /// # Errors
    /// `None` where there is none that the caller may read; `RequestTooLarge` above the limit `message_bytes`.
    pub async fn blob(&self, account: &Access, id: &str) -> Result<Option<bytes::Bytes>, MethodError> {
        let id = super::get::id_of(self, id.to_owned());
        let Some(blob) = crate::blobs::find(self.mail(), self.ctx(), account.account, &id).await? else {
            return Ok(None);
        };
        Ok(Some(blob.bytes(self.mail(), self.limits().message_bytes).await?))
    }
}
