//! Search: what is found, for whom, and how it keeps up.

use std::time::Duration;

use base::{AccountId, CollectionId, Ctx, Limits, Meaning};
use kernel::{ChainKey, Found, Keep, Kernel, Right, Rights, Scope, Search};
use store::sql::Dialect;
use testkit::engines::Engine;
use testkit::note;
use testkit::world::{ELSEWHERE, HERE, World, both, parts};

pub async fn open(world: &World) -> Search {
    Search::open(&world.kernel, &world.ctx(), world.engine.folder.path()).await.unwrap()
}

pub async fn caught_up(search: &Search) {
    tokio::time::timeout(Duration::from_mins(1), search.caught_up()).await.expect("the index catches up");
}

async fn add(world: &World, account: AccountId, collection: CollectionId, texts: &[&str]) {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let ctx = world.ctx();
    let add = world.kernel.write(&ctx, account, move |batch| {
        texts.iter().try_for_each(|text| note::create(batch, collection, text, 0).map(|_| ()))
    });
    add.await.unwrap();
}

/// The texts that were found, in their order.
async fn texts(world: &World, account: AccountId, found: &Found) -> Vec<String> {
    let contents: Vec<i64> = found.hits.iter().map(|hit| hit.content).collect();
    let read = world.engine.store.read(move |tx| {
        contents.into_iter().map(|content| note::text(tx, account, content)).collect::<base::Result<Vec<_>>>()
    });
    read.await.unwrap()
}

async fn find(world: &World, search: &Search, ctx: &Ctx, account: AccountId, text: &str) -> Vec<String> {
    let scope = Scope { limit: 100, ..Scope::default() };
    let found = search.search(ctx, account, text, &scope).await.unwrap();
    assert_eq!(found.more, None);
    texts(world, account, &found).await
}

#[test]
fn words_phrases_beginnings_and_exclusions_are_found_from_index_and_tail() {
    both(|world| async move {
        let search = open(&world).await;
        let anne = world.account(HERE).await;
        let inbox = world.collection(anne, "Inbox").await;
        let ctx = world.person(HERE, anne, &[]);
        let all = ["the quick brown fox", "Été à Besançon", "brown the fox quick", "東京都の天気", "a fox"];
        add(&world, anne, inbox, &all).await;
        let check = async |when: &str| {
            for (query, expected) in [
                ("fox", vec!["a fox", "brown the fox quick", "the quick brown fox"]),
                ("QUICK fox", vec!["brown the fox quick", "the quick brown fox"]),
                ("\"quick brown\"", vec!["the quick brown fox"]),
                ("fox -quick", vec!["a fox"]),
                ("fox NOT \"quick brown\"", vec!["a fox", "brown the fox quick"]),
                ("NOT fox", vec!["東京都の天気", "Été à Besançon"]),
                ("besanc*", vec!["Été à Besançon"]),
                ("ETE", vec!["Été à Besançon"]),
                ("\"the qu\"*", vec!["the quick brown fox"]),
                ("東京", vec!["東京都の天気"]),
                ("京東", vec![]),
                ("気", vec!["東京都の天気"]),
                ("nothing", vec![]),
            ] {
                assert_eq!(find(&world, &search, &ctx, anne, query).await, expected, "{query} {when}");
            }
        };
        check("while it is being indexed").await;
        caught_up(&search).await;
        check("from the index").await;
        assert_eq!((search.lag().accounts, search.lag().indexed), (0, 5));
        search.close().await;
    });
}

#[test]
fn only_what_the_asker_may_read_is_found() {
    both(|world| async move {
        let search = open(&world).await;
        let (anne, bruno) = (world.account(HERE).await, world.account(HERE).await);
        let stranger = world.person(ELSEWHERE, world.account(ELSEWHERE).await, &[]);
        let (inbox, other) = (world.collection(anne, "Inbox").await, world.collection(anne, "Other").await);
        add(&world, anne, inbox, &["fox one"]).await;
        add(&world, anne, other, &["fox two"]).await;
        caught_up(&search).await;
        add(&world, anne, other, &["fox three"]).await;
        let (hers, his) = (world.person(HERE, anne, &[]), world.person(HERE, bruno, &[]));
        assert_eq!(find(&world, &search, &hers, anne, "fox").await, ["fox three", "fox two", "fox one"]);
        let scope = Scope { limit: 10, ..Scope::default() };
        let error = async |ctx: &Ctx, account, scope: &Scope| {
            let error = search.search(ctx, account, "fox", scope).await.unwrap_err();
            (error.meaning(), error.to_string())
        };
        let missing = error(&his, AccountId(4_711), &scope).await;
        assert_eq!(missing.0, Meaning::NotFound);
        assert_eq!(
            (error(&his, anne, &scope).await, error(&stranger, anne, &scope).await),
            (missing.clone(), missing)
        );
        let rights: Rights = [Right::Read].into_iter().collect();
        world.kernel.write(&hers, anne, move |batch| batch.share(inbox, bruno, rights)).await.unwrap();
        assert_eq!(find(&world, &search, &his, anne, "fox").await, ["fox one"]);
        let closed = Scope { collections: Some(vec![inbox, other]), ..scope.clone() };
        assert_eq!(error(&his, anne, &closed).await.0, Meaning::NotFound);
        let narrow = Scope { collections: Some(vec![other]), ..scope };
        let found = search.search(&hers, anne, "fox", &narrow).await.unwrap();
        assert_eq!(texts(&world, anne, &found).await, ["fox three", "fox two"]);
        // A collection that is gone is found in no more, and again when it is back.
        world.kernel.write(&hers, anne, move |batch| batch.destroy_collection(other)).await.unwrap();
        assert_eq!(find(&world, &search, &hers, anne, "fox").await, ["fox one"]);
        caught_up(&search).await;
        let back = move |batch: &mut kernel::Batch<'_, '_>| {
            batch.restore_collection(other, CollectionId(0), "Other")
        };
        world.kernel.write(&hers, anne, back).await.unwrap();
        assert_eq!(find(&world, &search, &hers, anne, "fox").await.len(), 3);
        caught_up(&search).await;
        assert_eq!(find(&world, &search, &hers, anne, "fox").await.len(), 3);
        search.close().await;
    });
}

#[test]
fn pages_follow_one_another_and_hold_every_item_once() {
    both(|world| async move {
        let search = open(&world).await;
        let anne = world.account(HERE).await;
        let (inbox, other) = (world.collection(anne, "Inbox").await, world.collection(anne, "Other").await);
        let ctx = world.person(HERE, anne, &[]);
        for part in 0..10 {
            let many: Vec<String> = (0..100).map(|n| format!("needle {}", part * 100 + n)).collect();
            add(&world, anne, inbox, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
            if part == 7 {
                caught_up(&search).await;
            }
        }
        let copy = move |batch: &mut kernel::Batch<'_, '_>| batch.copy_to(inbox, &[base::ItemId(500)], other);
        world.kernel.write(&ctx, anne, copy).await.unwrap();
        for _ in 0..2 {
            let mut all = Vec::new();
            let mut scope = Scope { limit: 70, ..Scope::default() };
            loop {
                let found = search.search(&ctx, anne, "needle", &scope).await.unwrap();
                assert!((1..=71).contains(&found.hits.len()), "{}", found.hits.len());
                all.extend(found.hits);
                scope.after = found.more;
                if found.more.is_none() {
                    break;
                }
            }
            assert_eq!(all.len(), 1_001);
            assert!(all.is_sorted_by_key(|hit| std::cmp::Reverse(hit.content)));
            caught_up(&search).await;
        }
        // A scope that few of the matches lie in is searched to its end.
        let scope = Scope { collections: Some(vec![other]), limit: 10, after: None };
        assert_eq!(search.search(&ctx, anne, "needle", &scope).await.unwrap().hits.len(), 1);
        search.close().await;
    });
}

#[test]
fn no_statement_of_search_reads_a_whole_table() {
    both(|world| async move {
        world.engine.store.record_statements();
        let search = open(&world).await;
        search.store().record_statements();
        let anne = world.account(HERE).await;
        let inbox = world.collection(anne, "Inbox").await;
        let ctx = world.person(HERE, anne, &[]);
        for part in 0..5 {
            let many: Vec<String> = (0..200).map(|n| format!("needle {}", part * 200 + n)).collect();
            add(&world, anne, inbox, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
        }
        caught_up(&search).await;
        if world.engine.dialect() == Dialect::Postgres {
            search.store().write([], |tx| tx.execute("ANALYZE search_doc", [])).await.unwrap();
        }
        assert_eq!(find(&world, &search, &ctx, anne, "needle -777 99*").await.len(), 11);
        testkit::plans::no_scans(&world.engine.store, &[]).await;
        // The index of words is a virtual table: it is always said to be scanned.
        testkit::plans::no_scans(search.store(), &["search_words MATCH", "ANALYZE"]).await;
        search.close().await;
    });
}

#[test]
fn a_deleted_or_broken_index_is_made_again() {
    both(|world| async move {
        let anne = world.account(HERE).await;
        let inbox = world.collection(anne, "Inbox").await;
        let ctx = world.person(HERE, anne, &[]);
        add(&world, anne, inbox, &["needle one", "needle two"]).await;
        let search = open(&world).await;
        caught_up(&search).await;
        assert_eq!(search.lag().indexed, 2);
        search.rebuild().await.unwrap();
        assert_eq!(find(&world, &search, &ctx, anne, "needle").await.len(), 2);
        caught_up(&search).await;
        assert_eq!(search.lag().indexed, 4);
        assert_eq!(find(&world, &search, &ctx, anne, "needle").await.len(), 2);
        search.close().await;
        // What was written while nobody followed is found after a restart.
        add(&world, anne, inbox, &["needle three"]).await;
        let search = open(&world).await;
        assert_eq!(find(&world, &search, &ctx, anne, "needle").await.len(), 3);
        caught_up(&search).await;
        assert_eq!(search.lag().indexed, 1, "only what was missing");
        search.close().await;
        if world.engine.dialect() == Dialect::Sqlite {
            for damage in [None, Some(vec![7_u8; 9_000])] {
                for name in ["search.sqlite", "search.sqlite-wal", "search.sqlite-shm"] {
                    let _ = std::fs::remove_file(world.engine.folder.path().join(name));
                }
                if let Some(damage) = damage {
                    std::fs::write(world.engine.folder.path().join("search.sqlite"), damage).unwrap();
                }
                let search = open(&world).await;
                caught_up(&search).await;
                assert_eq!(search.lag().indexed, 3);
                assert_eq!(find(&world, &search, &ctx, anne, "needle").await.len(), 3);
                search.close().await;
            }
        }
    });
}

#[test]
fn an_account_whose_history_was_pruned_is_indexed_anew() {
    both(|world| async move {
        let anne = world.account(HERE).await;
        let inbox = world.collection(anne, "Inbox").await;
        let ctx = world.person(HERE, anne, &[]);
        add(&world, anne, inbox, &["needle one", "needle two", "needle three"]).await;
        let search = open(&world).await;
        caught_up(&search).await;
        search.close().await;
        let gone = move |batch: &mut kernel::Batch<'_, '_>| batch.destroy(inbox, &[base::ItemId(2)]);
        world.kernel.write(&ctx, anne, gone).await.unwrap();
        world.engine.clock.advance_ms(400 * 86_400_000);
        add(&world, anne, inbox, &["needle four"]).await;
        let keep = Keep { hourly: 1, daily: 0, monthly: 0, undelete_days: 0, sync_days: 0 };
        world.kernel.prune(&world.ctx(), anne, keep).await.unwrap();
        let search = open(&world).await;
        let expected = ["needle four", "needle three", "needle one"];
        assert_eq!(find(&world, &search, &ctx, anne, "needle").await, expected);
        caught_up(&search).await;
        assert_eq!(find(&world, &search, &ctx, anne, "needle").await, expected);
        search.close().await;
    });
}

#[test]
fn what_retention_forgot_is_swept_from_the_index() {
    both(|world| async move {
        let anne = world.account(HERE).await;
        let (inbox, other) = (world.collection(anne, "Inbox").await, world.collection(anne, "Other").await);
        let ctx = world.person(HERE, anne, &[]);
        let search = open(&world).await;
        add(&world, anne, inbox, &["needle one"]).await;
        add(&world, anne, other, &["needle two", "needle three"]).await;
        world.kernel.write(&ctx, anne, move |batch| batch.destroy_collection(other)).await.unwrap();
        caught_up(&search).await;
        assert_eq!(search.sweep(anne).await.unwrap(), 0, "it can still come back");
        world.engine.clock.advance_ms(400 * 86_400_000);
        add(&world, anne, inbox, &["needle four"]).await;
        caught_up(&search).await;
        let keep = Keep { hourly: 1, daily: 0, monthly: 0, undelete_days: 0, sync_days: 0 };
        world.kernel.prune(&world.ctx(), anne, keep).await.unwrap();
        assert_eq!(search.sweep(anne).await.unwrap(), 2);
        assert_eq!(search.sweep(anne).await.unwrap(), 0);
        add(&world, anne, inbox, &["needle five"]).await;
        caught_up(&search).await;
        let expected = ["needle five", "needle four", "needle one"];
        assert_eq!(find(&world, &search, &ctx, anne, "needle").await, expected);
        search.close().await;
    });
}

#[test]
fn a_search_far_ahead_of_the_index_waits_for_it() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(async {
            let limits = Limits { search_tail_items: 10, ..Limits::default() };
            let engine = Engine::with_limits(dialect, &parts(), Some(kernel::on_lock), limits).await;
            let world = World::over(engine);
            let anne = world.account(HERE).await;
            let inbox = world.collection(anne, "Inbox").await;
            let ctx = world.person(HERE, anne, &[]);
            // Another node follows, which does not hear of commits made here.
            let second = world.engine.second().await;
            let other = Kernel::new(second.clone(), vec![note::KIND], ChainKey::new([7; 32]));
            let search = Search::open(&other, &world.ctx(), world.engine.folder.path()).await.unwrap();
            caught_up(&search).await;
            let many: Vec<String> = (0..50).map(|n| format!("needle {n}")).collect();
            add(&world, anne, inbox, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
            assert_eq!(search.lag().indexed, 0);
            assert_eq!(find(&world, &search, &ctx, anne, "needle").await.len(), 50);
            assert_eq!(search.lag().indexed, 50, "the search made the follower look");
            search.close().await;
            second.close().await;
            world.engine.store.close().await;
        });
    }
}

#[test]
fn two_nodes_share_the_indexing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::new(Dialect::Postgres).await;
        let second = world.engine.second().await;
        let other = Kernel::new(second.clone(), vec![note::KIND], ChainKey::new([7; 32]));
        let here = open(&world).await;
        let there = Search::open(&other, &world.ctx(), world.engine.folder.path()).await.unwrap();
        let mut accounts = Vec::new();
        for _ in 0..10 {
            let account = world.account(HERE).await;
            accounts.push((account, world.collection(account, "Inbox").await));
        }
        for round in 0..10 {
            for &(account, inbox) in &accounts {
                let kernel = if round % 2 == 0 { &world.kernel } else { &other };
                let text = format!("needle {round}");
                let add = move |batch: &mut kernel::Batch<'_, '_>| note::create(batch, inbox, &text, 0);
                kernel.write(&world.ctx(), account, add).await.unwrap();
            }
            // Each node indexes while the other one waits for more to come.
            caught_up(if round % 2 == 0 { &here } else { &there }).await;
        }
        caught_up(&here).await;
        caught_up(&there).await;
        println!("indexed {} and {}", here.lag().indexed, there.lag().indexed);
        assert!(here.lag().indexed > 0 && there.lag().indexed > 0);
        for &(account, _) in &accounts {
            for search in [&here, &there] {
                assert_eq!(find(&world, search, &world.ctx(), account, "needle").await.len(), 10);
            }
        }
        // Both know that nothing is missing.
        let missing = "SELECT count(*) FROM account a LEFT JOIN search_account s ON s.account_id = a.id \
                       WHERE s.seq IS NULL OR s.seq < a.seq OR s.busy_by <> ''";
        let settled = tokio::time::timeout(Duration::from_secs(30), async {
            while here.store().read(move |tx| tx.query_one(missing, [], |row| row.int(0))).await.unwrap() > 0
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        settled.await.expect("every account is complete and let go");
        here.close().await;
        there.close().await;
        second.close().await;
        world.engine.store.close().await;
    });
}
