//! What people, groups, lists, aliases, shared mailboxes and resources have in common: an account, a primary
//! address, a class of service, a state.

use base::{AccountId, Ctx, Error, OrganisationId, Result};
use codec::Address;
use store::{Read, Row, params};

use crate::edit::{Edit, What};
use crate::fields::{self, Field, Given, Kind as FieldKind, Noun, Record};
use crate::organisations;
use crate::roles::{self, Allowed, Place, Scope, Verb};
use crate::states::State;

/// What an entry is; it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Someone who logs in and receives mail.
    Person,
    /// People with rights and mail in common.
    Group,
    /// A distribution list.
    List,
    /// An address with several targets, and nothing of its own.
    Alias,
    /// A mailbox that several people share.
    Shared,
    /// A room, a vehicle, a device.
    Resource,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Person, Self::Group, Self::List, Self::Alias, Self::Shared, Self::Resource];

    /// As it stands in the database, in commands and in the history.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Group => "group",
            Self::List => "list",
            Self::Alias => "alias",
            Self::Shared => "shared",
            Self::Resource => "resource",
        }
    }

    /// The kind of that name.
    ///
    /// # Errors
    /// `Invalid` for a name that is none.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| Error::invalid("kind", "is one of: person, group, list, alias, shared, resource"))
    }

    /// Whether it has members or targets rather than a mailbox.
    pub const fn fans_out(self) -> bool {
        matches!(self, Self::Group | Self::List | Self::Alias)
    }

    /// The right that creating one takes.
    pub const fn create_verb(self) -> Verb {
        if self.fans_out() { Verb::GroupCreate } else { Verb::AccountCreate }
    }

    /// The right that changing its descriptive fields takes.
    pub const fn edit_verb(self) -> Verb {
        if self.fans_out() { Verb::GroupEdit } else { Verb::AccountEdit }
    }
}

/// What can be set on every entry.
pub static ENTRY: Noun = Noun {
    name: "entry",
    table: "entry",
    organisation: "organisation_id",
    key: "account_id",
    fields: &[
        field("name", "name", FieldKind::Name, Verb::AccountEdit, "Name for people."),
        field("unit", "unit_id", FieldKind::Unit, Verb::AccountEdit, "Its unit, as a path."),
        field("class", "class_id", FieldKind::Class, Verb::AccountClass, "Its class of service."),
        field("quota_bytes", "quota_bytes", FieldKind::Bytes, Verb::AccountQuota, "A quota of its own."),
        field("hidden", "hidden", FieldKind::Flag, Verb::AccountEdit, "Not shown in the address book."),
        field("close_at", "close_at", FieldKind::Time, Verb::AccountState, "When it is to be closed."),
        field(
            "keeps_copy",
            "keeps_copy",
            FieldKind::Flag,
            Verb::AddressEdit,
            "Whether a copy stays when mail is redirected.",
        ),
        field("external_id", "external_id", FieldKind::Key, Verb::AccountEdit, "Its id in another system."),
        field("note", "note", FieldKind::Note, Verb::AccountEdit, "For administrators."),
    ],
};

const fn field(
    name: &'static str,
    column: &'static str,
    kind: FieldKind,
    verb: Verb,
    doc: &'static str,
) -> Field {
    Field { name, column, kind, verb, doc }
}

/// An entry without its descriptive fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its account.
    pub account: AccountId,
    /// Its organisation.
    pub organisation: OrganisationId,
    /// What it is.
    pub kind: Kind,
    /// The domain of its primary address.
    pub domain_id: i64,
    /// Its unit.
    pub unit_id: Option<i64>,
    /// Its name.
    pub name: String,
    /// Its primary address.
    pub address: String,
    /// Its class of service.
    pub class_id: Option<i64>,
    /// Its state.
    pub state: State,
    /// How often it was written.
    pub revision: i64,
}

impl Entry {
    /// Where it stands, for rights.
    pub fn place(&self) -> Place {
        Place {
            organisation: self.organisation,
            domain: self.domain_id,
            unit: self.unit_id.unwrap_or(0),
            account: self.account,
        }
    }
}

const COLUMNS: &str =
    "account_id, organisation_id, kind, domain_id, unit_id, name, address, class_id, state, revision";

fn entry(row: &Row<'_>) -> Result<Entry> {
    Ok(Entry {
        account: AccountId(row.int(0)?),
        organisation: OrganisationId(row.int(1)?),
        kind: Kind::from_name(row.str(2)?)?,
        domain_id: row.int(3)?,
        unit_id: row.opt_int(4)?,
        name: row.text(5)?,
        address: row.text(6)?,
        class_id: row.opt_int(7)?,
        state: State::from_name(row.str(8)?)?,
        revision: row.int(9)?,
    })
}

/// An address in one of the organisation's own domains, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAddress {
    /// Local part in lower case, domain in A-labels; an alias of a domain is replaced by what it stands for.
    pub address: String,
    /// The domain.
    pub domain_id: i64,
}

/// Reads an address that must be in a domain of the organisation.
///
/// # Errors
/// `Invalid` or `TooLarge` about the address; `Invalid` about its domain when the organisation does not have it.
pub fn own_address(tx: &mut Read<'_>, organisation: OrganisationId, text: &str) -> Result<OwnAddress> {
    let address = Address::parse(text.trim())?.stored()?;
    let foreign =
        || Error::invalid("address.domain", "is no domain of this organisation; add the domain first");
    let name = address.domain().ok_or_else(foreign)?.to_owned();
    let (domain_id, real) = tx
        .query_opt(
            "SELECT coalesce(t.id, d.id), coalesce(t.name, d.name) FROM domain d
             LEFT JOIN domain t ON t.organisation_id = d.organisation_id AND t.id = d.alias_of_id
             WHERE d.organisation_id = $1 AND d.name = $2",
            params![organisation, name],
            |row| Ok((row.int(0)?, row.text(1)?)),
        )?
        .ok_or_else(foreign)?;
    Ok(OwnAddress { address: address.at_domain(&real)?.to_string(), domain_id })
}

/// The account that an address of the organisation reaches, whatever its state.
///
/// # Errors
/// Those of the database; a text that is no address leads to nothing.
pub fn account_by_address(tx: &mut Read<'_>, organisation: i64, text: &str) -> Result<Option<AccountId>> {
    let Ok(own) = own_address(tx, OrganisationId(organisation), text) else { return Ok(None) };
    tx.query_opt(
        "SELECT account_id FROM address WHERE address = $1 AND organisation_id = $2",
        params![own.address, organisation],
        |row| Ok(AccountId(row.int(0)?)),
    )
}

/// An entry by its account.
///
/// # Errors
/// `NotFound`, also for those of other organisations.
pub fn load(tx: &mut Read<'_>, organisation: OrganisationId, account: AccountId) -> Result<Entry> {
    tx.query_opt(
        &format!("SELECT {COLUMNS} FROM entry WHERE account_id = $1 AND organisation_id = $2"),
        params![account, organisation],
        entry,
    )?
    .ok_or_else(|| Error::not_found("account"))
}

/// An entry whose kind is one of `kinds`.
pub(crate) fn load_kind(
    tx: &mut Read<'_>,
    organisation: OrganisationId,
    account: AccountId,
    kinds: &[Kind],
) -> Result<Entry> {
    let entry = load(tx, organisation, account)?;
    if kinds.contains(&entry.kind) {
        return Ok(entry);
    }
    Err(Error::not_found(kinds.first().map_or("account", |kind| kind.name())))
}

/// Reads an entry with its common fields, if the actor may.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub fn get(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    account: AccountId,
) -> Result<(Entry, Record)> {
    organisations::require_member(ctx, organisation, "account")?;
    let entry = load(tx, organisation, account)?;
    roles::require_unless_own(tx, ctx, Verb::AccountRead, &entry.place(), "account")?;
    let record = ENTRY.read(tx, organisation.0, account.0)?;
    Ok((entry, record))
}

/// Entries of an organisation by their accounts, for a caller that asked for its rights otherwise (who shares
/// something sees with whom); what is not there is left out.
pub fn of_accounts(
    tx: &mut Read<'_>,
    organisation: OrganisationId,
    accounts: &[AccountId],
) -> Result<Vec<Entry>> {
    let accounts: Vec<i64> = accounts.iter().map(|account| account.0).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM entry WHERE account_id IN ({{list $1}}) AND organisation_id = $2 ORDER BY account_id"
    );
    tx.query(&sql, params![accounts, organisation], entry)
}

/// A new entry, of whatever kind.
#[derive(Debug, Clone, Default)]
pub struct NewEntry<'a> {
    /// Its primary address, in one of the organisation's domains.
    pub address: &'a str,
    /// Its name for people; the address when it is empty.
    pub name: &'a str,
}

/// Creates an entry with its account and primary address, in the class of service that its domain gives.
pub(crate) fn create(
    edit: &mut Edit<'_, '_>,
    kind: Kind,
    new: &NewEntry<'_>,
    given: Given<'_>,
) -> Result<Entry> {
    let (ctx, organisation, now) = (edit.ctx(), edit.organisation(), edit.now_ms());
    organisations::require_member(ctx, organisation, "organisation")?;
    let own = own_address(edit, organisation, new.address)?;
    let name = if new.name.trim().is_empty() { &own.address } else { new.name };
    let name = codec::text::name("name", name, ctx.limits.name_bytes)?;
    let unit = given_unit(edit, given)?;
    let place = Place { organisation, domain: own.domain_id, unit: unit.unwrap_or(0), account: AccountId(0) };
    let allowed = roles::require(edit, ctx, kind.create_verb(), &place, "account")?;
    if kind == Kind::Person {
        check_room(edit, &place, &allowed)?;
    }
    check_free(edit, &own.address)?;
    let class_id = default_class(edit, organisation, own.domain_id)?;
    let account = edit.new_account(kind)?;
    edit.execute(
        "INSERT INTO entry (account_id, organisation_id, kind, domain_id, unit_id, name, address, class_id,
                            state_changed_at, created_at, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 1)",
        params![account, organisation, kind.name(), own.domain_id, unit, name, &own.address, class_id, now],
    )?;
    edit.execute(
        "INSERT INTO address (address, organisation_id, domain_id, account_id, kind, created_at, revision)
         VALUES ($1, $2, $3, $4, 'primary', $5, 1)",
        params![&own.address, organisation, own.domain_id, account, now],
    )?;
    edit.note(kind.name(), account.0, What::Created, own.address);
    load(edit, organisation, account)
}

/// The unit among the fields of a new entry: it decides who may create it.
fn given_unit(edit: &mut Edit<'_, '_>, given: Given<'_>) -> Result<Option<i64>> {
    let Some((_, path)) = given.iter().find(|(name, _)| *name == "unit") else { return Ok(None) };
    let (_, field) = ENTRY.field("unit")?;
    let organisation = edit.organisation().0;
    match fields::parse(edit, organisation, field, path)? {
        store::Value::Int(id) => Ok(Some(id)),
        _ => Ok(None),
    }
}

/// Sets common fields of an entry and checks what a single field cannot know.
pub(crate) fn set(
    edit: &mut Edit<'_, '_>,
    entry: &Entry,
    implied: Option<Verb>,
    given: Given<'_>,
) -> Result<bool> {
    for (name, text) in given {
        if *name == "quota_bytes" {
            check_quota(edit, entry, text)?;
        }
        if *name == "unit" {
            check_unit(edit, entry, text, implied)?;
        }
    }
    fields::set(edit, &ENTRY, entry.account.0, &entry.address, &entry.place(), implied, given)
}

/// Moving someone into a unit takes the right there too.
fn check_unit(edit: &mut Edit<'_, '_>, entry: &Entry, path: &str, implied: Option<Verb>) -> Result<()> {
    let target = given_unit(edit, &[("unit", path)])?;
    let place = Place { unit: target.unwrap_or(0), ..entry.place() };
    let ctx = edit.ctx();
    roles::require(edit, ctx, implied.unwrap_or(entry.kind.edit_verb()), &place, "unit").map(|_| ())
}

fn check_quota(edit: &mut Edit<'_, '_>, entry: &Entry, text: &str) -> Result<()> {
    let (_, field) = ENTRY.field("quota_bytes")?;
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    let store::Value::Int(wanted) = fields::parse(edit, organisation.0, field, text)? else { return Ok(()) };
    let most = edit.query_one(
        "SELECT d.max_quota_bytes, o.max_quota_bytes FROM domain d JOIN organisation o ON o.id = d.organisation_id
         WHERE d.organisation_id = $1 AND d.id = $2",
        params![organisation, entry.domain_id],
        |row| Ok([row.opt_int(0)?, row.opt_int(1)?]),
    )?;
    if let Some(most) = most.into_iter().flatten().min().filter(|most| wanted > *most) {
        return Err(Error::invalid("quota_bytes", format!("is at most {most} here; give less")));
    }
    let allowed = roles::require(edit, ctx, Verb::AccountQuota, &entry.place(), "account")?;
    if allowed.iter().any(|grant| grant.allows_quota(Some(wanted))) {
        return Ok(());
    }
    Err(Error::forbidden("quota_bytes", "is more than your grant lets you give"))
}

/// Whether one more person fits the organisation, the domain and one of the grants.
pub(crate) fn check_room(edit: &mut Edit<'_, '_>, place: &Place, allowed: &[Allowed]) -> Result<()> {
    let most = edit.query_one(
        "SELECT o.max_people, d.max_people FROM domain d JOIN organisation o ON o.id = d.organisation_id
         WHERE d.organisation_id = $1 AND d.id = $2",
        params![place.organisation, place.domain],
        |row| Ok((row.opt_int(0)?, row.opt_int(1)?)),
    )?;
    for (most, scope, rule) in [
        (most.0, Scope::Organisation, "has all the people that it may have"),
        (most.1, Scope::Domain(place.domain), "has all the people that it may have"),
    ] {
        if let Some(most) = most
            && people_in(edit, place.organisation, scope, most)? >= most
        {
            return Err(Error::limit(scope.columns().0, format!("{rule}: {most}")));
        }
    }
    for grant in allowed {
        match grant.max_people {
            None => return Ok(()),
            Some(most) if people_in(edit, place.organisation, grant.scope, most)? < most => return Ok(()),
            Some(_) => {}
        }
    }
    Err(Error::limit("account", "your grant lets you have no more people here"))
}

/// People in a scope, counted up to `most` at the most.
fn people_in(edit: &mut Edit<'_, '_>, organisation: OrganisationId, scope: Scope, most: i64) -> Result<i64> {
    let count = |row: &Row<'_>| row.int(0);
    match scope {
        Scope::Organisation => edit.query_one(
            "SELECT count(*) FROM (SELECT 1 AS one FROM entry WHERE organisation_id = $1 AND kind = 'person' LIMIT $2) AS p",
            params![organisation, most],
            count,
        ),
        Scope::Domain(id) => edit.query_one(
            "SELECT count(*) FROM (SELECT 1 AS one FROM entry
             WHERE organisation_id = $1 AND domain_id = $3 AND kind = 'person' LIMIT $2) AS p",
            params![organisation, most, id],
            count,
        ),
        Scope::Unit(id) => {
            let units = crate::units::with_all_below(edit, organisation, &[id])?;
            edit.query_one(
                "SELECT count(*) FROM (SELECT 1 AS one FROM entry
                 WHERE organisation_id = $1 AND unit_id IN ({list $3}) AND kind = 'person' LIMIT $2) AS p",
                params![organisation, most, units],
                count,
            )
        }
        Scope::Group(group) => edit.query_one(
            "SELECT count(*) FROM (SELECT 1 AS one FROM membership
             WHERE organisation_id = $1 AND group_id = $3 AND member_id <> 0 LIMIT $2) AS p",
            params![organisation, most, group],
            count,
        ),
    }
}

pub(crate) fn check_free(tx: &mut Read<'_>, address: &str) -> Result<()> {
    let taken = tx.query_opt("SELECT 1 FROM address WHERE address = $1", params![address], |_| Ok(()))?;
    match taken {
        Some(()) => Err(Error::conflict("address", "is taken; choose another")),
        None => Ok(()),
    }
}

/// The class of service of new entries of a domain.
pub(crate) fn default_class(
    tx: &mut Read<'_>,
    organisation: OrganisationId,
    domain_id: i64,
) -> Result<Option<i64>> {
    tx.query_one(
        "SELECT coalesce(d.default_class_id, o.default_class_id) FROM domain d
         JOIN organisation o ON o.id = d.organisation_id WHERE d.organisation_id = $1 AND d.id = $2",
        params![organisation, domain_id],
        |row| row.opt_int(0),
    )
}

/// A page of all entries of one kind by address, from after an address on, for callers that ask for rights.
pub(crate) fn page(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    kind: Kind,
    after: &str,
) -> Result<Vec<Entry>> {
    let limit = i64::try_from(ctx.limits.page_items).unwrap_or(i64::MAX);
    let sql = format!(
        "SELECT {COLUMNS} FROM entry WHERE organisation_id = $1 AND kind = $2 AND address > $3
         ORDER BY address LIMIT $4"
    );
    tx.query(&sql, params![organisation, kind.name(), after, limit], entry)
}

/// A page of entries of one kind by address, from after an address on: those that the actor may read.
///
/// # Errors
/// `NotFound` about another organisation, `Forbidden` without any right to read.
pub fn list(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    kind: Kind,
    after: &str,
) -> Result<Vec<Entry>> {
    organisations::require_member(ctx, organisation, "organisation")?;
    let scopes: Vec<Scope> = if ctx.actor.system {
        vec![Scope::Organisation]
    } else {
        roles::held(tx, ctx, Verb::AccountRead)?.into_iter().map(|grant| grant.scope).collect()
    };
    if scopes.is_empty() {
        return Err(Error::forbidden("account", format!("needs the right {}", Verb::AccountRead)));
    }
    if scopes.contains(&Scope::Organisation) {
        return page(tx, ctx, organisation, kind, after);
    }
    let limit = i64::try_from(ctx.limits.page_items).unwrap_or(i64::MAX);
    let ids = |wanted: fn(&Scope) -> Option<i64>| scopes.iter().filter_map(wanted).collect::<Vec<_>>();
    let domains = ids(|scope| if let Scope::Domain(id) = scope { Some(*id) } else { None });
    let units = ids(|scope| if let Scope::Unit(id) = scope { Some(*id) } else { None });
    let groups = ids(|scope| if let Scope::Group(account) = scope { Some(account.0) } else { None });
    let units = crate::units::with_all_below(tx, organisation, &units)?;
    tx.query(
        &format!(
            "SELECT {COLUMNS} FROM entry WHERE organisation_id = $1 AND kind = $2 AND address > $3
             AND (domain_id IN ({{list $5}}) OR unit_id IN ({{list $6}}) OR account_id IN ({{list $7}})
                  OR account_id IN (SELECT member_id FROM membership WHERE group_id IN ({{list $7}})))
             ORDER BY address LIMIT $4"
        ),
        params![organisation, kind.name(), after, limit, domains, units, groups],
        entry,
    )
}
