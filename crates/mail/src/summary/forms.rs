//! Header fields in the forms in which JMAP gives them (RFC 8621 section 4.1.2). Pure; what cannot be read is `None`
//! or left out, never an error.

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, Address, HeaderValue};
use unicode_normalization::UnicodeNormalization;

use super::header;

/// An address with the name to show (RFC 8621 section 4.1.2.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addressee {
    /// The name, decoded; none where there is none.
    pub name: Option<String>,
    /// The address as it is written, `local@domain`; whatever stood there where it is none.
    pub email: String,
}

/// Addresses under the name of a group; those outside of any group have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The name of the group.
    pub name: Option<String>,
    /// Its addresses.
    pub addresses: Vec<Addressee>,
}

/// The fields of a header section in their order: names and values, these with their folds and without the line end.
pub fn all(section: &[u8]) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> {
    let fields: Vec<_> =
        header::fields(section).map(|field| (field.name, without_end(field.value))).collect();
    fields.into_iter()
}

fn without_end(value: &[u8]) -> &[u8] {
    value.strip_suffix(b"\n").map_or(value, |value| value.strip_suffix(b"\r").unwrap_or(value))
}

/// As it stands; bytes that are no UTF-8 become U+FFFD, and NUL too.
pub fn raw(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.into_owned() }
}

/// Unfolded, encoded words decoded, in normal form C.
pub fn text(value: &[u8]) -> String {
    let text = header::decoded(value);
    let text = text.trim_start();
    if text.is_ascii() { text.to_owned() } else { text.nfc().collect() }
}

fn addressee(addr: &Addr<'_>) -> Option<Addressee> {
    let clean = |text: &str| {
        let text: String = text.replace('\0', "").trim().nfc().collect();
        Some(text).filter(|text| !text.is_empty())
    };
    let name = addr.name.as_deref().and_then(clean);
    match addr.address.as_deref().and_then(clean) {
        Some(email) => Some(Addressee { name, email }),
        None => name.map(|email| Addressee { name: None, email }),
    }
}

/// Groups of addresses (section 4.1.2.4): those that follow one another outside of groups are one without a name.
pub fn grouped(value: &[u8]) -> Vec<Group> {
    let text = header::prepared(value);
    let mut stream = MessageStream::new(text.as_bytes());
    let HeaderValue::Address(address) = stream.parse_address() else { return Vec::new() };
    let list = |all: &[Addr<'_>]| all.iter().filter_map(addressee).collect::<Vec<_>>();
    match &address {
        Address::List(all) => {
            let addresses = list(all);
            if addresses.is_empty() { Vec::new() } else { vec![Group { name: None, addresses }] }
        }
        Address::Group(groups) => groups
            .iter()
            .map(|group| Group {
                name: group.name.as_deref().map(|name| name.trim().nfc().collect()),
                addresses: list(&group.addresses),
            })
            .filter(|group| group.name.is_some() || !group.addresses.is_empty())
            .collect(),
    }
}

/// Addresses, those of groups among them (section 4.1.2.3).
pub fn addresses(value: &[u8]) -> Vec<Addressee> {
    grouped(value).into_iter().flat_map(|group| group.addresses).collect()
}

/// Message ids without their brackets (section 4.1.2.5); nothing when the value is no list of them.
pub fn message_ids(value: &[u8]) -> Option<Vec<String>> {
    let text = without_comments(&header::to_text(value));
    let mut out = Vec::new();
    let mut rest = text.as_str();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            break;
        }
        let inner = rest.strip_prefix('<')?;
        let (id, after) = inner.split_once('>')?;
        let id: String = id.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        if id.is_empty() {
            return None;
        }
        out.push(id);
        rest = after;
    }
    (!out.is_empty()).then_some(out)
}

/// URLs between angle brackets, in their order (RFC 2369, section 4.1.2.7); nothing when there is none.
pub fn urls(value: &[u8]) -> Option<Vec<String>> {
    let text = header::to_text(value);
    let mut out = Vec::new();
    let mut rest: &str = &text;
    let mut depth = 0_usize;
    while let Some(at) = rest.find(['<', '(', ')', '\\']) {
        let (found, after) = rest.get(at..)?.split_at(1);
        rest = after;
        match found {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "\\" => rest = rest.get(rest.chars().next().map_or(0, char::len_utf8)..)?,
            _ if depth > 0 => {}
            _ => {
                let (url, after) = rest.split_once('>')?;
                let url: String = url.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
                if !url.is_empty() {
                    out.push(url);
                }
                rest = after;
            }
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Text without what stands in round brackets outside of quotes and angle brackets (RFC 5322 section 3.2.2).
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut depth, mut quoted, mut escaped, mut in_id) = (0_usize, false, false, false);
    for c in text.chars() {
        if std::mem::take(&mut escaped) {
            if depth == 0 {
                out.push(c);
            }
            continue;
        }
        match c {
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted && !in_id => {
                depth += 1;
                continue;
            }
            ')' if depth > 0 => {
                depth -= 1;
                continue;
            }
            '<' if depth == 0 && !quoted => in_id = true,
            '>' if depth == 0 && !quoted => in_id = false,
            _ => {}
        }
        if depth == 0 {
            out.push(c);
        }
    }
    out
}

/// The moment of a date field in the zone in which it is written, as RFC 3339 writes it (section 4.1.2.6).
pub fn date(value: &[u8]) -> Option<String> {
    let text = header::prepared(value);
    let HeaderValue::DateTime(mut date) = MessageStream::new(text.as_bytes()).parse_date() else {
        return None;
    };
    if date.second == 60 {
        date.second = 59;
    }
    date.is_valid().then(|| date.to_rfc3339())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: Option<&str>, email: &str) -> Addressee {
        Addressee { name: name.map(str::to_owned), email: email.to_owned() }
    }

    #[test]
    fn p08_addresses_are_those_of_the_example_of_rfc_8621() {
        let value = b" \"  James Smythe\" <james@example.com>, Friends:\r\n  jane@example.com, =?UTF-8?Q?John_Sm=C3=AEth?=\r\n  <john@example.com>;";
        let expected = [
            person(Some("James Smythe"), "james@example.com"),
            person(None, "jane@example.com"),
            person(Some("John Smîth"), "john@example.com"),
        ];
        assert_eq!(addresses(value), expected);
        let groups = grouped(value);
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].name.as_deref(), groups[0].addresses.len()), (None, 1));
        assert_eq!((groups[1].name.as_deref(), groups[1].addresses.len()), (Some("Friends"), 2));
        assert_eq!(addresses(b" undisclosed-recipients:;"), []);
        assert_eq!(addresses(b" "), []);
    }

    #[test]
    fn p08_ids_dates_and_urls_are_read_or_nothing() {
        assert_eq!(message_ids(b" <a@b> (c) <c@d>\r\n <e@f>").unwrap(), ["a@b", "c@d", "e@f"]);
        assert_eq!(message_ids(b" a@b"), None);
        assert_eq!(message_ids(b" <a@b"), None);
        assert_eq!(date(b" Fri, 21 Nov 1997 09:55:06 -0600").as_deref(), Some("1997-11-21T09:55:06-06:00"));
        assert_eq!(date(b" Thu, 1 Jan 1970 00:00:00 +0000").as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(date(b" yesterday"), None);
        let list = b" (Use this command to join the list)\r\n <mailto:list-manager@host.com?body=subscribe%20list>, <https://x/>";
        let expected = ["mailto:list-manager@host.com?body=subscribe%20list", "https://x/"];
        assert_eq!(urls(list).unwrap(), expected);
        assert_eq!(urls(b" NO"), None);
    }

    #[test]
    fn p08_texts_are_unfolded_decoded_and_normal() {
        assert_eq!(text(b"  =?utf-8?Q?e=CC=81t=C3=A9?=\r\n  x"), "\u{e9}t\u{e9} x");
        assert_eq!(raw(b" a\xff\r\n b"), " a\u{fffd}\r\n b");
        let found: Vec<_> = all(b"A: 1\r\nB:2\n\r\n").collect();
        assert_eq!(found, [(&b"A"[..], &b" 1"[..]), (&b"B"[..], &b"2"[..])]);
    }
}
