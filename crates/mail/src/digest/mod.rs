//! What searching, sorting and threading ask of every message of a mailbox - subjects, addresses, ids, dates - in
//! memory, in the form in which it is compared: made when it is first asked for, grown with the mailbox, shared by
//! all sessions, and dropped when it was not used for long or there is too much of it.
//!
//! What must stay true here:
//! - Messages never change, so what is known of one stays true; messages that went only take room until it is made anew.
//! - All of it together is bounded by `digest_bytes`; a mailbox that would be larger alone is made for one request.

mod arena;
mod build;
mod registry;

use std::collections::HashMap;

pub use arena::Arena;
pub(crate) use registry::Digests;

/// A header field that is searched often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `Subject`.
    Subject,
    /// `From`.
    From,
    /// `To`.
    To,
    /// `Cc`.
    Cc,
    /// `Bcc`.
    Bcc,
    /// `Message-ID`.
    MessageId,
}

impl Field {
    /// The field with this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [
            ("Subject", Self::Subject),
            ("From", Self::From),
            ("To", Self::To),
            ("Cc", Self::Cc),
            ("Bcc", Self::Bcc),
            ("Message-ID", Self::MessageId),
        ];
        all.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, field)| field)
    }

    const COUNT: usize = 6;
}

/// What messages are sorted by that is a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The base subject (RFC 5256 section 2.1).
    Subject,
    /// The local part of the first `From` address.
    From,
    /// The local part of the first `To` address.
    To,
    /// The local part of the first `Cc` address.
    Cc,
    /// The name of the first `From` address, else the address (RFC 5957).
    DisplayFrom,
    /// The name of the first `To` address, else the address.
    DisplayTo,
}

impl Order {
    const COUNT: usize = 6;
}

/// What is known of one message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// Its conversation in this account.
    pub thread: i64,
    /// The moment of its Date field, milliseconds since 1970.
    pub sent_at: Option<i64>,
    /// The day of its Date field as it stands there, whatever the zone: days since 1970.
    pub sent_day: Option<i64>,
    /// Whether its subject is that of a reply or of something forwarded.
    pub is_reply: bool,
    /// Stands for its Message-ID; 0 without one.
    pub message_id: u64,
    /// Where its references lie.
    refs: (u32, u32),
}

/// What is known of the messages of a mailbox.
#[derive(Debug, Clone)]
pub struct Digest {
    /// By content: the place in all that follows.
    places: HashMap<i64, u32>,
    known: Vec<Known>,
    /// The references of all messages, each standing for an id.
    refs: Vec<u64>,
    fields: [Arena; Field::COUNT],
    orders: [Arena; Order::COUNT],
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            known: Vec::new(),
            refs: Vec::new(),
            fields: std::array::from_fn(|_| Arena::default()),
            orders: std::array::from_fn(|_| Arena::default()),
        }
    }
}

impl Digest {
    /// The place of a content.
    pub fn place(&self, content: i64) -> Option<usize> {
        self.places.get(&content).map(|place| *place as usize)
    }

    /// What is known of the message at a place.
    pub fn at(&self, place: usize) -> Option<&Known> {
        self.known.get(place)
    }

    /// The references of the message at a place, the oldest first.
    pub fn refs(&self, place: usize) -> &[u64] {
        let Some(Known { refs: (from, to), .. }) = self.known.get(place) else { return &[] };
        self.refs.get(*from as usize..*to as usize).unwrap_or_default()
    }

    /// The text of a field, folded (see [`codec::fold`]), of all messages.
    pub fn field(&self, field: Field) -> &Arena {
        // The array has a place for each.
        self.fields.get(field as usize).unwrap_or(&arena::EMPTY)
    }

    /// What messages are sorted by, upper case as `i;ascii-casemap` and `i;unicode-casemap` compare it.
    pub fn order(&self, order: Order) -> &Arena {
        self.orders.get(order as usize).unwrap_or(&arena::EMPTY)
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let arenas = self.fields.iter().chain(&self.orders).map(Arena::bytes).sum::<usize>();
        arenas + self.known.len() * (size_of::<Known>() + 24) + self.refs.len() * 8
    }

    fn len(&self) -> usize {
        self.known.len()
    }
}
