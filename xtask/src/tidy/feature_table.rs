//! The table of features: each row that claims something names a test that exists and carries the row's id.

use super::mask::{is_word, mask};
use super::{Finding, Source};

/// Where the table stands.
pub const PATH: &str = "docs/features.tsv";

const HEADER: &str = "id\tstate\ttest";

/// Every row that is malformed, doubled, or claims what no test shows.
pub fn check(table: &str, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    let mut find =
        |line: usize, message: String| findings.push(Finding { path: PATH.to_owned(), line, message });
    if table.lines().next() != Some(HEADER) {
        find(1, "the first line names the columns: id, state, test".to_owned());
    }
    for (index, row) in table.lines().enumerate().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let &[id, state, tests] = columns.as_slice() else {
            find(index + 1, format!("{} columns instead of 3: id, state, test", columns.len()));
            continue;
        };
        if seen.contains(&id) {
            find(index + 1, format!("{id} stands here a second time"));
        }
        seen.push(id);
        for message in check_row(id, state, tests, sources) {
            find(index + 1, message);
        }
    }
    findings
}

/// The features that the table calls planned although tests carry their id: `id (test, test)`.
pub fn begun(table: &str, sources: &[Source]) -> Vec<String> {
    let planned = table.lines().filter_map(|row| row.split_once("\tplanned")).map(|(id, _)| id);
    let tests: Vec<String> =
        sources.iter().filter(|source| is_of_crate(source)).flat_map(tests_with_ids).collect();
    let begun = planned.filter_map(|id| {
        let carry: Vec<&str> = tests.iter().filter(|test| carries(test, id)).map(String::as_str).collect();
        (!carry.is_empty()).then(|| format!("{id} ({})", carry.join(", ")))
    });
    begun.collect()
}

fn is_of_crate(source: &Source) -> bool {
    source.path.starts_with("crates/") && source.is("rs")
}

/// The functions of a file whose name begins with an id of a feature.
fn tests_with_ids(source: &Source) -> Vec<String> {
    let masked = mask(&source.text);
    let names = words(&masked).filter(|(before, _)| *before == "fn").map(|(_, name)| name);
    let shows = |name: &&str| name.split('_').next().is_some_and(|word| is_id(&capital(word)));
    names.filter(shows).map(str::to_owned).collect()
}

/// `r05` as the table writes it, `R05`.
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// Whether a test's name has the id as one of its words.
fn carries(test: &str, id: &str) -> bool {
    test.split('_').any(|word| word.eq_ignore_ascii_case(id))
}

fn check_row(id: &str, state: &str, tests: &str, sources: &[Source]) -> Vec<String> {
    if !is_id(id) {
        return vec![format!(
            "`{id}` is no id: a capital, two digits, and a small letter where a feature was split"
        )];
    }
    let tests: Vec<&str> = tests.split_whitespace().collect();
    match (state, tests.as_slice()) {
        ("planned", []) => Vec::new(),
        ("planned", _) => vec![format!("{id} is planned and has a test: is it `part` or `done`?")],
        ("part" | "done", []) => vec![format!("{id} is {state} and names no test")],
        ("part" | "done", tests) => tests.iter().filter_map(|test| check_test(id, test, sources)).collect(),
        _ => vec![format!("`{state}` is no state: planned, part or done")],
    }
}

fn is_id(text: &str) -> bool {
    let [letter, tens, ones, split @ ..] = text.as_bytes() else { return false };
    let split = matches!(split, [] | [b'a'..=b'z']);
    letter.is_ascii_uppercase() && tens.is_ascii_digit() && ones.is_ascii_digit() && split
}

/// What is wrong with a test that a row names as `crate::path::name`.
fn check_test(id: &str, test: &str, sources: &[Source]) -> Option<String> {
    let segments: Vec<&str> = test.split("::").collect();
    let [krate, modules @ .., name] = segments.as_slice() else {
        return Some(format!("`{test}` is no test: write crate::path::name"));
    };
    if !carries(name, id) {
        return Some(format!("the name of `{test}` does not carry {}", id.to_ascii_lowercase()));
    }
    if *krate == "web" {
        return check_web_test(modules, name, test, sources);
    }
    let folder = format!("crates/{krate}/");
    let of_crate = sources.iter().filter(|source| source.path.starts_with(&folder) && source.is("rs"));
    let mut of_modules = of_crate.filter(|source| modules.iter().all(|module| has_module(source, module)));
    (!of_modules.any(|source| has_test(&source.text, name))).then(|| format!("there is no test `{test}`"))
}

/// What is wrong with `web::file::name`: the name is the title of a test in `web/tests/file.test.ts`, in small letters,
/// with `_` for all that is no letter or digit.
fn check_web_test(modules: &[&str], name: &str, test: &str, sources: &[Source]) -> Option<String> {
    let path = format!("web/tests/{}.test.ts", modules.join("/"));
    let file = sources.iter().find(|source| source.path == path);
    let is_there = file.is_some_and(|file| titles(&file.text).any(|title| slug(title) == name));
    (!is_there).then(|| format!("there is no test `{test}`"))
}

/// The titles of the tests of a file: `it('title', ...)`, or with a backtick.
fn titles(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("it(")?;
        let quote = rest.chars().next().filter(|first| "'`\"".contains(*first))?;
        rest.get(1..)?.split(quote).next()
    })
}

fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_ascii_lowercase()
}

/// Whether a file is in a module: by its path, or because it holds the module.
fn has_module(source: &Source, module: &str) -> bool {
    let in_path = source.path.split('/').any(|part| part.strip_suffix(".rs").unwrap_or(part) == module);
    in_path || words(&source.text).any(|(before, word)| before == "mod" && word == module)
}

/// Whether the text has a test function of this name: one with a `test` attribute, or in a `proptest!` block.
fn has_test(text: &str, name: &str) -> bool {
    let masked = mask(text);
    let mut attribute = false;
    for line in masked.lines().map(str::trim) {
        if line.starts_with("#[") && line.contains("test") {
            attribute = true;
        }
        if words(line).any(|(before, word)| before == "fn" && word == name) {
            return attribute;
        }
        // An attribute belongs to the next item: what ends a block ends its reach.
        if line.ends_with('}') || line.ends_with(';') {
            attribute = false;
        }
    }
    false
}

/// Each word with the one before it.
fn words(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let words = || text.split(|c: char| !is_word(c)).filter(|word| !word.is_empty());
    words().zip(words().skip(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<Source> {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        vec![
            source(
                "crates/server/tests/all/backup.rs",
                "#[tokio::test]\nasync fn r05_a_backup_restores() {\n}\n",
            ),
            source(
                "crates/kernel/src/lib.rs",
                "mod tests {\n    #[test]\n    fn r03_m08_both() {}\n    fn r03_helper() {}\n}",
            ),
            source(
                "web/tests/mail.test.ts",
                "describe('x', () => {\n  it('b04 a list, in ${theme}', async () => {})\n})\n",
            ),
            source("crates/kernel/src/text.rs", "// #[test] fn r06_in_a_comment() {}\n"),
        ]
    }

    fn check_rows(rows: &str, expected: &[&str]) {
        let findings = check(&format!("{HEADER}\n{rows}"), &sources());
        let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "in: {rows}");
    }

    #[test]
    fn a_true_table_is_good() {
        check_rows("A01\tplanned\t\nR05\tdone\tserver::backup::r05_a_backup_restores\n", &[]);
        check_rows(
            "R03\tpart\tkernel::tests::r03_m08_both\nM08\tdone\tkernel::r03_m08_both\nF09a\tplanned\t\n",
            &[],
        );
    }

    #[test]
    fn tests_of_the_client_go_by_their_titles() {
        check_rows("B04\tpart\tweb::mail::b04_a_list_in_theme\n", &[]);
        let missing = "docs/features.tsv:2: there is no test `web::read::b04_a_list_in_theme`";
        check_rows("B04\tpart\tweb::read::b04_a_list_in_theme\n", &[missing]);
    }

    #[test]
    fn an_id_stands_once() {
        check_rows(
            "A01\tplanned\t\nA01\tplanned\t\n",
            &["docs/features.tsv:3: A01 stands here a second time"],
        );
    }

    #[test]
    fn a_claim_needs_a_test() {
        check_rows("A01\tdone\t\n", &["docs/features.tsv:2: A01 is done and names no test"]);
        check_rows("A01\tpart\t\n", &["docs/features.tsv:2: A01 is part and names no test"]);
        let planned = "docs/features.tsv:2: R05 is planned and has a test: is it `part` or `done`?";
        check_rows("R05\tplanned\tserver::backup::r05_a_backup_restores\n", &[planned]);
    }

    #[test]
    fn the_test_has_to_exist() {
        for test in [
            "server::backup::r05_no_such_test",
            "server::restore::r05_a_backup_restores",
            "kernel::backup::r05_a_backup_restores",
            "kernel::tests::r05_both",
        ] {
            check_rows(
                &format!("R05\tdone\t{test}\n"),
                &[&format!("docs/features.tsv:2: there is no test `{test}`")],
            );
        }
        check_rows(
            "R06\tdone\tkernel::r06_in_a_comment\n",
            &["docs/features.tsv:2: there is no test `kernel::r06_in_a_comment`"],
        );
        check_rows(
            "R03\tdone\tkernel::tests::r03_helper\n",
            &["docs/features.tsv:2: there is no test `kernel::tests::r03_helper`"],
        );
    }

    #[test]
    fn the_test_carries_the_id() {
        let expected =
            "docs/features.tsv:2: the name of `server::backup::r05_a_backup_restores` does not carry a03";
        check_rows("A03\tdone\tserver::backup::r05_a_backup_restores\n", &[expected]);
    }

    #[test]
    fn a_planned_feature_with_tests_is_noted() {
        let table = format!("{HEADER}\nR03\tplanned\t\nR05\tdone\tx\nM08\tplanned\t\nR06\tplanned\t\n");
        assert_eq!(begun(&table, &sources()), ["R03 (r03_m08_both, r03_helper)", "M08 (r03_m08_both)"]);
    }

    #[test]
    fn malformed_rows_are_found() {
        check_rows("A01\tplanned\n", &["docs/features.tsv:2: 2 columns instead of 3: id, state, test"]);
        check_rows("A01\tready\t\n", &["docs/features.tsv:2: `ready` is no state: planned, part or done"]);
        check_rows(
            "A1\tplanned\t\n",
            &[
                "docs/features.tsv:2: `A1` is no id: a capital, two digits, and a small letter where a feature was split",
            ],
        );
        check_rows(
            "R05\tdone\tbackup\n",
            &["docs/features.tsv:2: `backup` is no test: write crate::path::name"],
        );
        let found = check("id\tstate\n", &[]);
        assert_eq!(found.first().map(|finding| finding.line), Some(1));
    }
}
