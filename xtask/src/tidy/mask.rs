//! Rust source with its comments, strings and characters blanked out, so that braces and words can be counted.

/// The same text, line for line and character for character, with spaces in place of everything inside comments,
/// strings and character literals. Their delimiters are blanked too.
pub fn mask(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut masked = String::with_capacity(source.len());
    let mut at = 0;
    while at < characters.len() {
        let rest = characters.get(at..).unwrap_or_default();
        let word_before =
            at.checked_sub(1).and_then(|before| characters.get(before)).is_some_and(|c| is_word(*c));
        let length = blank_length(rest, word_before);
        if length == 0 {
            masked.extend(rest.first());
            at += 1;
        } else {
            let blanked = rest.iter().take(length);
            masked.extend(blanked.map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at += length;
        }
    }
    masked
}

/// Whether a character can be part of an identifier.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How many characters of a comment, string or character literal start here; 0 when none does.
fn blank_length(rest: &[char], word_before: bool) -> usize {
    match rest {
        ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment_length(rest),
        ['"', ..] => string_length(rest),
        ['\'', ..] => character_length(rest),
        _ if word_before => 0,
        ['b' | 'c', '"', tail @ ..] => 2 + string_tail_length(tail),
        ['b', '\'', ..] => 1 + character_length(rest.get(1..).unwrap_or_default()),
        ['b' | 'c', 'r', ..] => raw_length(rest, 2),
        ['r', ..] => raw_length(rest, 1),
        _ => 0,
    }
}

/// Block comments nest.
fn block_comment_length(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match rest.get(at..) {
            Some(['/', '*', ..]) => {
                depth += 1;
                at += 2;
            }
            Some(['*', '/', ..]) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

fn string_length(rest: &[char]) -> usize {
    1 + string_tail_length(rest.get(1..).unwrap_or_default())
}

/// To the closing quote and with it, after the opening one.
fn string_tail_length(tail: &[char]) -> usize {
    let mut escaped = false;
    for (at, c) in tail.iter().enumerate() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    tail.len()
}

/// A character literal; 0 when the quote starts a lifetime or a label.
fn character_length(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', _, tail @ ..] => tail.iter().position(|c| *c == '\'').map_or(0, |at| at + 4),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

/// A raw string whose `r` is the last of `prefix` characters; 0 when this is a raw identifier or just a word.
fn raw_length(rest: &[char], prefix: usize) -> usize {
    let after = rest.get(prefix..).unwrap_or_default();
    let hashes = after.iter().take_while(|c| **c == '#').count();
    if after.get(hashes) != Some(&'"') {
        return 0;
    }
    let start = prefix + hashes + 1;
    let body = rest.get(start..).unwrap_or_default();
    let closes = |at: usize| {
        let end = body.get(at..).unwrap_or_default();
        end.first() == Some(&'"') && end.iter().skip(1).take_while(|c| **c == '#').count() >= hashes
    };
    (0..body.len()).find(|at| closes(*at)).map_or(rest.len(), |at| start + at + 1 + hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        assert_eq!(mask(source), expected, "of: {source}");
        assert_eq!(mask(source).chars().count(), source.chars().count());
    }

    #[test]
    fn comments_are_blank_to_their_end() {
        check("a // }\nb", "a     \nb");
        check("a /* } /* { */ } */ b", "a                   b");
        check("/* never closed {", "                 ");
        check("//! fn x() {\n", "            \n");
    }

    #[test]
    fn strings_are_blank_whatever_they_hold() {
        check(r#"f("}");"#, "f(   );");
        check(r#"f("\"}");"#, "f(     );");
        check(r#"f(r"\");"#, "f(    );");
        check(r##"f(r#"a"}"#);"##, "f(        );");
        check(r##"f(br#"a"}"#, b"}", c"}");"##, "f(         ,     ,     );");
        check("\"a\n}\"", "  \n  ");
    }

    #[test]
    fn characters_are_blank_and_lifetimes_stand() {
        check("('{', '\\'', '\\u{7b}', b'}')", "(   ,     ,         ,     )");
        check("fn f<'a>(x: &'a str) {", "fn f<'a>(x: &'a str) {");
        check("'label: loop {", "'label: loop {");
        check("'é'", "   ");
    }

    #[test]
    fn raw_identifiers_and_words_that_end_in_r_stand() {
        check("r#fn(r)", "r#fn(r)");
        check("for\"}\"", "for   ");
        check("let r = br;", "let r = br;");
    }

    #[test]
    fn braces_balance_in_every_source_of_ours() {
        let mut folders =
            vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates")];
        let mut read = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let masked = mask(&std::fs::read_to_string(&path).unwrap());
                    let count = |brace| masked.matches(brace).count();
                    assert_eq!(count('{'), count('}'), "{}", path.display());
                    read += 1;
                }
            }
        }
        assert!(read > 10, "only {read} sources were read");
    }
}
