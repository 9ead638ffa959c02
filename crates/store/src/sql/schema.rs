//! Reads the prose of a schema text, so that the same comments stand in the source and in the database.

/// A table of a schema text with its prose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What it holds: the comment lines above it.
    pub prose: String,
    /// Its columns with what each means.
    pub columns: Vec<(String, String)>,
    /// What stands behind the name of each column: its type and its rules.
    pub definitions: Vec<String>,
    /// The columns of its primary key.
    pub key: Vec<String>,
}

/// The tables of a schema text, in their order.
pub fn tables(text: &str) -> Vec<Table> {
    let mut out: Vec<Table> = Vec::new();
    let mut prose = String::new();
    let mut open: Option<Table> = None;
    for line in text.lines() {
        let line = line.trim();
        let Some(table) = &mut open else {
            if let Some(comment) = comment(line) {
                join(&mut prose, comment);
            } else if let Some(name) = line.strip_prefix("CREATE TABLE ").and_then(|l| l.strip_suffix(" (")) {
                open = Some(Table {
                    name: name.to_owned(),
                    prose: std::mem::take(&mut prose),
                    ..Table::default()
                });
            } else {
                prose.clear();
            }
            continue;
        };
        if line.starts_with(')') {
            out.extend(open.take());
        } else if let Some(comment) = comment(line) {
            if let Some((_, prose)) = table.columns.last_mut() {
                join(prose, comment);
            }
        } else {
            column(table, line);
        }
    }
    out
}

fn comment(line: &str) -> Option<&str> {
    line.strip_prefix("--").filter(|rest| !rest.starts_with('-')).map(str::trim)
}

fn join(prose: &mut String, more: &str) {
    if !prose.is_empty() {
        prose.push(' ');
    }
    prose.push_str(more);
}

fn column(table: &mut Table, line: &str) {
    let (definition, prose) = line.split_once("--").map_or((line, ""), |(d, p)| (d.trim(), p.trim()));
    let Some(name) = definition.split_whitespace().next() else { return };
    match name {
        "PRIMARY" => {
            let inner = definition.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
            if let Some((columns, _)) = inner {
                table.key = columns.split(',').map(|column| column.trim().to_owned()).collect();
            }
        }
        "UNIQUE" | "FOREIGN" | "CHECK" | "CONSTRAINT" => {}
        _ => {
            if definition.contains("PRIMARY KEY") {
                table.key = vec![name.to_owned()];
            }
            table.columns.push((name.to_owned(), prose.to_owned()));
            let rest = definition.trim_start().strip_prefix(name).unwrap_or_default();
            table.definitions.push(rest.trim().trim_end_matches(',').to_owned());
        }
    }
}

/// The comments of a table as statements for PostgreSQL.
pub(crate) fn comment_statements(table: &Table) -> String {
    use std::fmt::Write as _;
    let quoted = |text: &str| text.replace('\'', "''");
    let mut out = String::new();
    let _ = writeln!(out, "COMMENT ON TABLE {} IS '{}';", table.name, quoted(&table.prose));
    for (column, prose) in &table.columns {
        let _ = writeln!(out, "COMMENT ON COLUMN {}.{column} IS '{}';", table.name, quoted(prose));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_read_for_tables_and_columns() {
        let text = "-- One row\n-- a thing.\nCREATE TABLE thing (\n  id bigint NOT NULL, -- its number,\n  \
                    -- never used again\n  name text, -- what it's called\n  PRIMARY KEY (id, name)\n);\n";
        let [table] = &tables(text)[..] else { panic!("one table") };
        assert_eq!((table.name.as_str(), table.prose.as_str()), ("thing", "One row a thing."));
        assert_eq!(table.columns[0], ("id".into(), "its number, never used again".into()));
        assert_eq!(table.definitions, ["bigint NOT NULL", "text"]);
        assert_eq!(table.key, ["id", "name"]);
        assert!(comment_statements(table).contains("thing.name IS 'what it''s called'"));
    }
}
