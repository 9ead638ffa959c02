//! Fields of the directory's objects as flat tables of data. Reading, checking, changing and noting what
//! changed is written once here for all of them; commands, import and documentation follow the same tables.

use base::{AccountId, Error, Limits, Result};
use store::sql::Value;
use store::{Read, params};

use crate::edit::{Edit, What};
use crate::roles::{self, Place, Verb};

/// What a field holds, and how people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One line, not empty.
    Name,
    /// One line, may be empty.
    Line,
    /// One line or nothing at all (`none`).
    Key,
    /// Several lines.
    Note,
    /// A whole number from 0, or `none`.
    Count,
    /// A whole number from 1, or `none`.
    Positive,
    /// A number of bytes, also as `10G` or `500 MiB`, or `none`.
    Bytes,
    /// A whole number from 0 to 3650 that must be there.
    Days,
    /// A whole number from 0 that must be there.
    Amount,
    /// `yes` or `no`.
    Flag,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A day (`2027-01-31`) or a moment (`2027-01-31T12:00:00Z`), or `none`.
    Time,
    /// A class of service by its name, or `none`.
    Class,
    /// A unit by its path (`Sciences/Physics`), or `none`.
    Unit,
    /// An entry of the organisation by its address, or `none`.
    Entry,
    /// A server, `host` or `host:port`, or `none`.
    Host,
    /// A single character, or nothing.
    Separator,
}

/// A field that can be set.
#[derive(Debug)]
pub struct Field {
    /// Its name in commands and files.
    pub name: &'static str,
    /// Its column.
    pub column: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The right that changing it takes.
    pub verb: Verb,
    /// What it means.
    pub doc: &'static str,
}

/// A kind of object: its table, its key beside the organisation, and its fields.
#[derive(Debug)]
pub struct Noun {
    /// Its name for people and in the history.
    pub name: &'static str,
    /// Its table.
    pub table: &'static str,
    /// The column of the organisation.
    pub organisation: &'static str,
    /// The column of its id.
    pub key: &'static str,
    /// What can be set.
    pub fields: &'static [Field],
}

impl Noun {
    /// The field of that name.
    ///
    /// # Errors
    /// `Invalid`, naming the fields there are.
    pub fn field(&self, name: &str) -> Result<(usize, &'static Field)> {
        self.fields.iter().enumerate().find(|(_, field)| field.name == name).ok_or_else(|| {
            let names: Vec<_> = self.fields.iter().map(|field| field.name).collect();
            let shown: String =
                name.chars().filter(|character| !codec::text::is_hidden(*character)).take(64).collect();
            Error::invalid(shown, format!("is no field of a {}; there are: {}", self.name, names.join(", ")))
        })
    }

    fn columns(&self) -> String {
        self.fields.iter().map(|field| field.column).collect::<Vec<_>>().join(", ")
    }

    /// Reads an object with its fields.
    ///
    /// # Errors
    /// `NotFound` when the organisation has none of that id.
    pub fn read(&'static self, tx: &mut Read<'_>, organisation: i64, id: i64) -> Result<Record> {
        let text = format!(
            "SELECT revision, {} FROM {} WHERE {} = $1 AND {} = $2",
            self.columns(),
            self.table,
            self.organisation,
            self.key
        );
        tx.query_opt(&text, params![organisation, id], |row| {
            let mut values = Vec::with_capacity(self.fields.len());
            for (index, _) in self.fields.iter().enumerate() {
                values.push(row.value(index + 1)?);
            }
            Ok(Record { noun: self, id, revision: row.int(0)?, values })
        })?
        .ok_or_else(|| Error::not_found(self.name))
    }
}

/// An object with its fields as they are stored.
#[derive(Debug, Clone)]
pub struct Record {
    /// What it is.
    pub noun: &'static Noun,
    /// Its id.
    pub id: i64,
    /// How often it was written.
    pub revision: i64,
    values: Vec<Value>,
}

impl Record {
    /// The fields and their values, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Field, &Value)> {
        self.noun.fields.iter().zip(&self.values)
    }

    /// A value by the name of its field; `Null` for a name that is none.
    pub fn value(&self, name: &str) -> &Value {
        self.iter().find(|(field, _)| field.name == name).map_or(&Value::Null, |(_, value)| value)
    }

    /// A number, if there is one.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// A text; empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        match self.value(name) {
            Value::Text(value) => value,
            _ => "",
        }
    }
}

/// New values of fields as people write them, by name.
pub type Given<'a> = &'a [(&'a str, &'a str)];

/// The value as it stands in the history.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Int(value) => value.to_string(),
        Value::Text(value) if value.chars().count() > 200 => {
            format!("{}...", value.chars().take(200).collect::<String>())
        }
        Value::Text(value) => value.clone(),
        other => format!("{other:?}"),
    }
}

/// Sets fields of an object and notes what changed; whether anything did.
///
/// `label` is the object's name in the history. Each field asks for its own right at `place`, except those that
/// ask for `implied`: the caller holds that already.
///
/// # Errors
/// `Invalid` or `TooLarge` about the field, `Forbidden`, `NotFound`.
pub fn set(
    edit: &mut Edit<'_, '_>,
    noun: &'static Noun,
    id: i64,
    label: &str,
    place: &Place,
    implied: Option<Verb>,
    given: Given<'_>,
) -> Result<bool> {
    if given.is_empty() {
        return Ok(false);
    }
    let organisation = edit.organisation().0;
    let mut record = noun.read(edit, organisation, id)?;
    let mut differences = Vec::new();
    for (name, text) in given {
        let (index, field) = noun.field(name)?;
        if implied != Some(field.verb) {
            let ctx = edit.ctx();
            roles::require(edit, ctx, field.verb, place, noun.name)?;
        }
        let value = parse(edit, organisation, field, text)?;
        if let Some(slot) = record.values.get_mut(index)
            && *slot != value
        {
            differences.push(format!("{}: {} -> {}", field.name, shown(slot), shown(&value)));
            *slot = value;
        }
    }
    if differences.is_empty() {
        return Ok(false);
    }
    write(edit, &record)?;
    edit.note(noun.name, id, What::Changed, format!("{label}: {}", differences.join("; ")));
    Ok(true)
}

fn write(edit: &mut Edit<'_, '_>, record: &Record) -> Result<()> {
    let noun = record.noun;
    let pairs: Vec<_> = noun
        .fields
        .iter()
        .enumerate()
        .map(|(index, field)| format!("{} = ${}", field.column, index + 3))
        .collect();
    let text = format!(
        "UPDATE {} SET revision = revision + 1, {} WHERE {} = $1 AND {} = $2",
        noun.table,
        pairs.join(", "),
        noun.organisation,
        noun.key
    );
    let mut values = vec![Value::Int(edit.organisation().0), Value::Int(record.id)];
    values.extend(record.values.iter().cloned());
    edit.execute(&text, values).map(|_| ())
}

/// The value of a field from what people write.
///
/// # Errors
/// `Invalid` or `TooLarge` about the field; `Invalid` for a name that leads to nothing in the organisation.
pub fn parse(tx: &mut Edit<'_, '_>, organisation: i64, field: &Field, text: &str) -> Result<Value> {
    let limits = tx.ctx().limits.clone();
    let name = field.name;
    let none = matches!(text.trim(), "" | "none");
    match field.kind {
        Kind::Class | Kind::Unit | Kind::Entry if none => Ok(Value::Null),
        Kind::Class => crate::classes::id_by_name(tx, organisation, text)?
            .map(Value::Int)
            .ok_or_else(|| Error::invalid(name, NO_CLASS)),
        Kind::Unit => crate::units::id_by_path(tx, organisation, text)?
            .map(Value::Int)
            .ok_or_else(|| Error::invalid(name, NO_UNIT)),
        Kind::Entry => crate::entries::account_by_address(tx, organisation, text)?
            .map(|account: AccountId| Value::Int(account.0))
            .ok_or_else(|| Error::invalid(name, "is no address of an entry of this organisation")),
        _ => parse_plain(&limits, field, text),
    }
}

/// The rule of a class of service that is not there.
pub(crate) const NO_CLASS: &str = "is no class of service of this organisation";
/// The rule of a unit that is not there.
pub(crate) const NO_UNIT: &str = "is no unit of this organisation";

/// The value of a field that needs no look into the database.
///
/// # Errors
/// `Invalid` or `TooLarge` about the field; `Corrupt` for a field that leads to another object.
pub(crate) fn parse_plain(limits: &Limits, field: &Field, text: &str) -> Result<Value> {
    let name = field.name;
    let none = matches!(text.trim(), "" | "none");
    Ok(match field.kind {
        Kind::Name => codec::text::name(name, text, limits.name_bytes)?.into(),
        Kind::Line => codec::text::optional_name(name, text, limits.name_bytes)?.into(),
        Kind::Note => codec::text::note(name, text, limits.text_bytes)?.into(),
        Kind::Days => number(name, text, 0, 3_650)?.into(),
        Kind::Amount => number(name, text, 0, 1_000_000_000_000)?.into(),
        Kind::Flag => Value::Int(flag(name, text)?),
        Kind::Choice(words) => choice(name, text, words)?.into(),
        Kind::Separator => separator(name, text)?.into(),
        _ if none => Value::Null,
        Kind::Key => codec::text::name(name, text, limits.name_bytes)?.into(),
        Kind::Count => number(name, text, 0, i64::MAX)?.into(),
        Kind::Positive => number(name, text, 1, i64::MAX)?.into(),
        Kind::Bytes => bytes(name, text)?.into(),
        Kind::Time => time(name, text)?.into(),
        Kind::Host => host(name, text)?.into(),
        Kind::Class | Kind::Unit | Kind::Entry => {
            return Err(Error::corrupt(name, "leads to another object"));
        }
    })
}

fn number(field: &'static str, text: &str, least: i64, most: i64) -> Result<i64> {
    match text.trim().parse::<i64>() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ if most == i64::MAX => {
            Err(Error::invalid(field, format!("is a whole number from {least}, or none")))
        }
        _ => Err(Error::invalid(field, format!("is a whole number from {least} to {most}"))),
    }
}

fn flag(field: &'static str, text: &str) -> Result<i64> {
    match text.trim() {
        "yes" | "1" | "true" => Ok(1),
        "no" | "0" | "false" => Ok(0),
        _ => Err(Error::invalid(field, "is yes or no")),
    }
}

fn choice(field: &'static str, text: &str, words: &[&'static str]) -> Result<&'static str> {
    words
        .iter()
        .copied()
        .find(|word| *word == text.trim())
        .ok_or_else(|| Error::invalid(field, format!("is one of: {}", words.join(", "))))
}

fn separator(field: &'static str, text: &str) -> Result<String> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (None, _) => Ok(String::new()),
        (Some(one), None) if "+-_=#!~".contains(one) => Ok(text.to_owned()),
        _ => Err(Error::invalid(field, "is one of + - _ = # ! ~, or empty for none")),
    }
}

/// A number of bytes with an optional unit; units are powers of 1024, as mail servers count quotas.
fn bytes(field: &'static str, text: &str) -> Result<i64> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let shift = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => 63,
    };
    number
        .parse::<i64>()
        .ok()
        .and_then(|number| number.checked_mul(1_i64.checked_shl(shift).filter(|scale| *scale > 0)?))
        .ok_or_else(|| Error::invalid(field, "is a number of bytes such as 500000, 500M or 10G, or none"))
}

fn time(field: &'static str, text: &str) -> Result<i64> {
    let text = text.trim();
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let day = text.parse::<jiff::civil::Date>().ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    });
    moment.map(jiff::Timestamp::as_millisecond).ok_or_else(|| {
        Error::invalid(field, "is a day such as 2027-01-31 or a moment such as 2027-01-31T12:00:00Z, or none")
    })
}

fn host(field: &'static str, text: &str) -> Result<String> {
    let wrong =
        || Error::invalid(field, "is a server such as mail.example.org or mail.example.org:25, or none");
    let (name, port) = match text.trim().rsplit_once(':') {
        Some((name, port)) => {
            (name, Some(port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong)?))
        }
        None => (text.trim(), None),
    };
    let name = codec::domain::parse(name).map_err(|_| wrong())?;
    Ok(port.map_or_else(|| name.clone(), |port| format!("{name}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, value) in
            [("0", 0), ("500000", 500_000), ("10G", 10 << 30), ("500 MiB", 500 << 20), ("2kb", 2_048)]
        {
            assert_eq!(bytes("quota_bytes", text).unwrap(), value, "{text}");
        }
        for text in ["G", "-1", "1X", "99999999P", "1.5G", "10 G G"] {
            assert_eq!(bytes("quota_bytes", text).unwrap_err().field(), "quota_bytes", "{text}");
        }
    }

    #[test]
    fn days_and_moments_are_read() {
        assert_eq!(time("close_at", "1970-01-02").unwrap(), 86_400_000);
        assert_eq!(time("close_at", "1970-01-01T01:00:00+01:00").unwrap(), 0);
        assert!(time("close_at", "soon").is_err());
    }

    #[test]
    fn servers_are_read_with_or_without_a_port() {
        assert_eq!(host("relay_host", "Mail.Example.org:25").unwrap(), "mail.example.org:25");
        assert_eq!(host("relay_host", "mail.example.org").unwrap(), "mail.example.org");
        for text in ["mail.example.org:0", "mail.example.org:99999", "a b", "[::1]:25"] {
            assert!(host("relay_host", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_separator_is_one_harmless_character() {
        assert_eq!(separator("detail_separator", "+").unwrap(), "+");
        assert_eq!(separator("detail_separator", "").unwrap(), "");
        for text in ["a", "++", "@", "."] {
            assert!(separator("detail_separator", text).is_err(), "{text}");
        }
    }
}
