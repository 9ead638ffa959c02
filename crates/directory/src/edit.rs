//! A change of an organisation's directory: the transaction, who asks, and what goes into the history.

use std::ops::{Deref, DerefMut};

use base::{AccountId, Ctx, Error, OrganisationId, Result};
use store::{Tx, params};

use crate::entries::Kind;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Created,
    /// Some of its fields changed.
    Changed,
    /// It is gone.
    Removed,
}

impl What {
    /// A stable name for the history.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// A line of the history: which object, what happened, and the fields before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The kind of object: `domain`, `person`, `role` ...
    pub noun: &'static str,
    /// Its id: unique with the noun in the organisation.
    pub id: i64,
    /// What happened to it.
    pub what: What,
    /// Its name or address, and the fields that changed: `ada@example.org: quota_bytes: 1000 -> 2000`.
    pub detail: String,
}

/// A change under way. It is one transaction and one commit of the organisation's account.
pub struct Edit<'e, 'c> {
    tx: &'e mut Tx<'c>,
    ctx: &'e Ctx,
    organisation: OrganisationId,
    notes: Vec<Note>,
}

impl<'e, 'c> Edit<'e, 'c> {
    /// Begins a change of `organisation`.
    pub fn new(tx: &'e mut Tx<'c>, ctx: &'e Ctx, organisation: OrganisationId) -> Self {
        Self { tx, ctx, organisation, notes: Vec::new() }
    }

    /// Who asks, and with what clock and limits.
    pub fn ctx(&self) -> &'e Ctx {
        self.ctx
    }

    /// The organisation that is changed.
    pub fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    /// The time of the change.
    pub fn now_ms(&self) -> i64 {
        self.ctx.now_ms()
    }

    /// Adds a line to the history.
    pub fn note(&mut self, noun: &'static str, id: i64, what: What, detail: impl Into<String>) {
        self.notes.push(Note { noun, id, what, detail: detail.into() });
    }

    /// What goes into the history.
    pub fn into_notes(self) -> Vec<Note> {
        self.notes
    }

    /// Makes the account of a new entry.
    pub(crate) fn new_account(&mut self, kind: Kind) -> Result<AccountId> {
        self.new_accounts(kind, 1)?
            .into_iter()
            .next()
            .ok_or_else(|| Error::corrupt("account", "was not made"))
    }

    /// Makes the accounts of new entries.
    pub(crate) fn new_accounts(&mut self, kind: Kind, count: i64) -> Result<Vec<AccountId>> {
        let now = self.now_ms();
        kernel::create_accounts(self.tx, self.organisation, kind.name(), count, now)
    }

    /// The next id of the organisation's domains, units, classes, roles, grants and imports.
    pub fn next_id(&mut self) -> Result<i64> {
        let organisation = self.organisation;
        let id = self
            .tx
            .query_opt(
                "SELECT next_id FROM directory_counter WHERE organisation_id = $1 {for update}",
                params![organisation],
                |row| row.int(0),
            )?
            .ok_or_else(|| Error::not_found("organisation"))?;
        self.tx.execute(
            "UPDATE directory_counter SET next_id = $2 WHERE organisation_id = $1",
            params![organisation, id + 1],
        )?;
        Ok(id)
    }
}

impl<'c> Deref for Edit<'_, 'c> {
    type Target = Tx<'c>;

    fn deref(&self) -> &Tx<'c> {
        self.tx
    }
}

impl DerefMut for Edit<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.tx
    }
}
