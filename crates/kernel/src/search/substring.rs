//! Which contents may hold a piece of text anywhere, also within words, as IMAP asks (RFC 9051 section 6.4.4).
//!
//! Words within the piece must be words of the text; those at its edges may be the end or the beginning of longer
//! ones, which the vocabulary of the index knows. What was not indexed as a whole is always looked at.

use base::{AccountId, Result, Seq};
use codec::fold::fold;

use super::Search;
use super::index::Clause;
use super::words::{CUT, WORD_BYTES, is_dense, is_word};

/// Contents of an account that may hold a piece of text, as far as the index knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// The commit up to which every content is indexed: what changed after it is to be looked at.
    pub seq: Seq,
    /// Contents that hold it, ascending.
    pub sure: Vec<i64>,
    /// Contents that may hold it, ascending.
    pub unsure: Vec<i64>,
    /// The index cannot say: any content may hold it.
    pub any: bool,
}

/// A word of the piece.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    word: String,
    /// What stands before it may belong to its word.
    open_left: bool,
    /// What follows it may belong to its word.
    open_right: bool,
}

/// A piece of text taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Needle {
    pieces: Vec<Piece>,
    /// Whether a text with such words holds the piece for sure.
    sure: bool,
}

impl Needle {
    fn of(text: &str) -> Self {
        let chars: Vec<char> = fold(text).chars().collect();
        let mut pieces = Vec::new();
        let kind = |c: &char| (is_dense(*c), is_word(*c));
        let mut at = 0;
        for run in chars.chunk_by(|one, other| kind(one) == kind(other)) {
            let (first, last) = (at == 0, at + run.len() == chars.len());
            at += run.len();
            match run.first().map(kind) {
                Some((true, _)) if run.len() == 1 => {
                    // It begins a pair, or stands alone at the end.
                    pieces.push(Piece { word: run.iter().collect(), open_left: false, open_right: true });
                }
                Some((true, _)) => pieces.extend(run.windows(2).map(|pair| Piece {
                    word: pair.iter().collect(),
                    open_left: false,
                    open_right: false,
                })),
                Some((false, true)) => {
                    pieces.push(Piece { word: run.iter().collect(), open_left: first, open_right: last });
                }
                _ => {}
            }
        }
        // One run that is all of the piece: a word holds it, or none does.
        let sure = pieces.len() == 1 && chars.chunk_by(|one, other| kind(one) == kind(other)).count() == 1;
        Self { pieces, sure }
    }
}

impl Search {
    /// Contents of an account that may hold a piece of text, compared as [`codec::fold`] says. That the caller may
    /// read them has to be asked of the kernel.
    ///
    /// # Errors
    /// `Unavailable` when the index cannot be read.
    pub async fn holding(&self, account: AccountId, text: &str) -> Result<Candidates> {
        let needle = Needle::of(text);
        let index = &self.0.index;
        if needle.pieces.is_empty() {
            return Ok(Candidates { any: true, ..Candidates::default() });
        }
        let mut clauses = Vec::new();
        // Such a word is in no index: only what was cut can hold it.
        let mut possible = needle.pieces.iter().all(|piece| piece.word.len() <= WORD_BYTES);
        if possible && needle.pieces.iter().any(|piece| piece.open_left) {
            let guard =
                index.vocabulary.of(&index.store, index.dialect, account, self.0.ctx.now_ms()).await?;
            for piece in &needle.pieces {
                if piece.open_left
                    && let Some(words) = guard.words()
                {
                    let found = words.holding(&piece.word, !piece.open_right);
                    possible &= !found.is_empty();
                    clauses.push(Clause::Any(found.into_iter().map(str::to_owned).collect()));
                }
            }
        }
        for piece in needle.pieces.iter().filter(|piece| !piece.open_left) {
            let word = piece.word.clone();
            clauses.push(if piece.open_right { Clause::Begins(word) } else { Clause::Any(vec![word]) });
        }
        if !possible {
            clauses.clear();
        }
        let (seq, found, cut) = index.holding(account, clauses, CUT).await?;
        let mut unsure = cut;
        let mut sure = found;
        if !needle.sure {
            unsure.append(&mut sure);
        }
        for list in [&mut sure, &mut unsure] {
            list.sort_unstable();
            list.dedup();
        }
        Ok(Candidates { seq, sure, unsure, any: false })
    }

    /// Those of these contents, ascending, of which an index that stands at a commit knows the text: a content
    /// never changes, so whatever happened to its flags and places since, the index speaks for it.
    ///
    /// # Errors
    /// `Unavailable` when the index cannot be read.
    pub async fn indexed(&self, account: AccountId, contents: Vec<i64>, seq: Seq) -> Result<Vec<i64>> {
        self.0.index.among(account, contents, seq).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_text_are_taken_apart() {
        let shown = |text: &str| {
            let needle = Needle::of(text);
            let word = |piece: &Piece| {
                let open = |open| if open { "~" } else { "" };
                format!("{}{}{}", open(piece.open_left), piece.word, open(piece.open_right))
            };
            (needle.pieces.iter().map(word).collect::<Vec<_>>().join(" "), needle.sure)
        };
        assert_eq!(shown("Élan"), ("~elan~".into(), true));
        assert_eq!(shown("rly rep"), ("~rly rep~".into(), false));
        assert_eq!(shown(" one two."), ("one two".into(), false));
        assert_eq!(shown("a-b-c"), ("~a b c~".into(), false));
        assert_eq!(shown("東京"), ("東京".into(), true));
        assert_eq!(shown("東京都"), ("東京 京都".into(), false));
        assert_eq!(shown("京x"), ("京~ x~".into(), false));
        assert_eq!(shown("..."), (String::new(), false));
    }
}
