//! Structured MIME fields as they stand, for `BODYSTRUCTURE` (RFC 2045 section 5.1, RFC 2183): the value and its
//! parameters, quotes taken off, nothing decoded: pieces of RFC 2231 are put together where they are told.

use super::header::unfold;

/// Parameters of one field that are kept.
const PARAMETERS: usize = 64;

/// A value with its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Structured {
    /// What stands before the first semicolon, for example `text/plain`.
    pub(crate) value: String,
    /// Name, as written, and value.
    pub(crate) parameters: Vec<(String, String)>,
}

enum Token {
    Word(String),
    Mark(char),
}

/// Words (bare or quoted) and marks; comments are passed over.
fn tokens(text: &str) -> impl Iterator<Item = Token> + '_ {
    let mut chars = text.chars().peekable();
    std::iter::from_fn(move || {
        loop {
            let c = *chars.peek()?;
            match c {
                '(' => {
                    let mut depth = 0_u32;
                    while let Some(c) = chars.next() {
                        match c {
                            '\\' => drop(chars.next()),
                            '(' => depth += 1,
                            ')' => depth -= 1,
                            _ => {}
                        }
                        if depth == 0 {
                            break;
                        }
                    }
                }
                '"' => {
                    chars.next();
                    let mut word = String::new();
                    while let Some(c) = chars.next() {
                        match c {
                            '"' => break,
                            '\\' => word.extend(chars.next()),
                            c => word.push(c),
                        }
                    }
                    return Some(Token::Word(word));
                }
                ';' | '=' | '/' | ',' => {
                    chars.next();
                    return Some(Token::Mark(c));
                }
                c if c.is_whitespace() || c.is_control() => drop(chars.next()),
                _ => {
                    let mut word = String::new();
                    while let Some(c) = chars.next_if(|c| {
                        !c.is_whitespace() && !c.is_control() && !matches!(c, ';' | '=' | '"' | '(' | ',')
                    }) {
                        word.push(c);
                    }
                    return Some(Token::Word(word));
                }
            }
        }
    })
}

/// Reads a field such as `Content-Type`.
pub(crate) fn structured(value: &[u8]) -> Structured {
    let text = unfold(value);
    let mut out = Structured::default();
    let mut tokens = tokens(&text).peekable();
    while let Some(token) = tokens.next_if(|token| !matches!(token, Token::Mark(';'))) {
        match token {
            Token::Word(word) => out.value.push_str(&word),
            Token::Mark(mark) => out.value.push(mark),
        }
    }
    while out.parameters.len() < PARAMETERS {
        let Some(token) = tokens.next() else { break };
        let Token::Word(name) = token else { continue };
        if tokens.next_if(|token| matches!(token, Token::Mark('='))).is_none() {
            continue;
        }
        let mut value = String::new();
        // Values with characters that must be quoted are often written without quotes: all up to the semicolon.
        while let Some(token) = tokens.next_if(|token| !matches!(token, Token::Mark(';'))) {
            match token {
                Token::Word(word) => value.push_str(&word),
                Token::Mark(mark) => value.push(mark),
            }
        }
        out.parameters.push((name, value));
    }
    out
}

impl Structured {
    /// Type and subtype; nothing when it is not two words.
    pub(crate) fn media(&self) -> Option<(&str, &str)> {
        let (kind, subtype) = self.value.split_once('/')?;
        let (kind, subtype) = (kind.trim(), subtype.trim());
        (!kind.is_empty() && !subtype.is_empty()).then_some((kind, subtype))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Structured {
        fn parameter(&self, name: &str) -> Option<&str> {
            let known = self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            known.map(|(_, value)| value.as_str())
        }
    }

    #[test]
    fn fields_as_they_are_met() {
        let read =
            structured(b" text/plain (a comment); charset=us-ascii;\r\n\tname=\"a \\\"b\\\";c.txt\"; x\r\n");
        assert_eq!(read.media(), Some(("text", "plain")));
        assert_eq!(read.parameter("CHARSET"), Some("us-ascii"));
        assert_eq!(read.parameter("name"), Some("a \"b\";c.txt"));
        let loose = structured(b"multipart/mixed; boundary===abc/=; type=text/html\r\n");
        assert_eq!(loose.parameter("boundary"), Some("==abc/="));
        assert_eq!(loose.parameter("type"), Some("text/html"));
        assert_eq!(structured(b" text\r\n").media(), None);
        let pieces = structured(b"attachment; filename*0*=utf-8''%e2%82%ac; filename*1=x.pdf");
        assert_eq!(pieces.parameters.first().map(|(name, _)| name.as_str()), Some("filename*0*"));
        assert_eq!(structured(b"text/plain; name=a b c.txt").parameter("name"), Some("abc.txt"));
    }
}
