//! What errors are called on the wire.

use base::{Error, Meaning};
use codec::managesieve::{Code, Status, write_status};

/// Writes the refusal of a command: RFC 5804 section 1.3 has the codes.
pub(crate) fn refusal(out: &mut Vec<u8>, error: &Error) {
    let code = match (error.meaning(), error.field()) {
        (Meaning::NotFound, _) => Some(Code::Nonexistent),
        (Meaning::Conflict, "script") => Some(Code::Active),
        (Meaning::Conflict, _) => Some(Code::AlreadyExists),
        (Meaning::Limit, "script") => Some(Code::QuotaMaxScripts),
        (Meaning::TooLarge | Meaning::OverQuota, _) => Some(Code::QuotaMaxSize),
        (Meaning::Limit | Meaning::Unavailable, _) => Some(Code::TryLater),
        (Meaning::Invalid | Meaning::Forbidden | Meaning::Corrupt, _) => None,
    };
    // A script's fault begins with its line: that is what people look for.
    let text = match (error.meaning(), error.field()) {
        (Meaning::Invalid, "script") => error.rule().to_owned(),
        (Meaning::Corrupt, _) => "Something is wrong on the server; please report it".to_owned(),
        _ => error.to_string(),
    };
    write_status(out, Status::No, code.as_ref(), &text);
}
