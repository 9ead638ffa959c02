//! Reads a configuration file into keys with their lines; knows no key.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::setting::Raw;

/// A key of the file.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// The name with its tables, such as `store.backend`.
    pub name: String,
    /// Its value.
    pub value: Raw,
    /// The line its name stands on; the first is 1.
    pub line: usize,
}

/// What stands on a line and is no TOML.
#[derive(Debug, PartialEq)]
pub struct Broken {
    /// The line; the first is 1.
    pub line: usize,
    /// What the parser expected.
    pub message: String,
}

/// All keys of `text` in the order of their lines.
pub fn entries(text: &str) -> Result<Vec<Entry>, Broken> {
    let line_of =
        |span: Range<usize>| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count();
    let document = DeTable::parse(text).map_err(|error| Broken {
        line: error.span().map_or(1, line_of),
        message: error.message().replace('\n', "; "),
    })?;
    let mut found = Vec::new();
    collect(document.get_ref(), "", &line_of, &mut found);
    found.sort_by_key(|entry| entry.line);
    Ok(found)
}

fn collect(
    table: &DeTable<'_>,
    above: &str,
    line_of: &impl Fn(Range<usize>) -> usize,
    found: &mut Vec<Entry>,
) {
    for (key, value) in table {
        let name =
            if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
        if let DeValue::Table(below) = value.get_ref() {
            collect(below, &name, line_of, found);
        } else {
            found.push(Entry { name, value: raw(value.get_ref()), line: line_of(key.span()) });
        }
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("a number that is too large"), Raw::Whole),
        DeValue::Boolean(flag) => Raw::Flag(*flag),
        DeValue::Float(_) => Raw::Other("a fraction"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Array(_) => Raw::Other("a list"),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_tables_and_lines() {
        let found = entries("a = 'x'\n\n[t]\nb = 0x10\nc.d = true\n[t.e]\nf = 1.5\n").unwrap();
        let lines: Vec<_> = found.iter().map(|entry| (entry.name.as_str(), entry.line)).collect();
        assert_eq!(lines, [("a", 1), ("t.b", 4), ("t.c.d", 5), ("t.e.f", 7)]);
        assert_eq!(found[1].value, Raw::Whole(16));
        assert_eq!(found[3].value, Raw::Other("a fraction"));
    }

    #[test]
    fn broken_toml_names_its_line() {
        assert_eq!(entries("a = 1\nb = = 2\n").unwrap_err().line, 2);
        assert_eq!(entries("a = 1\na = 2\n").unwrap_err().line, 2);
    }
}
