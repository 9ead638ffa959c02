//! The capabilities that a client is told, before and after it logged in.

use base::Limits;
use wire::sasl::Mechanism;

/// What holds before and after the login.
const ALWAYS: &str = "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ENABLE ID";

/// What holds after the login.
const LOGGED_IN: &[&str] = &[
    "NAMESPACE",
    "UNSELECT",
    "IDLE",
    "UIDPLUS",
    "MOVE",
    "CONDSTORE",
    "QRESYNC",
    "ESEARCH",
    "SEARCHRES",
    "SORT",
    "SORT=DISPLAY",
    "ESORT",
    "CONTEXT=SEARCH",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "THREAD=REFS",
    "ACL",
    "RIGHTS=kxte",
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "METADATA",
    "OBJECTID",
    "PREVIEW",
    "SAVEDATE",
    "STATUS=SIZE",
    "REPLACE",
    "BINARY",
    "MULTIAPPEND",
    "CATENATE",
    "UTF8=ACCEPT",
    "CHILDREN",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "LIST-MYRIGHTS",
    "LIST-METADATA",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "WITHIN",
    "PARTIAL",
    "UIDONLY",
    "NOTIFY",
    "MULTISEARCH",
    "INPROGRESS",
    "UNAUTHENTICATE",
];

/// What a client that did not log in may do.
pub(crate) fn before_login(mechanisms: &[Mechanism], starttls: bool, login: bool) -> String {
    let mut text = ALWAYS.to_owned();
    if starttls {
        text.push_str(" STARTTLS");
    }
    for mechanism in mechanisms {
        text.push_str(" AUTH=");
        text.push_str(mechanism.name());
    }
    if !login {
        text.push_str(" LOGINDISABLED");
    }
    text
}

/// What a client that logged in may do.
pub(crate) fn after_login(limits: &Limits, is_compressed: bool) -> String {
    let mut text = ALWAYS.to_owned();
    for name in LOGGED_IN {
        text.push(' ');
        text.push_str(name);
    }
    if !is_compressed {
        text.push_str(" COMPRESS=DEFLATE");
    }
    text.push_str(" APPENDLIMIT=");
    text.push_str(&limits.message_bytes.to_string());
    text
}
