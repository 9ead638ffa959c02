//! Reads a command with its literals (RFC 9051 section 4.3, LITERAL+ of RFC 7888) within limits.

use base::Limits;
use bytes::{Bytes, BytesMut};
use codec::imap::head;
use wire::{Conn, Fault, LineEnd};

use crate::failure::Failure;

/// Bytes of literals that nobody asked for and that are read only to be thrown away; beyond it the connection is closed.
const SKIPPED_BYTES: u64 = 1 << 30;

/// A command that came whole, or was refused on the way.
pub(crate) enum Gathered {
    /// Its bytes, each literal after its `{n}` and CRLF.
    Command(Bytes),
    /// Its tag, where there was one, and what it is answered.
    Refused(Option<String>, Failure),
}

/// What a command may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    line: usize,
    string: u64,
    command: u64,
    message: u64,
    append: u64,
}

impl Room {
    /// What the limits say, for a client that logged in or not.
    pub(crate) fn new(limits: &Limits, is_logged_in: bool) -> Self {
        let line = usize::try_from(limits.imap_line_bytes).unwrap_or(usize::MAX);
        if is_logged_in {
            return Self {
                line,
                string: limits.imap_string_bytes,
                command: limits.imap_command_bytes,
                message: limits.message_bytes,
                append: limits.imap_append_bytes,
            };
        }
        let most = limits.imap_before_login_bytes;
        let line = line.min(usize::try_from(most).unwrap_or(usize::MAX));
        Self { line, string: most, command: most, message: 0, append: most }
    }

    /// Bytes of one line.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// Whether a literal of so many bytes fits a command that has so many already.
    fn check(&self, name: &str, so_far: u64, length: u64) -> Result<(), Failure> {
        let appends = matches!(name, "APPEND" | "REPLACE" | "UID REPLACE") && self.message > 0;
        if appends {
            if length > self.message {
                let text = format!("A message has at most {} bytes; send it as a file", self.message);
                return Err(Failure::no("TOOBIG", text));
            }
            if so_far.saturating_add(length) > self.append {
                return Err(Failure::no("TOOBIG", "These are too many bytes for one command"));
            }
        } else if length > self.string || so_far.saturating_add(length) > self.command {
            return Err(Failure::bad_code("TOOBIG", "The literal is too large"));
        }
        Ok(())
    }
}

/// The literal that a line ends with: its length, and whether the client sends it unasked.
fn literal_at_end(line: &[u8]) -> Option<(u64, bool)> {
    let inner = line.strip_suffix(b"}")?;
    let start = inner.iter().rposition(|byte| *byte == b'{')?;
    let spec = inner.get(start + 1..)?;
    let (digits, unasked) = match spec.strip_suffix(b"+") {
        Some(digits) => (digits, true),
        None => (spec, false),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX);
    Some((length, unasked))
}

/// Reads what follows the first line of a command.
///
/// # Errors
/// The connection is of no use any more.
pub(crate) async fn gather(conn: &mut Conn, first: Bytes, room: &Room) -> Result<Gathered, Fault> {
    let Some(mut literal) = literal_at_end(&first) else { return Ok(Gathered::Command(first)) };
    let Some((tag, name)) = head(&first) else {
        // Whatever follows cannot be told from commands.
        return match literal {
            (_, false) => {
                Ok(Gathered::Refused(None, Failure::bad("A command begins with a tag and its name")))
            }
            (length, true) => {
                skip(conn, length).await?;
                conn.read_line(room.line, LineEnd::Strict).await?;
                Ok(Gathered::Refused(None, Failure::bad("A command begins with a tag and its name")))
            }
        };
    };
    let mut all = BytesMut::from(first);
    let mut refused = None;
    loop {
        let (length, unasked) = literal;
        if refused.is_none()
            && let Err(failure) = room.check(&name, all.len() as u64, length)
        {
            refused = Some(failure);
            all = BytesMut::new();
        }
        match &refused {
            Some(_) if !unasked => break,
            Some(_) => skip(conn, length).await?,
            None => {
                if !unasked {
                    conn.write(b"+ Send it\r\n").await?;
                    conn.flush().await?;
                }
                all.extend_from_slice(b"\r\n");
                let length = usize::try_from(length).map_err(|_| Fault::TooLong)?;
                take(conn, length, &mut all).await?;
            }
        }
        let line = conn.read_line(room.line, LineEnd::Strict).await?;
        let next = literal_at_end(&line);
        if refused.is_none() {
            all.extend_from_slice(&line);
        }
        match next {
            Some(next) => literal = next,
            None => break,
        }
    }
    Ok(match refused {
        Some(failure) => Gathered::Refused(Some(tag), failure),
        None => Gathered::Command(all.freeze()),
    })
}

/// Reads a literal to the end of what was read so far. Room is made for what came, not for what was announced.
async fn take(conn: &mut Conn, length: usize, all: &mut BytesMut) -> Result<(), Fault> {
    let mut left = length;
    while left > 0 {
        let some = conn.read_some(left).await?;
        left -= some.len();
        all.extend_from_slice(&some);
    }
    Ok(())
}

async fn skip(conn: &mut Conn, length: u64) -> Result<(), Fault> {
    if length > SKIPPED_BYTES {
        return Err(Fault::TooLong);
    }
    let mut left = length;
    while left > 0 {
        let some = conn.read_some(usize::try_from(left).unwrap_or(usize::MAX)).await?;
        left -= some.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_seen_at_the_end_of_a_line() {
        assert_eq!(literal_at_end(b"a LOGIN {5}"), Some((5, false)));
        assert_eq!(literal_at_end(b"a APPEND x ~{12+}"), Some((12, true)));
        assert_eq!(literal_at_end(b"a APPEND x {99999999999999999999}"), Some((u64::MAX, false)));
        for line in [&b"a NOOP"[..], b"a X {}", b"a X {+}", b"a X {1x}", b"a X 5}", b"a X {5} "] {
            assert_eq!(literal_at_end(line), None);
        }
    }
}
