//! Rights on collections: one flat table for every kind of data.

use base::{AccountId, CollectionId, Ctx, Error, Result};
use store::{Read, params};

macro_rules! rights {
    ($($name:ident = $bit:literal, $word:literal, $doc:literal;)*) => {
        /// A right on a collection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i64)]
        pub enum Right {
            $(#[doc = $doc] $name = 1 << $bit,)*
        }

        impl Right {
            /// Every right.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its word in the command line, in JSON and in messages.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it allows.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }
            }
        }
    };
}

rights! {
    Read = 0, "read", "See the collection and read its items.";
    Seen = 1, "seen", "Mark items as seen and unseen.";
    Flag = 2, "flag", "Change the other flags and properties of items.";
    Insert = 3, "insert", "Add items.";
    Change = 4, "change", "Change the content of items.";
    Delete = 5, "delete", "Remove items and move them away.";
    Child = 6, "child", "Make collections in this one.";
    Rename = 7, "rename", "Rename, move and remove the collection.";
    Share = 8, "share", "Give and take rights on the collection.";
    Post = 9, "post", "Send to the collection's own address.";
    Private = 10, "private", "See what is marked as private.";
}

/// A set of rights, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(pub i64);

impl Rights {
    /// No right.
    pub const NONE: Self = Self(0);

    /// Every right.
    pub fn all() -> Self {
        Right::ALL.iter().copied().collect()
    }

    /// Whether the right is in the set.
    pub fn has(self, right: Right) -> bool {
        self.0 & right as i64 != 0
    }

    /// Whether every right of `other` is in this set.
    pub fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The words of the rights, in their order.
    pub fn words(self) -> Vec<&'static str> {
        Right::ALL.iter().filter(|right| self.has(**right)).map(|right| right.word()).collect()
    }

    /// Reads words such as `read,seen`.
    ///
    /// # Errors
    /// `Invalid`, naming the word that is no right.
    pub fn parse(text: &str) -> Result<Self> {
        text.split([',', ' '])
            .filter(|word| !word.is_empty())
            .map(|word| {
                Right::ALL.iter().copied().find(|right| right.word() == word).ok_or_else(|| {
                    let known = Self::all().words().join(", ");
                    Error::invalid("rights", format!("'{word}' is no right; choose from {known}"))
                })
            })
            .collect()
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self(rights.into_iter().fold(0, |bits, right| bits | right as i64))
    }
}

/// The rights of the actor on a collection (0: on all of the account).
pub(crate) fn rights_of(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    account: AccountId,
    collection: CollectionId,
) -> Result<Rights> {
    if ctx.actor.system || ctx.actor.account == account {
        return Ok(Rights::all());
    }
    let subjects: Vec<i64> = ctx.actor.subjects.iter().map(|subject| subject.0).collect();
    let bits = tx.query(
        "SELECT rights FROM share WHERE account_id = $1 AND collection_id {in $2} AND subject_id {in $3}",
        params![account, vec![0, collection.0], subjects],
        |row| row.int(0),
    )?;
    Ok(Rights(bits.into_iter().fold(0, |all, bits| all | bits)))
}

/// Refuses what the rights do not allow: as "does not exist" when the actor may not even know of it.
pub(crate) fn demand(rights: Rights, wanted: Right) -> Result<()> {
    if rights.has(wanted) {
        return Ok(());
    }
    if !rights.has(Right::Read) {
        return Err(Error::not_found("collection"));
    }
    Err(Error::forbidden("rights", format!("the right '{}' on this collection is missing", wanted.word())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_words_and_bits() {
        let rights = Rights::parse("read, seen").unwrap();
        assert_eq!((rights.0, rights.words()), (3, vec!["read", "seen"]));
        assert!(Rights::all().covers(rights) && !rights.covers(Rights::all()));
        assert!(Rights::parse("rule").unwrap_err().to_string().contains("'rule' is no right"));
    }

    #[test]
    fn without_read_a_collection_does_not_exist() {
        assert_eq!(demand(Rights::NONE, Right::Insert).unwrap_err().meaning(), base::Meaning::NotFound);
        assert_eq!(demand(Rights(1), Right::Insert).unwrap_err().meaning(), base::Meaning::Forbidden);
    }
}
