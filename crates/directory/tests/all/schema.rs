//! The tables: every one and every column has its prose, and `docs/sql.md` says the same.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use store::sql::Dialect;

/// The tables and views of the directory as a page of the manual.
fn page() -> String {
    let mut out = String::from(
        "# The directory in SQL\n\n\
         Tables and views of the directory, the same on SQLite and PostgreSQL. The database carries the same text as\n\
         comments. Other programs read the views, whose columns stay; they may write the tables that have a column\n\
         `revision`, and leave that column alone: the change takes effect at once and enters the history as made by\n\
         SQL. New accounts are created with `beffroi user add` or the administration API, never by SQL, since an\n\
         account has a history of its own. Tables that say *Secret* are for Beffroi only.\n\n\
         <!-- Generated from crates/directory/schema; `BEFFROI_WRITE_DOCS=1 cargo test -p directory the_manual` writes it. -->\n\n\
         ## Views\n\n",
    );
    let text = Dialect::Sqlite.section(directory::SCHEMA);
    let mut prose = String::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("-- ") {
            prose = if prose.is_empty() { comment.to_owned() } else { format!("{prose} {comment}") };
        } else if let Some(view) = line.strip_prefix("CREATE VIEW ").and_then(|rest| rest.strip_suffix(" AS"))
        {
            let _ = writeln!(out, "- `{view}`: {prose}");
        } else {
            prose.clear();
        }
    }
    out.push_str("\n## Tables\n");
    for table in store::sql::tables(&text) {
        let _ = write!(out, "\n### {}\n\n{}\n\n| column | meaning |\n|---|---|\n", table.name, table.prose);
        for (column, prose) in &table.columns {
            let _ = writeln!(out, "| `{column}` | {} |", prose.replace('|', "\\|"));
        }
    }
    out
}

fn manual() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sql.md")
}

#[test]
fn every_table_and_column_says_what_it_means() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let tables = store::sql::tables(&dialect.section(directory::SCHEMA));
        assert!(tables.len() > 20);
        for table in tables {
            assert!(table.prose.ends_with('.'), "{}: {:?}", table.name, table.prose);
            for (column, prose) in &table.columns {
                assert!(!prose.is_empty(), "{}.{column}", table.name);
            }
        }
    }
}

#[test]
fn the_manual_is_what_the_schema_says() {
    let written = std::fs::read_to_string(manual()).unwrap_or_default();
    is_written(&manual(), &written, &page());
}

/// That a page of the manual is what it should be, or that it is from now on, when we are asked to write it.
fn is_written(path: &std::path::Path, written: &str, wanted: &str) {
    if std::env::var_os("BEFFROI_WRITE_DOCS").is_some() {
        return std::fs::write(path, wanted).unwrap();
    }
    let how = "BEFFROI_WRITE_DOCS=1 cargo test -p directory the_manual";
    assert!(written == wanted, "{} is stale: {how}", path.display());
}

#[test]
fn a10_every_column_of_a_watched_table_is_in_its_trigger() {
    let text = Dialect::Sqlite.section(directory::SCHEMA);
    let watched: BTreeSet<&str> = directory::sql_changes::watched_tables().collect();
    for table in store::sql::tables(&text) {
        let has_revision = table.columns.iter().any(|(column, _)| column == "revision");
        assert_eq!(watched.contains(table.name.as_str()), has_revision, "{}", table.name);
        if !has_revision {
            continue;
        }
        let begin = format!("CREATE TRIGGER {}_changed_by_sql", table.name);
        let trigger = text.split(&begin).nth(1).and_then(|rest| rest.split("\nEND;").next()).unwrap();
        for (column, _) in &table.columns {
            let named = trigger.contains(&format!("OLD.{column} IS DISTINCT FROM NEW.{column}"));
            assert_eq!(named, column != "revision", "{}.{column}", table.name);
        }
    }
}

/// The tables of the manual that follow from the code, by the mark that begins them.
fn sections() -> Vec<(&'static str, String)> {
    let mut verbs = String::from("| verb | allows |\n|---|---|\n");
    for verb in directory::roles::Verb::ALL {
        let _ = writeln!(verbs, "| `{verb}` | {} |", verb.doc());
    }
    let mut fields = String::new();
    for noun in [
        &directory::organisations::ORGANISATION,
        &directory::domains::DOMAIN,
        &directory::classes::CLASS,
        &directory::entries::ENTRY,
        &directory::people::PERSON,
        &directory::groups::TEAM,
        &directory::people::RESOURCE,
    ] {
        let _ = write!(fields, "\n### Of each {}\n\n| field | meaning | right |\n|---|---|---|\n", noun.name);
        for field in noun.fields {
            let _ = writeln!(fields, "| `{}` | {} | `{}` |", field.name, field.doc, field.verb);
        }
    }
    vec![("verbs", verbs), ("fields", fields.trim_start().to_owned())]
}

fn directory_page() -> (std::path::PathBuf, String, String) {
    let path = manual().with_file_name("directory.md");
    let written = std::fs::read_to_string(&path).unwrap();
    let mut wanted = written.clone();
    for (name, text) in sections() {
        let begin = format!("<!-- {name} -->\n");
        let (before, rest) = wanted.split_once(&begin).unwrap();
        let (_, after) = rest.split_once("<!-- end -->").unwrap();
        wanted = format!("{before}{begin}{text}<!-- end -->{after}");
    }
    (path, written, wanted)
}

#[test]
fn the_manual_lists_the_verbs_and_fields_there_are() {
    let (path, written, wanted) = directory_page();
    is_written(&path, &written, &wanted);
}
