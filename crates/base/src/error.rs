//! Errors by meaning: one closed list that every door maps to its wire format in one function.

use std::borrow::Cow;
use std::fmt;

/// The result of everything that can fail below the doors.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an error means to whoever asked. Closed on purpose: a door maps each to its wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// There is no such object, or the asker may not know that there is one.
    NotFound,
    /// The asker knows the object and lacks the right.
    Forbidden,
    /// It exists already, or changed in between.
    Conflict,
    /// It does not fit the quota.
    OverQuota,
    /// A field breaks a rule.
    Invalid,
    /// A field or body is larger than its limit.
    TooLarge,
    /// Too many requests, objects or levels.
    Limit,
    /// A service that is needed does not answer; the same request may succeed later.
    Unavailable,
    /// Stored data is not what it must be, or the program broke its own rule.
    Corrupt,
}

impl Meaning {
    /// A stable name for logs, metrics and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Forbidden => "forbidden",
            Self::Conflict => "conflict",
            Self::OverQuota => "over-quota",
            Self::Invalid => "invalid",
            Self::TooLarge => "too-large",
            Self::Limit => "limit",
            Self::Unavailable => "unavailable",
            Self::Corrupt => "corrupt",
        }
    }
}

/// An error: its meaning, the field it is about, and the rule it breaks with what to do.
///
/// The text is for people and holds no personal data and no secret; `source` is for logs only.
pub struct Error(Box<Inner>);

struct Inner {
    meaning: Meaning,
    field: Cow<'static, str>,
    rule: Cow<'static, str>,
    transient: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error about `field` that breaks `rule`.
    pub fn new(
        meaning: Meaning,
        field: impl Into<Cow<'static, str>>,
        rule: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Inner {
            meaning,
            field: field.into(),
            rule: rule.into(),
            transient: false,
            source: None,
        }))
    }

    /// No such object, or none that the asker may know of. `what` is the kind of object.
    pub fn not_found(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Meaning::NotFound, what, "does not exist")
    }

    /// The right is missing; `rule` names it.
    pub fn forbidden(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Meaning::Forbidden, field, rule)
    }

    /// It exists already, or changed in between.
    pub fn conflict(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Meaning::Conflict, field, rule)
    }

    /// A field breaks a rule.
    pub fn invalid(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Meaning::Invalid, field, rule)
    }

    /// A field is larger than its limit.
    pub fn too_large(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Meaning::TooLarge, field, rule)
    }

    /// Too many requests, objects or levels.
    pub fn limit(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Meaning::Limit, field, rule)
    }

    /// Something needed does not answer.
    pub fn unavailable(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Meaning::Unavailable, field, rule)
    }

    /// Stored data is wrong, or the program broke its own rule.
    pub fn corrupt(field: impl Into<Cow<'static, str>>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Meaning::Corrupt, field, rule)
    }

    /// Adds the cause, which goes to logs and never to a client.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Marks that the same transaction, run again at once, may succeed (a serialization failure, a deadlock).
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.0.transient = true;
        self
    }

    /// What it means.
    pub fn meaning(&self) -> Meaning {
        self.0.meaning
    }

    /// The field or kind of object it is about.
    pub fn field(&self) -> &str {
        &self.0.field
    }

    /// The rule it breaks, as a sentence for people.
    pub fn rule(&self) -> &str {
        &self.0.rule
    }

    /// Whether the same transaction may succeed when it is run again at once.
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.field.is_empty(), self.0.meaning) {
            (true, _) => f.write_str(&self.0.rule),
            (false, Meaning::NotFound) => write!(f, "{} {}", self.0.field, self.0.rule),
            (false, _) => write!(f, "{}: {}", self.0.field, self.0.rule),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({self})", self.0.meaning.name())?;
        match &self.0.source {
            Some(source) => write!(f, ", because {source:?}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_field_and_rule() {
        let error = Error::invalid("name", "has at most 255 bytes; shorten it");
        assert_eq!(error.to_string(), "name: has at most 255 bytes; shorten it");
        assert_eq!(error.meaning().name(), "invalid");
        assert_eq!(Error::not_found("domain").to_string(), "domain does not exist");
    }

    #[test]
    fn the_cause_is_for_logs_only() {
        let error = Error::unavailable("database", "does not answer").with_source("connection reset");
        assert!(!error.to_string().contains("reset"));
        assert!(format!("{error:?}").contains("connection reset"));
    }
}
