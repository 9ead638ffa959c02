//! One history: changes since, images, undelete windows, a chain that shows every forgery.

use base::{AccountId, Error, ItemId, Meaning, Seq};
use kernel::{FindingKind, ItemUpdate, Keep};
use store::params;
use testkit::note;
use testkit::world::{HERE, World, both};

const DAY_MS: i64 = 86_400_000;

#[test]
fn changes_since_are_paged_and_end_where_the_account_is() {
    both(|world| async move {
        let account = world.account(HERE).await;
        let inbox = world.collection(account, "Inbox").await;
        let ctx = world.ctx();
        for n in 0..30 {
            world
                .kernel
                .write(&ctx, account, move |batch| {
                    note::create(batch, inbox, "x", 0)?;
                    note::create(batch, inbox, "y", 0)?;
                    if n % 3 == 2 { batch.destroy(inbox, &[ItemId(n)]).map(|_| ()) } else { Ok(()) }
                })
                .await
                .unwrap();
        }
        let seen = world
            .kernel
            .read(&ctx, move |view| {
                let since = Seq(10);
                let mut page = view.changes(account, inbox, since, ItemId(0), 7)?;
                let mut all = Vec::new();
                while let Some(last) = page.last().cloned() {
                    all.append(&mut page);
                    page = view.changes_after(account, since, &last, 7)?;
                }
                Ok(all)
            })
            .await
            .unwrap();
        // 20 more commits with two items each, and removals of items made before and after.
        assert_eq!(seen.iter().filter(|change| change.created).count(), 42);
        assert!(seen.iter().all(|change| change.item.changed_seq > Seq(10)));
        let ids: std::collections::BTreeSet<_> = seen.iter().map(|change| change.item.id).collect();
        assert_eq!(ids.len(), seen.len(), "no item twice");
        let far =
            world.kernel.read(&ctx, move |view| view.changes(account, inbox, Seq(99), ItemId(0), 7)).await;
        assert_eq!(far.unwrap_err().meaning(), Meaning::Invalid);
    });
}

#[test]
fn versions_of_a_kind_that_keeps_them_are_all_there() {
    both(|world| async move {
        let account = world.account(HERE).await;
        let pages = world.collection_of("page", account, "Pages").await;
        let ctx = world.ctx();
        world.kernel.write(&ctx, account, move |batch| note::create(batch, pages, "one", 0)).await.unwrap();
        for text in ["two", "three"] {
            world
                .kernel
                .write(&ctx, account, move |batch| note::rewrite(batch, pages, ItemId(1), text))
                .await
                .unwrap();
        }
        let keep = Keep { sync_days: 0, undelete_days: 0, ..Keep::default() };
        world.engine.clock.advance_ms(400 * DAY_MS);
        world.kernel.prune(&ctx, account, keep).await.unwrap();
        let texts = world
            .kernel
            .read(&ctx, move |view| {
                let versions = view.versions(account, pages, ItemId(1))?;
                versions.into_iter().map(|(_, past)| note::text(view.tx(), account, past.content)).collect()
            })
            .await;
        let texts: Vec<String> = texts.unwrap();
        assert_eq!(texts, ["two", "one"]);
        world.sound(account).await;
    });
}

#[test]
fn what_no_mark_window_or_hold_needs_is_forgotten() {
    both(|world| async move {
        let account = world.account(HERE).await;
        let inbox = world.collection(account, "Inbox").await;
        let ctx = world.ctx();
        world
            .kernel
            .write(&ctx, account, move |batch| {
                (0..50).try_for_each(|_| note::create(batch, inbox, "text", 0).map(|_| ()))
            })
            .await
            .unwrap();
        world.kernel.mark(&ctx, account).await.unwrap().unwrap();
        assert_eq!(world.kernel.mark(&ctx, account).await.unwrap(), None, "nothing changed, no mark");
        let all: Vec<_> = (1..=50).map(ItemId).collect();
        let half = all[..25].to_vec();
        world
            .kernel
            .write(&ctx, account, move |batch| {
                batch.update(inbox, &all, &ItemUpdate { set: 1, ..ItemUpdate::default() })?;
                batch.destroy(inbox, &half)
            })
            .await
            .unwrap();
        let none = Keep { hourly: 0, daily: 0, monthly: 0, undelete_days: 30, sync_days: 10 };
        let first = world.kernel.prune(&ctx, account, none).await.unwrap();
        assert_eq!((first.marks, first.pasts > 0, first.items), (1, true, 0), "the undelete window is open");
        world.engine.clock.advance_ms(31 * DAY_MS);
        world.kernel.hold(&ctx, account, true).await.unwrap();
        assert_eq!(world.kernel.prune(&ctx, account, none).await.unwrap(), kernel::Pruned::default());
        world.kernel.hold(&ctx, account, false).await.unwrap();
        let said =
            world.kernel.read(&ctx, move |view| view.history(account, Seq(i64::MAX), 2)).await.unwrap();
        let said: Vec<&str> = said.iter().map(|commit| commit.changes.trim_end()).collect();
        assert_eq!(
            said,
            ["# legal%20hold%20lifted", "# legal%20hold%20set"],
            "who did it stands in the history"
        );
        let second = world.kernel.prune(&ctx, account, none).await.unwrap();
        assert_eq!((second.items, second.contents), (25, 25));
        let left = count(&world, "SELECT count(*) FROM note").await;
        assert_eq!(left, 25);
        let old = world.kernel.read(&ctx, move |view| view.collection_changes(account, Seq(1))).await;
        assert_eq!(old.unwrap_err().meaning(), Meaning::Conflict, "never a silent gap");
        world.sound(account).await;
    });
}

async fn count(world: &World, sql: &'static str) -> i64 {
    world.engine.store.read(move |tx| tx.query_one(sql, [], |row| row.int(0))).await.unwrap()
}

#[test]
fn r04_r07_an_altered_missing_or_reordered_row_is_found_and_named() {
    both(|world| async move {
        let forgeries: &[(&str, FindingKind)] = &[
            ("UPDATE commit_ SET actor_id = 99 WHERE account_id = $1 AND seq = 4", FindingKind::Chain),
            (
                "UPDATE commit_ SET changes = changes || ' ' WHERE account_id = $1 AND seq = 4",
                FindingKind::Chain,
            ),
            ("DELETE FROM commit_ WHERE account_id = $1 AND seq = 4", FindingKind::Chain),
            ("DELETE FROM commit_ WHERE account_id = $1 AND seq = 6", FindingKind::Chain),
            ("UPDATE commit_ SET at = at - 99999999 WHERE account_id = $1 AND seq = 5", FindingKind::Chain),
            ("UPDATE item SET flags = 8 WHERE account_id = $1 AND id = 2", FindingKind::Item),
            ("DELETE FROM item WHERE account_id = $1 AND id = 2", FindingKind::Item),
            ("UPDATE collection SET name = 'x' WHERE account_id = $1", FindingKind::Collection),
            ("UPDATE collection SET unseen = 7 WHERE account_id = $1", FindingKind::Counter),
            ("UPDATE account SET used_bytes = 7 WHERE id = $1", FindingKind::Counter),
            (
                "UPDATE mark SET hash = (SELECT head_hash FROM account WHERE id = $1) WHERE account_id = $1 \
              AND seq = 3",
                FindingKind::Mark,
            ),
            ("DELETE FROM note WHERE account_id = $1 AND id = 3", FindingKind::Content),
            (
                "INSERT INTO share (account_id, collection_id, subject_id, rights) VALUES ($1, 1, 5, 1)",
                FindingKind::Share,
            ),
        ];
        for (sql, kind) in forgeries {
            let account = example(&world).await;
            world.sound(account).await;
            let sql = (*sql).to_owned();
            let text = sql.clone();
            let rows = world.engine.store.write([], move |tx| tx.execute(&sql, params![account])).await;
            assert!(rows.unwrap() >= 1, "{text}");
            let findings = world.kernel.check(account).await.unwrap();
            assert!(findings.iter().any(|found| found.kind == *kind), "{text}: {findings:?}");
            if *kind == FindingKind::Counter {
                world.kernel.repair_counters(&world.ctx(), account).await.unwrap();
                world.sound(account).await;
            }
        }
    });
}

/// Six commits and a mark at the third.
async fn example(world: &World) -> AccountId {
    let account = world.account(HERE).await;
    let inbox = world.collection(account, "Inbox").await;
    let ctx = world.ctx();
    for n in 0..5 {
        world.engine.clock.advance_ms(1_000);
        world.kernel.write(&ctx, account, move |batch| note::create(batch, inbox, "text", 0)).await.unwrap();
        if n == 1 {
            world.kernel.mark(&ctx, account).await.unwrap();
        }
    }
    account
}

#[test]
fn a_forger_without_the_key_cannot_write_a_commit() {
    both(|world| async move {
        let account = example(&world).await;
        let other =
            kernel::Kernel::new(world.engine.store.clone(), vec![note::KIND], kernel::ChainKey::new([8; 32]));
        let inbox = base::CollectionId(1);
        let ctx = world.ctx();
        other.write(&ctx, account, move |batch| note::create(batch, inbox, "forged", 0)).await.unwrap();
        let findings = world.kernel.check(account).await.unwrap();
        assert_eq!(findings.len(), 1);
        assert!(findings[0].text.starts_with("commit 7"), "{findings:?}");
    });
}

#[test]
fn concurrent_writers_of_many_accounts_make_one_history_each() {
    both(|world| async move {
        let mut accounts = Vec::new();
        for _ in 0..6 {
            let account = world.account(HERE).await;
            accounts.push((account, world.collection(account, "Inbox").await));
        }
        let second = world.engine.second().await;
        let other = kernel::Kernel::new(
            second.clone(),
            world.kernel.kinds().to_vec(),
            kernel::ChainKey::new([7; 32]),
        );
        let mut tasks = Vec::new();
        for n in 0..120usize {
            let kernel = if n % 2 == 0 { world.kernel.clone() } else { other.clone() };
            let (ctx, accounts) = (world.ctx(), accounts.clone());
            tasks.push(tokio::spawn(async move {
                // Two accounts in one transaction, in either order.
                let (first, second) = (accounts[n % 6], accounts[(n * 5 + 1) % 6]);
                if n % 10 == 9 {
                    return kernel
                        .write(&ctx, first.0, move |batch| {
                            note::create(batch, first.1, "never", 0)?;
                            Err::<(), _>(Error::conflict("n", "ends in nine"))
                        })
                        .await
                        .is_err();
                }
                kernel
                    .write_many(&ctx, vec![first.0.0, second.0.0], move |many| {
                        many.batch(first.0, |batch| note::create(batch, first.1, "both", 0))?;
                        if second.0 != first.0 {
                            many.batch(second.0, |batch| note::create(batch, second.1, "both", 0))?;
                        }
                        Ok(())
                    })
                    .await
                    .is_ok()
            }));
        }
        for task in tasks {
            assert!(task.await.unwrap());
        }
        for (account, _) in accounts {
            world.sound(account).await;
        }
        assert_eq!(count(&world, "SELECT count(*) FROM note WHERE text = 'never'").await, 0);
        second.close().await;
    });
}
