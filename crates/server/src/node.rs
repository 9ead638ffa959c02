//! What a command or a server works with: the floors below, opened as the configuration says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use base::{Actor, Clock, Ctx, Door, Error, Limits, Random, Result, SessionId};
use directory::Directory;
use directory::credentials::{Costs, Hasher};
use directory::login::TreeNames;
use kernel::{Kernel, Kind};
use store::sql::Step;
use store::{Backend, Part, Store, StoreOptions, params};

use crate::config::Config;
use crate::config::setting::StoreBackend;
use crate::{folder, key};

/// The tables of all floors, each after those that it refers to.
pub fn parts() -> Vec<Part> {
    let below = [store::jobs::PART, store::BLOBS, kernel::PART, directory::PART];
    below.into_iter().chain(mail::PARTS.iter().cloned()).collect()
}

/// The kinds of data that there are.
const KINDS: &[Kind] = &[mail::KIND];

/// The floors below, open.
#[derive(Clone)]
pub struct Node {
    /// Accounts and their history, over the database.
    pub kernel: Kernel,
    /// Organisations, people and what they may.
    pub directory: Directory,
    /// The program itself, with the limits in force.
    pub ctx: Ctx,
}

impl Node {
    /// Opens everything; the tables are brought up to date first.
    pub async fn open(config: &Config) -> Result<Self> {
        let limits = Arc::new(config.limits.clone());
        let ctx = Ctx::system(Clock::system(), Random::system(), limits.clone());
        let key = key::open(config, &ctx.random).await?;
        let store = Store::open(options(config, parts(), limits)?).await?;
        let kernel = Kernel::new(store, KINDS.to_vec(), key);
        let directory = Directory::new(kernel.clone(), hasher(config, &ctx.random)?)
            .with_login_domain(&config.mail.login_domain)
            .with_tree_names(TreeNames {
                rescue: config.history.rescue_label.clone(),
                images: config.history.images_label.clone(),
            });
        Ok(Self { kernel, directory, ctx })
    }

    /// An administrator at the machine: every right, through the door of the command line.
    pub fn at_the_machine(&self) -> Ctx {
        self.ctx.with_actor(Actor::system(), Door::Cli, SessionId(0))
    }

    /// The database.
    pub fn store(&self) -> &Store {
        self.kernel.store()
    }

    /// Ends what is under way and closes the database.
    pub async fn close(&self) {
        self.store().close().await;
    }
}

/// Hashes passwords at the cost that the configuration says.
fn hasher(config: &Config, random: &Random) -> Result<Hasher> {
    let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let passwords = &config.passwords;
    let costs = Costs {
        memory_kib: count(passwords.memory_kib),
        passes: count(passwords.passes),
        lanes: count(passwords.lanes),
    };
    Hasher::new(costs, usize::try_from(passwords.at_a_time).unwrap_or(1), random)
}

/// What a store is opened with, for `parts`.
fn options(config: &Config, parts: Vec<Part>, limits: Arc<Limits>) -> Result<StoreOptions> {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let backend = match config.store.backend {
        StoreBackend::Sqlite => {
            let path = sqlite_path(config);
            if let Some(parent) = path.parent() {
                folder::create(parent)?;
            }
            Backend::Sqlite { path, readers: count(config.store.readers) }
        }
        StoreBackend::Postgres => Backend::Postgres {
            url: config.store.postgres_url.clone(),
            writers: count(config.store.postgres_connections),
            readers: count(config.store.readers),
        },
    };
    Ok(StoreOptions { backend, parts, on_lock: Some(kernel::on_lock), limits, clock: Clock::system() })
}

/// The file of the embedded database.
fn sqlite_path(config: &Config) -> PathBuf {
    config.in_data_dir(&config.store.sqlite_path)
}

/// The migrations that a start would apply. Changes no table of ours.
pub async fn pending(config: &Config) -> Result<Vec<Step>> {
    Ok(steps_after(&parts(), &applied_before_start(config).await?))
}

/// The newest migration of each part of a database that is not open yet; none of a new one.
pub async fn applied_before_start(config: &Config) -> Result<BTreeMap<String, i64>> {
    if config.store.backend == StoreBackend::Sqlite && !sqlite_path(config).exists() {
        return Ok(BTreeMap::new());
    }
    let store = Store::open(options(config, Vec::new(), Arc::new(config.limits.clone()))?).await?;
    let applied = applied(&store).await;
    store.close().await;
    applied
}

/// The newest migration of each part of an open database.
async fn applied(store: &Store) -> Result<BTreeMap<String, i64>> {
    store
        .read(|tx| {
            tx.query("SELECT part, max(number) FROM schema_version GROUP BY part", params![], |row| {
                Ok((row.text(0)?, row.int(1)?))
            })
        })
        .await
        .map(|rows| rows.into_iter().collect())
}

fn steps_after(parts: &[Part], applied: &BTreeMap<String, i64>) -> Vec<Step> {
    let of_part = |part: &Part| {
        let done = applied.get(part.name).copied().unwrap_or(0);
        let name = part.name;
        let missing = part.migrations.iter().filter(move |migration| migration.number > done);
        missing.map(move |migration| Step { part: name, number: migration.number, name: migration.name })
    };
    parts.iter().flat_map(of_part).collect()
}

/// Whether the database has exactly the tables that this program knows.
pub async fn is_current(store: &Store) -> Result<()> {
    let applied = applied(store).await?;
    let missing = steps_after(store.parts(), &applied).len();
    if missing > 0 {
        return Err(Error::unavailable(
            "migrations",
            format!("{missing} are not applied; run `beffroi migrate`"),
        ));
    }
    // Newer ones may be there while nodes are upgraded one after another: that is allowed.
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::sql::Migration;

    #[test]
    fn steps_after_what_is_applied() {
        const MIGRATIONS: &[Migration] = &[
            Migration { number: 1, name: "ground", text: "" },
            Migration { number: 2, name: "more", text: "" },
        ];
        let parts = [Part { name: "a", schema: "", migrations: MIGRATIONS }];
        let numbers = |applied: &[(&str, i64)]| {
            let applied = applied.iter().map(|(part, number)| ((*part).to_owned(), *number)).collect();
            steps_after(&parts, &applied).iter().map(|step| step.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&[]), [1, 2]);
        assert_eq!(numbers(&[("a", 1), ("b", 9)]), [2]);
        assert_eq!(numbers(&[("a", 3)]), [0; 0]);
    }
}
