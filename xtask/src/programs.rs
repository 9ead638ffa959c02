//! Chores that build a program of ours and hand over to it: the demo, the measurements, the crash test.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::needs;
use crate::places::Places;
use crate::process;

/// Builds the web client and the server, and becomes `beffroi demo`.
///
/// The dev profile: our crates compile fast and unoptimised, their dependencies (SQLite, zstd, hashing, TLS) are
/// optimised all the same, so that the first start on a fresh machine comes soon and runs well enough to try. The
/// people of `--people` are there for scripts, and those measure: then it is the release profile.
pub fn demo(places: &Places, arguments: &[OsString]) -> Result<()> {
    needs::ensure(places, needs::FOR_THE_CLIENT, true)?;
    crate::web::build(places)?;
    let is_measured = arguments.iter().any(|word| word.to_string_lossy().starts_with("--people"));
    let beffroi = if is_measured { optimised_server(places)? } else { server(places)? };
    let mut command = Command::new(beffroi);
    process::become_program(command.arg("demo").args(arguments))
}

/// Builds the server in the dev profile and gives the path of its binary.
pub fn server(places: &Places) -> Result<PathBuf> {
    let words = ["build", "--locked", "--package", "server", "--bin", "beffroi"];
    process::run_quietly(places.cargo().args(words))?;
    Ok(built_server(places))
}

/// Builds the server in the release profile and gives the path of its binary.
pub fn optimised_server(places: &Places) -> Result<PathBuf> {
    let words = ["build", "--locked", "--release", "--package", "server", "--bin", "beffroi"];
    process::run_quietly(places.cargo().args(words))?;
    Ok(places.target.join("release/beffroi"))
}

/// Where a build in the dev profile leaves the server: ours, and the one for its tests.
pub fn built_server(places: &Places) -> PathBuf {
    places.target.join("debug/beffroi")
}

/// Becomes the measuring program of one part, built in release; only its JSON lines are on standard output.
pub fn bench(places: &Places, arguments: &[OsString]) -> Result<()> {
    match arguments.split_first() {
        Some((part, rest)) if part == "mail" => return crate::bench_mail::run(places, rest),
        Some((part, rest)) if part == "jmap" => return crate::bench_jmap::run(places, rest),
        _ => {}
    }
    needs::ensure(places, needs::FOR_PROGRAMS, true)?;
    process::become_program(&mut testkit_program(places, "beffroi-bench", true, arguments))
}

/// Becomes the crash test.
pub fn crash(places: &Places, arguments: &[OsString]) -> Result<()> {
    if needs_postgres(arguments) {
        needs::ensure(places, needs::FOR_PROGRAMS, true)?;
    }
    process::become_program(&mut testkit_program(places, "beffroi-crash", false, arguments))
}

fn testkit_program(places: &Places, name: &str, optimised: bool, arguments: &[OsString]) -> Command {
    let mut command = places.cargo();
    command.args(["run", "--locked", "--quiet", "--package", "testkit", "--bin", name]);
    if optimised {
        command.arg("--release");
    }
    command.arg("--").args(arguments);
    command
}

/// The crash test runs on both back ends unless told to keep to SQLite.
fn needs_postgres(arguments: &[OsString]) -> bool {
    let alone = |pair: &[OsString]| matches!(pair, [name, value] if name == "--backend" && value == "sqlite");
    !arguments.windows(2).any(alone) && !arguments.iter().any(|argument| argument == "--backend=sqlite")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sqlite_crash_test_does_without_postgresql() {
        let words = |text: &str| text.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        assert!(needs_postgres(&words("")));
        assert!(needs_postgres(&words("--rounds 3")));
        assert!(needs_postgres(&words("--backend both")));
        assert!(needs_postgres(&words("--backend postgres")));
        assert!(!needs_postgres(&words("--rounds 3 --backend sqlite")));
        assert!(!needs_postgres(&words("--backend=sqlite")));
    }
}
