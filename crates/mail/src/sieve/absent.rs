//! Who has no rules, as far as it was asked for: a delivery to them asks the database nothing.
//!
//! What must stay true here:
//! - Only that there is nothing is remembered, and only while we hear of changes: a change is published after its commit
//!   and before it is answered, and what may have been missed forgets everything.
//! - What was read before a change that was heard meanwhile is not remembered.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use directory::resolve::Recipient;
use store::notify::{Notice, Notifier, Receiver};
use store::{Store, Tx};

/// The topic under which nodes hear that someone may have rules now.
const TOPIC: &str = "sieve";
/// Accounts that are remembered; beyond it they are asked for again.
const REMEMBERED: usize = 200_000;

/// Says, once the transaction is durable, that an account may have rules now.
pub(super) fn account_changed(tx: &mut Tx<'_>, notifier: &Notifier, account: base::AccountId) {
    let notifier = notifier.clone();
    tx.after_commit(move || notifier.publish(TOPIC, &format!("a{}", account.0)));
}

/// Says, once the transaction is durable, that an organisation may have filters of its domains now.
pub(super) fn organisation_changed(tx: &mut Tx<'_>, notifier: &Notifier, organisation: base::OrganisationId) {
    let notifier = notifier.clone();
    tx.after_commit(move || notifier.publish(TOPIC, &format!("o{}", organisation.0)));
}

/// Who has no rules. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Absent(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    changes: Option<Receiver>,
    heard: u64,
    accounts: HashSet<i64>,
    organisations: HashSet<i64>,
}

impl Known {
    fn hear(&mut self) {
        while let Some(notice) = self.changes.as_mut().and_then(Receiver::try_recv) {
            self.heard += 1;
            let text = match &notice {
                Notice::Text { text, .. } => text.as_ref(),
                Notice::Missed => "",
            };
            let number = |kind: char| text.strip_prefix(kind).and_then(|number| number.parse::<i64>().ok());
            if let Some(account) = number('a') {
                self.accounts.remove(&account);
            } else if let Some(organisation) = number('o') {
                self.organisations.remove(&organisation);
            } else {
                self.accounts.clear();
                self.organisations.clear();
            }
        }
    }
}

impl Absent {
    /// Whether none of the recipients has rules; else a number for [`Absent::learn`].
    pub(super) fn knows(&self, store: &Store, recipients: &[Recipient]) -> Result<(), u64> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.changes.is_none() {
            known.changes = Some(store.notifier().subscribe(TOPIC));
        }
        known.hear();
        let none = recipients.iter().all(|one| {
            known.accounts.contains(&one.account.0) && known.organisations.contains(&one.organisation.0)
        });
        if none { Ok(()) } else { Err(known.heard) }
    }

    /// Remembers what was read after [`Absent::knows`] gave the number, unless something changed meanwhile.
    pub(super) fn learn(&self, heard: u64, accounts: &[i64], organisations: &[i64]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.hear();
        if known.heard != heard {
            return;
        }
        if known.accounts.len() >= REMEMBERED {
            known.accounts.clear();
        }
        known.accounts.extend(accounts);
        known.organisations.extend(organisations);
    }
}
