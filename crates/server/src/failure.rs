//! How a command ends when it does not succeed: what is said, and the exit code that scripts see.

use std::fmt;

use base::{Error, Meaning};

use crate::config::Problem;

/// Why a command ends without success.
#[derive(Debug)]
pub enum Failure {
    /// Something below refused or failed.
    Error(Error),
    /// The configuration must be changed first.
    Configuration(Vec<Problem>),
    /// The command did its work and found faults; it has listed them.
    Faults(u64),
    /// Nobody reads the output any more.
    Unread,
}

/// The exit codes, for the manual and `--help`. 2 is a wrong command line.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done"),
    (1, "the command worked and found faults (`check`), or some lines of an import were refused"),
    (2, "the command line is wrong"),
    (3, "not-found: there is no such object"),
    (4, "forbidden: the right is missing"),
    (5, "conflict: it exists already, or another process holds it"),
    (6, "over-quota: it does not fit the quota"),
    (7, "invalid: a value breaks a rule, or the configuration is wrong"),
    (8, "too-large: a value is larger than its limit"),
    (9, "limit: too many of something"),
    (10, "unavailable: the database, the network or the disk does not answer; try again later"),
    (11, "corrupt: stored data is not what it must be; run `beffroi check`"),
];

const fn code_of(meaning: Meaning) -> u8 {
    match meaning {
        Meaning::NotFound => 3,
        Meaning::Forbidden => 4,
        Meaning::Conflict => 5,
        Meaning::OverQuota => 6,
        Meaning::Invalid => 7,
        Meaning::TooLarge => 8,
        Meaning::Limit => 9,
        Meaning::Unavailable => 10,
        Meaning::Corrupt => 11,
    }
}

impl Failure {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Error(error) => code_of(error.meaning()),
            Self::Configuration(_) => code_of(Meaning::Invalid),
            Self::Faults(_) => 1,
            Self::Unread => 0,
        }
    }

    /// The same for programs: one JSON object.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Error(error) => serde_json::json!({
                "error": error.to_string(), "meaning": error.meaning().name(), "field": error.field(),
            }),
            Self::Configuration(problems) => serde_json::json!({
                "error": "the configuration is wrong", "meaning": "invalid",
                "problems": problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            }),
            Self::Faults(count) => serde_json::json!({ "error": self.to_string(), "faults": count }),
            Self::Unread => serde_json::Value::Null,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => {
                write!(f, "{error}")?;
                // At the machine itself the cause may be told: whoever runs the command may read the log too.
                let mut cause = std::error::Error::source(error);
                while let Some(source) = cause {
                    write!(f, "\n  because: {source}")?;
                    cause = source.source();
                }
                Ok(())
            }
            Self::Configuration(problems) => {
                write!(f, "the configuration is wrong")?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
            Self::Faults(1) => f.write_str("1 fault was found"),
            Self::Faults(count) => write!(f, "{count} faults were found"),
            Self::Unread => f.write_str("nobody reads the output"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Configuration(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meaning_has_its_documented_exit_code() {
        let meanings = [
            Meaning::NotFound,
            Meaning::Forbidden,
            Meaning::Conflict,
            Meaning::OverQuota,
            Meaning::Invalid,
            Meaning::TooLarge,
            Meaning::Limit,
            Meaning::Unavailable,
            Meaning::Corrupt,
        ];
        for meaning in meanings {
            let row = EXIT_CODES.iter().find(|(code, _)| *code == code_of(meaning)).unwrap();
            assert!(row.1.starts_with(meaning.name()), "{row:?}");
        }
        let manual = include_str!("../../../docs/operations.md");
        for (code, doc) in EXIT_CODES {
            assert!(
                manual.contains(&format!("| {code} | {doc} |")),
                "docs/operations.md lacks exit code {code}"
            );
        }
    }
}
