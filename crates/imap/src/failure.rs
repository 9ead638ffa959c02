//! How a command ends: the answers `OK`, `NO` and `BAD` with their response codes (RFC 9051 section 7.1, RFC 5530).

use std::borrow::Cow;

use base::{Error, Meaning};
use codec::imap::{Fault as Grammar, FaultKind};
use wire::Fault;

/// The code and text of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// What stands between the brackets; empty for none.
    pub code: Cow<'static, str>,
    /// What people read.
    pub text: Cow<'static, str>,
}

/// Why a command did not end well.
#[derive(Debug)]
pub enum Failure {
    /// It was understood, and refused.
    No(Words),
    /// It was not understood, or came at the wrong time.
    Bad(Words),
    /// The connection is of no use any more.
    Gone(Fault),
}

/// The result of a command or a part of one.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// `NO [code] text`.
    pub fn no(code: impl Into<Cow<'static, str>>, text: impl Into<Cow<'static, str>>) -> Self {
        Self::No(Words { code: code.into(), text: text.into() })
    }

    /// `BAD text`.
    pub fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Bad(Words { code: Cow::Borrowed(""), text: text.into() })
    }

    /// `BAD [code] text`.
    pub fn bad_code(code: &'static str, text: &'static str) -> Self {
        Self::Bad(Words { code: Cow::Borrowed(code), text: Cow::Borrowed(text) })
    }
}

/// The response code of what went wrong below: the one place where meanings become words of IMAP.
fn code(error: &Error) -> &'static str {
    match error.meaning() {
        Meaning::NotFound => "NONEXISTENT",
        Meaning::Forbidden => "NOPERM",
        Meaning::Conflict => "ALREADYEXISTS",
        Meaning::OverQuota => "OVERQUOTA",
        Meaning::Invalid => "CANNOT",
        Meaning::TooLarge => "TOOBIG",
        Meaning::Limit => "LIMIT",
        Meaning::Unavailable => "UNAVAILABLE",
        Meaning::Corrupt => "SERVERBUG",
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if matches!(error.meaning(), Meaning::Corrupt) {
            tracing::error!(?error, "an IMAP command met something broken");
        } else {
            tracing::debug!(?error, "an IMAP command was refused");
        }
        // An answer is one line: nothing in it may end it.
        let text = error.to_string().replace(['\r', '\n'], " ");
        Self::no(code(&error), text)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Gone(fault)
    }
}

impl From<Grammar> for Failure {
    fn from(fault: Grammar) -> Self {
        match fault.kind {
            FaultKind::Syntax | FaultKind::Unknown => Self::bad(fault.text),
            FaultKind::Name | FaultKind::Cannot => Self::no("CANNOT", fault.text),
            FaultKind::Charset => Self::no("BADCHARSET (US-ASCII UTF-8)", fault.text),
            FaultKind::Limit => Self::bad_code("LIMIT", fault.text),
        }
    }
}

impl From<std::convert::Infallible> for Failure {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
