//! The text of a message as it arrives: after `DATA` with dots doubled (RFC 5321 section 4.5.2), or in chunks (RFC
//! 3030).
//!
//! What must stay true here:
//! - The end of `DATA` is CRLF, a dot, CRLF, and nothing else. A carriage return or line feed alone makes the message
//!   refused, since another server may see an end there ("SMTP smuggling").
//! - What is too long is read to its end and not kept.

/// What is wrong with a message's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// More bytes than a message may have.
    TooLarge,
    /// A carriage return or line feed stands alone.
    BareNewline,
    /// It holds a NUL.
    Nul,
    /// A line is longer than lines may be.
    LongLine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a line.
    Start,
    /// After a dot at the start of a line, which is not kept.
    Dot,
    /// Inside a line.
    Text,
    /// After a carriage return.
    Cr,
}

/// Collects the text of a message.
#[derive(Debug)]
pub struct Collector {
    /// What came so far, after `head` bytes that are left free for what is put before it.
    text: Vec<u8>,
    head: usize,
    limit: usize,
    line_limit: usize,
    line: usize,
    state: State,
    dots: bool,
    seen: u64,
    flaw: Option<Flaw>,
}

/// Bytes that a message's buffer begins with.
const FIRST_BYTES: usize = 16 * 1_024;

impl Collector {
    /// Collects up to `limit` bytes, with `head` bytes free before them. `dots`: dots at the start of lines are
    /// doubled, and a dot alone ends it.
    pub fn new(limit: u64, line_limit: u64, head: usize, dots: bool, expected: Option<u64>) -> Self {
        let number = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        // A client may announce more than it sends.
        let expected = number(expected.unwrap_or(0)).min(1 << 20);
        let mut text = Vec::with_capacity(head + expected.max(FIRST_BYTES));
        text.resize(head, 0);
        Self {
            text,
            head,
            limit: number(limit),
            line_limit: number(line_limit),
            line: 0,
            state: State::Start,
            dots,
            seen: 0,
            flaw: None,
        }
    }

    /// Takes what came: how many bytes of it were used, and whether the end was among them.
    pub fn feed(&mut self, bytes: &[u8]) -> (usize, bool) {
        let (mut at, mut run) = (0, 0);
        while let Some(byte) = bytes.get(at) {
            match (self.state, byte) {
                (State::Start, b'.') if self.dots => {
                    self.keep(bytes.get(run..at));
                    at += 1;
                    run = at;
                    self.state = State::Dot;
                }
                (State::Dot, b'\r') => match bytes.get(at + 1) {
                    Some(b'\n') => {
                        self.seen += at as u64 + 2;
                        return (at + 2, true);
                    }
                    Some(_) => self.state = State::Text,
                    // Whether it is the end shows with the next byte.
                    None => {
                        self.seen += at as u64;
                        return (at, false);
                    }
                },
                (State::Start | State::Dot | State::Text, _) => at = self.text_run(bytes, at),
                (State::Cr, b'\n') => {
                    at += 1;
                    self.line = 0;
                    self.state = State::Start;
                }
                (State::Cr, _) => {
                    self.note(Flaw::BareNewline);
                    self.state = State::Text;
                }
            }
        }
        self.keep(bytes.get(run..at));
        self.seen += at as u64;
        (at, false)
    }

    /// Goes to the next byte that is not simply text; returns where it is.
    fn text_run(&mut self, bytes: &[u8], at: usize) -> usize {
        self.state = State::Text;
        let rest = bytes.get(at..).unwrap_or_default();
        let found = memchr::memchr3(b'\r', b'\n', 0, rest);
        self.line += found.unwrap_or(rest.len());
        if self.line > self.line_limit {
            self.note(Flaw::LongLine);
        }
        let Some(found) = found else { return bytes.len() };
        match rest.get(found) {
            Some(b'\r') => self.state = State::Cr,
            Some(b'\n') => self.note(Flaw::BareNewline),
            _ => self.note(Flaw::Nul),
        }
        at + found + 1
    }

    fn note(&mut self, flaw: Flaw) {
        self.flaw.get_or_insert(flaw);
    }

    fn keep(&mut self, bytes: Option<&[u8]>) {
        let bytes = bytes.unwrap_or_default();
        if self.text.len() - self.head + bytes.len() > self.limit {
            self.note(Flaw::TooLarge);
        }
        if self.flaw.is_some() {
            // It will be refused: nothing of it is needed.
            if self.text.len() > self.head {
                self.text = vec![0; self.head];
            }
            return;
        }
        self.text.extend_from_slice(bytes);
    }

    /// Bytes that came, kept or not.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The text with its free head; or what is wrong with it. Without an end of its own (chunks), the last line has
    /// to be whole.
    ///
    /// # Errors
    /// The first flaw.
    pub fn finish(self) -> Result<Vec<u8>, Flaw> {
        match self.flaw {
            Some(flaw) => Err(flaw),
            None if self.state == State::Cr => Err(Flaw::BareNewline),
            None => Ok(self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a message, and what came after it.
    type Collected = (Result<Vec<u8>, Flaw>, Vec<u8>);

    /// What is collected of an input; fed in pieces of `step` bytes.
    fn collect(input: &[u8], step: usize) -> Option<Collected> {
        let mut collector = Collector::new(1_000, 100, 3, true, None);
        let (mut from, mut to) = (0, 0);
        while to < input.len() {
            to = (to + step).min(input.len());
            let (used, done) = collector.feed(&input[from..to]);
            from += used;
            if done {
                let text = collector.finish().map(|text| text[3..].to_vec());
                return Some((text, input[from..].to_vec()));
            }
        }
        None
    }

    #[test]
    fn the_end_is_found_and_dots_are_undone_in_whatever_pieces_it_comes() {
        for step in [1, 2, 3, 7, 100] {
            let (text, rest) =
                collect(b"Subject: x\r\n\r\n..\r\n.two\r\na.b\r\n.\r\nQUIT\r\n", step).unwrap();
            assert_eq!(text.unwrap(), b"Subject: x\r\n\r\n.\r\ntwo\r\na.b\r\n", "{step}");
            assert_eq!(rest, b"QUIT\r\n", "{step}");
            let (text, _) = collect(b".\r\n", step).unwrap();
            assert_eq!(text.unwrap(), b"", "nothing at all");
        }
    }

    #[test]
    fn p01_no_other_end_is_an_end() {
        for end in [
            &b"\n.\n"[..],
            b"\n.\r\n",
            b"\r\n.\n",
            b"\r.\r",
            b"\r\n.\r",
            b"\r.\r\n",
            b"\n\n.\r\n",
            b"\r\n.\r\r\n",
            b"\r\n\0.\r\n",
            b"\r\r\n.\r\n",
        ] {
            for step in [1, 3, 100] {
                let mut input = b"text".to_vec();
                input.extend_from_slice(end);
                input.extend_from_slice(b"MAIL FROM:<smuggled@example.org>\r\n.\r\n");
                let (text, rest) = collect(&input, step).unwrap();
                assert!(text.is_err(), "{} is refused", end.escape_ascii());
                if end != b"\r\r\n.\r\n" {
                    assert_eq!(rest, b"", "{} is no end", end.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn what_is_too_long_is_read_to_its_end_and_not_kept() {
        let long = [&b"x\r\n".repeat(400)[..], b".\r\n"].concat();
        assert_eq!(collect(&long, 50).unwrap().0, Err(Flaw::TooLarge));
        let line = [&b"y".repeat(101)[..], b"\r\n.\r\n"].concat();
        assert_eq!(collect(&line, 50).unwrap().0, Err(Flaw::LongLine));
        assert_eq!(collect(b"a\0b\r\n.\r\n", 50).unwrap().0, Err(Flaw::Nul));
    }

    #[test]
    fn chunks_have_no_dots_and_no_end_of_their_own() {
        let mut collector = Collector::new(1_000, 100, 0, false, None);
        assert_eq!(collector.feed(b".\r\n..x\r"), (7, false));
        assert_eq!(collector.feed(b"\n.\r\n"), (4, false));
        assert_eq!(collector.finish().unwrap(), b".\r\n..x\r\n.\r\n");
    }
}
