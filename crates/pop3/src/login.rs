//! `AUTH` (RFC 5034): the exchange of a SASL mechanism in lines of base64.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use wire::auth::{Authenticator, Caller, Session, Turn};
use wire::sasl::{MAX_MESSAGE_BYTES, Mechanism};
use wire::{Conn, Fault, LineEnd};

use crate::answer;

/// Carries an exchange through; a refusal is answered here, a success by the caller.
pub(crate) async fn exchange(
    conn: &mut Conn,
    authenticator: &Authenticator,
    caller: Caller,
    mechanism: Mechanism,
    initial: Option<String>,
) -> Result<Option<Box<Session>>, Fault> {
    let mut dialogue = authenticator.begin(caller, mechanism);
    let mut message = match initial {
        Some(initial) => initial.into_bytes(),
        None => ask(conn, dialogue.first_challenge()).await?,
    };
    let mut proven = None;
    loop {
        let decoded = if message == b"=" { Some(Vec::new()) } else { BASE64_STANDARD.decode(&message).ok() };
        let Some(decoded) = decoded else {
            conn.put(b"-ERR The exchange was cancelled or is no base64\r\n");
            return Ok(None);
        };
        if proven.is_some() {
            // RFC 5034 section 4: the server's last word was a challenge, whose answer is empty.
            return Ok(proven);
        }
        match dialogue.answer(&decoded).await {
            Turn::Challenge(bytes) => message = ask(conn, &bytes).await?,
            Turn::Done { session, last: None } => return Ok(Some(session)),
            Turn::Done { session, last: Some(last) } => {
                proven = Some(session);
                message = ask(conn, &last).await?;
            }
            Turn::Failed(error) => {
                conn.put(answer::login_refusal(&error).as_bytes());
                return Ok(None);
            }
        }
    }
}

async fn ask(conn: &mut Conn, challenge: &[u8]) -> Result<Vec<u8>, Fault> {
    conn.put(format!("+ {}\r\n", BASE64_STANDARD.encode(challenge)).as_bytes());
    conn.flush().await?;
    Ok(conn.read_line(MAX_MESSAGE_BYTES * 2, LineEnd::Lenient).await?.to_vec())
}
