//! Objects on their way into the answer.

use serde::Serialize;

use super::MethodError;
use super::table::Table;

/// The properties that a client asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Those of the table.
    pub names: Vec<&'static str>,
    /// Others that the type knows by a rule, such as header fields.
    pub extra: Vec<String>,
}

impl Wanted {
    /// The default set of a type.
    pub fn default_of(table: &Table) -> Self {
        let names =
            table.properties.iter().filter(|property| !property.is_hidden()).map(|property| property.name);
        Self { names: names.collect(), extra: Vec::new() }
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(&name) || self.extra.iter().any(|other| other == name)
    }
}

/// The `list` of an answer, while it is written.
#[derive(Debug)]
pub struct Objects {
    pub(crate) buffer: Vec<u8>,
    pub(crate) not_found: Vec<String>,
    pub(crate) count: usize,
    wanted: Wanted,
    limit: usize,
}

/// One object, while it is written.
#[derive(Debug)]
pub struct Object<'o> {
    buffer: &'o mut Vec<u8>,
    wanted: &'o Wanted,
    failed: bool,
}

impl Objects {
    pub(crate) fn new(buffer: Vec<u8>, wanted: Wanted, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { buffer, not_found: Vec::new(), count: 0, wanted, limit }
    }

    /// Whether the client wants a property.
    pub fn wants(&self, name: &str) -> bool {
        self.wanted.has(name)
    }

    /// Properties that are wanted and stand in no table, such as `header:List-Id:asText`.
    pub fn extra_properties(&self) -> &[String] {
        &self.wanted.extra
    }

    /// Writes an object: its id, and what `write` puts.
    ///
    /// # Errors
    /// Those of `write`; `RequestTooLarge` when the answer is over its limit.
    pub fn add(
        &mut self,
        id: &str,
        write: impl FnOnce(&mut Object<'_>) -> Result<(), MethodError>,
    ) -> Result<(), MethodError> {
        if self.count > 0 {
            self.buffer.push(b',');
        }
        self.count += 1;
        self.buffer.extend_from_slice(b"{\"id\":");
        let mut object = Object { buffer: &mut self.buffer, wanted: &self.wanted, failed: false };
        object.value(id);
        write(&mut object)?;
        if object.failed {
            return Err(MethodError::ServerFail);
        }
        self.buffer.push(b'}');
        if self.buffer.len() > self.limit {
            return Err(MethodError::RequestTooLarge);
        }
        Ok(())
    }

    /// Says that there is no object with that id.
    pub fn missing(&mut self, id: impl Into<String>) {
        self.not_found.push(id.into());
    }
}

impl Object<'_> {
    /// Whether the client wants a property: ask before what costs something.
    pub fn wants(&self, name: &str) -> bool {
        self.wanted.has(name)
    }

    /// Writes a property when the client wants it.
    pub fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if name != "id" && self.wanted.has(name) {
            self.name(name);
            self.value(value);
        }
    }

    /// Writes a property that follows from others, whether it was asked for or not.
    pub fn put_always<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.name(name);
        self.value(value);
    }

    /// The same with a value that is JSON already.
    pub fn put_json(&mut self, name: &str, json: &[u8]) {
        if name != "id" && self.wanted.has(name) {
            self.name(name);
            self.buffer.extend_from_slice(json);
        }
    }

    fn name(&mut self, name: &str) {
        self.buffer.push(b',');
        self.value(name);
        self.buffer.push(b':');
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        if serde_json::to_writer(&mut *self.buffer, value).is_err() {
            self.failed = true;
        }
    }
}
