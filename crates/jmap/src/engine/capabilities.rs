//! Capabilities: their names, and what the session says of them.

use base::Limits;
use serde_json::Value;

use super::Access;

/// A capability in the session (RFC 8620 section 2).
#[derive(Debug, Clone, Copy)]
pub struct Capability {
    /// Its name.
    pub name: &'static str,
    /// Whether accounts of others have it too.
    pub shared: bool,
    /// Whether accounts have it at all; the core's and the WebSocket's is the server's only.
    pub of_accounts: bool,
    /// What stands in `capabilities`.
    pub server: fn(&Limits) -> Value,
    /// What stands in `accountCapabilities`.
    pub account: fn(&Limits, &Access) -> Value,
}

/// An object without members.
pub fn nothing(_: &Limits) -> Value {
    Value::Object(super::Map::new())
}

/// The same for an account.
pub fn nothing_of_account(_: &Limits, _: &Access) -> Value {
    Value::Object(super::Map::new())
}

/// RFC 8620.
pub const CORE: &str = "urn:ietf:params:jmap:core";
/// RFC 8621.
pub const MAIL: &str = "urn:ietf:params:jmap:mail";
/// RFC 8621 section 7.
pub const SUBMISSION: &str = "urn:ietf:params:jmap:submission";
/// RFC 8621 section 8.
pub const VACATION: &str = "urn:ietf:params:jmap:vacationresponse";
/// draft-ietf-jmap-calendars: calendar files are read.
pub const CALENDARS_PARSE: &str = "urn:ietf:params:jmap:calendars:parse";
/// RFC 9404.
pub const BLOB: &str = "urn:ietf:params:jmap:blob";
/// RFC 9425.
pub const QUOTA: &str = "urn:ietf:params:jmap:quota";
/// RFC 9661.
pub const SIEVE: &str = "urn:ietf:params:jmap:sieve";
/// RFC 9670.
pub const PRINCIPALS: &str = "urn:ietf:params:jmap:principals";
/// RFC 9670 section 1.4.2.
pub const PRINCIPALS_OWNER: &str = "urn:ietf:params:jmap:principals:owner";
/// RFC 9007.
pub const MDN: &str = "urn:ietf:params:jmap:mdn";
/// RFC 8887.
pub const WEBSOCKET: &str = "urn:ietf:params:jmap:websocket";
/// RFC 9749.
pub const VAPID: &str = "urn:ietf:params:jmap:webpush-vapid";
/// Ours: what was removed, and images of earlier moments.
pub const HISTORY: &str = "https://beffroi.org/jmap/history";
/// Ours: organisations, domains, people, groups, aliases, classes of service.
pub const DIRECTORY: &str = "https://beffroi.org/jmap/directory";
/// What can be asked of an account as the history shows it.
pub const OF_HISTORY: [&str; 2] = [MAIL, BLOB];
