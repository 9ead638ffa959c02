//! `beffroi demo`, as scripts use it.

use serde_json::Value;

use crate::world::{Server, World};

fn start(world: &World, people: &str) -> Server {
    let data = world.folder.join("demo");
    let options = ["--data-dir", data.to_str().unwrap(), "--port-base", "0", "--people", people, "--json"];
    Server::start(world.command(&[&["demo"][..], &options].concat()))
}

fn resident_kilobytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn r01_a_demo_is_made_and_found_again_and_stays_small() {
    let world = World::new();
    let server = start(&world, "25");
    let ready = server.ready.clone();
    assert_eq!(ready["administrator"]["login"], "camille.lefevre@tour.example");
    let people = ready["people"].as_array().unwrap();
    assert_eq!(people[24], serde_json::json!({ "login": "u25@bench.test", "password": "secret" }));
    assert!(people.iter().any(|person| person["login"] == "zoe.dubois@tour.example"));
    assert_eq!(server.get("/health/ready").0, 200);
    let kilobytes = resident_kilobytes(server.pid());
    assert!(kilobytes < 60 * 1024, "{kilobytes} KiB");
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));

    let again = start(&world, "25");
    assert_eq!(again.ready["administrator"], ready["administrator"]);
    assert_eq!(again.ready["people"], ready["people"]);
    let listed = world.run(&["user", "list", "--json", "--data-dir", "demo"]).json();
    assert_eq!(listed.len(), 25 + 6);
    let quota = |row: &Value| row["quota_bytes"].clone();
    let resolved =
        world.run(&["resolve", "zoe.dubois+cloches@tower.example", "--json", "--data-dir", "demo"]).json();
    assert_eq!(resolved.len(), 1, "an alias of a domain, with a detail");
    assert_eq!(quota(&resolved[0]), 10_u64 << 30);
}
