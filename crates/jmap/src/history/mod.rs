//! The history of mail by JMAP: what was removed and can be brought back, and images of earlier moments. A capability
//! of our own.
//!
//! What must stay true here:
//! - What is shown is a view of the history in `mail`; nothing is kept for it.
//! - Rights are asked below: who may not remove anything in a mailbox sees nothing that was removed from it; images are
//!   for who may read all of the account.

mod images;
mod mailboxes;
mod removed;

use std::collections::HashMap;
use std::sync::Arc;

use base::{AccountId, Limits, Tree};
use directory::entries;
use mail::removed::Removal;
use serde_json::{Value, json};

use crate::dates;
use crate::engine::{Access, Call, Map, MethodError, Object, Property, Shape, Type};

/// The types of the history.
pub(crate) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(removed::RemovedEmails), Arc::new(mailboxes::RemovedMailboxes), Arc::new(images::Images)]
}

/// What the session says of it: the account that shows all mail that arrived lately.
pub(crate) fn of_account(_: &Limits, access: &Access) -> Value {
    let rescue = access.own.then(|| crate::engine::ids::tree(access.account, Tree::Rescue));
    json!({ "rescueAccountId": rescue })
}

const DATE: Shape = Shape::Nullable(&Shape::UtcDate);
const TEXT: Shape = Shape::Nullable(&Shape::String);

/// When something was removed.
const REMOVED_AT: Property = Property::new("removedAt", Shape::UtcDate, "When it was removed.").server_set();
/// By whom.
const REMOVED_BY: Property =
    Property::new("removedBy", TEXT, "The address of who removed it; null: the server, or a filter.")
        .server_set();
/// Through what.
const REMOVED_THROUGH: Property =
    Property::new("removedThrough", TEXT, "The way it was removed: `jmap`, `imap`, `pop3`, `cli` and so on.")
        .server_set();
/// Until when it is kept.
const EXPIRES_AT: Property = Property::new(
    "expiresAt",
    DATE,
    "Until when it can be brought back; null while a legal hold keeps everything.",
)
.server_set();

/// Who removed things, by address.
struct Names(HashMap<AccountId, String>);

impl Names {
    async fn of(call: &Call, removals: impl Iterator<Item = Removal>) -> Result<Self, MethodError> {
        let mut accounts: Vec<AccountId> = removals.map(|removal| removal.by).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let organisation = call.ctx().actor.organisation;
        let directory = call.mail().directory();
        let found = directory.read(move |tx| entries::of_accounts(tx, organisation, &accounts)).await?;
        Ok(Self(found.into_iter().map(|entry| (entry.account, entry.address)).collect()))
    }

    /// Writes the properties of a removal.
    fn put(&self, removal: &Removal, out: &mut Object<'_>) {
        out.put("removedAt", &dates::utc(removal.at));
        out.put("removedBy", &self.0.get(&removal.by));
        out.put("removedThrough", &removal.door.map(base::Door::name));
        out.put("expiresAt", &removal.until.map(dates::utc));
    }
}

/// Null for an empty object.
fn or_null(map: Map) -> Value {
    if map.is_empty() { Value::Null } else { Value::Object(map) }
}

/// The answer of a method that does something to objects one by one.
fn answer(account: &str, done: (&str, Map), not_done: (&str, Map)) -> Map {
    Map::from_iter([
        ("accountId".to_owned(), json!(account)),
        (done.0.to_owned(), or_null(done.1)),
        (not_done.0.to_owned(), or_null(not_done.1)),
    ])
}
