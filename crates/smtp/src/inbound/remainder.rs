//! Recipients whom a message did not reach while it reached others of the same answer: the queue tries again for them, and
//! tells the sender when that fails. To answer "try again" would bring the others a second copy, to answer "taken"
//! alone would lose it.

use std::collections::BTreeMap;

use base::{AccountId, OrganisationId};
use directory::entries;
use directory::resolve::Recipient;
use mail::queue::{Body, NewMessage, NewRecipient};

use super::accept::Ready;
use super::envelope::Envelope;
use super::reply::{Reply, of_error};
use super::session::Session;

/// What a mailbox was answered for.
pub(super) type Answered = (Recipient, Reply);

impl Session {
    /// One answer for all of these mailboxes. `is_elsewhere_too`: the message is on its way to others already.
    pub(super) async fn answer_for(
        &self,
        envelope: &Envelope,
        ready: &Ready,
        answered: &[Answered],
        is_elsewhere_too: bool,
    ) -> Reply {
        let failed: Vec<&Answered> = answered.iter().filter(|(_, reply)| !reply.is_ok()).collect();
        let has_reached = is_elsewhere_too || failed.len() < answered.len();
        // Nobody is bothered with reports about spam.
        if failed.is_empty() || !has_reached || ready.junk {
            return one_of(answered);
        }
        match self.queue_rest(envelope, ready, &failed).await {
            Ok(()) => Reply::new(250, "2.0.0", "some have it, for others it is tried again"),
            Err(reply) => {
                tracing::warn!(
                    "a message that did not reach all of its recipients could not be queued for the others"
                );
                if reply.is_temporary() { reply } else { one_of(answered) }
            }
        }
    }

    async fn queue_rest(
        &self,
        envelope: &Envelope,
        ready: &Ready,
        failed: &[&Answered],
    ) -> Result<(), Reply> {
        let mut by_organisation: BTreeMap<OrganisationId, Vec<AccountId>> = BTreeMap::new();
        for (recipient, _) in failed {
            by_organisation.entry(recipient.organisation).or_default().push(recipient.account);
        }
        let message = ready.message.slice(ready.trace_bytes.min(ready.message.len())..);
        let mut head = String::new();
        self.write_received(&mut head, envelope);
        for (organisation, accounts) in by_organisation {
            let found = self
                .door
                .mail
                .directory()
                .read(move |tx| entries::of_accounts(tx, organisation, &accounts))
                .await
                .map_err(|error| of_error(&error))?;
            let recipients = found.into_iter().map(|entry| NewRecipient::new(entry.address));
            let named = Body::Named { hash: [0; 32], size: 0 };
            let mut new = NewMessage::new(organisation, named, envelope.sender(), recipients);
            new.account = self.login.as_ref().map_or(AccountId(0), |login| login.account);
            new.envelope_id.clone_from(&envelope.mail.envelope_id);
            new.return_text = envelope.mail.return_text;
            new.needs_utf8 = envelope.mail.utf8;
            new.has_8bit = !message.is_ascii();
            self.queue([head.as_bytes(), &message].concat().into(), new).await?;
        }
        Ok(())
    }
}

/// One answer for several mailboxes: what may be tried again is tried again for all, since nothing may be lost;
/// otherwise yes when anyone has it.
fn one_of(answered: &[Answered]) -> Reply {
    let find = |is: fn(&Reply) -> bool| answered.iter().map(|(_, reply)| reply).find(|reply| is(reply));
    find(Reply::is_temporary)
        .or_else(|| find(Reply::is_ok))
        .or_else(|| answered.first().map(|(_, reply)| reply))
        .cloned()
        .unwrap_or_else(|| Reply::new(250, "2.0.0", "is on its way"))
}
