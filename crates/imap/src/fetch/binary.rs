//! `BINARY` and `BINARY.SIZE` (RFC 3516): parts without their transfer encoding.

use std::borrow::Cow;

use codec::imap::Partial;
use mail::summary::{Form, Part, decode};

use crate::failure::{Failure, Result};

/// The bytes of a part, decoded.
///
/// # Errors
/// `NO [UNKNOWN-CTE]` for an encoding that is none of the five of RFC 2045.
pub(crate) fn decoded<'b>(part: Option<&Part>, bytes: &'b [u8]) -> Result<Cow<'b, [u8]>> {
    let Some(part) = part.filter(|part| part.form == Form::Leaf) else { return Ok(Cow::Borrowed(bytes)) };
    let known = ["7bit", "8bit", "binary", "base64", "quoted-printable"];
    if !known.iter().any(|known| part.encoding.eq_ignore_ascii_case(known)) {
        return Err(Failure::no("UNKNOWN-CTE", "the part has an encoding that is not known"));
    }
    Ok(decode(bytes, &part.encoding))
}

/// What of decoded bytes a partial asks for.
pub(crate) fn cut(bytes: &[u8], partial: Option<Partial>) -> &[u8] {
    let Some(Partial { offset, length }) = partial else { return bytes };
    let small = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).min(bytes.len());
    let start = small(offset);
    bytes.get(start..small(offset.saturating_add(length)).max(start)).unwrap_or_default()
}
