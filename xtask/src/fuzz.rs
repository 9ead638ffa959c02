//! `cargo xtask fuzz`: each fuzz target for a while, on the stable compiler.
//!
//! A target is a file in `fuzz/fuzz_targets`. Its seeds are in `fuzz/seeds/TARGET`; what the engine finds worth
//! keeping grows in the cache, where the next run starts from it. An input that fails is left in
//! `fuzz/artifacts/TARGET`: turn it into a unit test.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::needs;
use crate::places::Places;
use crate::process;

/// Runs the targets whose name contains `filter`, each for so many seconds.
pub fn run(places: &Places, seconds: u64, filter: Option<&str>) -> Result<()> {
    let folder = places.root.join("fuzz");
    let mut targets = targets(&folder.join("fuzz_targets"))?;
    targets.retain(|target| filter.is_none_or(|part| target.contains(part)));
    if targets.is_empty() {
        match filter {
            Some(part) => bail!("no fuzz target has `{part}` in its name"),
            None => eprintln!("xtask: there is no fuzz target yet"),
        }
        return Ok(());
    }
    needs::ensure(places, needs::FOR_FUZZING, true)?;
    let mut failed = Vec::new();
    for target in targets {
        eprintln!("xtask: fuzzing {target} for {seconds} s");
        if let Err(error) = run_target(places, &target, seconds) {
            eprintln!("xtask: {target}: {error:#}");
            failed.push(target);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}; the inputs are in fuzz/artifacts", failed.join(", "));
    }
    Ok(())
}

/// A call of cargo-fuzz on our folder.
fn cargo_fuzz(places: &Places, action: &str) -> Command {
    let mut command = places.cargo();
    // Our crates forbid unsafe code, so that an address sanitizer would only cost speed; overflow checks and debug
    // assertions, which fuzz/Cargo.toml turns on, are what finds our mistakes.
    command.args(["fuzz", action, "--fuzz-dir", "fuzz", "--sanitizer", "none", "--target-dir"]);
    command.arg(places.target.join("fuzz"));
    // The engine's instrumentation is behind a switch that only unstable compilers take.
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}

fn run_target(places: &Places, target: &str, seconds: u64) -> Result<()> {
    process::run_quietly(cargo_fuzz(places, "build").arg(target))?;
    let corpus = places.cache.join("corpus").join(target);
    std::fs::create_dir_all(&corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
    let mut command = cargo_fuzz(places, "run");
    command.arg(target).arg(&corpus);
    let seeds = places.root.join("fuzz/seeds").join(target);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command.arg("--").arg(format!("-max_total_time={seconds}"));
    command.args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0"]);
    let output = command.stdin(Stdio::null()).output().context("cannot start cargo-fuzz")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("the engine found something ({}):\n{said}", output.status);
    }
    eprintln!("xtask: {target}: {}", statistics(&said));
    Ok(())
}

/// What the engine says of a run, in one line.
fn statistics(said: &str) -> String {
    let of = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).map_or("?", str::trim);
    let (inputs, speed) = (of("stat::number_of_executed_units:"), of("stat::average_exec_per_sec:"));
    format!("{inputs} inputs, {speed} a second, {} worth keeping", of("stat::new_units_added:"))
}

/// The names of the targets in a folder, sorted; none when it does not exist.
fn targets(folder: &Path) -> Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "rs") {
            names.extend(file.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statistics_are_one_line() {
        let said = "INFO: x\nstat::number_of_executed_units: 12\nstat::average_exec_per_sec:     3\n";
        assert_eq!(statistics(said), "12 inputs, 3 a second, ? worth keeping");
    }

    #[test]
    fn targets_are_the_rust_files_in_order() {
        let folder = std::env::temp_dir().join(format!("xtask-fuzz-{}", std::process::id()));
        assert_eq!(targets(&folder).unwrap(), Vec::<String>::new());
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["query.rs", "address.rs", "README.md"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let found = targets(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.unwrap(), ["address", "query"]);
    }
}
