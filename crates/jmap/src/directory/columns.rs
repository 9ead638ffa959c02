//! The fields of the directory as properties: the tables of both say the same, and one function turns values over each way.

use base::{AccountId, OrganisationId, Result};
use directory::Edit;
use directory::fields::{Field, Kind, Noun, Record};
use directory::{classes, entries, units};
use serde_json::{Value, json};

use crate::dates;
use crate::engine::{Map, Property, SetError, Shape, ids};

const UNSIGNED: Shape = Shape::Nullable(&Shape::Unsigned);
const ID: Shape = Shape::Nullable(&Shape::Id);

/// The letter of classes of service.
pub(super) const CLASS: char = 'K';
/// The letter of units.
pub(super) const UNIT: char = 'N';
/// The letter of entries: people, groups, lists, aliases, shared mailboxes, resources.
pub(super) const ENTRY: char = 'E';
/// The letter of domains.
pub(super) const DOMAIN: char = 'D';

/// The name of a field in JMAP.
pub(super) fn camel(name: &str) -> String {
    let mut words = name.split(['_', '.']);
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

const fn shape(kind: Kind) -> Shape {
    match kind {
        Kind::Name | Kind::Line | Kind::Note | Kind::Separator => Shape::String,
        Kind::Choice(words) => Shape::OneOf(words),
        Kind::Key | Kind::Host => Shape::Nullable(&Shape::String),
        Kind::Count | Kind::Positive | Kind::Bytes => UNSIGNED,
        Kind::Days | Kind::Amount => Shape::Unsigned,
        Kind::Flag => Shape::Bool,
        Kind::Time => Shape::Nullable(&Shape::UtcDate),
        Kind::Class | Kind::Unit | Kind::Entry => ID,
    }
}

/// The properties of a type: its own, and those that the fields of some nouns are. They live as long as the program.
pub(super) fn properties(own: Vec<Property>, nouns: &[&'static Noun]) -> &'static [Property] {
    let mut all = own;
    for field in nouns.iter().flat_map(|noun| noun.fields) {
        let name: &'static str = Box::leak(camel(field.name).into_boxed_str());
        if all.iter().any(|property| property.name == name) {
            continue;
        }
        all.push(Property::new(name, shape(field.kind), field.doc));
    }
    Box::leak(all.into_boxed_slice())
}

/// The value of a field as JSON.
fn value(record: &Record, field: &Field) -> Value {
    let number = record.int(field.name);
    let id = |letter| json!(number.map(|number| ids::write(letter, number)));
    let text = record.text(field.name);
    match field.kind {
        Kind::Flag => json!(number == Some(1)),
        Kind::Count | Kind::Positive | Kind::Bytes | Kind::Days | Kind::Amount => json!(number),
        Kind::Time => json!(number.map(dates::utc)),
        Kind::Class => id(CLASS),
        Kind::Unit => id(UNIT),
        Kind::Entry => id(ENTRY),
        Kind::Key | Kind::Host if text.is_empty() => Value::Null,
        _ => json!(text),
    }
}

/// The fields of records as properties.
pub(super) fn object(records: &[Record]) -> Map {
    let fields = records.iter().flat_map(|record| record.iter().map(move |(field, _)| (record, field)));
    fields.map(|(record, field)| (camel(field.name), value(record, field))).collect()
}

/// What a client gave for a field, as it is looked up in the transaction that sets it.
#[derive(Debug, Clone)]
pub(super) struct Given {
    field: &'static Field,
    value: Value,
}

/// Takes what is a field of some nouns out of what a client gave.
pub(super) fn take(object: &mut Map, nouns: &[&'static Noun]) -> Vec<Given> {
    let fields = nouns.iter().flat_map(|noun| noun.fields);
    fields.filter_map(|field| Some(Given { field, value: object.remove(&camel(field.name))? })).collect()
}

/// The values as people write them, which is what the directory reads.
pub(super) fn texts(edit: &mut Edit<'_, '_>, given: &[Given]) -> Result<Vec<(&'static str, String)>> {
    given.iter().map(|one| Ok((one.field.name, text(edit, one)?))).collect()
}

fn text(edit: &mut Edit<'_, '_>, given: &Given) -> Result<String> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    // An id of something else is the id of nothing.
    let number = |letter, text: &str| ids::read(letter, text).unwrap_or(-1);
    let missing = |error: base::Error| {
        base::Error::invalid(given.field.name, "names what does not exist").with_source(error)
    };
    Ok(match (given.field.kind, &given.value) {
        (_, Value::Null) => "none".to_owned(),
        (Kind::Class, Value::String(id)) => {
            let class = classes::get(edit, ctx, organisation, number(CLASS, id)).map_err(missing)?;
            class.text("name").to_owned()
        }
        (Kind::Unit, Value::String(id)) => {
            units::path(edit, organisation, number(UNIT, id)).map_err(missing)?
        }
        (Kind::Entry, Value::String(id)) => {
            entries::load(edit, organisation, AccountId(number(ENTRY, id))).map_err(missing)?.address
        }
        (_, Value::Bool(on)) => if *on { "yes" } else { "no" }.to_owned(),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    })
}

/// An error of the directory is about the property of that name.
pub(super) fn refused(error: base::Error) -> SetError {
    let mut error = SetError::from(error);
    for property in &mut error.properties {
        *property = camel(property);
    }
    error
}

/// The organisation of a caller.
pub(super) fn organisation(call: &crate::engine::Call) -> OrganisationId {
    call.ctx().actor.organisation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p08_fields_have_names_as_jmap_has_them() {
        assert_eq!(camel("max_quota_bytes"), "maxQuotaBytes");
        assert_eq!(camel("address.domain"), "addressDomain");
        assert_eq!(camel("note"), "note");
    }
}
