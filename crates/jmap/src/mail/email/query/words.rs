//! What a client looks for, as words (RFC 8621 section 4.4.1): between quotes a phrase, else one by one.

use codec::fold::fold;

use crate::engine::Filter;

/// Words and phrases, all of which must be there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words(Vec<String>);

/// Words of one condition that are looked at.
const WORDS: usize = 32;

/// Takes a text apart.
pub(super) fn split(text: &str) -> Words {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', Some(_)) => {
                word.extend(chars.next_if(|next| matches!(next, '"' | '\'' | '\\')).or(Some('\\')));
            }
            (c, Some(open)) if c == open => {
                quote = None;
                words.push(std::mem::take(&mut word));
            }
            // A quote that is never closed, or within a word, is a character like others.
            ('"' | '\'', None) if word.is_empty() && chars.clone().any(|next| next == c) => quote = Some(c),
            (c, None) if c.is_whitespace() => words.push(std::mem::take(&mut word)),
            (c, _) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.trim().is_empty());
    words.truncate(WORDS);
    Words(words)
}

impl Words {
    pub(super) fn each(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// In the form in which texts are compared.
    pub(super) fn folded(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|word| fold(word))
    }
}

/// The words that a filter looks for in subjects, and those in bodies: for snippets.
pub(crate) fn found_terms(filter: &Filter) -> (Vec<String>, Vec<String>) {
    fn walk(filter: &Filter, out: &mut (Vec<String>, Vec<String>)) {
        match filter {
            Filter::And(all) | Filter::Or(all) => all.iter().for_each(|one| walk(one, out)),
            Filter::Not(_) => {}
            Filter::Is(tests) => {
                for test in tests {
                    let words = || test.value.as_str().map(split).map(|words| words.0).unwrap_or_default();
                    match test.name {
                        "text" => {
                            out.0.extend(words());
                            out.1.extend(words());
                        }
                        "subject" => out.0.extend(words()),
                        "body" => out.1.extend(words()),
                        _ => {}
                    }
                }
            }
        }
    }
    let mut out = (Vec::new(), Vec::new());
    walk(filter, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p08_quotes_make_phrases() {
        let read = |text: &str| split(text).0;
        assert_eq!(read("foo  bar"), ["foo", "bar"]);
        assert_eq!(read("\"foo bar\" baz"), ["foo bar", "baz"]);
        assert_eq!(read("'it\\'s here' x"), ["it's here", "x"]);
        assert_eq!(read("don't \"open"), ["don't", "\"open"]);
        assert_eq!(read("  "), Vec::<String>::new());
    }
}
