//! `MAIL` and `RCPT`: who sends, and whether somebody receives.

use base::Result;
use codec::Address;
use directory::groups::{self, Posting};
use directory::resolve::{self, Recipients, Refusal, Resolution};
use directory::throttle::Network;

use super::Profile;
use super::command::{Hold, Mail, Rcpt};
use super::envelope::{Accepted, Envelope};
use super::reply::{Reply, of_error};
use super::session::Session;

/// What an address comes to, with whether the sender may write to the group that it is of.
struct Answer {
    resolution: Resolution,
    posting: Posting,
    /// Whose address it is, when it leads outside.
    forwarder: Option<base::OrganisationId>,
}

impl Session {
    /// `MAIL`.
    pub(super) async fn begin(&mut self, mail: Mail) -> Reply {
        if let Some(reply) = self.refused_sender(&mail) {
            return reply;
        }
        let hold_until = match self.hold_until(&mail) {
            Ok(hold_until) => hold_until,
            Err(reply) => return reply,
        };
        if self.door.profile == Profile::Submission
            && let Err(reply) = self.may_send(&mail).await
        {
            return reply;
        }
        let text = match &mail.sender {
            Some(sender) => format!("{sender} sends"),
            None => "the null sender sends".to_owned(),
        };
        self.envelope = Some(Box::new(Envelope::new(mail, hold_until)));
        Reply::new(250, "2.1.0", text)
    }

    fn refused_sender(&self, mail: &Mail) -> Option<Reply> {
        let limits = &self.door.ctx.limits;
        if mail.size.is_some_and(|size| size > limits.message_bytes) {
            return Some(Reply::new(
                552,
                "5.3.4",
                format!("messages have at most {} bytes", limits.message_bytes),
            ));
        }
        if !mail.utf8 && mail.sender.as_ref().is_some_and(Address::needs_utf8) {
            return Some(Reply::new(550, "5.6.7", "the address needs SMTPUTF8"));
        }
        if mail.requires_tls && !(self.door.profile == Profile::Submission && self.conn.is_tls()) {
            return Some(Reply::new(555, "5.5.4", "REQUIRETLS is not offered here"));
        }
        let peer = self.conn.peer().ip();
        let counted = self.door.profile == Profile::Smtp && !self.is_trusted();
        let now = self.door.ctx.now_ms();
        let most = limits.smtp_messages_per_address_hour;
        if counted && !self.door.rates.messages.count(Network::of(peer), 1, most, now) {
            return Some(Reply::new(
                450,
                "4.7.1",
                "too many messages from your network in an hour; try again later",
            ));
        }
        None
    }

    fn hold_until(&self, mail: &Mail) -> Result<Option<i64>, Reply> {
        let Some(hold) = mail.hold else { return Ok(None) };
        if self.door.profile != Profile::Submission {
            return Err(Reply::new(555, "5.5.4", "mail is not held here"));
        }
        let now_ms = self.door.ctx.now_ms();
        let most = i64::try_from(self.door.ctx.limits.submission_hold_seconds).unwrap_or(i64::MAX);
        let seconds = match hold {
            Hold::Seconds(seconds) => i64::try_from(seconds).unwrap_or(i64::MAX),
            Hold::Until(time) => time.saturating_sub(now_ms / 1_000),
        };
        if seconds < 0 || seconds > most {
            return Err(Reply::new(501, "5.5.4", format!("mail is held for at most {most} seconds")));
        }
        Ok(Some(now_ms.saturating_add(seconds.saturating_mul(1_000))))
    }

    /// `RCPT`.
    pub(super) async fn add_recipient(&mut self, rcpt: Rcpt) -> Reply {
        let limits = self.door.ctx.limits.clone();
        let submission = self.door.profile == Profile::Submission;
        let most = if submission { limits.submission_recipients } else { limits.smtp_recipients };
        let Some(envelope) = &self.envelope else {
            return Reply::new(503, "5.5.1", "give the sender first, with MAIL FROM");
        };
        if envelope.recipients.len() as u64 >= most {
            return Reply::new(452, "4.5.3", format!("a message has at most {most} recipients here"));
        }
        let Some(address) = rcpt.address.clone().or_else(|| self.postmaster()) else {
            return Reply::new(550, "5.1.1", "nobody receives mail for postmaster here; add a domain");
        };
        if !envelope.mail.utf8 && address.needs_utf8() {
            return Reply::new(553, "5.6.7", "the address needs SMTPUTF8");
        }
        if envelope.recipients.iter().any(|known| known.address == address) {
            return Reply::new(250, "2.1.5", "receives it once");
        }
        if submission && let Some(login) = &self.login {
            let most = limits.submission_recipients_per_account_hour;
            if !self.door.rates.recipients.count(login.account, 1, most, self.door.ctx.now_ms()) {
                return Reply::new(450, "4.7.1", "too many recipients in an hour; try again later");
            }
        }
        let sender = envelope.sender();
        match self.ask(&address, sender).await {
            Ok(answer) => self.take(rcpt, address, answer).await,
            Err(error) => of_error(&error),
        }
    }

    fn postmaster(&self) -> Option<Address> {
        Address::parse(self.door.settings.postmaster.as_deref()?).ok()
    }

    /// Asks the directory, once.
    async fn ask(&self, address: &Address, sender: String) -> Result<Answer> {
        let (ctx, address) = (self.ctx().clone(), address.clone());
        let own = self.login.as_ref().map(|login| (login.organisation, login.account));
        self.door
            .mail
            .directory()
            .read(move |tx| {
                let resolution = resolve::resolve(tx, &ctx, &address)?;
                let posting = match &resolution {
                    Resolution::Found(Recipients { via: Some(via), .. })
                        if matches!(
                            via.kind,
                            directory::entries::Kind::Group | directory::entries::Kind::List
                        ) =>
                    {
                        groups::posting(tx, via.account, own, &sender, ctx.limits.member_depth)?
                    }
                    _ => Posting::Accepted,
                };
                let forwarder = match (&resolution, address.domain()) {
                    (Resolution::Found(found), Some(domain)) if !found.outside.is_empty() => {
                        Some(directory::domains::organisation_for(tx, domain)?)
                    }
                    _ => None,
                };
                Ok(Answer { resolution, posting, forwarder })
            })
            .await
    }

    async fn take(&mut self, rcpt: Rcpt, address: Address, answer: Answer) -> Reply {
        let found = match answer.resolution {
            Resolution::Found(found) => found,
            Resolution::NotOurs => return self.take_outside(rcpt, address),
            Resolution::Relay(_) => {
                let outside = vec![address.to_string()];
                return self.push(rcpt, address, Recipients { outside, ..Recipients::default() }, None);
            }
            Resolution::Refused(Refusal::Unknown) => {
                return Reply::new(550, "5.1.1", format!("{address} is no address here"));
            }
            Resolution::Refused(Refusal::Closed) => {
                return Reply::new(550, "5.2.1", format!("{address} receives no more mail"));
            }
            Resolution::Refused(Refusal::Empty) => {
                return Reply::new(550, "5.2.4", format!("{address} leads to nobody"));
            }
            Resolution::Refused(Refusal::TooMany) => {
                return Reply::new(550, "5.4.6", format!("{address} leads to too many recipients"));
            }
        };
        match answer.posting {
            Posting::Accepted => {}
            Posting::Held => {
                return Reply::new(550, "5.7.2", format!("{address} takes mail of its moderators only"));
            }
            Posting::Refused => {
                return Reply::new(550, "5.7.2", format!("you may not write to {address}"));
            }
        }
        if found.via.as_ref().is_some_and(|via| via.kind == directory::entries::Kind::List)
            && self.envelope.as_ref().is_some_and(|envelope| envelope.mail.sender.is_none())
        {
            return Reply::new(550, "5.7.1", format!("{address} is a list, which takes no reports"));
        }
        if let Some(reply) = self.full(&found).await {
            return reply;
        }
        if let Some(reply) = self.greylist(&address).await {
            return reply;
        }
        self.push(rcpt, address, found, answer.forwarder)
    }

    /// Whether the sender has to come back later because it is not known.
    async fn greylist(&self, recipient: &Address) -> Option<Reply> {
        let greylisting = self.door.checks.as_ref()?.greylisting()?;
        let peer = self.conn.peer().ip();
        if self.door.profile != Profile::Smtp || self.is_trusted() || greylisting.is_exempt(peer) {
            return None;
        }
        let sender = self.envelope.as_ref()?.sender();
        let recipient = recipient.to_string();
        match self.door.mail.greylist(&self.door.ctx, greylisting.delays, peer, &sender, &recipient).await {
            Ok(None) => None,
            Ok(Some(wait_ms)) => {
                let seconds = wait_ms / 1_000 + 1;
                Some(Reply::new(451, "4.7.1", format!("not known yet; try again in {seconds} seconds")))
            }
            Err(error) => {
                tracing::warn!(%error, "greylisting is not possible; mail is taken");
                None
            }
        }
    }

    /// Whether the only mailbox that receives is full. LMTP is told at the end, recipient by recipient.
    async fn full(&self, found: &Recipients) -> Option<Reply> {
        let [mailbox] = found.mailboxes.as_slice() else { return None };
        let quota = u64::try_from(mailbox.quota_bytes?).unwrap_or(0);
        if self.door.profile == Profile::Lmtp || !found.outside.is_empty() {
            return None;
        }
        let size = self.envelope.as_ref().and_then(|envelope| envelope.mail.size).unwrap_or(0);
        if size > quota {
            return Some(Reply::new(552, "5.2.2", "the message is larger than the mailbox may be"));
        }
        let used = self.door.mail.quota(&self.door.ctx, mailbox.account).await.ok()?.used_bytes;
        let full = u64::try_from(used).unwrap_or(0).saturating_add(size) > quota
            || size == 0 && used >= mailbox.quota_bytes?;
        full.then(|| Reply::new(452, "4.2.2", "the mailbox is full; it takes no more mail for now"))
    }

    /// An address that is not ours: for people who logged in, and networks that may relay.
    fn take_outside(&mut self, rcpt: Rcpt, address: Address) -> Reply {
        let relays = self.door.settings.relay_from.contains(self.conn.peer().ip());
        if self.login.is_none() && !(self.door.profile == Profile::Smtp && relays) {
            return Reply::new(
                550,
                "5.7.1",
                format!("{address} is not ours, and nothing is relayed for you"),
            );
        }
        let outside = vec![address.to_string()];
        self.push(rcpt, address, Recipients { outside, ..Recipients::default() }, None)
    }

    fn push(
        &mut self,
        rcpt: Rcpt,
        address: Address,
        found: Recipients,
        forwarder: Option<base::OrganisationId>,
    ) -> Reply {
        let reply = Reply::new(250, "2.1.5", format!("{address} receives"));
        if let Some(envelope) = &mut self.envelope {
            envelope.recipients.push(Accepted {
                address,
                notify: rcpt.notify,
                original: rcpt.original,
                mailboxes: found.mailboxes,
                outside: found.outside,
                detail: found.detail,
                forwarder,
            });
        }
        reply
    }
}
