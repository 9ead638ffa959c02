//! No statement of the directory reads a big table from end to end.

use std::io::Cursor;

use base::{Door, Seq};
use directory::entries::{Kind, NewEntry};
use directory::roles::{Scope, Verb, grants};
use directory::sessions::NewSession;
use directory::states::{Transition, apply};
use directory::{
    aliases, classes, credentials, domains, entries, groups, import, organisations, people, sessions, states,
    units,
};

use crate::world::{World, both, said};

/// Tables that stay small, or whose first rows are all that is read.
const SMALL: &[&str] = &[
    "FROM sql_change",
    "DELETE FROM sql_change",
    "FROM organisation WHERE name >",
    "coalesce(max(id), 0) + 1 FROM organisation",
];

#[test]
fn no_statement_scans_a_table() {
    both(|world| async move {
        world.engine.store.record_statements();
        changes(&world).await;
        reads(&world).await;
        logins(&world).await;
        ends(&world).await;
        testkit::plans::no_scans(&world.engine.store, SMALL).await;
    });
}

async fn changes(world: &World) {
    let acme = world.acme;
    let ada = world.person_with_password("ada").await;
    world.person("bob").await;
    world
        .edit(move |edit| {
            let class = classes::create(edit, "standard", &[])?;
            classes::change(edit, class, &[("imap", "no")])?;
            let top = units::create(edit, 0, "Top")?;
            let below = units::create(edit, top, "Below")?;
            units::rename(edit, below, "Lower")?;
            units::move_to(edit, below, 0)?;
            units::remove(edit, below)?;
            let own = domains::by_name(edit, acme, "acme.example")?.unwrap().id;
            domains::change(edit, own, &[("catch_all", "bob@acme.example"), ("max_people", "100")])?;
            let alias = domains::create_alias(edit, "acme.test", own)?;
            domains::remove(edit, alias)?;
            organisations::change(edit, &[("max_people", "1000")])?;
            people::change(edit, ada, &[("unit", "Top"), ("class", "standard"), ("quota_bytes", "1G")])?;
            aliases::add(edit, ada, "a1@acme.example", Some(edit.now_ms() + 5), "")?;
            aliases::set_primary(edit, ada, "countess@acme.example")?;
            aliases::remove(edit, ada, "ada@acme.example")?;
            aliases::set_targets(edit, ada, &["bob@acme.example"])?;
            aliases::remove_expired(edit)?;
            people::create_shared(edit, &NewEntry { address: "info@acme.example", name: "" }, &[])?;
            people::create_resource(edit, &NewEntry { address: "room@acme.example", name: "" }, &[])?;
            let unused = classes::create(edit, "unused", &[])?;
            classes::remove(edit, unused)
        })
        .await
        .unwrap();
    let inner = world.team(Kind::Group, "inner", &["bob", "countess"]).await;
    let outer = world.team(Kind::List, "outer", &["inner", "x@far.example"]).await;
    world.alias("both", &["bob", "outer"]).await.unwrap();
    world
        .edit(move |edit| {
            groups::set_senders(edit, outer, &[("bob@acme.example", true)])?;
            groups::remove_members(edit, outer, &["x@far.example"])
        })
        .await
        .unwrap();
    world.give(inner, &[Verb::AccountRead], Scope::Group(inner)).await;
    let given = world.give(ada, &[Verb::AccountRead, Verb::AccountEdit], Scope::Unit(3)).await;
    world.edit(move |edit| grants::revoke(edit, given)).await.unwrap();
    let text = "address,external_id,name\ncleo@acme.example,E1,Cleo\nbob@acme.example,E2,Bob\n";
    for _ in 0..2 {
        let file = Cursor::new(text.as_bytes().to_vec());
        let ctx = world.system();
        import::run(&world.directory, &ctx, acme, "p.csv", file, false, |_| ()).await.unwrap();
    }
    world.sql("UPDATE entry SET note = 'x' WHERE account_id = 2").await.unwrap();
    world.history().await;
}

async fn reads(world: &World) {
    let acme = world.acme;
    for address in ["outer", "countess+x", "nobody", "both"] {
        world.resolve(address).await;
    }
    let bob = world
        .directory
        .read(move |tx| Ok(entries::account_by_address(tx, acme.0, "bob@acme.example")?.unwrap()))
        .await
        .unwrap();
    let (ctx, system) = (world.person_ctx(bob).await, world.system());
    let history = world.directory.history(&ctx, acme, Seq(9), 1).await;
    assert_eq!(said(history), "forbidden organisation");
    world
        .directory
        .read(move |tx| {
            let team = entries::account_by_address(tx, acme.0, "outer@acme.example")?.unwrap();
            entries::list(tx, &ctx, acme, Kind::Person, "")?;
            entries::list(tx, &system, acme, Kind::Person, "")?;
            people::get(tx, &system, acme, bob)?;
            aliases::list(tx, &system, acme, bob)?;
            aliases::targets(tx, &system, acme, bob)?;
            groups::members(tx, &system, acme, team, None)?;
            groups::posting(tx, team, Some((acme, bob)), "bob@acme.example", 16)?;
            domains::list(tx, &system, acme, "")?;
            classes::list(tx, &system, acme, "")?;
            units::below(tx, &system, acme, 0, "")?;
            grants::roles(tx, &system, acme)?;
            grants::grants(tx, &system, acme, Some(bob))?;
            organisations::list(tx, &system, "")?;
            states::due(tx, &system)?;
            directory::resolve::quota_in_force(tx, bob)
        })
        .await
        .unwrap();
}

async fn logins(world: &World) {
    let acme = world.acme;
    let asked = directory::login::Credentials {
        name: "countess@acme.example".to_owned(),
        password: base::Secret::new("secret word"),
        code: None,
        door: Door::Jmap,
        network_address: Some("192.0.2.1".parse().unwrap()),
    };
    let directory::login::Answer::LoggedIn(who) =
        world.directory.login(&world.system(), asked).await.unwrap()
    else {
        panic!("it has no second factor")
    };
    let account = who.actor.account;
    let (ctx, store) = (world.system(), &world.engine.store);
    let opened = store
        .write([], move |tx| {
            let new = NewSession {
                account,
                organisation: acme,
                door: Door::Jmap,
                client: String::new(),
                network_address: String::new(),
                lifetime_ms: 1_000,
                with_token: true,
                app_password: None,
            };
            let opened = sessions::open(tx, &ctx, &new)?;
            sessions::by_token(tx, &ctx, opened.token.as_ref().unwrap().expose())?;
            sessions::lasts(tx, &ctx, opened.id)?;
            sessions::touch(tx, &ctx, opened.id)?;
            sessions::list(tx, &ctx, acme, account)?;
            Ok(opened.id)
        })
        .await
        .unwrap();
    let ctx = world.system();
    store
        .write([], move |tx| {
            sessions::end(tx, &ctx, acme, account, opened)?;
            sessions::end_all(tx, &ctx, acme, account, None)?;
            sessions::forget(tx, 5, 10)
        })
        .await
        .unwrap();
    world
        .edit_as(account, move |edit| {
            let (id, _) = credentials::app::create(edit, account, "Phone", &[], None)?;
            credentials::app::remove(edit, account, id)?;
            credentials::codes::begin(edit)
        })
        .await
        .unwrap();
}

async fn ends(world: &World) {
    let acme = world.acme;
    world
        .edit(move |edit| {
            let account = entries::account_by_address(edit, acme.0, "countess@acme.example")?.unwrap();
            apply(edit, account, Transition::PreDelete)?;
            apply(edit, account, Transition::Restore)?;
            apply(edit, account, Transition::PreDelete)?;
            apply(edit, account, Transition::Purge)
        })
        .await
        .unwrap();
}
