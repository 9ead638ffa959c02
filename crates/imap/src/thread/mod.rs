//! How THREAD puts messages together (RFC 5256 section 3): by subjects, or by references to the letter.

mod forest;
mod subjects;

use std::sync::Arc;

use codec::imap::{Ranges, ThreadAlgorithm};
use mail::digest::{Digest, Known, Order};

use crate::failure::Result;
use crate::selected::Look;
use forest::Forest;

/// A message as threading sees it.
#[derive(Debug, Clone)]
pub struct Letter<'d> {
    /// The number that stands for it in the answer.
    pub number: u32,
    /// Its sent date, else INTERNALDATE, in milliseconds.
    pub date_ms: i64,
    /// INTERNALDATE, in milliseconds.
    pub received_ms: i64,
    /// Stands for its Message-ID; 0 without one.
    pub message_id: u64,
    /// Stand for the ids that it refers to, the oldest first.
    pub refs: &'d [u64],
    /// Its base subject, in upper case.
    pub subject: &'d str,
    /// Whether its subject is that of a reply or of something forwarded.
    pub is_reply: bool,
}

/// Appends the threads as they stand on the wire: `(2)(3 6 (4 23)(44 7 96))`. `number` gives the number that stands for a
/// UID.
///
/// # Errors
/// `NO` when it cannot be evaluated.
pub async fn run(
    look: Look<'_>,
    algorithm: ThreadAlgorithm,
    uids: &Ranges,
    number: &(dyn Fn(u32) -> u32 + Sync),
    out: &mut Vec<u8>,
) -> Result<()> {
    let digest: Arc<Digest> = look.mail.digest(look.ctx, look.view).await?;
    let subjects = digest.order(Order::Subject);
    let letter = |entry: &mail::Entry| {
        let place = digest.place(entry.content).unwrap_or(usize::MAX);
        let known = digest.at(place).copied().unwrap_or_else(Known::default);
        Letter {
            number: number(entry.uid),
            date_ms: known.sent_at.unwrap_or(entry.received_at),
            received_ms: entry.received_at,
            message_id: known.message_id,
            refs: digest.refs(place),
            subject: subjects.get(place).unwrap_or_default(),
            is_reply: known.is_reply,
        }
    };
    let entries = crate::search::among(&look, uids);
    let letters: Vec<Letter<'_>> = entries.into_iter().map(letter).collect();
    write_threads(algorithm, &letters, out);
    Ok(())
}

/// Appends the threads of these messages, which stand in the order of their sequence numbers.
pub fn write_threads(algorithm: ThreadAlgorithm, letters: &[Letter<'_>], out: &mut Vec<u8>) {
    match algorithm {
        ThreadAlgorithm::OrderedSubject => subjects::write(letters, out),
        ThreadAlgorithm::References => Forest::by_references(letters, true).write(out),
        ThreadAlgorithm::Refs => Forest::by_references(letters, false).write(out),
    }
}
