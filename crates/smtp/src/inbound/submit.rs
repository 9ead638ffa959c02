//! What people send: only in their own name or in one that was delegated to them, and with what a message needs (RFC
//! 6409 sections 6 and 8).

use std::fmt::Write as _;

use codec::Address;
use directory::resolve;
use kernel::Right;
use mail_parser::{DateTime, MessageParser};

use super::command::Mail;
use super::reply::{Reply, of_error};
use super::session::Session;
use super::trace::{HEAD_BYTES, fields};
use super::{Inner, trace};

impl Session {
    /// Whether the envelope's sender may be used, and whether the message is not too large for the account.
    pub(super) async fn may_send(&self, mail: &Mail) -> Result<(), Reply> {
        let Some(login) = &self.login else { return Err(Reply::new(530, "5.7.0", "log in first")) };
        let account = login.account;
        let most = self
            .door
            .mail
            .directory()
            .read(move |tx| resolve::largest_message(tx, account))
            .await
            .map_err(|error| of_error(&error))?;
        if let (Some(most), Some(size)) = (most, mail.size)
            && size > u64::try_from(most).unwrap_or(0)
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
        let (ctx, asked) = (login.ctx.clone(), address.clone());
        let owner = self
            .door
            .mail
            .directory()
            .read(move |tx| resolve::owner(tx, &ctx, &asked))
            .await
            .map_err(|error| of_error(&error))?;
        let Some(owner) = owner.filter(|owner| owner.organisation == login.organisation) else {
            return Err(refused());
        };
        if owner.account == login.account {
            return Ok(());
        }
        // A mailbox of others: the right to send in its name is on its inbox.
        let mailboxes = self.door.mail.mailboxes(&login.ctx, owner.account).await;
        let delegated =
            mailboxes.is_ok_and(|mailboxes| mailboxes.iter().any(|mailbox| mailbox.rights.has(Right::Post)));
        if delegated { Ok(()) } else { Err(refused()) }
    }

    /// Whether the authors that the message names may be named by the account.
    pub(super) async fn check_author(&self, text: Vec<u8>) -> Result<Vec<u8>, Reply> {
        let mut named = Vec::new();
        {
            let body = text.get(HEAD_BYTES..).unwrap_or_default();
            let account = self.login.as_ref().map(|login| login.account);
            if let Some(account) = account {
                let most = self
                    .door
                    .mail
                    .directory()
                    .read(move |tx| resolve::largest_message(tx, account))
                    .await
                    .map_err(|error| of_error(&error))?;
                if most.is_some_and(|most| body.len() as u64 > u64::try_from(most).unwrap_or(0)) {
                    return Err(Reply::new(
                        552,
                        "5.3.4",
                        "the message is larger than your class of service allows",
                    ));
                }
            }
            let froms = fields(body).filter(|(name, _)| name.eq_ignore_ascii_case(b"From")).count();
            if froms != 1 {
                return Err(Reply::new(550, "5.6.0", "a message has exactly one From field"));
            }
            let header = header_of(body);
            let parsed = MessageParser::default().parse_headers(header);
            let Some(parsed) = parsed else {
                return Err(Reply::new(550, "5.6.0", "the header of the message cannot be read"));
            };
            for (what, addresses) in [("the author", parsed.from()), ("the Sender", parsed.sender())] {
                for address in addresses.into_iter().flat_map(|addresses| addresses.iter()) {
                    named.push((what, address.address().unwrap_or_default().to_owned()));
                }
            }
        }
        if !named.iter().any(|(what, _)| *what == "the author") {
            return Err(Reply::new(550, "5.6.0", "the From field names nobody"));
        }
        for (what, address) in named {
            let address = Address::parse(&address)
                .map_err(|fault| Reply::new(550, "5.6.0", format!("{what}'s address {fault}")))?;
            self.owns(&address, what).await?;
        }
        Ok(text)
    }
}

/// The header of a message, with the empty line after it.
fn header_of(body: &[u8]) -> &[u8] {
    let length = fields(body).map(|(_, field)| field.len()).sum::<usize>();
    body.get(..(length + 2).min(body.len())).unwrap_or(body)
}

/// The domain of the first author of a message.
pub(super) fn author_domain(message: &[u8]) -> Option<String> {
    let parsed = MessageParser::default().parse_headers(header_of(message))?;
    let address = Address::parse(parsed.from()?.first()?.address()?).ok()?;
    address.domain().map(str::to_owned)
}

/// A message with `received` and the fields that it lacks before it, and without Bcc.
pub(super) fn shape(door: &Inner, text: Vec<u8>, head: usize, received: &str) -> Vec<u8> {
    let body = text.get(head..).unwrap_or_default();
    let mut added = received.to_owned();
    let has = |wanted: &str| fields(body).any(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
    if !has("Date") {
        let now = DateTime::from_timestamp(door.ctx.now_ms() / 1_000);
        let _ = write!(added, "Date: {}\r\n", now.to_rfc822());
    }
    if !has("Message-ID") {
        let (one, two) = (door.ctx.random.u64(), door.ctx.random.u64());
        let _ = write!(added, "Message-ID: <{one:016x}{two:016x}@{}>\r\n", door.settings.hostname);
    }
    if !has("Bcc") {
        return trace::join(text, &added).to_vec();
    }
    let mut out = added.into_bytes();
    let mut header_bytes = 0;
    for (name, field) in fields(body) {
        header_bytes += field.len();
        if !name.eq_ignore_ascii_case(b"Bcc") {
            out.extend_from_slice(field);
        }
    }
    out.extend_from_slice(body.get(header_bytes..).unwrap_or_default());
    out
}
