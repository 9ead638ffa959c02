//! A row as a line of JSON: an array of its values in the order of the columns.

use base::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value as Json, json};

use crate::sql::Value;

/// Bytes have no form of their own in JSON.
const BYTES: &str = "base64";

fn wrong(what: &str) -> Error {
    Error::corrupt("backup", format!("a row has {what}"))
}

fn to_json(value: Value) -> Result<Json> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Int(number) => Json::from(number),
        Value::Real(number) => {
            Json::Number(Number::from_f64(number).ok_or_else(|| wrong("no finite number"))?)
        }
        Value::Text(text) => Json::String(text),
        Value::Bytes(bytes) => json!({ BYTES: STANDARD.encode(bytes) }),
        Value::Ints(_) | Value::Texts(_) | Value::Blobs(_) => return Err(wrong("a list")),
    })
}

fn from_json(json: Json) -> Result<Value> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Real(number.as_f64().ok_or_else(|| wrong("a number out of range"))?),
        },
        Json::String(text) => Value::Text(text),
        Json::Object(object) => {
            let text = object.get(BYTES).and_then(Json::as_str).ok_or_else(|| wrong("an unknown value"))?;
            Value::Bytes(
                STANDARD.decode(text).map_err(|e| wrong("bytes that are not base64").with_source(e))?,
            )
        }
        Json::Bool(_) | Json::Array(_) => return Err(wrong("an unknown value")),
    })
}

/// A row as a line, with its end.
pub(crate) fn write(row: Vec<Value>) -> Result<Vec<u8>> {
    let row = row.into_iter().map(to_json).collect::<Result<Vec<_>>>()?;
    let mut line = serde_json::to_vec(&row).map_err(|e| wrong("no JSON").with_source(e))?;
    line.push(b'\n');
    Ok(line)
}

/// A row of `columns` values.
pub(crate) fn read(line: &[u8], columns: usize) -> Result<Vec<Value>> {
    let row: Vec<Json> = serde_json::from_slice(line).map_err(|e| wrong("no JSON").with_source(e))?;
    if row.len() != columns {
        return Err(wrong("another number of values than columns"));
    }
    row.into_iter().map(from_json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_as_it_was() {
        let row = vec![
            Value::Null,
            Value::Int(i64::MIN),
            Value::Int(i64::MAX),
            Value::Real(5.0),
            Value::Real(0.1),
            Value::Text("Zoé \"\n\u{2028}".to_owned()),
            Value::Bytes(vec![0, 255, 10]),
            Value::Bytes(Vec::new()),
        ];
        let line = write(row.clone()).unwrap();
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1), "a row is a line");
        assert_eq!(read(&line, row.len()).unwrap(), row);
        assert!(read(&line, 3).is_err());
        assert!(read(b"[true]", 1).is_err());
    }
}
