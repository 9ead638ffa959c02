//! Roles on parts of the organisation, and that nobody gives what they do not hold.

use directory::entries::{self, Kind, NewEntry};
use directory::roles::{Allowed, Scope, Verb, grants};
use directory::states::{Transition, apply};
use directory::{aliases, credentials, domains, groups, people, units};

use crate::world::{both, said};

/// What the changes below try to touch.
#[derive(Clone, Copy)]
struct Ids {
    ada: base::AccountId,
    list: base::AccountId,
    domain: i64,
}

#[test]
fn m18_a_role_reaches_its_part_of_the_organisation_and_no_further() {
    both(|world| async move {
        let admin = world.person("admin").await;
        let (science, physics, law) = world
            .edit(|edit| {
                let science = units::create(edit, 0, "Science")?;
                Ok((science, units::create(edit, science, "Physics")?, units::create(edit, 0, "Law")?))
            })
            .await
            .unwrap();
        let mut people_of = Vec::new();
        for (name, unit) in [("sci", "Science"), ("phy", "Science/Physics"), ("law", "Law"), ("none", "none")]
        {
            let account = world.person(name).await;
            world.edit(move |edit| people::change(edit, account, &[("unit", unit)])).await.unwrap();
            people_of.push((name, account));
        }
        let list = world.team(Kind::Group, "team", &["law"]).await;
        let change = |account| {
            world.edit_as(admin, move |edit| people::change(edit, account, &[("telephone", "1")]).map(|_| ()))
        };
        for (scope, reached) in [
            (Scope::Unit(science), vec!["sci", "phy"]),
            (Scope::Unit(physics), vec!["phy"]),
            (Scope::Unit(law), vec!["law"]),
            (Scope::Group(list), vec!["law"]),
            (Scope::Organisation, vec!["sci", "phy", "law", "none"]),
        ] {
            let grant = world.give(admin, &[Verb::AccountEdit], scope).await;
            for (name, account) in &people_of {
                let allowed = change(*account).await.is_ok();
                assert_eq!(allowed, reached.contains(name), "{name} under {scope:?}");
            }
            world.edit(move |edit| grants::revoke(edit, grant)).await.unwrap();
        }
        assert_eq!(said(change(people_of[0].1).await), "forbidden entry".replace("entry", "person"));
    });
}

#[test]
fn m18_nobody_grants_more_than_they_hold() {
    both(|world| async move {
        let boss = world.person("boss").await;
        let helper = world.person("helper").await;
        let acme = world.acme;
        let (own, other) = world
            .edit(move |edit| {
                let own = domains::by_name(edit, acme, "acme.example")?.unwrap().id;
                Ok((own, domains::create(edit, "other.example", &[])?))
            })
            .await
            .unwrap();
        world
            .edit(move |edit| {
                let role = grants::create_role(edit, "boss", "", &[Verb::RoleGrant, Verb::AccountCreate])?;
                let limited =
                    Allowed { scope: Scope::Domain(own), max_people: Some(10), max_quota_bytes: Some(1_000) };
                grants::grant(edit, boss, role, limited)
            })
            .await
            .unwrap();
        let (creating, purging) = world
            .edit(|edit| {
                let creating = grants::create_role(edit, "creating", "", &[Verb::AccountCreate])?;
                Ok((creating, grants::create_role(edit, "purging", "", &[Verb::AccountPurge])?))
            })
            .await
            .unwrap();
        let within = Allowed { scope: Scope::Domain(own), max_people: Some(10), max_quota_bytes: Some(500) };
        for (role, wanted, why) in [
            (purging, within, "a verb"),
            (creating, Allowed { scope: Scope::Domain(other), ..within }, "another domain"),
            (creating, Allowed { scope: Scope::Organisation, ..within }, "a wider part"),
            (creating, Allowed { max_people: Some(11), ..within }, "more people"),
            (creating, Allowed { max_people: None, ..within }, "no limit of people"),
            (creating, Allowed { max_quota_bytes: None, ..within }, "no limit of quota"),
        ] {
            let refused = world.edit_as(boss, move |edit| grants::grant(edit, helper, role, wanted)).await;
            assert_eq!(said(refused), "forbidden role", "{why}");
        }
        let given =
            world.edit_as(boss, move |edit| grants::grant(edit, helper, creating, within)).await.unwrap();
        let again = world.edit_as(boss, move |edit| grants::grant(edit, helper, creating, within)).await;
        assert_eq!(said(again), "conflict role");
        let refused =
            world.edit_as(boss, |edit| grants::create_role(edit, "mine", "", &[Verb::AccountCreate])).await;
        assert_eq!(said(refused), "forbidden role", "a role for anywhere takes rights on all");
        let refused =
            world.edit_as(helper, move |edit| grants::set_verbs(edit, creating, &[Verb::AccountPurge])).await;
        assert_eq!(said(refused), "forbidden role");
        world.edit_as(helper, move |edit| grants::revoke(edit, given)).await.unwrap();
    });
}

#[test]
fn m18_a_grant_bounds_people_and_quota() {
    both(|world| async move {
        let admin = world.person("admin").await;
        let acme = world.acme;
        world
            .edit(move |edit| {
                let own = domains::create(edit, "small.example", &[])?;
                let verbs = [Verb::AccountCreate, Verb::AccountQuota, Verb::RoleGrant];
                let role = grants::create_role(edit, "limited", "", &verbs)?;
                let limited =
                    Allowed { scope: Scope::Domain(own), max_people: Some(2), max_quota_bytes: Some(1_000) };
                grants::grant(edit, admin, role, limited)
            })
            .await
            .unwrap();
        let create = |address: &'static str, quota: &'static str| {
            world.edit_as(admin, move |edit| {
                people::create(edit, &NewEntry { address, name: "" }, None, &[("quota_bytes", quota)])
            })
        };
        assert_eq!(said(create("a@small.example", "1001").await), "forbidden quota_bytes");
        create("a@small.example", "1000").await.unwrap();
        create("b@small.example", "10").await.unwrap();
        assert_eq!(said(create("c@small.example", "10").await), "limit account");
        assert_eq!(said(create("c@acme.example", "10").await), "forbidden account");
        let found =
            world.directory.read(move |tx| entries::account_by_address(tx, acme.0, "c@acme.example")).await;
        assert_eq!(found.unwrap(), None, "a refusal leaves nothing behind");
    });
}

#[test]
fn m18_every_change_asks_for_its_verb() {
    both(|world| async move {
        let nobody = world.person("nobody").await;
        let ada = world.person("ada").await;
        let list = world.team(Kind::List, "list", &["ada"]).await;
        let hash = world.hash("another word");
        let (acme, own) = (world.acme, "ada@acme.example");
        let domain = world
            .edit(move |edit| Ok(domains::by_name(edit, acme, "acme.example")?.unwrap().id))
            .await
            .unwrap();
        let as_nobody = |run: fn(&mut directory::Edit<'_, '_>, Ids) -> base::Result<()>| {
            let ids = Ids { ada, list, domain };
            world.edit_as(nobody, move |edit| run(edit, ids))
        };
        let changes: &[fn(&mut directory::Edit<'_, '_>, Ids) -> base::Result<()>] = &[
            |edit, _| {
                people::create(edit, &NewEntry { address: "x@acme.example", name: "" }, None, &[]).map(|_| ())
            },
            |edit, _| {
                groups::create(edit, Kind::List, &NewEntry { address: "x@acme.example", name: "" }, &[])
                    .map(|_| ())
            },
            |edit, _| {
                aliases::create(
                    edit,
                    &NewEntry { address: "x@acme.example", name: "" },
                    &["ada@acme.example"],
                    &[],
                )
                .map(|_| ())
            },
            |edit, ids| people::change(edit, ids.ada, &[("name", "X")]).map(|_| ()),
            |edit, ids| people::change(edit, ids.ada, &[("quota_bytes", "1")]).map(|_| ()),
            |edit, ids| people::change(edit, ids.ada, &[("class", "none")]).map(|_| ()),
            |edit, ids| apply(edit, ids.ada, Transition::Lock),
            |edit, ids| apply(edit, ids.ada, Transition::PreDelete),
            |edit, ids| aliases::add(edit, ids.ada, "y@acme.example", None, "").map(|_| ()),
            |edit, ids| aliases::set_primary(edit, ids.ada, "y@acme.example"),
            |edit, ids| aliases::set_targets(edit, ids.ada, &["y@far.example"]),
            |edit, ids| groups::add_members(edit, ids.list, &["y@far.example"]).map(|_| ()),
            |edit, ids| groups::set_senders(edit, ids.list, &[]),
            |edit, ids| people::change(edit, ids.list, &[("posting", "members")]).map(|_| ()),
            |edit, _| domains::create(edit, "x.example", &[]).map(|_| ()),
            |edit, ids| domains::change(edit, ids.domain, &[("note", "x")]).map(|_| ()),
            |edit, ids| domains::remove(edit, ids.domain),
            |edit, _| units::create(edit, 0, "x").map(|_| ()),
            |edit, _| directory::classes::create(edit, "x", &[]).map(|_| ()),
            |edit, _| directory::organisations::change(edit, &[("note", "x")]).map(|_| ()),
            |edit, _| grants::create_role(edit, "x", "", &[]).map(|_| ()),
            |edit, ids| credentials::app::create(edit, ids.ada, "x", &[], None).map(|_| ()),
            |edit, ids| credentials::codes::remove(edit, ids.ada),
        ];
        for (index, change) in changes.iter().enumerate() {
            let error = as_nobody(*change).await.unwrap_err();
            assert_eq!(error.meaning().name(), "forbidden", "change {index}: {error}");
        }
        let set = world.edit_as(nobody, move |edit| credentials::set_password(edit, ada, &hash, false)).await;
        assert_eq!(said(set), "forbidden account");
        assert_eq!(world.resolve(own).await, "ada");
        let ctx = world.person_ctx(nobody).await;
        assert_eq!(
            said(world.directory.history(&ctx, acme, base::Seq(i64::MAX), 10).await),
            "forbidden organisation"
        );
        let own = ctx.clone();
        let list = world.directory.read(move |tx| entries::list(tx, &own, acme, Kind::Person, "")).await;
        assert_eq!(said(list), "forbidden account");
    });
}

#[test]
fn m18_lists_show_what_the_grants_reach_and_groups_hold_rights_for_their_members() {
    both(|world| async move {
        let admin = world.person("admin").await;
        world.person("ada").await;
        let acme = world.acme;
        let other = world
            .edit(|edit| {
                let other = domains::create(edit, "other.example", &[])?;
                people::create(edit, &NewEntry { address: "eve@other.example", name: "" }, None, &[])?;
                Ok(other)
            })
            .await
            .unwrap();
        let inner = world.team(Kind::Group, "inner", &["admin"]).await;
        let outer = world.team(Kind::Group, "outer", &["inner"]).await;
        world.give(outer, &[Verb::AccountRead], Scope::Domain(other)).await;
        let ctx = world.person_ctx(admin).await;
        assert_eq!(ctx.actor.subjects.as_ref(), [admin, inner, outer]);
        let seen =
            world.directory.read(move |tx| entries::list(tx, &ctx, acme, Kind::Person, "")).await.unwrap();
        let seen: Vec<_> = seen.iter().map(|entry| entry.address.as_str()).collect();
        assert_eq!(seen, ["eve@other.example"]);
    });
}
