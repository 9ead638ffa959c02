//! The length of source files.

use super::{Measure, Source};

/// A file longer than this is refused.
pub const MOST_LINES: usize = 800;
/// A file longer than this is a reason to think.
pub const WARN_LINES: usize = 500;
/// A Svelte component longer than this is split.
pub const MOST_COMPONENT_LINES: usize = 300;

/// The kinds of files that people read and write as code.
const CODE: &[&str] = &["rs", "ts", "js", "svelte", "css", "sql", "sh", "py"];

/// Measures every source file.
pub fn measure(sources: &[Source]) -> Vec<Measure> {
    code(sources).map(as_measure).collect()
}

/// The files over the length at which to think, longest first.
pub fn to_think_about(sources: &[Source]) -> Vec<(&str, usize)> {
    let lines = code(sources).map(|source| (source.path.as_str(), source.text.lines().count()));
    let mut long: Vec<_> = lines.filter(|(_, lines)| *lines > WARN_LINES).collect();
    long.sort_by_key(|(_, lines)| std::cmp::Reverse(*lines));
    long
}

fn code(sources: &[Source]) -> impl Iterator<Item = &Source> {
    // What a program writes is as long as what it is written from.
    let is_written_by_hand = |source: &&Source| !source.path.contains(".generated.");
    let is_code = |source: &&Source| CODE.iter().any(|extension| source.is(extension));
    sources.iter().filter(is_written_by_hand).filter(is_code)
}

fn as_measure(source: &Source) -> Measure {
    let limit = if source.is("svelte") { MOST_COMPONENT_LINES } else { MOST_LINES };
    let value = source.text.lines().count();
    Measure {
        rule: "file-lines",
        key: source.path.clone(),
        line: 0,
        value,
        limit,
        message: format!("{value} lines, {limit} at most: split it by what it is about"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize) -> Source {
        Source { path: path.to_owned(), text: "x\n".repeat(lines) }
    }

    #[test]
    fn code_has_a_length_and_prose_has_none() {
        let sources = [
            file("a.rs", 800),
            file("b.rs", 801),
            file("c.svelte", 300),
            file("d.svelte", 301),
            file("e.md", 9000),
            file("f.generated.ts", 9000),
        ];
        let over: Vec<String> =
            measure(&sources).into_iter().filter(|it| it.value > it.limit).map(|it| it.key).collect();
        assert_eq!(over, ["b.rs", "d.svelte"]);
    }

    #[test]
    fn files_to_think_about_come_longest_first() {
        let sources = [file("a.rs", 500), file("b.rs", 501), file("c.rs", 700)];
        assert_eq!(to_think_about(&sources), [("c.rs", 700), ("b.rs", 501)]);
    }
}
