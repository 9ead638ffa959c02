//! Blobs that are messages, and parts of messages: `B` and the hash of bytes, `P`, an object, `-` and a section with `_` for
//! its dots; no section: the whole message.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use mail::summary::{Of, Structure, decode, structure_of};
use mail::{Columns, Row};

use super::ids;
use crate::engine::{Access, Call, MethodError};

/// Characters of the id of bytes.
const HASH_ID: usize = 44;

/// The id of bytes.
pub(crate) fn hash_id(hash: &[u8; 32]) -> String {
    format!("B{}", URL_SAFE_NO_PAD.encode(hash))
}

/// The id of the blob of a whole message.
pub(crate) fn message_id(row: &Row, object: i64) -> String {
    if row.trace_bytes == 0 { hash_id(&row.body) } else { part_id(object, "") }
}

/// The id of the blob of a part.
pub(crate) fn part_id(object: i64, section: &str) -> String {
    format!("P{object}-{}", section.replace('.', "_"))
}

/// The id of a part of what another blob holds.
pub(crate) fn part_of(id: &str, section: &str) -> String {
    let section = section.replace('.', "_");
    match id.strip_suffix('-') {
        Some(whole) if id.starts_with('P') => format!("{whole}-{section}"),
        _ => format!("{id}-{section}"),
    }
}

fn missing() -> MethodError {
    MethodError::invalid_arguments("blobId", "does not exist")
}

/// The bytes of a section, decoded.
fn cut(whole: &Bytes, structure: &Structure, section: &str) -> Option<Bytes> {
    let path = section.split('_').map(|number| number.parse().ok()).collect::<Option<Vec<u32>>>()?;
    let part = structure.part(&path)?;
    let range = structure.section_range(&path, Of::Whole)?;
    let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
    let body = whole.get(range)?;
    Some(Bytes::copy_from_slice(&decode(body, &part.encoding)))
}

/// The bytes of a blob that the caller may read.
///
/// # Errors
/// `InvalidArguments` when there is none.
pub(crate) async fn read(call: &Call, access: &Access, id: &str) -> Result<Bytes, MethodError> {
    let (holder, section) = if id.starts_with('B') && id.len() > HASH_ID {
        let (holder, rest) = id.split_at_checked(HASH_ID).ok_or_else(missing)?;
        (holder, rest.strip_prefix('-'))
    } else {
        id.split_once('-').map_or((id, None), |(holder, section)| (holder, Some(section)))
    };
    let section = section.filter(|section| !section.is_empty());
    let whole = match holder.strip_prefix('P') {
        Some(object) => message(call, access, &format!("M{object}")).await?,
        None => stored(call, access, holder).await?,
    };
    let Some(section) = section else { return Ok(whole) };
    let structure = structure_of(&whole);
    cut(&whole, &structure, section).ok_or_else(missing)
}

/// A whole message of a mailbox that the caller may read.
async fn message(call: &Call, access: &Access, id: &str) -> Result<Bytes, MethodError> {
    let object = ids::read_email(id).ok_or_else(missing)?;
    let (_, emails) =
        call.mail().emails(call.ctx(), access.account, vec![object], Columns::default()).await?;
    let email = emails.first().ok_or_else(missing)?;
    let place = email.places.first().ok_or_else(missing)?;
    Ok(call.mail().body(call.ctx(), access.account, place.mailbox, email.row.content, None).await?)
}

/// The body of a message that the caller may read.
async fn stored(call: &Call, access: &Access, id: &str) -> Result<Bytes, MethodError> {
    let hash = id.strip_prefix('B').and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or_else(missing)?;
    let hash: [u8; 32] = hash.try_into().map_err(|_| missing())?;
    let object = call.mail().object_with_body(access.account, hash).await?.ok_or_else(missing)?;
    message(call, access, &ids::email(object)).await
}
