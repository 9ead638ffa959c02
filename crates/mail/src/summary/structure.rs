//! The tree of parts, and its compact text in the database: a line a part, in the order of the message, its
//! fields separated by tabs:
//!
//! ```text
//! depth header body end lines form  type/subtype  encoding  [letter value]...
//! ```
//!
//! `header`, `body` and `end` are byte offsets in the message; `form` is `-`, `*` for a multipart or `@` for a
//! message. The letters: `p` a parameter's name, its value follows; `i` Content-ID, `d` description, `m` MD5,
//! `c` disposition, `q` a parameter of it, `l` a language, `o` location, `e` the envelope of the message within.
//! In values tab, line feed, carriage return and backslash are written `\t`, `\n`, `\r`, `\\`.

/// What stands within a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Bytes.
    #[default]
    Leaf,
    /// Parts.
    Multipart,
    /// A message, which is the next part.
    Message,
}

/// A parameter's name and value.
pub type Parameter = (String, String);

/// A part of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// How many parts it lies within.
    pub depth: usize,
    /// Offset of its header.
    pub header: usize,
    /// Offset of its body.
    pub body: usize,
    /// Offset behind its body.
    pub end: usize,
    /// Line feeds in the body, of texts and messages.
    pub lines: usize,
    /// What stands within.
    pub form: Form,
    /// The type, as written.
    pub kind: String,
    /// The subtype, as written.
    pub subtype: String,
    /// The transfer encoding, as written.
    pub encoding: String,
    /// Parameters of the type, as written.
    pub parameters: Vec<Parameter>,
    /// Content-ID, with its brackets.
    pub id: Option<String>,
    /// Content-Description, encoded words as they are.
    pub description: Option<String>,
    /// Content-MD5.
    pub md5: Option<String>,
    /// Content-Disposition and its parameters.
    pub disposition: Option<(String, Vec<Parameter>)>,
    /// Content-Language.
    pub languages: Vec<String>,
    /// Content-Location.
    pub location: Option<String>,
    /// Of a message its envelope, as wire text.
    pub envelope: Option<String>,
}

impl Part {
    /// A parameter of the type, as written.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.parameters, name)
    }

    /// A parameter of the disposition, as written.
    pub fn disposition_parameter(&self, name: &str) -> Option<&str> {
        self.disposition.as_ref().and_then(|(_, parameters)| find(parameters, name))
    }

    /// The name of the file that it holds, decoded (RFC 2231, RFC 2047): of its disposition, else of its type.
    pub fn file_name(&self) -> Option<String> {
        let of = |parameters: &[Parameter], name: &str| {
            let mut field = String::from(" x/x");
            for (key, value) in parameters {
                let own = key.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
                if !own || !key.get(name.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with('*'))
                {
                    continue;
                }
                let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
                let plain = key.ends_with('*');
                let (open, value, close) =
                    if plain { ("=", value.as_str(), "") } else { ("=\"", quoted.as_str(), "\"") };
                for piece in ["; ", key, open, value, close] {
                    field.push_str(piece);
                }
            }
            let found = super::header::parameter(field.as_bytes(), name)?;
            let found = if found.contains("=?") {
                super::header::decoded(format!(" {found}\r\n").as_bytes())
            } else {
                found
            };
            Some(found).filter(|found| !found.trim().is_empty())
        };
        let disposition = self.disposition.as_ref().and_then(|(_, parameters)| of(parameters, "filename"));
        disposition.or_else(|| of(&self.parameters, "name"))
    }

    /// Whether it is of this type, and of this subtype where one is given.
    pub fn is(&self, kind: &str, subtype: Option<&str>) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
            && subtype.is_none_or(|subtype| self.subtype.eq_ignore_ascii_case(subtype))
    }

    /// Whether it is said to hold a message, in whatever encoding.
    pub fn is_message(&self) -> bool {
        self.is("message", Some("rfc822")) || self.is("message", Some("global"))
    }

    /// Whether its bytes stand for themselves.
    pub fn is_plain(&self) -> bool {
        !["base64", "quoted-printable"].iter().any(|encoding| self.encoding.eq_ignore_ascii_case(encoding))
    }

    /// Whether it is to be shown as an attachment.
    pub fn is_attachment(&self) -> bool {
        self.disposition.as_ref().is_some_and(|(value, _)| value.eq_ignore_ascii_case("attachment"))
    }

    /// Bytes of its body.
    pub fn size(&self) -> usize {
        self.end.saturating_sub(self.body)
    }

    /// Nothing is known of what is within.
    pub(crate) fn make_opaque(&mut self) {
        self.form = Form::Leaf;
        self.kind = "application".into();
        self.subtype = "octet-stream".into();
        self.parameters.clear();
    }
}

fn find<'p>(parameters: &'p [Parameter], name: &str) -> Option<&'p str> {
    parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The parts of a message, each before those within it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Structure {
    /// The parts; the first is the message itself.
    pub parts: Vec<Part>,
}

fn push_escaped(out: &mut String, value: &str) {
    if memchr::memchr3(b'\t', b'\n', b'\\', value.as_bytes()).is_none() && !value.contains('\r') {
        out.push_str(value);
        return;
    }
    for c in value.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\\' => out.push_str("\\\\"),
            c => out.push(c),
        }
    }
}

fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next().map(|c| match c {
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                c => c,
            })),
            c => out.push(c),
        }
    }
    out
}

impl Structure {
    /// The text that is kept.
    pub fn to_text(&self) -> String {
        let mut out = String::with_capacity(128 * self.parts.len());
        for part in &self.parts {
            part.write(&mut out);
        }
        out
    }

    /// Reads the text that was kept; nothing when it is not such a text.
    pub fn parse(text: &str) -> Option<Self> {
        let parts = text.lines().map(read_part).collect::<Option<Vec<_>>>()?;
        (!parts.is_empty()).then_some(Self { parts })
    }

    /// The places of the parts directly within the part at this place.
    pub fn children(&self, of: usize) -> impl Iterator<Item = usize> + '_ {
        let depth = self.parts.get(of).map_or(0, |part| part.depth);
        (self.parts.iter().enumerate().skip(of + 1))
            .take_while(move |(_, part)| part.depth > depth)
            .filter(move |(_, part)| part.depth == depth + 1)
            .map(|(index, _)| index)
    }
}

impl Part {
    fn write(&self, out: &mut String) {
        use std::fmt::Write;
        let form = match self.form {
            Form::Leaf => '-',
            Form::Multipart => '*',
            Form::Message => '@',
        };
        let Self { depth, header, body, end, lines, .. } = self;
        // Writing to a string does not fail.
        let _ = write!(out, "{depth} {header} {body} {end} {lines} {form}\t");
        push_escaped(out, &self.kind);
        out.push('/');
        push_escaped(out, &self.subtype);
        out.push('\t');
        push_escaped(out, &self.encoding);
        let mut field = |letter: char, value: &str, more: Option<&str>| {
            out.push('\t');
            out.push(letter);
            push_escaped(out, value);
            if let Some(more) = more {
                out.push('\t');
                push_escaped(out, more);
            }
        };
        for (name, value) in &self.parameters {
            field('p', name, Some(value));
        }
        if let Some((value, parameters)) = &self.disposition {
            field('c', value, None);
            for (name, value) in parameters {
                field('q', name, Some(value));
            }
        }
        for (letter, value) in [
            ('i', &self.id),
            ('d', &self.description),
            ('m', &self.md5),
            ('o', &self.location),
            ('e', &self.envelope),
        ] {
            if let Some(value) = value {
                field(letter, value, None);
            }
        }
        for language in &self.languages {
            field('l', language, None);
        }
        out.push('\n');
    }
}

fn read_part(line: &str) -> Option<Part> {
    let mut fields = line.split('\t');
    let mut numbers = fields.next()?.split(' ');
    let mut number = || numbers.next()?.parse::<usize>().ok();
    let (depth, header, body, end, lines) = (number()?, number()?, number()?, number()?, number()?);
    let form = match numbers.next()? {
        "-" => Form::Leaf,
        "*" => Form::Multipart,
        "@" => Form::Message,
        _ => return None,
    };
    if header > body || body > end {
        return None;
    }
    let (kind, subtype) = fields.next()?.split_once('/')?;
    let mut part = Part {
        depth,
        header,
        body,
        end,
        lines,
        form,
        kind: unescaped(kind),
        subtype: unescaped(subtype),
        encoding: unescaped(fields.next()?),
        ..Part::default()
    };
    while let Some(field) = fields.next() {
        let letter = field.chars().next()?;
        let value = unescaped(field.get(letter.len_utf8()..)?);
        match letter {
            'p' => part.parameters.push((value, unescaped(fields.next()?))),
            'c' => part.disposition = Some((value, Vec::new())),
            'q' => part.disposition.as_mut()?.1.push((value, unescaped(fields.next()?))),
            'i' => part.id = Some(value),
            'd' => part.description = Some(value),
            'm' => part.md5 = Some(value),
            'o' => part.location = Some(value),
            'e' => part.envelope = Some(value),
            'l' => part.languages.push(value),
            _ => return None,
        }
    }
    Some(part)
}
