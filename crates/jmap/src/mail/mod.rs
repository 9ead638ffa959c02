//! JMAP for mail (RFC 8621): mailboxes, threads, messages, identities and their sending.

mod blob;
mod delivery;
mod email;
mod identity;
pub(crate) mod ids;
mod mailbox;
mod snippet;
mod submission;
mod thread;

use std::sync::Arc;

use base::Limits;
use serde_json::{Value, json};

pub(crate) use email::keywords;
pub(crate) use ids::{mailbox as mailbox_id, read_email as read_email_id};
pub(crate) use mailbox::NAMES as MAILBOX_RIGHTS;

use crate::engine::{Access, Capability, Type, capabilities as names};

/// The types of mail.
pub fn types() -> Vec<Arc<dyn Type>> {
    let mail: Vec<Arc<dyn Type>> = vec![
        Arc::new(mailbox::Mailboxes),
        Arc::new(thread::Threads),
        Arc::new(email::Emails),
        Arc::new(delivery::Deliveries),
        Arc::new(snippet::Snippets),
    ];
    mail.into_iter().chain(identity::types()).chain(submission::types()).collect()
}

/// What the session says of mail.
pub fn capabilities() -> Vec<Capability> {
    vec![
        Capability {
            name: names::MAIL,
            shared: true,
            of_accounts: true,
            server: names::nothing,
            account: of_mail,
        },
        Capability {
            name: names::SUBMISSION,
            shared: false,
            of_accounts: true,
            server: names::nothing,
            account: submission::of_account,
        },
    ]
}

/// RFC 8621 section 1.3.1.
fn of_mail(limits: &Limits, access: &Access) -> Value {
    json!({
        "maxMailboxesPerEmail": null,
        "maxMailboxDepth": limits.collection_depth,
        "maxSizeMailboxName": limits.name_bytes,
        "maxSizeAttachmentsPerEmail": limits.message_bytes,
        "emailQuerySortOptions": email::sort_options(),
        "mayCreateTopLevelMailbox": access.own && !access.read_only,
    })
}
