//! Patches (RFC 8620 section 5.3): paths into an object, and their new values.

use serde_json::Value;

use super::table::{Property, Shape};
use super::{Map, SetError, Table};

/// What a client changes of an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch {
    /// Paths, whose first segment is a property, with new values; null removes, or sets the default.
    pub entries: Vec<(Vec<String>, Value)>,
}

/// The segments of a JSON pointer (RFC 6901) without its first slash.
pub(crate) fn pointer(text: &str) -> Option<Vec<String>> {
    text.split('/')
        .map(|segment| {
            let mut out = String::with_capacity(segment.len());
            let mut rest = segment.chars();
            while let Some(c) = rest.next() {
                match c {
                    '~' => match rest.next()? {
                        '0' => out.push('~'),
                        '1' => out.push('/'),
                        _ => return None,
                    },
                    c => out.push(c),
                }
            }
            Some(out)
        })
        .collect()
}

fn broken(why: &str) -> SetError {
    SetError::new("invalidPatch").describe(why)
}

impl Patch {
    /// Reads a patch, and checks what the table can say of it. `extra` knows properties that stand in no table.
    pub(crate) fn read(given: Map, table: &Table, extra: impl Fn(&str) -> bool) -> Result<Self, SetError> {
        let mut entries = Vec::with_capacity(given.len());
        let mut wrong = SetError::new("invalidProperties");
        for (path, value) in given {
            let segments =
                pointer(&path).ok_or_else(|| broken("a path has a `~` that is not followed by 0 or 1"))?;
            let first = segments.first().map_or("", String::as_str);
            match table.property(first) {
                Some(property) => {
                    if !fits(property, &segments, &value)? {
                        wrong = wrong.property(path.clone());
                    }
                }
                None if extra(first) => {}
                None => wrong = wrong.property(path.clone()),
            }
            entries.push((segments, value));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let conflict = |pair: &[(Vec<String>, Value)]| match pair {
            [(before, _), (after, _)] => after.starts_with(before),
            _ => false,
        };
        if entries.windows(2).any(conflict) {
            return Err(broken("a path lies within another one of the same patch"));
        }
        if !wrong.properties.is_empty() {
            return Err(wrong.describe("there is no such property, or the value is of another type"));
        }
        Ok(Self { entries })
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The properties that it touches, each once.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        let mut last = None;
        self.entries.iter().filter_map(|(path, _)| path.first()).map(String::as_str).filter(move |name| {
            let new = last != Some(*name);
            last = Some(*name);
            new
        })
    }

    /// The new value of a whole property; null where it is removed or set to its default.
    pub fn whole(&self, name: &str) -> Option<&Value> {
        let found = self.entries.iter().find(|(path, _)| matches!(path.as_slice(), [only] if only == name));
        found.map(|(_, value)| value)
    }

    /// The members of a property that are changed one by one: `keywords/$seen` gives `$seen`.
    pub fn below<'p>(&'p self, name: &'p str) -> impl Iterator<Item = (&'p str, &'p Value)> {
        self.entries.iter().filter_map(move |(path, value)| match path.as_slice() {
            [first, member] if first == name => Some((member.as_str(), value)),
            _ => None,
        })
    }

    /// Changes an object.
    ///
    /// # Errors
    /// `invalidPatch` for a path that leads through something that is not there, or into a list.
    pub fn apply(&self, object: &mut Map) -> Result<(), SetError> {
        for (path, value) in &self.entries {
            let Some((last, way)) = path.split_last() else { continue };
            let mut at = &mut *object;
            for segment in way {
                match at.get_mut(segment) {
                    Some(Value::Object(next)) => at = next,
                    Some(Value::Array(_)) => {
                        return Err(broken("a path leads into a list: replace the list"));
                    }
                    _ => return Err(broken("a path leads through something that is not there")),
                }
            }
            if value.is_null() && !way.is_empty() {
                at.remove(last);
            } else {
                at.insert(last.clone(), value.clone());
            }
        }
        Ok(())
    }
}

/// Whether the value fits where the path leads; an error for a path that leads nowhere by its shape.
fn fits(property: &Property, segments: &[String], value: &Value) -> Result<bool, SetError> {
    let mut shape = property.shape;
    for name in segments.get(1..).unwrap_or_default() {
        while let Shape::Nullable(inner) = shape {
            shape = *inner;
        }
        if matches!(shape, Shape::List(_)) {
            return Err(broken("a path leads into a list: replace the list"));
        }
        shape = shape.below(name).ok_or_else(|| broken("a path leads into a value that has no members"))?;
    }
    Ok(value.is_null() || shape.fits(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: Table = Table {
        properties: &[
            Property::new("name", Shape::String, "Name."),
            Property::new("keywords", Shape::Map(&Shape::Bool), "Keywords."),
            Property::new("list", Shape::List(&Shape::String), "List."),
            Property::new("any", Shape::Object, "Anything."),
        ],
        ..Table::EMPTY
    };

    fn read(patch: Value) -> Result<Patch, SetError> {
        let Value::Object(patch) = patch else { panic!() };
        Patch::read(patch, &TABLE, |_| false)
    }

    #[test]
    fn a_patch_changes_what_its_paths_lead_to() {
        let patch =
            read(json!({"name": "b", "keywords/a~1b": true, "keywords/x": null, "any/deep/er": 1})).unwrap();
        let Value::Object(mut object) =
            json!({"name": "a", "keywords": {"x": true}, "any": {"deep": {"er": 0}}, "list": []})
        else {
            panic!()
        };
        patch.apply(&mut object).unwrap();
        assert_eq!(
            Value::Object(object),
            json!({"name": "b", "keywords": {"a/b": true}, "any": {"deep": {"er": 1}}, "list": []})
        );
        assert_eq!(patch.whole("name"), Some(&json!("b")));
        assert_eq!(patch.below("keywords").count(), 2);
        assert_eq!(patch.properties().collect::<Vec<_>>(), ["any", "keywords", "name"]);
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        let kind = |patch: Value| read(patch).unwrap_err().kind;
        assert_eq!(kind(json!({"keywords": {}, "keywords/x": true})), "invalidPatch");
        assert_eq!(kind(json!({"any/a": {}, "any/a/b": 1, "any/a-": 2})), "invalidPatch");
        assert_eq!(kind(json!({"list/0": "x"})), "invalidPatch");
        assert_eq!(kind(json!({"name/x": "x"})), "invalidPatch");
        assert_eq!(kind(json!({"keywords/~2": true})), "invalidPatch");
        assert_eq!(kind(json!({"nothing": 1})), "invalidProperties");
        assert_eq!(
            read(json!({"name": 1, "keywords/x": "y"})).unwrap_err().properties,
            ["keywords/x", "name"]
        );
        let through = read(json!({"any/gone/x": 1})).unwrap();
        assert_eq!(through.apply(&mut Map::new()).unwrap_err().kind, "invalidPatch");
    }
}
