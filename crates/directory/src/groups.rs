//! Groups and distribution lists: their settings, their members, and who may write to them.

use base::{AccountId, Ctx, Error, OrganisationId, Result};
use store::sql::{Bulk, Type};
use store::{Read, params};

use crate::edit::{Edit, What};
use crate::entries::{self, Entry, Kind, NewEntry};
use crate::fields::{Field, Given, Kind as FieldKind, Noun};
use crate::links::{self, Target};
use crate::organisations;
use crate::people;
use crate::roles::{self, Verb};

/// What can be set on a group or list beside the fields of every entry.
pub static TEAM: Noun = Noun {
    name: "group",
    table: "team",
    organisation: "organisation_id",
    key: "account_id",
    fields: &[
        field(
            "posting",
            FieldKind::Choice(&["open", "organisation", "members", "senders", "moderated"]),
            "Who may write to it: anyone, own people, members, named senders; `moderated`: mail of others waits for a moderator.",
        ),
        field("subject_prefix", FieldKind::Line, "Put before the subject of messages."),
        field("reply_to", FieldKind::Choice(&["sender", "list"]), "Where answers go."),
        field("max_message_bytes", FieldKind::Positive, "Largest message."),
        field("description", FieldKind::Note, "What it is for."),
    ],
};

const fn field(name: &'static str, kind: FieldKind, doc: &'static str) -> Field {
    Field { name, column: name, kind, verb: Verb::GroupEdit, doc }
}

const TEAMS: &[Kind] = &[Kind::Group, Kind::List];

static ADD_MEMBER: Bulk = Bulk::upsert(
    "membership",
    &[
        ("group_id", Type::Int),
        ("member_id", Type::Int),
        ("member_address", Type::Text),
        ("organisation_id", Type::Int),
        ("added_at", Type::Int),
        ("revision", Type::Int),
    ],
    3,
    "ON CONFLICT DO NOTHING",
);

static REMOVE_MEMBER: Bulk = Bulk::delete(
    "membership",
    &[("group_id", Type::Int), ("member_id", Type::Int), ("member_address", Type::Text)],
);

/// Creates a group or list.
///
/// # Errors
/// `Forbidden`, `Invalid` or `TooLarge` about a field, `Conflict` when the address is taken.
pub fn create(
    edit: &mut Edit<'_, '_>,
    kind: Kind,
    new: &NewEntry<'_>,
    given: Given<'_>,
) -> Result<AccountId> {
    if !TEAMS.contains(&kind) {
        return Err(Error::invalid("kind", "is group or list"));
    }
    let entry = entries::create(edit, kind, new, given)?;
    let organisation = edit.organisation();
    edit.execute(
        "INSERT INTO team (account_id, organisation_id, revision) VALUES ($1, $2, 1)",
        params![entry.account, organisation],
    )?;
    people::set(edit, &entry, Some(Verb::GroupEdit), given)?;
    Ok(entry.account)
}

/// Adds members by address; how many are new. Addresses outside the organisation's domains stay addresses.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about an address or a ring, `Limit` of members or levels.
pub fn add_members(edit: &mut Edit<'_, '_>, group: AccountId, addresses: &[&str]) -> Result<u64> {
    let entry = require(edit, Verb::GroupMembers, group)?;
    let targets = links::find(edit, "member", addresses)?;
    links::check_no_ring(edit, "member", group, &targets)?;
    let (organisation, now) = (edit.organisation(), edit.now_ms());
    let before = count(edit, group)?;
    for target in &targets {
        let (account, address) = target.columns();
        edit.add(&ADD_MEMBER, params![group, account, address, organisation, now, 1])?;
    }
    let after = count(edit, group)?;
    let most = i64::try_from(edit.ctx().limits.list_members).unwrap_or(i64::MAX);
    if after > most {
        return Err(Error::limit("member", format!("a group has at most {most} members")));
    }
    if after > before {
        let shown = links::shown(edit, &targets)?;
        edit.note(
            entry.kind.name(),
            group.0,
            What::Changed,
            format!("{}: members added: {shown}", entry.address),
        );
    }
    Ok(u64::try_from(after - before).unwrap_or(0))
}

/// Whether a group takes another member.
pub(crate) fn has_place(edit: &mut Edit<'_, '_>, group: AccountId) -> Result<bool> {
    let most = i64::try_from(edit.ctx().limits.list_members).unwrap_or(i64::MAX);
    Ok(count(edit, group)? < most)
}

/// Removes members by address; how many went.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about an address.
pub fn remove_members(edit: &mut Edit<'_, '_>, group: AccountId, addresses: &[&str]) -> Result<u64> {
    let entry = require(edit, Verb::GroupMembers, group)?;
    let targets = links::find(edit, "member", addresses)?;
    let before = count(edit, group)?;
    for target in &targets {
        let (account, address) = target.columns();
        edit.execute(
            "UPDATE membership SET revision = -1 WHERE group_id = $1 AND member_id = $2 AND member_address = $3",
            params![group, account, address],
        )?;
        edit.add(&REMOVE_MEMBER, params![group, account, address])?;
    }
    let gone = before - count(edit, group)?;
    if gone > 0 {
        let shown = links::shown(edit, &targets)?;
        edit.note(
            entry.kind.name(),
            group.0,
            What::Changed,
            format!("{}: members removed: {shown}", entry.address),
        );
    }
    Ok(u64::try_from(gone).unwrap_or(0))
}

fn count(tx: &mut Read<'_>, group: AccountId) -> Result<i64> {
    tx.query_one("SELECT count(*) FROM membership WHERE group_id = $1", params![group], |row| row.int(0))
}

/// A direct member of a group or list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it is.
    pub target: Target,
    /// Its address.
    pub address: String,
    /// Its name; empty for an outside address.
    pub name: String,
}

/// A page of direct members: accounts first, by id; then outside addresses.
///
/// # Errors
/// `NotFound`, `Forbidden` for those who may not read the group and are not in it.
pub fn members(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    group: AccountId,
    after: Option<&Target>,
) -> Result<Vec<Member>> {
    organisations::require_member(ctx, organisation, "group")?;
    let entry = entries::load_kind(tx, organisation, group, TEAMS)?;
    if !ctx.actor.subjects.contains(&group) {
        roles::require(tx, ctx, Verb::AccountRead, &entry.place(), "group")?;
    }
    // Accounts have ids above 0 and sort after the outside addresses, which share the id 0.
    let (id, address) = after.map_or((-1, ""), Target::columns);
    tx.query(
        "SELECT m.member_id, m.member_address, e.address, e.name FROM (
             SELECT member_id, member_address FROM membership
             WHERE group_id = $1 AND (member_id, member_address) > ($2, $3)
             ORDER BY member_id, member_address LIMIT $4) AS m
         LEFT JOIN entry e ON e.account_id = m.member_id ORDER BY m.member_id, m.member_address",
        params![group, id, address, i64::try_from(ctx.limits.page_items).unwrap_or(i64::MAX)],
        |row| {
            let target = Target::from_columns(row.int(0)?, row.str(1)?);
            let address = row.opt_text(2)?.map_or_else(|| row.text(1), Ok)?;
            Ok(Member { target, address, name: row.opt_text(3)?.unwrap_or_default() })
        },
    )
}

/// Who may write to a group whose posting is `senders` or `moderated`: replaces those there were. The flag says
/// who also decides on mail of others.
///
/// # Errors
/// `Forbidden`, `NotFound`, `Invalid` about an address, `Limit`.
pub fn set_senders(edit: &mut Edit<'_, '_>, team: AccountId, senders: &[(&str, bool)]) -> Result<()> {
    let entry = require(edit, Verb::GroupEdit, team)?;
    let most = usize::try_from(edit.ctx().limits.shares_per_collection).unwrap_or(usize::MAX);
    if senders.len() > most {
        return Err(Error::limit(
            "sender",
            format!("a group has at most {most} named senders; name a group of them"),
        ));
    }
    let organisation = edit.organisation();
    edit.execute("UPDATE team_sender SET revision = -1 WHERE team_id = $1", params![team])?;
    edit.execute("DELETE FROM team_sender WHERE team_id = $1", params![team])?;
    let mut all = Vec::new();
    for moderator in [true, false] {
        let texts: Vec<&str> =
            senders.iter().filter(|(_, flag)| *flag == moderator).map(|(text, _)| *text).collect();
        for target in links::find(edit, "sender", &texts)? {
            let (account, address) = target.columns();
            edit.execute(
                "INSERT INTO team_sender (team_id, sender_id, sender_address, organisation_id, moderator, revision)
                 VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT DO NOTHING",
                params![team, account, address, organisation, moderator],
            )?;
            all.push(target);
        }
    }
    let shown = links::shown(edit, &all)?;
    edit.note(entry.kind.name(), team.0, What::Changed, format!("{}: senders: {shown}", entry.address));
    Ok(())
}

/// What happens to a message that someone sends to a group or list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posting {
    /// It is delivered to the members.
    Accepted,
    /// It waits for a moderator.
    Held,
    /// It is refused.
    Refused,
}

/// Whether a sender may write to a group or list. `sender` is the account when it is one of the organisation's
/// and proved to be it; `address` is the address it wrote from, for outside senders.
///
/// # Errors
/// `NotFound` when there is no such group.
pub fn posting(
    tx: &mut Read<'_>,
    team: AccountId,
    sender: Option<(OrganisationId, AccountId)>,
    address: &str,
    most_levels: u64,
) -> Result<Posting> {
    let (organisation, policy) = tx
        .query_opt("SELECT organisation_id, posting FROM team WHERE account_id = $1", params![team], |row| {
            Ok((OrganisationId(row.int(0)?), row.text(1)?))
        })?
        .ok_or_else(|| Error::not_found("group"))?;
    let own = sender.filter(|(own, _)| *own == organisation).map(|(_, account)| account);
    let accepted = match policy.as_str() {
        "open" => true,
        "organisation" => own.is_some(),
        "members" => is_linked(tx, MEMBERS, team, own, address, most_levels)?,
        _ => is_linked(tx, SENDERS, team, own, address, most_levels)?,
    };
    Ok(match (accepted, policy.as_str()) {
        (true, _) => Posting::Accepted,
        (false, "moderated") => Posting::Held,
        (false, _) => Posting::Refused,
    })
}

const MEMBERS: &str = "SELECT 1 FROM membership WHERE group_id = $1
    AND ((member_id IN ({list $2}) AND member_id <> 0) OR (member_id = 0 AND member_address = $3))";
const SENDERS: &str = "SELECT 1 FROM team_sender WHERE team_id = $1
    AND ((sender_id IN ({list $2}) AND sender_id <> 0) OR (sender_id = 0 AND sender_address = $3))";

fn is_linked(
    tx: &mut Read<'_>,
    text: &'static str,
    team: AccountId,
    own: Option<AccountId>,
    address: &str,
    most_levels: u64,
) -> Result<bool> {
    let subjects: Vec<i64> = match own {
        Some(account) => {
            links::subjects(tx, account, most_levels)?.into_iter().map(|subject| subject.0).collect()
        }
        None => Vec::new(),
    };
    let address = codec::Address::parse(address).map(|address| address.to_string()).unwrap_or_default();
    let found = tx.query_opt(text, params![team, subjects, address], |_| Ok(()))?;
    Ok(found.is_some())
}

fn require(edit: &mut Edit<'_, '_>, verb: Verb, group: AccountId) -> Result<Entry> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    organisations::require_member(ctx, organisation, "group")?;
    let entry = entries::load_kind(edit, organisation, group, TEAMS)?;
    roles::require(edit, ctx, verb, &entry.place(), "group")?;
    Ok(entry)
}
