//! The envelope of a message while it is given.

use codec::Address;
use directory::resolve::Recipient;
use mail::queue::Notify;

use super::command::Mail;

/// Sender and recipients of a message.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    /// The sender and what was said with it.
    pub(super) mail: Mail,
    /// The recipients that were accepted, in their order.
    pub(super) recipients: Vec<Accepted>,
    /// Not sent before this, milliseconds since 1970.
    pub(super) hold_until: Option<i64>,
}

/// A recipient that was accepted.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    /// The address as it was given.
    pub(super) address: Address,
    /// What the sender wants to hear.
    pub(super) notify: Notify,
    /// The address that it was sent to at first.
    pub(super) original: Option<String>,
    /// Mailboxes that receive.
    pub(super) mailboxes: Vec<Recipient>,
    /// Outside addresses that receive.
    pub(super) outside: Vec<String>,
    /// What stood after the separator.
    pub(super) detail: Option<String>,
    /// Whose address it is when it leads outside; none: the outside address itself.
    pub(super) forwarder: Option<base::OrganisationId>,
}

impl Envelope {
    pub(super) fn new(mail: Mail, hold_until: Option<i64>) -> Self {
        Self { mail, recipients: Vec::new(), hold_until }
    }

    /// The sender's address as text; empty for the null sender.
    pub(super) fn sender(&self) -> String {
        self.mail.sender.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}
