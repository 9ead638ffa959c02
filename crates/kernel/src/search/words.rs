//! The words of a text, made here in one way for both engines, so that both find the same.
//!
//! A word is a run of letters and digits, in lower case, without diacritics and in its compatible form (`ﬁ` is
//! `fi`, full width is half width). Scripts that write no spaces between words give every two neighbouring
//! characters as a word, and the last one alone. Each word has the place of its first character's word in the
//! text, so that a phrase can be looked up as words at neighbouring places.

use unicode_normalization::UnicodeNormalization;

/// Longer words are cut: what follows is not distinguished.
const WORD_BYTES: usize = 64;
/// Distinct words of one content, in bytes with room for a prefix: PostgreSQL takes less than 1 MiB.
const DISTINCT_BYTES: usize = 700_000;
const PREFIX_BYTES: usize = 16;

/// A run of characters that belong together.
pub(super) enum Run {
    /// A word of a script with spaces.
    Word(String),
    /// Characters of a script without.
    Dense(Vec<char>),
}

/// Accents and points that are left out: of Latin, Greek, Cyrillic, Hebrew and Arabic letters.
fn is_diacritic(c: char) -> bool {
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

/// Chinese and Japanese characters.
fn is_dense(c: char) -> bool {
    matches!(
        c,
        '\u{3005}'..='\u{3007}'
            | '\u{3041}'..='\u{309f}'
            | '\u{30a1}'..='\u{30ff}'
            | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{323af}'
    )
}

/// Vowel signs of Indic and other scripts are part of their word.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c)
}

/// The runs of a text, folded.
pub(super) fn runs(text: &str) -> impl Iterator<Item = Run> {
    let mut folded = text
        .nfkd()
        .filter(|c| !is_diacritic(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| !is_diacritic(*c))
        .nfc()
        .peekable();
    std::iter::from_fn(move || {
        while folded.next_if(|c| !is_word(*c) && !is_dense(*c)).is_some() {}
        let first = *folded.peek()?;
        if is_dense(first) {
            let mut dense = Vec::new();
            while let Some(c) = folded.next_if(|c| is_dense(*c)) {
                dense.push(c);
            }
            return Some(Run::Dense(dense));
        }
        let mut word = String::new();
        while let Some(c) = folded.next_if(|c| is_word(*c) && !is_dense(*c)) {
            if word.len() + c.len_utf8() <= WORD_BYTES {
                word.push(c);
            }
        }
        Some(Run::Word(word))
    })
}

/// The words of a text in their places: the n-th word stands at place n. Of a text longer than `limit_bytes`
/// only the beginning counts.
pub(super) fn words(text: &str, limit_bytes: u64) -> Vec<String> {
    let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let text = text.get(..text.floor_char_boundary(limit)).unwrap_or(text);
    let mut out: Vec<String> = Vec::new();
    for run in runs(text) {
        match run {
            Run::Word(word) => out.push(word),
            Run::Dense(dense) => {
                for (index, c) in dense.iter().enumerate() {
                    out.push([*c].into_iter().chain(dense.get(index + 1).copied()).collect());
                }
            }
        }
    }
    cut(&mut out);
    out
}

/// Leaves out what follows once the distinct words are too many.
fn cut(words: &mut Vec<String>) {
    if words.iter().map(|word| word.len() + PREFIX_BYTES).sum::<usize>() <= DISTINCT_BYTES {
        return;
    }
    let mut known = std::collections::HashSet::new();
    let mut bytes = 0;
    let end = words.iter().position(|word| {
        if known.insert(word.as_str()) {
            bytes += word.len() + PREFIX_BYTES;
        }
        bytes > DISTINCT_BYTES
    });
    if let Some(end) = end {
        drop(known);
        words.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(words(text, 1_000), expected, "{text}");
    }

    #[test]
    fn words_are_folded() {
        check("L'Été à Besançon, STRASSE!", &["l", "ete", "a", "besancon", "strasse"]);
        check("ﬁnance №5 ｆｕｌｌ １２", &["finance", "no5", "full", "12"]);
        check("İstanbul ΣΊΣΥΦΟΣ Ёлка", &["istanbul", "σισυφοσ", "елка"]);
        check("anne.martin@example.org", &["anne", "martin", "example", "org"]);
        check("한국어 हिन्दी", &["한국어", "हिन्दी"]);
        check("  --- \u{301}", &[]);
    }

    #[test]
    fn scripts_without_spaces_give_pairs() {
        check("東京都", &["東京", "京都", "都"]);
        check("京", &["京"]);
        check("東京tower が", &["東京", "京", "tower", "が"]);
        check("ｶﾞｽ", &["ガス", "ス"]);
    }

    #[test]
    fn long_texts_and_words_are_bounded() {
        assert_eq!(words("aé bé", 2), ["a"]);
        assert_eq!(words(&"x".repeat(500), 1_000)[0].len(), WORD_BYTES);
        let many = (0..200_000).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ");
        let kept = words(&many, 10_000_000);
        assert!((20_000..40_000).contains(&kept.len()), "{}", kept.len());
        assert_eq!(words(&"again ".repeat(200_000), 10_000_000).len(), 200_000);
    }
}
