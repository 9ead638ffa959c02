//! Rights: who may do what in whose account.

use base::{AccountId, ItemId, Meaning};
use kernel::{ItemUpdate, Right, Rights, SEEN};
use testkit::note;
use testkit::world::{ELSEWHERE, HERE, both};

#[test]
fn another_account_does_not_exist_until_it_is_shared() {
    both(|world| async move {
        let (anne, bruno, group) =
            (world.account(HERE).await, world.account(HERE).await, world.account(HERE).await);
        let inbox = world.collection(anne, "Inbox").await;
        let hers = world.person(HERE, anne, &[]);
        let his = world.person(HERE, bruno, &[group]);
        world.kernel.write(&hers, anne, move |batch| note::create(batch, inbox, "a", 0)).await.unwrap();
        let see = |account: AccountId| {
            let (kernel, his) = (world.kernel.clone(), his.clone());
            async move { kernel.read(&his, move |view| view.page(account, inbox, ItemId(0), 10)).await }
        };
        let flag = |set: i64| {
            let (kernel, his) = (world.kernel.clone(), his.clone());
            async move {
                let update = ItemUpdate { set, ..ItemUpdate::default() };
                kernel
                    .write(&his, anne, move |batch| batch.update(inbox, &[ItemId(1)], &update))
                    .await
                    .map_err(|error| error.meaning())
            }
        };
        // As it is with an account that is not there at all.
        let missing = see(AccountId(12_345)).await.unwrap_err();
        assert_eq!(see(anne).await.unwrap_err().to_string(), missing.to_string());
        assert_eq!(flag(SEEN).await, Err(Meaning::NotFound));
        let rights: Rights = [Right::Read, Right::Seen].into_iter().collect();
        world.kernel.write(&hers, anne, move |batch| batch.share(inbox, group, rights)).await.unwrap();
        assert_eq!(see(anne).await.unwrap().len(), 1);
        assert!(flag(SEEN).await.is_ok());
        assert_eq!(flag(2).await, Err(Meaning::Forbidden));
        let listed = world.kernel.read(&his, move |view| view.collections(anne, None)).await.unwrap();
        assert_eq!((listed.len(), listed[0].rights), (1, rights));
        world.kernel.write(&hers, anne, move |batch| batch.share(inbox, group, Rights::NONE)).await.unwrap();
        assert_eq!(flag(SEEN).await, Err(Meaning::NotFound));
        assert!(world.kernel.read(&his, move |view| view.collections(anne, None)).await.unwrap().is_empty());
        world.sound(anne).await;
    });
}

#[test]
fn nobody_gives_more_than_they_hold_nor_to_another_organisation() {
    both(|world| async move {
        let (anne, bruno) = (world.account(HERE).await, world.account(HERE).await);
        let stranger = world.account(ELSEWHERE).await;
        let inbox = world.collection(anne, "Inbox").await;
        let hers = world.person(HERE, anne, &[]);
        let his = world.person(HERE, bruno, &[]);
        let some: Rights = [Right::Read, Right::Share].into_iter().collect();
        world.kernel.write(&hers, anne, move |batch| batch.share(inbox, bruno, some)).await.unwrap();
        let more: Rights = [Right::Read, Right::Delete].into_iter().collect();
        let colleague = world.account(HERE).await;
        let given = world.kernel.write(&his, anne, move |batch| batch.share(inbox, colleague, more)).await;
        assert_eq!(given.unwrap_err().meaning(), Meaning::Forbidden);
        let given = world.kernel.write(&hers, anne, move |batch| batch.share(inbox, stranger, some)).await;
        let nobody = AccountId(777_777);
        let missing = world.kernel.write(&hers, anne, move |batch| batch.share(inbox, nobody, some)).await;
        assert_eq!(given.unwrap_err().to_string(), missing.unwrap_err().to_string());
    });
}

#[test]
fn history_is_for_the_owner_and_the_auditor() {
    both(|world| async move {
        let (anne, bruno) = (world.account(HERE).await, world.account(HERE).await);
        let inbox = world.collection(anne, "Inbox").await;
        let hers = world.person(HERE, anne, &[]);
        let his = world.person(HERE, bruno, &[]);
        world.engine.clock.advance_ms(5_000);
        world.kernel.write(&hers, anne, move |batch| note::create(batch, inbox, "a", 0)).await.unwrap();
        let seen = world.kernel.read(&hers, move |view| view.history(anne, base::Seq(i64::MAX), 10)).await;
        let seen = seen.unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[0].actor, seen[0].door, seen[0].at), (anne, Some(base::Door::Jmap), hers.now_ms()));
        assert!(seen[0].changes.starts_with("+ 1 1 2 2 1 0 - -"), "{}", seen[0].changes);
        let refused = world.kernel.read(&his, move |view| view.history(anne, base::Seq(9), 10)).await;
        assert_eq!(refused.unwrap_err().meaning(), Meaning::NotFound);
        let done =
            world.kernel.read(&hers, move |view| view.history_of_actor(anne, i64::MAX, 10)).await.unwrap();
        assert_eq!(done.len(), 1);
        let refused = world.kernel.read(&his, move |view| view.history_of_actor(anne, i64::MAX, 10)).await;
        assert_eq!(refused.unwrap_err().meaning(), Meaning::Forbidden);
    });
}
