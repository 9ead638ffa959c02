//! Downloads (RFC 8620 section 6.2).
//!
//! What must stay true here: a file is data. It is never sniffed, runs nothing (a policy of its own, a sandbox without an
//! origin), and what a browser could take for a page is saved instead of shown.

use std::fmt::Write as _;
use std::ops::Range;

use ::jmap::Jmap;
use ::jmap::blobs::{Blob, Bodies};
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::client::Who;
use crate::problem::Problem;

/// What a browser may show of it.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";
const OCTETS: &str = "application/octet-stream";

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    accept: Option<String>,
}

pub(crate) async fn download(
    who: Who,
    State(jmap): State<Jmap>,
    Path((account, id, name)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let account = jmap.account(&who.client, &account, false).await?;
        jmap.blob(&who.client, &account, &id).await
    };
    let blob = match found.await {
        Ok(blob) => blob,
        Err(error) => return Problem::from(error).into_response(),
    };
    let kind = asked.accept.filter(|kind| is_media_type(kind)).or_else(|| blob.kind.clone());
    let kind = kind.filter(|kind| is_media_type(kind)).unwrap_or_else(|| OCTETS.to_owned());
    let tag = format!("\"{id}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut answer = if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body(&jmap, &blob, range(&headers, blob.size)).await
    };
    let fixed = [
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "private, immutable, max-age=31536000"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let out = answer.headers_mut();
    for (header, value) in fixed {
        out.insert(header, HeaderValue::from_static(value));
    }
    let texts = [
        (header::CONTENT_TYPE, kind.as_str()),
        (header::ETAG, tag.as_str()),
        (header::CONTENT_DISPOSITION, &disposition(&kind, &name)),
    ];
    for (header, value) in texts {
        if let Ok(value) = HeaderValue::from_str(value) {
            out.insert(header, value);
        }
    }
    answer
}

/// What a client wants of a body.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    Nothing,
}

/// One range (RFC 9110 section 14.2); anything else than one is answered with the whole.
fn range(headers: &HeaderMap, size: u64) -> Wanted {
    let text = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) =
        text.and_then(|text| text.strip_prefix("bytes=")).and_then(|text| text.split_once('-'))
    else {
        return Wanted::All;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            Some(count) => size.saturating_sub(count)..size,
            None => return Wanted::All,
        },
        (first, "") => match number(first) {
            Some(first) => first..size,
            None => return Wanted::All,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
            _ => return Wanted::All,
        },
    };
    if range.start >= range.end { Wanted::Nothing } else { Wanted::Part(range) }
}

async fn body(jmap: &Jmap, blob: &Blob, wanted: Wanted) -> Response {
    let size = blob.size;
    let (status, range) = match wanted {
        Wanted::All => (StatusCode::OK, 0..size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => {
            let headers = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response();
        }
    };
    let body = match blob.stream(jmap.mail(), Some(range.clone())).await {
        Ok(Bodies::Here(bytes)) => Body::from(bytes),
        Ok(Bodies::Stream(stream)) => Body::from_stream(stream),
        Err(error) => return Problem::from(error).into_response(),
    };
    let mut answer = (status, body).into_response();
    answer.headers_mut().insert(header::CONTENT_LENGTH, (range.end - range.start).into());
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::from_str(&format!("bytes {}-{}/{size}", range.start, range.end - 1))
    {
        answer.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    answer
}

/// Whether a text is a media type, with parameters or without, that can stand in a header.
fn is_media_type(text: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let (kind, rest) = text.split_once(';').unwrap_or((text, ""));
    let plain = rest.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    text.len() <= 255
        && plain
        && kind.trim().split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub))
}

/// Types that a browser shows without being able to run anything.
fn is_harmless(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let images = ["png", "jpeg", "gif", "webp", "avif", "bmp"];
    kind == "text/plain"
        || kind.strip_prefix("image/").is_some_and(|kind| images.contains(&kind))
        || kind.starts_with("audio/")
        || kind.starts_with("video/")
}

/// RFC 6266, with the name in the form that every browser reads.
fn disposition(kind: &str, name: &str) -> String {
    let how = if is_harmless(kind) { "inline" } else { "attachment" };
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes().take(1_024) {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("{how}; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(text).unwrap());
        range(&headers, 10)
    }

    #[test]
    fn ranges_are_cut_out_of_what_there_is() {
        assert_eq!(asked("bytes=2-4"), Wanted::Part(2..5));
        assert_eq!(asked("bytes=8-99"), Wanted::Part(8..10));
        assert_eq!(asked("bytes=-3"), Wanted::Part(7..10));
        assert_eq!(asked("bytes=5-"), Wanted::Part(5..10));
        assert_eq!(asked("bytes=10-"), Wanted::Nothing);
        for other in ["bytes=4-2", "lines=1-2", "bytes=a-b", "bytes=1-2,4-5"] {
            assert_eq!(asked(other), Wanted::All, "{other}");
        }
    }

    #[test]
    fn what_could_run_is_saved_and_not_shown() {
        for kind in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "application/pdf",
            "TEXT/HTML; x=y",
        ] {
            assert!(disposition(kind, "a").starts_with("attachment"), "{kind}");
        }
        assert_eq!(disposition("image/png", "a\"\r\né.png"), "inline; filename*=UTF-8''a%22%0D%0A%C3%A9.png");
        assert!(
            is_media_type("text/html; charset=utf-8")
                && !is_media_type("text")
                && !is_media_type("a/b\r\nX: y")
        );
    }
}
