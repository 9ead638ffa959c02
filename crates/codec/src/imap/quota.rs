//! QUOTA (RFC 9208).

use super::cursor::{Cursor, Parsed};

/// `SETQUOTA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetQuota {
    /// The quota root.
    pub root: String,
    /// Resources and their limits, in the units of the RFC.
    pub limits: Vec<(String, u64)>,
}

impl SetQuota {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let root = cursor.astring_text()?;
        cursor.space()?;
        let limits = cursor.list(true, |cursor| {
            let resource = cursor.atom()?.to_ascii_uppercase();
            cursor.space()?;
            Ok((resource, cursor.number64()?))
        })?;
        Ok(Self { root, limits })
    }
}
