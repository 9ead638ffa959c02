//! References to results of earlier calls (RFC 8620 section 3.7), followed in the text of the answer without reading the
//! rest of it into memory.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::patch::pointer;
use super::value::{Budget, Reader};
use super::{Map, MethodError};

/// An answer that was written: its name, its call id, its arguments as JSON.
pub(crate) struct Answered<'a> {
    pub name: &'a str,
    pub id: &'a str,
    pub json: &'a [u8],
}

/// Whether any argument is a reference.
pub(crate) fn has_any(arguments: &Map) -> bool {
    arguments.keys().any(|name| name.starts_with('#'))
}

/// Puts results of earlier calls into the arguments that refer to them, no more than so many values.
pub(crate) fn resolve(arguments: Map, answers: &[Answered<'_>], values: u64) -> Result<Map, MethodError> {
    let (mut resolved, budget) = (Map::new(), Budget::with_texts(values));
    let (references, plain): (Vec<_>, Vec<_>) =
        arguments.into_iter().partition(|(name, _)| name.starts_with('#'));
    resolved.extend(plain);
    for (name, reference) in references {
        let name = name.get(1..).unwrap_or_default().to_owned();
        if resolved.contains_key(&name) {
            return Err(MethodError::invalid_arguments(&name, "is given, and as a reference too"));
        }
        let value = follow(&reference, answers, &budget)?;
        resolved.insert(name, value);
    }
    Ok(resolved)
}

fn follow(reference: &Value, answers: &[Answered<'_>], budget: &Budget) -> Result<Value, MethodError> {
    let member = |name: &str| {
        let missing = || MethodError::invalid_arguments(name, "of a reference is missing or no text");
        reference.get(name).and_then(Value::as_str).ok_or_else(missing)
    };
    let (of, name, path) = (member("resultOf")?, member("name")?, member("path")?);
    let broken = || MethodError::InvalidResultReference;
    let answer = answers.iter().find(|answer| answer.id == of).filter(|answer| answer.name == name);
    let answer = answer.ok_or_else(broken)?;
    let segments = match path.strip_prefix('/') {
        Some(rest) => pointer(rest).ok_or_else(broken)?,
        None if path.is_empty() => Vec::new(),
        None => return Err(broken()),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(answer.json);
    Follow(&segments, budget).deserialize(&mut deserializer).map_err(|_| broken())
}

/// Reads what a pointer leads to. `*` is every item of a list; lists of lists become one.
struct Follow<'s>(&'s [String], &'s Budget);

impl<'de> DeserializeSeed<'de> for Follow<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.0.is_empty() {
            return Reader(self.1).deserialize(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Follow<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object on the way of a reference")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let Some((first, rest)) = self.0.split_first() else { return Err(de::Error::custom("no way")) };
        let mut found = None;
        while let Some(name) = members.next_key::<String>()? {
            if name == *first {
                found = Some(members.next_value_seed(Follow(rest, self.1))?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        found.ok_or_else(|| de::Error::custom("leads nowhere"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let Some((first, rest)) = self.0.split_first() else { return Err(de::Error::custom("no way")) };
        if first == "*" {
            let mut all = Vec::new();
            while let Some(value) = list.next_element_seed(Follow(rest, self.1))? {
                match value {
                    Value::Array(more) => all.extend(more),
                    value => all.push(value),
                }
            }
            return Ok(Value::Array(all));
        }
        let plain = first == "0" || !first.starts_with('0');
        let index = if plain { first.parse::<usize>().ok() } else { None };
        let (mut found, mut at) = (None, 0);
        loop {
            if Some(at) == index {
                match list.next_element_seed(Follow(rest, self.1))? {
                    Some(value) => found = Some(value),
                    None => break,
                }
            } else if list.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
            at += 1;
        }
        found.ok_or_else(|| de::Error::custom("leads nowhere"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolved(path: &str) -> Result<Value, MethodError> {
        let answer = json!({"list": [{"id": "a", "ids": ["x", "y"], "a/b": {"~": 1}}, {"id": "b", "ids": ["z"]}], "n": 4});
        let text = answer.to_string();
        let answers = [Answered { name: "T/get", id: "0", json: text.as_bytes() }];
        let arguments = json!({"#ids": {"resultOf": "0", "name": "T/get", "path": path}});
        let Value::Object(arguments) = arguments else { panic!() };
        resolve(arguments, &answers, 1_000).map(|mut map| map.remove("ids").unwrap())
    }

    #[test]
    fn references_lead_to_values() {
        assert_eq!(resolved("/list/*/id").unwrap(), json!(["a", "b"]));
        assert_eq!(resolved("/list/*/ids").unwrap(), json!(["x", "y", "z"]));
        assert_eq!(resolved("/list/1/ids/0").unwrap(), json!("z"));
        assert_eq!(resolved("/list/0/a~1b/~0").unwrap(), json!(1));
        assert_eq!(resolved("/n").unwrap(), json!(4));
        for path in ["/list/2", "/none", "n", "/n/x", "/list/01", "/list/-", "/list/*/a~1b", "/list/0/a~2b"] {
            assert_eq!(resolved(path), Err(MethodError::InvalidResultReference), "{path}");
        }
    }

    #[test]
    fn a_reference_names_the_first_answer_of_its_call() {
        let answers = [
            Answered { name: "error", id: "0", json: b"{}" },
            Answered { name: "T/get", id: "0", json: b"{\"n\":1}" },
        ];
        let Value::Object(arguments) = json!({"#n": {"resultOf": "0", "name": "T/get", "path": "/n"}}) else {
            panic!()
        };
        assert_eq!(resolve(arguments, &answers, 1_000), Err(MethodError::InvalidResultReference));
        let Value::Object(both) = json!({"n": 1, "#n": {"resultOf": "0", "name": "error", "path": ""}})
        else {
            panic!()
        };
        assert!(matches!(resolve(both, &answers, 1_000), Err(MethodError::InvalidArguments(_))));
    }
}
