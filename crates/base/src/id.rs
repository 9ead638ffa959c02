//! Ids as types of their own, so that one kind cannot be passed for another.

use std::fmt;

/// The largest id that is ever given out: MAPI keeps 48 bits.
pub const MAX_ID: i64 = (1 << 48) - 1;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub i64);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 {
                id.0
            }
        }
    )*};
}

ids! {
    /// An organisation (a tenant): the border that bodies and names do not cross.
    OrganisationId;
    /// An account: a person, group, resource or space that owns collections and a history.
    AccountId;
    /// A collection of an account: a mailbox, a calendar, an address book. Unique in the account.
    CollectionId;
    /// The place of an object in a collection (for mail: the UID). Unique in the collection.
    ItemId;
    /// An object of an account, wherever it is placed; stable over moves. Unique in the account.
    ObjectId;
    /// The number of a commit in the history of an account; the first is 1.
    Seq;
    /// A session of an actor; 0 where there is none.
    SessionId;
}
