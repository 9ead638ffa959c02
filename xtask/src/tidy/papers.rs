//! Prose that points at something: links between documents, and files that they name, exist.

use std::path::Path;

use super::{Finding, Source};

/// Endings by which a word in backticks is taken for a file of ours.
const ENDINGS: &[&str] = &[".rs", ".sql", ".md", ".tsv", ".toml", ".txt", ".sh"];

/// Every pointer of the documents that leads nowhere.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let paths: Vec<&str> = sources.iter().map(|source| source.path.as_str()).collect();
    sources
        .iter()
        .filter(|source| source.is("md"))
        .flat_map(|source| check_document(source, &paths))
        .collect()
}

fn check_document(source: &Source, paths: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_code = false;
    for (index, line) in source.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let mut find =
            |message| findings.push(Finding { path: source.path.clone(), line: index + 1, message });
        for target in links(line).filter(|target| !exists(&source.path, target, paths)) {
            find(format!("the link to {target} leads nowhere"));
        }
        for file in files(line).filter(|file| !is_named(&source.path, file, paths)) {
            find(format!("there is no file `{file}`"));
        }
    }
    findings
}

/// The targets of the links in a line that lead to files of ours.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let ours = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    ours.map(|target| target.split('#').next().unwrap_or_default()).filter(|target| !target.is_empty())
}

/// The words in backticks that name a file with its folder.
fn files(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split('`').skip(1).step_by(2);
    code.filter(|word| is_file_name(word))
}

fn is_file_name(word: &str) -> bool {
    let stands_for_many = |part: &str| part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase());
    if word.split('/').any(stands_for_many) {
        return false;
    }
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    plain
        && !word.starts_with('/')
        && word.contains('/')
        && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// Whether a link leads to a file or a folder, from the document's own folder.
fn exists(document: &str, target: &str, paths: &[&str]) -> bool {
    let folder = Path::new(document).parent().unwrap_or(Path::new(""));
    let Some(target) = normalize(&folder.join(target)) else { return false };
    paths.iter().any(|path| *path == target || path.starts_with(&format!("{target}/")))
}

/// Whether a name leads to a file from the top, from the crates, or from the document's own folder.
fn is_named(document: &str, file: &str, paths: &[&str]) -> bool {
    exists("", file, paths) || exists("crates/x", file, paths) || exists(document, file, paths)
}

/// The path without `.` and `..`; nothing when it leaves the repository.
fn normalize(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path {
        match part.to_str()? {
            "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(path: &str, text: &str, expected: &[&str]) {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let sources =
            [source(path, text), source("docs/sql.md", ""), source("crates/store/src/sql/open.rs", "")];
        let found: Vec<String> = check(&sources).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "in: {text}");
    }

    #[test]
    fn a_link_leads_somewhere() {
        check_text("README.md", "[a](docs/sql.md) [b](docs) [c](https://example.org/x.md) [d](#part)", &[]);
        check_text("README.md", "x\n[a](docs/no.md)", &["README.md:2: the link to docs/no.md leads nowhere"]);
        check_text(
            "docs/a.md",
            "[a](sql.md) [b](../README.md)",
            &["docs/a.md:1: the link to ../README.md leads nowhere"],
        );
        check_text(
            "docs/a.md",
            "[a](sql.md#tables) [b](../../x.md)",
            &["docs/a.md:1: the link to ../../x.md leads nowhere"],
        );
    }

    #[test]
    fn a_file_that_is_named_is_there() {
        check_text(
            "README.md",
            "`store/src/sql/open.rs`, `crates/store/src/sql/open.rs`, `docs/sql.md`",
            &[],
        );
        check_text(
            "README.md",
            "`store/src/shut.rs`",
            &["README.md:1: there is no file `store/src/shut.rs`"],
        );
    }

    #[test]
    fn patterns_and_places_elsewhere_are_no_files_of_ours() {
        check_text(
            "README.md",
            "`fuzz/*.rs` `crates/NAME/src/lib.rs` `/etc/beffroi/beffroi.toml` `a <b/c.md>` main.rs `main.rs`",
            &[],
        );
        check_text("README.md", "```\n`no/such.rs`\n[a](no.md)\n```\n", &[]);
    }
}
