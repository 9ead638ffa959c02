//! A message that came whole: checked, delivered, queued, answered for.

use base::{Actor, OrganisationId, SessionId};
use bytes::Bytes;
use mail::flags::Keywords;
use mail::queue::{Body, NewMessage, NewRecipient};
use mail::{Append, Incoming, Rcpt, Role};

use super::envelope::{Accepted, Envelope};
use super::remainder::Answered;
use super::reply::{Reply, of_delivery, of_error};
use super::session::Session;
use super::trace::{self, HEAD_BYTES};
use super::{Profile, submit};
use crate::checks::{Seen, Verdict};

/// The same answer for the message: in LMTP once for each recipient.
pub(super) fn same(profile: Profile, envelope: &Envelope, reply: &Reply) -> Vec<Reply> {
    let count = if profile == Profile::Lmtp { envelope.recipients.len() } else { 1 };
    vec![reply.clone(); count]
}

/// A message with what is put before it.
pub(super) struct Ready {
    pub(super) message: Bytes,
    /// How many of its first bytes are ours.
    pub(super) trace_bytes: usize,
    pub(super) junk: bool,
}

impl Session {
    /// Takes the message over; the answers to it.
    pub(super) async fn accept(&mut self, envelope: Envelope, text: Vec<u8>) -> Vec<Reply> {
        let body = text.get(HEAD_BYTES..).unwrap_or_default();
        let received = trace::received(body);
        let most = self.door.ctx.limits.smtp_received;
        let all = |reply: Reply| same(self.door.profile, &envelope, &reply);
        if received > most {
            return all(Reply::new(
                554,
                "5.4.6",
                "the message goes round in circles: it has too many Received fields",
            ));
        }
        let ready = if self.door.profile == Profile::Submission {
            self.prepare_submission(&envelope, text).await
        } else {
            self.prepare(&envelope, text).await
        };
        let ready = match ready {
            Ok(ready) => ready,
            Err(reply) => return all(reply),
        };
        if let Err(reply) = self.queue_outside(&envelope, &ready).await {
            return all(reply);
        }
        let delivered = self.deliver(&envelope, &ready).await;
        if self.door.profile == Profile::Lmtp {
            let mut replies = Vec::with_capacity(delivered.len());
            for (accepted, answered) in envelope.recipients.iter().zip(&delivered) {
                let is_elsewhere_too = !accepted.outside.is_empty();
                replies.push(self.answer_for(&envelope, &ready, answered, is_elsewhere_too).await);
            }
            return replies;
        }
        let is_elsewhere_too = envelope.recipients.iter().any(|accepted| !accepted.outside.is_empty());
        let reply = self.answer_for(&envelope, &ready, &delivered.concat(), is_elsewhere_too).await;
        if reply.is_ok() && self.door.settings.sent_copy {
            self.keep_copy(&ready).await;
        }
        vec![reply]
    }

    /// Puts what a person sent into its mailbox for sent mail. The message is on its way already: that it cannot be
    /// kept is noted and no reason to send it again.
    async fn keep_copy(&self, ready: &Ready) {
        let Some(login) = &self.login else { return };
        let copy = async {
            self.door.mail.inbox(&login.ctx, login.account).await?;
            let mailboxes = self.door.mail.mailboxes(&login.ctx, login.account).await?;
            let Some(sent) = mailboxes.iter().find(|mailbox| mailbox.role == Some(Role::Sent)) else {
                return Ok(());
            };
            let append = Append {
                body: ready.message.clone(),
                keywords: Keywords::parse(["\\Seen"])?,
                received_at: None,
                received_zone: 0,
            };
            self.door.mail.append(&login.ctx, login.account, sent.id, vec![append]).await.map(|_| ())
        };
        let copied: base::Result<()> = copy.await;
        if let Err(error) = copied {
            tracing::warn!(%error, account = login.account.0, "what was sent could not be kept");
        }
    }

    /// Puts trace fields before a message of another server, and verdicts of the checks.
    async fn prepare(&self, envelope: &Envelope, text: Vec<u8>) -> Result<Ready, Reply> {
        let mut verdict = Verdict::default();
        if let Some(checks) =
            self.door.checks.as_ref().filter(|_| self.door.profile == Profile::Smtp && !self.is_trusted())
        {
            let hello = self.helo_name.as_deref().or(self.hello.as_ref().map(|(_, name)| name.as_str()));
            let seen = Seen {
                peer: self.conn.peer().ip(),
                hello: hello.unwrap_or_default(),
                sender: &envelope.sender(),
                recipients: &envelope
                    .recipients
                    .iter()
                    .map(|known| known.address.to_string())
                    .collect::<Vec<_>>(),
                message: text.get(HEAD_BYTES..).unwrap_or_default(),
            };
            verdict = checks.look(&self.door.ctx, &seen).await;
        }
        if let Some(reply) = verdict.refusal {
            return Err(reply);
        }
        let text = if verdict.foreign_results {
            crate::checks::without_foreign_results(&text, HEAD_BYTES, &self.door.settings.hostname)
        } else {
            text
        };
        let mut head = self.trace(envelope);
        head.push_str(&verdict.header);
        Ok(Ready { trace_bytes: head.len(), message: trace::join(text, &head), junk: verdict.junk })
    }

    /// Puts what a person sends into shape: what is missing is added, what others must not see is taken out.
    async fn prepare_submission(&self, envelope: &Envelope, text: Vec<u8>) -> Result<Ready, Reply> {
        let text = self.check_author(text).await?;
        let mut received = String::with_capacity(256);
        self.write_received(&mut received, envelope);
        let shaped = submit::shape(&self.door, text, HEAD_BYTES, &received);
        Ok(Ready { trace_bytes: 0, message: shaped.into(), junk: false })
    }

    /// Queues the message for outside recipients: what a person sends once, what is forwarded once a forwarder.
    async fn queue_outside(&self, envelope: &Envelope, ready: &Ready) -> Result<(), Reply> {
        let with_outside: Vec<&Accepted> =
            envelope.recipients.iter().filter(|accepted| !accepted.outside.is_empty()).collect();
        if with_outside.is_empty() {
            return Ok(());
        }
        let message = ready.message.slice(ready.trace_bytes.min(ready.message.len())..);
        for accepted in &with_outside {
            if accepted.forwarder.is_some()
                && trace::was_delivered_to(&message, &accepted.address.to_string())
            {
                return Err(Reply::new(554, "5.4.6", "the message goes round in circles"));
            }
        }
        if let Some(login) = &self.login {
            let new = self.outgoing(envelope, &with_outside, login.organisation, &message);
            return self.queue(message, new).await;
        }
        let (forwarded, direct): (Vec<_>, Vec<_>) =
            with_outside.into_iter().partition(|accepted| accepted.forwarder.is_some());
        for accepted in forwarded {
            let Some(organisation) = accepted.forwarder else { continue };
            let mut new = self.outgoing(envelope, &[accepted], organisation, &message);
            // The forwarding domain answers for it by SPF, and a failure goes to whoever can mend it.
            if !new.sender.is_empty() {
                new.sender = accepted.address.to_string();
            }
            // Whoever sends it back to us is told by this.
            let mut head = format!("Delivered-To: {}\r\n", accepted.address);
            self.write_received(&mut head, envelope);
            self.queue([head.as_bytes(), &message].concat().into(), new).await?;
        }
        if let Some(first) = direct.first() {
            let organisation = self.organisation_of(first).await?;
            let new = self.outgoing(envelope, &direct, organisation, &message);
            let mut head = String::new();
            self.write_received(&mut head, envelope);
            self.queue([head.as_bytes(), &message].concat().into(), new).await?;
        }
        Ok(())
    }

    pub(super) async fn queue(&self, message: Bytes, new: NewMessage) -> Result<(), Reply> {
        match self.door.mail.send(self.ctx(), message, new).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "a message could not be queued");
                Err(of_error(&error))
            }
        }
    }

    fn outgoing(
        &self,
        envelope: &Envelope,
        with_outside: &[&Accepted],
        organisation: OrganisationId,
        message: &[u8],
    ) -> NewMessage {
        let recipients = with_outside.iter().flat_map(|accepted| {
            accepted.outside.iter().map(|address| NewRecipient {
                address: address.clone(),
                notify: accepted.notify,
                original: accepted
                    .original
                    .clone()
                    .or_else(|| accepted.forwarder.is_some().then(|| format!("rfc822;{}", accepted.address))),
            })
        });
        let named = Body::Named { hash: [0; 32], size: 0 };
        let mut new = NewMessage::new(organisation, named, envelope.sender(), recipients);
        new.account = self.login.as_ref().map_or(base::AccountId(0), |login| login.account);
        new.envelope_id.clone_from(&envelope.mail.envelope_id);
        new.return_text = envelope.mail.return_text;
        new.needs_utf8 = envelope.mail.utf8;
        new.has_8bit = !message.is_ascii();
        new.requires_tls = envelope.mail.requires_tls;
        new.hold_until = envelope.hold_until;
        new.sign_domain = match &self.login {
            Some(_) => mail::submission::author_domain(message).or_else(|| {
                envelope.mail.sender.as_ref().and_then(|sender| sender.domain().map(str::to_owned))
            }),
            None => with_outside
                .iter()
                .find(|accepted| accepted.forwarder.is_some())
                .and_then(|accepted| accepted.address.domain().map(str::to_owned)),
        };
        new
    }

    /// The organisation that queues mail for a domain that another server of ours or a relaying network serves.
    async fn organisation_of(&self, accepted: &Accepted) -> Result<OrganisationId, Reply> {
        let domain = accepted.address.domain().unwrap_or_default().to_owned();
        self.door
            .mail
            .directory()
            .read(move |tx| directory::domains::organisation_for(tx, &domain))
            .await
            .map_err(|error| of_error(&error))
    }

    /// Delivers the message to mailboxes: for each recipient, the answers for its mailboxes.
    async fn deliver(&self, envelope: &Envelope, ready: &Ready) -> Vec<Vec<Answered>> {
        let mut rcpts = Vec::new();
        for accepted in &envelope.recipients {
            rcpts.extend(accepted.mailboxes.iter().map(|recipient| Rcpt {
                recipient: recipient.clone(),
                address: accepted.address.to_string(),
                detail: accepted.detail.clone(),
            }));
        }
        let mut outcomes = Vec::new();
        if !rcpts.is_empty() {
            let ctx = match &self.login {
                // The history names who sent it; that it arrives is no right of the sender's.
                Some(login) => login.ctx.trusted(),
                None => self.door.ctx.with_actor(Actor::system(), self.door.profile.door(), SessionId(0)),
            };
            let incoming = Incoming {
                message: ready.message.clone(),
                trace_bytes: ready.trace_bytes,
                received_at: ctx.now_ms(),
                sender: envelope.sender(),
                junk: ready.junk,
            };
            outcomes = self.door.mail.deliver(&ctx, &incoming, rcpts).await;
        }
        let mut outcomes = outcomes.into_iter();
        let answer = |accepted: &Accepted| {
            let own = accepted.mailboxes.iter().zip(outcomes.by_ref());
            own.map(|(recipient, outcome)| {
                let reply = match outcome {
                    Ok(_) => Reply::new(250, "2.0.0", format!("{} has it", accepted.address)),
                    Err(error) => {
                        tracing::info!(%error, recipient = %accepted.address, "not delivered");
                        of_delivery(&error)
                    }
                };
                (recipient.clone(), reply)
            })
            .collect()
        };
        envelope.recipients.iter().map(answer).collect()
    }
}
