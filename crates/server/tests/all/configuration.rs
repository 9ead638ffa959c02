//! Configuration as an administrator meets it.

use crate::world::{World, text};

#[test]
fn r01_a_bad_configuration_is_refused_with_its_lines() {
    let world = World::new();
    let file = world
        .write("bad.toml", "data_dir = 'data'\n[store]\nbackand = 'sqlite'\n[limits]\nname_bytes = -1\n");
    for command in [&["serve"][..], &["config", "check"]] {
        let ended = world.run(&[command, &["--config", text(&file)]].concat());
        assert_eq!(ended.code, 7, "{}", ended.err);
        let place = file.display();
        assert!(
            ended
                .err
                .contains(&format!("{place}:3: there is no key store.backand; did you mean store.backend?"))
        );
        assert!(ended.err.contains(&format!("{place}:5: limits.name_bytes is -1; write a whole number")));
    }
    assert!(!world.folder.join("data").exists(), "nothing is made before the configuration is good");
}

#[test]
fn errors_are_json_for_programs() {
    let world = World::new();
    let ended = world.run(&["config", "check", "--json", "--config", "absent.toml"]);
    let error: serde_json::Value = serde_json::from_str(&ended.err).unwrap();
    assert_eq!(error["meaning"], "invalid");
    assert!(error["problems"][0].as_str().unwrap().contains("absent.toml"));
}

#[test]
fn effective_values_hide_secrets_and_name_their_origin() {
    let world = World::new();
    let file = world.write("good.toml", "[metrics]\ntoken = 'hunter2'\n");
    let arguments = ["config", "show", "--json", "--changed", "--config", text(&file), "--data-dir", "/d"];
    let mut command = world.command(&arguments);
    command
        .env("BEFFROI_LIMITS_NAME_BYTES", "100")
        .env("BEFFROI_STORE_POSTGRES_URL", "postgres://u:geheim@h/d");
    let ended = crate::world::Ended::from(command.output().unwrap());
    assert!(!ended.out.contains("hunter2") && !ended.out.contains("geheim"), "{}", ended.out);
    let rows = ended.json();
    let row =
        |key: &str| rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("{key}")).clone();
    assert_eq!(row("metrics.token")["value"], "\"***\"");
    assert_eq!(row("metrics.token")["from"], format!("{}:2", file.display()));
    assert_eq!(row("store.postgres_url")["from"], "environment BEFFROI_STORE_POSTGRES_URL");
    assert_eq!(row("limits.name_bytes")["value"], "100");
    assert_eq!(row("data_dir")["from"], "option --data-dir");
    assert_eq!(rows.len(), 4);
}

#[test]
fn a_written_file_is_good_private_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let file = world.folder.join("etc/beffroi.toml");
    assert_eq!(world.run(&["config", "init", text(&file)]).code, 0);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(world.run(&["config", "check", "--config", text(&file)]).code, 0);
    let again = world.run(&["config", "init", text(&file)]);
    assert_eq!(again.code, 5, "{}", again.err);
}

#[test]
fn a_wrong_command_line_is_told_apart() {
    let world = World::new();
    assert_eq!(world.run(&["fly"]).code, 2);
    assert_eq!(world.run(&["generate", "nonsense"]).code, 7);
}
