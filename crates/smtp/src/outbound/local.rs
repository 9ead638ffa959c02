//! Mail whose destination is here: reports to our own people above all, and mail that waited for its time.

use std::collections::BTreeMap;

use base::{AccountId, Ctx, Door, Meaning, OrganisationId, Result, SessionId};
use bytes::Bytes;
use codec::Address;
use directory::entries;
use directory::resolve::{self, Resolution};
use mail::queue::{Body, Claimed, NewMessage, NewRecipient, Outcome, Recipient, Reply, Verdict};
use mail::{Incoming, Rcpt};

use super::Shared;
use super::settings::Relay;
use super::worker::unreadable;

/// Where a recipient is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In mailboxes here.
    Here,
    /// At the other server of a domain of ours.
    Relay(Relay),
    /// Elsewhere.
    Away,
}

/// Who has a mailbox that an address leads to.
type Member = (OrganisationId, AccountId);

/// What became of a delivery here.
fn reply(enhanced: &str, text: impl Into<String>) -> Reply {
    Reply::local(enhanced, text)
}

/// What an error of a delivery means for the message.
fn verdict_of(error: &base::Error) -> (Verdict, Reply) {
    match error.meaning() {
        Meaning::OverQuota => (Verdict::Deferred, reply("4.2.2", error.to_string())),
        Meaning::NotFound | Meaning::Forbidden => (Verdict::Failed, reply("5.2.1", error.to_string())),
        Meaning::Invalid | Meaning::TooLarge => (Verdict::Failed, reply("5.6.0", error.to_string())),
        _ => (Verdict::Deferred, reply("4.3.0", error.to_string())),
    }
}

impl Shared {
    fn deliverer(&self) -> Ctx {
        self.ctx.with_actor(base::Actor::system(), Door::System, SessionId(0))
    }

    async fn resolve(&self, address: &str) -> Result<Resolution> {
        let Ok(address) = Address::parse(address) else { return Ok(Resolution::NotOurs) };
        let ctx = self.deliverer();
        self.mail.directory().read(move |tx| resolve::resolve(tx, &ctx, &address)).await
    }

    /// The recipients of a claim by where they are.
    pub(super) async fn places(&self, claimed: &Claimed) -> Result<Vec<(Place, Claimed)>> {
        let mut places: Vec<(Place, Claimed)> = Vec::new();
        for recipient in &claimed.recipients {
            let place = match self.resolve(&recipient.address).await? {
                Resolution::NotOurs => Place::Away,
                Resolution::Relay(host) => Relay::parse(&host).map_or(Place::Here, Place::Relay),
                Resolution::Found(_) | Resolution::Refused(_) => Place::Here,
            };
            if let Some((_, some)) = places.iter_mut().find(|(known, _)| *known == place) {
                some.recipients.push(recipient.clone());
            } else {
                let recipients = vec![recipient.clone()];
                places.push((place, Claimed { recipients, ..claimed.clone() }));
            }
        }
        Ok(places)
    }

    /// Delivers into mailboxes here.
    pub(super) async fn deliver_here(&self, claimed: &Claimed) -> Result<Vec<Outcome>> {
        let size = u64::try_from(claimed.message.size).unwrap_or(0);
        let body = match self.body(claimed, size).await {
            Ok(body) => body,
            Err(error) => return Ok(unreadable(claimed, &error)),
        };
        let mut outcomes = Vec::with_capacity(claimed.recipients.len());
        for recipient in &claimed.recipients {
            let (verdict, reply) = self.deliver_one(claimed, recipient, &body).await?;
            outcomes.push(Outcome { number: recipient.number, verdict, reply, is_final: true });
        }
        Ok(outcomes)
    }

    async fn deliver_one(
        &self,
        claimed: &Claimed,
        recipient: &Recipient,
        body: &Bytes,
    ) -> Result<(Verdict, Reply)> {
        let found = match self.resolve(&recipient.address).await? {
            Resolution::Found(found) => found,
            Resolution::Refused(resolve::Refusal::Closed) => {
                return Ok((Verdict::Failed, reply("5.2.1", "this mailbox receives no mail any more")));
            }
            Resolution::Refused(_) => {
                return Ok((Verdict::Failed, reply("5.1.1", "there is no such address here")));
            }
            Resolution::Relay(_) | Resolution::NotOurs => {
                return Ok((
                    Verdict::Deferred,
                    reply("4.3.5", "the other server of the domain cannot be used"),
                ));
            }
        };
        if !found.outside.is_empty() {
            self.pass_on(claimed, found.outside.clone(), &recipient.address).await?;
        }
        let rcpts: Vec<Rcpt> = (found.mailboxes.into_iter())
            .map(|mailbox| Rcpt {
                recipient: mailbox,
                address: recipient.address.clone(),
                detail: found.detail.clone(),
            })
            .collect();
        if rcpts.is_empty() {
            return Ok((Verdict::Delivered, reply("2.1.5", "passed on")));
        }
        let members: Vec<Member> =
            rcpts.iter().map(|rcpt| (rcpt.recipient.organisation, rcpt.recipient.account)).collect();
        let done = self.deliver_to(claimed, recipient, body, rcpts).await;
        let has_reached = !found.outside.is_empty() || done.iter().any(Result::is_ok);
        let failed =
            || done.iter().zip(&members).filter_map(|(done, member)| Some((done.as_ref().err()?, *member)));
        let waiting: Vec<Member> = failed()
            .filter(|(error, _)| verdict_of(error).0 == Verdict::Deferred)
            .map(|(_, member)| member)
            .collect();
        if has_reached && !waiting.is_empty() {
            // Another try of the whole address would bring those it reached a second copy.
            self.queue_rest(claimed, recipient, waiting).await?;
        }
        let mut lost = failed().map(|(error, _)| verdict_of(error));
        let worst = if has_reached {
            lost.find(|(verdict, _)| *verdict == Verdict::Failed)
        } else {
            // Nobody has it yet: everybody is tried again when anyone may be.
            lost.max_by_key(|(verdict, _)| *verdict == Verdict::Deferred)
        };
        Ok(worst.unwrap_or_else(|| (Verdict::Delivered, reply("2.1.5", "delivered"))))
    }

    async fn deliver_to(
        &self,
        claimed: &Claimed,
        recipient: &Recipient,
        body: &Bytes,
        rcpts: Vec<Rcpt>,
    ) -> Vec<Result<mail::Delivered>> {
        let trace = self.trace(claimed, &recipient.address);
        let mut message = Vec::with_capacity(trace.len() + body.len());
        message.extend_from_slice(trace.as_bytes());
        message.extend_from_slice(body);
        let incoming = Incoming {
            message: Bytes::from(message),
            trace_bytes: trace.len(),
            received_at: self.ctx.now_ms(),
            sender: claimed.message.sender.clone(),
            junk: false,
        };
        self.mail.deliver(&self.deliverer(), &incoming, rcpts).await
    }

    /// Queues a message anew for those members of an address whom it did not reach for the moment.
    async fn queue_rest(&self, claimed: &Claimed, recipient: &Recipient, members: Vec<Member>) -> Result<()> {
        let message = &claimed.message;
        let mut by_organisation: BTreeMap<OrganisationId, Vec<AccountId>> = BTreeMap::new();
        for (organisation, account) in members {
            by_organisation.entry(organisation).or_default().push(account);
        }
        let mut found = Vec::new();
        for (organisation, accounts) in by_organisation {
            found.extend(
                self.mail
                    .directory()
                    .read(move |tx| entries::of_accounts(tx, organisation, &accounts))
                    .await?,
            );
        }
        let recipients = found.into_iter().map(|entry| NewRecipient {
            address: entry.address,
            notify: recipient.notify,
            original: recipient.original.clone(),
        });
        let body = Body::Named { hash: message.hash, size: u64::try_from(message.size).unwrap_or(0) };
        let new = NewMessage {
            account: message.account,
            envelope_id: message.envelope_id.clone(),
            return_text: message.return_text,
            needs_utf8: message.needs_utf8,
            has_8bit: message.has_8bit,
            requires_tls: message.requires_tls,
            sign_domain: message.sign_domain.clone(),
            ..NewMessage::new(message.organisation, body, message.sender.clone(), recipients)
        };
        self.queue.send(&self.ctx, new).await.map(|_| ())
    }

    /// Queues a message for addresses outside that one of ours leads to, in the name of that one.
    async fn pass_on(&self, claimed: &Claimed, outside: Vec<String>, by: &str) -> Result<()> {
        let message = &claimed.message;
        let sender = if message.sender.is_empty() { String::new() } else { by.to_owned() };
        let body = Body::Named { hash: message.hash, size: u64::try_from(message.size).unwrap_or(0) };
        let recipients = outside.into_iter().map(NewRecipient::new);
        let sign_domain = Address::parse(by).ok().and_then(|by| by.domain().map(str::to_owned));
        let new = NewMessage {
            account: message.account,
            needs_utf8: message.needs_utf8,
            has_8bit: message.has_8bit,
            sign_domain,
            ..NewMessage::new(message.organisation, body, sender, recipients)
        };
        self.queue.send(&self.ctx, new).await.map(|_| ())
    }

    /// What we put before a message that we deliver (RFC 5321 section 4.4).
    fn trace(&self, claimed: &Claimed, address: &str) -> String {
        let message = &claimed.message;
        let host = &self.settings.hostname;
        let date = mail_builder::headers::date::Date::new(self.ctx.now_ms().div_euclid(1_000)).to_rfc822();
        let how = if message.needs_utf8 { "UTF8LOCAL" } else { "LOCAL" };
        format!(
            "Return-Path: <{}>\r\nReceived: by {host} (Beffroi) with {how} id {}\r\n\tfor <{address}>; {date}\r\n",
            message.sender, message.id
        )
    }
}
