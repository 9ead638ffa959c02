//! What another organisation has is answered for as what does not exist.

use base::{AccountId, Result};
use directory::entries::{self, Kind, NewEntry};
use directory::roles::{Allowed, Scope, grants};
use directory::states::{Transition, apply};
use directory::{
    Edit, aliases, classes, credentials, domains, groups, organisations, people, sessions, units,
};

use crate::world::{both, said};

/// What there is in acme, and what there is not.
#[derive(Clone, Copy)]
struct Ids {
    account: AccountId,
    list: AccountId,
    small: i64,
}

#[test]
fn ids_of_other_organisations_are_answered_as_missing_ones() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let list = world.team(Kind::List, "list", &["ada"]).await;
        let ctx = world.system();
        let other = world.directory.create_organisation(&ctx, "other", &[]).await.unwrap();
        world.directory.edit(&ctx, other, |edit| domains::create(edit, "other.example", &[])).await.unwrap();
        // Ids of domains, units, classes and roles are counted in each organisation: 1 is taken in both.
        let changes: &[fn(&mut Edit<'_, '_>, Ids) -> Result<()>] = &[
            |edit, ids| people::change(edit, ids.account, &[("name", "X")]).map(|_| ()),
            |edit, ids| apply(edit, ids.account, Transition::Lock),
            |edit, ids| aliases::add(edit, ids.account, "y@other.example", None, "").map(|_| ()),
            |edit, ids| aliases::remove(edit, ids.account, "ada@acme.example"),
            |edit, ids| aliases::set_primary(edit, ids.account, "y@other.example"),
            |edit, ids| aliases::set_targets(edit, ids.account, &["y@far.example"]),
            |edit, ids| groups::add_members(edit, ids.list, &["y@far.example"]).map(|_| ()),
            |edit, ids| groups::remove_members(edit, ids.list, &["y@far.example"]).map(|_| ()),
            |edit, ids| groups::set_senders(edit, ids.list, &[]),
            |edit, ids| credentials::app::create(edit, ids.account, "x", &[], None).map(|_| ()),
            |edit, ids| credentials::codes::remove(edit, ids.account),
            |edit, ids| domains::change(edit, ids.small, &[("note", "x")]).map(|_| ()),
            |edit, ids| domains::remove(edit, ids.small),
            |edit, ids| units::rename(edit, ids.small, "x"),
            |edit, ids| classes::change(edit, ids.small, &[("note", "x")]).map(|_| ()),
            |edit, ids| grants::remove_role(edit, ids.small),
            |edit, ids| grants::revoke(edit, ids.small),
            |edit, ids| grants::grant(edit, ids.account, ids.small, Allowed::all()).map(|_| ()),
        ];
        let there = Ids { account: ada, list, small: 4_711 };
        let nowhere = Ids { account: AccountId(999_999), list: AccountId(999_998), small: 4_711 };
        for (index, change) in changes.iter().enumerate() {
            let change = *change;
            let foreign = world.directory.edit(&ctx, other, move |edit| change(edit, there)).await;
            let missing = world.directory.edit(&ctx, other, move |edit| change(edit, nowhere)).await;
            let (foreign, missing) = (foreign.unwrap_err(), missing.unwrap_err());
            assert_eq!(foreign.to_string(), missing.to_string(), "change {index}");
            assert_eq!(foreign.meaning().name(), "not-found", "change {index}");
        }
        let text = world
            .directory
            .edit(&ctx, other, |edit| {
                groups::create(edit, Kind::List, &NewEntry { address: "l@other.example", name: "" }, &[])
                    .and_then(|list| groups::add_members(edit, list, &["ada@acme.example"]))
            })
            .await;
        assert_eq!(text.unwrap(), 1, "an address of another organisation is an outside address");
        assert_eq!(world.resolve("l@other.example").await, "ada@acme.example");
    });
}

#[test]
fn a_stranger_learns_nothing_about_an_organisation() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let list = world.team(Kind::List, "list", &["ada"]).await;
        let (stranger, acme) = (world.stranger(), world.acme);
        let refused = world.directory.edit(&stranger, acme, |edit| units::create(edit, 0, "x")).await;
        assert_eq!(said(refused), "not-found organisation");
        assert_eq!(
            said(world.directory.history(&stranger, acme, base::Seq(9), 1).await),
            "not-found organisation"
        );
        let answers = world
            .directory
            .read(move |tx| {
                Ok(vec![
                    said(organisations::get(tx, &stranger, acme)),
                    said(people::get(tx, &stranger, acme, ada)),
                    said(aliases::list(tx, &stranger, acme, ada)),
                    said(aliases::targets(tx, &stranger, acme, ada)),
                    said(groups::members(tx, &stranger, acme, list, None)),
                    said(domains::list(tx, &stranger, acme, "")),
                    said(classes::list(tx, &stranger, acme, "")),
                    said(units::below(tx, &stranger, acme, 0, "")),
                    said(grants::roles(tx, &stranger, acme)),
                    said(entries::list(tx, &stranger, acme, Kind::Person, "")),
                    said(sessions::list(tx, &stranger, acme, ada)),
                    said(credentials::app::list(tx, &stranger, acme, ada)),
                ])
            })
            .await
            .unwrap();
        for answer in answers {
            assert!(answer.starts_with("not-found "), "{answer}");
        }
        let scope = Scope::Domain(4_711);
        let refused = world
            .edit(move |edit| {
                let role = grants::create_role(edit, "r", "", &[])?;
                grants::grant(edit, ada, role, Allowed { scope, ..Allowed::all() })
            })
            .await;
        assert_eq!(said(refused), "not-found domain");
    });
}
