//! Domain names: stored in lower-case A-labels, shown in Unicode (UTS #46); lengths of RFC 1035 section 2.3.4.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::address::Fault;

/// The stored form of a domain name: `Bücher.Example` becomes `xn--bcher-kva.example`.
///
/// # Errors
/// The rule that the name breaks.
pub fn parse(name: &str) -> Result<String, Fault> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Err(Fault::DomainEmpty);
    }
    if name.len() > 1_024 {
        return Err(Fault::DomainTooLong);
    }
    let ascii = Uts46::new()
        .to_ascii(name.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Ignore)
        .map_err(|_| Fault::DomainCharacters)?;
    if ascii.len() > 253 {
        return Err(Fault::DomainTooLong);
    }
    let mut last = "";
    for label in ascii.split('.') {
        match label.len() {
            0 => return Err(Fault::DomainLabelEmpty),
            1..=63 => last = label,
            _ => return Err(Fault::DomainLabelTooLong),
        }
    }
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::DomainNumeric);
    }
    Ok(ascii.into_owned())
}

/// The form for people of a stored domain name; labels that are no valid Punycode stay as they are.
pub fn shown(stored: &str) -> String {
    let (unicode, result) = Uts46::new().to_unicode(stored.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow);
    if result.is_ok() { unicode.into_owned() } else { stored.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stored_in_one_form_and_shown_in_another() {
        for (typed, stored, shown_as) in [
            ("Example.ORG", "example.org", "example.org"),
            ("example.org.", "example.org", "example.org"),
            ("bücher.example", "xn--bcher-kva.example", "bücher.example"),
            ("BÜCHER.example", "xn--bcher-kva.example", "bücher.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", "bücher.example"),
            ("straße.example", "xn--strae-oqa.example", "straße.example"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah", "例え.テスト"),
            ("a-b.c1.example", "a-b.c1.example", "a-b.c1.example"),
            ("localhost", "localhost", "localhost"),
        ] {
            let parsed = parse(typed).unwrap_or_else(|fault| panic!("{typed}: {fault}"));
            assert_eq!(parsed, stored, "{typed}");
            assert_eq!(shown(&parsed), shown_as, "{typed}");
            assert_eq!(parse(&shown(&parsed)).as_deref(), Ok(stored), "{typed}: there and back");
        }
    }

    #[test]
    fn names_that_break_a_rule_say_which() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long = format!("{}example", "abcdefgh.".repeat(28));
        for (typed, fault) in [
            ("", Fault::DomainEmpty),
            (".", Fault::DomainEmpty),
            ("a..b", Fault::DomainLabelEmpty),
            (".example", Fault::DomainLabelEmpty),
            ("a_b.example", Fault::DomainCharacters),
            ("a b.example", Fault::DomainCharacters),
            ("-a.example", Fault::DomainCharacters),
            ("a-.example", Fault::DomainCharacters),
            ("a\u{0}.example", Fault::DomainCharacters),
            ("xn--\u{e9}.example", Fault::DomainCharacters),
            ("10.0.0.1", Fault::DomainNumeric),
            (long_label.as_str(), Fault::DomainLabelTooLong),
            (long.as_str(), Fault::DomainTooLong),
        ] {
            assert_eq!(parse(typed), Err(fault), "{typed:?}");
        }
    }
}
