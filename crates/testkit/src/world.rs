//! A kernel with accounts on each engine.

use base::{AccountId, Actor, CollectionId, Ctx, Door, OrganisationId, SessionId};
use kernel::{ChainKey, Kernel, NewCollection, create_accounts};
use store::Part;
use store::sql::Dialect;

use crate::engines::Engine;
use crate::note;

/// The organisation of the test's people.
pub const HERE: OrganisationId = OrganisationId(1);
/// Another organisation on the same server.
pub const ELSEWHERE: OrganisationId = OrganisationId(2);

/// A kernel over an empty database.
pub struct World {
    /// The database, the clock and the randomness.
    pub engine: Engine,
    /// The kernel over it.
    pub kernel: Kernel,
}

/// The tables of the kernel and of the toy kind.
pub fn parts() -> Vec<Part> {
    vec![kernel::PART, note::PART]
}

impl World {
    /// Makes an empty world.
    pub async fn new(dialect: Dialect) -> Self {
        Self::over(Engine::new(dialect, &parts(), Some(kernel::on_lock)).await)
    }

    /// A kernel over a database that stands.
    pub fn over(engine: Engine) -> Self {
        let kinds = vec![note::KIND, note::VERSIONED];
        let kernel = Kernel::new(engine.store.clone(), kinds, ChainKey::new([7; 32]));
        Self { engine, kernel }
    }

    /// The context of the program itself.
    pub fn ctx(&self) -> Ctx {
        self.engine.ctx()
    }

    /// The context of a person, with the groups that it is in.
    pub fn person(&self, organisation: OrganisationId, account: AccountId, groups: &[AccountId]) -> Ctx {
        let mut actor = Actor::person(organisation, account);
        actor.subjects = std::iter::once(account).chain(groups.iter().copied()).collect();
        self.ctx().with_actor(actor, Door::Jmap, SessionId(1))
    }

    /// A new account.
    pub async fn account(&self, organisation: OrganisationId) -> AccountId {
        let now_ms = self.engine.clock.now_ms();
        let made = self
            .engine
            .store
            .write([], move |tx| create_accounts(tx, organisation, "person", 1, now_ms))
            .await;
        made.expect("an account")[0]
    }

    /// A new collection of notes at the top of an account.
    pub async fn collection(&self, account: AccountId, name: &str) -> CollectionId {
        self.collection_of("note", account, name).await
    }

    /// A new collection of a kind at the top of an account.
    pub async fn collection_of(&self, kind: &'static str, account: AccountId, name: &str) -> CollectionId {
        let name = name.to_owned();
        let ctx = self.ctx();
        let made = self.kernel.write(&ctx, account, move |batch| {
            batch.create_collection(&NewCollection { kind, name: &name, ..NewCollection::default() })
        });
        made.await.expect("a collection")
    }

    /// Fails unless everything about an account is right.
    pub async fn sound(&self, account: AccountId) {
        let findings = self.kernel.check(account).await.expect("a check");
        assert!(findings.is_empty(), "{findings:#?}");
    }
}

/// Runs `story` in an empty world on each engine in turn.
pub fn both<S>(story: impl Fn(World) -> S)
where
    S: Future<Output = ()>,
{
    let story = &story;
    crate::engines::both(&parts(), Some(kernel::on_lock), |engine| async move {
        story(World::over(engine)).await;
    });
}
