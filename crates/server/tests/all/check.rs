//! `beffroi check` finds and names what was altered behind the server's back.

use std::sync::Arc;

use base::{Clock, Limits};
use store::{Backend, Store, StoreOptions};

use crate::world::{Ended, World};

fn run(world: &World, arguments: &[&str]) -> Ended {
    world.run(&[arguments, &["--json", "--data-dir", "data"]].concat())
}

/// The database of a world, as somebody with an SQL tool opens it.
pub fn open(world: &World) -> Store {
    let options = StoreOptions {
        backend: Backend::Sqlite { path: world.folder.join("data/beffroi.sqlite"), readers: 1 },
        parts: Vec::new(),
        on_lock: None,
        limits: Arc::new(Limits::default()),
        clock: Clock::system(),
    };
    Store::open_blocking(options).unwrap()
}

/// Changes rows as somebody with an SQL tool would.
pub fn alter(world: &World, sql: &'static str) {
    let rows = open(world).write_blocking([], move |tx| tx.execute(sql, [])).unwrap();
    assert!(rows > 0, "{sql}");
}

#[test]
fn r04_an_altered_row_is_found_named_and_mended_where_it_is_derived() {
    let world = World::new();
    for arguments in [&["org", "add", "acme"][..], &["domain", "add", "acme.example"]] {
        run(&world, arguments).json();
    }
    run(&world, &["check"]).json();
    alter(&world, "UPDATE account SET used_bytes = used_bytes + 77");
    let found = run(&world, &["check"]);
    assert!(found.code == 1 && found.out.contains("77 are counted"), "{}{}", found.out, found.err);
    run(&world, &["check", "--repair"]).json();
    run(&world, &["check"]).json();
    alter(&world, "INSERT INTO share (account_id, collection_id, subject_id, rights) VALUES (1, 0, 4242, 1)");
    let found = run(&world, &["check"]);
    assert!(found.code == 1 && found.out.contains("account 4242 has rights"), "{}{}", found.out, found.err);
    alter(&world, "DELETE FROM share");
    alter(&world, "UPDATE commit_ SET at = at + 1 WHERE account_id = 1 AND seq = 1");
    let found = run(&world, &["check", "--repair"]);
    assert!(found.code == 1 && found.out.contains("commit 1 was altered"), "{}{}", found.out, found.err);
}
