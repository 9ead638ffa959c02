//! `cargo xtask fuzz`: each fuzz target for a while, on the stable compiler.
//!
//! A target is a file in `fuzz/fuzz_targets`. Its seeds are in `fuzz/seeds/TARGET`; what the engine finds worth
//! keeping grows in the cache, where the next run starts from it. An input that fails is left in
//! `fuzz/artifacts/TARGET`: turn it into a unit test.

use std::path::Path;

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

fn run_target(places: &Places, target: &str, seconds: u64) -> Result<()> {
    let corpus = places.cache.join("corpus").join(target);
    std::fs::create_dir_all(&corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
    let mut command = places.cargo();
    // Our crates forbid unsafe code, so that an address sanitizer would only cost speed; overflow checks and debug
    // assertions, which cargo-fuzz turns on, are what finds our mistakes.
    command.args(["fuzz", "run", "--fuzz-dir", "fuzz", "--sanitizer", "none", "--target-dir"]);
    command.arg(places.target.join("fuzz")).arg(target).arg(&corpus);
    let seeds = places.root.join("fuzz/seeds").join(target);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command.arg("--").arg(format!("-max_total_time={seconds}"));
    command.args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0"]);
    // The engine's instrumentation is behind a switch that only unstable compilers take.
    process::run(command.env("RUSTC_BOOTSTRAP", "1"))
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
