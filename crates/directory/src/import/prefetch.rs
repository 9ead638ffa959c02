//! What the database knows of the people of some lines, asked for all of them at once.

use std::collections::{BTreeSet, HashMap};

use base::{AccountId, OrganisationId, Result};
use store::{Read, Value, params};

use super::lines::{Chunk, Line};
use crate::entries::ENTRY;
use crate::people::PERSON;

/// A domain as an import needs it.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    pub(crate) id: i64,
    /// The name of the domain that it is or stands for.
    pub(crate) name: String,
    pub(crate) class_id: Option<i64>,
    pub(crate) max_quota_bytes: Option<i64>,
}

/// Someone who exists.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) account: AccountId,
    pub(crate) address: String,
    pub(crate) values: HashMap<&'static str, Value>,
}

/// All that is known.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) domains: HashMap<String, Domain>,
    pub(crate) units: HashMap<String, i64>,
    pub(crate) classes: HashMap<String, i64>,
    /// Addresses that are taken, with who has them.
    pub(crate) taken: HashMap<String, AccountId>,
    pub(crate) people: HashMap<AccountId, Person>,
    pub(crate) by_external_id: HashMap<String, AccountId>,
}

pub(crate) fn look_up(tx: &mut Read<'_>, organisation: OrganisationId, lines: &Chunk) -> Result<Known> {
    let mut known = Known { domains: domains(tx, organisation, lines)?, ..Known::default() };
    known.classes = classes(tx, organisation, &texts(lines, "class"))?;
    for path in texts(lines, "unit") {
        if let Some(id) = crate::units::id_by_path(tx, organisation.0, &path)? {
            known.units.insert(path, id);
        }
    }
    let addresses: Vec<String> = lines.lines.iter().filter_map(|line| known.address(line)).collect();
    known.taken = tx
        .query(
            "SELECT address, account_id FROM address WHERE address IN ({texts $1})",
            params![&addresses],
            |row| Ok((row.text(0)?, AccountId(row.int(1)?))),
        )?
        .into_iter()
        .collect();
    let external: Vec<String> = lines.lines.iter().filter_map(external_id).collect();
    people(tx, organisation, &addresses, &external, &mut known)?;
    Ok(known)
}

/// The external id that a line names.
pub(crate) fn external_id(line: &Line) -> Option<String> {
    match line.value("external_id") {
        Some(Value::Text(id)) => Some(id.clone()),
        _ => None,
    }
}

impl Known {
    pub(crate) fn domain(&self, line: &Line) -> Option<&Domain> {
        self.domains.get(line.address.domain()?)
    }

    /// The stored form of a line's address; none when its domain is not the organisation's.
    pub(crate) fn address(&self, line: &Line) -> Option<String> {
        let domain = self.domain(line)?;
        line.address.at_domain(&domain.name).ok().map(|address| address.to_string())
    }

    /// Whom a line is about, if it exists: by its external id, else by its address.
    pub(crate) fn person(&self, line: &Line, address: &str) -> Option<&Person> {
        let by_id = external_id(line).and_then(|id| self.by_external_id.get(&id));
        let account = by_id.or_else(|| self.taken.get(address))?;
        self.people.get(account)
    }
}

fn texts(lines: &Chunk, field: &str) -> BTreeSet<String> {
    lines.lines.iter().filter_map(|line| line.text(field)).map(str::to_owned).collect()
}

fn domains(
    tx: &mut Read<'_>,
    organisation: OrganisationId,
    lines: &Chunk,
) -> Result<HashMap<String, Domain>> {
    let names: BTreeSet<String> =
        lines.lines.iter().filter_map(|line| line.address.domain()).map(str::to_owned).collect();
    let rows = tx.query(
        "SELECT d.name, coalesce(t.id, d.id), coalesce(t.name, d.name),
                CASE WHEN t.id IS NULL THEN coalesce(d.default_class_id, o.default_class_id)
                     ELSE coalesce(t.default_class_id, o.default_class_id) END,
                CASE WHEN t.id IS NULL THEN d.max_quota_bytes ELSE t.max_quota_bytes END, o.max_quota_bytes
         FROM domain d JOIN organisation o ON o.id = d.organisation_id
         LEFT JOIN domain t ON t.organisation_id = d.organisation_id AND t.id = d.alias_of_id
         WHERE d.name IN ({texts $1}) AND d.organisation_id = $2",
        params![names.into_iter().collect::<Vec<_>>(), organisation],
        |row| {
            let most = [row.opt_int(4)?, row.opt_int(5)?].into_iter().flatten().min();
            let domain = Domain {
                id: row.int(1)?,
                name: row.text(2)?,
                class_id: row.opt_int(3)?,
                max_quota_bytes: most,
            };
            Ok((row.text(0)?, domain))
        },
    )?;
    Ok(rows.into_iter().collect())
}

fn classes(
    tx: &mut Read<'_>,
    organisation: OrganisationId,
    names: &BTreeSet<String>,
) -> Result<HashMap<String, i64>> {
    let rows = tx.query(
        "SELECT name, id FROM class_of_service WHERE organisation_id = $1 AND name IN ({texts $2})",
        params![organisation, names.iter().cloned().collect::<Vec<_>>()],
        |row| Ok((row.text(0)?, row.int(1)?)),
    )?;
    Ok(rows.into_iter().collect())
}

fn people(
    tx: &mut Read<'_>,
    organisation: OrganisationId,
    addresses: &[String],
    external: &[String],
    known: &mut Known,
) -> Result<()> {
    let fields: Vec<_> = ENTRY
        .fields
        .iter()
        .map(|field| (field.name, format!("e.{}", field.column)))
        .chain(PERSON.fields.iter().map(|field| (field.name, format!("p.{}", field.column))))
        .collect();
    let columns: Vec<&str> = fields.iter().map(|(_, column)| column.as_str()).collect();
    let columns = columns.join(", ");
    for (text, names) in [
        (
            format!(
                "SELECT e.account_id, e.address, e.external_id, {columns} FROM address a
                 CROSS JOIN entry e CROSS JOIN person p
                 WHERE e.account_id = a.account_id AND p.account_id = e.account_id AND a.address IN ({{texts $1}}) AND e.organisation_id = $2"
            ),
            addresses,
        ),
        (
            format!(
                "SELECT e.account_id, e.address, e.external_id, {columns} FROM entry e CROSS JOIN person p
                 WHERE p.account_id = e.account_id AND e.external_id IN ({{texts $1}}) AND e.organisation_id = $2"
            ),
            external,
        ),
    ] {
        if names.is_empty() {
            continue;
        }
        let rows = tx.query(&text, params![names, organisation], |row| {
            let mut values = HashMap::with_capacity(fields.len());
            for (index, (name, _)) in fields.iter().enumerate() {
                values.insert(*name, row.value(index + 3)?);
            }
            let person = Person { account: AccountId(row.int(0)?), address: row.text(1)?, values };
            Ok((person, row.opt_text(2)?))
        })?;
        for (person, external_id) in rows {
            if let Some(id) = external_id {
                known.by_external_id.insert(id, person.account);
            }
            known.people.insert(person.account, person);
        }
    }
    Ok(())
}
