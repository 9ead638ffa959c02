//! No statement may scan a table: the plans of all that a story ran.

use store::Store;
use store::sql::Dialect;

/// Fails if one of the statements noted since `record_statements` reads a table from end to end, unless the
/// text of the statement contains one of `allowed` (tables that stay small, checks of everything).
pub async fn no_scans(store: &Store, allowed: &[&str]) {
    let dialect = store.dialect();
    let mut bad = Vec::new();
    let mut looked = 0;
    for sql in store.recorded_statements() {
        if allowed.iter().any(|text| sql.contains(text)) {
            continue;
        }
        let text = sql.clone();
        let plan = store.read(move |tx| tx.explain(&text)).await;
        let plan = plan.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        looked += 1;
        let inner: Vec<String> = plan.iter().filter_map(|step| inner_select(step)).collect();
        let steps = plan.iter().filter(|step| scans(dialect, step, &inner) || reads_account(&sql, step));
        bad.extend(steps.map(|step| format!("{step}\n    in {sql}")));
    }
    assert!(looked > 0, "no statement was noted");
    assert!(bad.is_empty(), "these statements scan on {}:\n{}", dialect.name(), bad.join("\n"));
}

/// The name of an inner SELECT: its own steps stand in the plan as well.
fn inner_select(step: &str) -> Option<String> {
    let step = step.trim();
    let name = step.strip_prefix("CO-ROUTINE ").or_else(|| step.strip_prefix("MATERIALIZE "))?;
    Some(name.to_owned())
}

/// Whether all rows of an account are read where a list says which ones.
fn reads_account(sql: &str, step: &str) -> bool {
    sql.contains("account_id = $")
        && sql.contains("{in")
        && step.contains("SEARCH")
        && step.trim().ends_with("(account_id=?)")
}

fn scans(dialect: Dialect, step: &str, inner: &[String]) -> bool {
    match dialect {
        Dialect::Sqlite => {
            let scanned = step.trim().strip_prefix("SCAN ").and_then(|rest| rest.split_whitespace().next());
            // The list of a parameter is no table.
            scanned.is_some_and(|name| {
                !name.starts_with("json_each")
                    && name != "CONSTANT"
                    && !inner.iter().any(|known| known == name)
            })
        }
        Dialect::Postgres => step.contains("Seq Scan on"),
    }
}
