//! The crash test in its short form, and the full disk.

use std::process::Command;

fn crash(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_beffroi-crash")).args(arguments).output();
    let output = output.expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), format!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn r03_p02_acknowledged_work_survives_kills() {
    for backend in ["sqlite", "postgres"] {
        let (good, text) = crash(&["--rounds", "3", "--backend", backend]);
        assert!(good, "{text}");
        assert!(text.contains("\"kills\":3") && text.contains("\"losses\":0"), "{text}");
        assert!(!text.contains("\"acknowledged\":0"), "{text}");
    }
}

#[test]
fn r03_a_full_disk_loses_nothing() {
    let (good, text) = crash(&["full"]);
    assert!(good, "{text}");
    assert!(text.contains("\"full\":\"held\"") || text.contains("\"full\":\"skipped\""), "{text}");
}

#[test]
fn r03_a_program_that_acknowledges_too_early_is_found_out() {
    let (good, text) = crash(&["--rounds", "1", "--backend", "sqlite", "--hasty"]);
    assert!(!good && text.contains("LOST"), "{text}");
}
