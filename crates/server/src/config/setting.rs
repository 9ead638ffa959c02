//! The types that a configuration value can have: how each is read, checked and written back.

use std::net::SocketAddr;
use std::path::PathBuf;

use base::Secret;
use wire::Networks;

/// A value as it was found, before its key is known to accept it.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// A text in the file.
    Text(String),
    /// A whole number in the file.
    Whole(i64),
    /// `true` or `false` in the file.
    Flag(bool),
    /// Something that no key takes (a list, a date, a fraction), by its name in TOML.
    Other(&'static str),
    /// A text from the environment, the command line or a secret's file: read as the key's own type.
    Outside(String),
}

impl Raw {
    fn name(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Outside(_) => "text",
            Self::Whole(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::Other(name) => name,
        }
    }
}

/// A type of configuration values.
pub trait Setting: Sized {
    /// What the manual calls it.
    const KIND: &'static str;
    /// Whether the value is hidden wherever it could be shown.
    const SECRET: bool = false;

    /// Reads a value; the error says what to write instead.
    fn parse(raw: &Raw) -> Result<Self, String>;

    /// The value as TOML.
    fn literal(&self) -> String;
}

fn text_of(raw: &Raw) -> Result<&str, String> {
    match raw {
        Raw::Text(text) | Raw::Outside(text) => Ok(text),
        other => Err(format!("is {}; write text in quotes", other.name())),
    }
}

/// `text` as a TOML string.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Setting for String {
    const KIND: &'static str = "text";

    fn parse(raw: &Raw) -> Result<Self, String> {
        text_of(raw).map(str::to_owned)
    }

    fn literal(&self) -> String {
        quoted(self)
    }
}

impl Setting for PathBuf {
    const KIND: &'static str = "path";

    fn parse(raw: &Raw) -> Result<Self, String> {
        text_of(raw).map(PathBuf::from)
    }

    fn literal(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Setting for Secret {
    const KIND: &'static str = "text, secret";
    const SECRET: bool = true;

    fn parse(raw: &Raw) -> Result<Self, String> {
        text_of(raw).map(Self::new)
    }

    fn literal(&self) -> String {
        quoted(if self.expose().is_empty() { "" } else { "***" })
    }
}

impl Setting for u64 {
    const KIND: &'static str = "whole number";

    fn parse(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Whole(number) => Self::try_from(*number)
                .map_err(|_| format!("is {number}; write a whole number that is not negative")),
            Raw::Outside(text) => text
                .trim()
                .replace('_', "")
                .parse()
                .map_err(|_| format!("is {text:?}; write a whole number that is not negative")),
            Raw::Text(text) if text.parse::<Self>().is_ok() => {
                Err(format!("is text; write the number without quotes: {text}"))
            }
            other => Err(format!("is {}; write a whole number", other.name())),
        }
    }

    fn literal(&self) -> String {
        self.to_string()
    }
}

impl Setting for bool {
    const KIND: &'static str = "true or false";

    fn parse(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Flag(flag) => Ok(*flag),
            Raw::Outside(text) => {
                text.trim().parse().map_err(|_| format!("is {text:?}; write true or false"))
            }
            Raw::Text(text) if text.parse::<Self>().is_ok() => {
                Err(format!("is text; write it without quotes: {text}"))
            }
            other => Err(format!("is {}; write true or false", other.name())),
        }
    }

    fn literal(&self) -> String {
        self.to_string()
    }
}

impl Setting for SocketAddr {
    const KIND: &'static str = "address and port";

    fn parse(raw: &Raw) -> Result<Self, String> {
        let text = match raw {
            Raw::Whole(port) => {
                return Err(format!("is a number; write address and port in quotes: \"127.0.0.1:{port}\""));
            }
            other => text_of(other)?,
        };
        text.parse().map_err(|_| {
            format!(
                "{text:?} is no address with a port; write one such as \"127.0.0.1:8080\" or \"[::]:8080\""
            )
        })
    }

    fn literal(&self) -> String {
        quoted(&self.to_string())
    }
}

/// An address that may be absent, written as an empty text.
impl Setting for Option<SocketAddr> {
    const KIND: &'static str = "address and port, or empty";

    fn parse(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) | Raw::Outside(text) if text.is_empty() => Ok(None),
            other => SocketAddr::parse(other).map(Some),
        }
    }

    fn literal(&self) -> String {
        self.as_ref().map_or_else(|| quoted(""), Setting::literal)
    }
}

/// Addresses to listen on; none: closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listens(pub Vec<SocketAddr>);

impl Setting for Listens {
    const KIND: &'static str = "addresses and ports separated by spaces, or empty";

    fn parse(raw: &Raw) -> Result<Self, String> {
        let text = match raw {
            Raw::Whole(_) => return SocketAddr::parse(raw).map(|address| Self(vec![address])),
            other => text_of(other)?,
        };
        let one = |word: &str| SocketAddr::parse(&Raw::Text(word.to_owned()));
        words(text).map(one).collect::<Result<Vec<_>, _>>().map(Self)
    }

    fn literal(&self) -> String {
        quoted(&self.0.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" "))
    }
}

/// Networks that are trusted with something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nets {
    texts: Vec<String>,
    /// As doors ask them.
    pub networks: Networks,
}

impl Nets {
    /// The machine itself.
    pub fn loopback() -> Self {
        Self { texts: vec!["127.0.0.0/8".to_owned(), "::1".to_owned()], networks: Networks::loopback() }
    }
}

impl Setting for Nets {
    const KIND: &'static str = "networks separated by spaces, or empty";

    fn parse(raw: &Raw) -> Result<Self, String> {
        let texts: Vec<String> = words(text_of(raw)?).map(str::to_owned).collect();
        let networks = Networks::parse(&texts).map_err(|error| error.rule().to_owned())?;
        Ok(Self { texts, networks })
    }

    fn literal(&self) -> String {
        quoted(&self.texts.join(" "))
    }
}

/// Several words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl Setting for Words {
    const KIND: &'static str = "words separated by spaces, or empty";

    fn parse(raw: &Raw) -> Result<Self, String> {
        Ok(Self(words(text_of(raw)?).map(str::to_owned).collect()))
    }

    fn literal(&self) -> String {
        quoted(&self.0.join(" "))
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',']).filter(|word| !word.is_empty())
}

/// Declares a closed choice of words as a setting.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$case_doc])* $case,)*
        }

        impl Setting for $name {
            const KIND: &'static str = one_of(&[$($word),*], concat!($("`", $word, "` or ",)* ""));

            fn parse(raw: &Raw) -> Result<Self, String> {
                match text_of(raw).map_err(|_| format!("is {}; write {}", raw.name(), <Self as Setting>::KIND))? {
                    $($word => Ok(Self::$case),)*
                    other => Err(format!("{other:?} is not known; write {}", <Self as Setting>::KIND)),
                }
            }

            fn literal(&self) -> String {
                quoted(match self {
                    $(Self::$case => $word,)*
                })
            }
        }
    )*};
}

/// Cuts the last ` or ` off a list of words; it cannot be left out inside the macro.
const fn one_of(words: &[&str], joined: &'static str) -> &'static str {
    assert!(!words.is_empty(), "a choice has words");
    joined.split_at(joined.len() - " or ".len()).0
}

choices! {
    /// The database.
    StoreBackend {
        /// `SQLite` inside the process.
        Sqlite = "sqlite",
        /// A `PostgreSQL` server.
        Postgres = "postgres",
    }
    /// Where bodies are kept.
    BlobsBackend {
        /// Pack files in a folder.
        Disk = "disk",
        /// A bucket that speaks S3.
        S3 = "s3",
    }
    /// The form of log lines.
    LogFormat {
        /// For people.
        Text = "text",
        /// For programs: one JSON object a line.
        Json = "json",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: Setting>(raw: &Raw) -> String {
        T::parse(raw).err().unwrap_or_default()
    }

    #[test]
    fn each_type_says_what_to_write_instead() {
        let text = |text: &str| Raw::Text(text.to_owned());
        let cases = [
            (message::<u64>(&text("8")), "is text; write the number without quotes: 8"),
            (message::<u64>(&Raw::Whole(-1)), "is -1; write a whole number that is not negative"),
            (message::<u64>(&Raw::Other("a list")), "is a list; write a whole number"),
            (message::<bool>(&text("true")), "is text; write it without quotes: true"),
            (message::<String>(&Raw::Flag(true)), "is true or false; write text in quotes"),
            (
                message::<SocketAddr>(&Raw::Whole(80)),
                "is a number; write address and port in quotes: \"127.0.0.1:80\"",
            ),
            (message::<StoreBackend>(&text("mysql")), "\"mysql\" is not known; write `sqlite` or `postgres`"),
            (message::<StoreBackend>(&Raw::Whole(1)), "is a number; write `sqlite` or `postgres`"),
        ];
        for (said, expected) in cases {
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn text_from_outside_is_read_as_the_keys_type() {
        let outside = |text: &str| Raw::Outside(text.to_owned());
        assert_eq!(u64::parse(&outside("1_000")), Ok(1_000));
        assert_eq!(bool::parse(&outside("false")), Ok(false));
        assert_eq!(Option::<SocketAddr>::parse(&outside("")), Ok(None));
        assert_eq!(LogFormat::parse(&outside("json")), Ok(LogFormat::Json));
    }

    #[test]
    fn several_addresses_and_networks_are_read_from_one_text() {
        let text = |text: &str| Raw::Text(text.to_owned());
        let listens = Listens::parse(&text("0.0.0.0:143 [::]:143")).unwrap();
        assert_eq!((listens.0.len(), listens.literal().as_str()), (2, "\"0.0.0.0:143 [::]:143\""));
        assert!(Listens::parse(&text("")).unwrap().0.is_empty());
        assert!(message::<Listens>(&text("127.0.0.1:24 25")).starts_with("\"25\" is no address"));
        let nets = Nets::parse(&text("10.0.0.0/8, ::1")).unwrap();
        assert!(nets.networks.contains("10.1.2.3".parse().unwrap()));
        assert!(message::<Nets>(&text("mail.example")).contains("is no network"));
        assert_eq!(Nets::parse(&text("127.0.0.0/8 ::1")).unwrap(), Nets::loopback());
    }

    #[test]
    fn a_secret_is_written_as_stars() {
        assert_eq!(Secret::new("hunter2").literal(), "\"***\"");
        assert_eq!(Secret::new("").literal(), "\"\"");
    }
}
