//! The kernel itself, and its two verbs: write a batch, read a view.

use std::sync::Arc;

use base::{AccountId, CollectionId, Ctx, Error, Result, Seq};
use store::blobs::Reference;
use store::sql::Locks;
use store::{Read, Store, Tx};

use crate::batch::Batch;
use crate::chain::ChainKey;
use crate::kind::{Body, Kind};
use crate::push::{self, Hub};
use crate::read::View;
use crate::rows::{AccountRow, Rows};

/// What a commit changed, as it is told to whoever listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose history grew.
    pub account: AccountId,
    /// By which commit.
    pub seq: Seq,
    /// The collections that it touched; none when it is not said which.
    pub collections: Vec<CollectionId>,
    /// The kinds of data in them.
    pub kinds: Vec<&'static str>,
}

/// Hears of every commit once it is durable; must not block.
pub type Listener = Arc<dyn Fn(&Change) + Send + Sync>;

/// What all clones of a kernel share.
pub(crate) struct Shared {
    pub(crate) key: ChainKey,
    pub(crate) kinds: Vec<Kind>,
    hub: Arc<Hub>,
    listener: Option<Listener>,
}

/// The verbs on accounts, collections and items. Cheap to clone.
#[derive(Clone)]
pub struct Kernel {
    store: Store,
    shared: Arc<Shared>,
}

/// A transaction over several accounts, each with a commit of its own.
pub struct Many<'m, 'c> {
    tx: &'m mut Tx<'c>,
    ctx: &'m Ctx,
    kernel: &'m Shared,
}

impl Shared {
    pub(crate) fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    pub(crate) fn announce(
        &self,
        tx: &mut Tx<'_>,
        account: &AccountRow,
        collections: &[CollectionId],
    ) -> Result<()> {
        let mut kinds = Vec::new();
        for id in collections {
            let row = Rows::collection(tx, account.id, *id)?;
            if let Some(kind) = row.and_then(|row| self.kind(&row.kind))
                && !kinds.contains(&kind.name)
            {
                kinds.push(kind.name);
            }
        }
        let collections = push::named(collections);
        let change = Change { account: account.id, seq: account.seq, collections, kinds };
        let (hub, listener) = (self.hub.clone(), self.listener.clone());
        tx.after_commit(move || {
            hub.publish(&change);
            if let Some(listener) = listener {
                listener(&change);
            }
        });
        Ok(())
    }
}

impl Kernel {
    /// A kernel over an open store, which was opened with [`crate::PART`] and [`crate::on_lock`].
    pub fn new(store: Store, kinds: Vec<Kind>, key: ChainKey) -> Self {
        let names = kinds.iter().map(|kind| kind.name).collect();
        let hub = Hub::new(store.notifier().clone(), names);
        Self { store, shared: Arc::new(Shared { key, kinds, hub, listener: None }) }
    }

    /// The same kernel with someone who hears of every commit of this process.
    #[must_use]
    pub fn with_listener(self, listener: Listener) -> Self {
        let Shared { key, kinds, hub, .. } = &*self.shared;
        let (key, kinds, hub) = (key.clone(), kinds.clone(), hub.clone());
        let shared = Shared { key, kinds, hub, listener: Some(listener) };
        Self { store: self.store, shared: Arc::new(shared) }
    }

    /// The store below.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The kinds of data that it knows.
    pub fn kinds(&self) -> &[Kind] {
        &self.shared.kinds
    }

    /// All that names bodies in the tables of the kinds, for the sweep of the blob store.
    pub fn body_references(&self) -> Vec<Reference> {
        self.kinds().iter().flat_map(|kind| kind.bodies).map(Body::reference).collect()
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.shared.hub
    }

    pub(crate) fn key(&self) -> &ChainKey {
        &self.shared.key
    }

    /// Changes one account: one transaction, one commit, durable when it returns. `run` may run again.
    pub async fn write<T, F>(&self, ctx: &Ctx, account: AccountId, run: F) -> Result<T>
    where
        F: Fn(&mut Batch<'_, '_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.write_many(ctx, Locks::from([account.0]), move |many| many.batch(account, &run)).await
    }

    /// The same for a collection that is known before: it is read together with the account.
    pub async fn write_into<T, F>(
        &self,
        ctx: &Ctx,
        account: AccountId,
        collection: CollectionId,
        run: F,
    ) -> Result<T>
    where
        F: Fn(&mut Batch<'_, '_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let locks = Locks { accounts: vec![account.0], collections: vec![collection.0] };
        self.write_many(ctx, locks, move |many| many.batch(account, &run)).await
    }

    /// Changes several accounts in one transaction; `locks` names them.
    pub async fn write_many<T, F>(&self, ctx: &Ctx, locks: impl Into<Locks>, run: F) -> Result<T>
    where
        F: Fn(&mut Many<'_, '_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        if ctx.is_past() {
            let rule = "is shown as it was and cannot be changed; copy what you need from it";
            return Err(Error::forbidden("mailbox", rule));
        }
        let (ctx, shared) = (ctx.clone(), self.shared.clone());
        self.store.write(locks, move |tx| run(&mut Many { tx, ctx: &ctx, kernel: &shared })).await
    }

    /// Changes within a transaction that the caller has opened on the store.
    pub fn many<'m, 'c>(&'m self, tx: &'m mut Tx<'c>, ctx: &'m Ctx) -> Many<'m, 'c> {
        Many { tx, ctx, kernel: &self.shared }
    }

    /// Reads on one snapshot.
    pub async fn read<T, F>(&self, ctx: &Ctx, run: F) -> Result<T>
    where
        F: FnOnce(&mut View<'_, '_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let ctx = ctx.clone();
        self.store.read(move |tx: &mut Read<'_>| run(&mut View::new(tx, &ctx))).await
    }
}

impl<'c> Many<'_, 'c> {
    /// The transaction below.
    pub fn tx(&mut self) -> &mut Tx<'c> {
        self.tx
    }

    /// The context of the request.
    pub fn ctx(&self) -> &Ctx {
        self.ctx
    }

    /// Changes one of the accounts. Each account makes one commit a transaction: call it once for each.
    ///
    /// # Errors
    /// Those of `run`; and `NotFound` for an account that is not there, `Corrupt` for one not locked.
    pub fn batch<T>(
        &mut self,
        account: AccountId,
        run: impl FnOnce(&mut Batch<'_, 'c>) -> Result<T>,
    ) -> Result<T> {
        let mut batch = Batch::begin(self.tx, self.ctx, self.kernel, account)?;
        let done = match run(&mut batch) {
            Ok(done) => batch.finish().map(|()| done),
            Err(error) => Err(error),
        };
        if done.is_err() {
            // Half a batch must not be kept, even by a caller that goes on without it.
            self.tx.doom_if_touched();
        }
        done
    }

    /// Refuses when the account is not of the actor's organisation.
    pub fn same_organisation(&self, organisation: base::OrganisationId) -> Result<()> {
        if self.ctx.actor.system || self.ctx.actor.organisation == organisation {
            return Ok(());
        }
        Err(Error::not_found("account"))
    }
}
