//! Names and free text as people type them: bounded, without control characters, in Unicode's composed form.

use base::{Error, Result};
use unicode_normalization::UnicodeNormalization;

/// Whether `character` may not stand in a name or an address: control characters, line and paragraph
/// separators, and the marks that turn the direction of the text around and so make one name look like another.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
        )
}

/// A name of one line: trimmed, composed (NFC), not empty, at most `max_bytes` long, nothing hidden in it.
///
/// # Errors
/// `Invalid` or `TooLarge`, about `field`.
pub fn name(field: &'static str, value: &str, max_bytes: u64) -> Result<String> {
    let name = optional_name(field, value, max_bytes)?;
    if name.is_empty() {
        return Err(Error::invalid(field, "is empty; give it at least one character"));
    }
    Ok(name)
}

/// As [`name`], but it may be empty.
///
/// # Errors
/// `Invalid` or `TooLarge`, about `field`.
pub fn optional_name(field: &'static str, value: &str, max_bytes: u64) -> Result<String> {
    bounded(field, value, max_bytes)?;
    let composed: String = value.trim().nfc().collect();
    bounded(field, &composed, max_bytes)?;
    match composed.chars().find(|character| is_hidden(*character)) {
        Some(character) => Err(hidden(field, character)),
        None => Ok(composed),
    }
}

/// Free text of several lines: composed, at most `max_bytes` long; line ends and tabs are its only controls.
///
/// # Errors
/// `Invalid` or `TooLarge`, about `field`.
pub fn note(field: &'static str, value: &str, max_bytes: u64) -> Result<String> {
    bounded(field, value, max_bytes)?;
    let composed: String = value.nfc().filter(|character| *character != '\r').collect();
    bounded(field, &composed, max_bytes)?;
    match composed.chars().find(|character| !matches!(character, '\n' | '\t') && is_hidden(*character)) {
        Some(character) => Err(hidden(field, character)),
        None => Ok(composed),
    }
}

/// Text from bytes that should be UTF-8.
///
/// # Errors
/// `Invalid`, about `field`, with the place of the first byte that is not.
pub fn utf8<'a>(field: &'static str, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        Error::invalid(field, format!("is not UTF-8 at byte {}; save it as UTF-8", error.valid_up_to() + 1))
    })
}

fn bounded(field: &'static str, value: &str, max_bytes: u64) -> Result<()> {
    if u64::try_from(value.len()).unwrap_or(u64::MAX) > max_bytes {
        return Err(Error::too_large(field, format!("has at most {max_bytes} bytes; shorten it")));
    }
    Ok(())
}

fn hidden(field: &'static str, character: char) -> Error {
    Error::invalid(
        field,
        format!("holds the character U+{:04X}, which cannot be seen; remove it", u32::from(character)),
    )
}

#[cfg(test)]
mod tests {
    use base::Meaning;

    use super::*;

    #[test]
    fn a_name_is_trimmed_and_composed() {
        assert_eq!(name("name", "  Zoe\u{308}  ", 255).unwrap(), "Zoë");
    }

    #[test]
    fn a_name_refuses_what_cannot_be_seen() {
        for bad in ["a\u{0}b", "a\nb", "a\u{202E}b", "a\u{200B}b", "a\u{85}b", "\u{E0041}a"] {
            let error = name("display_name", bad, 255).unwrap_err();
            assert_eq!((error.meaning(), error.field()), (Meaning::Invalid, "display_name"), "{bad:?}");
        }
        assert_eq!(name("name", " \t ", 255).unwrap_err().meaning(), Meaning::Invalid);
        assert!(name("name", "Amina \u{200D} لا", 255).is_ok(), "joiners belong to words in some scripts");
    }

    #[test]
    fn a_limit_counts_bytes_also_after_composition() {
        assert!(name("name", &"é".repeat(127), 255).is_ok());
        assert_eq!(name("name", &"é".repeat(128), 255).unwrap_err().meaning(), Meaning::TooLarge);
        // U+0958 has no composed form of its own: NFC makes it two characters.
        assert_eq!(name("name", &"\u{0958}".repeat(85), 255).unwrap_err().meaning(), Meaning::TooLarge);
    }

    #[test]
    fn a_note_keeps_its_lines() {
        assert_eq!(note("note", "one\r\n\ttwo", 100).unwrap(), "one\n\ttwo");
        assert_eq!(note("note", "bell\u{7}", 100).unwrap_err().meaning(), Meaning::Invalid);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_named_by_place() {
        let error = utf8("line", b"ab\xFFcd").unwrap_err();
        assert!(error.rule().contains("byte 3"), "{error}");
        assert_eq!(utf8("line", "é".as_bytes()).unwrap(), "é");
    }
}
