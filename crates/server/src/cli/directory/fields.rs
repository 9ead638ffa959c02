//! Fields of the directory's objects on the command line: `FIELD=VALUE`, and what stands in them.

use std::str::FromStr;

use base::{AccountId, Ctx, OrganisationId, Result};
use directory::fields::{Field, Kind, Record};
use directory::{classes, entries, units};
use store::{Read, Value};

use super::super::output::{Cell, Column, Output};
use crate::failure::Failure;

/// A field and its new value.
#[derive(Debug, Clone)]
pub struct Assignment {
    field: String,
    value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.split_once('=') {
            Some((field, value)) if !field.is_empty() => {
                Ok(Self { field: field.to_owned(), value: value.to_owned() })
            }
            _ => Err("write FIELD=VALUE, such as quota_bytes=10G".to_owned()),
        }
    }
}

/// As the functions of the directory take them.
pub fn given(assignments: &[Assignment]) -> Vec<(&str, &str)> {
    assignments.iter().map(|given| (given.field.as_str(), given.value.as_str())).collect()
}

/// The fields of an object with their values; classes, units and entries by their names.
pub fn cells(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    record: &Record,
) -> Result<Vec<(String, Cell)>> {
    let mut cells = Vec::new();
    for (field, value) in record.iter() {
        cells.push((field.name.to_owned(), cell(tx, ctx, organisation, field, value)?));
    }
    Ok(cells)
}

fn cell(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    field: &Field,
    value: &Value,
) -> Result<Cell> {
    let number = match value {
        Value::Int(number) => *number,
        Value::Text(text) => return Ok(Cell::Text(text.clone())),
        _ => return Ok(Cell::Nothing),
    };
    Ok(match field.kind {
        Kind::Bytes => Cell::Bytes(number),
        Kind::Time => Cell::Time(number),
        Kind::Flag => Cell::Flag(number != 0),
        Kind::Class => Cell::Text(classes::get(tx, ctx, organisation, number)?.text("name").to_owned()),
        Kind::Entry => Cell::Text(entries::load(tx, organisation, AccountId(number))?.address),
        Kind::Unit => Cell::Text(units::path(tx, organisation, number)?),
        _ => Cell::Whole(number),
    })
}

const COLUMNS: [Column<&Field>; 4] = [
    Column { key: "field", title: "Field", cell: |field| Cell::Text(field.name.to_owned()) },
    Column { key: "takes", title: "Takes", cell: |field| Cell::Text(takes(field.kind)) },
    Column { key: "right", title: "Right", cell: |field| Cell::Text(field.verb.name().to_owned()) },
    Column { key: "doc", title: "What it is", cell: |field| Cell::Text(field.doc.to_owned()) },
];

/// Lists fields with what they take.
pub fn list(out: Output, fields: impl Iterator<Item = &'static Field>) -> std::result::Result<(), Failure> {
    out.rows(&COLUMNS, &fields.collect::<Vec<_>>())
}

fn takes(kind: Kind) -> String {
    let words = match kind {
        Kind::Name => "a line",
        Kind::Line => "a line, or nothing",
        Kind::Key => "a line, or none",
        Kind::Note => "text",
        Kind::Count => "a number from 0, or none",
        Kind::Positive => "a number from 1, or none",
        Kind::Bytes => "bytes such as 10G, or none",
        Kind::Days => "days",
        Kind::Amount => "a number from 0",
        Kind::Flag => "yes or no",
        Kind::Choice(words) => return words.join(", "),
        Kind::Time => "a day or a moment, or none",
        Kind::Class => "a class of service, or none",
        Kind::Unit => "a unit's path, or none",
        Kind::Entry => "an address, or none",
        Kind::Host => "host or host:port, or none",
        Kind::Separator => "one of + - _ = # ! ~, or nothing",
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_has_a_field_and_maybe_a_value() {
        let all: Vec<Assignment> = ["note=a=b", "note="].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(given(&all), [("note", "a=b"), ("note", "")]);
        assert!("note".parse::<Assignment>().is_err());
        assert!("=x".parse::<Assignment>().is_err());
    }
}
