//! The arguments of a call, taken one by one with their types.

use serde_json::Value;

use super::table::{Argument, Shape};
use super::{Map, MethodError};

/// Arguments that are not taken yet.
#[derive(Debug, Clone, Default)]
pub struct Arguments(Map);

impl Arguments {
    /// Those of a JSON object.
    pub fn new(arguments: Map) -> Self {
        Self(arguments)
    }

    /// Refuses what a method does not take, and what has another shape.
    pub(crate) fn check(&self, known: &[Argument]) -> Result<(), MethodError> {
        for (name, value) in &self.0 {
            let Some(argument) = known.iter().find(|argument| argument.name == name) else {
                return Err(MethodError::invalid_arguments(name, "is no argument of this method"));
            };
            if !value.is_null() && !argument.shape.fits(value) {
                return Err(mistyped(name, argument.shape));
            }
        }
        Ok(())
    }

    /// Takes an argument; null counts as none.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    fn shaped(&mut self, name: &str, shape: Shape) -> Result<Option<Value>, MethodError> {
        match self.take(name) {
            Some(value) if shape.fits(&value) => Ok(Some(value)),
            Some(_) => Err(mistyped(name, shape)),
            None => Ok(None),
        }
    }

    /// A truth value.
    pub fn bool(&mut self, name: &str, default: bool) -> Result<bool, MethodError> {
        Ok(self.shaped(name, Shape::Bool)?.and_then(|value| value.as_bool()).unwrap_or(default))
    }

    /// A whole number.
    pub fn int(&mut self, name: &str, default: i64) -> Result<i64, MethodError> {
        Ok(self.shaped(name, Shape::Int)?.and_then(|value| value.as_i64()).unwrap_or(default))
    }

    /// A whole number from 0 on.
    pub fn unsigned_opt(&mut self, name: &str) -> Result<Option<u64>, MethodError> {
        Ok(self.shaped(name, Shape::Unsigned)?.and_then(|value| value.as_u64()))
    }

    /// A text.
    pub fn string_opt(&mut self, name: &str) -> Result<Option<String>, MethodError> {
        match self.shaped(name, Shape::String)? {
            Some(Value::String(text)) => Ok(Some(text)),
            _ => Ok(None),
        }
    }

    /// A text that must be there.
    pub fn string(&mut self, name: &str) -> Result<String, MethodError> {
        self.string_opt(name)?.ok_or_else(|| MethodError::invalid_arguments(name, "is missing"))
    }

    /// Texts.
    pub fn strings_opt(&mut self, name: &str) -> Result<Option<Vec<String>>, MethodError> {
        let Some(Value::Array(list)) = self.shaped(name, Shape::List(&Shape::String))? else {
            return Ok(None);
        };
        Ok(Some(
            list.into_iter()
                .filter_map(|value| if let Value::String(text) = value { Some(text) } else { None })
                .collect(),
        ))
    }

    /// Texts that must be there.
    pub fn strings(&mut self, name: &str) -> Result<Vec<String>, MethodError> {
        self.strings_opt(name)?.ok_or_else(|| MethodError::invalid_arguments(name, "is missing"))
    }

    /// An object.
    pub fn map_opt(&mut self, name: &str) -> Result<Option<Map>, MethodError> {
        match self.shaped(name, Shape::Object)? {
            Some(Value::Object(map)) => Ok(Some(map)),
            _ => Ok(None),
        }
    }

    /// What is left.
    pub fn into_map(self) -> Map {
        self.0
    }
}

fn mistyped(name: &str, shape: Shape) -> MethodError {
    MethodError::invalid_arguments(name, format_args!("is not of the type {}", shape.words()))
}
