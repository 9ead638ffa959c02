//! The pages of the web client on a whole server, in a browser: `web/tests/server/`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::world::{Ended, Server, World};

pub fn run(world: &World, arguments: &[&str]) -> Vec<Value> {
    world.run(&[arguments, &["--json", "--yes", "--data-dir", "data"]].concat()).json()
}

pub fn made(world: &World, name: &str) -> String {
    let made = run(world, &["user", "add", &format!("{name}@acme.example")]);
    made[0]["password"].as_str().unwrap().to_owned()
}

/// Runs a script of the web client's folder to its good end.
pub fn browse(script: &str, arguments: &[&str], server: &Server) {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    assert!(
        web.join("node_modules").is_dir() && web.join("dist/index.html").is_file(),
        "the web client is not built; `cargo xtask test` builds it"
    );
    let ended = Command::new("node")
        .arg(format!("tests/server/{script}"))
        .args(arguments)
        .current_dir(web)
        .output()
        .unwrap();
    let ended = Ended::from(ended);
    assert_eq!(ended.code, 0, "{}\n{}\n{}", ended.out, ended.err, server.log());
}

pub fn at_localhost(address: &str) -> String {
    format!("http://localhost:{}", address.rsplit(':').next().unwrap())
}

#[test]
fn r08_a_passkey_is_made_in_the_settings_and_opens_the_login_page() {
    let world = World::new();
    run(&world, &["org", "add", "acme"]);
    run(&world, &["domain", "add", "acme.example"]);
    let password = made(&world, "ada");
    let server = world.serve("");
    let address = at_localhost(&server.address("http"));
    browse("passkeys.mjs", &[&address, "ada@acme.example", &password], &server);
    assert!(!server.log().contains("ada@acme.example"), "names stay out of the log");
}
