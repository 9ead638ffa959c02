//! What the index is made of: the contents of live items, as the kernel's tables have them.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use base::{AccountId, CollectionId, ItemId, ObjectId, Result, Seq};
use store::{Read, params};

use super::words::{WordSet, index_words};
use crate::kind::Kind;
use crate::rows::AccountRow;

/// A live item with what matters to search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) collection: CollectionId,
    pub(super) item: ItemId,
    pub(super) object: ObjectId,
    pub(super) content: i64,
    pub(super) content_seq: i64,
    pub(super) size: i64,
}

/// A changed item: its object, and where to go on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    pub(super) object: i64,
    pub(super) changed_seq: i64,
    pub(super) id: i64,
}

const CHANGED: &str = "
    SELECT object_id, changed_seq, id FROM item
     WHERE account_id = $1 AND collection_id = $2 AND (changed_seq > $3 OR (changed_seq = $3 AND id > $4))
       AND changed_seq >= $3 ORDER BY changed_seq, id LIMIT $5";
const PLACES: &str = "
    SELECT collection_id, id, object_id, content_id, content_seq, size FROM item
     WHERE account_id = $1 AND object_id {in $2} AND gone = 0";

/// The newest commit of an account and the one below which removals are forgotten; nothing for one not there.
pub(super) fn head(tx: &mut Read<'_>, account: AccountId) -> Result<Option<(Seq, Seq)>> {
    match AccountRow::find(tx, account) {
        Ok(row) => Ok(Some((row.seq, row.floor_seq))),
        Err(error) if error.meaning() == base::Meaning::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The collections in which anything changed after a commit.
pub(super) fn collections(tx: &mut Read<'_>, account: AccountId, since: Seq) -> Result<Vec<i64>> {
    let sql = "SELECT id FROM collection WHERE account_id = $1 AND max_seq > $2 ORDER BY id";
    tx.query(sql, params![account, since], |row| row.int(0))
}

/// A page of the items of a collection that changed after a commit and an item of it.
pub(super) fn changed(
    tx: &mut Read<'_>,
    account: AccountId,
    collection: i64,
    after: (i64, i64),
    limit: usize,
) -> Result<Vec<Moved>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.query(CHANGED, params![account, collection, after.0, after.1, limit], |row| {
        Ok(Moved { object: row.int(0)?, changed_seq: row.int(1)?, id: row.int(2)? })
    })
}

/// Where these objects live.
pub(super) fn places(tx: &mut Read<'_>, account: AccountId, objects: &[i64]) -> Result<Vec<Place>> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    tx.query(PLACES, params![account, objects], |row| {
        Ok(Place {
            collection: CollectionId(row.int(0)?),
            item: ItemId(row.int(1)?),
            object: ObjectId(row.int(2)?),
            content: row.int(3)?,
            content_seq: row.int(4)?,
            size: row.int(5)?,
        })
    })
}

/// The text of a content, shared by all who look at it.
#[derive(Clone)]
pub struct Text(Arc<Inner>);

struct Inner {
    text: String,
    words: OnceLock<WordSet>,
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Arc::new(Inner { text, words: OnceLock::new() }))
    }
}

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The words of it that are indexed: made once, however many accounts have it.
    pub(super) fn index_words(&self, limit_bytes: u64) -> &WordSet {
        self.0.words.get_or_init(|| index_words(&self.0.text, limit_bytes))
    }
}

/// What [`Texts::texts`] gives in the end: contents and their texts.
pub type TextsOf<'t> = Pin<Box<dyn Future<Output = Result<Vec<(i64, Text)>>> + Send + 't>>;

/// Where the texts of a kind of data come from that are not all in the database.
pub trait Texts: Send + Sync {
    /// The texts of contents of an account, of each about `limit_bytes` at most. Contents that are not there are left
    /// out.
    fn texts<'t>(&'t self, account: AccountId, contents: &'t [i64], limit_bytes: u64) -> TextsOf<'t>;
}

/// The kind of data that a source has the texts of, and the source.
#[derive(Clone)]
pub struct Source {
    /// The name of the kind.
    pub kind: &'static str,
    /// Where its texts come from.
    pub texts: Arc<dyn Texts>,
}

/// What the database says of the texts of some places.
pub(super) struct AtHand {
    /// Texts that it holds.
    pub(super) texts: BTreeMap<i64, Text>,
    /// Contents of kinds that have a source.
    pub(super) elsewhere: Vec<(usize, Vec<i64>)>,
}

/// The texts of the contents of these places, of those kinds that have a text.
pub(super) fn texts(
    tx: &mut Read<'_>,
    account: AccountId,
    kinds: &[Kind],
    sources: &[Source],
    places: &[Place],
) -> Result<AtHand> {
    let mut by_collection: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for place in places {
        by_collection.entry(place.collection.0).or_default().push(place.content);
    }
    let ids: Vec<i64> = by_collection.keys().copied().collect();
    let sql = "SELECT id, kind FROM collection WHERE account_id = $1 AND id {in $2}";
    let named = tx.query(sql, params![account, ids], |row| Ok((row.int(0)?, row.text(1)?)))?;
    let mut by_kind: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (id, kind) in &named {
        by_kind.entry(kind).or_default().extend(by_collection.get(id).into_iter().flatten());
    }
    let mut out = AtHand { texts: BTreeMap::new(), elsewhere: Vec::new() };
    for (name, mut contents) in by_kind {
        contents.sort_unstable();
        contents.dedup();
        if let Some(source) = sources.iter().position(|source| source.kind == name) {
            out.elsewhere.push((source, contents));
            continue;
        }
        let kind = kinds.iter().find(|kind| kind.name == name);
        if let Some(searchable) = kind.and_then(|kind| kind.searchable) {
            let read = searchable(tx, account, &contents)?;
            out.texts.extend(read.into_iter().map(|(content, text)| (content, Text::from(text))));
        }
    }
    Ok(out)
}

impl super::Inner {
    /// The texts of the contents of these places.
    pub(super) async fn texts(
        self: &Arc<Self>,
        account: AccountId,
        places: Vec<Place>,
        limit_bytes: u64,
    ) -> Result<BTreeMap<i64, Text>> {
        let inner = self.clone();
        let read = self
            .kernel
            .store()
            .read(move |tx| texts(tx, account, inner.kernel.kinds(), &inner.sources, &places));
        let AtHand { mut texts, elsewhere } = read.await?;
        for (source, contents) in elsewhere {
            if let Some(source) = self.sources.get(source) {
                texts.extend(source.texts.texts(account, &contents, limit_bytes).await?);
            }
        }
        Ok(texts)
    }
}
