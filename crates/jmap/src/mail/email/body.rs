//! The parts of a message as JMAP tells them (RFC 8621 section 4.1.4).

use mail::summary::{Form, Part, Structure, decode, text_value};
use serde_json::{Map, Value, json};

use super::header::{self, Header};

/// What is told of a part.
#[derive(Debug, Clone)]
pub(crate) struct PartProperties {
    names: Vec<String>,
    headers: Vec<(String, Header)>,
}

/// Properties of a part, in the order in which they are told.
const KNOWN: &[&str] = &[
    "partId",
    "blobId",
    "size",
    "headers",
    "name",
    "type",
    "charset",
    "disposition",
    "cid",
    "language",
    "location",
    "subParts",
];
const DEFAULT: &[&str] =
    &["partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location"];

impl PartProperties {
    /// Reads the argument `bodyProperties`; an error names what is no property.
    pub(crate) fn read(given: Option<Vec<String>>) -> Result<Self, String> {
        let Some(given) = given else {
            return Ok(Self {
                names: DEFAULT.iter().map(|name| (*name).to_owned()).collect(),
                headers: Vec::new(),
            });
        };
        let mut out = Self { names: Vec::new(), headers: Vec::new() };
        for name in given {
            if KNOWN.contains(&name.as_str()) {
                out.names.push(name);
            } else if let Some(header) = Header::parse(&name) {
                out.headers.push((name, header));
            } else {
                return Err(name);
            }
        }
        Ok(out)
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Whether the bytes of the message are needed, for what is not in its structure.
    pub(crate) fn need_bytes(&self, structure: &Structure) -> bool {
        let encoded = |part: &Part| part.form == Form::Leaf && !part.is_plain();
        !self.headers.is_empty()
            || self.has("headers")
            || (self.has("size") && structure.parts.iter().any(encoded))
    }
}

/// A message whose parts are told.
pub(crate) struct Body<'b> {
    /// Its parts.
    pub structure: &'b Structure,
    /// Its bytes; empty when nothing needs them.
    pub bytes: &'b [u8],
    /// The id of the blob of a part, by its section.
    pub blob_id: &'b dyn Fn(&str) -> Option<String>,
}

/// Which parts are shown, and which are offered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    /// What is shown where plain text is preferred.
    pub text: Vec<usize>,
    /// What is shown where HTML is preferred.
    pub html: Vec<usize>,
    /// All others.
    pub attachments: Vec<usize>,
}

fn media_type(part: &Part) -> String {
    format!("{}/{}", part.kind, part.subtype).to_ascii_lowercase()
}

fn is_inline_media(part: &Part) -> bool {
    ["image", "audio", "video"].iter().any(|kind| part.is(kind, None))
}

/// What of the tree is shown within a multipart.
#[derive(Clone, Copy)]
struct Within<'w> {
    subtype: &'w str,
    in_alternative: bool,
}

impl Tree<'_> {
    /// The walk that section 4.1.4 suggests.
    fn walk(&self, parts: &[usize], within: Within<'_>, mut to: (bool, bool), lists: &mut Lists) {
        let before = (lists.text.len(), lists.html.len());
        for (number, index) in parts.iter().copied().enumerate() {
            let Some(part) = self.0.parts.get(index) else { continue };
            if part.form == Form::Multipart {
                let children: Vec<usize> = self.0.children(index).collect();
                let subtype = part.subtype.to_ascii_lowercase();
                let in_alternative = within.in_alternative || subtype == "alternative";
                self.walk(&children, Within { subtype: &subtype, in_alternative }, to, lists);
                continue;
            }
            let (plain, html) = (part.is("text", Some("plain")), part.is("text", Some("html")));
            let shown = !part.is_attachment()
                && (plain || html || is_inline_media(part))
                && (number == 0
                    || (within.subtype != "related" && (is_inline_media(part) || part_name(part).is_none())));
            if !shown {
                lists.attachments.push(index);
                continue;
            }
            if within.subtype == "alternative" {
                match (plain, html) {
                    (true, _) if to.0 => lists.text.push(index),
                    (_, true) if to.1 => lists.html.push(index),
                    (true, _) | (_, true) => {}
                    _ => lists.attachments.push(index),
                }
                continue;
            }
            if within.in_alternative {
                if plain {
                    to.1 = false;
                }
                if html {
                    to.0 = false;
                }
            }
            if to.0 {
                lists.text.push(index);
            }
            if to.1 {
                lists.html.push(index);
            }
            if !(to.0 && to.1) && is_inline_media(part) {
                lists.attachments.push(index);
            }
        }
        if within.subtype == "alternative" && to.0 && to.1 {
            let (text, html) = (lists.text.len(), lists.html.len());
            if text == before.0 && html != before.1 {
                lists.text.extend_from_slice(lists.html.get(before.1..).unwrap_or_default());
            } else if html == before.1 && text != before.0 {
                lists.html.extend_from_slice(lists.text.get(before.0..).unwrap_or_default());
            }
        }
    }
}

/// A structure on a walk.
struct Tree<'s>(&'s Structure);

/// Which parts are shown, and which are offered.
pub(crate) fn lists(structure: &Structure) -> Lists {
    let mut lists = Lists::default();
    let within = Within { subtype: "mixed", in_alternative: false };
    Tree(structure).walk(&[0], within, (true, true), &mut lists);
    lists
}

/// The name of a part for people, decoded.
fn part_name(part: &Part) -> Option<String> {
    part.file_name()
}

impl Body<'_> {
    /// A part that was told, with those below it where `deep`.
    pub(crate) fn part(&self, index: usize, wanted: &PartProperties, deep: bool) -> Value {
        let Some(part) = self.structure.parts.get(index) else { return Value::Null };
        let multipart = part.form == Form::Multipart;
        let section = self.structure.section_of(index);
        let section = section.filter(|_| !multipart);
        let mut out = Map::new();
        for name in KNOWN.iter().filter(|name| wanted.has(name)) {
            let value = match *name {
                "partId" => json!(section),
                "blobId" => json!(section.as_deref().and_then(|section| (self.blob_id)(section))),
                "size" => json!(if multipart { 0 } else { self.size(part) }),
                "headers" => header::headers(self.header(part)),
                "name" => json!(part_name(part)),
                "type" => json!(media_type(part)),
                "charset" => {
                    json!(part.is("text", None).then(|| part.parameter("charset").unwrap_or("us-ascii")))
                }
                "disposition" => {
                    json!(part.disposition.as_ref().map(|(value, _)| value.to_ascii_lowercase()))
                }
                "cid" => json!(part.id.as_deref().map(bare_id).filter(|id| !id.is_empty())),
                "language" => {
                    if part.languages.is_empty() {
                        Value::Null
                    } else {
                        json!(part.languages)
                    }
                }
                "location" => json!(part.location),
                _ => Value::Null,
            };
            out.insert((*name).to_owned(), value);
        }
        for (name, header) in &wanted.headers {
            out.insert(name.clone(), header.value(self.header(part)));
        }
        if deep && multipart {
            let children =
                self.structure.children(index).map(|child| self.part(child, wanted, true)).collect();
            out.insert("subParts".to_owned(), Value::Array(children));
        }
        Value::Object(out)
    }

    fn header(&self, part: &Part) -> &[u8] {
        self.bytes.get(part.header..part.body).unwrap_or_default()
    }

    fn size(&self, part: &Part) -> usize {
        if part.is_plain() || part.form == Form::Message {
            return part.size();
        }
        let body = self.bytes.get(part.body..part.end).unwrap_or_default();
        decode(body, &part.encoding).len()
    }

    /// The text of a part (section 4.1.4), at most `most` bytes of it where that is not 0.
    pub(crate) fn text(&self, index: usize, most: usize) -> Option<Value> {
        let part = self.structure.parts.get(index)?;
        if !part.is("text", None) || part.form != Form::Leaf {
            return None;
        }
        let (text, problem) = text_value(part, self.bytes);
        let text = if text.contains("\r\n") { text.replace("\r\n", "\n") } else { text };
        let (value, truncated) = cut(&text, most, part.is("text", Some("html")));
        Some(json!({ "value": value, "isEncodingProblem": problem, "isTruncated": truncated }))
    }
}

fn bare_id(id: &str) -> &str {
    let id = id.trim();
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}

/// The beginning of a text: whole characters, and of HTML no half of a tag or of a character reference.
pub(crate) fn cut(text: &str, most: usize, html: bool) -> (&str, bool) {
    if most == 0 || text.len() <= most {
        return (text, false);
    }
    let mut head = text.get(..text.floor_char_boundary(most)).unwrap_or_default();
    if html {
        if let Some(open) = head.rfind('<')
            && !head.get(open..).unwrap_or_default().contains('>')
        {
            head = head.get(..open).unwrap_or_default();
        }
        if let Some(and) = head.rfind('&')
            && head.len() - and < 32
            && !head.get(and..).unwrap_or_default().contains([';', ' ', '<'])
        {
            head = head.get(..and).unwrap_or_default();
        }
    }
    (head, true)
}

#[cfg(test)]
mod tests {
    use mail::summary::structure_of;

    use super::*;

    /// The example of section 4.1.4: letters are parts, `*` is one with the disposition `attachment`.
    #[test]
    fn p08_the_body_lists_are_those_of_the_example_of_rfc_8621() {
        let part = |name: &str, head: &str| format!("{head}\r\nX-Name: {name}\r\n\r\n{name}\r\n");
        let multi = |subtype: &str, boundary: &str, parts: &[String]| {
            let mut out = format!("Content-Type: multipart/{subtype}; boundary={boundary}\r\n\r\n");
            for part in parts {
                out.extend(["--", boundary, "\r\n", part]);
            }
            out.extend(["--", boundary, "--\r\n"]);
            out
        };
        let plain = "Content-Type: text/plain";
        let html = "Content-Type: text/html";
        let inline = "Content-Type: image/jpeg\r\nContent-Disposition: inline";
        let attached = "Content-Type: image/jpeg\r\nContent-Disposition: attachment";
        let bare = "Content-Type: image/jpeg";
        let inner = multi("mixed", "b3", &[part("B", plain), part("C", inline), part("D", plain)]);
        let related = multi("related", "b4", &[part("E", html), part("F", bare)]);
        let alternative = multi("alternative", "b2", &[inner, related]);
        let message = multi(
            "mixed",
            "b0",
            &[
                part("A", plain),
                multi(
                    "mixed",
                    "b1",
                    &[
                        alternative,
                        part("G", attached),
                        part("H", "Content-Type: application/x-excel"),
                        part("J", "Content-Type: message/rfc822"),
                    ],
                ),
                part("K", plain),
            ],
        );
        let structure = structure_of(message.as_bytes());
        let lists = lists(&structure);
        let names = |list: &[usize]| -> String {
            let name = |index: &usize| {
                let part = &structure.parts[*index];
                let head = &message[part.header..part.body];
                head.split("X-Name: ").nth(1).unwrap()[..1].to_owned()
            };
            list.iter().map(name).collect()
        };
        assert_eq!(names(&lists.text), "ABCDK");
        assert_eq!(names(&lists.html), "AEK");
        assert_eq!(names(&lists.attachments), "CFGHJ");
    }

    #[test]
    fn p08_texts_are_cut_between_characters_and_tags() {
        assert_eq!(cut("abc", 0, false), ("abc", false));
        assert_eq!(cut("aéb", 2, false), ("a", true));
        assert_eq!(cut("<p>hi</p>", 6, true), ("<p>hi", true));
        assert_eq!(cut("a &amp; b", 5, true), ("a ", true));
        assert_eq!(cut("<p>hi</p>", 3, true), ("<p>", true));
    }
}
