//! What is told when mail arrives, and not when anything else happens to it (RFC 8621 section 1.5).

use crate::engine::{Access, Call, Hook, Table, Type, capabilities};

/// The push of arrivals: a state without objects.
pub(super) struct Deliveries;

static TABLE: Table = Table {
    name: "EmailDelivery",
    capability: capabilities::MAIL,
    doc: "Has no objects: its state changes when an email is added, and is only told by push.",
    pushed: true,
    ..Table::EMPTY
};

impl Type for Deliveries {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, account: &'a Access) -> Hook<'a, String> {
        Box::pin(async move { Ok(call.mail().newest_message(account.account).await?.to_string()) })
    }
}
