//! Whether a value has the shape that a table says.

use serde_json::Value;

use super::ids;
use super::table::Shape;

/// The largest whole number that every client reads (RFC 8620 section 1.3).
const LARGEST: i64 = (1 << 53) - 1;

fn is_int(value: &Value, least: i64) -> bool {
    value.as_i64().is_some_and(|number| (least..=LARGEST).contains(&number))
}

/// Whether a text is an id, or names a creation.
fn is_reference(text: &str) -> bool {
    ids::is_id(text.strip_prefix('#').unwrap_or(text))
}

fn is_date(text: &str, utc: bool) -> bool {
    let upper = !text.bytes().any(|byte| byte == b't' || byte == b'z');
    let plain = text.split_once('.').is_none_or(|(_, rest)| {
        rest.trim_end_matches('Z').bytes().any(|byte| byte.is_ascii_digit() && byte != b'0')
    });
    upper && plain && (!utc || text.ends_with('Z')) && text.parse::<jiff::Timestamp>().is_ok()
}

impl Shape {
    /// Whether the value is of this shape.
    pub fn fits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _)
            | (Self::Nullable(_), Value::Null)
            | (Self::Bool, Value::Bool(_))
            | (Self::Number, Value::Number(_))
            | (Self::String, Value::String(_))
            | (Self::Object, Value::Object(_)) => true,
            (Self::Nullable(inner), value) => inner.fits(value),
            (Self::Int, value) => is_int(value, -LARGEST),
            (Self::Unsigned, value) => is_int(value, 0),
            (Self::Id, Value::String(text)) => is_reference(text),
            (Self::Date, Value::String(text)) => is_date(text, false),
            (Self::UtcDate, Value::String(text)) => is_date(text, true),
            (Self::List(inner), Value::Array(list)) => list.iter().all(|value| inner.fits(value)),
            (Self::Map(inner), Value::Object(map)) => map.values().all(|value| inner.fits(value)),
            (Self::IdMap(inner), Value::Object(map)) => {
                map.iter().all(|(key, value)| is_reference(key) && inner.fits(value))
            }
            (Self::OneOf(words), Value::String(text)) => words.contains(&text.as_str()),
            (Self::Named(_, properties), Value::Object(map)) => map.iter().all(|(name, value)| {
                properties.iter().any(|property| property.name == name && property.shape.fits(value))
            }),
            _ => false,
        }
    }

    /// The shape of what lies below a name, where there is one.
    pub fn below(self, name: &str) -> Option<Self> {
        match self {
            Self::Nullable(inner) => inner.below(name),
            Self::Map(inner) | Self::IdMap(inner) => Some(*inner),
            Self::Named(_, properties) => {
                properties.iter().find(|property| property.name == name).map(|property| property.shape)
            }
            Self::Any | Self::Object => Some(Self::Any),
            _ => None,
        }
    }

    /// Its name for people.
    pub fn words(self) -> String {
        match self {
            Self::Any => "any".to_owned(),
            Self::Bool => "Boolean".to_owned(),
            Self::Int => "Int".to_owned(),
            Self::Unsigned => "UnsignedInt".to_owned(),
            Self::Number => "Number".to_owned(),
            Self::String => "String".to_owned(),
            Self::Id => "Id".to_owned(),
            Self::Date => "Date".to_owned(),
            Self::UtcDate => "UTCDate".to_owned(),
            Self::Object => "Object".to_owned(),
            Self::Nullable(inner) => format!("{}|null", inner.words()),
            Self::List(inner) if matches!(inner, Self::Nullable(_) | Self::OneOf(_)) => {
                format!("({})[]", inner.words())
            }
            Self::List(inner) => format!("{}[]", inner.words()),
            Self::Map(inner) => format!("String[{}]", inner.words()),
            Self::IdMap(inner) => format!("Id[{}]", inner.words()),
            Self::OneOf(words) => {
                words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join("|")
            }
            Self::Named(name, _) => (*name).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shapes_fit_what_they_say() {
        assert!(
            Shape::Unsigned.fits(&json!(0))
                && !Shape::Unsigned.fits(&json!(-1))
                && !Shape::Int.fits(&json!(1.5))
        );
        assert!(!Shape::Unsigned.fits(&json!(1_i64 << 53)));
        assert!(
            Shape::Id.fits(&json!("#a")) && !Shape::Id.fits(&json!("##a")) && !Shape::Id.fits(&json!(""))
        );
        assert!(Shape::UtcDate.fits(&json!("2026-11-22T05:00:00Z")));
        assert!(!Shape::UtcDate.fits(&json!("2026-11-22T05:00:00+01:00")));
        assert!(Shape::Date.fits(&json!("2026-11-22T05:00:00+01:00")));
        assert!(
            !Shape::UtcDate.fits(&json!("2026-11-22t05:00:00z")) && !Shape::UtcDate.fits(&json!("yesterday"))
        );
        assert!(!Shape::UtcDate.fits(&json!("2026-11-22T05:00:00.000Z")));
        assert!(
            Shape::IdMap(&Shape::Bool).fits(&json!({"a": true}))
                && !Shape::IdMap(&Shape::Bool).fits(&json!({"a b": true}))
        );
        assert!(Shape::Nullable(&Shape::List(&Shape::String)).fits(&json!(null)));
        assert!(!Shape::List(&Shape::String).fits(&json!([1])));
    }
}
