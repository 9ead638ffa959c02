//! A random history against a model: the present, every mark, changes since every commit, before and after
//! pruning, on both engines.

use std::collections::{BTreeMap, BTreeSet};

use base::{AccountId, CollectionId, Ctx, ItemId, Random, Seq};
use kernel::{ItemUpdate, Keep, NewCollection};
use testkit::note;
use testkit::world::{HERE, World, both};

const STEPS: usize = 160;

type Entries = BTreeMap<i64, (i64, i64)>;
type State = BTreeMap<i64, (String, Entries)>;

/// Name and items (id to content and flags) of each collection.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    live: State,
    gone: State,
}

struct Dice(Random);

impl Dice {
    fn below(&self, n: usize) -> usize {
        usize::try_from(self.0.u64() % n.max(1) as u64).unwrap()
    }

    fn pick<T: Clone>(&self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).cloned()
    }

    fn some(&self, entries: &Entries) -> Vec<ItemId> {
        entries.keys().filter(|_| self.below(3) == 0).map(|id| ItemId(*id)).collect()
    }
}

async fn read_now(world: &World, ctx: &Ctx, account: AccountId) -> State {
    let read = world.kernel.read(ctx, move |view| {
        let mut out = BTreeMap::new();
        for info in view.collections(account, None)? {
            let items = view.page(account, info.id, ItemId(0), 1_000)?;
            let items = items.into_iter().map(|item| (item.id.0, (item.content, item.flags))).collect();
            out.insert(info.id.0, (info.name, items));
        }
        Ok(out)
    });
    read.await.unwrap()
}

async fn read_mark(world: &World, ctx: &Ctx, account: AccountId, mark: Seq) -> State {
    let read = world.kernel.read(ctx, move |view| {
        let mut out = BTreeMap::new();
        for was in view.tree_as_of(account, mark)? {
            let mut items = Entries::new();
            let mut after = ItemId(0);
            loop {
                let page = view.page_as_of(account, mark, was.id, after, 5)?;
                let Some(last) = page.last() else { break };
                after = last.id;
                items.extend(page.into_iter().map(|item| (item.id.0, (item.content, item.flags))));
            }
            assert_eq!(was.total, i64::try_from(items.len()).unwrap(), "the counter of the image");
            out.insert(was.id.0, (was.name, items));
        }
        Ok(out)
    });
    read.await.unwrap()
}

#[test]
fn a03_r04_every_view_of_a_random_history_equals_the_model() {
    both(|world| async move {
        world.engine.store.record_statements();
        for seed in 0..2 {
            story(&world, seed).await;
        }
        // The check of a whole account reads all of it.
        testkit::plans::no_scans(&world.engine.store, &["t.id IS NULL", "b.hash IS NULL"]).await;
    });
}

async fn story(world: &World, seed: u64) {
    let ctx = world.ctx();
    let dice = Dice(Random::seeded(seed));
    let account = world.account(HERE).await;
    let mut model = Model::default();
    let mut marks = Vec::new();
    let mut snapshots: Vec<(Seq, State)> = Vec::new();
    for step in 0..STEPS {
        world.engine.clock.advance_ms(60_000 * 7);
        act(world, &ctx, account, &dice, &mut model, step).await;
        let now = read_now(world, &ctx, account).await;
        assert_eq!(now, model.live, "step {step} of seed {seed}");
        let seq = world.kernel.read(&ctx, move |view| view.seq(account)).await.unwrap();
        if step % 10 == 3 {
            snapshots.push((seq, now.clone()));
        }
        if dice.below(6) == 0
            && let Some(mark) = world.kernel.mark(&ctx, account).await.unwrap()
        {
            marks.push((mark, now));
        }
    }
    world.sound(account).await;
    for (mark, was) in &marks {
        assert_eq!(&read_mark(world, &ctx, account, *mark).await, was, "mark {mark}");
    }
    for (since, was) in &snapshots {
        assert_eq!(&follow(world, &ctx, account, *since, was.clone()).await, &model.live, "since {since}");
    }
    let keep = Keep { hourly: 3, daily: 1, monthly: 0, undelete_days: 0, sync_days: 0 };
    world.kernel.prune(&ctx, account, keep).await.unwrap();
    let kept = world.kernel.read(&ctx, move |view| view.marks(account)).await.unwrap();
    let kept: BTreeSet<Seq> = kept.into_iter().map(|(seq, _)| seq).collect();
    assert!(!kept.is_empty() && kept.len() < marks.len());
    for (mark, was) in marks.iter().filter(|(mark, _)| kept.contains(mark)) {
        assert_eq!(&read_mark(world, &ctx, account, *mark).await, was, "mark {mark} after pruning");
    }
    assert_eq!(read_now(world, &ctx, account).await, model.live);
    world.sound(account).await;
}

/// What a client does that knew the state at `since`.
async fn follow(world: &World, ctx: &Ctx, account: AccountId, since: Seq, mut known: State) -> State {
    let read = world.kernel.read(ctx, move |view| {
        for change in view.collection_changes(account, since)? {
            let id = change.info.id;
            if change.gone {
                known.remove(&id.0);
                continue;
            }
            let here = known.entry(id.0).or_default();
            here.0.clone_from(&change.info.name);
            // A collection that came back is read anew, as any client does with one that it does not know.
            let from = if here.1.is_empty() { Seq(0) } else { since };
            let mut page = view.changes(account, id, from, ItemId(0), 4)?;
            while let Some(last) = page.last().cloned() {
                for change in page {
                    if change.gone {
                        here.1.remove(&change.item.id.0);
                    } else {
                        here.1.insert(change.item.id.0, (change.item.content, change.item.flags));
                    }
                }
                page = view.changes_after(account, from, &last, 4)?;
            }
        }
        Ok(known)
    });
    read.await.unwrap()
}

async fn act(world: &World, ctx: &Ctx, account: AccountId, dice: &Dice, model: &mut Model, step: usize) {
    let ids: Vec<i64> = model.live.keys().copied().collect();
    let Some(id) = dice.pick(&ids).filter(|_| dice.below(12) != 0) else {
        return make(world, ctx, account, model, step).await;
    };
    let here = CollectionId(id);
    let kernel = &world.kernel;
    match dice.below(10) {
        0..=3 => {
            let flags = i64::try_from(dice.below(4)).unwrap();
            let made =
                kernel.write(ctx, account, move |batch| note::create(batch, here, "text", flags)).await;
            let made = made.unwrap();
            model.live.get_mut(&id).unwrap().1.insert(made.item.0, (made.content, flags));
        }
        4 | 5 => {
            let items = dice.some(&model.live[&id].1);
            let bit = 1 << dice.below(3);
            let (set, clear) = if dice.below(2) == 0 { (bit, 0) } else { (0, bit) };
            for item in &items {
                let entry = model.live.get_mut(&id).unwrap().1.get_mut(&item.0).unwrap();
                entry.1 = (entry.1 | set) & !clear;
            }
            let update = ItemUpdate { set, clear, ..ItemUpdate::default() };
            kernel.write(ctx, account, move |batch| batch.update(here, &items, &update)).await.unwrap();
        }
        6 => {
            let items = dice.some(&model.live[&id].1);
            for item in &items {
                model.live.get_mut(&id).unwrap().1.remove(&item.0);
            }
            kernel.write(ctx, account, move |batch| batch.destroy(here, &items)).await.unwrap();
        }
        7 => {
            let Some(to) = dice.pick(&ids).filter(|to| *to != id) else { return };
            let items = dice.some(&model.live[&id].1);
            let target = CollectionId(to);
            let moved = kernel.write(ctx, account, move |batch| batch.move_to(here, &items, target)).await;
            for (old, new) in moved.unwrap() {
                let entry = model.live.get_mut(&id).unwrap().1.remove(&old.0).unwrap();
                model.live.get_mut(&to).unwrap().1.insert(new.0, entry);
            }
        }
        8 => {
            let Some(item) = model.live[&id].1.keys().next().copied() else { return };
            kernel
                .write(ctx, account, move |batch| note::rewrite(batch, here, ItemId(item), "changed"))
                .await
                .unwrap();
            let now = read_now(world, ctx, account).await[&id].1[&item];
            let entry = model.live.get_mut(&id).unwrap().1.get_mut(&item).unwrap();
            assert_ne!(now.0, entry.0, "a new content");
            entry.0 = now.0;
        }
        _ => fold(world, ctx, account, dice, model, id).await,
    }
}

async fn make(world: &World, ctx: &Ctx, account: AccountId, model: &mut Model, step: usize) {
    let name = format!("c{step}");
    let text = name.clone();
    let made = world.kernel.write(ctx, account, move |batch| {
        batch.create_collection(&NewCollection { kind: "note", name: &text, ..NewCollection::default() })
    });
    model.live.insert(made.await.unwrap().0, (name, Entries::new()));
}

/// Renames, removes or brings back a collection.
async fn fold(world: &World, ctx: &Ctx, account: AccountId, dice: &Dice, model: &mut Model, id: i64) {
    let here = CollectionId(id);
    match dice.below(3) {
        0 => {
            let name = format!("{}'", model.live[&id].0);
            model.live.get_mut(&id).unwrap().0.clone_from(&name);
            let renamed = world.kernel.write(ctx, account, move |batch| {
                batch.update_collection(here, None, Some(&name), None, None)
            });
            renamed.await.unwrap();
        }
        1 => {
            let was = model.live.remove(&id).unwrap();
            model.gone.insert(id, was);
            world.kernel.write(ctx, account, move |batch| batch.destroy_collection(here)).await.unwrap();
        }
        _ => {
            let gone: Vec<i64> = model.gone.keys().copied().collect();
            let Some(back) = dice.pick(&gone) else { return };
            let was = model.gone.remove(&back).unwrap();
            let name = was.0.clone();
            model.live.insert(back, was);
            let restored = world.kernel.write(ctx, account, move |batch| {
                batch.restore_collection(CollectionId(back), CollectionId(0), &name)
            });
            restored.await.unwrap();
        }
    }
}
