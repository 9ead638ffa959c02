//! An organisation with some people, on each engine.

use base::{AccountId, Actor, Ctx, Door, Error, OrganisationId, Random, Result, Secret, SessionId};
use directory::credentials::{Costs, HashedPassword, Hasher};
use directory::entries::{Kind, NewEntry};
use directory::resolve::{self, Resolution};
use directory::roles::{Allowed, Scope, Verb, grants};
use directory::{Directory, Edit, aliases, domains, groups, people};
use kernel::{ChainKey, Kernel};
use store::Part;
use testkit::engines::Engine;

/// A directory over an empty database, with the organisation `acme` that has the domain `acme.example`.
pub struct World {
    pub engine: Engine,
    pub directory: Directory,
    pub acme: OrganisationId,
}

pub fn parts() -> Vec<Part> {
    vec![kernel::PART, directory::PART]
}

/// Runs `story` in a new world on each engine in turn.
pub fn both<S: Future<Output = ()>>(story: impl Fn(World) -> S) {
    let story = &story;
    testkit::engines::both(&parts(), Some(kernel::on_lock), |engine| async move {
        story(World::over(engine).await).await;
    });
}

impl World {
    pub async fn over(engine: Engine) -> Self {
        let kernel = Kernel::new(engine.store.clone(), Vec::new(), ChainKey::new([7; 32]));
        let costs = Costs { memory_kib: 8, passes: 1, lanes: 1 };
        let hasher = Hasher::new(costs, 2, &Random::seeded(1)).unwrap();
        let directory = Directory::new(kernel, hasher);
        let ctx = engine.ctx();
        let acme = directory.create_organisation(&ctx, "acme", &[]).await.unwrap();
        directory.edit(&ctx, acme, |edit| domains::create(edit, "acme.example", &[])).await.unwrap();
        Self { engine, directory, acme }
    }

    /// The program itself.
    pub fn system(&self) -> Ctx {
        self.engine.ctx()
    }

    /// A person of acme with its groups.
    pub async fn person_ctx(&self, account: AccountId) -> Ctx {
        let actor = self.directory.actor(&self.system(), account).await.unwrap();
        self.system().with_actor(actor, Door::Admin, SessionId(7))
    }

    /// Someone of another organisation.
    pub fn stranger(&self) -> Ctx {
        let actor = Actor::person(OrganisationId(self.acme.0 + 1), AccountId(999));
        self.system().with_actor(actor, Door::Admin, SessionId(8))
    }

    /// Changes acme as the program itself.
    pub async fn edit<T: Send + 'static>(
        &self,
        run: impl Fn(&mut Edit<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.directory.edit(&self.system(), self.acme, run).await
    }

    /// Changes acme as a person.
    pub async fn edit_as<T: Send + 'static>(
        &self,
        account: AccountId,
        run: impl Fn(&mut Edit<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let ctx = self.person_ctx(account).await;
        self.directory.edit(&ctx, self.acme, run).await
    }

    /// A person `name@acme.example`.
    pub async fn person(&self, name: &str) -> AccountId {
        let address = format!("{name}@acme.example");
        self.edit(move |edit| people::create(edit, &NewEntry { address: &address, name: "" }, None, &[]))
            .await
            .unwrap()
    }

    /// A person with the password `secret word`.
    pub async fn person_with_password(&self, name: &str) -> AccountId {
        let (address, hash) = (format!("{name}@acme.example"), self.hash("secret word"));
        self.edit(move |edit| {
            people::create(edit, &NewEntry { address: &address, name: "" }, Some(&hash), &[])
        })
        .await
        .unwrap()
    }

    pub fn hash(&self, password: &str) -> HashedPassword {
        self.directory.hasher().hash_blocking(&Secret::new(password), &self.engine.random).unwrap()
    }

    /// A group or list with members.
    pub async fn team(&self, kind: Kind, name: &str, members: &[&str]) -> AccountId {
        let address = format!("{name}@acme.example");
        let members: Vec<String> = members.iter().map(|member| full(member)).collect();
        self.edit(move |edit| {
            let team = groups::create(edit, kind, &NewEntry { address: &address, name: "" }, &[])?;
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            groups::add_members(edit, team, &members)?;
            Ok(team)
        })
        .await
        .unwrap()
    }

    /// An alias with several targets.
    pub async fn alias(&self, name: &str, targets: &[&str]) -> Result<AccountId> {
        let address = format!("{name}@acme.example");
        let targets: Vec<String> = targets.iter().map(|target| full(target)).collect();
        self.edit(move |edit| {
            let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
            aliases::create(edit, &NewEntry { address: &address, name: "" }, &targets, &[])
        })
        .await
    }

    /// Who receives mail for an address, in a few words: sorted mailboxes by address, outside addresses, or why not.
    pub async fn resolve(&self, address: &str) -> String {
        let (ctx, address) = (self.system(), codec::Address::parse(&full(address)).unwrap());
        self.directory
            .read(move |tx| {
                let found = match resolve::resolve(tx, &ctx, &address)? {
                    Resolution::NotOurs => return Ok("not ours".to_owned()),
                    Resolution::Relay(host) => return Ok(format!("relay {host}")),
                    Resolution::Refused(refusal) => return Ok(format!("refused {}", refusal.name())),
                    Resolution::Found(found) => found,
                };
                let mut names = Vec::new();
                for mailbox in &found.mailboxes {
                    names.push(
                        directory::entries::load(tx, mailbox.organisation, mailbox.account)?
                            .address
                            .replace("@acme.example", ""),
                    );
                }
                names.sort();
                names.extend(found.outside.clone());
                if let Some(detail) = &found.detail {
                    names.push(format!("+{detail}"));
                }
                Ok(names.join(" "))
            })
            .await
            .unwrap()
    }

    /// Gives someone a role made of verbs, on a part of acme.
    pub async fn give(&self, subject: AccountId, verbs: &'static [Verb], scope: Scope) -> i64 {
        self.edit(move |edit| {
            let name = format!("role of {subject} {scope:?} {}", verbs.len());
            let role = grants::create_role(edit, &name, "", verbs)?;
            grants::grant(edit, subject, role, Allowed { scope, ..Allowed::all() })
        })
        .await
        .unwrap()
    }

    /// Runs a statement as others do: behind our back.
    pub async fn sql(&self, text: &'static str) -> Result<u64> {
        self.engine.store.write([], move |tx| tx.execute(text, [])).await
    }

    /// The history of acme, newest first: door, actor and words.
    pub async fn history(&self) -> Vec<String> {
        let page = self.directory.history(&self.system(), self.acme, base::Seq(i64::MAX), 100).await.unwrap();
        let words = |text: &str| {
            let changes = kernel::changes::parse(text).unwrap();
            let words = changes.into_iter().filter_map(|change| match change {
                kernel::changes::Change::Words(words) => Some(words),
                _ => None,
            });
            words.collect::<Vec<_>>().join("\n")
        };
        page.into_iter()
            .map(|commit| {
                format!("{} {} {}", commit.door.unwrap().name(), commit.actor, words(&commit.changes))
            })
            .collect()
    }
}

/// `ada` is short for `ada@acme.example`.
pub fn full(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@acme.example") }
}

/// What an error says, in one comparable form.
pub fn said<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error: Error = result.unwrap_err();
    format!("{} {}", error.meaning().name(), error.field())
}

impl World {
    /// How many mailboxes receive mail for an address.
    pub async fn resolve_count(&self, address: &str) -> usize {
        let (ctx, address) = (self.system(), codec::Address::parse(&full(address)).unwrap());
        let found = self.directory.read(move |tx| resolve::resolve(tx, &ctx, &address)).await.unwrap();
        match found {
            Resolution::Found(found) => found.mailboxes.len(),
            other => panic!("{other:?}"),
        }
    }
}
