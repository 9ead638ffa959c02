//! A message as it is put into the queue.

use base::{AccountId, Ctx, Error, OrganisationId, Result};
use codec::Address;
use store::blobs::{Put, name_again};
use store::sql::{Bulk, Type};
use store::{Tx, params};

use super::{NEW, Queue, TOPIC};

/// Below 2^53, so that programs that keep numbers as floating point show it right.
const ID_SHIFT: u32 = 9;
const SECOND_MS: i64 = 1_000;
/// Bytes of an ENVID (RFC 3461 section 4.4) or of an ORCPT (section 4.2), decoded.
const DSN_TEXT_BYTES: usize = 500;

static MESSAGE: Bulk = Bulk::insert(
    "queue_message",
    &[
        ("id", Type::Int),
        ("organisation_id", Type::Int),
        ("account_id", Type::Int),
        ("hash", Type::Bytes),
        ("size", Type::Int),
        ("sender", Type::Text),
        ("envelope_id", Type::Text),
        ("return_text", Type::Text),
        ("needs_utf8", Type::Int),
        ("has_8bit", Type::Int),
        ("requires_tls", Type::Int),
        ("sign_domain", Type::Text),
        ("created_at", Type::Int),
        ("release_at", Type::Int),
        ("warn_at", Type::Int),
        ("expires_at", Type::Int),
    ],
);
static RECIPIENT: Bulk = Bulk::insert(
    "queue_recipient",
    &[
        ("message_id", Type::Int),
        ("number", Type::Int),
        ("address", Type::Text),
        ("route", Type::Text),
        ("next_at", Type::Int),
        ("notify", Type::Int),
        ("original", Type::Text),
    ],
);

/// What a sender wants to hear about a recipient (RFC 3461 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notify(i64);

impl Notify {
    /// Not said: failures and delays are reported.
    pub const DEFAULT: Self = Self(0);
    /// Reports are sent when it was delivered.
    pub const SUCCESS: Self = Self(1);
    /// Reports are sent when it failed.
    pub const FAILURE: Self = Self(2);
    /// Reports are sent when it is late.
    pub const DELAY: Self = Self(4);
    /// Nothing is reported.
    pub const NEVER: Self = Self(8);

    /// Both of what two ask for; `NEVER` goes with nothing else.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        if self.0 == 8 || other.0 == 8 { Self::NEVER } else { Self(self.0 | other.0) }
    }

    /// Whether a delivery is reported.
    pub const fn success(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether a failure is reported.
    pub const fn failure(self) -> bool {
        self.0 == 0 || self.0 & 2 != 0
    }

    /// Whether a delay is reported.
    pub const fn delay(self) -> bool {
        self.0 == 0 || self.0 & 4 != 0
    }

    /// As RCPT's parameter `NOTIFY`; none where nothing was said.
    pub fn parameter(self) -> Option<String> {
        let names = [(1, "SUCCESS"), (2, "FAILURE"), (4, "DELAY"), (8, "NEVER")];
        let said: Vec<_> = names.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, name)| *name).collect();
        (!said.is_empty()).then(|| said.join(","))
    }

    pub(super) const fn number(self) -> i64 {
        self.0
    }

    pub(super) const fn from_number(number: i64) -> Self {
        Self(number)
    }
}

/// What a report of a failure brings back (RFC 3461 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReturnText {
    /// The server decides.
    #[default]
    Default,
    /// The whole message.
    Full,
    /// Its header.
    Headers,
}

impl ReturnText {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::Full => "full",
            Self::Headers => "headers",
        }
    }

    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "full" => Self::Full,
            "headers" => Self::Headers,
            _ => Self::Default,
        }
    }

    /// As MAIL's parameter `RET`; none where nothing was said.
    pub const fn parameter(self) -> Option<&'static str> {
        match self {
            Self::Default => None,
            Self::Full => Some("FULL"),
            Self::Headers => Some("HDRS"),
        }
    }
}

/// The body of a message: just put, or named by something in the same organisation already.
#[derive(Debug, Clone)]
pub enum Body {
    /// Just put.
    Put(Put),
    /// Named already, for example by a message in a mailbox.
    Named {
        /// Its hash.
        hash: [u8; 32],
        /// Its bytes.
        size: u64,
    },
}

/// A recipient of a message that is to be queued.
#[derive(Debug, Clone, Default)]
pub struct NewRecipient {
    /// The address, with or without non-ASCII characters.
    pub address: String,
    /// What the sender wants to hear.
    pub notify: Notify,
    /// The address that it was sent to first, with its type, decoded: `rfc822;ada@example.org`.
    pub original: Option<String>,
}

impl NewRecipient {
    /// A recipient about which nothing special was said.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }
}

/// A message that is to be queued.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Whose it is: its body was put for this organisation.
    pub organisation: OrganisationId,
    /// The account that sends it; 0 for the server itself.
    pub account: AccountId,
    /// Its text, as it is to be sent but for DKIM signatures, which are made when it is sent.
    pub body: Body,
    /// The reverse path; empty for the null sender.
    pub sender: String,
    /// Its recipients.
    pub recipients: Vec<NewRecipient>,
    /// The sender's own name for it (ENVID), decoded.
    pub envelope_id: Option<String>,
    /// What a report of a failure brings back.
    pub return_text: ReturnText,
    /// Whether it was given with SMTPUTF8. Non-ASCII addresses imply it.
    pub needs_utf8: bool,
    /// Whether its body has bytes above 127.
    pub has_8bit: bool,
    /// Whether it must never be sent over a connection that is not verified (REQUIRETLS).
    pub requires_tls: bool,
    /// The domain whose keys sign it: of the author for what a person submits, of the forwarding address for what
    /// is forwarded. Without keys of that domain it is sent without a signature.
    pub sign_domain: Option<String>,
    /// Not sent before this, milliseconds since 1970 (future release).
    pub hold_until: Option<i64>,
}

impl NewMessage {
    /// A message to `recipients`, about which nothing special was said.
    pub fn new(
        organisation: OrganisationId,
        body: Body,
        sender: impl Into<String>,
        recipients: impl IntoIterator<Item = NewRecipient>,
    ) -> Self {
        Self {
            organisation,
            account: AccountId(0),
            body,
            sender: sender.into(),
            recipients: recipients.into_iter().collect(),
            envelope_id: None,
            return_text: ReturnText::Default,
            needs_utf8: false,
            has_8bit: false,
            requires_tls: false,
            sign_domain: None,
            hold_until: None,
        }
    }
}

/// A queued message, as whoever sends it needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The account that sent it; 0 for the server itself.
    pub account: AccountId,
    /// Its body.
    pub hash: [u8; 32],
    /// Bytes of the body.
    pub size: i64,
    /// The reverse path; empty for the null sender.
    pub sender: String,
    /// The sender's own name for it.
    pub envelope_id: Option<String>,
    /// What a report of a failure brings back.
    pub return_text: ReturnText,
    /// Whether it needs SMTPUTF8.
    pub needs_utf8: bool,
    /// Whether its body has bytes above 127.
    pub has_8bit: bool,
    /// Whether it must never be sent over a connection that is not verified.
    pub requires_tls: bool,
    /// The domain whose keys sign it.
    pub sign_domain: Option<String>,
    /// When it was queued, milliseconds since 1970.
    pub created_at: i64,
    /// Not sent before this.
    pub release_at: i64,
    /// From then on the sender is told that it is late.
    pub warn_at: i64,
    /// From then on a failure is final.
    pub expires_at: i64,
}

/// The destination of an address: its domain in lower-case A-labels, or its literal in brackets.
///
/// # Errors
/// `Invalid` for what is no address.
pub fn route_of(address: &str) -> Result<String> {
    let parsed = Address::parse(address).map_err(Error::from)?;
    Ok(parsed.domain().map_or_else(|| parsed.host().to_string(), str::to_owned))
}

impl Queue {
    /// Queues a message in the transaction that makes it necessary; its number. All nodes are woken once it is
    /// committed.
    ///
    /// # Errors
    /// `Invalid` for an address that is none, `Limit` for too many recipients, those of naming the body.
    pub fn enqueue(&self, tx: &mut Tx<'_>, ctx: &Ctx, new: &NewMessage) -> Result<i64> {
        let most = ctx.limits.queue_recipients_per_message;
        if new.recipients.is_empty() || new.recipients.len() as u64 > most {
            return Err(Error::limit("recipients", format!("are from 1 to {most}")));
        }
        let mut needs_utf8 = new.needs_utf8 || !new.sender.is_ascii();
        if !new.sender.is_empty() {
            route_of(&new.sender)?;
        }
        let mut rows = Vec::with_capacity(new.recipients.len());
        for recipient in &new.recipients {
            needs_utf8 |= Address::parse(&recipient.address).map_err(Error::from)?.needs_utf8();
            rows.push((recipient, route_of(&recipient.address)?));
        }
        let (hash, size) = match &new.body {
            Body::Put(put) => {
                put.name(tx)?;
                (put.hash(), put.size())
            }
            Body::Named { hash, size } => {
                name_again(tx, new.organisation, hash, ctx.now_ms())?;
                (*hash, *size)
            }
        };
        let id = ctx.random.id() >> ID_SHIFT;
        let now_ms = ctx.now_ms();
        let release_at = new.hold_until.unwrap_or(now_ms).max(now_ms);
        let after = |seconds: u64| {
            release_at.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_MS))
        };
        let warn_at = after(ctx.limits.queue_warn_seconds);
        let expires_at = after(if new.sender.is_empty() {
            ctx.limits.queue_report_lifetime_seconds
        } else {
            ctx.limits.queue_lifetime_seconds
        });
        tx.add(
            &MESSAGE,
            params![
                id,
                new.organisation,
                new.account,
                hash,
                i64::try_from(size).unwrap_or(i64::MAX),
                &new.sender,
                new.envelope_id.as_deref().map(|text| shorten(text, DSN_TEXT_BYTES)),
                new.return_text.name(),
                needs_utf8,
                new.has_8bit,
                new.requires_tls,
                new.sign_domain.as_deref(),
                now_ms,
                release_at,
                warn_at,
                expires_at
            ],
        )?;
        for (number, (recipient, route)) in (1_i64..).zip(rows) {
            let original = recipient.original.as_deref().map(|text| shorten(text, DSN_TEXT_BYTES));
            let notify = recipient.notify.number();
            tx.add(&RECIPIENT, params![id, number, &recipient.address, route, release_at, notify, original])?;
        }
        let notifier = self.0.notifier().clone();
        tx.after_commit(move || notifier.publish(TOPIC, NEW));
        Ok(id)
    }
}

impl Queue {
    /// Queues a message in a transaction of its own; its number.
    ///
    /// # Errors
    /// As [`Queue::enqueue`].
    pub async fn send(&self, ctx: &Ctx, new: NewMessage) -> Result<i64> {
        let (queue, ctx) = (self.clone(), ctx.clone());
        self.0.write([], move |tx| queue.enqueue(tx, &ctx, &new)).await
    }
}

/// At most `most` bytes of a text, whole characters, without NUL.
pub(super) fn shorten(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    for character in text.chars().filter(|character| *character != '\0') {
        if out.len() + character.len_utf8() > most {
            break;
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sender_wants_to_hear() {
        let both = Notify::SUCCESS.and(Notify::DELAY);
        assert!(both.success() && both.delay() && !both.failure());
        assert_eq!(both.parameter().as_deref(), Some("SUCCESS,DELAY"));
        assert!(Notify::DEFAULT.failure() && Notify::DEFAULT.delay() && !Notify::DEFAULT.success());
        assert_eq!(Notify::DEFAULT.parameter(), None);
        let never = Notify::NEVER.and(Notify::FAILURE);
        assert!(!never.failure() && !never.delay() && !never.success());
    }

    #[test]
    fn a_route_is_a_domain_in_a_labels() {
        assert_eq!(route_of("ada@Bücher.Example").unwrap(), "xn--bcher-kva.example");
        assert_eq!(route_of("ada@[192.0.2.1]").unwrap(), "[192.0.2.1]");
        assert!(route_of("ada").is_err());
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shorten("aé\0b", 3), "aé");
        assert_eq!(shorten("aé", 2), "a");
    }
}
