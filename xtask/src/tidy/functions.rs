//! The length of functions, from the line of `fn` to the line of its closing brace.

use super::mask::{is_word, mask};
use super::{Measure, Source};

/// A function longer than this is refused.
pub const MOST_LINES: usize = 100;
/// Nearly all functions are at most this long.
pub const USUAL_LINES: usize = 65;

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// Measures every function of the Rust sources.
pub fn measure(sources: &[Source]) -> Vec<Measure> {
    let rust = sources.iter().filter(|source| source.is("rs"));
    rust.flat_map(|source| functions(&source.text).into_iter().map(|function| as_measure(source, &function)))
        .collect()
}

fn as_measure(source: &Source, function: &Function) -> Measure {
    Measure {
        rule: "function-lines",
        key: format!("{}::{}", source.path, function.name),
        line: function.line,
        value: function.lines,
        limit: MOST_LINES,
        message: format!("function `{}` has {} lines, {MOST_LINES} at most", function.name, function.lines),
    }
}

/// How many functions there are and how many keep to the usual length.
pub fn summary(sources: &[Source]) -> String {
    let measures = measure(sources);
    let usual = measures.iter().filter(|measure| measure.value <= USUAL_LINES).count();
    let longest = measures.iter().max_by_key(|measure| measure.value);
    let longest =
        longest.map_or_else(String::new, |it| format!("; the longest is {} with {}", it.key, it.value));
    let permille = usual * 1000 / measures.len().max(1);
    format!(
        "{} functions, {}.{} % of at most {USUAL_LINES} lines{longest}",
        measures.len(),
        permille / 10,
        permille % 10
    )
}

fn functions(source: &str) -> Vec<Function> {
    let masked: Vec<char> = mask(source).chars().collect();
    let mut found = Vec::new();
    let mut line = 1;
    for (at, c) in masked.iter().enumerate() {
        if *c == '\n' {
            line += 1;
        }
        let Some((name, after)) = function_at(&masked, at) else { continue };
        let Some(body) = body_at(masked.get(after..).unwrap_or_default()) else { continue };
        let end = after + body + block_length(masked.get(after + body..).unwrap_or_default());
        let lines = 1 + masked.get(at..end).unwrap_or_default().iter().filter(|c| **c == '\n').count();
        found.push(Function { name, line, lines });
    }
    found
}

/// The name of the function whose `fn` stands here, and where its name ends.
fn function_at(masked: &[char], at: usize) -> Option<(String, usize)> {
    let before = at.checked_sub(1).and_then(|before| masked.get(before));
    if before.is_some_and(|c| is_word(*c) || *c == '#') {
        return None;
    }
    let after = masked.get(at..)?.strip_prefix(&['f', 'n'])?;
    let spaces = after.iter().take_while(|c| c.is_whitespace()).count();
    let name: String = after.iter().skip(spaces).copied().take_while(|c| is_word(*c) || *c == '#').collect();
    // Without a space it is another word; without a name it is the type of a function pointer.
    if spaces == 0 || name.is_empty() {
        return None;
    }
    let end = at + 2 + spaces + name.chars().count();
    Some((name, end))
}

/// How far the opening brace of the body is; nothing when a semicolon comes first.
fn body_at(signature: &[char]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in signature.iter().enumerate() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '{' if depth == 0 => return Some(at),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The length of the block that opens here, to its closing brace and with it.
fn block_length(block: &[char]) -> usize {
    let mut depth = 0_usize;
    for (at, c) in block.iter().enumerate() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    block.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &[(&str, usize, usize)]) {
        let found = functions(source);
        let found: Vec<_> = found.iter().map(|it| (it.name.as_str(), it.line, it.lines)).collect();
        assert_eq!(found, expected, "in: {source}");
    }

    #[test]
    fn a_function_is_measured_from_its_name_to_its_brace() {
        check("fn a() {}", &[("a", 1, 1)]);
        check("\n\npub async fn a(\n    x: u8,\n) -> u8 {\n    x\n}\n", &[("a", 3, 5)]);
        check("fn outer() {\n    fn inner() {\n    }\n}\n", &[("outer", 1, 4), ("inner", 2, 2)]);
    }

    #[test]
    fn braces_in_strings_comments_and_characters_do_not_count() {
        check("fn a() {\n    b(\"}\"); // }\n    c('}');\n    /* } */\n}\n", &[("a", 1, 5)]);
        check("fn a() {\n    b(r#\"}\"}\"#);\n}\nfn c() {}\n", &[("a", 1, 3), ("c", 4, 1)]);
        check("// fn a() {\n\"fn b() {\"", &[]);
    }

    #[test]
    fn what_has_no_body_is_no_function() {
        check("trait T { fn a(&self); fn b(&self) -> [u8; 4]; }", &[]);
        check("type F = fn(u8) -> u8;\nstruct S { f: fn (u8) }\nlet define = 1;", &[]);
        check("trait T { fn a(&self) -> [u8; { 2 }] { x } }", &[("a", 1, 1)]);
    }

    #[test]
    fn over_a_hundred_lines_is_over_the_limit() {
        let text = |lines: usize| format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2));
        let source = |lines| Source { path: "a.rs".to_owned(), text: text(lines) };
        let measures = measure(&[source(100), source(101)]);
        let over: Vec<bool> = measures.iter().map(|measure| measure.value > measure.limit).collect();
        assert_eq!(over, [false, true]);
        assert!(summary(&[source(65), source(66)]).starts_with("2 functions, 50.0 %"));
        assert!(summary(&[]).starts_with("0 functions"));
    }
}
