//! Lines made into people: what each one needs is decided first, then written in bulk.

use std::collections::HashMap;

use base::{AccountId, Ctx, Error, OrganisationId, Result};
use store::sql::{Bulk, Type};
use store::{Read, Value, params};

use super::Batch;
use super::lines::{Chunk, Line, LineError};
use super::prefetch::{self, Domain, Known, Person};
use crate::aliases;
use crate::edit::{Edit, What};
use crate::entries::{ENTRY, Kind};
use crate::fields::{NO_CLASS, NO_UNIT};
use crate::people::{self, PERSON};
use crate::roles::{self, Allowed, Place, Verb};

static INSERT_ENTRY: Bulk = Bulk::insert(
    "entry",
    &[
        ("account_id", Type::Int),
        ("organisation_id", Type::Int),
        ("kind", Type::Text),
        ("domain_id", Type::Int),
        ("address", Type::Text),
        ("state_changed_at", Type::Int),
        ("created_at", Type::Int),
        ("source", Type::Text),
        ("revision", Type::Int),
        ("name", Type::Text),
        ("unit_id", Type::Int),
        ("class_id", Type::Int),
        ("quota_bytes", Type::Int),
        ("hidden", Type::Int),
        ("close_at", Type::Int),
        ("keeps_copy", Type::Int),
        ("external_id", Type::Text),
        ("note", Type::Text),
    ],
);
static INSERT_PERSON: Bulk = Bulk::insert(
    "person",
    &[
        ("account_id", Type::Int),
        ("organisation_id", Type::Int),
        ("revision", Type::Int),
        ("given_name", Type::Text),
        ("family_name", Type::Text),
        ("title", Type::Text),
        ("telephone", Type::Text),
        ("language", Type::Text),
        ("time_zone", Type::Text),
    ],
);
static INSERT_ADDRESS: Bulk = Bulk::insert(
    "address",
    &[
        ("address", Type::Text),
        ("organisation_id", Type::Int),
        ("domain_id", Type::Int),
        ("account_id", Type::Int),
        ("kind", Type::Text),
        ("created_at", Type::Int),
        ("revision", Type::Int),
    ],
);
static INSERT_PASSWORD: Bulk = Bulk::insert(
    "password",
    &[
        ("account_id", Type::Int),
        ("organisation_id", Type::Int),
        ("hash", Type::Text),
        ("changed_at", Type::Int),
        ("revision", Type::Int),
    ],
);

/// What a line needs.
enum Need<'l> {
    Create {
        line: &'l Line,
        domain: Domain,
        address: String,
        unit_id: Value,
        class_id: Value,
    },
    Change {
        line: &'l Line,
        account: AccountId,
        address: Option<String>,
        fields: Vec<(&'static str, String)>,
    },
    Nothing,
}

/// What lines would come to, without writing anything.
pub(crate) fn plan(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    lines: &Chunk,
) -> Result<Batch> {
    let (_, batch) = decide(tx, ctx, organisation, lines)?;
    Ok(batch)
}

/// Does what the lines need.
pub(crate) fn apply(edit: &mut Edit<'_, '_>, lines: &Chunk) -> Result<Batch> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    let (needs, mut batch) = decide(edit, ctx, organisation, lines)?;
    let new = needs.iter().filter(|need| matches!(need, Need::Create { .. })).count();
    let mut accounts = if new == 0 {
        Vec::new().into_iter()
    } else {
        edit.new_accounts(Kind::Person, i64::try_from(new).unwrap_or(0))?.into_iter()
    };
    for need in needs {
        match need {
            Need::Nothing => {}
            Need::Create { line, domain, address, unit_id, class_id } => {
                let account = accounts.next().ok_or_else(|| Error::corrupt("account", "was not made"))?;
                insert(edit, line, account, &domain, &address, &unit_id, &class_id)?;
            }
            Need::Change { line, account, address, fields } => {
                if let Err(error) = change(edit, account, address.as_deref(), &fields) {
                    // A statement that failed has spoilt the transaction; a rule that was broken has not.
                    if error.meaning() == base::Meaning::Corrupt || error.is_transient() {
                        return Err(error);
                    }
                    batch.errors.push(LineError::new(line.number, &error));
                    batch.changed -= 1;
                }
            }
        }
    }
    Ok(batch)
}

/// People that still fit, by domain and in the organisation.
struct Room {
    organisation: Option<i64>,
    domains: HashMap<i64, Option<i64>>,
}

struct Decider<'d> {
    ctx: &'d Ctx,
    organisation: OrganisationId,
    known: Known,
    room: Room,
    rights: HashMap<(i64, i64), std::result::Result<Vec<Allowed>, LineError>>,
}

fn decide<'l>(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    lines: &'l Chunk,
) -> Result<(Vec<Need<'l>>, Batch)> {
    let known = prefetch::look_up(tx, organisation, lines)?;
    let room = Room { organisation: None, domains: HashMap::new() };
    let mut decider = Decider { ctx, organisation, known, room, rights: HashMap::new() };
    decider.room.organisation = people_left(tx, organisation, None)?;
    let mut batch = Batch { errors: lines.errors.clone(), last_line: lines.last_line, ..Batch::default() };
    let mut needs = Vec::with_capacity(lines.lines.len());
    for line in &lines.lines {
        match decider.line(tx, line) {
            Ok(need) => {
                match need {
                    Need::Create { .. } => batch.created += 1,
                    Need::Change { .. } => batch.changed += 1,
                    Need::Nothing => batch.unchanged += 1,
                }
                needs.push(need);
            }
            Err(error) if error.meaning() == base::Meaning::Corrupt || error.is_transient() => {
                return Err(error);
            }
            Err(error) => batch.errors.push(LineError::new(line.number, &error)),
        }
    }
    Ok((needs, batch))
}

impl Decider<'_> {
    fn line<'l>(&mut self, tx: &mut Read<'_>, line: &'l Line) -> Result<Need<'l>> {
        let foreign =
            || Error::invalid("address", "is in no domain of this organisation; add the domain first");
        let domain = self.known.domain(line).ok_or_else(foreign)?.clone();
        let address = self.known.address(line).ok_or_else(foreign)?;
        let unit_id = lead(line, "unit", &self.known.units, NO_UNIT)?;
        let class_id = lead(line, "class", &self.known.classes, NO_CLASS)?;
        if let Some(person) = self.known.person(line, &address) {
            let owner = self.known.taken.get(&address);
            if owner.is_some_and(|owner| *owner != person.account) {
                return Err(Error::conflict("address", "is taken by someone else"));
            }
            check_identity(line, person)?;
            return Ok(difference(line, person, &address, unit_id.as_ref(), class_id.as_ref()));
        }
        if self.known.taken.contains_key(&address) {
            return Err(Error::conflict("address", "is taken by a group, list or other entry"));
        }
        let allowed = self.allowed(tx, domain.id, number(unit_id.as_ref()).unwrap_or(0), line.number)?;
        check_quota(line, &domain, &allowed)?;
        self.take_room(tx, &domain)?;
        let class_id = class_id.unwrap_or(domain.class_id.into());
        Ok(Need::Create { line, address, unit_id: unit_id.unwrap_or(Value::Null), class_id, domain })
    }

    /// The right to create people at a place, asked once a place.
    fn allowed(&mut self, tx: &mut Read<'_>, domain: i64, unit: i64, line: u64) -> Result<Vec<Allowed>> {
        let key = (domain, unit);
        if !self.rights.contains_key(&key) {
            let place = Place { organisation: self.organisation, domain, unit, account: AccountId(0) };
            let found = roles::require(tx, self.ctx, Verb::AccountCreate, &place, "account");
            self.rights.insert(key, found.map_err(|error| LineError::new(line, &error)));
        }
        match self.rights.get(&key) {
            Some(Ok(allowed)) => Ok(allowed.clone()),
            Some(Err(error)) => Err(Error::forbidden(error.field.clone(), error.rule.clone())),
            None => Err(Error::corrupt("import", "lost a right")),
        }
    }

    fn take_room(&mut self, tx: &mut Read<'_>, domain: &Domain) -> Result<()> {
        if !self.room.domains.contains_key(&domain.id) {
            let left = people_left(tx, self.organisation, Some(domain.id))?;
            self.room.domains.insert(domain.id, left);
        }
        let of_domain = self.room.domains.get_mut(&domain.id).and_then(Option::as_mut);
        for (what, left) in [("organisation", self.room.organisation.as_mut()), ("domain", of_domain)] {
            if let Some(left) = left {
                if *left <= 0 {
                    return Err(Error::limit(what, "has all the people that it may have"));
                }
                *left -= 1;
            }
        }
        Ok(())
    }
}

/// People that a domain, or the organisation, may still get; none: no limit.
fn people_left(tx: &mut Read<'_>, organisation: OrganisationId, domain: Option<i64>) -> Result<Option<i64>> {
    let (table, column) =
        if domain.is_some() { ("domain", "organisation_id") } else { ("organisation", "id") };
    let condition = if domain.is_some() { "AND id = $2" } else { "AND $2 = 0" };
    let most = tx.query_one(
        &format!("SELECT max_people FROM {table} WHERE {column} = $1 {condition}"),
        params![organisation, domain.unwrap_or(0)],
        |row| row.opt_int(0),
    )?;
    let Some(most) = most else { return Ok(None) };
    let condition = if domain.is_some() { "AND domain_id = $2" } else { "AND $2 = 0" };
    let have = tx.query_one(
        &format!(
            "SELECT count(*) FROM (SELECT 1 AS one FROM entry
             WHERE organisation_id = $1 {condition} AND kind = 'person' LIMIT $3) AS p"
        ),
        params![organisation, domain.unwrap_or(0), most],
        |row| row.int(0),
    )?;
    Ok(Some(most - have))
}

/// An id by the name that a line gives, NULL when it says `none`; nothing when it gives no name.
fn lead(
    line: &Line,
    field: &'static str,
    ids: &HashMap<String, i64>,
    rule: &'static str,
) -> Result<Option<Value>> {
    match line.text(field) {
        None => Ok(None),
        Some("none") => Ok(Some(Value::Null)),
        Some(name) => {
            ids.get(name).map(|id| Some(Value::Int(*id))).ok_or_else(|| Error::invalid(field, rule))
        }
    }
}

fn check_quota(line: &Line, domain: &Domain, allowed: &[Allowed]) -> Result<()> {
    let Some(Value::Int(wanted)) = line.value("quota_bytes") else { return Ok(()) };
    if let Some(most) = domain.max_quota_bytes.filter(|most| wanted > most) {
        return Err(Error::invalid("quota_bytes", format!("is at most {most} here; give less")));
    }
    if allowed.iter().any(|grant| grant.allows_quota(Some(*wanted))) {
        return Ok(());
    }
    Err(Error::forbidden("quota_bytes", "is more than your grant lets you give"))
}

/// An address does not pass from one person of the other system to another by itself.
fn check_identity(line: &Line, person: &Person) -> Result<()> {
    match (prefetch::external_id(line), person.values.get("external_id")) {
        (Some(wanted), Some(Value::Text(has))) if wanted != *has => Err(Error::conflict(
            "external_id",
            "is not that of who has this address; give it another address",
        )),
        _ => Ok(()),
    }
}

fn number(value: Option<&Value>) -> Option<i64> {
    match value {
        Some(Value::Int(id)) => Some(*id),
        _ => None,
    }
}

/// What of a line is not so yet.
fn difference<'l>(
    line: &'l Line,
    person: &Person,
    address: &str,
    unit_id: Option<&Value>,
    class_id: Option<&Value>,
) -> Need<'l> {
    let wanted = |name: &str| match name {
        "unit" => unit_id.cloned(),
        "class" => class_id.cloned(),
        _ => line.value(name).cloned(),
    };
    let fields: Vec<(&'static str, String)> = line
        .texts
        .iter()
        .filter(|(name, _)| wanted(name).as_ref() != person.values.get(name))
        .cloned()
        .collect();
    let address = (person.address != address).then(|| address.to_owned());
    if fields.is_empty() && address.is_none() {
        return Need::Nothing;
    }
    Need::Change { line, account: person.account, address, fields }
}

fn change(
    edit: &mut Edit<'_, '_>,
    account: AccountId,
    address: Option<&str>,
    fields: &[(&'static str, String)],
) -> Result<()> {
    if let Some(address) = address {
        aliases::set_primary(edit, account, address)?;
    }
    let given: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
    people::change(edit, account, &given)?;
    // Passwords of those who exist are theirs: a file of an older system does not set them back.
    Ok(())
}

fn insert(
    edit: &mut Edit<'_, '_>,
    line: &Line,
    account: AccountId,
    domain: &Domain,
    address: &str,
    unit_id: &Value,
    class_id: &Value,
) -> Result<()> {
    let (organisation, now) = (edit.organisation(), edit.now_ms());
    let mut row: Vec<Value> =
        params![account, organisation, Kind::Person.name(), domain.id, address, now, now, "csv", 1].to_vec();
    for field in ENTRY.fields {
        row.push(match field.name {
            "unit" => unit_id.clone(),
            "class" => class_id.clone(),
            "name" => line.value("name").cloned().unwrap_or_else(|| full_name(line, address).into()),
            name => line.value(name).cloned().unwrap_or_else(|| default_of(name)),
        });
    }
    edit.add(&INSERT_ENTRY, row)?;
    let mut row: Vec<Value> = params![account, organisation, 1].to_vec();
    row.extend(
        PERSON.fields.iter().map(|field| line.value(field.name).cloned().unwrap_or_else(|| "".into())),
    );
    edit.add(&INSERT_PERSON, row)?;
    edit.add(&INSERT_ADDRESS, params![address, organisation, domain.id, account, "primary", now, 1])?;
    if let Some(hash) = &line.password_hash {
        edit.add(&INSERT_PASSWORD, params![account, organisation, hash.as_str(), now, 1])?;
    }
    edit.note(Kind::Person.name(), account.0, What::Created, format!("{address} (line {})", line.number));
    Ok(())
}

/// Someone without a name of its own is called by its parts, or else by its address.
fn full_name(line: &Line, address: &str) -> String {
    let parts: Vec<&str> = ["given_name", "family_name"].iter().filter_map(|name| line.text(name)).collect();
    if parts.is_empty() { address.to_owned() } else { parts.join(" ") }
}

/// What a field of an entry is when nothing is said of it.
fn default_of(name: &str) -> Value {
    match name {
        "hidden" => Value::Int(0),
        "keeps_copy" => Value::Int(1),
        "note" => "".into(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_rows_have_the_fields_of_their_tables_in_order() {
        for (noun, own, all) in [(&ENTRY, 9, 18), (&PERSON, 3, 9)] {
            assert_eq!(
                noun.fields.len() + own,
                all,
                "{}: a new field needs its column in the bulk statement",
                noun.name
            );
        }
    }
}
