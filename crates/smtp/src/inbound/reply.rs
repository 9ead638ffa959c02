//! Answers: a code of RFC 5321, an enhanced code of RFC 3463, and a text for people.

use std::borrow::Cow;
use std::fmt::Write as _;

use base::{Error, Meaning};

/// An answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits.
    pub code: u16,
    /// The enhanced code; empty where RFC 2034 has none.
    pub enhanced: &'static str,
    /// For people: one line, without control characters.
    pub text: Cow<'static, str>,
}

impl Reply {
    /// An answer.
    pub fn new(code: u16, enhanced: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced, text: text.into() }
    }

    /// Whether it says yes.
    pub fn is_ok(&self) -> bool {
        self.code < 400
    }

    /// Whether trying again later may help.
    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// Writes it as one line.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut line = String::with_capacity(self.text.len() + 16);
        let _ = write!(line, "{} ", self.code);
        if !self.enhanced.is_empty() {
            line.push_str(self.enhanced);
            line.push(' ');
        }
        line.extend(self.text.chars().map(|character| if character.is_control() { ' ' } else { character }));
        line.push_str("\r\n");
        out.extend_from_slice(line.as_bytes());
    }
}

/// What a delivery to one recipient came to.
pub fn of_delivery(error: &Error) -> Reply {
    let text = error.to_string();
    match error.meaning() {
        Meaning::OverQuota => Reply::new(452, "4.2.2", text),
        Meaning::NotFound => Reply::new(550, "5.1.1", text),
        Meaning::Forbidden => Reply::new(550, "5.7.1", text),
        Meaning::TooLarge => Reply::new(552, "5.3.4", text),
        Meaning::Invalid => Reply::new(550, "5.6.0", text),
        Meaning::Conflict | Meaning::Limit | Meaning::Unavailable | Meaning::Corrupt => {
            Reply::new(451, "4.3.0", "could not be stored for now; try again later")
        }
    }
}

/// What something that the directory or the queue could not do comes to.
pub fn of_error(error: &Error) -> Reply {
    let text = error.to_string();
    match error.meaning() {
        Meaning::NotFound => Reply::new(550, "5.1.1", text),
        Meaning::Forbidden => Reply::new(550, "5.7.1", text),
        Meaning::OverQuota => Reply::new(452, "4.2.2", text),
        Meaning::TooLarge => Reply::new(552, "5.3.4", text),
        Meaning::Invalid => Reply::new(550, "5.6.0", text),
        Meaning::Limit => Reply::new(452, "4.5.3", text),
        Meaning::Conflict | Meaning::Unavailable | Meaning::Corrupt => {
            Reply::new(451, "4.3.0", "not possible for now; try again later")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_line_whatever_its_text() {
        let mut out = Vec::new();
        Reply::new(550, "5.1.1", "no\r\n250 such\0 mailbox").write(&mut out);
        assert_eq!(out, b"550 5.1.1 no  250 such  mailbox\r\n");
        out.clear();
        Reply::new(354, "", "go on").write(&mut out);
        assert_eq!(out, b"354 go on\r\n");
    }
}
