//! POP3 (RFC 1939 section 9, RFC 2449, RFC 2595, RFC 5034, RFC 6856): commands of clients, and dot-stuffing.

/// Bytes of a command line with its line end (RFC 2449 section 4); what SASL says may be longer.
pub const LINE_BYTES: usize = 255;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `USER`
    User(String),
    /// `PASS`: the rest of the line, spaces included.
    Pass(String),
    /// `AUTH` with a mechanism and what the client says first, in base64 (RFC 5034); without: the list of them.
    Auth(Option<(String, Option<String>)>),
    /// `CAPA` (RFC 2449 section 5).
    Capa,
    /// `STLS` (RFC 2595 section 4).
    StartTls,
    /// `UTF8` (RFC 6856 section 2).
    Utf8,
    /// `LANG` (RFC 6856 section 3), with the language that is wished.
    Lang(Option<String>),
    /// `STAT`
    Stat,
    /// `LIST`, of one message or all.
    List(Option<u32>),
    /// `UIDL`, of one message or all.
    Uidl(Option<u32>),
    /// `RETR`
    Retr(u32),
    /// `TOP`: a message, and the lines of its body.
    Top(u32, u64),
    /// `DELE`
    Dele(u32),
    /// `NOOP`
    Noop,
    /// `RSET`
    Rset,
    /// `QUIT`
    Quit,
}

/// The rule that a command breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no such command.
    #[error("Unknown command")]
    Unknown,
    /// Not the arguments that it takes.
    #[error("Wrong arguments")]
    Arguments,
    /// Not UTF-8 (RFC 6856 section 2), or a NUL.
    #[error("Not UTF-8")]
    NotUtf8,
}

/// Reads a line without its line end.
///
/// # Errors
/// The first rule that it breaks.
pub fn command(line: &[u8]) -> Result<Command, Fault> {
    let line = std::str::from_utf8(line).map_err(|_| Fault::NotUtf8)?;
    if line.contains('\0') {
        return Err(Fault::NotUtf8);
    }
    let (name, rest) = line.split_once(' ').map_or((line, None), |(name, rest)| (name, Some(rest)));
    let words: Vec<&str> = rest.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
    let none = |command| if words.is_empty() { Ok(command) } else { Err(Fault::Arguments) };
    let one = || match words.as_slice() {
        [word] => number(word),
        _ => Err(Fault::Arguments),
    };
    let maybe = || if words.is_empty() { Ok(None) } else { one().map(Some) };
    match name.to_ascii_uppercase().as_str() {
        "USER" => match rest.map(str::trim) {
            Some(name) if !name.is_empty() => Ok(Command::User(name.to_owned())),
            _ => Err(Fault::Arguments),
        },
        // RFC 1939 section 7: spaces belong to the password.
        "PASS" => rest.map(|rest| Command::Pass(rest.to_owned())).ok_or(Fault::Arguments),
        "AUTH" => match words.as_slice() {
            [] => Ok(Command::Auth(None)),
            [mechanism] => Ok(Command::Auth(Some((mechanism.to_ascii_uppercase(), None)))),
            [mechanism, initial] => {
                Ok(Command::Auth(Some((mechanism.to_ascii_uppercase(), Some((*initial).to_owned())))))
            }
            _ => Err(Fault::Arguments),
        },
        "CAPA" => none(Command::Capa),
        "STLS" => none(Command::StartTls),
        "UTF8" => none(Command::Utf8),
        "LANG" => match words.as_slice() {
            [] => Ok(Command::Lang(None)),
            [language] => Ok(Command::Lang(Some((*language).to_owned()))),
            _ => Err(Fault::Arguments),
        },
        "STAT" => none(Command::Stat),
        "LIST" => maybe().map(Command::List),
        "UIDL" => maybe().map(Command::Uidl),
        "RETR" => one().map(Command::Retr),
        "TOP" => match words.as_slice() {
            [message, lines] => {
                Ok(Command::Top(number(message)?, lines.parse().map_err(|_| Fault::Arguments)?))
            }
            _ => Err(Fault::Arguments),
        },
        "DELE" => one().map(Command::Dele),
        "NOOP" => none(Command::Noop),
        "RSET" => none(Command::Rset),
        "QUIT" => none(Command::Quit),
        _ => Err(Fault::Unknown),
    }
}

fn number(word: &str) -> Result<u32, Fault> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse::<u32>().ok().filter(|number| digits && *number > 0).ok_or(Fault::Arguments)
}

/// Stuffs dots and ends lines properly, over a message that comes in pieces (RFC 1939 section 3).
#[derive(Debug, Clone)]
pub struct Stuffer {
    /// The last byte that was seen.
    last: u8,
    line_start: bool,
    empty: bool,
}

impl Default for Stuffer {
    fn default() -> Self {
        Self { last: 0, line_start: true, empty: true }
    }
}

impl Stuffer {
    /// Writes a piece.
    pub fn write(&mut self, out: &mut Vec<u8>, piece: &[u8]) {
        out.reserve(piece.len() + 64);
        for &byte in piece {
            self.empty = false;
            // A bare line feed is a line end to whoever wrote it, and none on the wire.
            if byte == b'\n' && self.last != b'\r' {
                out.push(b'\r');
            }
            if self.line_start && byte == b'.' {
                out.push(b'.');
            }
            out.push(byte);
            self.line_start = byte == b'\n';
            self.last = byte;
        }
    }

    /// Writes the end: a line of one dot.
    pub fn end(self, out: &mut Vec<u8>) {
        if !self.empty && !self.line_start {
            out.extend_from_slice(if self.last == b'\r' { b"\n" } else { b"\r\n" });
        }
        out.extend_from_slice(b".\r\n");
    }
}

/// Cuts a message that comes in pieces after its header, the empty line and some lines of its body (RFC 1939
/// section 7, `TOP`).
#[derive(Debug, Clone)]
pub struct Top {
    left: u64,
    in_body: bool,
    /// The line so far is empty.
    blank: bool,
    done: bool,
}

impl Top {
    /// Cuts after so many lines of the body.
    pub fn new(lines: u64) -> Self {
        Self { left: lines, in_body: false, blank: true, done: false }
    }

    /// What of a piece belongs to it.
    pub fn take<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        for (at, byte) in piece.iter().enumerate() {
            if self.done {
                return piece.get(..at).unwrap_or(piece);
            }
            match byte {
                b'\n' => {
                    if self.in_body {
                        self.left -= 1;
                    }
                    self.in_body |= self.blank;
                    self.blank = true;
                    self.done = self.in_body && self.left == 0;
                }
                b'\r' => {}
                _ => self.blank = false,
            }
        }
        piece
    }

    /// Whether nothing more belongs to it.
    pub fn is_done(&self) -> bool {
        self.done
    }
}
