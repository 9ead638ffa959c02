//! `IMAP4rev1` (RFC 3501) and `IMAP4rev2` (RFC 9051): commands of clients, and what answers are made of.
//!
//! What must stay true here:
//! - Everything is bounded by [`Bounds`]; nothing recurses deeper than it allows.
//! - Bytes of messages are never copied: the parser tells where they stand.
//! - One family of extensions a file, with its RFC.

mod access;
mod acl;
mod append;
mod bounds;
mod command;
mod cursor;
pub mod date;
mod fetch;
mod flags;
mod list;
mod mailbox;
mod metadata;
mod notify;
mod quota;
mod search;
mod set;
mod sort;
mod url;
pub mod utf7;
pub mod write;

pub use access::{Authenticate, IdField, Login};
pub use acl::{AclChange, SetAcl};
pub use append::{Append, AppendBody, AppendMessage, CatenatePart, Replace};
pub use bounds::Bounds;
pub use command::{Command, Copy, Refused, Tagged, head, parse};
pub use cursor::{Fault, FaultKind};
pub use fetch::{Fetch, FetchItem, FetchModifiers, Partial, PartialRange, Section, SectionText};
pub use flags::{Store, StoreChange};
pub use list::{List, ListReturns};
pub use mailbox::{MailboxName, Resync, Select, StatusItem};
pub use metadata::{Depth, GetMetadata, SetMetadata};
pub use notify::{Event, EventGroup, Notify, NotifyFilter};
pub use quota::SetQuota;
pub use search::{Compare, DateField, Key, MultiSearch, Returns, Search};
pub use set::{Numbers, Ranges, SequenceSet};
pub use sort::{Criterion, Sort, SortBy, Thread, ThreadAlgorithm};
pub use url::MessageUrl;
