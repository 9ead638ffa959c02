//! Accounts, collections, items, and one history of each account from which everything else is a view:
//! changes since, the state at an earlier moment, undelete, versions, the audit, live updates.
//!
//! What must stay true here:
//! - Every change of an account is one commit: a row in `commit_`, numbered without gaps, chained by hash.
//! - Items, pasts, counters and the commit are written in one transaction.
//! - Rights are asked here and in no door: an owner has all rights on its account, others what `share` says.
//! - Nothing here knows a kind of data or the directory: kinds come as [`Kind`] descriptions, people as ids.

mod accounts;
mod batch;
mod chain;
mod check;
mod kind;
mod past;
mod push;
mod read;
mod removed;
mod replay;
mod retention;
mod rights;
mod rows;
mod search;
mod verbs;

pub use accounts::{create_accounts, lock_accounts};
pub use batch::{Batch, BatchItem, Changed, Created, EditState, ItemUpdate, NewCollection, NewItem};
pub use chain::ChainKey;
pub use check::{Finding, FindingKind};
pub use codec::changes;
pub use kind::{Body, Kind, Searchable};
pub use past::{PastCollection, PastItem};
pub use push::{Push, Subscription};
pub use read::{CollectionChange, CollectionInfo, CommitInfo, Item, ItemChange, View};
pub use removed::{CommitHead, Removed, RemovedAt, RemovedCollection};
pub use retention::{Keep, Pruned};
pub use rights::{Right, Rights};
pub use rows::on_lock;
pub use search::{Candidates, Found, Hit, Lag, Scope, Search, Source, Text, Texts, TextsOf};
pub use verbs::{Change, Kernel, Many};

use store::Part;
use store::sql::Migration;

/// The tables as they were at first.
const GROUND: &str = include_str!("../schema/ground.sql");
/// Today's tables.
const SCHEMA: &str = include_str!("../schema/kernel.sql");

/// The flag that says that a person has seen an item.
pub const SEEN: i64 = 1;

/// The tables of the kernel.
pub const PART: Part = Part {
    name: "kernel",
    schema: SCHEMA,
    migrations: &[
        Migration { number: 1, name: "ground", text: GROUND },
        Migration { number: 2, name: "removed", text: include_str!("../schema/removed.sql") },
    ],
};
