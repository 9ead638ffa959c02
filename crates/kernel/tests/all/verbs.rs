//! Collections and items: what the verbs do and refuse.

use base::{CollectionId, ItemId, Meaning, Seq};
use kernel::{ItemUpdate, NewCollection, SEEN};
use testkit::note;
use testkit::world::{HERE, World, both};

async fn items(world: &World, account: base::AccountId, collection: CollectionId) -> Vec<(i64, i64)> {
    world
        .kernel
        .read(&world.ctx(), move |view| view.page(account, collection, ItemId(0), 100))
        .await
        .unwrap()
        .into_iter()
        .map(|item| (item.id.0, item.flags))
        .collect()
}

#[test]
fn items_are_made_flagged_moved_removed_and_brought_back() {
    both(|world| async move {
        let account = world.account(HERE).await;
        let inbox = world.collection(account, "Inbox").await;
        let other = world.collection(account, "Other").await;
        let ctx = world.ctx();
        world
            .kernel
            .write(&ctx, account, move |batch| {
                for n in 0..5 {
                    note::create(batch, inbox, &format!("note {n}"), 0)?;
                }
                Ok(())
            })
            .await
            .unwrap();
        let changed = world
            .kernel
            .write(&ctx, account, move |batch| {
                let update = ItemUpdate { set: SEEN, ..ItemUpdate::default() };
                batch.update(inbox, &[ItemId(1), ItemId(2), ItemId(99)], &update)
            })
            .await
            .unwrap();
        assert_eq!(changed.missing, [ItemId(99)]);
        assert_eq!(items(&world, account, inbox).await, [(1, 1), (2, 1), (3, 0), (4, 0), (5, 0)]);
        let moved = world
            .kernel
            .write(&ctx, account, move |batch| batch.move_to(inbox, &[ItemId(4), ItemId(2)], other))
            .await
            .unwrap();
        assert_eq!(moved, [(ItemId(2), ItemId(1)), (ItemId(4), ItemId(2))]);
        world.kernel.write(&ctx, account, move |batch| batch.destroy(inbox, &[ItemId(1)])).await.unwrap();
        assert_eq!(items(&world, account, inbox).await, [(3, 0), (5, 0)]);
        let back = world
            .kernel
            .write(&ctx, account, move |batch| batch.undelete(inbox, &[ItemId(1), ItemId(2)], inbox, 0))
            .await
            .unwrap();
        assert_eq!(back, [(ItemId(1), ItemId(6))], "what was moved away is not in the bin");
        assert_eq!(items(&world, account, inbox).await, [(3, 0), (5, 0), (6, 1)]);
        let info = world.kernel.read(&ctx, move |view| view.collection(account, inbox)).await.unwrap();
        assert_eq!((info.total, info.unseen, info.bytes, info.uidnext), (3, 2, 18, 7));
        assert_eq!(world.kernel.read(&ctx, move |view| view.used_bytes(account)).await.unwrap(), 30);
        world.sound(account).await;
    });
}

#[test]
fn a_change_is_refused_when_the_item_changed_meanwhile() {
    both(|world| async move {
        let account = world.account(HERE).await;
        let inbox = world.collection(account, "Inbox").await;
        let ctx = world.ctx();
        let since = world
            .kernel
            .write(&ctx, account, move |batch| {
                note::create(batch, inbox, "a", 0)?;
                note::create(batch, inbox, "b", 0).map(|made| made.seq)
            })
            .await
            .unwrap();
        let flag = |items: Vec<ItemId>, since: Option<Seq>| {
            let (kernel, ctx) = (world.kernel.clone(), ctx.clone());
            async move {
                kernel
                    .write(&ctx, account, move |batch| {
                        let update = ItemUpdate { set: 2, unchanged_since: since, ..ItemUpdate::default() };
                        batch.update(inbox, &items, &update)
                    })
                    .await
                    .unwrap()
            }
        };
        flag(vec![ItemId(1)], None).await;
        let second = flag(vec![ItemId(1), ItemId(2)], Some(since)).await;
        assert_eq!((second.modified, second.done), (vec![ItemId(1)], vec![(ItemId(2), 2)]));
        world.sound(account).await;
    });
}

#[test]
fn bad_names_places_and_sizes_are_refused_naming_field_and_rule() {
    both(|world| async move {
        let account = world.account(HERE).await;
        let top = world.collection(account, "Top").await;
        let pages = world.collection_of("page", account, "Pages").await;
        let ctx = world.ctx();
        let make = |name: String, parent: CollectionId, kind: &'static str| {
            let (kernel, ctx) = (world.kernel.clone(), ctx.clone());
            async move {
                kernel
                    .write(&ctx, account, move |batch| {
                        batch.create_collection(&NewCollection {
                            kind,
                            parent,
                            name: &name,
                            ..NewCollection::default()
                        })
                    })
                    .await
                    .map_err(|error| (error.meaning(), error.field().to_owned()))
            }
        };
        let no = |meaning, field: &str| Err((meaning, field.to_owned()));
        let here = CollectionId(0);
        assert_eq!(make(" ".into(), here, "note").await, no(Meaning::Invalid, "name"));
        assert_eq!(make("a\nb".into(), here, "note").await, no(Meaning::Invalid, "name"));
        assert_eq!(make("x".repeat(256), here, "note").await, no(Meaning::TooLarge, "name"));
        assert_eq!(make("Top".into(), here, "note").await, no(Meaning::Conflict, "name"));
        assert_eq!(make("a".into(), CollectionId(99), "note").await.unwrap_err().0, Meaning::NotFound);
        assert_eq!(make("a".into(), pages, "note").await, no(Meaning::Invalid, "parent"));
        assert_eq!(make("a".into(), here, "nothing").await, no(Meaning::Invalid, "kind"));
        let child = make("child".into(), top, "note").await.unwrap();
        let cycle = world
            .kernel
            .write(&ctx, account, move |batch| batch.update_collection(top, Some(child), None, None, None))
            .await
            .unwrap_err();
        assert_eq!(cycle.to_string(), "parent: lies within the collection itself");
        let full = world
            .kernel
            .write(&ctx, account, move |batch| {
                batch.set_quota(Some(3));
                note::create(batch, top, "abcd", 0)
            })
            .await
            .unwrap_err();
        assert_eq!(full.meaning(), Meaning::OverQuota);
        let mut parent = here;
        let mut refused = None;
        for level in 0..40 {
            match make(format!("deep {level}"), parent, "note").await {
                Ok(id) => parent = id,
                Err(error) => {
                    refused = Some((level, error));
                    break;
                }
            }
        }
        assert_eq!(refused, Some((33, (Meaning::Limit, "parent".to_owned()))));
        let missing = world.kernel.write(&ctx, base::AccountId(999), |batch| Ok(batch.seq())).await;
        assert_eq!(missing.unwrap_err().meaning(), Meaning::NotFound);
        world.sound(account).await;
    });
}

#[test]
fn a_collection_goes_and_comes_back_with_all_that_lay_in_it() {
    both(|world| async move {
        let account = world.account(HERE).await;
        let folder = world.collection(account, "Folder").await;
        let ctx = world.ctx();
        let before = world
            .kernel
            .write(&ctx, account, move |batch| {
                for n in 0..1_000 {
                    note::create(batch, folder, "x", n % 2)?;
                }
                Ok(batch.seq())
            })
            .await
            .unwrap();
        world.kernel.write(&ctx, account, move |batch| batch.destroy_collection(folder)).await.unwrap();
        let (used, gone) = world
            .kernel
            .read(&ctx, move |view| {
                Ok((view.used_bytes(account)?, view.collection_changes(account, before)?))
            })
            .await
            .unwrap();
        assert_eq!((used, gone.len(), gone[0].gone), (0, 1, true));
        let again = world.collection(account, "Folder").await;
        assert_ne!(again, folder);
        let taken = world
            .kernel
            .write(&ctx, account, move |batch| batch.restore_collection(folder, CollectionId(0), "Folder"))
            .await;
        assert_eq!(taken.unwrap_err().meaning(), Meaning::Conflict);
        world
            .kernel
            .write(&ctx, account, move |batch| {
                batch.restore_collection(folder, CollectionId(0), "Folder (restored)")
            })
            .await
            .unwrap();
        let info = world.kernel.read(&ctx, move |view| view.collection(account, folder)).await.unwrap();
        assert_eq!((info.total, info.unseen, info.name.as_str()), (1_000, 500, "Folder (restored)"));
        world.sound(account).await;
    });
}

#[test]
fn half_a_batch_is_never_kept() {
    both(|world| async move {
        let account = world.account(HERE).await;
        let inbox = world.collection(account, "Inbox").await;
        let ctx = world.ctx();
        let done = world
            .kernel
            .write_many(&ctx, [account.0], move |many| {
                // A caller that hides the error of its batch keeps nothing of it either.
                let _ = many.batch(account, |batch| {
                    note::create(batch, inbox, "a", 0)?;
                    batch.destroy(CollectionId(99), &[ItemId(1)])
                });
                Ok(())
            })
            .await;
        assert!(done.is_err());
        assert_eq!(items(&world, account, inbox).await, []);
        world.sound(account).await;
    });
}
