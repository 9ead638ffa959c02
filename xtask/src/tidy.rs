//! The house rules as a test. Each rule is a module that is given text and returns findings, so that its unit tests
//! can show it bad examples; this file finds the text and prints the findings.

mod edges;
mod exceptions;
mod feature_table;
mod functions;
mod manifests;
mod mask;
mod papers;
mod sizes;
mod words;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::generate;
use crate::places::Places;
use crate::process;

/// A breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the top of the repository.
    pub path: String,
    /// The line, counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(out, "{}: {}", self.path, self.message)
        } else {
            write!(out, "{}:{}: {}", self.path, self.line, self.message)
        }
    }
}

/// Something that a rule measures and bounds, and that an exception may excuse up to a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// The rule, as the list of exceptions names it.
    pub rule: &'static str,
    /// The file, or `file::function`.
    pub key: String,
    /// The line to point at; 0 for the file as a whole.
    pub line: usize,
    /// What was measured.
    pub value: usize,
    /// What the rule allows.
    pub limit: usize,
    /// What is wrong when `value` is above `limit`.
    pub message: String,
}

/// A file of the repository.
pub struct Source {
    /// Its path from the top of the repository.
    pub path: String,
    /// What it says; nothing when it is no text.
    pub text: String,
}

impl Source {
    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|is| is == extension)
    }
}

/// Where bad examples for these rules stand; no rule reads them.
const BAD_EXAMPLES: &str = "xtask/bad-examples/";

/// Checks everything; `build` also compares the generated files, which needs the server.
pub fn run(places: &Places, build: bool) -> Result<()> {
    let sources = sources(places)?;
    let metadata = process::capture(places.cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let findings = check(&sources, &metadata)?;
    report(&sources);
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings of house rules", findings.len());
    }
    if build { generate::run(places, true) } else { Ok(()) }
}

/// Every finding in the text of a repository and in what `cargo metadata` says of it.
fn check(sources: &[Source], metadata: &str) -> Result<Vec<Finding>> {
    let text_of =
        |path: &str| sources.iter().find(|source| source.path == path).map(|source| source.text.as_str());
    let mut findings = edges::check(metadata)?;
    findings.extend(manifests::check(sources));
    findings.extend(papers::check(sources));
    let table =
        text_of(feature_table::PATH).with_context(|| format!("{} is missing", feature_table::PATH))?;
    findings.extend(feature_table::check(table, sources));

    let banned = text_of(words::PATH).with_context(|| format!("{} is missing", words::PATH))?;
    let mut measures = words::measure(&words::parse(banned)?, sources);
    measures.extend(sizes::measure(sources));
    measures.extend(functions::measure(sources));
    let exceptions = text_of(exceptions::PATH).with_context(|| format!("{} is missing", exceptions::PATH))?;
    findings.extend(exceptions::apply(&exceptions::parse(exceptions)?, &measures));

    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    Ok(findings)
}

/// What is no finding and still worth a look: long files, features that have begun, and how long functions are.
fn report(sources: &[Source]) {
    for (path, lines) in sizes::to_think_about(sources) {
        eprintln!("{path}: {lines} lines, over {}: is it about one thing?", sizes::WARN_LINES);
    }
    let table = sources.iter().find(|source| source.path == feature_table::PATH);
    for row in table.map_or_else(Vec::new, |table| feature_table::begun(&table.text, sources)) {
        eprintln!("{}: planned, and tests carry its id: {row}", feature_table::PATH);
    }
    eprintln!("{}", functions::summary(sources));
}

/// The files of the repository: those git knows and those it would offer to add.
fn sources(places: &Places) -> Result<Vec<Source>> {
    let mut git = places.command("git");
    let listing =
        process::capture(git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    let mut sources = Vec::new();
    for path in listing.split('\0').filter(|path| !path.is_empty() && !path.starts_with(BAD_EXAMPLES)) {
        match std::fs::read(places.root.join(path)) {
            Ok(bytes) => {
                // A picture says nothing, but documents point at it.
                let text = String::from_utf8(bytes).unwrap_or_default();
                sources.push(Source { path: path.to_owned(), text });
            }
            // Deleted, and not yet told to git; or a link to a folder.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == std::io::ErrorKind::IsADirectory => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_finding_points_at_its_line() {
        let mut finding = Finding { path: "a.rs".into(), line: 7, message: "no".into() };
        assert_eq!(finding.to_string(), "a.rs:7: no");
        finding.line = 0;
        assert_eq!(finding.to_string(), "a.rs: no");
    }

    #[test]
    fn every_rule_is_asked() {
        let long = "// line\n".repeat(801);
        let sources = [
            source("crates/base/Cargo.toml", "[package]\n"),
            source("README.md", "[gone](gone.md)"),
            source("crates/base/src/long.rs", &long),
            source("crates/base/src/word.rs", "// a forbidden word\n"),
            source(
                "crates/base/src/function.rs",
                &format!("fn long() {{\n{}}}\n", "    step();\n".repeat(100)),
            ),
            source(words::PATH, "forbidden\tan example\n"),
            source(exceptions::PATH, "# none\n"),
            source(feature_table::PATH, "id\tstate\ttest\nA01\tdone\t\n"),
        ];
        let metadata = r#"{"packages":[{"name":"common","manifest_path":"/r/crates/common/Cargo.toml","dependencies":[]}]}"#;
        let found: Vec<String> = check(&sources, metadata).unwrap().iter().map(ToString::to_string).collect();
        let all = found.join("\n");
        for expected in [
            "crates/base/Cargo.toml: ",
            "README.md:1: ",
            "crates/base/src/long.rs: 801 lines",
            "crates/base/src/word.rs:1: ",
            "crates/base/src/function.rs:1: function `long` has 102 lines",
            "docs/features.tsv:2: ",
            "crates/common/Cargo.toml: ",
        ] {
            assert!(all.contains(expected), "no `{expected}` in:\n{all}");
        }
    }

    #[test]
    fn without_its_lists_the_check_refuses_to_run() {
        let error = check(&[], r#"{"packages":[]}"#).unwrap_err().to_string();
        assert!(error.contains("docs/features.tsv is missing"), "{error}");
    }
}
