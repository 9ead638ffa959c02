//! The three levels of errors (RFC 8620 section 3.6), and what errors of the floors below become.

use base::{Error, Meaning};
use serde_json::{Value, json};

use super::Map;

/// A request that is not answered at all (section 3.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// It names a capability that is not known.
    UnknownCapability(String),
    /// It is not JSON.
    NotJson(String),
    /// It is JSON, and no request.
    NotRequest(String),
    /// It is over a limit: the name of it.
    Limit(&'static str),
    /// What it needs does not answer, or is broken.
    Failed(Meaning),
}

impl RequestError {
    /// The body: problem details (RFC 7807).
    pub fn body(&self) -> Value {
        let problem = |kind: &str, status: u16, detail: &str| json!({ "type": format!("urn:ietf:params:jmap:error:{kind}"), "status": status, "detail": detail });
        match self {
            Self::UnknownCapability(name) => {
                problem("unknownCapability", 400, &format!("this server does not know the capability {name}"))
            }
            Self::NotJson(why) => problem("notJSON", 400, why),
            Self::NotRequest(why) => problem("notRequest", 400, why),
            Self::Limit(limit) => {
                let mut body = problem("limit", self.status(), "the request is over a limit of this server");
                if let Value::Object(body) = &mut body {
                    body.insert("limit".to_owned(), json!(limit));
                }
                body
            }
            Self::Failed(_) => {
                json!({ "type": "about:blank", "status": self.status(), "detail": "the server cannot answer now; try again" })
            }
        }
    }

    /// The status of HTTP.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Failed(Meaning::Unavailable) => 503,
            Self::Failed(_) => 500,
            _ => 400,
        }
    }
}

impl From<Error> for RequestError {
    fn from(error: Error) -> Self {
        if matches!(error.meaning(), Meaning::Corrupt | Meaning::Unavailable) {
            tracing::error!(?error, "a JMAP request failed");
        }
        Self::Failed(error.meaning())
    }
}

macro_rules! method_errors {
    ($($name:ident = $word:literal, $doc:literal;)*) => {
        /// A call that failed (RFC 8620 section 3.6.2, and what the sections of methods add).
        #[derive(Debug, Clone, PartialEq)]
        pub enum MethodError {
            $(#[doc = $doc] $name,)*
            /// An argument is of the wrong type, or its value breaks a rule: what, and why.
            InvalidArguments(String),
            /// An error of a type's own: its name, and more members.
            Other(&'static str, Map),
        }

        impl MethodError {
            /// Its name.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                    Self::InvalidArguments(_) => "invalidArguments",
                    Self::Other(kind, _) => kind,
                }
            }
        }
    };
}

method_errors! {
    ServerUnavailable = "serverUnavailable", "What is needed does not answer; the same call may succeed later.";
    ServerFail = "serverFail", "The server is at fault; nothing was changed.";
    ServerPartialFail = "serverPartialFail", "Some of it was done; look at the state anew.";
    UnknownMethod = "unknownMethod", "There is no such method, or its capability is not in `using`.";
    InvalidResultReference = "invalidResultReference", "A reference to the result of an earlier call leads nowhere.";
    Forbidden = "forbidden", "The right is missing.";
    AccountNotFound = "accountNotFound", "There is no such account.";
    AccountNotSupportedByMethod = "accountNotSupportedByMethod", "The account has nothing of this type.";
    AccountReadOnly = "accountReadOnly", "The account may only be read.";
    RequestTooLarge = "requestTooLarge", "More objects than a call may be about.";
    CannotCalculateChanges = "cannotCalculateChanges", "The state lies too far back: read everything anew.";
    StateMismatch = "stateMismatch", "The state is not the one that the client gave.";
    AnchorNotFound = "anchorNotFound", "The anchor is not among the results.";
    UnsupportedSort = "unsupportedSort", "It cannot be sorted so.";
    UnsupportedFilter = "unsupportedFilter", "It cannot be filtered so.";
    TooManyChanges = "tooManyChanges", "There are more changes than the client wants.";
    FromAccountNotFound = "fromAccountNotFound", "There is no account to copy from.";
    FromAccountNotSupportedByMethod = "fromAccountNotSupportedByMethod", "The account to copy from has nothing of this type.";
}

impl MethodError {
    /// An argument that breaks a rule.
    pub fn invalid_arguments(argument: &str, why: impl std::fmt::Display) -> Self {
        Self::InvalidArguments(format!("{argument}: {why}"))
    }

    /// The arguments of the answer `error`.
    pub fn body(&self) -> Map {
        let mut body = Map::new();
        if let Self::Other(_, more) = self {
            body.extend(more.clone());
        }
        if let Self::InvalidArguments(why) = self {
            body.insert("description".to_owned(), json!(why));
        }
        body.insert("type".to_owned(), json!(self.kind()));
        body
    }
}

impl From<Error> for MethodError {
    fn from(error: Error) -> Self {
        match error.meaning() {
            Meaning::NotFound if error.field() == "account" => Self::AccountNotFound,
            Meaning::NotFound | Meaning::Invalid | Meaning::Conflict => {
                Self::InvalidArguments(error.to_string())
            }
            Meaning::Forbidden => Self::Forbidden,
            Meaning::TooLarge | Meaning::Limit | Meaning::OverQuota => Self::RequestTooLarge,
            Meaning::Unavailable => {
                tracing::warn!(?error, "a JMAP call could not be answered");
                Self::ServerUnavailable
            }
            Meaning::Corrupt => {
                tracing::error!(?error, "a JMAP call failed; please report it");
                Self::ServerFail
            }
        }
    }
}

/// An object of a `set` that was refused (section 5.3).
#[derive(Debug, Clone, PartialEq)]
pub struct SetError {
    /// Its name.
    pub kind: &'static str,
    /// Why, for people.
    pub description: String,
    /// The properties that are at fault.
    pub properties: Vec<String>,
    /// More members.
    pub more: Map,
}

impl SetError {
    /// An error by its name.
    pub fn new(kind: &'static str) -> Self {
        Self { kind, description: String::new(), properties: Vec::new(), more: Map::new() }
    }

    /// There is no such object.
    pub fn not_found() -> Self {
        Self::new("notFound")
    }

    /// A property breaks a rule.
    pub fn invalid(property: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new("invalidProperties").property(property).describe(why)
    }

    /// Adds a property that is at fault.
    #[must_use]
    pub fn property(mut self, name: impl Into<String>) -> Self {
        self.properties.push(name.into());
        self
    }

    /// Says why.
    #[must_use]
    pub fn describe(mut self, why: impl Into<String>) -> Self {
        self.description = why.into();
        self
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// As JSON.
    pub fn body(&self) -> Value {
        let mut body = self.more.clone();
        body.insert("type".to_owned(), json!(self.kind));
        if !self.description.is_empty() {
            body.insert("description".to_owned(), json!(self.description));
        }
        if !self.properties.is_empty() {
            body.insert("properties".to_owned(), json!(self.properties));
        }
        Value::Object(body)
    }
}

impl From<Error> for SetError {
    fn from(error: Error) -> Self {
        let kind = match error.meaning() {
            Meaning::NotFound => "notFound",
            Meaning::Forbidden => "forbidden",
            Meaning::OverQuota => "overQuota",
            Meaning::TooLarge => "tooLarge",
            Meaning::Limit => "rateLimit",
            Meaning::Invalid | Meaning::Conflict => {
                return Self::invalid(error.field().to_owned(), error.to_string());
            }
            Meaning::Unavailable | Meaning::Corrupt => {
                tracing::error!(?error, "an object of a JMAP set failed");
                return Self::new("serverFail");
            }
        };
        Self::new(kind).describe(error.to_string())
    }
}
