//! Where the parts of a message lie. One pass over the bytes, whatever they are: parts may only nest so deep and
//! be so many, and no line is looked at more often than boundaries are open.
//!
//! mail-parser decodes what the parts hold; it does not find them here, since it keeps no bound on nesting, looks
//! for a boundary that is not there to the end of the message once for every part, and decodes every attachment.

use super::content_type::{Structured, structured};
use super::envelope::envelope_of;
use super::header::{self, line_end, unfold};
use super::structure::{Form, Part};

/// Levels of parts within one another; what lies deeper is one opaque part.
pub const DEPTH: usize = 40;
/// Parts of one message; what follows is not taken apart.
pub const PARTS: usize = 1_000;
/// Longer boundaries are none (RFC 2046 section 5.1.1 allows 70 characters).
const BOUNDARY_BYTES: usize = 1_000;

/// A part that is not at its end yet.
struct Open {
    part: usize,
    /// Of a multipart that was not closed.
    boundary: Option<Vec<u8>>,
}

struct Walk<'b> {
    bytes: &'b [u8],
    parts: Vec<Part>,
    open: Vec<Open>,
}

/// A delimiter line.
struct Delimiter {
    start: usize,
    end: usize,
    /// Which of the open parts it belongs to.
    level: usize,
    closing: bool,
}

/// The parts of a message, each before those within it. There is always one.
pub(crate) fn walk(bytes: &[u8]) -> Vec<Part> {
    let mut walk = Walk { bytes, parts: Vec::new(), open: Vec::new() };
    walk.run();
    walk.parts
}

impl Walk<'_> {
    fn run(&mut self) {
        let mut next = Some(0);
        while let Some(start) = next {
            let body = self.enter(start);
            next = match self.parts.last() {
                // The message within begins at once.
                Some(part) if part.form == Form::Message => Some(body),
                _ => self.leave(body),
            };
        }
        let end = self.bytes.len();
        while let Some(open) = self.open.pop() {
            self.end(open.part, end);
        }
    }

    /// Reads the header of the part that begins at `start`; where its body begins.
    fn enter(&mut self, start: usize) -> usize {
        let (header_end, body) = self.header_end(start);
        let header = self.bytes.get(start..header_end).unwrap_or_default();
        let digest = self.open.last().and_then(|open| self.parts.get(open.part)).is_some_and(|parent| {
            parent.form == Form::Multipart && parent.subtype.eq_ignore_ascii_case("digest")
        });
        let mut part = describe(header, digest);
        let fits = self.open.len() < DEPTH && self.parts.len() < PARTS;
        let mut boundary = None;
        if part.kind.eq_ignore_ascii_case("multipart") {
            boundary = part.parameter("boundary").map(|text| text.trim_end().as_bytes().to_vec());
            boundary = boundary.filter(|boundary| !boundary.is_empty() && boundary.len() <= BOUNDARY_BYTES);
            part.form = Form::Multipart;
        } else if part.is_message() && part.is_plain() {
            part.form = Form::Message;
        }
        if !fits && part.form != Form::Leaf {
            boundary = None;
            part.make_opaque();
        }
        part.depth = self.open.len();
        (part.header, part.body) = (start, body);
        if part.form == Form::Message {
            let inner = self.header_end(body).0;
            part.envelope = Some(envelope_of(self.bytes.get(body..inner).unwrap_or_default()));
        }
        self.open.push(Open { part: self.parts.len(), boundary });
        self.parts.push(part);
        body
    }

    /// Where the fields of a header section end, and where the body begins, behind the empty line.
    fn header_end(&self, start: usize) -> (usize, usize) {
        let mut at = start;
        loop {
            match self.bytes.get(at..) {
                None | Some([]) => return (self.bytes.len(), self.bytes.len()),
                Some([b'\n', ..]) => return (at, at + 1),
                Some([b'\r', b'\n', ..]) => return (at, at + 2),
                Some([b'-', b'-', ..]) if self.delimiter_at(at).is_some() => return (at, at),
                Some(_) => at = line_end(self.bytes, at),
            }
        }
    }

    /// Finds the end of what is open behind `from`; where the next part begins, if there is one.
    fn leave(&mut self, from: usize) -> Option<usize> {
        let mut from = from;
        loop {
            let Some(found) = self.delimiter_after(from) else {
                self.without_parts(self.bytes.len());
                return None;
            };
            // The line break before a delimiter belongs to it.
            let before = self.bytes.get(..found.start).unwrap_or_default();
            let content_end = match before {
                [.., b'\r', b'\n'] => found.start - 2,
                [.., b'\n'] => found.start - 1,
                _ => found.start,
            };
            while self.open.len() > found.level + 1 {
                self.without_parts(content_end);
                let Some(open) = self.open.pop() else { break };
                self.end(open.part, content_end);
            }
            if found.closing || self.parts.len() >= PARTS {
                self.without_parts(content_end);
                if let Some(open) = self.open.last_mut() {
                    open.boundary = None;
                }
                from = found.end;
                continue;
            }
            return Some(found.end);
        }
    }

    /// A multipart in which no part was found holds one: all of its text.
    fn without_parts(&mut self, end: usize) {
        let Some(open) = self.open.last() else { return };
        let Some(part) = self.parts.get(open.part) else { return };
        if part.form != Form::Multipart || self.parts.len() != open.part + 1 {
            return;
        }
        let body = part.body;
        let mut inner = describe(b"", false);
        (inner.depth, inner.header, inner.body) = (self.open.len(), body, body);
        self.parts.push(inner);
        self.end(self.parts.len() - 1, end);
    }

    fn end(&mut self, part: usize, end: usize) {
        let Some(part) = self.parts.get_mut(part) else { return };
        part.end = end.max(part.body);
        if part.form == Form::Message || part.is_message() || part.kind.eq_ignore_ascii_case("text") {
            let body = self.bytes.get(part.body..part.end).unwrap_or_default();
            part.lines = memchr::memchr_iter(b'\n', body).count();
        }
    }

    /// The first delimiter line from `from` on, which is the beginning of a line.
    fn delimiter_after(&self, from: usize) -> Option<Delimiter> {
        if self.open.iter().all(|open| open.boundary.is_none()) {
            return None;
        }
        let mut at = from;
        loop {
            if let Some(found) = self.delimiter_at(at) {
                return Some(found);
            }
            let rest = self.bytes.get(at..)?;
            at += memchr::memmem::find(rest, b"\n--")? + 1;
        }
    }

    fn delimiter_at(&self, at: usize) -> Option<Delimiter> {
        let rest = self.bytes.get(at..)?.strip_prefix(b"--")?;
        let end = line_end(self.bytes, at);
        let line = rest.get(..rest.len().min(end - at - 2))?;
        // The innermost counts first; an outer one ends all within.
        for (level, open) in self.open.iter().enumerate().rev() {
            let Some(boundary) = &open.boundary else { continue };
            let Some(after) = line.strip_prefix(boundary.as_slice()) else { continue };
            let closing = after.starts_with(b"--");
            if closing || after.iter().all(u8::is_ascii_whitespace) {
                return Some(Delimiter { start: at, end, level, closing });
            }
        }
        None
    }
}

/// What a header says of its part.
fn describe(header: &[u8], digest: bool) -> Part {
    let mut part = Part::default();
    let mut content_type: Option<Structured> = None;
    let filled = |value: &[u8]| Some(unfold(value)).filter(|text| !text.is_empty());
    for field in header::fields(header) {
        let Some(rest) = field.name.get(..8).filter(|name| name.eq_ignore_ascii_case(b"content-")) else {
            continue;
        };
        let name = field.name.get(rest.len()..).unwrap_or_default().to_ascii_lowercase();
        match name.as_slice() {
            b"type" if content_type.is_none() => content_type = Some(structured(field.value)),
            b"transfer-encoding" if part.encoding.is_empty() => {
                part.encoding = structured(field.value).value;
            }
            b"id" if part.id.is_none() => part.id = filled(field.value),
            b"description" if part.description.is_none() => part.description = filled(field.value),
            b"md5" if part.md5.is_none() => part.md5 = filled(field.value),
            b"location" if part.location.is_none() => part.location = filled(field.value),
            b"disposition" if part.disposition.is_none() => {
                let read = structured(field.value);
                part.disposition = Some((read.value, read.parameters)).filter(|(value, _)| !value.is_empty());
            }
            b"language" if part.languages.is_empty() => {
                let tags = structured(field.value).value;
                part.languages = (tags.split(',').map(|tag| tag.trim().to_owned()))
                    .filter(|tag| !tag.is_empty())
                    .take(16)
                    .collect();
            }
            _ => {}
        }
    }
    let media = content_type.as_ref().and_then(Structured::media);
    (part.kind, part.subtype) = match media {
        Some((kind, subtype)) => (kind.to_owned(), subtype.to_owned()),
        None if digest => ("message".into(), "rfc822".into()),
        None => ("text".into(), "plain".into()),
    };
    part.parameters = content_type.map(|read| read.parameters).unwrap_or_default();
    if part.kind.eq_ignore_ascii_case("text") && part.parameter("charset").is_none() {
        part.parameters.push(("charset".into(), "us-ascii".into()));
    }
    if part.encoding.is_empty() {
        part.encoding = "7bit".into();
    }
    part
}
