//! `cargo xtask test`: every check and every test, as a flat list of steps.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::generate;
use crate::needs;
use crate::places::Places;
use crate::process;
use crate::programs;
use crate::tidy;
use crate::web;

/// One thing that has to hold.
struct Step {
    name: &'static str,
    action: Action,
}

enum Action {
    /// A call of cargo with these words.
    Cargo(&'static [&'static str]),
    /// Something of our own.
    Own(fn(&Places) -> Result<()>),
}

static STEPS: &[Step] = &[
    Step { name: "format", action: Action::Cargo(&["fmt", "--all", "--check"]) },
    Step {
        name: "format of the fuzz targets",
        action: Action::Cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]),
    },
    Step { name: "house rules", action: Action::Own(|places| tidy::run(places, false)) },
    // Before anything compiles the server, which holds the client's files.
    Step { name: "web client", action: Action::Own(web::check) },
    Step {
        name: "clippy",
        action: Action::Cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]),
    },
    Step { name: "tests", action: Action::Cargo(NEXTEST) },
    Step { name: "web client in a browser", action: Action::Own(web::browser) },
    // After the tests, whose server it asks: a build of its own would compile half the libraries once more.
    Step { name: "generated files", action: Action::Own(generated_files) },
    Step {
        name: "examples in the documentation",
        action: Action::Cargo(&["test", "--workspace", "--doc", "--locked"]),
    },
    Step {
        name: "licences and sources of crates",
        action: Action::Cargo(&["deny", "--locked", "check", "licenses", "bans", "sources"]),
    },
];

fn generated_files(places: &Places) -> Result<()> {
    generate::run_with(places, &programs::built_server(places), true)
}

static NEXTEST: &[&str] = &["nextest", "run", "--workspace", "--locked", "--no-fail-fast"];

/// Brings what is missing, then runs every step, or only the tests that the filters name.
pub fn run(places: &Places, may_install: bool, filters: &[String]) -> Result<()> {
    if !filters.is_empty() {
        needs::ensure(places, needs::FOR_FILTERED_TESTS, may_install)?;
        web::build(places)?;
        return process::run(places.cargo().args(NEXTEST).args(filters));
    }
    needs::ensure(places, needs::FOR_TESTS, may_install)?;
    run_steps(STEPS, places)
}

/// Runs every step, also after one that failed: a person wants all the findings of a run that takes minutes.
fn run_steps(steps: &[Step], places: &Places) -> Result<()> {
    let mut failed = Vec::new();
    for step in steps {
        eprintln!("xtask: {} ...", step.name);
        let start = Instant::now();
        let result = match step.action {
            Action::Cargo(words) => process::run(places.cargo().args(words)),
            Action::Own(action) => action(places),
        };
        let seconds = start.elapsed().as_secs();
        match result {
            Ok(()) => eprintln!("xtask: {}: good ({seconds} s)", step.name),
            Err(error) => {
                eprintln!("xtask: {}: FAILED ({seconds} s): {error:#}", step.name);
                failed.push(step.name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("{} of {} steps failed: {}", failed.len(), steps.len(), failed.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::Environment;

    fn places() -> Places {
        let folder = std::env::temp_dir();
        let environment = Environment {
            manifest_dir: folder.join("xtask"),
            home: Some(folder.into()),
            cargo: Some("true".into()),
            ..Environment::default()
        };
        Places::from_environment(environment).unwrap()
    }

    #[test]
    fn a_failed_step_is_named_and_the_others_run_all_the_same() {
        let steps = [
            Step { name: "first", action: Action::Own(|_| bail!("no")) },
            Step { name: "second", action: Action::Own(|_| Ok(())) },
            Step { name: "third", action: Action::Own(|_| bail!("no")) },
        ];
        let message = run_steps(&steps, &places()).unwrap_err().to_string();
        assert_eq!(message, "2 of 3 steps failed: first, third");
    }

    #[test]
    fn good_steps_make_a_good_run() {
        let steps = [Step { name: "only", action: Action::Own(|_| Ok(())) }];
        run_steps(&steps, &places()).unwrap();
    }
}
