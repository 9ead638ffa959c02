//! The words of a text, made here in one way for both engines, so that both find the same.
//!
//! A word is a run of letters and digits, in lower case, without diacritics and in its compatible form (`ﬁ` is
//! `fi`, full width is half width). Scripts that write no spaces between words give every two neighbouring
//! characters as a word, and the last one alone. Each word has the place of its first character's word in the
//! text, so that a phrase can be looked up as words at neighbouring places.

use std::collections::HashSet;
use std::sync::Arc;

use codec::fold::folded;
use foldhash::fast::RandomState;

/// Longer words are cut: what follows is not distinguished.
pub(super) const WORD_BYTES: usize = 64;
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

/// Chinese and Japanese characters.
pub(super) fn is_dense(c: char) -> bool {
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
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c)
}

/// The runs of a text, folded.
pub(super) fn runs(text: &str) -> impl Iterator<Item = Run> {
    let mut folded = folded(text).peekable();
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
            word.push(c);
        }
        Some(Run::Word(word))
    })
}

/// Stands for a content of which not everything is in the index: its text has to be read.
pub(super) const CUT: &str = "\u{e001}";

/// Appends a word, cut where it is too long; whether it was.
fn push_word(out: &mut Vec<String>, mut word: String) -> bool {
    let cut = word.len() > WORD_BYTES;
    if cut {
        word.truncate(word.floor_char_boundary(WORD_BYTES));
    }
    out.push(word);
    cut
}

/// The words of a text in their places, and whether anything of it was left out.
fn places(text: &str, limit_bytes: u64) -> (Vec<String>, bool) {
    let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let (whole, text) = (text.len(), text.get(..text.floor_char_boundary(limit)).unwrap_or(text));
    let mut short = text.len() < whole;
    let mut out: Vec<String> = Vec::new();
    // White space keeps words apart in every step of folding, and most words are ASCII.
    for piece in text.split_ascii_whitespace() {
        if piece.is_ascii() {
            for word in piece.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
                short |= push_word(&mut out, word.to_ascii_lowercase());
            }
            continue;
        }
        for run in runs(piece) {
            match run {
                Run::Word(word) => short |= push_word(&mut out, word),
                Run::Dense(dense) => {
                    for (index, c) in dense.iter().enumerate() {
                        out.push([*c].into_iter().chain(dense.get(index + 1).copied()).collect());
                    }
                }
            }
        }
    }
    let before = out.len();
    cut(&mut out);
    short |= out.len() < before;
    (out, short)
}

/// The distinct words of a text, in one piece: with a space between them. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WordSet(Arc<str>);

impl WordSet {
    fn of<'w>(words: impl Iterator<Item = &'w str>) -> Self {
        let mut known = HashSet::with_capacity_and_hasher(1_024, RandomState::default());
        let mut joined = String::new();
        for word in words.filter(|word| known.insert(*word)) {
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(word);
        }
        Self(joined.into())
    }

    /// All of them, with a space between them.
    pub(super) fn joined(&self) -> &str {
        &self.0
    }

    /// The words.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|word| !word.is_empty())
    }
}

/// The words of a text for the index, with [`CUT`] when that is not all of it.
pub(super) fn index_words(text: &str, limit_bytes: u64) -> WordSet {
    if let Some(words) = plain_words(text, limit_bytes) {
        return words;
    }
    let (words, short) = places(text, limit_bytes);
    WordSet::of(words.iter().map(String::as_str).chain(short.then_some(CUT)))
}

/// The same for the usual text, which is ASCII, short enough and without long words: the most frequent case, which
/// makes no word of its own.
fn plain_words(text: &str, limit_bytes: u64) -> Option<WordSet> {
    let short = text.len() < DISTINCT_BYTES / PREFIX_BYTES && text.len() as u64 <= limit_bytes;
    if !short || !text.is_ascii() {
        return None;
    }
    let text = text.to_ascii_lowercase().into_bytes();
    let words = || text.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    if words().any(|word| word.len() > WORD_BYTES) {
        return None;
    }
    let mut known = HashSet::with_capacity_and_hasher(1_024, RandomState::default());
    let mut joined = Vec::with_capacity(text.len() / 2);
    for word in words().filter(|word| known.insert(*word)) {
        if !joined.is_empty() {
            joined.push(b' ');
        }
        joined.extend_from_slice(word);
    }
    String::from_utf8(joined).ok().map(|joined| WordSet(joined.into()))
}

/// The words of a text in their places: the n-th word stands at place n. Of a text longer than `limit_bytes`
/// only the beginning counts.
pub(super) fn words(text: &str, limit_bytes: u64) -> Vec<String> {
    places(text, limit_bytes).0
}

/// Leaves out what follows once the distinct words are too many.
fn cut(words: &mut Vec<String>) {
    if words.iter().map(|word| word.len() + PREFIX_BYTES).sum::<usize>() <= DISTINCT_BYTES {
        return;
    }
    let mut known = HashSet::new();
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
    fn plain_text_gives_the_same_words_as_any_other() {
        let text = "From: Ada <ada.l@example.org>\r\nre: RE-sent 3.5 a_b\tc--d";
        let all = words(text, 1_000);
        assert_eq!(index_words(text, 1_000), WordSet::of(all.iter().map(String::as_str)));
        assert_eq!(index_words("a b a", 1_000).joined(), "a b");
    }

    #[test]
    fn scripts_without_spaces_give_pairs() {
        check("東京都", &["東京", "京都", "都"]);
        check("京", &["京"]);
        check("東京tower が", &["東京", "京", "tower", "が"]);
        check("ｶﾞｽ", &["ガス", "ス"]);
    }

    fn is_cut(text: &str, limit_bytes: u64) -> bool {
        index_words(text, limit_bytes).iter().any(|word| word == CUT)
    }

    #[test]
    fn what_is_not_whole_is_marked() {
        assert!(!is_cut("a b", 3));
        assert!(is_cut("a bc", 3));
        assert!(is_cut(&"x".repeat(65), 1_000));
        assert!(!is_cut(&"x".repeat(64), 1_000));
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
