//! What a commit did, as text: the audit detail, all that the hash covers, and enough to rebuild the state.
//!
//! One change a line. The first character says what it is; fields are separated by one space; names and
//! other free text are percent-encoded (`%`, space, control characters and line ends); lists of ids are
//! ranges such as `1-4,7`.
//!
//! | line | meaning |
//! |---|---|
//! | `C id kind parent role name state` | a collection was made |
//! | `M id parent role name state` | its name, place, role or properties are now these |
//! | `D id` / `U id` | it was removed with all in it / it came back |
//! | `+ coll item object content size flags state body` | an item was put in; `body` is 16 bytes of a hash in hexadecimal or `-` |
//! | `~ coll items set cleared` | these flag bits were set and cleared |
//! | `s coll item state` | its small state is now this |
//! | `c coll item content size body` | its content is now this |
//! | `> coll items target first` | moved: the new ids count up from `first` |
//! | `- coll items` | removed |
//! | `@ coll subject rights` | the subject now has these rights (0: none) |
//! | `# text` | words for people about what was changed |

mod ranges;
mod text;

pub use ranges::Ranges;

/// One change of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A collection was made.
    Make {
        /// Its id.
        id: i64,
        /// Its kind.
        kind: String,
        /// Where it lies.
        parent: i64,
        /// Its role.
        role: String,
        /// Its name.
        name: String,
        /// Its properties.
        state: String,
    },
    /// A collection's name, place, role or properties changed.
    Modify {
        /// Its id.
        id: i64,
        /// Where it lies now.
        parent: i64,
        /// Its role now.
        role: String,
        /// Its name now.
        name: String,
        /// Its properties now.
        state: String,
    },
    /// A collection was removed with all in it.
    Drop {
        /// Its id.
        id: i64,
    },
    /// A removed collection came back with what lay in it.
    Restore {
        /// Its id.
        id: i64,
    },
    /// An item was put in.
    Put {
        /// The collection.
        collection: i64,
        /// The item.
        item: i64,
        /// The object.
        object: i64,
        /// The content.
        content: i64,
        /// Its size.
        size: i64,
        /// Its flags.
        flags: i64,
        /// Its small state.
        state: Option<String>,
        /// The first half of the hash of its body.
        body: Option<[u8; 16]>,
    },
    /// Flag bits were set and cleared.
    Flags {
        /// The collection.
        collection: i64,
        /// The items.
        items: Ranges,
        /// Bits that were not set before and are now.
        set: i64,
        /// Bits that were set before and are not now.
        cleared: i64,
    },
    /// The small state of an item changed.
    State {
        /// The collection.
        collection: i64,
        /// The item.
        item: i64,
        /// The state now.
        state: Option<String>,
    },
    /// The content of an item changed.
    Content {
        /// The collection.
        collection: i64,
        /// The item.
        item: i64,
        /// The content now.
        content: i64,
        /// Its size now.
        size: i64,
        /// The first half of the hash of its body.
        body: Option<[u8; 16]>,
    },
    /// Items moved to another collection, where they have new ids.
    Move {
        /// The collection they left.
        collection: i64,
        /// The items.
        items: Ranges,
        /// The collection they are in now.
        target: i64,
        /// The id of the first of them there; the others follow in order.
        first: i64,
    },
    /// Items were removed.
    Remove {
        /// The collection.
        collection: i64,
        /// The items.
        items: Ranges,
    },
    /// A subject's rights changed.
    Share {
        /// The collection, 0 for the whole account.
        collection: i64,
        /// The person or group.
        subject: i64,
        /// The rights now.
        rights: i64,
    },
    /// Words for people.
    Words(String),
}

/// Reads the text of a commit.
///
/// # Errors
/// `Corrupt`, naming the line that is not of the grammar.
pub fn parse(text: &str) -> base::Result<Vec<Change>> {
    text.lines().map(text::parse_line).collect()
}

/// Writes changes as the text of a commit.
pub fn write(changes: &[Change]) -> String {
    let mut out = String::new();
    for change in changes {
        if !out.is_empty() {
            out.push('\n');
        }
        text::write_line(change, &mut out);
    }
    out
}
