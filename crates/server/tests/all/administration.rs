//! The directory as an administrator works on it: the commands do what the doors will do.

use serde_json::{Value, json};

use crate::world::{Ended, World, text};

/// A world with an organisation `acme` and its domain.
fn acme() -> World {
    let world = World::new();
    done(&world, &["org", "add", "acme"]);
    done(&world, &["domain", "add", "acme.example"]);
    world
}

fn run(world: &World, arguments: &[&str]) -> Ended {
    world.run(&[arguments, &["--json", "--data-dir", "data"]].concat())
}

/// The JSON lines of a command that must succeed.
fn done(world: &World, arguments: &[&str]) -> Vec<Value> {
    run(world, arguments).json()
}

fn refused(world: &World, arguments: &[&str], code: i32) -> Value {
    let ended = run(world, arguments);
    assert_eq!(ended.code, code, "{arguments:?}: {}{}", ended.out, ended.err);
    serde_json::from_str(ended.err.lines().last().unwrap()).unwrap()
}

#[test]
fn m27_people_are_made_changed_shown_and_listed() {
    let world = acme();
    done(&world, &["cos", "add", "Standard", "quota_bytes=2G"]);
    done(&world, &["unit", "add", "Sales"]);
    done(&world, &["unit", "add", "Sales/North"]);
    let made =
        done(&world, &["user", "add", "zoe@acme.example", "name=Zoé", "class=Standard", "unit=Sales/North"]);
    assert_eq!(made[0]["password"].as_str().unwrap().len(), 16);
    done(&world, &["user", "set", "zoe@acme.example", "title=Chef", "quota_bytes=1G"]);
    let shown = &done(&world, &["user", "show", "zoe@acme.example"])[0];
    let expected = [
        ("name", json!("Zoé")),
        ("class", json!("Standard")),
        ("unit", json!("Sales/North")),
        ("title", json!("Chef")),
        ("quota_bytes", json!(1_073_741_824)),
        ("state", json!("active")),
    ];
    for (field, value) in expected {
        assert_eq!(shown[field], value, "{field}: {shown}");
    }
    let again = done(&world, &["user", "set", "zoe@acme.example", "title=Chef"]);
    assert_eq!(again[0]["changed"], false);
    let list = done(&world, &["user", "list"]);
    assert_eq!((list.len(), &list[0]["address"]), (1, &json!("zoe@acme.example")));
    assert_eq!(refused(&world, &["user", "set", "zoe@acme.example", "colour=red"], 7)["meaning"], "invalid");
    assert_eq!(refused(&world, &["user", "show", "nobody@acme.example"], 3)["meaning"], "not-found");
    assert_eq!(refused(&world, &["user", "add", "zoe@acme.example"], 5)["meaning"], "conflict");
}

#[test]
fn m27_a_table_for_people_says_the_same() {
    let world = acme();
    done(&world, &["user", "add", "zoe@acme.example", "name=Zoé"]);
    let ended = world.run(&["user", "list", "--data-dir", "data"]);
    let lines: Vec<_> = ended.out.lines().collect();
    assert!(lines[0].contains("Address") && lines[1].contains("Zoé"), "{}", ended.out);
}

#[test]
fn m09_m10_aliases_groups_and_lists_lead_to_their_people() {
    let world = acme();
    for name in ["a", "b", "c"] {
        done(&world, &["user", "add", &format!("{name}@acme.example"), "--password", "none"]);
    }
    done(&world, &["alias", "add", "info@acme.example", "a@acme.example", "b@acme.example"]);
    done(&world, &["list", "add", "all@acme.example", "name=Everybody"]);
    let add =
        ["list", "members", "all@acme.example", "--add", "info@acme.example", "--add", "c@acme.example"];
    assert_eq!(done(&world, &add).len(), 2);
    let mut reached: Vec<_> = done(&world, &["resolve", "all@acme.example"])
        .iter()
        .map(|row| row["address"].as_str().unwrap().to_owned())
        .collect();
    reached.sort();
    assert_eq!(reached, ["a@acme.example", "b@acme.example", "c@acme.example"]);
    let ring = ["alias", "targets", "info@acme.example", "all@acme.example"];
    assert_eq!(refused(&world, &ring, 7)["field"], "target");
    done(&world, &["list", "members", "all@acme.example", "--remove", "c@acme.example"]);
    assert_eq!(done(&world, &["resolve", "all@acme.example"]).len(), 2);
    assert_eq!(done(&world, &["resolve", "x@elsewhere.example"])[0]["nobody"], "not our domain");
}

#[test]
fn m14_the_life_of_an_account_and_purge_asks_first() {
    let world = acme();
    done(&world, &["user", "add", "zoe@acme.example", "--password", "none"]);
    for (step, state) in
        [("lock", "locked"), ("close", "closed"), ("pre-delete", "pre-deleted"), ("restore", "closed")]
    {
        done(&world, &["user", "state", "zoe@acme.example", step]);
        assert_eq!(done(&world, &["user", "show", "zoe@acme.example"])[0]["state"], state);
    }
    done(&world, &["user", "state", "zoe@acme.example", "pre-delete"]);
    let asked = refused(&world, &["user", "state", "zoe@acme.example", "purge"], 4);
    assert!(asked["error"].as_str().unwrap().contains("--yes"), "{asked}");
    done(&world, &["user", "state", "zoe@acme.example", "purge", "--yes"]);
    refused(&world, &["user", "show", "zoe@acme.example"], 3);
}

#[test]
fn m30_people_come_from_a_file_with_errors_by_line() {
    let world = acme();
    let file = world.write("people.csv", "address,name\na@acme.example,A\nno address,B\nc@acme.example,C\n");
    let ended = run(&world, &["user", "import", text(&file)]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    let lines: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["line"], &lines[0]["field"]), (&json!(3), &json!("address")), "{lines:?}");
    assert_eq!((&lines[1]["created"], &lines[1]["failed"]), (&json!(2), &json!(1)));
    assert_eq!(done(&world, &["user", "list"]).len(), 2);
}

#[test]
fn the_audit_tells_what_was_done() {
    let world = acme();
    done(&world, &["user", "add", "zoe@acme.example", "--password", "none"]);
    done(&world, &["user", "set", "zoe@acme.example", "title=Chef"]);
    let rows = done(&world, &["audit"]);
    assert!(rows[0]["changes"].as_str().unwrap().contains("zoe@acme.example: title:"), "{rows:?}");
    assert_eq!(
        (&rows[0]["door"], &rows[0]["actor"], &rows[0]["account"]),
        (&json!("cli"), &json!("administrator at the machine"), &json!("directory"))
    );
    assert_eq!(done(&world, &["audit", "--limit", "1"]).len(), 1);
    assert_eq!(done(&world, &["audit", "--until", "2000-01-01"]).len(), 0);
}

/// Alters the first commit of every account, as someone with a tool for SQL could.
fn forge(path: std::path::PathBuf) {
    let store = store::Store::open_blocking(store::StoreOptions {
        backend: store::Backend::Sqlite { path, readers: 1 },
        parts: Vec::new(),
        on_lock: None,
        limits: std::sync::Arc::default(),
        clock: base::Clock::system(),
    })
    .unwrap();
    let sql = "UPDATE commit_ SET changes = replace(changes, 'acme', 'acne') WHERE seq = 1";
    assert!(store.write_blocking([], move |tx| tx.execute(sql, [])).unwrap() > 0);
}

#[test]
fn r04_check_finds_a_row_that_was_altered_by_sql() {
    let world = acme();
    let ended = run(&world, &["check"]);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    forge(world.folder.join("data/beffroi.sqlite"));
    let ended = run(&world, &["check"]);
    assert_eq!(ended.code, 1, "{}", ended.out);
    assert!(ended.out.contains("\"kind\":\"chain\""), "{}", ended.out);
}

#[test]
fn with_several_organisations_one_is_named() {
    let world = acme();
    done(&world, &["org", "add", "other"]);
    assert_eq!(refused(&world, &["user", "list"], 7)["field"], "--org");
    assert_eq!(done(&world, &["domain", "list", "--org", "acme"]).len(), 1);
    assert_eq!(done(&world, &["domain", "list", "--org", "other"]).len(), 0);
    refused(&world, &["domain", "list", "--org", "none"], 3);
}

#[test]
fn r01_commands_work_beside_a_running_server() {
    let world = acme();
    let server = world.serve("");
    done(&world, &["user", "add", "zoe@acme.example", "--password", "none"]);
    assert_eq!(done(&world, &["user", "list"]).len(), 1);
    assert_eq!(server.get("/health/ready").0, 200);
}

#[test]
fn r05_a_restored_server_equals_the_original() {
    let world = acme();
    let server = world.serve("");
    done(&world, &["user", "add", "zoe@acme.example", "--password", "none"]);
    let made = done(&world, &["backup", "create", "copy"]);
    assert_eq!(server.get("/health/ready").0, 200, "it runs on meanwhile");
    assert_eq!(done(&world, &["backup", "verify", "copy"])[0]["rows"], made[0]["rows"]);
    let elsewhere =
        |arguments: &[&str]| world.run(&[arguments, &["--json", "--data-dir", "elsewhere"]].concat());
    let restored = elsewhere(&["backup", "restore", "copy"]).json();
    assert_eq!(restored[0]["rows"], made[0]["rows"]);
    assert_eq!(elsewhere(&["check"]).json()[0]["faults"], 0);
    assert_eq!(elsewhere(&["user", "list"]).json(), done(&world, &["user", "list"]));
    assert_eq!(elsewhere(&["audit"]).json(), done(&world, &["audit"]));
    let again = elsewhere(&["backup", "restore", "copy"]);
    assert_eq!(again.code, 5, "a folder that is not empty is kept: {}", again.err);
    assert_eq!(refused(&world, &["backup", "verify", "nothing"], 3)["meaning"], "not-found");
}
