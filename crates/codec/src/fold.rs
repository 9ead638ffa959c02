//! The form in which texts are compared when something is searched in them: in lower case, without diacritics, in
//! compatible form (`ﬁ` is `fi`), with single spaces for any white space. It goes further than the collation
//! `i;unicode-casemap` (RFC 5051), which IMAP asks for: what that finds is found, and `ete` finds `été` too.

use unicode_normalization::UnicodeNormalization;

/// Accents and points that are left out: of Latin, Greek, Cyrillic, Hebrew and Arabic letters.
pub fn is_diacritic(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}'
            | '\u{483}'..='\u{487}'
            | '\u{591}'..='\u{5c7}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}

/// The characters of a text in lower case, without diacritics, in compatible form. White space stays.
pub fn folded(text: &str) -> impl Iterator<Item = char> {
    text.nfkd().filter(|c| !is_diacritic(*c)).flat_map(char::to_lowercase).filter(|c| !is_diacritic(*c)).nfc()
}

/// Appends a text in the form in which it is searched.
pub fn push_fold(out: &mut String, text: &str) {
    let mut space = false;
    let mut push = |out: &mut String, c: char| {
        if c.is_whitespace() || c.is_control() {
            space = true;
            return;
        }
        if std::mem::take(&mut space) {
            out.push(' ');
        }
        out.push(c);
    };
    // Words are folded one by one: white space keeps them apart in every step, and most are ASCII.
    for word in text.split_inclusive(|c: char| c.is_ascii_whitespace()) {
        if word.is_ascii() {
            word.chars().for_each(|c| push(out, c.to_ascii_lowercase()));
        } else {
            folded(word).for_each(|c| push(out, c));
        }
    }
    if space {
        out.push(' ');
    }
}

/// A text in the form in which it is searched.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_fold(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_without_case_and_accents() {
        let cases = [
            ("L'Été à  Besançon\r\n\tSTRASSE", "l'ete a besancon strasse"),
            ("ﬁnance №5 ｆｕｌｌ", "finance no5 full"),
            ("İstanbul ΣΊΣΥΦΟΣ Ёлка", "istanbul σισυφοσ елка"),
            (" a ", " a "),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(fold(text), expected, "{text}");
            assert_eq!(fold(expected), expected);
        }
    }
}
