//! Filters that administrators set for a domain, or for all domains of an organisation.

use base::{Ctx, Error, OrganisationId, Result};
use directory::Edit;
use directory::edit::What;
use directory::roles::{self, Place, Verb};
use store::{Read, params};

use super::absent;
use super::compile;
use super::filter::Filter;

/// A filter of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainFilter {
    /// Unique in the organisation.
    pub id: i64,
    /// What it is.
    pub set: NewDomainFilter,
    /// When it last changed, milliseconds since 1970.
    pub changed_at: i64,
}

/// What an administrator says of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDomainFilter {
    /// It runs for mail to the accounts of that domain; 0: of all domains of the organisation.
    pub domain: i64,
    /// Filters run in the order of this number, then of their ids.
    pub position: i64,
    /// For people.
    pub name: String,
    /// The script.
    pub text: String,
    /// Whether it runs.
    pub active: bool,
    /// Whether no other filter runs after it has done something.
    pub terminal: bool,
}

fn place(organisation: OrganisationId, domain: i64) -> Place {
    if domain == 0 { Place::organisation(organisation) } else { Place::domain(organisation, domain) }
}

fn list(tx: &mut Read<'_>, organisation: OrganisationId) -> Result<Vec<DomainFilter>> {
    tx.query(
        "SELECT id, domain_id, position, name, text, active, terminal, changed_at FROM sieve_domain_filter
         WHERE organisation_id = $1 ORDER BY position, id",
        params![organisation],
        |row| {
            Ok(DomainFilter {
                id: row.int(0)?,
                set: NewDomainFilter {
                    domain: row.int(1)?,
                    position: row.int(2)?,
                    name: row.text(3)?,
                    text: row.text(4)?,
                    active: row.flag(5)?,
                    terminal: row.flag(6)?,
                },
                changed_at: row.int(7)?,
            })
        },
    )
}

/// Asks for the right, and that the domain is there.
fn check_place(edit: &mut Edit<'_, '_>, domain: i64) -> Result<()> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    roles::require(edit, ctx, Verb::DomainEdit, &place(organisation, domain), "filter")?;
    if domain != 0 {
        directory::domains::get(edit, ctx, organisation, domain)?;
    }
    Ok(())
}

fn write(edit: &mut Edit<'_, '_>, id: i64, set: &NewDomainFilter) -> Result<()> {
    let (organisation, now) = (edit.organisation(), edit.now_ms());
    edit.execute(
        "INSERT INTO sieve_domain_filter
            (organisation_id, id, domain_id, position, name, text, active, terminal, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (organisation_id, id) DO UPDATE SET domain_id = $3, position = $4, name = $5, text = $6,
            active = $7, terminal = $8, changed_at = $9",
        params![
            organisation,
            id,
            set.domain,
            set.position,
            &set.name,
            &set.text,
            set.active,
            set.terminal,
            now
        ],
    )?;
    Ok(())
}

impl Filter {
    /// The filters of an organisation's domains in their order.
    ///
    /// # Errors
    /// `NotFound` for another's organisation, `Forbidden` without the right on all of it.
    pub async fn domain_filters(&self, ctx: &Ctx, organisation: OrganisationId) -> Result<Vec<DomainFilter>> {
        let own = ctx.clone();
        self.directory()
            .read(move |tx| {
                roles::require(tx, &own, Verb::DomainEdit, &Place::organisation(organisation), "filter")?;
                list(tx, organisation)
            })
            .await
    }

    /// Makes a filter, or replaces the one with that id; its id.
    ///
    /// # Errors
    /// `Forbidden` without the right on the domain; `NotFound`; `Invalid` about the script with line and column;
    /// `Limit`.
    pub async fn set_domain_filter(
        &self,
        ctx: &Ctx,
        organisation: OrganisationId,
        id: Option<i64>,
        set: NewDomainFilter,
    ) -> Result<i64> {
        compile::check(&ctx.limits, &set.text)?;
        let name = codec::text::name("name", &set.name, ctx.limits.name_bytes)?;
        let set = NewDomainFilter { name, ..set };
        let (most, notifier) = (ctx.limits.sieve_domain_filters, self.notifier());
        self.directory()
            .edit(ctx, organisation, move |edit| {
                check_place(edit, set.domain)?;
                let all = list(edit, organisation)?;
                let (id, what) = match id {
                    Some(id) => {
                        let old = all.iter().find(|filter| filter.id == id);
                        let old = old.ok_or_else(|| Error::not_found("filter"))?;
                        check_place(edit, old.set.domain)?;
                        (id, What::Changed)
                    }
                    None if u64::try_from(all.len()).unwrap_or(u64::MAX) >= most => {
                        return Err(Error::limit("filter", format!("are {most} already; remove one first")));
                    }
                    None => (edit.next_id()?, What::Created),
                };
                write(edit, id, &set)?;
                absent::organisation_changed(edit, &notifier, organisation);
                let detail = format!(
                    "{}: domain: {}; position: {}; active: {}; terminal: {}; {} bytes",
                    set.name,
                    set.domain,
                    set.position,
                    set.active,
                    set.terminal,
                    set.text.len()
                );
                edit.note("filter", id, what, detail);
                Ok(id)
            })
            .await
    }

    /// Removes a filter.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn remove_domain_filter(&self, ctx: &Ctx, organisation: OrganisationId, id: i64) -> Result<()> {
        self.directory()
            .edit(ctx, organisation, move |edit| {
                let old = list(edit, organisation)?.into_iter().find(|filter| filter.id == id);
                let old = old.ok_or_else(|| Error::not_found("filter"))?;
                check_place(edit, old.set.domain)?;
                edit.execute(
                    "DELETE FROM sieve_domain_filter WHERE organisation_id = $1 AND id = $2",
                    params![organisation, id],
                )?;
                edit.note("filter", id, What::Removed, old.set.name);
                Ok(())
            })
            .await
    }
}
