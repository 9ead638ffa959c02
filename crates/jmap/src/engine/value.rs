//! JSON of strangers: I-JSON (RFC 7493) within bounds. What is over a bound, or has a name twice, is refused while it is read.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Map;

/// How many values may still be made.
struct Budget(Cell<u64>);

impl Budget {
    fn take<E: de::Error>(&self) -> Result<(), E> {
        let left = self.0.get().checked_sub(1).ok_or_else(|| E::custom(TOO_MANY))?;
        self.0.set(left);
        Ok(())
    }
}

const TOO_MANY: &str = "has more values than this server reads";

#[derive(Clone, Copy)]
struct Reader<'b>(&'b Budget);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        self.0.take()?;
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.0.take()?;
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.0.take()?;
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        self.0.take()?;
        Ok(value.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.0.take()?;
        Ok(value.into())
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        self.0.take()?;
        Ok(Value::String(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        self.0.take()?;
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        self.0.take()?;
        let mut out = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            out.push(value);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.0.take()?;
        let mut out = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if out.insert(name, value).is_some() {
                return Err(de::Error::custom("has a name twice in one object"));
            }
        }
        Ok(Value::Object(out))
    }
}

/// Why a text is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It is not I-JSON: why.
    NotJson(String),
    /// It has too many values.
    TooMany,
}

/// Reads JSON of at most so many values; its depth is bounded by the library (128).
///
/// # Errors
/// When it is no I-JSON, or larger.
pub fn parse(text: &[u8], values: u64) -> Result<Value, Refused> {
    let budget = Budget(Cell::new(values));
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Reader(&budget).deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    read.map_err(|error| {
        let text = error.to_string();
        if text.contains(TOO_MANY) { Refused::TooMany } else { Refused::NotJson(text) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_within_bounds() {
        assert_eq!(
            parse(br#"{"a":[1,-2,3.5,null,"x",true]}"#, 100).unwrap().to_string(),
            r#"{"a":[1,-2,3.5,null,"x",true]}"#
        );
        assert_eq!(parse(b"[1,2,3]", 3), Err(Refused::TooMany));
        assert!(parse(b"[1,2,3]", 4).is_ok());
    }

    #[test]
    fn what_is_no_i_json_is_refused() {
        let deep = "[".repeat(100_000);
        for text in [r#"{"a":1,"a":2}"#, "{} x", "", r#""\ud800""#, "[1,]", deep.as_str()] {
            assert!(matches!(parse(text.as_bytes(), 1_000_000), Err(Refused::NotJson(_))), "{text:.20}");
        }
        assert!(matches!(parse(b"\"\xff\"", 9), Err(Refused::NotJson(_))));
    }
}
