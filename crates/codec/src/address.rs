//! Mail addresses: RFC 5321 section 4.1.2 (`Mailbox`), RFC 5322 section 3.4.1 (`addr-spec` without comments and
//! folding), RFC 6531 section 3.3 (UTF-8), RFC 6532 section 3.1.
//!
//! ```text
//! Mailbox       = Local-part "@" ( Domain / address-literal )
//! Local-part    = Dot-string / Quoted-string
//! Dot-string    = Atom *("." Atom)
//! Quoted-string = DQUOTE *( qtextSMTP / quoted-pairSMTP ) DQUOTE
//! ```

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Error, Meaning};
use unicode_normalization::UnicodeNormalization;

use crate::{domain, text};

/// Bytes of a local part (RFC 5321 section 4.5.3.1.1).
pub const MAX_LOCAL_BYTES: usize = 64;
/// Bytes of an address without its angle brackets (RFC 5321 section 4.5.3.1.3).
pub const MAX_BYTES: usize = 254;

/// The rule that an address breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Bytes that are not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// There is no `@`.
    #[error("has no @; write it as name@example.org")]
    NoAt,
    /// Longer than 254 bytes.
    #[error("has at most 254 bytes; shorten it")]
    TooLong,
    /// Nothing before the `@`.
    #[error("has nothing before the @")]
    LocalEmpty,
    /// More than 64 bytes before the `@`.
    #[error("has at most 64 bytes before the @; shorten it")]
    LocalTooLong,
    /// A dot at the start or end of the local part, or two in a row.
    #[error(
        "has a dot at the start or end, or two dots in a row, before the @; remove one or put quotes around"
    )]
    LocalDots,
    /// A character that needs quotes, or that is never allowed.
    #[error("holds a character before the @ that is not allowed there")]
    LocalCharacters,
    /// A quoted local part without its closing quote, or with something after it.
    #[error("has quotes before the @ that are not closed where they should be")]
    LocalQuotes,
    /// Nothing after the `@`, or no domain name.
    #[error("has no domain")]
    DomainEmpty,
    /// Two dots in a row in the domain, or one at its start.
    #[error("has two dots in a row in the domain, or one at its start")]
    DomainLabelEmpty,
    /// A label of more than 63 bytes.
    #[error("has a domain label of more than 63 bytes")]
    DomainLabelTooLong,
    /// A domain of more than 253 bytes.
    #[error("has a domain of more than 253 bytes")]
    DomainTooLong,
    /// A character that domain names do not have.
    #[error("has a domain with a character that domain names do not have")]
    DomainCharacters,
    /// A domain that ends in a number: an address of a machine without its brackets.
    #[error("has a domain that ends in a number; an IP address stands in brackets")]
    DomainNumeric,
    /// Brackets that hold no IP address.
    #[error("has brackets that hold no IP address")]
    Literal,
}

impl Fault {
    /// The part of the address that breaks the rule.
    pub const fn field(self) -> &'static str {
        match self {
            Self::NotUtf8 | Self::NoAt | Self::TooLong => "address",
            Self::LocalEmpty
            | Self::LocalTooLong
            | Self::LocalDots
            | Self::LocalCharacters
            | Self::LocalQuotes => "address.local_part",
            Self::DomainEmpty
            | Self::DomainLabelEmpty
            | Self::DomainLabelTooLong
            | Self::DomainTooLong
            | Self::DomainCharacters
            | Self::DomainNumeric
            | Self::Literal => "address.domain",
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let meaning = match fault {
            Fault::TooLong | Fault::LocalTooLong | Fault::DomainTooLong | Fault::DomainLabelTooLong => {
                Meaning::TooLarge
            }
            _ => Meaning::Invalid,
        };
        Self::new(meaning, fault.field(), fault.to_string())
    }
}

/// Where an address lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A domain name in lower-case A-labels.
    Domain(String),
    /// An address literal (RFC 5321 section 4.1.3): a machine by its IP address.
    Literal(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(name) => f.write_str(name),
            Self::Literal(IpAddr::V4(address)) => write!(f, "[{address}]"),
            Self::Literal(IpAddr::V6(address)) => write!(f, "[IPv6:{address}]"),
        }
    }
}

/// A mail address. Its text form is canonical: the domain in A-labels, quotes only where they are needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    local: String,
    host: Host,
}

impl Address {
    /// Reads an address; spaces around it are not part of it and are refused.
    ///
    /// # Errors
    /// The first rule that the address breaks.
    pub fn parse(address: &str) -> Result<Self, Fault> {
        // An address with a long domain in U-labels may be shorter in A-labels, never four times as long.
        if address.len() > 4 * MAX_BYTES {
            return Err(Fault::TooLong);
        }
        let (local, host) = split(address)?;
        let host = parse_host(host)?;
        let parsed = Self { local, host };
        if parsed.local.is_empty() {
            return Err(Fault::LocalEmpty);
        }
        if parsed.local.len() > MAX_LOCAL_BYTES {
            return Err(Fault::LocalTooLong);
        }
        if parsed.to_string().len() > MAX_BYTES {
            return Err(Fault::TooLong);
        }
        Ok(parsed)
    }

    /// As [`Address::parse`], from bytes of the wire.
    ///
    /// # Errors
    /// The first rule that the address breaks.
    pub fn parse_bytes(address: &[u8]) -> Result<Self, Fault> {
        Self::parse(std::str::from_utf8(address).map_err(|_| Fault::NotUtf8)?)
    }

    /// The local part without quotes, as it was written.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain or literal.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The domain's name in A-labels; none for a literal.
    pub fn domain(&self) -> Option<&str> {
        match &self.host {
            Host::Domain(name) => Some(name),
            Host::Literal(_) => None,
        }
    }

    /// The same local part at another domain, whose name is in A-labels.
    ///
    /// # Errors
    /// The whole becomes too long, or the name is no domain name.
    pub fn at_domain(&self, name: &str) -> Result<Self, Fault> {
        let moved = Self { local: self.local.clone(), host: Host::Domain(domain::parse(name)?) };
        if moved.to_string().len() > MAX_BYTES { Err(Fault::TooLong) } else { Ok(moved) }
    }

    /// The form in which an address of one of our own domains is stored and looked up: local part composed and
    /// without difference of case. Elsewhere the case of a local part belongs to others and is kept.
    ///
    /// # Errors
    /// The form is longer than an address may be (some characters grow).
    pub fn stored(&self) -> Result<Self, Fault> {
        let local = fold(&self.local);
        if local.len() > MAX_LOCAL_BYTES {
            return Err(Fault::LocalTooLong);
        }
        let stored = Self { local, host: self.host.clone() };
        if stored.to_string().len() > MAX_BYTES { Err(Fault::TooLong) } else { Ok(stored) }
    }

    /// Splits `name+detail` at the first `separator` that has something before it: the address without its
    /// detail, and the detail (RFC 5233). None when there is no detail.
    pub fn without_detail(&self, separator: char) -> Option<(Self, &str)> {
        let (name, detail) = self.local.split_once(separator)?;
        if name.is_empty() || name.ends_with('.') {
            return None;
        }
        Some((Self { local: name.to_owned(), host: self.host.clone() }, detail))
    }

    /// Whether it needs SMTPUTF8 (RFC 6531): its local part is not ASCII.
    pub fn needs_utf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// The form for people: the domain in Unicode.
    pub fn shown(&self) -> String {
        match &self.host {
            Host::Domain(name) => format!("{}@{}", Local(&self.local), domain::shown(name)),
            Host::Literal(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", Local(&self.local), self.host)
    }
}

impl std::str::FromStr for Address {
    type Err = Fault;

    fn from_str(address: &str) -> Result<Self, Fault> {
        Self::parse(address)
    }
}

/// A local part with quotes where it needs them.
struct Local<'a>(&'a str);

impl fmt::Display for Local<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(self.0) {
            return f.write_str(self.0);
        }
        f.write_str("\"")?;
        for character in self.0.chars() {
            if matches!(character, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{character}")?;
        }
        f.write_str("\"")
    }
}

/// Without difference of case, composed. Lower case may undo the composition, so that comes last.
fn fold(local: &str) -> String {
    local.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// `atext` of RFC 5322 section 3.2.3 with RFC 6532's UTF8-non-ascii.
fn is_atext(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character);
    }
    is_allowed(character) && !character.is_whitespace()
}

/// What may stand in quotes: printable ASCII and non-ASCII that can be seen.
fn is_allowed(character: char) -> bool {
    matches!(character, ' '..='~') || (!character.is_ascii() && !text::is_hidden(character))
}

fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// The local part without quotes, and the text after the `@`.
fn split(address: &str) -> Result<(String, &str), Fault> {
    if let Some(quoted) = address.strip_prefix('"') {
        return split_quoted(quoted);
    }
    let (local, host) = address.rsplit_once('@').ok_or(Fault::NoAt)?;
    if local.is_empty() {
        return Err(Fault::LocalEmpty);
    }
    if !local.chars().all(|character| character == '.' || is_atext(character)) {
        return Err(Fault::LocalCharacters);
    }
    if !is_dot_string(local) {
        return Err(Fault::LocalDots);
    }
    Ok((local.to_owned(), host))
}

fn split_quoted(quoted: &str) -> Result<(String, &str), Fault> {
    let mut local = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let after = quoted.get(at + 1..).unwrap_or_default();
                let host = after.strip_prefix('@').ok_or(if after.is_empty() {
                    Fault::NoAt
                } else {
                    Fault::LocalQuotes
                })?;
                return Ok((local, host));
            }
            '\\' => match characters.next() {
                Some((_, escaped @ ' '..='~')) => local.push(escaped),
                Some(_) => return Err(Fault::LocalCharacters),
                None => return Err(Fault::LocalQuotes),
            },
            _ if is_allowed(character) => local.push(character),
            _ => return Err(Fault::LocalCharacters),
        }
    }
    Err(Fault::LocalQuotes)
}

fn parse_host(host: &str) -> Result<Host, Fault> {
    let Some(rest) = host.strip_prefix('[') else {
        // A dot at the end is right in DNS and wrong in mail (RFC 5321 section 4.1.2).
        if host.ends_with('.') {
            return Err(if host == "." { Fault::DomainEmpty } else { Fault::DomainLabelEmpty });
        }
        return domain::parse(host).map(Host::Domain);
    };
    let inside = rest.strip_suffix(']').ok_or(Fault::Literal)?;
    let tag = inside.get(..5).unwrap_or_default();
    if tag.eq_ignore_ascii_case("IPv6:") {
        let address = inside.get(5..).unwrap_or_default().parse::<Ipv6Addr>().map_err(|_| Fault::Literal)?;
        return Ok(Host::Literal(IpAddr::V6(address)));
    }
    inside.parse::<Ipv4Addr>().map(|address| Host::Literal(IpAddr::V4(address))).map_err(|_| Fault::Literal)
}
