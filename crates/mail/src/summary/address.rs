//! Address lists as they stand (RFC 5322 section 3.4), for the IMAP envelope: names keep their encoded words,
//! quotes and comments are taken off. Whatever is written, something comes out.

/// Addresses of one field that are read; the rest is left out.
const ADDRESSES: usize = 10_000;

/// One element of an address structure of IMAP (RFC 9051 section 7.5.2, RFC 3501 section 7.4.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: Option<String>,
    /// The source route, which nobody writes any more.
    pub(crate) route: Option<String>,
    /// The local part; of the beginning of a group its name.
    pub(crate) mailbox: Option<String>,
    /// The domain; nothing for the beginning and the end of a group.
    pub(crate) host: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A bare word, with whether a space stood before it.
    Word(String, bool),
    Quoted(String, bool),
    Comment(String),
    Mark(char),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    let mut space = false;
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {
                space = true;
                continue;
            }
            '"' => out.push(Token::Quoted(quoted(&mut chars), space)),
            '(' => out.push(Token::Comment(comment(&mut chars))),
            '<' | '>' | ',' | ';' | ':' | '@' => out.push(Token::Mark(c)),
            c => {
                let mut word = String::from(c);
                // A domain literal is one word, whatever stands in it.
                let literal = c == '[';
                while let Some(c) = chars.next_if(|c| {
                    if literal {
                        *c != ']'
                    } else {
                        !c.is_whitespace() && !matches!(c, '"' | '(' | '<' | '>' | ',' | ';' | ':' | '@')
                    }
                }) {
                    word.push(c);
                }
                if literal {
                    word.extend(chars.next());
                }
                out.push(Token::Word(word, space));
            }
        }
        space = false;
    }
    out
}

fn quoted(chars: &mut impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

fn comment(chars: &mut impl Iterator<Item = char>) -> String {
    let (mut out, mut depth) = (String::new(), 1_u32);
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                out.extend(chars.next());
                continue;
            }
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        out.push(c);
    }
    out
}

/// What has been read of one address.
#[derive(Default)]
struct Open {
    /// Words of the name or of a bare address, joined with the spaces that were there.
    phrase: String,
    comment: Option<String>,
    /// Position of the at sign in `phrase`, when it is a bare address.
    at: Option<usize>,
    /// What stands between angle brackets, and the same position in it.
    angle: Option<(String, Option<usize>)>,
    in_angle: bool,
    route: Option<String>,
}

impl Open {
    fn word(&mut self, word: &str, space: bool) {
        if self.in_angle {
            if let Some((address, _)) = &mut self.angle {
                address.push_str(word);
            }
            return;
        }
        if space && !self.phrase.is_empty() && self.at.is_none() {
            self.phrase.push(' ');
        }
        self.phrase.push_str(word);
    }

    fn at(&mut self) {
        if self.in_angle {
            if let Some((address, at)) = &mut self.angle {
                *at = Some(address.len());
            }
        } else {
            self.at = Some(self.phrase.len());
        }
    }

    /// `<@a,@b:c@d>`: what stands before the colon is the route.
    fn end_route(&mut self) {
        if let Some((address, at)) = &mut self.angle {
            self.route = Some(format!("@{}", std::mem::take(address)));
            *at = None;
        }
    }

    fn is_empty(&self) -> bool {
        self.phrase.is_empty() && self.angle.is_none() && self.at.is_none()
    }

    fn close(self) -> Option<Element> {
        if self.is_empty() {
            return None;
        }
        let split = |text: String, at: Option<usize>| match at {
            Some(at) => {
                let host = text.get(at..).unwrap_or_default().to_owned();
                (text.get(..at).unwrap_or_default().to_owned(), host)
            }
            None => (text, String::new()),
        };
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let (name, (mailbox, host)) = match self.angle {
            Some((address, at)) => (filled(self.phrase).or(self.comment), split(address, at)),
            None => (self.comment, split(self.phrase, self.at)),
        };
        Some(Element { name, route: self.route, mailbox: Some(mailbox), host: Some(host) })
    }
}

/// Reads an address list that was unfolded.
pub(crate) fn elements(text: &str) -> Vec<Element> {
    let mut out = Vec::new();
    let mut open = Open::default();
    let mut in_group = false;
    for token in tokens(text) {
        if out.len() >= ADDRESSES {
            break;
        }
        match token {
            Token::Word(word, space) | Token::Quoted(word, space) => open.word(&word, space),
            Token::Comment(comment) => open.comment = Some(comment).filter(|comment| !comment.is_empty()),
            Token::Mark('<') => {
                open.angle = Some((String::new(), None));
                open.in_angle = true;
            }
            Token::Mark('>') => open.in_angle = false,
            Token::Mark('@') => open.at(),
            Token::Mark(':') if open.in_angle => open.end_route(),
            Token::Mark(':') if !in_group => {
                let group = std::mem::take(&mut open);
                out.push(Element { mailbox: Some(group.phrase), ..Element::default() });
                in_group = true;
            }
            Token::Mark(',') if open.in_angle => open.word(",@", false),
            Token::Mark(mark @ (',' | ';')) => {
                out.extend(std::mem::take(&mut open).close());
                if mark == ';' && in_group {
                    out.push(Element::default());
                    in_group = false;
                }
            }
            Token::Mark(_) => {}
        }
    }
    out.extend(open.close());
    if in_group {
        out.push(Element::default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[[&str; 3]]) {
        let shown: Vec<[String; 3]> = elements(text)
            .into_iter()
            .map(|e| [e.name, e.mailbox, e.host].map(|part| part.unwrap_or_else(|| "NIL".into())))
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn address_lists_as_they_are_met() {
        check("Terry Gray <gray@cac.washington.edu>", &[["Terry Gray", "gray", "cac.washington.edu"]]);
        check("imap@cac.washington.edu", &[["NIL", "imap", "cac.washington.edu"]]);
        check(
            "minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>",
            &[["NIL", "minutes", "CNRI.Reston.VA.US"], ["John Klensin", "KLENSIN", "MIT.EDU"]],
        );
        check("\"Gray, Terry \\\"T\\\"\" <gray@a.example>", &[["Gray, Terry \"T\"", "gray", "a.example"]]);
        check("gray@a.example (Terry Gray)", &[["Terry Gray", "gray", "a.example"]]);
        check("=?utf-8?Q?Ren=C3=A9?= D. <r@x.example>", &[["=?utf-8?Q?Ren=C3=A9?= D.", "r", "x.example"]]);
        check(
            "A Group:Ed Jones <joe@where.test>,John <jdoe@one.test>;, x@y",
            &[
                ["NIL", "A Group", "NIL"],
                ["Ed Jones", "joe", "where.test"],
                ["John", "jdoe", "one.test"],
                ["NIL", "NIL", "NIL"],
                ["NIL", "x", "y"],
            ],
        );
        check("Undisclosed recipients:;", &[["NIL", "Undisclosed recipients", "NIL"], ["NIL", "NIL", "NIL"]]);
        check("\"a b\"@x.example", &[["NIL", "a b", "x.example"]]);
        check("<@hop.example,@two.example:user@x.example>", &[["NIL", "user", "x.example"]]);
        check("MAILER-DAEMON", &[["NIL", "MAILER-DAEMON", ""]]);
        check("a@[192.0.2.1]", &[["NIL", "a", "[192.0.2.1]"]]);
        check("<>", &[["NIL", "", ""]]);
        check(" , ,", &[]);
        check("broken <a@b", &[["broken", "a", "b"]]);
        let routed = elements("<@hop.example,@two.example:user@x.example>");
        assert_eq!(routed[0].route.as_deref(), Some("@hop.example,@two.example"));
    }
}
