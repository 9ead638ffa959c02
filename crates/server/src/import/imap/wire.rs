//! What an IMAP server says, read line by line: words, texts, literals and lists (RFC 9051 section 4).
//!
//! What must stay true here: every line, literal and list has an end, whatever the server sends.

use base::{Error, Result};
use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Bytes of one line, literals aside.
const LINE_BYTES: usize = 1 << 20;
/// Lists within one another.
const DEPTH: usize = 16;

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A word, a number, NIL, a flag.
    Word(String),
    /// A text in quotes, or a literal.
    Text(Bytes),
    /// What stands in round brackets.
    List(Vec<Value>),
}

impl Value {
    /// As text, whichever way it was sent.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Word(word) if word.eq_ignore_ascii_case("nil") => None,
            Self::Word(word) => Some(word.clone()),
            Self::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Self::List(_) => None,
        }
    }

    /// The members of a list; none of anything else.
    pub fn list(&self) -> &[Self] {
        if let Self::List(list) = self { list } else { &[] }
    }

    /// Whether it is this word.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own.eq_ignore_ascii_case(word))
    }
}

fn nonsense() -> Error {
    Error::unavailable("server", "said something that is no IMAP")
}

fn lost(error: std::io::Error) -> Error {
    Error::unavailable("server", "ended the connection; run the import again, it goes on where it was")
        .with_source(error)
}

/// Reads one answer whole. A literal of more than `most` bytes is refused.
pub async fn answer(reader: &mut (impl AsyncBufRead + Unpin), most: u64) -> Result<Vec<Value>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut length = 0;
    loop {
        let mut line = Vec::new();
        let read =
            (&mut *reader).take(LINE_BYTES as u64 + 1).read_until(b'\n', &mut line).await.map_err(lost)?;
        length += read;
        if read == 0 {
            return Err(lost(std::io::ErrorKind::UnexpectedEof.into()));
        }
        if length > LINE_BYTES || line.pop() != Some(b'\n') {
            return Err(nonsense());
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let Some((rest, size)) = literal(&line) else {
            pieces.push(Piece::Line(line));
            return parse(&pieces);
        };
        if size > most {
            return Err(Error::too_large("message", "is larger than the server said"));
        }
        line.truncate(rest);
        pieces.push(Piece::Line(line));
        let mut bytes = vec![0; usize::try_from(size).map_err(|_| nonsense())?];
        reader.read_exact(&mut bytes).await.map_err(lost)?;
        pieces.push(Piece::Literal(bytes.into()));
    }
}

/// Where a line ends before the announcement of a literal, and the literal's bytes.
fn literal(line: &[u8]) -> Option<(usize, u64)> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|byte| *byte == b'{')?;
    let digits = std::str::from_utf8(inner.get(open + 1..)?).ok()?;
    let size = digits.trim_end_matches('+').parse().ok()?;
    // `~{12}` announces bytes of any kind.
    let rest = if open > 0 && line.get(open - 1) == Some(&b'~') { open - 1 } else { open };
    Some((rest, size))
}

enum Piece {
    Line(Vec<u8>),
    Literal(Bytes),
}

fn parse(pieces: &[Piece]) -> Result<Vec<Value>> {
    let mut open: Vec<Vec<Value>> = vec![Vec::new()];
    for piece in pieces {
        match piece {
            Piece::Literal(bytes) => push(&mut open, Value::Text(bytes.clone()))?,
            Piece::Line(line) => parse_line(line, &mut open)?,
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(all), true) => Ok(all),
        _ => Err(nonsense()),
    }
}

fn push(open: &mut [Vec<Value>], value: Value) -> Result<()> {
    open.last_mut().ok_or_else(nonsense)?.push(value);
    Ok(())
}

fn parse_line(line: &[u8], open: &mut Vec<Vec<Value>>) -> Result<()> {
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        match byte {
            b' ' => at += 1,
            b'(' if open.len() <= DEPTH => {
                open.push(Vec::new());
                at += 1;
            }
            b'(' => return Err(nonsense()),
            b')' => {
                // A bracket too many closes nothing: servers write free text behind codes.
                if open.len() > 1 {
                    let list = open.pop().unwrap_or_default();
                    push(open, Value::List(list))?;
                }
                at += 1;
            }
            b'"' => {
                let (text, after) = quoted(line, at + 1);
                push(open, Value::Text(text.into()))?;
                at = after;
            }
            _ => {
                let after = word_end(line, at);
                let word = String::from_utf8_lossy(line.get(at..after).unwrap_or_default()).into_owned();
                push(open, Value::Word(word))?;
                at = after;
            }
        }
    }
    Ok(())
}

/// Words end at a blank or a round bracket, except within square ones, as in `BODY[HEADER.FIELDS (TO)]`.
fn word_end(line: &[u8], from: usize) -> usize {
    let mut square = 0_usize;
    let mut at = from;
    while let Some(byte) = line.get(at) {
        match byte {
            b'[' => square += 1,
            b']' => square = square.saturating_sub(1),
            b' ' | b'(' | b')' if square == 0 => break,
            _ => {}
        }
        at += 1;
    }
    at.max(from + 1)
}

fn quoted(line: &[u8], from: usize) -> (Vec<u8>, usize) {
    let (mut text, mut at) = (Vec::new(), from);
    while let Some(byte) = line.get(at) {
        match byte {
            b'"' => return (text, at + 1),
            b'\\' => {
                at += 1;
                text.extend(line.get(at));
            }
            other => text.push(*other),
        }
        at += 1;
    }
    // Free text of a person's may have one quote alone.
    (text, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &str) -> Result<Vec<Value>> {
        answer(&mut text.as_bytes(), 100).await
    }

    #[tokio::test]
    async fn answers_are_read_with_their_literals() {
        let said = read("* 3 FETCH (FLAGS (\\Seen $x) BODY[] {5}\r\na)\"\r\n UID 7)\r\n").await.unwrap();
        let items = said[3].list();
        assert_eq!(items[1].list()[1], Value::Word("$x".to_owned()));
        assert_eq!(items[3], Value::Text("a)\"\r\n".into()));
        assert_eq!(items[5].text().as_deref(), Some("7"));
        let said = read("* LIST (\\HasChildren) \"/\" \"a \\\"b\\\"\"\r\n").await.unwrap();
        assert_eq!(said[4].text().as_deref(), Some("a \"b\""));
    }

    #[tokio::test]
    async fn hostile_answers_are_refused() {
        assert!(read("* X {101}\r\n").await.is_err());
        assert!(read(&format!("* {}\r\n", "(".repeat(1_000))).await.is_err());
        assert!(read("* X {5}\r\nab").await.is_err());
        assert!(read("").await.is_err());
    }
}
