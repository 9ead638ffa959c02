//! What a method call may use: who asks, the kinds below, the creations of the request so far.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::{Ctx, Limits, Meaning, Tree};
use mail::Mail;
use tokio::sync::OnceCell;

use super::run::Engine;
use super::{Access, Map, MethodError, access, ids};

/// The request that a call is part of, and what it looks at. Cheap to clone.
#[derive(Clone)]
pub struct Call {
    ctx: Ctx,
    inner: Arc<Inner>,
}

struct Inner {
    /// The context of the login.
    login: Ctx,
    address: String,
    mail: Mail,
    engine: Arc<Engine>,
    created: Mutex<BTreeMap<String, String>>,
    following: Mutex<Vec<(String, Map)>>,
    shared: OnceCell<Vec<Access>>,
}

impl Call {
    pub(crate) fn new(ctx: Ctx, address: &str, mail: Mail, engine: Arc<Engine>) -> Self {
        let inner = Inner {
            login: ctx.clone(),
            address: address.to_owned(),
            mail,
            engine,
            created: Mutex::default(),
            following: Mutex::default(),
            shared: OnceCell::new(),
        };
        Self { ctx, inner: Arc::new(inner) }
    }

    /// The same request, which looks at what is seen of an account.
    pub(crate) fn at(&self, access: &Access) -> Self {
        Self { ctx: access.ctx(&self.ctx), inner: self.inner.clone() }
    }

    /// Who asks.
    pub fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.ctx.limits
    }

    /// Mail, and through it the directory, the kernel and the blob store.
    pub fn mail(&self) -> &Mail {
        &self.inner.mail
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.inner.engine
    }

    fn ids(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.inner.created.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.inner
            .following
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((method.to_owned(), arguments));
    }

    pub(crate) fn take_following(&self) -> Vec<(String, Map)> {
        std::mem::take(&mut *self.inner.following.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The caller's own account, as it logged in.
    pub fn own(&self) -> Access {
        access::own(self.mail(), &self.inner.login, &self.inner.address)
    }

    /// The accounts that the caller's session has: its own one, which may be what the history shows, before those of others.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn accounts(&self) -> base::Result<Vec<Access>> {
        let Inner { login, address, mail, .. } = &*self.inner;
        if login.tree == Tree::Images {
            return access::images(mail, login, address).await;
        }
        let mut all = vec![self.own()];
        all.extend_from_slice(self.shared_accounts().await?);
        Ok(all)
    }

    /// The accounts whose changes the caller may follow: those that change.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn followed(&self) -> base::Result<Vec<Access>> {
        if self.inner.login.is_past() { Ok(Vec::new()) } else { self.accounts().await }
    }

    /// The accounts of others that share something with the caller.
    pub async fn shared_accounts(&self) -> base::Result<&[Access]> {
        let found =
            self.inner.shared.get_or_try_init(|| access::shared(self.mail(), &self.inner.login)).await?;
        Ok(found)
    }

    /// The account with that id, as the caller may use it.
    ///
    /// # Errors
    /// `AccountNotFound` when the caller may see nothing in it.
    pub async fn access(&self, id: &str) -> Result<Access, MethodError> {
        let (account, tree) = ids::read_tree(id).ok_or(MethodError::AccountNotFound)?;
        let Inner { login, address, mail, .. } = &*self.inner;
        if account == login.actor.account {
            if tree == login.tree {
                return Ok(self.own());
            }
            let is_seen = match login.tree {
                Tree::Present => true,
                Tree::Images => matches!(tree, Tree::Image(_)),
                Tree::Rescue | Tree::Image(_) => false,
            };
            if !is_seen {
                return Err(MethodError::AccountNotFound);
            }
            return access::of_history(mail, login, address, tree).await.map_err(|error| {
                if error.meaning() == Meaning::NotFound { MethodError::AccountNotFound } else { error.into() }
            });
        }
        if tree != Tree::Present {
            return Err(MethodError::AccountNotFound);
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
        let Some(blob) =
            crate::blobs::find(self.mail(), &account.ctx(self.ctx()), account.account, &id).await?
        else {
            return Ok(None);
        };
        Ok(Some(blob.bytes(self.mail(), self.limits().message_bytes).await?))
    }
}
