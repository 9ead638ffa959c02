//! Search against brute force: random changes and random searches on both engines, at any lag.

use std::collections::BTreeSet;
use std::sync::Mutex;

use base::{AccountId, CollectionId, Ctx, ItemId};
use kernel::{Batch, ItemUpdate, Scope, Search};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use testkit::note;
use testkit::world::{HERE, World};

use super::search::{caught_up, open};

const VOCABULARY: [&str; 8] = ["ant", "antler", "bee", "beetle", "cat", "dog", "Élan", "東京"];
const FOLDED: [&str; 8] = ["ant", "antler", "bee", "beetle", "cat", "dog", "elan", "東京"];

#[derive(Debug, Clone)]
enum Act {
    Create(usize, Vec<usize>),
    Rewrite(usize, Vec<usize>),
    Move(usize),
    Copy(usize),
    Flag(usize),
    Destroy(usize),
    Undelete(usize),
    CatchUp,
    Rebuild,
    Search(Vec<Word>),
}

/// Words of the vocabulary one behind the other; the last one may be only the beginning.
#[derive(Debug, Clone)]
struct Word {
    phrase: Vec<usize>,
    negated: bool,
    cut: bool,
}

fn text() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..VOCABULARY.len(), 0..6)
}

fn act() -> impl Strategy<Value = Act> {
    let word = (prop::collection::vec(0..VOCABULARY.len(), 1..3), prop::bool::weighted(0.25), any::<bool>())
        .prop_map(|(phrase, negated, cut)| Word { phrase, negated, cut });
    prop_oneof![
        5 => (0..2_usize, text()).prop_map(|(at, text)| Act::Create(at, text)),
        2 => (any::<usize>(), text()).prop_map(|(at, text)| Act::Rewrite(at, text)),
        1 => any::<usize>().prop_map(Act::Move),
        1 => any::<usize>().prop_map(Act::Copy),
        1 => any::<usize>().prop_map(Act::Flag),
        2 => any::<usize>().prop_map(Act::Destroy),
        2 => any::<usize>().prop_map(Act::Undelete),
        3 => Just(Act::CatchUp),
        1 => prop::bool::weighted(0.1).prop_map(|rebuild| if rebuild { Act::Rebuild } else { Act::CatchUp }),
        6 => prop::collection::vec(word, 1..4).prop_map(Act::Search),
    ]
}

fn write(text: &[usize]) -> String {
    text.iter().map(|word| VOCABULARY[*word]).collect::<Vec<_>>().join(" ")
}

fn typed(words: &[Word]) -> String {
    let one = |word: &Word| {
        let phrase = word.phrase.iter().map(|word| FOLDED[*word]).collect::<Vec<_>>().join(" ");
        let not = if word.negated { "NOT " } else { "" };
        format!("{not}\"{phrase}\"{}", if word.cut { "*" } else { "" })
    };
    words.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Whether a text of vocabulary words is meant, without any of the code under test.
fn meant(text: &str, words: &[Word]) -> bool {
    let folded: Vec<&str> = (text.split(' '))
        .filter_map(|word| VOCABULARY.iter().position(|known| *known == word).map(|at| FOLDED[at]))
        .collect();
    words.iter().all(|word| {
        let found = folded.windows(word.phrase.len()).any(|window| {
            window.iter().zip(&word.phrase).enumerate().all(|(at, (have, want))| {
                let last = at + 1 == word.phrase.len();
                if last && word.cut { have.starts_with(FOLDED[*want]) } else { *have == FOLDED[*want] }
            })
        });
        found != word.negated
    })
}

type Entry = (CollectionId, ItemId, i64);

struct Story<'w> {
    world: &'w World,
    search: &'w Search,
    ctx: Ctx,
    account: AccountId,
    collections: [CollectionId; 2],
    destroyed: Mutex<Vec<(CollectionId, ItemId)>>,
}

impl Story<'_> {
    async fn entries(&self) -> Vec<Entry> {
        let (account, collections) = (self.account, self.collections);
        let read = self.world.kernel.read(&self.ctx, move |view| {
            let mut out = Vec::new();
            for collection in collections {
                let page = view.page(account, collection, ItemId(0), 1_000)?;
                out.extend(page.into_iter().map(|item| (collection, item.id, item.content)));
            }
            Ok(out)
        });
        read.await.unwrap()
    }

    async fn write(&self, run: impl Fn(&mut Batch<'_, '_>) -> base::Result<()> + Send + 'static) {
        self.world.kernel.write(&self.ctx, self.account, run).await.unwrap();
    }

    async fn act(&self, act: &Act) {
        let entries = self.entries().await;
        let pick = |at: usize| entries.get(at % entries.len().max(1)).copied();
        let other = |collection| self.collections.into_iter().find(|id| *id != collection).unwrap();
        match act {
            Act::Create(at, text) => {
                let (collection, text) = (self.collections[*at], write(text));
                self.write(move |batch| note::create(batch, collection, &text, 0).map(|_| ())).await;
            }
            Act::Rewrite(at, text) => {
                if let Some((collection, item, _)) = pick(*at) {
                    let text = write(text);
                    self.write(move |batch| note::rewrite(batch, collection, item, &text)).await;
                }
            }
            Act::Move(at) => {
                if let Some((collection, item, _)) = pick(*at) {
                    let to = other(collection);
                    self.write(move |batch| batch.move_to(collection, &[item], to).map(|_| ())).await;
                }
            }
            Act::Copy(at) => {
                if let Some((collection, item, _)) = pick(*at) {
                    let to = other(collection);
                    let copy = self.world.kernel.write(&self.ctx, self.account, move |batch| {
                        batch.copy_to(collection, &[item], to).map(|_| ())
                    });
                    // It may be there already.
                    let _ = copy.await;
                }
            }
            Act::Flag(at) => {
                if let Some((collection, item, _)) = pick(*at) {
                    let update = ItemUpdate { set: 1, ..ItemUpdate::default() };
                    self.write(move |batch| batch.update(collection, &[item], &update).map(|_| ())).await;
                }
            }
            Act::Destroy(at) => {
                if let Some((collection, item, _)) = pick(*at) {
                    self.write(move |batch| batch.destroy(collection, &[item]).map(|_| ())).await;
                    self.destroyed.lock().unwrap().push((collection, item));
                }
            }
            Act::Undelete(at) => {
                let gone = self.destroyed.lock().unwrap().clone();
                if let Some((from, item)) = gone.get(at % gone.len().max(1)).copied() {
                    let to = other(from);
                    let back = self.world.kernel.write(&self.ctx, self.account, move |batch| {
                        batch.undelete(from, &[item], to, 0).map(|_| ())
                    });
                    // It may be back already.
                    let _ = back.await;
                }
            }
            Act::CatchUp => caught_up(self.search).await,
            Act::Rebuild => self.search.rebuild().await.unwrap(),
            Act::Search(words) => self.compare(words, entries).await,
        }
    }

    async fn compare(&self, words: &[Word], entries: Vec<Entry>) {
        let account = self.account;
        let wanted = words.to_vec();
        let expected = self.world.engine.store.read(move |tx| {
            let mut out = BTreeSet::new();
            for (collection, item, content) in entries {
                if meant(&note::text(tx, account, content)?, &wanted) {
                    out.insert((collection, item, content));
                }
            }
            Ok(out)
        });
        let expected: BTreeSet<Entry> = expected.await.unwrap();
        let query = typed(words);
        let scope = Scope { limit: 1_000, ..Scope::default() };
        let found = self.search.search(&self.ctx, self.account, &query, &scope).await.unwrap();
        let all: Vec<Entry> = found.hits.iter().map(|hit| (hit.collection, hit.item, hit.content)).collect();
        let once: BTreeSet<Entry> = all.iter().copied().collect();
        assert_eq!(all.len(), once.len(), "each once: {query}");
        assert_eq!(once, expected, "{query}");
    }
}

#[test]
fn searches_find_what_brute_force_finds() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for dialect in [store::sql::Dialect::Sqlite, store::sql::Dialect::Postgres] {
        let world = runtime.block_on(World::new(dialect));
        let search = runtime.block_on(open(&world));
        let config = Config { cases: 25, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(
            config,
            proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
        );
        let done = runner.run(&prop::collection::vec(act(), 1..60), |acts| {
            runtime.block_on(async {
                let account = world.account(HERE).await;
                let collections =
                    [world.collection(account, "One").await, world.collection(account, "Two").await];
                let ctx = world.person(HERE, account, &[]);
                let story = Story {
                    world: &world,
                    search: &search,
                    ctx,
                    account,
                    collections,
                    destroyed: Mutex::default(),
                };
                for act in &acts {
                    story.act(act).await;
                }
            });
            Ok(())
        });
        runtime.block_on(async {
            search.close().await;
            world.engine.store.close().await;
        });
        done.unwrap();
    }
}
