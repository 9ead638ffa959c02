//! ManageSieve (RFC 5804 section 4): commands of clients as bytes, and the pieces that answers are made of.
//!
//! ```text
//! command  = name *(SP (string / number)) CRLF
//! string   = quoted / literal-c2s
//! quoted   = DQUOTE *1024QUOTED-CHAR DQUOTE
//! literal-c2s = "{" number "+}" CRLF *OCTET
//! ```

/// Bytes of a quoted string as we write it (RFC 5804 section 4).
pub const QUOTED_BYTES: usize = 1_024;
/// Bytes of a quoted string as we read it: clients quote tokens that are longer.
pub const READ_QUOTED_BYTES: usize = 24_576;
/// Arguments of a command.
const ARGUMENTS: usize = 3;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `AUTHENTICATE` with a mechanism and what the client says first, in base64 (section 2.1).
    Authenticate {
        /// The mechanism, in upper case.
        mechanism: String,
        /// The initial response, as it was sent.
        initial: Option<Vec<u8>>,
    },
    /// `STARTTLS` (section 2.2).
    StartTls,
    /// `LOGOUT` (section 2.3).
    Logout,
    /// `CAPABILITY` (section 2.4).
    Capability,
    /// `HAVESPACE` (section 2.5).
    HaveSpace {
        /// The name of the script.
        name: String,
        /// Its size in bytes.
        bytes: u64,
    },
    /// `PUTSCRIPT` (section 2.6).
    PutScript {
        /// The name of the script.
        name: String,
        /// Its text.
        text: Vec<u8>,
    },
    /// `LISTSCRIPTS` (section 2.7).
    ListScripts,
    /// `SETACTIVE`; an empty name for none (section 2.8).
    SetActive(String),
    /// `GETSCRIPT` (section 2.9).
    GetScript(String),
    /// `DELETESCRIPT` (section 2.10).
    DeleteScript(String),
    /// `RENAMESCRIPT` (section 2.11).
    RenameScript {
        /// Its name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// `CHECKSCRIPT` (section 2.12).
    CheckScript(Vec<u8>),
    /// `NOOP`, with a tag to be said back (section 2.13).
    Noop(Option<Vec<u8>>),
    /// `UNAUTHENTICATE` (section 2.14.1).
    Unauthenticate,
}

/// What stands in some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan<T> {
    /// They end where a literal begins: so many bytes follow, then the rest of the line.
    Literal(u64),
    /// All of it.
    Whole(T),
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
    /// Something that is neither a string nor a number.
    #[error("Malformed argument")]
    Malformed,
    /// A quoted string of more than [`READ_QUOTED_BYTES`].
    #[error("Quoted string too long, use a literal")]
    QuotedTooLong,
    /// A name that is not UTF-8.
    #[error("Not UTF-8")]
    NotUtf8,
}

#[derive(Debug, PartialEq, Eq)]
enum Argument {
    Text(Vec<u8>),
    Number(u64),
}

/// Reads what stands of a command so far: lines without their last line end, literals as they are.
///
/// # Errors
/// The first rule that it breaks.
pub fn command(bytes: &[u8]) -> Result<Scan<Command>, Fault> {
    let end = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    let (name, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    match arguments(rest)? {
        Scan::Literal(bytes) => Ok(Scan::Literal(bytes)),
        Scan::Whole(arguments) => build(name, arguments).map(Scan::Whole),
    }
}

/// Reads a string on a line of its own: what a client says during `AUTHENTICATE`.
///
/// # Errors
/// `Malformed` for anything else.
pub fn line_string(bytes: &[u8]) -> Result<Scan<Vec<u8>>, Fault> {
    let spaced = [b" ", bytes].concat();
    match arguments(&spaced)? {
        Scan::Literal(bytes) => Ok(Scan::Literal(bytes)),
        Scan::Whole(arguments) => match <[Argument; 1]>::try_from(arguments) {
            Ok([Argument::Text(text)]) => Ok(Scan::Whole(text)),
            _ => Err(Fault::Malformed),
        },
    }
}

fn arguments(mut rest: &[u8]) -> Result<Scan<Vec<Argument>>, Fault> {
    let mut all = Vec::new();
    while let Some((first, after)) = rest.split_first() {
        if *first != b' ' || all.len() == ARGUMENTS {
            return Err(Fault::Malformed);
        }
        match after.first() {
            // Spaces at the end do no harm.
            None => break,
            Some(b'"') => {
                let (text, after) = quoted(after)?;
                all.push(Argument::Text(text));
                rest = after;
            }
            Some(b'{') => match literal(after)? {
                Scan::Literal(bytes) => return Ok(Scan::Literal(bytes)),
                Scan::Whole((text, after)) => {
                    all.push(Argument::Text(text.to_vec()));
                    rest = after;
                }
            },
            Some(b'0'..=b'9') => {
                let end = after.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(after.len());
                let (digits, after) = after.split_at_checked(end).unwrap_or((after, &[]));
                all.push(Argument::Number(number(digits)?));
                rest = after;
            }
            Some(_) => return Err(Fault::Malformed),
        }
    }
    Ok(Scan::Whole(all))
}

fn number(digits: &[u8]) -> Result<u64, Fault> {
    // RFC 5804 section 4: a 32-bit number.
    let text = std::str::from_utf8(digits).map_err(|_| Fault::Malformed)?;
    text.parse::<u32>().map(u64::from).map_err(|_| Fault::Malformed)
}

/// A quoted string at the start of `bytes`, and what follows.
fn quoted(bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), Fault> {
    let mut text = Vec::new();
    let mut rest = bytes.get(1..).unwrap_or_default();
    loop {
        let (first, after) = rest.split_first().ok_or(Fault::Malformed)?;
        rest = match first {
            b'"' => return Ok((text, after)),
            b'\\' => {
                let (escaped, after) = after.split_first().ok_or(Fault::Malformed)?;
                if !matches!(escaped, b'"' | b'\\') {
                    return Err(Fault::Malformed);
                }
                text.push(*escaped);
                after
            }
            0 | b'\r' | b'\n' => return Err(Fault::Malformed),
            byte => {
                text.push(*byte);
                after
            }
        };
        if text.len() > READ_QUOTED_BYTES {
            return Err(Fault::QuotedTooLong);
        }
    }
}

/// A string, and what follows it.
type Cut<'a> = (&'a [u8], &'a [u8]);

/// A literal at the start of `bytes`, and what follows.
fn literal(bytes: &[u8]) -> Result<Scan<Cut<'_>>, Fault> {
    let close = bytes.iter().position(|byte| *byte == b'}').ok_or(Fault::Malformed)?;
    let head = bytes.get(1..close).and_then(|head| head.strip_suffix(b"+")).ok_or(Fault::Malformed)?;
    if head.is_empty() || head.len() > 10 || !head.iter().all(u8::is_ascii_digit) {
        return Err(Fault::Malformed);
    }
    let size = number(head)?;
    let after = bytes.get(close + 1..).unwrap_or_default();
    if after.is_empty() {
        return Ok(Scan::Literal(size));
    }
    let data = after.strip_prefix(b"\r\n").ok_or(Fault::Malformed)?;
    let size = usize::try_from(size).map_err(|_| Fault::Malformed)?;
    data.split_at_checked(size).map(Scan::Whole).ok_or(Fault::Malformed)
}

fn build(name: &[u8], arguments: Vec<Argument>) -> Result<Command, Fault> {
    use Argument::{Number, Text};
    let upper = name.to_ascii_uppercase();
    let mut arguments = arguments.into_iter();
    let taken = (arguments.next(), arguments.next(), arguments.next());
    Ok(match (upper.as_slice(), taken) {
        (b"AUTHENTICATE", (Some(Text(mechanism)), initial, None)) => {
            let initial = match initial {
                None => None,
                Some(Text(text)) => Some(text),
                Some(Number(_)) => return Err(Fault::Arguments),
            };
            Command::Authenticate { mechanism: text(mechanism)?.to_ascii_uppercase(), initial }
        }
        (b"STARTTLS", (None, ..)) => Command::StartTls,
        (b"LOGOUT", (None, ..)) => Command::Logout,
        (b"CAPABILITY", (None, ..)) => Command::Capability,
        (b"HAVESPACE", (Some(Text(name)), Some(Number(bytes)), None)) => {
            Command::HaveSpace { name: text(name)?, bytes }
        }
        (b"PUTSCRIPT", (Some(Text(name)), Some(Text(script)), None)) => {
            Command::PutScript { name: text(name)?, text: script }
        }
        (b"LISTSCRIPTS", (None, ..)) => Command::ListScripts,
        (b"SETACTIVE", (Some(Text(name)), None, _)) => Command::SetActive(text(name)?),
        (b"GETSCRIPT", (Some(Text(name)), None, _)) => Command::GetScript(text(name)?),
        (b"DELETESCRIPT", (Some(Text(name)), None, _)) => Command::DeleteScript(text(name)?),
        (b"RENAMESCRIPT", (Some(Text(from)), Some(Text(to)), None)) => {
            Command::RenameScript { from: text(from)?, to: text(to)? }
        }
        (b"CHECKSCRIPT", (Some(Text(script)), None, _)) => Command::CheckScript(script),
        (b"NOOP", (None, ..)) => Command::Noop(None),
        (b"NOOP", (Some(Text(tag)), None, _)) => Command::Noop(Some(tag)),
        (b"UNAUTHENTICATE", (None, ..)) => Command::Unauthenticate,
        (
            b"AUTHENTICATE" | b"STARTTLS" | b"LOGOUT" | b"CAPABILITY" | b"HAVESPACE" | b"PUTSCRIPT"
            | b"LISTSCRIPTS" | b"SETACTIVE" | b"GETSCRIPT" | b"DELETESCRIPT" | b"RENAMESCRIPT"
            | b"CHECKSCRIPT" | b"NOOP" | b"UNAUTHENTICATE",
            _,
        ) => return Err(Fault::Arguments),
        _ => return Err(Fault::Unknown),
    })
}

fn text(bytes: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
}

/// Writes a string: quoted where that is allowed, as a literal where it is not.
pub fn write_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let plain = bytes.len() <= QUOTED_BYTES
        && !bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
        && std::str::from_utf8(bytes).is_ok();
    if !plain {
        return write_literal(out, bytes);
    }
    out.push(b'"');
    for byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// Writes a string as a literal.
pub fn write_literal(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(format!("{{{}}}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
}

/// A response code (section 1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// One script too many.
    QuotaMaxScripts,
    /// A script too large.
    QuotaMaxSize,
    /// The mechanism needs TLS first.
    EncryptNeeded,
    /// It may work later.
    TryLater,
    /// The script is in force.
    Active,
    /// There is no such script.
    Nonexistent,
    /// There is such a script already.
    AlreadyExists,
    /// What `NOOP` asked to be said back.
    Tag(Vec<u8>),
    /// What the mechanism says at the end, in base64.
    Sasl(String),
}

impl Code {
    fn write(&self, out: &mut Vec<u8>) {
        let word: &[u8] = match self {
            Self::QuotaMaxScripts => b"QUOTA/MAXSCRIPTS",
            Self::QuotaMaxSize => b"QUOTA/MAXSIZE",
            Self::EncryptNeeded => b"ENCRYPT-NEEDED",
            Self::TryLater => b"TRYLATER",
            Self::Active => b"ACTIVE",
            Self::Nonexistent => b"NONEXISTENT",
            Self::AlreadyExists => b"ALREADYEXISTS",
            Self::Tag(_) => b"TAG",
            Self::Sasl(_) => b"SASL",
        };
        out.extend_from_slice(word);
        let more = match self {
            Self::Tag(tag) => tag.as_slice(),
            Self::Sasl(text) => text.as_bytes(),
            _ => return,
        };
        out.push(b' ');
        write_string(out, more);
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok,
    /// Not done.
    No,
    /// The server hangs up.
    Bye,
}

/// Writes the line that ends an answer.
pub fn write_status(out: &mut Vec<u8>, status: Status, code: Option<&Code>, text: &str) {
    out.extend_from_slice(match status {
        Status::Ok => b"OK",
        Status::No => b"NO",
        Status::Bye => b"BYE",
    });
    if let Some(code) = code {
        out.extend_from_slice(b" (");
        code.write(out);
        out.push(b')');
    }
    if !text.is_empty() {
        out.push(b' ');
        write_string(out, text.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}
