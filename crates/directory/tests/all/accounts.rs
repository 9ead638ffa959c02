//! Organisations, domains, units, classes of service and people with their fields.

use base::Meaning;
use directory::entries::{self, Kind, NewEntry};
use directory::{aliases, classes, domains, organisations, people, units};

use crate::world::{both, said};

#[test]
fn m08_a_person_is_created_changed_and_seen_in_the_history() {
    both(|world| async move {
        let ada = world
            .edit(|edit| {
                classes::create(edit, "standard", &[("quota_bytes", "2G")])?;
                let science = units::create(edit, 0, "Science")?;
                units::create(edit, science, "Mathematics")?;
                let new = NewEntry { address: "Ada.Lovelace@ACME.example", name: "Ada  Lovelace" };
                let given =
                    [("class", "standard"), ("unit", "Science/Mathematics"), ("family_name", "Lovelace")];
                people::create(edit, &new, None, &given)
            })
            .await
            .unwrap();
        world
            .edit(move |edit| people::change(edit, ada, &[("telephone", "+33 1"), ("quota_bytes", "5G")]))
            .await
            .unwrap();
        let again =
            world.edit(move |edit| people::change(edit, ada, &[("quota_bytes", "5G")])).await.unwrap();
        assert!(!again, "what is so already is no change");
        let (ctx, acme) = (world.system(), world.acme);
        let (entry, records) =
            world.directory.read(move |tx| people::get(tx, &ctx, acme, ada)).await.unwrap();
        assert_eq!(
            (entry.address.as_str(), entry.name.as_str()),
            ("ada.lovelace@acme.example", "Ada  Lovelace")
        );
        assert_eq!(records[0].int("quota_bytes"), Some(5 << 30));
        assert_eq!(records[1].text("telephone"), "+33 1");
        let history = world.history().await.join("\n");
        for line in
            ["created: ada.lovelace@acme.example", "quota_bytes: none -> 5368709120", "telephone:  -> +33 1"]
        {
            assert!(history.contains(line), "{line} is not in\n{history}");
        }
    });
}

#[test]
fn bad_fields_are_refused_with_field_and_rule() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let long = "x".repeat(256);
        for (field, value, meaning) in [
            ("name", "", Meaning::Invalid),
            ("name", "a\u{0}b", Meaning::Invalid),
            ("name", "a\u{202E}b", Meaning::Invalid),
            ("name", long.as_str(), Meaning::TooLarge),
            ("family_name", long.as_str(), Meaning::TooLarge),
            ("quota_bytes", "-1", Meaning::Invalid),
            ("quota_bytes", "99999999999999999999", Meaning::Invalid),
            ("hidden", "perhaps", Meaning::Invalid),
            ("class", "no such class", Meaning::Invalid),
            ("unit", "No/Such/Unit", Meaning::Invalid),
            ("close_at", "tomorrow", Meaning::Invalid),
            ("language", "xx", Meaning::Invalid),
            ("colour", "blue", Meaning::Invalid),
        ] {
            let value = value.to_owned();
            let refused = world.edit(move |edit| people::change(edit, ada, &[(field, &value)])).await;
            assert_eq!(said(refused), format!("{} {field}", meaning.name()));
        }
        for (address, wanted) in [
            ("bob", "invalid address"),
            ("bob@other.example", "invalid address.domain"),
            ("bo b@acme.example", "invalid address.local_part"),
            ("ada@acme.example", "conflict address"),
            ("ADA@acme.EXAMPLE", "conflict address"),
        ] {
            let refused = world
                .edit(move |edit| people::create(edit, &NewEntry { address, name: "" }, None, &[]))
                .await;
            assert_eq!(said(refused), wanted, "{address}");
        }
        let long = format!("{}@acme.example", "a".repeat(65));
        let refused = world
            .edit(move |edit| people::create(edit, &NewEntry { address: &long, name: "" }, None, &[]))
            .await;
        assert_eq!(said(refused), "too-large address.local_part");
    });
}

#[test]
fn m29_a_domain_takes_no_more_people_than_it_may_have() {
    both(|world| async move {
        let acme = world.acme;
        world
            .edit(move |edit| {
                let own = domains::by_name(edit, acme, "acme.example")?.unwrap();
                domains::change(edit, own.id, &[("max_people", "3")])
            })
            .await
            .unwrap();
        for name in ["a", "b", "c"] {
            world.person(name).await;
        }
        let fourth = NewEntry { address: "d@acme.example", name: "" };
        let refused = world.edit(move |edit| people::create(edit, &fourth, None, &[])).await;
        assert_eq!(said(refused), "limit domain");
        world.team(Kind::List, "lists-do-not-count", &["a"]).await;
    });
}

#[test]
fn domains_are_unique_on_the_server_and_go_when_nothing_is_left_in_them() {
    both(|world| async move {
        let (ctx, acme) = (world.system(), world.acme);
        let other = world.directory.create_organisation(&ctx, "other", &[]).await.unwrap();
        let taken =
            world.directory.edit(&ctx, other, |edit| domains::create(edit, "ACME.example", &[])).await;
        assert_eq!(said(taken), "conflict name");
        let alias = world
            .edit(move |edit| {
                let own = domains::by_name(edit, acme, "acme.example")?.unwrap();
                domains::create_alias(edit, "alias.example", own.id)
            })
            .await
            .unwrap();
        let refused = world.edit(move |edit| domains::create_alias(edit, "alias2.example", alias)).await;
        assert_eq!(said(refused), "invalid alias_of");
        world.person("ada").await;
        let busy = world
            .edit(move |edit| {
                let own = domains::by_name(edit, acme, "acme.example")?.unwrap();
                domains::remove(edit, own.id)
            })
            .await;
        assert_eq!(said(busy), "conflict domain");
        world.edit(move |edit| domains::remove(edit, alias)).await.unwrap();
        for bad in ["", "a..b", "exa mple.org", "-a.example"] {
            let refused = world.edit(move |edit| domains::create(edit, bad, &[])).await;
            assert_eq!(said(refused), "invalid name", "{bad:?}");
        }
    });
}

#[test]
fn units_make_a_tree_without_rings() {
    both(|world| async move {
        let (top, middle, leaf) = world
            .edit(|edit| {
                let top = units::create(edit, 0, "Top")?;
                let middle = units::create(edit, top, "Middle")?;
                Ok((top, middle, units::create(edit, middle, "Leaf")?))
            })
            .await
            .unwrap();
        assert_eq!(said(world.edit(move |edit| units::move_to(edit, top, leaf)).await), "invalid parent");
        assert_eq!(said(world.edit(move |edit| units::move_to(edit, top, top)).await), "invalid parent");
        assert_eq!(said(world.edit(move |edit| units::create(edit, top, "Middle")).await), "conflict name");
        assert_eq!(said(world.edit(move |edit| units::create(edit, top, "a/b")).await), "invalid name");
        assert_eq!(said(world.edit(|edit| units::create(edit, 4_711, "x")).await), "not-found unit");
        assert_eq!(said(world.edit(move |edit| units::remove(edit, middle)).await), "conflict unit");
        world.edit(move |edit| units::move_to(edit, leaf, 0)).await.unwrap();
        world.edit(move |edit| units::remove(edit, middle)).await.unwrap();
        let deep = world
            .edit(|edit| {
                let mut below = 0;
                for level in 0..100 {
                    below = units::create(edit, below, &format!("level {level}"))?;
                }
                Ok(())
            })
            .await;
        assert_eq!(said(deep), "limit unit");
    });
}

#[test]
fn m08_classes_go_when_nobody_has_them_and_new_accounts_get_the_default() {
    both(|world| async move {
        let (ctx, acme) = (world.system(), world.acme);
        let class = world
            .edit(|edit| {
                let class = classes::create(edit, "standard", &[("pop3", "no"), ("max_aliases", "1")])?;
                organisations::change(edit, &[("default_class", "standard")])?;
                Ok(class)
            })
            .await
            .unwrap();
        let ada = world.person("ada").await;
        let entry = world.directory.read(move |tx| entries::load(tx, acme, ada)).await.unwrap();
        assert_eq!(entry.class_id, Some(class));
        assert_eq!(said(world.edit(move |edit| classes::remove(edit, class)).await), "conflict class");
        assert_eq!(said(world.edit(|edit| classes::create(edit, "standard", &[])).await), "conflict name");
        world.edit(move |edit| aliases::add(edit, ada, "a1@acme.example", None, "")).await.unwrap();
        let second = world.edit(move |edit| aliases::add(edit, ada, "a2@acme.example", None, "")).await;
        assert_eq!(said(second), "limit address");
        world
            .edit(move |edit| {
                organisations::change(edit, &[("default_class", "none")])?;
                people::change(edit, ada, &[("class", "none")])?;
                classes::remove(edit, class)
            })
            .await
            .unwrap();
        let left = world.directory.read(move |tx| classes::list(tx, &ctx, acme, "")).await.unwrap();
        assert_eq!(left, []);
    });
}

#[test]
fn m09_the_primary_address_moves_and_the_old_one_stays_as_an_alias() {
    both(|world| async move {
        let ada = world.person("ada").await;
        world.person("bob").await;
        world.edit(move |edit| aliases::set_primary(edit, ada, "countess@acme.example")).await.unwrap();
        assert_eq!(world.resolve("ada").await, "countess");
        let taken = world.edit(move |edit| aliases::set_primary(edit, ada, "bob@acme.example")).await;
        assert_eq!(said(taken), "conflict address");
        let held = world.edit(move |edit| aliases::remove(edit, ada, "countess@acme.example")).await;
        assert_eq!(said(held), "conflict address");
        world.edit(move |edit| aliases::remove(edit, ada, "ada@acme.example")).await.unwrap();
        assert_eq!(world.resolve("ada").await, "refused unknown");
        let (ctx, acme) = (world.system(), world.acme);
        let own = world.directory.read(move |tx| aliases::list(tx, &ctx, acme, ada)).await.unwrap();
        assert_eq!(own.len(), 1);
        assert_eq!((own[0].address.as_str(), own[0].kind.as_str()), ("countess@acme.example", "primary"));
    });
}

#[test]
fn organisations_are_made_at_the_machine_only_and_names_are_unique() {
    both(|world| async move {
        let ctx = world.system();
        assert_eq!(said(world.directory.create_organisation(&ctx, "acme", &[]).await), "conflict name");
        assert_eq!(said(world.directory.create_organisation(&ctx, "A B", &[]).await), "invalid name");
        let ada = world.person("ada").await;
        let ada = world.person_ctx(ada).await;
        assert_eq!(
            said(world.directory.create_organisation(&ada, "mine", &[]).await),
            "forbidden organisation"
        );
        let list = world.directory.read(move |tx| organisations::list(tx, &ctx, "")).await.unwrap();
        assert_eq!(list.len(), 1);
    });
}
