//! JMAP for mail (RFC 8621): mailboxes, threads, messages, identities and their sending.

use std::sync::Arc;

use crate::engine::{Capability, Type};

/// The types of mail.
pub fn types() -> Vec<Arc<dyn Type>> {
    Vec::new()
}

/// What the session says of mail.
pub fn capabilities() -> Vec<Capability> {
    Vec::new()
}
