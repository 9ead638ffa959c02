//! What is to become of a message for one recipient.

use std::sync::Arc;

use base::{AccountId, CollectionId, Ctx, Error, Meaning, Result};
use bytes::Bytes;
use store::blobs::Put;

use super::{Incoming, Rcpt};
use crate::flags::{JUNK, Keywords};
use crate::messages::{Read, append};
use crate::queue::{Body, NewMessage, NewRecipient};
use crate::sieve::{Actions, Letter, Place, Redirect, Reply, Rules, Seen, Spam};
use crate::{Mail, Role, sieve};

/// A mailbox that the message is put into.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) mailbox: CollectionId,
    pub(super) keywords: Keywords,
    /// The message and its body, when a filter changed it.
    pub(super) changed: Option<(Read, Put)>,
}

/// What is to become of a message for one recipient.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) account: AccountId,
    pub(super) quota_bytes: Option<i64>,
    /// The mailboxes, the first of which gets the message, the others the same object.
    pub(super) puts: Vec<Target>,
    /// A rule threw it away: it is removed in the commit that puts it.
    pub(super) discarded: bool,
    /// What is sent on.
    pub(super) sends: Vec<NewMessage>,
    /// The answer to the sender, if it was not answered lately, with its copies.
    pub(super) answer: Option<Answer>,
    /// What filters remember.
    pub(super) seen: Vec<Seen>,
}

/// An answer to the sender.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) seen: Seen,
    pub(super) message: NewMessage,
    pub(super) copies: Vec<Target>,
}

impl Plan {
    pub(super) fn mailboxes(&self) -> impl Iterator<Item = CollectionId> {
        let copies = self.answer.iter().flat_map(|answer| &answer.copies);
        self.puts.iter().chain(copies).map(|target| target.mailbox)
    }
}

/// The address of the envelope with its detail, as filters test it.
fn with_detail(rcpt: &Rcpt) -> String {
    match (&rcpt.detail, rcpt.address.rsplit_once('@')) {
        (Some(detail), Some((local, domain))) if !local.contains(['+']) => {
            format!("{local}+{detail}@{domain}")
        }
        _ => rcpt.address.clone(),
    }
}

impl Mail {
    /// Decides what becomes of a message for one recipient, before any transaction.
    pub(super) async fn plan(
        &self,
        ctx: &Ctx,
        incoming: &Incoming,
        rcpt: &Rcpt,
        rules: &Arc<Rules>,
    ) -> Result<Plan> {
        let actions = if rules.is_empty() {
            Actions::implicit(incoming.junk)
        } else {
            let letter = Letter {
                body: incoming.message.clone(),
                sender: incoming.sender.clone(),
                recipient: with_detail(rcpt),
                spam: if incoming.junk { Spam::Spam } else { Spam::Unknown },
            };
            self.filter().run(ctx, rules, &letter).await?
        };
        if let Some(rejection) = actions.reject {
            return Err(Error::forbidden("message", rejection.reason));
        }
        let account = rcpt.recipient.account;
        let mut puts = self.targets(ctx, rcpt, &actions.files).await?;
        let discarded = puts.is_empty();
        if discarded {
            let mailbox = self.inbox(ctx, account).await?;
            puts.push(Target { mailbox, keywords: Keywords::default(), changed: None });
        }
        let sends = self.sends(incoming, rcpt, rules, &actions.redirects).await?;
        let answer = match &actions.reply {
            Some(reply) => Some(self.answer(ctx, rcpt, rules, reply).await?),
            None => None,
        };
        let quota_bytes = rcpt.recipient.quota_bytes;
        Ok(Plan { account, quota_bytes, puts, discarded, sends, answer, seen: actions.seen })
    }

    /// The mailboxes of what is to be filed, each once.
    async fn targets(&self, ctx: &Ctx, rcpt: &Rcpt, files: &[sieve::Target]) -> Result<Vec<Target>> {
        let mut puts: Vec<Target> = Vec::with_capacity(files.len().max(1));
        for target in files {
            let mut keywords = Keywords::default();
            for flag in &target.flags {
                // A name that is no keyword is the script's mistake, and no reason to lose the message.
                let _ = keywords.insert(flag);
            }
            if target.place == Place::Junk {
                keywords.flags |= JUNK;
            }
            let mailbox = self.mailbox_of(ctx, rcpt.recipient.account, &target.place).await?;
            if puts.iter().any(|known| known.mailbox == mailbox) {
                continue;
            }
            let changed = match &target.body {
                Some(body) => Some(self.changed(rcpt, body).await?),
                None => None,
            };
            puts.push(Target { mailbox, keywords, changed });
        }
        Ok(puts)
    }

    async fn changed(&self, rcpt: &Rcpt, body: &Bytes) -> Result<(Read, Put)> {
        let read = append::read(self, body, 0).await?;
        Ok((read, self.put_body(rcpt.recipient.organisation, body, 0).await?))
    }

    /// The mailbox of a place; one that is to be made is made, in a commit of its own.
    async fn mailbox_of(&self, ctx: &Ctx, account: AccountId, place: &Place) -> Result<CollectionId> {
        match place {
            Place::Mailbox(id) => return Ok(*id),
            Place::Junk => {
                if let Some(junk) = self.with_role(account, Role::Junk).await? {
                    return Ok(junk);
                }
            }
            Place::New { path, role } => return self.make_path(ctx, account, path, role).await,
            Place::Inbox => {}
        }
        self.inbox(ctx, account).await
    }

    async fn make_path(
        &self,
        ctx: &Ctx,
        account: AccountId,
        path: &[String],
        role: &str,
    ) -> Result<CollectionId> {
        let (trusted, inbox) = (ctx.trusted(), self.inbox(ctx, account).await?);
        let mut parent = CollectionId(0);
        for (level, name) in path.iter().enumerate() {
            if level == 0 && name.eq_ignore_ascii_case("inbox") {
                parent = inbox;
                continue;
            }
            let last = level + 1 == path.len();
            let role = Role::from_word(role).filter(|role| last && *role != Role::Inbox);
            let all = self.mailboxes(&trusted, account).await?;
            let known = all.iter().find(|one| one.parent == parent && one.name == *name).map(|one| one.id);
            parent = match known {
                Some(id) => id,
                None => match self.create_mailbox(&trusted, account, parent, name, role).await {
                    Ok(id) => id,
                    // Another delivery made it meanwhile, or the name is no name here: nothing is lost in the inbox.
                    Err(error) if matches!(error.meaning(), Meaning::Conflict | Meaning::Invalid) => {
                        return Ok(inbox);
                    }
                    Err(error) => return Err(error),
                },
            };
        }
        Ok(parent)
    }

    /// What is sent on, one message for all that get the same text.
    async fn sends(
        &self,
        incoming: &Incoming,
        rcpt: &Rcpt,
        rules: &Rules,
        redirects: &[Redirect],
    ) -> Result<Vec<NewMessage>> {
        let mut sends: Vec<(Bytes, NewMessage)> = Vec::new();
        for redirect in redirects {
            let to = NewRecipient::new(redirect.to.clone());
            if let Some((_, known)) = sends.iter_mut().find(|(body, _)| *body == redirect.body) {
                known.recipients.push(to);
                continue;
            }
            let message = self.outgoing(rcpt, rules, &redirect.body, &incoming.sender, to).await?;
            sends.push((redirect.body.clone(), message));
        }
        Ok(sends.into_iter().map(|(_, message)| message).collect())
    }

    /// An answer has the null sender, so that nothing answers it (RFC 3834 section 3.3).
    async fn answer(&self, ctx: &Ctx, rcpt: &Rcpt, rules: &Rules, reply: &Reply) -> Result<Answer> {
        let mut to = NewRecipient::new(reply.to.clone());
        to.notify = crate::queue::Notify::NEVER;
        let message = self.outgoing(rcpt, rules, &reply.body, "", to).await?;
        let copies = self.targets(ctx, rcpt, &reply.copies).await?;
        Ok(Answer { seen: reply.seen.clone(), message, copies })
    }

    async fn outgoing(
        &self,
        rcpt: &Rcpt,
        rules: &Rules,
        body: &Bytes,
        sender: &str,
        to: NewRecipient,
    ) -> Result<NewMessage> {
        let organisation = rcpt.recipient.organisation;
        let put = self.put_body(organisation, body, 0).await?;
        let mut message = NewMessage::new(organisation, Body::Put(put), sender, [to]);
        message.account = rcpt.recipient.account;
        message.has_8bit = !body.is_ascii();
        message.needs_utf8 = !sieve::head_of(body).is_ascii();
        message.sign_domain = rules.domain().map(str::to_owned);
        Ok(message)
    }
}
