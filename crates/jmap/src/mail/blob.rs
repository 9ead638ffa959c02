//! The ids of blobs of messages and their parts, and their bytes in memory.

use bytes::Bytes;
use mail::Row;

pub(crate) use crate::blobs::{hash_id, part_id};
use crate::engine::{Access, Call, MethodError};

/// The id of the blob of a whole message.
pub(crate) fn message_id(row: &Row, object: i64) -> String {
    if row.trace_bytes == 0 { hash_id(&row.body) } else { part_id(object, "") }
}

/// The id of a part of what another blob holds.
pub(crate) fn part_of(id: &str, section: &str) -> String {
    let section = section.replace('.', "_");
    match id.strip_suffix('-') {
        Some(whole) if id.starts_with('P') => format!("{whole}-{section}"),
        _ => format!("{id}-{section}"),
    }
}

/// The bytes of a blob that the caller may read.
///
/// # Errors
/// `InvalidArguments` when there is none.
pub(crate) async fn read(call: &Call, access: &Access, id: &str) -> Result<Bytes, MethodError> {
    let missing = || MethodError::invalid_arguments("blobId", "does not exist");
    call.blob(access, id).await?.ok_or_else(missing)
}
