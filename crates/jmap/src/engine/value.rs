//! JSON of strangers: I-JSON (RFC 7493) within bounds. What is over a bound, or has a name twice, is refused while it is read.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Map;

/// How many values may still be made.
pub(crate) struct Budget {
    left: Cell<u64>,
    /// Long texts count as several values.
    counts_texts: bool,
}

/// So many bytes of text count as one value more.
const TEXT_BYTES: u64 = 32;

impl Budget {
    fn new(values: u64) -> Self {
        Self { left: Cell::new(values), counts_texts: false }
    }

    /// One that long texts use up too.
    pub(crate) fn with_texts(values: u64) -> Self {
        Self { left: Cell::new(values), counts_texts: true }
    }

    fn take<E: de::Error>(&self) -> Result<(), E> {
        self.take_some(1)
    }

    fn take_some<E: de::Error>(&self, count: u64) -> Result<(), E> {
        let left = self.left.get().checked_sub(count).ok_or_else(|| E::custom(TOO_MANY))?;
        self.left.set(left);
        Ok(())
    }

    fn take_text<E: de::Error>(&self, text: &str) -> Result<(), E> {
        self.take_some(if self.counts_texts { 1 + text.len() as u64 / TEXT_BYTES } else { 1 })
    }
}

const TOO_MANY: &str = "has more values than this server reads";

/// Reads any value within a budget.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'b>(pub &'b Budget);

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
        self.0.take_text(value)?;
        Ok(value.into())
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        self.0.take_text(&value)?;
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
    let budget = Budget::new(values);
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
