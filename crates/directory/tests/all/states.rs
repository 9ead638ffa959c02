//! The life of an account, from active to purged.

use directory::entries::{self, Kind};
use directory::states::{self, Transition, apply};
use directory::{aliases, organisations, people};

use crate::world::{both, said};

const DAY_MS: i64 = 86_400_000;

#[test]
fn m14_locked_receives_closed_refuses_and_reopened_receives_again() {
    both(|world| async move {
        let ada = world.person("ada").await;
        world.team(Kind::List, "all", &["ada"]).await;
        for (transition, resolved, list) in [
            (Transition::Lock, "ada", "ada"),
            (Transition::Close, "refused closed", "refused empty"),
            (Transition::Reopen, "ada", "ada"),
        ] {
            world.edit(move |edit| apply(edit, ada, transition)).await.unwrap();
            assert_eq!(world.resolve("ada").await, resolved, "{}", transition.name());
            assert_eq!(world.resolve("all").await, list, "{}", transition.name());
        }
        let refused = world.edit(move |edit| apply(edit, ada, Transition::Unlock)).await;
        assert_eq!(said(refused), "conflict state");
        let history = world.history().await.join("\n");
        assert!(history.contains("state: active -> locked"), "{history}");
    });
}

#[test]
fn m14_a_pre_deleted_account_comes_back_with_its_aliases_and_is_purged_in_the_end() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let list = world.team(Kind::List, "all", &["ada"]).await;
        world
            .edit(move |edit| aliases::add(edit, ada, "countess@acme.example", None, "").map(|_| ()))
            .await
            .unwrap();
        world.edit(move |edit| apply(edit, ada, Transition::Lock)).await.unwrap();
        world.edit(move |edit| apply(edit, ada, Transition::PreDelete)).await.unwrap();
        assert_eq!(world.resolve("countess").await, "refused closed");
        let taken = world.edit(|edit| {
            people::create(edit, &entries::NewEntry { address: "countess@acme.example", name: "" }, None, &[])
        });
        assert_eq!(said(taken.await), "conflict address", "its addresses are held");
        world.engine.clock.advance_ms(29 * DAY_MS);
        let ctx = world.system();
        assert_eq!(world.directory.read(move |tx| states::due(tx, &ctx)).await.unwrap(), []);
        world.edit(move |edit| apply(edit, ada, Transition::Restore)).await.unwrap();
        assert_eq!(world.resolve("countess").await, "ada", "locked as it was: mail arrives");
        assert_eq!(world.resolve("all").await, "ada", "and it is a member again");
        world.edit(move |edit| apply(edit, ada, Transition::PreDelete)).await.unwrap();
        world.engine.clock.advance_ms(30 * DAY_MS);
        let ctx = world.system();
        let due = world.directory.read(move |tx| states::due(tx, &ctx)).await.unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!((due[0].account, due[0].transition), (ada, Transition::Purge));
        world.edit(move |edit| apply(edit, ada, Transition::Purge)).await.unwrap();
        assert_eq!(world.resolve("ada").await, "refused unknown");
        assert_eq!(
            said(world.edit(move |edit| apply(edit, ada, Transition::Restore)).await),
            "not-found account"
        );
        let (ctx, acme) = (world.system(), world.acme);
        let members =
            world.directory.read(move |tx| directory::groups::members(tx, &ctx, acme, list, None)).await;
        assert_eq!(members.unwrap(), []);
        world.person("ada").await;
        assert_eq!(world.resolve("ada").await, "ada");
    });
}

#[test]
fn m14_addresses_may_be_freed_at_once_and_come_back_if_nobody_took_them() {
    both(|world| async move {
        world.edit(|edit| organisations::change(edit, &[("holds_addresses", "no")])).await.unwrap();
        let ada = world.person("ada").await;
        for alias in ["one@acme.example", "two@acme.example"] {
            world.edit(move |edit| aliases::add(edit, ada, alias, None, "").map(|_| ())).await.unwrap();
        }
        world.edit(move |edit| apply(edit, ada, Transition::PreDelete)).await.unwrap();
        assert_eq!(world.resolve("ada").await, "refused unknown");
        world.person("one").await;
        world.edit(move |edit| apply(edit, ada, Transition::Restore)).await.unwrap();
        assert_eq!(world.resolve("ada").await, "ada");
        assert_eq!(world.resolve("one").await, "one", "given to another meanwhile");
        assert_eq!(world.resolve("two").await, "ada");
        world.edit(move |edit| apply(edit, ada, Transition::PreDelete)).await.unwrap();
        world.person("ada").await;
        let refused = world.edit(move |edit| apply(edit, ada, Transition::Restore)).await;
        assert_eq!(said(refused), "conflict address");
    });
}

#[test]
fn m14_an_account_is_closed_on_its_day() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let today = world.engine.clock.now_ms();
        let day = format!("{}", jiff::Timestamp::from_millisecond(today + DAY_MS).unwrap());
        world.edit(move |edit| people::change(edit, ada, &[("close_at", &day)])).await.unwrap();
        let ctx = world.system();
        assert_eq!(world.directory.read(move |tx| states::due(tx, &ctx)).await.unwrap(), []);
        world.engine.clock.advance_ms(DAY_MS);
        let ctx = world.system();
        let due = world.directory.read(move |tx| states::due(tx, &ctx)).await.unwrap();
        assert_eq!((due[0].account, due[0].transition), (ada, Transition::Close));
        world.edit(move |edit| apply(edit, ada, Transition::Close)).await.unwrap();
        let ctx = world.system();
        assert_eq!(world.directory.read(move |tx| states::due(tx, &ctx)).await.unwrap(), [], "once");
    });
}
