//! Generated files: a table of files and of what `beffroi generate` prints for each.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::places::Places;
use crate::process;
use crate::programs;

/// A file of the repository that a program writes.
pub struct Generated {
    /// Where it stands, from the top of the repository.
    pub file: &'static str,
    /// The argument of `beffroi generate` that prints it.
    pub what: &'static str,
}

/// Every generated file. Add one here; `beffroi generate WHAT` prints it on standard output.
pub static TABLE: &[Generated] = &[
    Generated { file: "docs/config.md", what: "config" },
    Generated { file: "docs/limits.md", what: "limits" },
];

/// Writes every generated file, or with `check` says which ones are stale.
pub fn run(places: &Places, check: bool) -> Result<()> {
    if TABLE.is_empty() {
        return Ok(());
    }
    let beffroi = programs::server(places)?;
    let mut stale = Vec::new();
    for generated in TABLE {
        let text = process::capture(Command::new(&beffroi).args(["generate", generated.what]))
            .with_context(|| format!("cannot generate {}", generated.file))?;
        if update(&places.root.join(generated.file), &text, check)? {
            stale.push(generated.file);
        }
    }
    match (stale.as_slice(), check) {
        ([], _) => Ok(()),
        (stale, true) => bail!("stale: {}; run `cargo xtask generate`", stale.join(", ")),
        (stale, false) => {
            eprintln!("xtask: wrote {}", stale.join(", "));
            Ok(())
        }
    }
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
    fn no_file_is_generated_twice() {
        let mut files: Vec<&str> = TABLE.iter().map(|generated| generated.file).collect();
        files.sort_unstable();
        files.dedup();
        assert_eq!(files.len(), TABLE.len());
    }
}
