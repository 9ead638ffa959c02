//! `AUTHENTICATE` (RFC 5804 section 2.1): the exchange of a SASL mechanism in strings of base64.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use codec::managesieve::{Code, Scan, Status, line_string, write_status, write_string};
use wire::auth::{Authenticator, Caller, Session, Turn};
use wire::sasl::{MAX_MESSAGE_BYTES, Mechanism};
use wire::{Conn, Fault, LineEnd};

use crate::answer;
use crate::session::LINE_BYTES;

/// What became of an exchange.
pub(crate) enum Outcome {
    /// Someone is in.
    In(Box<Session>),
    /// Nobody is, and this was a wrong proof, or a broken exchange.
    Refused,
}

/// Carries an exchange through, and answers the command.
pub(crate) async fn exchange(
    conn: &mut Conn,
    authenticator: &Authenticator,
    caller: Caller,
    mechanism: Mechanism,
    initial: Option<Vec<u8>>,
) -> Result<Outcome, Fault> {
    let mut dialogue = authenticator.begin(caller, mechanism);
    let mut message = if let Some(initial) = initial {
        initial
    } else {
        challenge(conn, dialogue.first_challenge());
        string(conn).await?
    };
    loop {
        let Some(decoded) = decode(&message) else {
            refuse(conn, "The exchange was cancelled or is no base64");
            return Ok(Outcome::Refused);
        };
        match dialogue.answer(&decoded).await {
            Turn::Challenge(bytes) => {
                challenge(conn, &bytes);
                message = string(conn).await?;
            }
            Turn::Done { session, last } => {
                let code = last.map(|last| Code::Sasl(BASE64_STANDARD.encode(last)));
                let mut out = Vec::new();
                write_status(&mut out, Status::Ok, code.as_ref(), "Logged in");
                conn.put(&out);
                return Ok(Outcome::In(session));
            }
            Turn::Failed(error) => {
                let mut out = Vec::new();
                answer::refusal(&mut out, &error);
                conn.put(&out);
                return Ok(Outcome::Refused);
            }
        }
    }
}

fn refuse(conn: &mut Conn, text: &str) {
    let mut out = Vec::new();
    write_status(&mut out, Status::No, None, text);
    conn.put(&out);
}

fn challenge(conn: &mut Conn, bytes: &[u8]) {
    let mut out = Vec::new();
    write_string(&mut out, BASE64_STANDARD.encode(bytes).as_bytes());
    out.extend_from_slice(b"\r\n");
    conn.put(&out);
}

/// What a message says; none for `*`, which cancels, and for what is no base64.
fn decode(message: &[u8]) -> Option<Vec<u8>> {
    if message == b"=" {
        return Some(Vec::new());
    }
    BASE64_STANDARD.decode(message).ok()
}

/// The next string of the client, on a line of its own.
async fn string(conn: &mut Conn) -> Result<Vec<u8>, Fault> {
    conn.flush().await?;
    let mut bytes = conn.read_line(LINE_BYTES, LineEnd::Lenient).await?.to_vec();
    loop {
        match line_string(&bytes) {
            Ok(Scan::Whole(text)) => return Ok(text),
            Ok(Scan::Literal(size)) => {
                let size = usize::try_from(size).ok().filter(|size| *size <= MAX_MESSAGE_BYTES * 2);
                let size = size.ok_or(Fault::TooLong)?;
                bytes.extend_from_slice(b"\r\n");
                bytes.extend_from_slice(&conn.read_literal(size).await?);
                bytes.extend_from_slice(&conn.read_line(LINE_BYTES, LineEnd::Lenient).await?);
            }
            // What is no string cannot be base64 either: the exchange ends with a refusal.
            Err(_) => return Ok(b"*".to_vec()),
        }
    }
}
