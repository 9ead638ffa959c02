//! Generated files. `beffroi generate` lists them, a name and a file a line; `beffroi generate NAME` prints one.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::places::Places;
use crate::process;
use crate::programs;

/// Writes every generated file, or with `check` says which ones are stale.
pub fn run(places: &Places, check: bool) -> Result<()> {
    run_with(places, &programs::server(places)?, check)
}

/// The same with a server that is built already.
pub fn run_with(places: &Places, beffroi: &Path, check: bool) -> Result<()> {
    let listing = process::capture(Command::new(beffroi).arg("generate"))?;
    let mut stale = Vec::new();
    for (name, file) in parse(&listing)? {
        let text = process::capture(Command::new(beffroi).args(["generate", name]))
            .with_context(|| format!("cannot generate {file}"))?;
        if update(&places.root.join(file), &text, check)? {
            stale.push(file);
        }
    }
    if check && !stale.is_empty() {
        bail!("stale: {}; run `cargo xtask generate`", stale.join(", "));
    }
    for file in stale {
        eprintln!("xtask: wrote {file}");
    }
    Ok(())
}

/// The names and files of a listing, a tab between them.
fn parse(listing: &str) -> Result<Vec<(&str, &str)>> {
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for line in listing.lines() {
        let row =
            line.split_once('\t').with_context(|| format!("`{line}` is not a name, a tab and a file"))?;
        ensure!(!row.1.starts_with('/') && !row.1.contains(".."), "{} is outside the repository", row.1);
        ensure!(rows.iter().all(|(_, file)| *file != row.1), "{} is generated twice", row.1);
        rows.push(row);
    }
    ensure!(!rows.is_empty(), "`beffroi generate` lists no file");
    Ok(rows)
}

/// Whether the file differed; without `check` it is as wanted afterwards.
fn update(file: &Path, text: &str, check: bool) -> Result<bool> {
    let is = match std::fs::read_to_string(file) {
        Ok(is) => is,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    if is == text {
        return Ok(false);
    }
    if !check {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_found_and_rewritten() {
        let folder = std::env::temp_dir().join(format!("xtask-generate-{}", std::process::id()));
        let file = folder.join("docs/limits.md");
        assert!(update(&file, "new\n", true).unwrap(), "an absent file is stale");
        assert!(!file.exists(), "a check writes nothing");
        assert!(update(&file, "new\n", false).unwrap());
        assert!(!update(&file, "new\n", true).unwrap());
        assert!(update(&file, "newer\n", true).unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_listing_is_names_and_files() {
        let rows = parse("config\tdocs/config.md\nlimits\tdocs/limits.md\n").unwrap();
        assert_eq!(rows, [("config", "docs/config.md"), ("limits", "docs/limits.md")]);
    }

    #[test]
    fn a_listing_that_would_write_elsewhere_or_twice_or_nothing_is_refused() {
        for (listing, word) in [
            ("", "no file"),
            ("config\n", "a tab"),
            ("config\t/etc/passwd\n", "outside"),
            ("config\t../config.md\n", "outside"),
            ("config\ta.md\nlimits\ta.md\n", "twice"),
        ] {
            let message = parse(listing).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
