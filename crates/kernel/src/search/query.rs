//! A search as it is typed: words, all of which must be there; `"a phrase"`; `begin*`; `NOT word` or `-word`.

use base::{Error, Limits, Result};

use super::words::{Run, WORD_BYTES, runs};

/// Stands for every content in the index; no text can hold it.
pub(super) const ANY: &str = "\u{e000}";

/// Words at places relative to one another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    /// Each word with its place, and whether only its beginning is given.
    words: Vec<(usize, String, bool)>,
    negated: bool,
}

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    terms: Vec<Term>,
}

/// The pieces of the text: quoted or not, negated or not, with a star or not.
struct Piece<'t> {
    text: &'t str,
    star: bool,
    negated: bool,
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    let mut negated = false;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('-').filter(|after| !after.starts_with(char::is_whitespace)) {
            negated = true;
            rest = after;
        }
        let (piece, after) = match rest.strip_prefix('"') {
            // A quote that is not closed goes to the end.
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_at(rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len())),
        };
        let quoted = rest.starts_with('"');
        let (star, after) = match after.strip_prefix('*').filter(|_| quoted) {
            Some(after) => (true, after),
            None => (!quoted && piece.ends_with('*'), after),
        };
        if piece == "NOT" && !quoted {
            negated = true;
        } else {
            out.push(Piece { text: piece, star, negated });
            negated = false;
        }
        rest = after.trim_start();
    }
    out
}

fn term(piece: &Piece<'_>) -> Term {
    let mut words = Vec::new();
    let mut place = 0;
    for run in runs(piece.text) {
        match run {
            Run::Word(mut word) => {
                word.truncate(word.floor_char_boundary(WORD_BYTES));
                words.push((place, word, false));
                place += 1;
            }
            Run::Dense(dense) => {
                for (index, c) in dense.iter().enumerate() {
                    match dense.get(index + 1) {
                        Some(next) => words.push((place, [*c, *next].into_iter().collect(), false)),
                        // One character alone is the beginning of the pair that it begins.
                        None if dense.len() == 1 => words.push((place, c.to_string(), true)),
                        None => {}
                    }
                    place += 1;
                }
            }
        }
    }
    if piece.star
        && let Some((_, word, open)) = words.last_mut()
        && !word.is_empty()
    {
        *open = true;
    }
    Term { words, negated: piece.negated }
}

impl Query {
    /// Reads a search.
    ///
    /// # Errors
    /// `Invalid` when there is no word in it, `Limit` when there are too many.
    pub(super) fn parse(text: &str, limits: &Limits) -> Result<Self> {
        let terms: Vec<Term> = pieces(text).iter().map(term).filter(|term| !term.words.is_empty()).collect();
        if terms.is_empty() {
            return Err(Error::invalid("search", "has no word; write at least one letter or digit"));
        }
        let count: usize = terms.iter().map(|term| term.words.len()).sum();
        if count as u64 > limits.search_terms {
            let most = limits.search_terms;
            return Err(Error::limit("search", format!("has more than {most} words; use fewer")));
        }
        Ok(Self { terms })
    }

    /// Whether the index, which does not know the places of words, can only say "perhaps".
    pub(super) fn needs_text(&self) -> bool {
        self.terms.iter().any(|term| term.words.len() > 1)
    }

    /// Whether a text with these words is meant.
    pub(super) fn matches(&self, words: &[String]) -> bool {
        self.terms.iter().all(|term| term.is_in(words) != term.negated)
    }

    /// For SQLite's FTS5.
    pub(super) fn fts(&self) -> String {
        let mut all = vec![format!("\"{ANY}\"")];
        let mut none = String::new();
        for term in &self.terms {
            let words: Vec<String> = (term.words.iter())
                .map(|(_, word, open)| format!("\"{word}\"{}", if *open { " *" } else { "" }))
                .collect();
            if !term.negated {
                all.extend(words);
            } else if let [word] = &words[..] {
                none.push_str(" NOT ");
                none.push_str(word);
            }
        }
        if all.len() > 1 {
            all.remove(0);
        }
        format!("({}){none}", all.join(" AND "))
    }

    /// For PostgreSQL's `tsquery`; every word has its account before it.
    pub(super) fn tsquery(&self, account: i64) -> String {
        let mut all = vec![format!("'{account}:{ANY}'")];
        for term in &self.terms {
            // Of a phrase that must not be there each single word may be.
            if term.negated && term.words.len() > 1 {
                continue;
            }
            let not = if term.negated { "!" } else { "" };
            all.extend(
                term.words.iter().map(|(_, word, open)| {
                    format!("{not}'{account}:{word}'{}", if *open { ":*" } else { "" })
                }),
            );
        }
        if self.terms.iter().any(|term| !term.negated) {
            all.remove(0);
        }
        all.join(" & ")
    }
}

impl Term {
    fn is_in(&self, words: &[String]) -> bool {
        (0..words.len()).any(|base| {
            self.words.iter().all(|(place, word, open)| {
                words
                    .get(base + place)
                    .is_some_and(|found| if *open { found.starts_with(word.as_str()) } else { found == word })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::parse(text, &Limits::default()).unwrap()
    }

    #[test]
    fn texts_for_both_engines() {
        let typed = query("Été -spam NOT \"two words\" rep* \"a b\"");
        assert_eq!(typed.fts(), "(\"ete\" AND \"rep\" * AND \"a\" AND \"b\") NOT \"spam\"");
        assert_eq!(typed.tsquery(7), "'7:ete' & !'7:spam' & '7:rep':* & '7:a' & '7:b'");
        assert_eq!(query("-spam").fts(), format!("(\"{ANY}\") NOT \"spam\""));
        assert_eq!(query("NOT spam").tsquery(7), format!("'7:{ANY}' & !'7:spam'"));
        assert!(typed.needs_text() && !query("a b* -c").needs_text());
    }

    #[test]
    fn matching_by_words_and_places() {
        let cases = [
            ("quick fox", "the quick brown fox", true),
            ("\"quick fox\"", "the quick brown fox", false),
            ("\"quick brown\" fo*", "the quick brown fox", true),
            ("\"quick br\"*", "the quick brown fox", true),
            ("fox NOT brown", "the quick brown fox", false),
            ("fox -\"brown quick\"", "the quick brown fox", true),
            ("quick-brown", "the quick brown fox", true),
            ("brown-quick", "the quick brown fox", false),
            ("東京", "東京都 tower", true),
            ("京", "東京", true),
            ("東都", "東京都", false),
            ("\"京都 tower\"", "東京都 tower", true),
            ("\"unclosed phrase", "an unclosed phrase", true),
            ("-", "", false),
        ];
        for (typed, text, expected) in cases {
            let words = crate::search::words::words(text, 1_000);
            let found = Query::parse(typed, &Limits::default()).is_ok_and(|query| query.matches(&words));
            assert_eq!(found, expected, "{typed} in {text}");
        }
    }

    #[test]
    fn searches_without_words_and_with_too_many_are_refused() {
        assert_eq!(Query::parse(" \"\" * - ", &Limits::default()).unwrap_err().field(), "search");
        let many = "word ".repeat(33);
        assert_eq!(Query::parse(&many, &Limits::default()).unwrap_err().meaning(), base::Meaning::Limit);
    }
}
