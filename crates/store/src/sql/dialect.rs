//! The few differences between the two engines, as one rewriting of statement texts.

use std::fmt::Write as _;

use base::{Error, Result};

/// The engine a text is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite, inside the process.
    Sqlite,
    /// PostgreSQL 15 or later.
    Postgres,
}

impl Dialect {
    /// The engine's name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// Writes a text of ours for the engine: `$n` and the tokens in braces.
    ///
    /// # Errors
    /// `Corrupt` for a token that is not known: the text is ours, so it is our mistake.
    pub fn rewrite(self, text: &str) -> Result<String> {
        let mut out = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some(at) = rest.find(['{', '$']) {
            let (before, found) = rest.split_at(at);
            out.push_str(before);
            if let Some(after) = found.strip_prefix('$') {
                // `$1` is a named parameter in SQLite, `?1` a numbered one.
                let number = after.starts_with(|c: char| c.is_ascii_digit());
                out.push(if number && self == Self::Sqlite { '?' } else { '$' });
                rest = after;
            } else {
                let (token, after) = found
                    .get(1..)
                    .and_then(|inner| inner.split_once('}'))
                    .ok_or_else(|| Error::corrupt("statement", "has a brace that is not closed"))?;
                self.token(token, &mut out)?;
                rest = after;
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn token(self, token: &str, out: &mut String) -> Result<()> {
        let sqlite = self == Self::Sqlite;
        let fixed = match token {
            "for update" => Some(if sqlite { "" } else { "FOR UPDATE" }),
            "for update of a" => Some(if sqlite { "" } else { "FOR UPDATE OF a" }),
            "skip locked" => Some(if sqlite { "" } else { "FOR UPDATE SKIP LOCKED" }),
            "greatest" => Some(if sqlite { "max" } else { "greatest" }),
            "least" => Some(if sqlite { "min" } else { "least" }),
            "bytes" => Some(if sqlite { "blob" } else { "bytea" }),
            "without_rowid" => Some(if sqlite { "WITHOUT ROWID" } else { "" }),
            "octets" => Some(if sqlite { "length" } else { "octet_length" }),
            _ => None,
        };
        if let Some(fixed) = fixed {
            out.push_str(fixed);
            return Ok(());
        }
        let number = |name: &str| token.strip_prefix(name).and_then(|rest| rest.strip_prefix(" $"));
        let (kind, n) = if let Some(n) = number("list") {
            ("int8", n)
        } else if let Some(n) = number("in") {
            ("in", n)
        } else if let Some(n) = number("texts") {
            ("text", n)
        } else if let Some(n) = number("blobs") {
            ("bytea", n)
        } else {
            return Err(Error::corrupt("statement", format!("has an unknown token {{{token}}}")));
        };
        if number("in").is_some() && self == Self::Postgres {
            // An array is an index condition of its own; a subquery would be a join.
            let _ = write!(out, "= ANY(${n}::int8[])");
            return Ok(());
        }
        let written = match (self, kind) {
            (Self::Sqlite, "in") => write!(out, "IN (SELECT value FROM json_each(?{n}))"),
            (Self::Postgres, _) => write!(out, "SELECT unnest(${n}::{kind}[])"),
            // JSON has no bytes: the list is of hexadecimal texts.
            (Self::Sqlite, "bytea") => write!(out, "SELECT unhex(value) FROM json_each(?{n})"),
            (Self::Sqlite, _) => write!(out, "SELECT value FROM json_each(?{n})"),
        };
        written.map_err(|e| Error::corrupt("statement", "cannot be written").with_source(e))
    }

    /// Keeps what is for this engine of a schema text: lines between `--- sqlite` or `--- postgres` and
    /// `--- end` are for that engine only.
    pub fn section(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut only: Option<&str> = None;
        for line in text.lines() {
            match line.trim() {
                "--- sqlite" => only = Some("sqlite"),
                "--- postgres" => only = Some("postgres"),
                "--- end" => only = None,
                _ if only.is_none_or(|name| name == self.name()) => {
                    out.push_str(line);
                    out.push('\n');
                }
                _ => {}
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> (String, String) {
        (Dialect::Sqlite.rewrite(text).unwrap(), Dialect::Postgres.rewrite(text).unwrap())
    }

    #[test]
    fn parameters_are_numbered_for_both() {
        assert_eq!(both("a = $1 AND b = $12"), ("a = ?1 AND b = ?12".into(), "a = $1 AND b = $12".into()));
    }

    #[test]
    fn tokens_are_written_for_each_engine() {
        let (sqlite, postgres) = both("id IN ({list $2}) {for update}");
        assert_eq!(sqlite, "id IN (SELECT value FROM json_each(?2)) ");
        assert_eq!(postgres, "id IN (SELECT unnest($2::int8[])) FOR UPDATE");
    }

    #[test]
    fn a_list_of_ids_is_an_index_condition() {
        let (sqlite, postgres) = both("id {in $2}");
        assert_eq!(sqlite, "id IN (SELECT value FROM json_each(?2))");
        assert_eq!(postgres, "id = ANY($2::int8[])");
    }

    #[test]
    fn an_unknown_token_is_refused() {
        assert!(Dialect::Sqlite.rewrite("{no such}").is_err());
        assert!(Dialect::Sqlite.rewrite("{open").is_err());
    }

    #[test]
    fn sections_are_for_one_engine() {
        let text = "a\n--- sqlite\nb\n--- end\n--- postgres\nc\n--- end\nd";
        assert_eq!(Dialect::Sqlite.section(text), "a\nb\nd\n");
        assert_eq!(Dialect::Postgres.section(text), "a\nc\nd\n");
    }
}
