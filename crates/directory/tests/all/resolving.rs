//! Who receives mail for an address: a table, and what cannot be written into a table.

use directory::entries::{Kind, NewEntry};
use directory::states::{Transition, apply};
use directory::{aliases, domains, groups, people};

use crate::world::{both, said};

#[test]
fn m09_m10_the_table_of_addresses() {
    both(|world| async move {
        for name in ["ada", "bob", "cleo", "dan", "eve"] {
            world.person(name).await;
        }
        let acme = world.acme;
        world
            .edit(move |edit| {
                let own = domains::by_name(edit, acme, "acme.example")?.unwrap();
                domains::create_alias(edit, "acme.test", own.id)?;
                domains::create(edit, "bücher.example", &[])?;
                let ada = directory::entries::account_by_address(edit, acme.0, "ada@acme.example")?.unwrap();
                aliases::add(edit, ada, "countess@acme.example", None, "")?;
                aliases::add(edit, ada, "ada+work@acme.example", None, "")?;
                aliases::add(edit, ada, "Élodie@bücher.example", None, "")?;
                aliases::add(edit, ada, "\"two words\"@acme.example", None, "")?;
                let until = edit.now_ms() + 1_000;
                aliases::add(edit, ada, "shop@acme.example", Some(until), "a shop").map(|_| ())
            })
            .await
            .unwrap();
        world.alias("both", &["ada", "bob"]).await.unwrap();
        world.alias("nested", &["both", "cleo", "someone@far.example"]).await.unwrap();
        world.team(Kind::List, "inner", &["bob", "cleo", "x@far.example"]).await;
        world.team(Kind::Group, "outer", &["inner", "bob", "nested", "X@far.example"]).await;
        world.team(Kind::List, "void", &[]).await;
        for (address, expected) in [
            ("ada", "ada"),
            ("ADA@ACME.EXAMPLE", "ada"),
            ("countess", "ada"),
            ("shop", "ada"),
            ("ada@acme.test", "ada"),
            ("countess@ACME.test", "ada"),
            ("ÉLODIE@BÜCHER.example", "ada"),
            ("élodie@xn--bcher-kva.example", "ada"),
            ("\"two words\"@acme.example", "ada"),
            ("ada+news", "ada +news"),
            ("ada+work", "ada"),
            ("ada+work+more", "ada +work+more"),
            ("Countess+A+B@acme.test", "ada +a+b"),
            ("both", "ada bob"),
            ("both+x", "ada bob +x"),
            ("nested", "ada bob cleo someone@far.example"),
            ("inner", "bob cleo x@far.example"),
            ("outer", "ada bob cleo X@far.example someone@far.example x@far.example"),
            ("void", "refused empty"),
            ("nobody", "refused unknown"),
            ("nobody+x", "refused unknown"),
            ("+x", "refused unknown"),
            ("ada@elsewhere.example", "not ours"),
            ("ada@[192.0.2.1]", "not ours"),
        ] {
            assert_eq!(world.resolve(address).await, expected, "{address}");
        }
        world.engine.clock.advance_ms(1_000);
        assert_eq!(world.resolve("shop").await, "refused unknown", "a temporary address ends by itself");
        let removed = world.edit(aliases::remove_expired).await.unwrap();
        assert_eq!(removed, 1);
    });
}

#[test]
fn m09_a_loop_of_aliases_and_forwards_is_refused_when_it_is_written() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let bob = world.person("bob").await;
        let first = world.alias("first", &["ada"]).await.unwrap();
        world.alias("second", &["first"]).await.unwrap();
        let refused =
            world.edit(move |edit| aliases::set_targets(edit, first, &["second@acme.example"])).await;
        assert_eq!(said(refused), "invalid target");
        let refused =
            world.edit(move |edit| aliases::set_targets(edit, first, &["first@acme.example"])).await;
        assert_eq!(said(refused), "invalid target");
        let refused = world.edit(move |edit| aliases::set_targets(edit, ada, &["second@acme.example"])).await;
        assert_eq!(said(refused), "invalid target", "a forward closes the ring as well");
        world.edit(move |edit| aliases::set_targets(edit, ada, &["bob@acme.example"])).await.unwrap();
        let refused = world.edit(move |edit| aliases::set_targets(edit, bob, &["ada@acme.example"])).await;
        assert_eq!(said(refused), "invalid target");
        assert_eq!(world.resolve("second").await, "ada bob");
    });
}

#[test]
fn m10_a_loop_of_groups_is_refused_and_one_made_by_sql_is_walked_once() {
    both(|world| async move {
        world.person("ada").await;
        let outer = world.team(Kind::Group, "outer", &["ada"]).await;
        let inner = world.team(Kind::Group, "inner", &["outer"]).await;
        let refused = world.edit(move |edit| groups::add_members(edit, outer, &["inner@acme.example"])).await;
        assert_eq!(said(refused), "invalid member");
        let refused = world.edit(move |edit| groups::add_members(edit, inner, &["inner@acme.example"])).await;
        assert_eq!(said(refused), "invalid member");
        world
            .engine
            .store
            .write([], move |tx| {
                tx.execute(
                    "INSERT INTO membership (organisation_id, group_id, member_id) VALUES (1, $1, $2)",
                    store::params![outer, inner],
                )
            })
            .await
            .unwrap();
        assert_eq!(world.resolve("outer").await, "ada");
        assert_eq!(world.resolve("inner").await, "ada");
    });
}

#[test]
fn m10_groups_within_groups_have_a_limit_of_levels() {
    both(|world| async move {
        world.person("ada").await;
        let levels = world.system().limits.member_depth;
        let mut below = "ada".to_owned();
        for level in 1..=levels {
            let name = format!("level{level}");
            world.team(Kind::List, &name, &[&below]).await;
            below = name;
        }
        assert_eq!(world.resolve(&below).await, "ada");
        let top = world.team(Kind::List, "top", &[]).await;
        let refused = world
            .edit(move |edit| groups::add_members(edit, top, &[&format!("level{levels}@acme.example")]))
            .await;
        assert_eq!(said(refused), "limit member");
    });
}

#[test]
fn m29_unknown_addresses_go_to_the_catch_all_or_to_the_other_server() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let acme = world.acme;
        let set = move |field: &'static str, value: &'static str| {
            move |edit: &mut directory::Edit<'_, '_>| {
                let own = domains::by_name(edit, acme, "acme.example")?.unwrap();
                domains::change(edit, own.id, &[(field, value)])
            }
        };
        world.edit(set("relay_host", "old.example:25")).await.unwrap();
        assert_eq!(world.resolve("nobody").await, "relay old.example:25");
        world.edit(set("catch_all", "ada@acme.example")).await.unwrap();
        assert_eq!(world.resolve("nobody").await, "ada");
        world.edit(set("detail_separator", "-")).await.unwrap();
        assert_eq!(world.resolve("ada-x").await, "ada +x");
        assert_eq!(world.resolve("ada+x").await, "ada", "by the catch-all");
        world.edit(move |edit| apply(edit, ada, Transition::Close)).await.unwrap();
        assert_eq!(world.resolve("nobody").await, "relay old.example:25", "who is closed catches nothing");
        let refused = world.edit(set("catch_all", "nobody@acme.example")).await;
        assert_eq!(said(refused), "invalid catch_all");
    });
}

#[test]
fn a_forward_keeps_a_copy_or_not_and_may_be_kept_inside() {
    both(|world| async move {
        let ada = world.person("ada").await;
        world.person("bob").await;
        let targets = ["bob@acme.example", "ada@far.example"];
        world.edit(move |edit| aliases::set_targets(edit, ada, &targets)).await.unwrap();
        assert_eq!(world.resolve("ada").await, "ada bob ada@far.example");
        world.edit(move |edit| people::change(edit, ada, &[("keeps_copy", "no")])).await.unwrap();
        assert_eq!(world.resolve("ada").await, "bob ada@far.example");
        world
            .edit(move |edit| {
                directory::classes::create(edit, "inside", &[("forward_outside", "no")])?;
                people::change(edit, ada, &[("class", "inside")])
            })
            .await
            .unwrap();
        let refused = world.edit(move |edit| aliases::set_targets(edit, ada, &targets)).await;
        assert_eq!(said(refused), "forbidden target");
    });
}

#[test]
fn m08_the_quota_in_force_comes_from_the_account_its_class_and_the_bounds_above() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let quota = || {
            let directory = world.directory.clone();
            async move { directory.read(move |tx| directory::resolve::quota_in_force(tx, ada)).await.unwrap() }
        };
        assert_eq!(quota().await, None);
        let class = world
            .edit(move |edit| {
                let class = directory::classes::create(edit, "small", &[("quota_bytes", "1M")])?;
                people::change(edit, ada, &[("class", "small")])?;
                Ok(class)
            })
            .await
            .unwrap();
        assert_eq!(quota().await, Some(1 << 20));
        world
            .edit(move |edit| directory::classes::change(edit, class, &[("quota_bytes", "3M")]))
            .await
            .unwrap();
        assert_eq!(quota().await, Some(3 << 20), "a change of the class is in force at once");
        world.edit(move |edit| people::change(edit, ada, &[("quota_bytes", "5M")])).await.unwrap();
        assert_eq!(quota().await, Some(5 << 20));
        world
            .edit(|edit| directory::organisations::change(edit, &[("max_quota_bytes", "4M")]))
            .await
            .unwrap();
        assert_eq!(quota().await, Some(4 << 20));
        let refused = world.edit(move |edit| people::change(edit, ada, &[("quota_bytes", "6M")])).await;
        assert_eq!(said(refused), "invalid quota_bytes");
    });
}

#[test]
fn m12_shared_mailboxes_and_resources_receive_as_people_do() {
    both(|world| async move {
        world
            .edit(|edit| {
                people::create_shared(edit, &NewEntry { address: "info@acme.example", name: "Info" }, &[])?;
                let room = NewEntry { address: "room@acme.example", name: "Blue room" };
                people::create_resource(edit, &room, &[("capacity", "12"), ("booking", "approval")])
            })
            .await
            .unwrap();
        assert_eq!(world.resolve("info").await, "info");
        assert_eq!(world.resolve("room+x").await, "room +x");
    });
}
