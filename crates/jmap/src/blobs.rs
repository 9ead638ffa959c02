//! Blobs (RFC 8620 section 6): what was uploaded, whole messages, and parts of messages.
//!
//! Ids: `B` and the hash of a body, for an upload or a message; `P`, the number of an email and the section of a part
//! (`P12-1_2` is section 1.2 of it, `P12-` all of it), which is served decoded; `V`, the number of a Sieve script and when
//! it changed. A message within a blob has parts too: each further `-` and section goes one message deeper.

use std::ops::Range;

use base::{AccountId, Ctx, Error, Meaning, ObjectId, OrganisationId, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use mail::summary::{self, Of, Structure};
use mail::{BodyStream, Columns, Hash, Mail};

use crate::engine::ids;

/// A blob that its reader may read.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Its bytes.
    pub size: u64,
    /// Its media type, where it has one.
    pub kind: Option<String>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Stored(OrganisationId, Hash),
    Here(Bytes),
}

/// The bytes of a blob on their way.
pub enum Bodies {
    /// All at once.
    Here(Bytes),
    /// Piece by piece.
    Stream(BodyStream),
}

/// The id of a body.
pub fn hash_id(hash: &Hash) -> String {
    format!("B{}", URL_SAFE_NO_PAD.encode(hash))
}

/// The id of a part of an email; without a section, of all of it.
pub fn part_id(object: i64, section: &str) -> String {
    format!("P{object}-{}", section.replace('.', "_"))
}

/// The id of the text of a Sieve script.
pub(crate) fn script_id(script: i64, changed_at: i64) -> String {
    format!("V{script}-{changed_at}")
}

fn read_hash(id: &str) -> Option<Hash> {
    URL_SAFE_NO_PAD.decode(id.strip_prefix('B')?).ok()?.try_into().ok()
}

/// The two numbers or texts behind a letter.
fn read_pair(letter: char, id: &str) -> Option<(i64, &str)> {
    let (number, rest) = id.split_once('-')?;
    Some((ids::read(letter, number)?, rest))
}

fn read_section(text: &str) -> Option<Vec<u32>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split('_').map(|number| number.parse().ok()).collect()
}

/// Characters of the id of a body.
const HASH_ID: usize = 44;

/// What an id of bytes names first, and the sections within it; a hash may have the sign that divides sections.
fn take_apart(id: &str) -> (&str, Option<&str>) {
    let first = match id.as_bytes().first() {
        Some(b'B') => HASH_ID,
        Some(b'P') => id.match_indices('-').nth(1).map_or(id.len(), |(at, _)| at),
        _ => id.len(),
    };
    match id.split_at_checked(first) {
        Some((holder, rest)) if !rest.is_empty() => (holder, rest.strip_prefix('-')),
        _ => (id, None),
    }
}

/// A section of a message that is another blob, decoded.
fn cut(whole: &Bytes, section: &str) -> Option<Blob> {
    let path = read_section(section).filter(|path| !path.is_empty())?;
    let structure = summary::structure_of(whole);
    let (part, range) = (structure.part(&path)?, structure.section_range(&path, Of::Whole)?);
    let body = whole.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)?;
    let kind = format!("{}/{}", part.kind, part.subtype).to_lowercase();
    Some(here(Bytes::copy_from_slice(&summary::decode(body, &part.encoding)), kind))
}

fn missing(error: Error) -> Result<Option<Blob>> {
    if error.meaning() == Meaning::NotFound { Ok(None) } else { Err(error) }
}

/// The blob of an id, in an account that the caller may name; none when there is none that it may read.
///
/// # Errors
/// Those of the database and the blob store.
pub async fn find(mail: &Mail, ctx: &Ctx, account: AccountId, id: &str) -> Result<Option<Blob>> {
    let (holder, sections) = take_apart(id);
    let mut found = find_whole(mail, ctx, account, holder).await?;
    for section in sections.into_iter().flat_map(|sections| sections.split('-')) {
        let Some(blob) = found else { break };
        let whole = blob.bytes(mail, ctx.limits.message_bytes).await?;
        found = cut(&whole, section);
    }
    Ok(found)
}

async fn find_whole(mail: &Mail, ctx: &Ctx, account: AccountId, id: &str) -> Result<Option<Blob>> {
    if let Some(hash) = read_hash(id) {
        let body = Body::Stored(ctx.actor.organisation, hash);
        let size = |bytes: i64| bytes.unsigned_abs();
        if let Some(upload) = mail.upload(ctx, account, hash).await? {
            let kind = Some(upload.kind).filter(|kind| !kind.is_empty());
            return Ok(Some(Blob { size: size(upload.size), kind, body }));
        }
        let message = mail.message_with_body(ctx, account, hash).await?;
        let kind = Some("message/rfc822".to_owned());
        return Ok(message.map(|bytes| Blob { size: size(bytes), kind, body }));
    }
    if let Some((object, section)) = read_pair('P', id)
        && let Some(path) = read_section(section)
    {
        return match part(mail, ctx, account, ObjectId(object), &path).await {
            Ok(found) => Ok(found),
            Err(error) => missing(error),
        };
    }
    if let Some((script, changed)) = read_pair('V', id) {
        return match text_of_script(mail, ctx, account, script, changed).await {
            Ok(found) => Ok(found),
            Err(error) => missing(error),
        };
    }
    Ok(None)
}

async fn part(
    mail: &Mail,
    ctx: &Ctx,
    account: AccountId,
    object: ObjectId,
    path: &[u32],
) -> Result<Option<Blob>> {
    let Some((mailbox, content)) = mail.place_of(ctx, account, object).await? else { return Ok(None) };
    if path.is_empty() {
        let bytes = mail.body(ctx, account, mailbox, content, None).await?;
        return Ok(Some(here(bytes, "message/rfc822".to_owned())));
    }
    let columns = Columns { structure: true, ..Columns::default() };
    let rows = mail.rows(ctx, account, mailbox, vec![content], columns).await?;
    let Some(structure) = rows.first().and_then(|row| Structure::parse(&row.structure)) else {
        return Ok(None);
    };
    let (Some(part), Some(range)) = (structure.part(path), structure.section_range(path, Of::Whole)) else {
        return Ok(None);
    };
    let bytes = mail.body(ctx, account, mailbox, content, Some(range)).await?;
    let kind = format!("{}/{}", part.kind, part.subtype).to_lowercase();
    let decoded = match summary::decode(&bytes, &part.encoding) {
        std::borrow::Cow::Borrowed(_) => bytes,
        std::borrow::Cow::Owned(decoded) => Bytes::from(decoded),
    };
    Ok(Some(here(decoded, kind)))
}

async fn text_of_script(
    mail: &Mail,
    ctx: &Ctx,
    account: AccountId,
    id: i64,
    changed: &str,
) -> Result<Option<Blob>> {
    let scripts = mail.filter().scripts(ctx, account).await?;
    let Some(script) = scripts.into_iter().find(|script| script.id == id) else { return Ok(None) };
    if script.changed_at.to_string() != changed {
        return Ok(None);
    }
    let text = mail.filter().script(ctx, account, &script.name).await?;
    Ok(Some(here(Bytes::from(text), "application/sieve".to_owned())))
}

fn here(bytes: Bytes, kind: String) -> Blob {
    Blob { size: bytes.len() as u64, kind: Some(kind), body: Body::Here(bytes) }
}

impl Blob {
    /// All of it in memory.
    ///
    /// # Errors
    /// `TooLarge` above so many bytes.
    pub async fn bytes(&self, mail: &Mail, most: u64) -> Result<Bytes> {
        if self.size > most {
            return Err(Error::too_large("blob", format!("has more than {most} bytes")));
        }
        match &self.body {
            Body::Here(bytes) => Ok(bytes.clone()),
            Body::Stored(organisation, hash) => mail.blobs().read(*organisation, *hash, None).await,
        }
    }

    /// Its bytes, or a range of them, for a client.
    ///
    /// # Errors
    /// Those of the blob store.
    pub async fn stream(&self, mail: &Mail, range: Option<Range<u64>>) -> Result<Bodies> {
        match &self.body {
            Body::Here(bytes) => {
                let range = range.unwrap_or(0..self.size);
                let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
                Ok(Bodies::Here(bytes.slice(at(range.start)..at(range.end).max(at(range.start)))))
            }
            Body::Stored(organisation, hash) => {
                Ok(Bodies::Stream(mail.blobs().stream(*organisation, *hash, range).await?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_blobs_are_ids_and_are_read_back() {
        let hash: Hash = [7; 32];
        assert!(ids::is_id(&hash_id(&hash)) && ids::is_id(&part_id(12, "1.2")));
        assert_eq!(read_hash(&hash_id(&hash)), Some(hash));
        assert_eq!(read_pair('P', &part_id(12, "1.2")), Some((12, "1_2")));
        assert_eq!(read_section("1_2"), Some(vec![1, 2]));
        let (part, hashed) = (part_id(12, "1.2"), hash_id(&[0xfb; 32]));
        assert!(hashed.contains('-') && hashed.len() == HASH_ID);
        assert_eq!(take_apart(&part), (part.as_str(), None));
        assert_eq!(take_apart("P12-1_2-3-4"), ("P12-1_2", Some("3-4")));
        assert_eq!(take_apart(&format!("{hashed}-3")), (hashed.as_str(), Some("3")));
        assert_eq!((read_hash("Bx"), read_pair('P', "P12"), read_section("1__2")), (None, None, None));
    }
}
