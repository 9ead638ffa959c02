//! The words of the index in memory, while somebody searches for pieces of words: a piece is found in them by one
//! pass over their bytes. On SQLite one process writes the index, and hands over the words that it adds; on PostgreSQL
//! each account has its own, and what other nodes added is asked for.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};

use base::{AccountId, Result, Seq};
use store::sql::Dialect;
use store::{Read, Store, params};
use tokio::sync::{Mutex, MutexGuard};

/// Bytes of words that are kept. More are read again for each search.
const BYTES: usize = 64 << 20;
/// Vocabularies are let go in which nobody looked for so long.
const IDLE_MS: i64 = 600_000;

/// Words, a line each, with a line feed before the first.
#[derive(Debug, Default)]
pub(super) struct Words {
    lines: String,
    known: HashSet<u64>,
    /// The commit up to which they are all there.
    seq: Seq,
    used_at: i64,
}

impl Words {
    fn add(&mut self, word: &str) {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        if self.known.insert(hasher.finish()) {
            if self.lines.is_empty() {
                self.lines.push('\n');
            }
            self.lines.push_str(word);
            self.lines.push('\n');
        }
    }

    /// The words that hold a piece; with `at_end` those that end with it.
    pub(super) fn holding(&self, piece: &str, at_end: bool) -> Vec<&str> {
        let bytes = self.lines.as_bytes();
        let needle = if at_end { format!("{piece}\n") } else { piece.to_owned() };
        let finder = memchr::memmem::Finder::new(needle.as_bytes());
        let mut out = Vec::new();
        let mut from = 0;
        while let Some(at) = bytes.get(from..).and_then(|rest| finder.find(rest)) {
            let at = from + at;
            let start =
                bytes.get(..at).and_then(|before| memchr::memrchr(b'\n', before)).map_or(0, |nl| nl + 1);
            let end = bytes
                .get(at..)
                .and_then(|rest| memchr::memchr(b'\n', rest))
                .map_or(bytes.len(), |nl| at + nl);
            out.extend(self.lines.get(start..end));
            from = end;
        }
        out
    }
}

/// The vocabularies that are in use; of all accounts together where the engine is SQLite.
#[derive(Default)]
pub(super) struct Vocabulary {
    held: Mutex<HashMap<i64, Words>>,
    /// Whether any is held, for those who only add.
    used: AtomicBool,
}

/// The vocabulary that was asked for.
pub(super) struct Guard<'v> {
    held: MutexGuard<'v, HashMap<i64, Words>>,
    key: i64,
}

impl Guard<'_> {
    pub(super) fn words(&self) -> Option<&Words> {
        self.held.get(&self.key)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.held.values().map(|words| words.lines.len()).sum::<usize>() > BYTES {
            self.held.clear();
        }
    }
}

impl Vocabulary {
    /// Takes in the words that were put into the index.
    pub(super) async fn add<'w>(&self, words: impl Iterator<Item = &'w str>, now_ms: i64) {
        if !self.used.load(Ordering::Acquire) {
            return;
        }
        let mut held = self.held.lock().await;
        held.retain(|_, words| words.used_at > now_ms - IDLE_MS);
        if held.is_empty() {
            self.used.store(false, Ordering::Release);
            *held = HashMap::new();
        }
        if let Some(all) = held.get_mut(&0) {
            words.for_each(|word| all.add(word));
        }
    }

    /// Forgets all, because the index was emptied.
    pub(super) async fn clear(&self) {
        self.held.lock().await.clear();
    }

    /// The words of an account, or of all.
    pub(super) async fn of(
        &self,
        store: &Store,
        dialect: Dialect,
        account: AccountId,
        now_ms: i64,
    ) -> Result<Guard<'_>> {
        let key = if dialect == Dialect::Sqlite { 0 } else { account.0 };
        // Whoever adds words waits until those in the index were read: none is missed.
        let mut held = self.held.lock().await;
        self.used.store(true, Ordering::Release);
        held.retain(|known, words| *known == key || words.used_at > now_ms - IDLE_MS);
        let since = held.get(&key).map(|words| words.seq);
        if dialect == Dialect::Postgres || since.is_none() {
            let since = since.unwrap_or(Seq(0));
            let (seq, new) = store.read(move |tx| read(tx, dialect, account, since)).await?;
            let words = held.entry(key).or_default();
            for word in &new {
                words.add(word);
            }
            words.seq = seq;
        }
        if let Some(words) = held.get_mut(&key) {
            words.used_at = now_ms;
        }
        Ok(Guard { held, key })
    }
}

/// The words of contents that were indexed after a commit, and the commit up to which that is all.
fn read(tx: &mut Read<'_>, dialect: Dialect, account: AccountId, since: Seq) -> Result<(Seq, Vec<String>)> {
    let seq = super::index::cursor(tx, account)?;
    if dialect == Dialect::Sqlite {
        return Ok((seq, tx.query("SELECT term FROM search_vocabulary", [], |row| row.text(0))?));
    }
    if seq <= since && since > Seq(0) {
        return Ok((seq, Vec::new()));
    }
    let sql = "SELECT DISTINCT word FROM search_doc d, unnest(tsvector_to_array(d.words)) word \
               WHERE d.account_id = $1 AND d.content_seq > $2";
    let words = tx.query(sql, params![account, since], |row| row.text(0))?;
    // Each has its account before it.
    let plain = |word: String| word.split_once(':').map(|(_, word)| word.to_owned()).unwrap_or(word);
    Ok((seq, words.into_iter().map(plain).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_by_their_pieces() {
        let mut words = Words::default();
        for word in ["alpha", "alphabet", "beta", "alpha", "b"] {
            words.add(word);
        }
        assert_eq!(words.holding("alpha", false), ["alpha", "alphabet"]);
        assert_eq!(words.holding("alpha", true), ["alpha"]);
        assert_eq!(words.holding("b", false), ["alphabet", "beta", "b"]);
        assert_eq!(words.holding("b", true), ["b"]);
        assert_eq!(words.holding("pha\nb", false), Vec::<&str>::new());
    }
}
