//! The one value type that statements take.

use base::{AccountId, CollectionId, ItemId, ObjectId, OrganisationId, Seq, SessionId};

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A `bigint`.
    Int(i64),
    /// A `double precision`.
    Real(f64),
    /// A `text`; without NUL characters.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list for `IN ({list $n})`.
    Ints(Vec<i64>),
    /// A list for `IN ({texts $n})`.
    Texts(Vec<String>),
    /// A list for `IN ({blobs $n})`.
    Blobs(Vec<Vec<u8>>),
}

/// The type of a column in a bulk statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `bigint`
    Int,
    /// `double precision`
    Real,
    /// `text`
    Text,
    /// `bytea` or `blob`
    Bytes,
}

macro_rules! from {
    ($($from:ty, $value:ident => $made:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $made
            }
        }
    )*};
}

from! {
    i64, v => Self::Int(v);
    i32, v => Self::Int(i64::from(v));
    u32, v => Self::Int(i64::from(v));
    bool, v => Self::Int(i64::from(v));
    f64, v => Self::Real(v);
    &str, v => Self::Text(v.to_owned());
    &String, v => Self::Text(v.clone());
    String, v => Self::Text(v);
    &[u8], v => Self::Bytes(v.to_vec());
    Vec<u8>, v => Self::Bytes(v);
    &Vec<u8>, v => Self::Bytes(v.clone());
    [u8; 32], v => Self::Bytes(v.to_vec());
    &[u8; 32], v => Self::Bytes(v.to_vec());
    &[i64], v => Self::Ints(v.to_vec());
    Vec<i64>, v => Self::Ints(v);
    &Vec<i64>, v => Self::Ints(v.clone());
    &[String], v => Self::Texts(v.to_vec());
    Vec<String>, v => Self::Texts(v);
    &Vec<String>, v => Self::Texts(v.clone());
    Vec<Vec<u8>>, v => Self::Blobs(v);
    &Value, v => v.clone();
    AccountId, v => Self::Int(v.0);
    CollectionId, v => Self::Int(v.0);
    ItemId, v => Self::Int(v.0);
    ObjectId, v => Self::Int(v.0);
    OrganisationId, v => Self::Int(v.0);
    Seq, v => Self::Int(v.0);
    SessionId, v => Self::Int(v.0);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
