//! The web client: its libraries, its build, its tests. Everything is skipped when nothing changed since it last went well.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::needs;
use crate::places::Places;
use crate::process;
use crate::programs;

/// What is below `web/` and no source of the client.
const NOT_SOURCES: &[&str] = &["node_modules", "dist", ".stamps"];

/// Brings the libraries of `package-lock.json` and builds `web/dist`, which the server takes into its binary.
pub fn build(places: &Places) -> Result<()> {
    libraries(places)?;
    if !folder(places).join("dist/index.html").is_file() {
        forget(places, "build")?;
    }
    once(places, "build", &["run", "--silent", "build"])
}

/// Types, components and units, without a browser.
pub fn check(places: &Places) -> Result<()> {
    build(places)?;
    once(places, "check", &["run", "--silent", "check"])?;
    once(places, "units", &["run", "--silent", "test"])
}

/// The client in a browser, out of the server that the tests built.
pub fn browser(places: &Places) -> Result<()> {
    build(places)?;
    beside(places, "browser", &programs::built_server(places))
}

/// The pictures of the users' manual.
pub fn shots(places: &Places) -> Result<()> {
    needs::ensure(places, needs::FOR_TESTS, true)?;
    build(places)?;
    let server = programs::server(places)?;
    beside(places, "shots", &server)
}

/// A script of the client that starts the server.
fn beside(places: &Places, script: &str, server: &Path) -> Result<()> {
    let mut command = npm(places);
    process::run_quietly(command.args(["run", "--silent", script]).env("TESTED_BEFFROI", server))
}

fn libraries(places: &Places) -> Result<()> {
    let lock = std::fs::read(folder(places).join("package-lock.json")).context("web/package-lock.json")?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&lock);
    // Not `npm ci`: it refuses a list that leaves out optional packages for other systems which a registry does not have.
    let install = ["install", "--no-save", "--ignore-scripts", "--no-fund", "--no-audit"];
    stamped(places, "libraries", hasher.finish(), || process::run_quietly(npm(places).args(install)))
}

fn once(places: &Places, name: &str, words: &[&str]) -> Result<()> {
    let sources = sources_hash(&folder(places))?;
    stamped(places, name, sources, || process::run_quietly(npm(places).args(words)))
}

fn folder(places: &Places) -> PathBuf {
    places.root.join("web")
}

fn npm(places: &Places) -> Command {
    let mut command = places.command("npm");
    command.current_dir(folder(places));
    command
}

/// Does it unless the stamp of its last success has the same number.
fn stamped(places: &Places, name: &str, number: u64, action: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamps = stamps(places);
    let (stamp, number) = (stamps.join(name), format!("{number:016x}"));
    if std::fs::read_to_string(&stamp).is_ok_and(|last| last == number) {
        return Ok(());
    }
    action()?;
    std::fs::create_dir_all(&stamps).and_then(|()| std::fs::write(&stamp, number)).context("web/node_modules")
}

fn stamps(places: &Places) -> PathBuf {
    folder(places).join("node_modules/.stamps")
}

/// What it made is gone: it is done again.
fn forget(places: &Places, name: &str) -> Result<()> {
    match std::fs::remove_file(stamps(places).join(name)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("web/node_modules"),
        _ => Ok(()),
    }
}

fn sources_hash(folder: &Path) -> Result<u64> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        hasher.write(file.to_string_lossy().as_bytes());
        hasher.write(&std::fs::read(&file).with_context(|| file.display().to_string())?);
    }
    Ok(hasher.finish())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if !NOT_SOURCES.contains(&name.as_str()) && name != "paraglide" {
                collect(&entry.path(), files)?;
            }
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_no_source() {
        let folder = std::env::temp_dir().join(format!("xtask-web-{}", std::process::id()));
        for inner in ["src", "dist", "node_modules/a"] {
            std::fs::create_dir_all(folder.join(inner)).unwrap();
        }
        std::fs::write(folder.join("src/a.ts"), "1").unwrap();
        let before = sources_hash(&folder).unwrap();
        std::fs::write(folder.join("dist/a.js"), "built").unwrap();
        std::fs::write(folder.join("node_modules/a/a.js"), "brought").unwrap();
        assert_eq!(sources_hash(&folder).unwrap(), before);
        std::fs::write(folder.join("src/a.ts"), "2").unwrap();
        assert_ne!(sources_hash(&folder).unwrap(), before);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
