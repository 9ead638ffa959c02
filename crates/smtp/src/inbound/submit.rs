//! What people send: only in their own name or in one that was delegated to them, and with what a message needs (RFC
//! 6409 sections 6 and 8).

use codec::Address;
use mail::submission;

use super::command::Mail;
use super::reply::{Reply, of_error};
use super::session::Session;
use super::trace::HEAD_BYTES;
use super::{Inner, trace};

impl Session {
    /// Whether the envelope's sender may be used, and whether the message is not too large for the account.
    pub(super) async fn may_send(&self, mail: &Mail) -> Result<(), Reply> {
        let Some(login) = &self.login else { return Err(Reply::new(530, "5.7.0", "log in first")) };
        let account = login.account;
        let most = self.door.mail.largest_submission(account).await.map_err(|error| of_error(&error))?;
        if let (Some(most), Some(size)) = (most, mail.size)
            && size > most
        {
            return Err(Reply::new(
                552,
                "5.3.4",
                format!("messages of your class of service have at most {most} bytes"),
            ));
        }
        match &mail.sender {
            Some(sender) => self.owns(sender, "the sender").await,
            // Reports of a mail program (RFC 8098 section 4) have no sender.
            None => Ok(()),
        }
    }

    /// Whether an address is the account's own or delegated to it.
    async fn owns(&self, address: &Address, what: &str) -> Result<(), Reply> {
        let Some(login) = &self.login else { return Err(Reply::new(530, "5.7.0", "log in first")) };
        let refused = || {
            Reply::new(
                550,
                "5.7.1",
                format!(
                    "{what} {address} is neither an address of yours nor delegated to you; send from {}",
                    login.address
                ),
            )
        };
        match self.door.mail.may_send_as(&login.ctx, address).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(refused()),
            Err(error) => Err(of_error(&error)),
        }
    }

    /// Whether the authors that the message names may be named by the account.
    pub(super) async fn check_author(&self, text: Vec<u8>) -> Result<Vec<u8>, Reply> {
        let body = text.get(HEAD_BYTES..).unwrap_or_default();
        if let Some(login) = &self.login {
            let most = self.door.mail.largest_submission(login.account).await;
            if most.map_err(|error| of_error(&error))?.is_some_and(|most| body.len() as u64 > most) {
                return Err(Reply::new(
                    552,
                    "5.3.4",
                    "the message is larger than your class of service allows",
                ));
            }
        }
        let named = submission::authors(body).map_err(|why| Reply::new(550, "5.6.0", why))?;
        for (what, address) in named {
            self.owns(&address, what).await?;
        }
        Ok(text)
    }
}

/// A message with `received` and the fields that it lacks before it, and without Bcc.
pub(super) fn shape(door: &Inner, text: Vec<u8>, head: usize, received: &str) -> Vec<u8> {
    let body = text.get(head..).unwrap_or_default();
    let added = received.to_owned() + &submission::missing_fields(&door.ctx, &door.settings.hostname, body);
    match submission::without_bcc(body) {
        Some(rest) => [added.as_bytes(), &rest].concat(),
        None => trace::join(text, &added).to_vec(),
    }
}
