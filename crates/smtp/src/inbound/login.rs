//! `AUTH` (RFC 4954).

use base::Meaning;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::auth::{Authenticator, Turn};
use wire::sasl::{MAX_MESSAGE_BYTES, Mechanism};
use wire::{Fault, LineEnd};

use super::Profile;
use super::reply::Reply;
use super::session::{Next, Session};

impl Session {
    pub(super) async fn authenticate(
        &mut self,
        mechanism: &str,
        initial: Option<String>,
    ) -> Result<Next, Fault> {
        let door = self.door.clone();
        let Some(authenticator) = door.authenticator.as_ref().filter(|_| door.profile == Profile::Submission)
        else {
            return Ok(self.answer(&Reply::new(502, "5.5.1", "nobody logs in here")));
        };
        if self.login.is_some() {
            return Ok(self.answer(&Reply::new(503, "5.5.1", "somebody is logged in already")));
        }
        let mut caller = authenticator.caller(&self.conn, door.profile.door());
        caller.client = self.hello.as_ref().map(|(_, name)| name.clone()).unwrap_or_default();
        let Some(mechanism) = Mechanism::parse(mechanism) else {
            return Ok(self.answer(&Reply::new(504, "5.5.4", "that mechanism is not known here")));
        };
        if !Authenticator::mechanisms(&caller, door.settings.login_in_clear).contains(&mechanism) {
            let reply = if caller.is_tls {
                Reply::new(504, "5.5.4", "that mechanism is not offered")
            } else {
                Reply::new(538, "5.7.11", "that mechanism needs TLS; begin with STARTTLS")
            };
            return Ok(self.answer(&reply));
        }
        let mut dialogue = authenticator.begin(caller, mechanism);
        let mut message = match initial {
            Some(text) if text == "=" => Vec::new(),
            Some(text) => match STANDARD.decode(text) {
                Ok(bytes) => bytes,
                Err(_) => return Ok(self.answer(&Reply::new(501, "5.5.2", "that is not base64"))),
            },
            None => match self.challenge(dialogue.first_challenge()).await? {
                Ok(message) => message,
                Err(reply) => return Ok(self.answer(&reply)),
            },
        };
        loop {
            match dialogue.answer(&message).await {
                Turn::Challenge(challenge) => match self.challenge(&challenge).await? {
                    Ok(answer) => message = answer,
                    Err(reply) => return Ok(self.answer(&reply)),
                },
                Turn::Done { session, last } => {
                    // SMTP has no room for data beside its success: it goes as one more challenge, which the client
                    // answers with nothing (RFC 4954 section 4).
                    if let Some(last) = last
                        && let Err(reply) = self.challenge(&last).await?
                    {
                        return Ok(self.answer(&reply));
                    }
                    self.login = Some(session);
                    return Ok(self.answer(&Reply::new(235, "2.7.0", "welcome")));
                }
                Turn::Failed(error) => {
                    let reply = match error.meaning() {
                        Meaning::Unavailable | Meaning::Corrupt => {
                            Reply::new(454, "4.7.0", "logging in is not possible for now; try again later")
                        }
                        Meaning::Invalid => Reply::new(501, "5.5.2", error.to_string()),
                        Meaning::Limit => Reply::new(454, "4.7.0", error.to_string()),
                        _ => Reply::new(535, "5.7.8", error.to_string()),
                    };
                    return Ok(self.answer(&reply));
                }
            }
        }
    }

    /// Sends a challenge and reads the answer; or what to say to a client that gives up or sends nonsense.
    async fn challenge(&mut self, challenge: &[u8]) -> Result<Result<Vec<u8>, Reply>, Fault> {
        self.conn.put(format!("334 {}\r\n", STANDARD.encode(challenge)).as_bytes());
        self.conn.flush().await?;
        let limit = MAX_MESSAGE_BYTES * 4 / 3 + 4;
        let line = match self.conn.read_line(limit, LineEnd::Strict).await {
            Ok(line) => line,
            Err(Fault::TooLong) => {
                self.conn.skip_line(limit).await?;
                return Ok(Err(Reply::new(500, "5.5.6", "the answer is too long")));
            }
            Err(fault) => return Err(fault),
        };
        if line == "*" {
            return Ok(Err(Reply::new(501, "5.7.0", "given up, as asked")));
        }
        Ok(STANDARD.decode(&line).map_err(|_| Reply::new(501, "5.5.2", "that is not base64")))
    }
}
