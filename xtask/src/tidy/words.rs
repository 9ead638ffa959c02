//! Words that no file may hold. The list is `xtask/banned-words.txt`, so that it stands in one place.

use anyhow::{Result, bail};

use super::{Measure, Source};

/// Where the list stands.
pub const PATH: &str = "xtask/banned-words.txt";

/// Files that hold the words by right: the list, and texts that are not ours.
const NOT_READ: &[&str] = &[PATH, "Cargo.lock", "fuzz/Cargo.lock", "web/package-lock.json", "LICENSE"];

/// A word and why it may not stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banned {
    word: String,
    reason: String,
}

/// Reads the list: the word, a tab, the reason; `#` starts a comment.
pub fn parse(text: &str) -> Result<Vec<Banned>> {
    let mut banned = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with("# ") {
            continue;
        }
        let Some((word, reason)) = line.split_once('\t') else {
            bail!("{PATH}:{}: expected the word, a tab and the reason", index + 1);
        };
        banned.push(Banned { word: word.to_owned(), reason: reason.to_owned() });
    }
    Ok(banned)
}

/// Counts each banned word in each file; the limit is none.
pub fn measure(banned: &[Banned], sources: &[Source]) -> Vec<Measure> {
    let read = sources.iter().filter(|source| !NOT_READ.contains(&source.path.as_str()));
    read.flat_map(|source| banned.iter().filter_map(|banned| measure_word(banned, source))).collect()
}

fn measure_word(banned: &Banned, source: &Source) -> Option<Measure> {
    let lines = source.text.lines().enumerate();
    let lines: Vec<usize> =
        lines.filter(|(_, line)| holds(line, &banned.word)).map(|(index, _)| index + 1).collect();
    let others: Vec<String> = lines.iter().skip(1).map(ToString::to_string).collect();
    let also =
        if others.is_empty() { String::new() } else { format!(" (also in lines {})", others.join(", ")) };
    Some(Measure {
        rule: "banned-word",
        key: format!("{}::{}", source.path, banned.word),
        line: *lines.first()?,
        value: lines.len(),
        limit: 0,
        message: format!("`{}`: {}{also}", banned.word, banned.reason),
    })
}

/// Whether the line holds the word, and not as a part of a longer one.
fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        let after = line.get(start + word.len()..).and_then(|text| text.chars().next());
        let starts = !before.is_some_and(|c| continues(c, word.chars().next()));
        let ends = word.ends_with('/') || !after.is_some_and(|c| continues(c, word.chars().next_back()));
        starts && ends
    })
}

/// Whether the character beside an edge of the word makes it part of a longer one. A path is part of a longer one
/// when a name or a dot stands before its first slash.
fn continues(beside: char, edge: Option<char>) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    match edge {
        Some('/') => is_name(beside) || ".}>-".contains(beside),
        Some(edge) => is_name(edge) && is_name(beside),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, text: &str, expected: &[&str]) {
        let source = Source { path: "crates/a/src/lib.rs".to_owned(), text: text.to_owned() };
        let measures = measure(&parse(list).unwrap(), &[source]);
        let found: Vec<String> = measures.iter().map(|it| format!("{}: {}", it.line, it.message)).collect();
        assert_eq!(found, expected, "in: {text}");
    }

    #[test]
    fn a_word_is_found_with_every_line_it_stands_in() {
        check(
            "gadget\tsay device",
            "a\na gadget\nb\nGadget\n(gadget)\n",
            &["2: `gadget`: say device (also in lines 5)"],
        );
    }

    #[test]
    fn a_longer_word_is_another_word() {
        check("PIPE\tmake it a hose", "BAGPIPE PIPES PIPE_LIST pipe", &[]);
        check("PIPE\tmake it a hose", "// PIPE: later", &["1: `PIPE`: make it a hose"]);
    }

    #[test]
    fn the_list_bans_what_it_should() {
        let list = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/banned-words.txt")).unwrap();
        let bad =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/bad-examples/words.txt")).unwrap();
        let banned = parse(&list).unwrap();
        for line in bad.lines() {
            assert!(banned.iter().any(|banned| holds(line, &banned.word)), "allowed: {line}");
        }
        for banned in &banned {
            assert!(bad.lines().any(|line| holds(line, &banned.word)), "no bad example of {}", banned.word);
            assert!(!banned.reason.is_empty(), "no reason against {}", banned.word);
        }
        let good =
            "/dav/home/ ./work/mail network/ x/root/y CollectionId::ROOT VTODO debug!(x) todos \"a\".to_do()";
        for banned in &banned {
            assert!(!holds(good, &banned.word), "refused: {}", banned.word);
        }
    }

    #[test]
    fn the_list_itself_is_not_read() {
        let source = Source { path: PATH.to_owned(), text: "gadget\tsay device".to_owned() };
        assert_eq!(measure(&parse("gadget\tsay device").unwrap(), &[source]), []);
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        assert!(parse("gadget\n").unwrap_err().to_string().contains("a tab and the reason"));
    }
}
