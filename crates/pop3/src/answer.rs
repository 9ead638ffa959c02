//! What errors are called on the wire (RFC 2449 section 6, RFC 3206).

use base::{Error, Meaning};

/// The refusal of a command.
pub(crate) fn refusal(error: &Error) -> String {
    let code = match error.meaning() {
        Meaning::Limit | Meaning::Unavailable | Meaning::OverQuota => "[SYS/TEMP] ",
        Meaning::Corrupt => "[SYS/PERM] ",
        _ => "",
    };
    let text = match error.meaning() {
        Meaning::Corrupt => "Something is wrong on the server; please report it".to_owned(),
        _ => error.to_string(),
    };
    format!("-ERR {code}{text}\r\n")
}

/// The refusal of a login: `[AUTH]` says that another name or password may help.
pub(crate) fn login_refusal(error: &Error) -> String {
    match error.meaning() {
        Meaning::Forbidden | Meaning::Invalid | Meaning::NotFound => format!("-ERR [AUTH] {error}\r\n"),
        _ => refusal(error),
    }
}
