//! Changes that others made by SQL: they took effect at once; here they enter the history.

use base::{OrganisationId, Result};
use store::sql::Value;
use store::{Read, params};

use crate::edit::{Edit, What};

/// A table that others may write: its noun in the history, its key, and the place of the id among the key's
/// columns.
struct Watched {
    table: &'static str,
    noun: &'static str,
    key: &'static [(&'static str, Column)],
    id: usize,
}

#[derive(Clone, Copy)]
enum Column {
    Number,
    Text,
}

use Column::{Number, Text};

const OF_ORGANISATION: &[(&str, Column)] = &[("organisation_id", Number), ("id", Number)];
const OF_ACCOUNT: &[(&str, Column)] = &[("account_id", Number)];

const WATCHED: &[Watched] = &[
    Watched { table: "organisation", noun: "organisation", key: &[("id", Number)], id: 0 },
    Watched { table: "class_of_service", noun: "class", key: OF_ORGANISATION, id: 1 },
    Watched { table: "unit", noun: "unit", key: OF_ORGANISATION, id: 1 },
    Watched { table: "domain", noun: "domain", key: OF_ORGANISATION, id: 1 },
    Watched { table: "entry", noun: "entry", key: OF_ACCOUNT, id: 0 },
    Watched { table: "person", noun: "person", key: OF_ACCOUNT, id: 0 },
    Watched { table: "team", noun: "group", key: OF_ACCOUNT, id: 0 },
    Watched { table: "resource", noun: "resource", key: OF_ACCOUNT, id: 0 },
    Watched {
        table: "membership",
        noun: "member",
        key: &[("group_id", Number), ("member_id", Number), ("member_address", Text)],
        id: 0,
    },
    Watched {
        table: "team_sender",
        noun: "sender",
        key: &[("team_id", Number), ("sender_id", Number), ("sender_address", Text)],
        id: 0,
    },
    Watched {
        table: "redirect",
        noun: "target",
        key: &[("account_id", Number), ("target_id", Number), ("target_address", Text)],
        id: 0,
    },
    Watched { table: "address", noun: "address", key: &[("address", Text)], id: 1 },
    Watched { table: "password", noun: "password", key: OF_ACCOUNT, id: 0 },
    Watched { table: "role", noun: "role", key: OF_ORGANISATION, id: 1 },
    Watched { table: "login_provider", noun: "provider", key: OF_ORGANISATION, id: 1 },
    Watched {
        table: "role_verb",
        noun: "role",
        key: &[("organisation_id", Number), ("role_id", Number), ("verb", Text)],
        id: 1,
    },
    Watched { table: "role_grant", noun: "grant", key: OF_ORGANISATION, id: 1 },
];

/// The tables whose changes by SQL are noted.
pub fn watched_tables() -> impl Iterator<Item = &'static str> {
    WATCHED.iter().map(|watched| watched.table)
}

/// Organisations with changes by SQL that are not in the history yet.
///
/// # Errors
/// Those of the database.
pub fn waiting(tx: &mut Read<'_>) -> Result<Vec<OrganisationId>> {
    tx.query(
        "SELECT DISTINCT c.organisation_id FROM (SELECT organisation_id FROM sql_change ORDER BY id LIMIT 10000) AS c
         JOIN organisation o ON o.id = c.organisation_id",
        [],
        |row| Ok(OrganisationId(row.int(0)?)),
    )
}

/// Moves noted changes of the organisation into its history; how many. The door is [`base::Door::Sql`].
///
/// # Errors
/// Those of the database.
pub fn absorb(edit: &mut Edit<'_, '_>) -> Result<usize> {
    let organisation = edit.organisation();
    let most = i64::try_from(edit.ctx().limits.page_items).unwrap_or(i64::MAX);
    let changes = edit.query(
        "SELECT id, table_name, row_key, what, detail, at FROM sql_change WHERE organisation_id = $1 ORDER BY id LIMIT $2",
        params![organisation, most],
        |row| Ok((row.int(0)?, row.text(1)?, row.text(2)?, row.text(3)?, row.text(4)?, row.int(5)?)),
    )?;
    for (_, table, row_key, what, detail, at) in &changes {
        let Some(watched) = WATCHED.iter().find(|watched| watched.table == table) else { continue };
        let what = match what.as_str() {
            "insert" => What::Created,
            "delete" => What::Removed,
            _ => What::Changed,
        };
        let keys: Vec<&str> = row_key.splitn(watched.key.len(), '/').collect();
        if what != What::Removed {
            raise_revision(edit, watched, &keys)?;
        }
        let id = keys.get(watched.id).and_then(|key| key.parse().ok()).unwrap_or(0);
        let shown = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        edit.note(watched.noun, id, what, format!("{table} {row_key}{shown} (by SQL at {at})"));
    }
    let ids: Vec<i64> = changes.iter().map(|(id, ..)| *id).collect();
    edit.execute("DELETE FROM sql_change WHERE id IN ({list $1})", params![ids])?;
    Ok(changes.len())
}

/// Whoever keeps a copy of the row sees that it changed.
fn raise_revision(edit: &mut Edit<'_, '_>, watched: &Watched, keys: &[&str]) -> Result<()> {
    let mut values = Vec::with_capacity(keys.len());
    let mut conditions = Vec::with_capacity(keys.len());
    for (index, ((column, kind), key)) in watched.key.iter().zip(keys).enumerate() {
        conditions.push(format!("{column} = ${}", index + 1));
        values.push(match kind {
            Number => Value::Int(key.parse().unwrap_or(0)),
            Text => Value::from(*key),
        });
    }
    let text =
        format!("UPDATE {} SET revision = revision + 1 WHERE {}", watched.table, conditions.join(" AND "));
    edit.execute(&text, values).map(|_| ())
}
