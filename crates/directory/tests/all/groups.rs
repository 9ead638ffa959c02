//! Members of groups and lists, and who may write to them.

use base::Limits;
use directory::entries::Kind;
use directory::groups;
use directory::groups::Posting::{Accepted, Held, Refused};
use directory::links::Target;
use directory::people;

use crate::world::{both, said};

#[test]
fn m10_members_are_added_once_listed_in_pages_and_removed() {
    both(|world| async move {
        for name in ["ada", "bob", "cleo"] {
            world.person(name).await;
        }
        let list = world.team(Kind::List, "all", &["ada", "x@far.example"]).await;
        let added = world
            .edit(move |edit| {
                groups::add_members(
                    edit,
                    list,
                    &["ADA@acme.example", "bob@acme.example", "cleo@acme.example"],
                )
            })
            .await
            .unwrap();
        assert_eq!(added, 2, "one was in it");
        let (mut ctx, acme) = (world.system(), world.acme);
        ctx.limits = std::sync::Arc::new(Limits { page_items: 2, ..Limits::default() });
        let mut found = Vec::new();
        let mut after: Option<Target> = None;
        loop {
            let (own, from) = (ctx.clone(), after.clone());
            let page = world
                .directory
                .read(move |tx| groups::members(tx, &own, acme, list, from.as_ref()))
                .await
                .unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.target.clone());
            found.extend(page.iter().map(|member| member.address.clone()));
        }
        assert_eq!(found, ["x@far.example", "ada@acme.example", "bob@acme.example", "cleo@acme.example"]);
        let gone = world
            .edit(move |edit| groups::remove_members(edit, list, &["x@far.example", "bob@acme.example"]))
            .await
            .unwrap();
        assert_eq!(gone, 2);
        assert_eq!(world.resolve("all").await, "ada cleo");
        let unknown = world.edit(move |edit| groups::add_members(edit, list, &["nobody@acme.example"])).await;
        assert_eq!(said(unknown), "invalid member");
    });
}

#[test]
fn m10_who_may_write_to_a_list() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let bob = world.person("bob").await;
        world.team(Kind::Group, "staff", &["bob"]).await;
        let list = world.team(Kind::List, "news", &["ada", "guest@far.example"]).await;
        let acme = world.acme;
        world
            .edit(move |edit| {
                let senders = [("staff@acme.example", true), ("press@far.example", false)];
                groups::set_senders(edit, list, &senders)
            })
            .await
            .unwrap();
        for (policy, [by_ada, by_bob, by_guest, by_press, by_stranger]) in [
            ("open", [Accepted, Accepted, Accepted, Accepted, Accepted]),
            ("organisation", [Accepted, Accepted, Refused, Refused, Refused]),
            ("members", [Accepted, Refused, Accepted, Refused, Refused]),
            ("senders", [Refused, Accepted, Refused, Accepted, Refused]),
            ("moderated", [Held, Accepted, Held, Accepted, Held]),
        ] {
            world.edit(move |edit| people::change(edit, list, &[("posting", policy)])).await.unwrap();
            for (sender, address, expected) in [
                (Some((acme, ada)), "ada@acme.example", by_ada),
                (Some((acme, bob)), "bob@acme.example", by_bob),
                (None, "guest@FAR.example", by_guest),
                (None, "press@far.example", by_press),
                (None, "ada@acme.example", by_stranger),
            ] {
                let found = world
                    .directory
                    .read(move |tx| groups::posting(tx, list, sender, address, 16))
                    .await
                    .unwrap();
                assert_eq!(found, expected, "{policy}: {address}");
            }
        }
    });
}

#[test]
fn m10_a_list_takes_no_more_members_than_its_limit() {
    both(|world| async move {
        let list = world.team(Kind::List, "all", &[]).await;
        let mut ctx = world.system();
        ctx.limits = std::sync::Arc::new(Limits { list_members: 2, ..Limits::default() });
        let refused = world
            .directory
            .edit(&ctx, world.acme, move |edit| {
                groups::add_members(edit, list, &["a@far.example", "b@far.example", "c@far.example"])
            })
            .await;
        assert_eq!(said(refused), "limit member");
        assert_eq!(world.resolve("all").await, "refused empty", "nothing of it was kept");
    });
}
