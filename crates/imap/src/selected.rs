//! What a session keeps of the mailbox that it selected: numbers, no messages.

use base::{AccountId, CollectionId, Ctx, Seq};
use codec::imap::Ranges;
use kernel::{Right, Rights};
use mail::{Mail, View};

/// What a client enabled (RFC 5161) or made use of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes(u8);

impl Modes {
    /// Every FETCH of flags tells the MODSEQ (RFC 7162).
    pub const CONDSTORE: Self = Self(1);
    /// VANISHED instead of EXPUNGE (RFC 7162); implies CONDSTORE.
    pub const QRESYNC: Self = Self(3);
    /// `IMAP4rev2` (RFC 9051).
    pub const REV2: Self = Self(4);
    /// `UTF8=ACCEPT` (RFC 6855).
    pub const UTF8: Self = Self(8);
    /// `UIDONLY` (RFC 9586): no message sequence numbers.
    pub const UIDONLY: Self = Self(16);

    /// Whether it is on.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Turns it on; whether it was off.
    pub fn set(&mut self, other: Self) -> bool {
        let was_off = !self.has(other);
        self.0 |= other.0;
        was_off
    }

    /// Whether strings of answers and names of mailboxes may be UTF-8.
    pub fn is_utf8(self) -> bool {
        self.has(Self::UTF8) || self.has(Self::REV2)
    }

    /// Whether messages that went are told as VANISHED.
    pub fn vanished(self) -> bool {
        self.has(Self::QRESYNC) || self.has(Self::UIDONLY)
    }
}

/// The mailbox that a session selected.
#[derive(Debug)]
pub struct Selected {
    /// Whose mailbox.
    pub account: AccountId,
    /// Which mailbox.
    pub mailbox: CollectionId,
    /// Its UIDVALIDITY.
    pub uidvalidity: u32,
    /// It was opened with EXAMINE, or the reader may change nothing in it.
    pub read_only: bool,
    /// What the reader may do.
    pub rights: Rights,
    /// The UIDs that the client was told of: the message with sequence number n is the n-th.
    pub uids: Ranges,
    /// Of these, the messages that are gone and could not be told as such yet.
    pub gone: Ranges,
    /// The UID after the largest that the client was told of.
    pub uidnext: u32,
    /// The commit up to which the client was told everything, but for `gone`.
    pub seq: Seq,
    /// `$`: the last saved result (RFC 5182).
    pub saved: Ranges,
    /// Keywords without a bit that the client was told of in FLAGS.
    pub keywords: Vec<Box<str>>,
    /// Messages of which this session was the first to hear.
    pub recent: Ranges,
    /// What all sessions share of that; there is none where nothing is `\Recent` (`IMAP4rev2`).
    pub firsts: Option<mail::recent::Recent>,
    /// Searches whose results are kept current.
    pub updates: Vec<crate::updates::Update>,
}

impl Selected {
    /// Whether flags such as these may be changed.
    pub fn may(&self, right: Right) -> bool {
        !self.read_only && self.rights.has(right)
    }

    /// Notes as `\Recent` what nobody was told of before, of messages up to `uidnext`.
    pub(crate) fn hear(&mut self, uidnext: u32) {
        let Some(firsts) = &self.firsts else { return };
        let first = if self.read_only { firsts.peek() } else { firsts.claim(uidnext) };
        let last = uidnext.saturating_sub(1);
        if first > last {
            return;
        }
        for uid in self.uids.intersect(&Ranges::span(first.max(1), last)).iter() {
            self.recent.insert(uid);
        }
        self.recent.shrink();
    }

    /// Sequence numbers and UIDs of those of the given messages that the client knows, in one walk.
    pub fn numbered(&self, uids: &Ranges) -> impl Iterator<Item = (u32, u32)> + use<> {
        let known = self.uids.intersect(uids);
        self.uids.ranks_of(uids).into_numbers().zip(known.into_numbers())
    }
}

/// What evaluating FETCH, SEARCH, SORT and THREAD may look at.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// Who asks.
    pub ctx: &'a Ctx,
    /// The messages.
    pub mail: &'a Mail,
    /// What the client knows of the mailbox.
    pub selected: &'a Selected,
    /// The mailbox as it is.
    pub view: &'a View,
    /// What the client enabled.
    pub modes: Modes,
}
