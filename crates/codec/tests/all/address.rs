//! Mail addresses: known answers in both directions, and no input that makes the reader fail.

use base::{Error, Meaning};
use codec::Address;
use codec::address::{Fault, MAX_BYTES, MAX_LOCAL_BYTES};
use proptest::prelude::*;

#[test]
fn addresses_are_read_and_written_in_one_form() {
    for (typed, local, written, stored) in [
        ("Ada@Example.ORG", "Ada", "Ada@example.org", "ada@example.org"),
        ("a.b+c@example.org", "a.b+c", "a.b+c@example.org", "a.b+c@example.org"),
        (
            "!#$%&'*+-/=?^_`{|}~@example.org",
            "!#$%&'*+-/=?^_`{|}~",
            "!#$%&'*+-/=?^_`{|}~@example.org",
            "!#$%&'*+-/=?^_`{|}~@example.org",
        ),
        ("\"plain\"@example.org", "plain", "plain@example.org", "plain@example.org"),
        ("\"two words\"@example.org", "two words", "\"two words\"@example.org", "\"two words\"@example.org"),
        (
            "\"a\\\"b\\\\c\"@example.org",
            "a\"b\\c",
            "\"a\\\"b\\\\c\"@example.org",
            "\"a\\\"b\\\\c\"@example.org",
        ),
        ("\"a@b\"@example.org", "a@b", "\"a@b\"@example.org", "\"a@b\"@example.org"),
        ("\"dot.\"@example.org", "dot.", "\"dot.\"@example.org", "\"dot.\"@example.org"),
        ("Élodie@bücher.example", "Élodie", "Élodie@xn--bcher-kva.example", "élodie@xn--bcher-kva.example"),
        ("E\u{301}lodie@example.org", "E\u{301}lodie", "E\u{301}lodie@example.org", "élodie@example.org"),
        ("用户@例え.テスト", "用户", "用户@xn--r8jz45g.xn--zckzah", "用户@xn--r8jz45g.xn--zckzah"),
        ("root@[192.0.2.1]", "root", "root@[192.0.2.1]", "root@[192.0.2.1]"),
        ("root@[ipv6:2001:DB8::1]", "root", "root@[IPv6:2001:db8::1]", "root@[IPv6:2001:db8::1]"),
        ("root@localhost", "root", "root@localhost", "root@localhost"),
    ] {
        let address = Address::parse(typed).unwrap_or_else(|fault| panic!("{typed}: {fault}"));
        assert_eq!(address.local(), local, "{typed}");
        assert_eq!(address.to_string(), written, "{typed}");
        assert_eq!(address.stored().unwrap().to_string(), stored, "{typed}");
        assert_eq!(Address::parse(written).as_ref(), Ok(&address), "{typed}: there and back");
    }
}

#[test]
fn addresses_that_break_a_rule_say_which_part_and_which_rule() {
    let long_local = format!("{}@example.org", "a".repeat(MAX_LOCAL_BYTES + 1));
    let long = format!("{}@{}.org", "a".repeat(60), "b234567890.".repeat(18).trim_end_matches('.'));
    let longer = format!("a@{}", "b".repeat(5 * MAX_BYTES));
    for (typed, fault) in [
        ("", Fault::NoAt),
        ("ada", Fault::NoAt),
        ("\"ada\"", Fault::NoAt),
        ("@example.org", Fault::LocalEmpty),
        ("\"\"@example.org", Fault::LocalEmpty),
        (".ada@example.org", Fault::LocalDots),
        ("ada.@example.org", Fault::LocalDots),
        ("a..b@example.org", Fault::LocalDots),
        ("a b@example.org", Fault::LocalCharacters),
        ("a@b@example.org", Fault::LocalCharacters),
        ("a\u{0}@example.org", Fault::LocalCharacters),
        ("a\r\nRCPT@example.org", Fault::LocalCharacters),
        ("a\u{202E}b@example.org", Fault::LocalCharacters),
        ("a\u{3000}b@example.org", Fault::LocalCharacters),
        ("<ada@example.org>", Fault::LocalCharacters),
        (" ada@example.org", Fault::LocalCharacters),
        ("ada(comment)@example.org", Fault::LocalCharacters),
        ("\"ada@example.org", Fault::LocalQuotes),
        ("\"ada\"x@example.org", Fault::LocalQuotes),
        ("\"ada\\", Fault::LocalQuotes),
        ("\"a\\\u{7f}\"@example.org", Fault::LocalCharacters),
        ("ada@", Fault::DomainEmpty),
        ("ada@.", Fault::DomainEmpty),
        ("ada@example.org.", Fault::DomainLabelEmpty),
        ("ada@a..b", Fault::DomainLabelEmpty),
        ("ada@exa mple.org", Fault::DomainCharacters),
        ("ada@example.org ", Fault::DomainCharacters),
        ("ada@192.0.2.1", Fault::DomainNumeric),
        ("ada@[192.0.2]", Fault::Literal),
        ("ada@[192.0.2.1", Fault::Literal),
        ("ada@[IPv6:nonsense]", Fault::Literal),
        ("ada@[2001:db8::1]", Fault::Literal),
        (long_local.as_str(), Fault::LocalTooLong),
        (long.as_str(), Fault::TooLong),
        (longer.as_str(), Fault::TooLong),
    ] {
        assert_eq!(Address::parse(typed), Err(fault), "{typed:?}");
    }
    assert_eq!(Address::parse_bytes(b"\xFF@example.org"), Err(Fault::NotUtf8));
}

#[test]
fn a_fault_becomes_an_error_that_names_field_and_rule() {
    let error = Error::from(Address::parse("a..b@example.org").unwrap_err());
    assert_eq!((error.meaning(), error.field()), (Meaning::Invalid, "address.local_part"));
    let error = Error::from(Address::parse(&format!("{}@example.org", "a".repeat(65))).unwrap_err());
    assert_eq!((error.meaning(), error.field()), (Meaning::TooLarge, "address.local_part"));
    assert!(error.to_string().contains("64"));
}

#[test]
fn a_detail_is_split_off_at_the_first_separator() {
    for (typed, without, detail) in [
        ("ada+lists@example.org", "ada@example.org", "lists"),
        ("ada+a+b@example.org", "ada@example.org", "a+b"),
        ("ada+@example.org", "ada@example.org", ""),
    ] {
        let address = Address::parse(typed).unwrap();
        let (plain, split) = address.without_detail('+').unwrap();
        assert_eq!((plain.to_string().as_str(), split), (without, detail));
    }
    for typed in ["ada@example.org", "+ada@example.org", "ada-x@example.org"] {
        assert_eq!(Address::parse(typed).unwrap().without_detail('+'), None, "{typed}");
    }
}

#[test]
fn letters_that_grow_when_folded_stay_within_the_limit() {
    // U+0130 has two bytes and folds to three.
    let address = Address::parse(&format!("{}@example.org", "\u{130}".repeat(32))).unwrap();
    assert_eq!(address.stored(), Err(Fault::LocalTooLong));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_fail_and_what_it_reads_comes_back(text in any::<String>()) {
        if let Ok(address) = Address::parse(&text) {
            let written = address.to_string();
            prop_assert!(written.len() <= MAX_BYTES);
            prop_assert_eq!(Address::parse(&written), Ok(address.clone()));
            if let Ok(stored) = address.stored() {
                prop_assert_eq!(stored.stored(), Ok(stored.clone()));
            }
        }
    }

    #[test]
    fn texts_that_look_like_addresses_come_back(text in "(\"[ -~é]{0,12}\"|[a-zA-Z0-9é.+\"\\\\]{0,12})@[a-zA-Zéß0-9.\\[\\]:-]{0,20}") {
        if let Ok(address) = Address::parse(&text) {
            prop_assert_eq!(Address::parse(&address.to_string()), Ok(address.clone()));
            let stored = address.stored().unwrap();
            prop_assert_eq!(Address::parse(&stored.to_string()), Ok(stored.clone()));
            prop_assert_eq!(stored.stored(), Ok(stored));
        }
    }
}
