//! Tickets: what a login needs to remember between two requests, sealed, in the hands of the client. Nothing is
//! kept here for people who did not prove anything yet, so that nobody fills memory or tables with logins that
//! were only begun.
//!
//! What must stay true here:
//! - A ticket is of one kind, and is void after its time.
//! - Whoever acts on a ticket takes it first ([`Ticket::take`]): it counts once, on all nodes.

use base::{Ctx, Error, Result, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use directory::{Directory, web_sessions};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A longer one was not made here.
const MOST_BYTES: usize = 16_384;

/// Seals and opens tickets. All nodes have the same key.
pub(super) struct Tickets {
    key: LessSafeKey,
}

/// A ticket that was opened.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ticket<T> {
    id: [u8; 16],
    expires_at: i64,
    /// What it remembers.
    pub body: T,
}

fn void() -> Error {
    Error::forbidden("ticket", "is too old or was used; begin again")
}

impl Tickets {
    /// Tickets under a key.
    ///
    /// # Errors
    /// None for a key of 32 bytes.
    pub(super) fn new(key: &[u8; 32]) -> Result<Self> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key)
            .map_err(|_| Error::corrupt("key", "is none that tickets can be sealed with"))?;
        Ok(Self { key: LessSafeKey::new(key) })
    }

    /// Makes a ticket of a kind that lasts some time.
    pub(super) fn seal<T: Serialize>(&self, ctx: &Ctx, kind: &str, lasts_ms: i64, body: T) -> Result<Secret> {
        let broken = || Error::corrupt("ticket", "cannot be sealed");
        let ticket =
            Ticket { id: ctx.random.bytes::<16>(), expires_at: ctx.now_ms().saturating_add(lasts_ms), body };
        let mut text = serde_json::to_vec(&ticket).map_err(|_| broken())?;
        let nonce = ctx.random.bytes::<NONCE_LEN>();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(kind.as_bytes()),
                &mut text,
            )
            .map_err(|_| broken())?;
        let mut whole = nonce.to_vec();
        whole.extend(text);
        Ok(Secret::new(URL_SAFE_NO_PAD.encode(whole)))
    }

    /// Opens a ticket of a kind.
    ///
    /// # Errors
    /// `Forbidden` about `ticket` for what is none, is of another kind, or is too old.
    pub(super) fn open<T: DeserializeOwned>(&self, ctx: &Ctx, kind: &str, text: &str) -> Result<Ticket<T>> {
        if text.len() > MOST_BYTES {
            return Err(void());
        }
        let whole = URL_SAFE_NO_PAD.decode(text).map_err(|_| void())?;
        let (nonce, sealed) = whole.split_at_checked(NONCE_LEN).ok_or_else(void)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| void())?;
        let mut sealed = sealed.to_vec();
        let plain =
            self.key.open_in_place(nonce, Aad::from(kind.as_bytes()), &mut sealed).map_err(|_| void())?;
        let ticket: Ticket<T> = serde_json::from_slice(plain).map_err(|_| void())?;
        if ticket.expires_at <= ctx.now_ms() {
            return Err(void());
        }
        Ok(ticket)
    }
}

impl<T> Ticket<T> {
    /// Refuses a ticket that was taken, before anything is answered to whoever holds it.
    ///
    /// # Errors
    /// `Forbidden` about `ticket` when it was taken before.
    pub(super) async fn require_new(&self, directory: &Directory) -> Result<()> {
        let id = self.id;
        let taken = directory.read(move |tx| web_sessions::is_taken(tx, &id)).await?;
        if taken { Err(void()) } else { Ok(()) }
    }

    /// Takes the ticket.
    ///
    /// # Errors
    /// `Forbidden` about `ticket` when it was taken before.
    pub(super) async fn take(&self, directory: &Directory) -> Result<()> {
        let (id, expires_at) = (self.id, self.expires_at);
        let taken = directory
            .kernel()
            .store()
            .write(Vec::new(), move |tx| web_sessions::take_ticket(tx, &id, expires_at))
            .await?;
        if taken { Ok(()) } else { Err(void()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Clock, Random};

    fn ctx() -> Ctx {
        Ctx::system(Clock::manual(1_000), Random::seeded(1), std::sync::Arc::default())
    }

    #[test]
    fn a_ticket_is_of_its_kind_its_time_and_its_key() {
        let (tickets, ctx) = (Tickets::new(&[1; 32]).unwrap(), ctx());
        let sealed = tickets.seal(&ctx, "code", 100, 17_i64).unwrap();
        let text = sealed.expose();
        assert_eq!(tickets.open::<i64>(&ctx, "code", text).unwrap().body, 17);
        assert!(tickets.open::<i64>(&ctx, "password", text).is_err(), "another kind");
        assert!(tickets.open::<String>(&ctx, "code", text).is_err(), "another content");
        assert!(Tickets::new(&[2; 32]).unwrap().open::<i64>(&ctx, "code", text).is_err(), "another key");
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // The last character holds bits that stand for nothing.
            assert!(at + 1 == text.len() || tickets.open::<i64>(&ctx, "code", &changed).is_err(), "{at}");
        }
        for text in ["", "A", "AAAAAAAAAAAAAAAAAAAA", "\u{e9}", &"A".repeat(20_000)] {
            assert!(tickets.open::<i64>(&ctx, "code", text).is_err());
        }
        ctx.clock.advance_ms(100);
        assert!(tickets.open::<i64>(&ctx, "code", text).is_err(), "too old");
    }
}
