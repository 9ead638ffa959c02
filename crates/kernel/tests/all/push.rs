//! Live updates: who follows an account hears of its commits, from any node.

use std::time::Duration;

use base::{AccountId, Meaning, Seq};
use kernel::{ChainKey, Kernel, Push, Right, Rights, Subscription, create_accounts};
use store::sql::Dialect;
use testkit::note;
use testkit::world::{ELSEWHERE, HERE, World, both};

async fn next(subscription: &mut Subscription) -> Push {
    let push = tokio::time::timeout(Duration::from_secs(10), subscription.next()).await;
    push.expect("a hint within ten seconds")
}

/// Hints until one says that the account has reached `seq`; whether something was missed before.
async fn until(subscription: &mut Subscription, account: AccountId, seq: i64) -> (kernel::Change, bool) {
    let mut missed = false;
    loop {
        match next(subscription).await {
            Push::Missed => missed = true,
            Push::Changed(change) => {
                assert_eq!(change.account, account);
                if change.seq >= Seq(seq) {
                    return (change, missed);
                }
            }
        }
    }
}

#[test]
fn followers_hear_of_commits_with_collections_and_kinds() {
    both(|world| async move {
        let (anne, bruno) = (world.account(HERE).await, world.account(HERE).await);
        let inbox = world.collection(anne, "Inbox").await;
        let pages = world.collection_of("page", anne, "Pages").await;
        world.collection(bruno, "Inbox").await;
        let ctx = world.person(HERE, anne, &[]);
        let mut first = world.kernel.subscribe(&ctx, &[anne, anne]).await.unwrap();
        let mut second = world.kernel.subscribe(&ctx, &[anne]).await.unwrap();
        assert_eq!(world.kernel.followed(), (1, 2));
        let kernel = world.kernel.clone();
        kernel.write(&ctx, anne, move |batch| note::create(batch, inbox, "a", 0)).await.unwrap();
        let (change, _) = until(&mut first, anne, 3).await;
        assert_eq!(
            (change.seq, &change.collections[..], &change.kinds[..]),
            (Seq(3), &[inbox][..], &["note"][..])
        );
        kernel.write(&ctx, anne, move |batch| note::create(batch, pages, "b", 0)).await.unwrap();
        // The slow one hears of both at once.
        let (change, _) = until(&mut second, anne, 4).await;
        if change.collections.len() == 2 {
            assert_eq!((&change.collections[..], change.kinds.len()), (&[inbox, pages][..], 2));
        }
        drop(first);
        assert_eq!(world.kernel.followed(), (1, 1));
        drop(second);
        assert_eq!(world.kernel.followed(), (0, 0));
    });
}

#[test]
fn a_commit_that_failed_is_told_to_nobody() {
    both(|world| async move {
        let anne = world.account(HERE).await;
        let inbox = world.collection(anne, "Inbox").await;
        let ctx = world.person(HERE, anne, &[]);
        let mut follower = world.kernel.subscribe(&ctx, &[anne]).await.unwrap();
        let failed = world.kernel.write(&ctx, anne, move |batch| {
            note::create(batch, inbox, "a", 0)?;
            Err::<(), _>(base::Error::invalid("note", "was not meant"))
        });
        assert!(failed.await.is_err());
        world.kernel.write(&ctx, anne, move |batch| note::create(batch, inbox, "b", 0)).await.unwrap();
        assert_eq!(until(&mut follower, anne, 2).await.0.seq, Seq(2), "the failed one took no number");
    });
}

#[test]
fn only_who_may_see_something_of_an_account_follows_it() {
    both(|world| async move {
        let (anne, bruno) = (world.account(HERE).await, world.account(HERE).await);
        let stranger = world.account(ELSEWHERE).await;
        let inbox = world.collection(anne, "Inbox").await;
        let (hers, his) = (world.person(HERE, anne, &[]), world.person(HERE, bruno, &[]));
        let refused = async |account| match world.kernel.subscribe(&his, &[bruno, account]).await {
            Ok(_) => panic!("it must be refused"),
            Err(error) => (error.meaning(), error.to_string()),
        };
        let missing = refused(AccountId(999)).await;
        assert_eq!(missing.0, Meaning::NotFound);
        assert_eq!((refused(anne).await, refused(stranger).await), (missing.clone(), missing));
        let rights: Rights = [Right::Read].into_iter().collect();
        world.kernel.write(&hers, anne, move |batch| batch.share(inbox, bruno, rights)).await.unwrap();
        let mut follower = world.kernel.subscribe(&his, &[bruno, anne]).await.unwrap();
        world.kernel.write(&hers, anne, move |batch| note::create(batch, inbox, "b", 0)).await.unwrap();
        assert_eq!(until(&mut follower, anne, 3).await.0.seq, Seq(3));
    });
}

fn run<S: Future<Output = ()>>(story: S) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(story);
}

#[test]
fn commits_of_one_node_reach_the_followers_of_another() {
    run(async {
        let world = World::new(Dialect::Postgres).await;
        let second = world.engine.second().await;
        let other = Kernel::new(second.clone(), vec![note::KIND, note::VERSIONED], ChainKey::new([7; 32]));
        let (anne, bruno) = (world.account(HERE).await, world.account(HERE).await);
        let inbox = world.collection(anne, "Inbox").await;
        let ctx = world.person(HERE, anne, &[]);
        let mut follower = other.subscribe(&ctx, &[anne]).await.unwrap();
        let mut own = world.kernel.subscribe(&ctx, &[anne]).await.unwrap();
        // That the connection stands is told; a commit from before may come first.
        while next(&mut follower).await != Push::Missed {}
        world.collection(bruno, "Inbox").await;
        for _ in 0..100 {
            world.kernel.write(&ctx, anne, move |batch| note::create(batch, inbox, "a", 0)).await.unwrap();
        }
        let (change, missed) = until(&mut follower, anne, 101).await;
        assert_eq!(
            (&change.collections[..], &change.kinds[..], missed),
            (&[inbox][..], &["note"][..], false)
        );
        until(&mut own, anne, 101).await;
        // And the other way.
        other.write(&ctx, anne, move |batch| note::create(batch, inbox, "b", 0)).await.unwrap();
        until(&mut own, anne, 102).await;
        second.close().await;
        world.engine.store.close().await;
    });
}

fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

#[test]
fn ten_thousand_idle_followers_cost_little() {
    run(async {
        let world = World::new(Dialect::Sqlite).await;
        let accounts = world.engine.store.write([], move |tx| create_accounts(tx, HERE, "person", 10_000, 0));
        let accounts = accounts.await.unwrap();
        let contexts: Vec<_> = accounts.iter().map(|account| world.person(HERE, *account, &[])).collect();
        let before = resident_bytes();
        let mut followers = Vec::with_capacity(accounts.len());
        for (account, ctx) in accounts.iter().zip(&contexts) {
            followers.push(world.kernel.subscribe(ctx, &[*account]).await.unwrap());
        }
        let each = (resident_bytes() - before) / accounts.len();
        println!("{each} bytes a follower");
        assert!(each < 1_024, "{each} bytes a follower");
        assert_eq!(world.kernel.followed(), (10_000, 10_000));
        let chosen = accounts[7_777];
        world.collection(chosen, "Inbox").await;
        assert_eq!(until(&mut followers[7_777], chosen, 1).await.0.seq, Seq(1));
        assert!(followers.iter_mut().all(|follower| follower.try_next().is_none()));
        followers.clear();
        assert_eq!(world.kernel.followed(), (0, 0));
        world.engine.store.close().await;
    });
}
