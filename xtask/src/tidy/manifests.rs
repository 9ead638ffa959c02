//! What every crate's manifest inherits from the workspace: edition, licence, and the lints, among them the one that
//! asks for documentation on every public item.

use super::{Finding, Source};

/// The keys that each manifest takes from the workspace: section, then key.
const INHERITED: &[(&str, &str)] = &[
    ("package", "version.workspace"),
    ("package", "edition.workspace"),
    ("package", "rust-version.workspace"),
    ("package", "license.workspace"),
    ("package", "publish.workspace"),
    ("lints", "workspace"),
];

/// Every manifest of a crate that does not inherit what it has to.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    sources.iter().filter(|source| is_manifest(&source.path)).flat_map(check_manifest).collect()
}

fn is_manifest(path: &str) -> bool {
    path == "xtask/Cargo.toml" || (path.starts_with("crates/") && path.ends_with("/Cargo.toml"))
}

fn check_manifest(source: &Source) -> Vec<Finding> {
    let settings = settings(&source.text);
    let has = |section: &str, key: &str| settings.contains(&(section, key, "true"));
    let missing = INHERITED.iter().filter(|(section, key)| !has(section, key));
    let as_finding = |(section, key): &(&str, &str)| Finding {
        path: source.path.clone(),
        line: 0,
        message: format!("`[{section}]` needs `{key} = true`"),
    };
    missing.map(as_finding).collect()
}

/// The plain settings of a manifest: section, key, value.
fn settings(text: &str) -> Vec<(&str, &str, &str)> {
    let mut section = "";
    let mut settings = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim();
        } else if let Some((key, value)) = line.split_once('=') {
            settings.push((section, key.trim(), value.trim()));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"a\"\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\n[lints]\nworkspace = true\n";

    fn check_text(path: &str, text: &str) -> Vec<String> {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        check(&[source]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_manifest_that_inherits_everything_is_good() {
        assert_eq!(check_text("crates/a/Cargo.toml", GOOD), Vec::<String>::new());
    }

    #[test]
    fn lints_of_its_own_are_found() {
        let own = GOOD.replace("[lints]\nworkspace = true", "[lints.rust]\nmissing_docs = \"allow\"");
        assert_eq!(
            check_text("crates/a/Cargo.toml", &own),
            ["crates/a/Cargo.toml: `[lints]` needs `workspace = true`"]
        );
    }

    #[test]
    fn a_licence_of_its_own_is_found() {
        let own = GOOD.replace("license.workspace = true", "license = \"MIT\"");
        let expected = "xtask/Cargo.toml: `[package]` needs `license.workspace = true`";
        assert_eq!(check_text("xtask/Cargo.toml", &own), [expected]);
    }

    #[test]
    fn other_manifests_are_not_asked() {
        assert_eq!(check_text("Cargo.toml", ""), Vec::<String>::new());
        assert_eq!(check_text("fuzz/Cargo.toml", ""), Vec::<String>::new());
    }
}
