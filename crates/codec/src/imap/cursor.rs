//! The scanner below every command: the terminals of RFC 3501 section 9 and RFC 9051 section 9.
//!
//! A command comes whole: its lines joined, each literal as `{n}` CRLF and its bytes, without the last CRLF.

use std::ops::Range;

use super::bounds::Bounds;

/// What a parser answers.
pub(crate) type Parsed<T> = Result<T, Fault>;

/// Why a command was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What kind of answer it asks for.
    pub kind: FaultKind,
    /// What was expected, for people.
    pub text: &'static str,
}

/// The kinds of refusals by the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The command breaks the grammar: `BAD`.
    Syntax,
    /// There is no such command: `BAD`.
    Unknown,
    /// The name of a mailbox is no modified UTF-7 or no UTF-8: `NO [CANNOT]`.
    Name,
    /// The charset is not known: `NO [BADCHARSET]`.
    Charset,
    /// More than the limits allow: `BAD [LIMIT]`, RFC 9051 section 7.1.
    Limit,
    /// A content-transfer-encoding or URL that cannot be: `NO`.
    Cannot,
}

impl Fault {
    /// The grammar wants something else.
    pub(crate) const fn syntax(text: &'static str) -> Self {
        Self { kind: FaultKind::Syntax, text }
    }

    /// More than the bounds allow.
    pub(crate) const fn limit(text: &'static str) -> Self {
        Self { kind: FaultKind::Limit, text }
    }

    /// Another refusal.
    pub(crate) const fn new(kind: FaultKind, text: &'static str) -> Self {
        Self { kind, text }
    }
}

/// Where the parser stands.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    bounds: &'a Bounds,
}

/// `ATOM-CHAR`: any CHAR except `atom-specials`.
pub(crate) fn is_atom_char(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e)
        && !matches!(byte, b'(' | b')' | b'{' | b' ' | b'%' | b'*' | b'"' | b'\\' | b']')
}

/// `ASTRING-CHAR`: `ATOM-CHAR` or `]`.
pub(crate) fn is_astring_char(byte: u8) -> bool {
    is_atom_char(byte) || byte == b']'
}

/// `tag`: one or more `ASTRING-CHAR` except `+`.
pub(crate) fn is_tag_char(byte: u8) -> bool {
    is_astring_char(byte) && byte != b'+'
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], bounds: &'a Bounds) -> Self {
        Self { bytes, at: 0, bounds }
    }

    pub(crate) fn bounds(&self) -> &'a Bounds {
        self.bounds
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Takes the byte when it comes next.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes the text, compared without case, when it comes next.
    pub(crate) fn take_text(&mut self, text: &str) -> bool {
        let found =
            self.rest().get(..text.len()).is_some_and(|head| head.eq_ignore_ascii_case(text.as_bytes()));
        if found {
            self.at += text.len();
        }
        found
    }

    /// Takes the word when it comes next and ends there.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let after = self.rest().get(word.len()).copied();
        !after.is_some_and(is_astring_char) && self.take_text(word)
    }

    pub(crate) fn expect(&mut self, byte: u8, fault: &'static str) -> Parsed<()> {
        if self.take(byte) { Ok(()) } else { Err(Fault::syntax(fault)) }
    }

    pub(crate) fn space(&mut self) -> Parsed<()> {
        self.expect(b' ', "a space is missing")
    }

    pub(crate) fn open(&mut self) -> Parsed<()> {
        self.expect(b'(', "'(' is missing")
    }

    pub(crate) fn close(&mut self) -> Parsed<()> {
        self.expect(b')', "')' is missing")
    }

    /// The command ends here.
    pub(crate) fn end(&self) -> Parsed<()> {
        if self.is_at_end() { Ok(()) } else { Err(Fault::syntax("something follows the command")) }
    }

    fn run(&mut self, inside: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !inside(*byte)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn text(bytes: &'a [u8]) -> &'a str {
        // Only called with runs of ASCII.
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// `tag`.
    pub(crate) fn tag(&mut self) -> Parsed<&'a str> {
        match self.run(is_tag_char) {
            [] => Err(Fault::syntax("a command begins with a tag")),
            tag if tag.len() > 128 => Err(Fault::limit("the tag is too long")),
            tag => Ok(Self::text(tag)),
        }
    }

    /// `atom`.
    pub(crate) fn atom(&mut self) -> Parsed<&'a str> {
        match self.run(is_atom_char) {
            [] => Err(Fault::syntax("an atom is missing")),
            atom => Ok(Self::text(atom)),
        }
    }

    /// Letters, digits and a few signs: the names of items, criteria and options.
    pub(crate) fn word(&mut self) -> Parsed<&'a str> {
        match self.run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'=' | b'_')) {
            [] => Err(Fault::syntax("a word is missing")),
            word => Ok(Self::text(word)),
        }
    }

    fn digits(&mut self) -> Parsed<u64> {
        let digits = self.run(|byte| byte.is_ascii_digit());
        if digits.is_empty() {
            return Err(Fault::syntax("a number is missing"));
        }
        Self::text(digits).parse().map_err(|_| Fault::syntax("a number is too large"))
    }

    /// `number`: 32 bits without sign.
    pub(crate) fn number(&mut self) -> Parsed<u32> {
        u32::try_from(self.digits()?).map_err(|_| Fault::syntax("a number is too large"))
    }

    /// `nz-number`: not 0, and without leading 0.
    pub(crate) fn nz_number(&mut self) -> Parsed<u32> {
        if self.peek() == Some(b'0') {
            return Err(Fault::syntax("the number must not be 0"));
        }
        self.number()
    }

    /// `number64`, `mod-sequence-value`: 63 bits without sign.
    pub(crate) fn number64(&mut self) -> Parsed<u64> {
        let number = self.digits()?;
        if i64::try_from(number).is_err() {
            return Err(Fault::syntax("a number is too large"));
        }
        Ok(number)
    }

    /// `literal` or `literal8`; where its bytes stand.
    pub(crate) fn literal(&mut self, bytes_limit: usize) -> Parsed<Range<usize>> {
        self.take(b'~');
        self.expect(b'{', "a literal is missing")?;
        let length = usize::try_from(self.digits()?).map_err(|_| Fault::limit("the literal is too large"))?;
        self.take(b'+');
        if !self.take_text("}\r\n") {
            return Err(Fault::syntax("a literal's size ends with '}' and CRLF"));
        }
        if length > bytes_limit {
            return Err(Fault::limit("the literal is too large"));
        }
        let end = self.at.saturating_add(length);
        if end > self.bytes.len() {
            return Err(Fault::syntax("the literal is cut off"));
        }
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    /// The bytes at a place.
    pub(crate) fn slice(&self, range: &Range<usize>) -> &'a [u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// `quoted`, without its quotes.
    pub(crate) fn quoted(&mut self) -> Parsed<Vec<u8>> {
        self.expect(b'"', "a quoted string is missing")?;
        let mut value = Vec::new();
        loop {
            let plain = self.run(|byte| !matches!(byte, b'"' | b'\\' | b'\r' | b'\n' | 0));
            value.extend_from_slice(plain);
            if value.len() > self.bounds.string_bytes {
                return Err(Fault::limit("the quoted string is too long"));
            }
            if self.take(b'"') {
                return Ok(value);
            }
            if !self.take(b'\\') {
                return Err(Fault::syntax("a quoted string is not closed"));
            }
            match self.peek() {
                Some(byte @ (b'"' | b'\\')) => {
                    value.push(byte);
                    self.at += 1;
                }
                _ => return Err(Fault::syntax("only '\"' and '\\' follow a '\\' in a quoted string")),
            }
        }
    }

    /// `string`: quoted or literal.
    pub(crate) fn string(&mut self) -> Parsed<Vec<u8>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => {
                let range = self.literal(self.bounds.string_bytes)?;
                let bytes = self.slice(&range);
                if bytes.contains(&0) {
                    return Err(Fault::syntax("a literal holds a NUL"));
                }
                Ok(bytes.to_vec())
            }
            _ => Err(Fault::syntax("a string is missing")),
        }
    }

    /// `astring`: `ASTRING-CHAR`s or a string.
    pub(crate) fn astring(&mut self) -> Parsed<Vec<u8>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            _ => match self.run(is_astring_char) {
                [] => Err(Fault::syntax("a string is missing")),
                atom => Ok(atom.to_vec()),
            },
        }
    }

    /// `astring` that is UTF-8.
    pub(crate) fn astring_text(&mut self) -> Parsed<String> {
        utf8(self.astring()?)
    }

    /// `list-mailbox`: with wildcards.
    pub(crate) fn list_mailbox(&mut self) -> Parsed<Vec<u8>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            _ => match self.run(|byte| is_astring_char(byte) || matches!(byte, b'%' | b'*')) {
                [] => Err(Fault::syntax("a mailbox pattern is missing")),
                pattern => Ok(pattern.to_vec()),
            },
        }
    }

    /// `nil`, compared without case.
    pub(crate) fn nil(&mut self) -> bool {
        self.take_word("NIL")
    }

    /// `nstring`.
    pub(crate) fn nstring(&mut self) -> Parsed<Option<Vec<u8>>> {
        if self.nil() { Ok(None) } else { self.string().map(Some) }
    }

    /// Elements between parentheses with single spaces between them; empty where `may_be_empty`.
    pub(crate) fn list<T>(
        &mut self,
        may_be_empty: bool,
        mut element: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        self.open()?;
        let mut elements = Vec::new();
        if may_be_empty && self.take(b')') {
            return Ok(elements);
        }
        loop {
            elements.push(element(self)?);
            if elements.len() > self.bounds.list_items {
                return Err(Fault::limit("the list is too long"));
            }
            if self.take(b')') {
                return Ok(elements);
            }
            self.space()?;
        }
    }

    /// The rest of the line.
    pub(crate) fn skip_to_end(&mut self) -> &'a [u8] {
        let rest = self.rest();
        self.at = self.bytes.len();
        rest
    }
}

/// The bytes as text.
pub(crate) fn utf8(bytes: Vec<u8>) -> Parsed<String> {
    String::from_utf8(bytes).map_err(|_| Fault::syntax("a string is not UTF-8"))
}
