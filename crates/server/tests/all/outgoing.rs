//! Mail on its way out as an administrator works on it.

use serde_json::Value;

use crate::world::World;

fn run(world: &World, arguments: &[&str]) -> Vec<Value> {
    world.run(&[arguments, &["--json", "--yes", "--data-dir", "data"]].concat()).json()
}

#[test]
fn p05_keys_of_a_domain_are_made_published_and_rotated() {
    let world = World::new();
    run(&world, &["org", "add", "acme"]);
    run(&world, &["domain", "add", "acme.example"]);
    let records = run(&world, &["dkim", "create", "Acme.example"]);
    assert_eq!(records.len(), 2, "RSA and Ed25519");
    for record in &records {
        assert!(record["name"].as_str().unwrap().ends_with("._domainkey.acme.example"), "{record}");
        assert!(record["text"].as_str().unwrap().starts_with("v=DKIM1; k="), "{record}");
        assert_eq!((&record["type"], &record["state"]), (&"TXT".into(), &"next".into()));
    }
    assert_eq!(run(&world, &["dkim", "rotate", "acme.example"])[0]["active"], 2);
    assert_eq!(run(&world, &["dkim", "rotate", "acme.example"])[0]["active"], 0, "there is nothing newer");
    run(&world, &["dkim", "create", "acme.example"]);
    run(&world, &["dkim", "rotate", "acme.example"]);
    let keys = run(&world, &["dkim", "list", "acme.example"]);
    let states: Vec<_> = keys.iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states.iter().filter(|state| **state == "active").count(), 2, "{states:?}");
    assert_eq!(states.iter().filter(|state| **state == "retired").count(), 2, "{states:?}");
    assert!(keys.iter().all(|key| key.get("private_key").is_none()));
    assert_eq!(run(&world, &["dkim", "dns", "acme.example"]).len(), 4, "retired ones stay published");
    let other = world.run(&["dkim", "create", "else.example", "--json", "--data-dir", "data"]);
    assert_eq!(other.code, 3, "{}", other.err);
}

#[test]
fn p04_a_destination_is_paused_from_the_command_line() {
    let world = World::new();
    run(&world, &["org", "add", "acme"]);
    assert!(run(&world, &["queue", "list"]).is_empty());
    run(&world, &["queue", "pause", "Bücher.example", "--reason", "moving"]);
    let pauses = run(&world, &["queue", "pause"]);
    assert_eq!(pauses[0]["destination"], "xn--bcher-kva.example");
    assert_eq!(pauses[0]["reason"], "moving");
    assert_eq!(run(&world, &["queue", "resume", "bücher.example"])[0]["changed"], true);
    assert!(run(&world, &["queue", "pause"]).is_empty());
    assert_eq!(run(&world, &["queue", "flush"])[0]["recipients"], 0);
    let missing = world.run(&["queue", "remove", "1", "--yes", "--json", "--data-dir", "data"]);
    assert_eq!(missing.code, 3, "{}", missing.err);
}
