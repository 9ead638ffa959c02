//! Forwarding without loops: a message carries the address that forwarded it, and is not forwarded by it again.

use bytes::{BufMut, Bytes, BytesMut};
use mail_parser::{HeaderName, Message};

/// The header field that names who forwarded a message.
const FIELD: &str = "X-Loop";

/// Whether one of `addresses` forwarded this message before, or it came through too many servers.
pub(super) fn is_looping(message: &Message<'_>, addresses: &[String], most_hops: u64) -> bool {
    let mut hops = 0_u64;
    for header in message.headers() {
        match &header.name {
            HeaderName::Received => hops += 1,
            name if name.as_str().eq_ignore_ascii_case(FIELD) => {
                let value = super::reply::text_of(message, header);
                if addresses.iter().any(|own| own.eq_ignore_ascii_case(&value)) {
                    return true;
                }
            }
            _ => {}
        }
    }
    hops >= most_hops
}

/// The header of a message.
pub(crate) fn head_of(body: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(body, b"\r\n\r\n").unwrap_or(body.len());
    body.get(..end).unwrap_or(body)
}

/// The message without the field of the final delivery at its head (RFC 5321 section 4.4).
fn without_return_path(body: &Bytes) -> Bytes {
    const FIELD: &[u8] = b"return-path:";
    if !body.get(..FIELD.len()).is_some_and(|start| start.eq_ignore_ascii_case(FIELD)) {
        return body.clone();
    }
    let mut at = 0;
    while let Some(end) = memchr::memmem::find(body.get(at..).unwrap_or_default(), b"\r\n") {
        at += end + 2;
        if !matches!(body.get(at), Some(b' ' | b'\t')) {
            return body.slice(at..);
        }
    }
    body.clone()
}

/// The message as it is sent on by `address`.
pub(super) fn marked(body: &Bytes, address: &str) -> Bytes {
    let body = &without_return_path(body);
    let mut out = BytesMut::with_capacity(body.len() + FIELD.len() + address.len() + 4);
    out.put_slice(FIELD.as_bytes());
    out.put_slice(b": ");
    out.put_slice(address.as_bytes());
    out.put_slice(b"\r\n");
    out.put_slice(body);
    out.freeze()
}

/// Addresses of a list with a line each.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}
