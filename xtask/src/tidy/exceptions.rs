//! The list of exceptions, which may only shrink: each line excuses one measure up to exactly the number it has now.

use anyhow::{Context, Result, bail};

use super::{Finding, Measure};

/// Where the list stands.
pub const PATH: &str = "xtask/tidy-exceptions.txt";

/// How many exceptions there may be. Lower it when one goes. Raising it is a decision of the project, not a way to
/// get a change in.
const MOST_EXCEPTIONS: usize = 0;

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    line: usize,
    rule: String,
    key: String,
    value: usize,
}

/// Reads the list: `rule key number reason`, one a line; `#` starts a comment.
pub fn parse(text: &str) -> Result<Vec<Exception>> {
    let mut exceptions = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace();
        let (Some(rule), Some(key), Some(value), Some(_reason)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            bail!("{PATH}:{line_number}: expected `rule key number reason`");
        };
        let value = value.parse().with_context(|| format!("{PATH}:{line_number}: `{value}` is no number"))?;
        exceptions.push(Exception { line: line_number, rule: rule.to_owned(), key: key.to_owned(), value });
    }
    Ok(exceptions)
}

/// What is over its limit and not excused, and what the list excuses without need.
pub fn apply(exceptions: &[Exception], measures: &[Measure]) -> Vec<Finding> {
    apply_at_most(exceptions, measures, MOST_EXCEPTIONS)
}

fn apply_at_most(exceptions: &[Exception], measures: &[Measure], most: usize) -> Vec<Finding> {
    let over: Vec<&Measure> = measures.iter().filter(|measure| measure.value > measure.limit).collect();
    let excuse =
        |measure: &Measure| exceptions.iter().find(|it| it.rule == measure.rule && it.key == measure.key);
    let mut findings: Vec<Finding> = over
        .iter()
        .copied()
        .filter(|measure| excuse(measure).is_none_or(|it| measure.value > it.value))
        .map(as_finding)
        .collect();
    for exception in exceptions {
        let measure = over.iter().find(|it| it.rule == exception.rule && it.key == exception.key);
        let what = format!("the exception of {} from {}", exception.key, exception.rule);
        match measure {
            None => findings.push(in_list(exception.line, format!("{what} is no longer needed: remove it"))),
            Some(measure) if measure.value < exception.value => {
                findings.push(in_list(exception.line, format!("lower {what} to {}", measure.value)));
            }
            Some(_) => {}
        }
    }
    if exceptions.len() > most {
        findings.push(in_list(
            0,
            format!("{} exceptions, {most} at most: the list may only shrink", exceptions.len()),
        ));
    }
    findings
}

fn as_finding(measure: &Measure) -> Finding {
    let path = measure.key.split("::").next().unwrap_or_default().to_owned();
    Finding { path, line: measure.line, message: measure.message.clone() }
}

fn in_list(line: usize, message: String) -> Finding {
    Finding { path: PATH.to_owned(), line, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(key: &str, value: usize) -> Measure {
        Measure {
            rule: "file-lines",
            key: key.to_owned(),
            line: 0,
            value,
            limit: 800,
            message: "too long".to_owned(),
        }
    }

    fn check(list: &str, measures: &[Measure], most: usize, expected: &[&str]) {
        let found = apply_at_most(&parse(list).unwrap(), measures, most);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_over_its_limit_is_found_unless_excused() {
        check("", &[measure("a.rs", 800), measure("b.rs", 900)], 0, &["b.rs: too long"]);
        check("file-lines b.rs 900 a flat table\n", &[measure("b.rs", 900)], 1, &[]);
        check(
            "function-lines b.rs 900 another rule\n",
            &[measure("b.rs", 900)],
            1,
            &[
                "b.rs: too long",
                "xtask/tidy-exceptions.txt:1: the exception of b.rs from function-lines is no longer needed: remove it",
            ],
        );
    }

    #[test]
    fn an_excused_file_may_not_grow() {
        check("file-lines b.rs 900 a flat table\n", &[measure("b.rs", 901)], 1, &["b.rs: too long"]);
    }

    #[test]
    fn an_exception_follows_what_shrinks() {
        let list = "# why\n\nfile-lines b.rs 900 a flat table\n";
        let lower = "xtask/tidy-exceptions.txt:3: lower the exception of b.rs from file-lines to 850";
        check(list, &[measure("b.rs", 850)], 1, &[lower]);
        let remove = "xtask/tidy-exceptions.txt:3: the exception of b.rs from file-lines is no longer needed: remove it";
        check(list, &[measure("b.rs", 700)], 1, &[remove]);
        check(list, &[], 1, &[remove]);
    }

    #[test]
    fn the_list_may_not_grow() {
        let list = "file-lines b.rs 900 a flat table\n";
        let grown = "xtask/tidy-exceptions.txt: 1 exceptions, 0 at most: the list may only shrink";
        check(list, &[measure("b.rs", 900)], 0, &[grown]);
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        assert!(parse("file-lines b.rs 900\n").unwrap_err().to_string().contains("rule key number reason"));
        assert!(
            parse("file-lines b.rs many a table\n").unwrap_err().to_string().contains("`many` is no number")
        );
    }
}
