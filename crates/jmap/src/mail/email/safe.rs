//! The property `safeHtml`, which is ours: HTML parts as a sandboxed frame may show them (feature B12).

use std::fmt::Write as _;

use mail::html::{Addresses, HTML_BYTES, sanitise};
use serde_json::{Map, Value, json};

use super::body::{Body, Lists};
use super::get::Message;

/// Percent-encodes what is not safe in one segment of a path.
fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The HTML of the parts that are shown, by partId.
pub(crate) fn safe_html(message: &Message<'_>, body: &Body<'_>, lists: &Lists) -> Value {
    let part_address = |id: &str| {
        let found = body.structure.parts.iter().position(|part| {
            part.id
                .as_deref()
                .is_some_and(|known| known.trim().trim_start_matches('<').trim_end_matches('>') == id)
        })?;
        let part = body.structure.parts.get(found)?;
        let section = body.structure.section_of(found)?;
        let blob = (message.blob_id)(&section)?;
        let name = part.file_name().unwrap_or_else(|| "image".to_owned());
        let kind = format!("{}/{}", part.kind, part.subtype).to_ascii_lowercase();
        Some(format!(
            "/jmap/download/{}/{}/{}?accept={}",
            segment(message.account),
            segment(&blob),
            segment(&name),
            segment(&kind)
        ))
    };
    let remote_address = |_: &str| -> Option<String> { None };
    let addresses = Addresses { part: &part_address, remote: &remote_address };
    let mut out = Map::new();
    for index in &lists.html {
        let Some(part) = body.structure.parts.get(*index) else { continue };
        let (true, Some(section)) = (part.is("text", Some("html")), body.structure.section_of(*index)) else {
            continue;
        };
        let (text, _) = mail::summary::text_value(part, body.bytes);
        if text.len() > HTML_BYTES {
            continue;
        }
        let safe = sanitise(&text, &addresses);
        out.insert(section, json!({ "html": safe.html, "hasRemoteImages": safe.has_remote_images }));
    }
    Value::Object(out)
}
