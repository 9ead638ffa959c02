//! `beffroi group`, `beffroi list`, `beffroi alias`: what leads to others.

use base::{AccountId, OrganisationId};
use directory::entries::{self, Kind, NewEntry};
use directory::groups::{self, Member};
use directory::links::Target;
use directory::{Edit, aliases};
use serde_json::json;

use super::super::Session;
use super::super::output::{Cell, Column};
use super::entry::{self, New};
use super::{Assignment, Desk, fields};
use crate::failure::Failure;

/// What to do with groups and lists.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make one
    Add(New),
    /// Add or remove members, and list them
    Members {
        /// The address of the group or list
        address: String,
        /// An address to add; several are possible
        #[arg(long, value_name = "ADDRESS")]
        add: Vec<String>,
        /// An address to remove; several are possible
        #[arg(long, value_name = "ADDRESS")]
        remove: Vec<String>,
    },
    /// Name those who may write to it when its posting is `senders` or `moderated`
    Senders {
        /// The address of the group or list
        address: String,
        /// An address that may write to it; those that were named before are replaced
        senders: Vec<String>,
        /// An address that may write to it and decides on mail of others
        #[arg(long, value_name = "ADDRESS")]
        moderator: Vec<String>,
    },
    #[command(flatten)]
    Entry(entry::Command),
}

/// What to do with aliases that have several targets.
#[derive(Debug, clap::Subcommand)]
pub enum AliasCommand {
    /// Make an alias
    Add {
        /// Its address
        address: String,
        /// Where its mail goes: one or more addresses
        #[arg(required = true)]
        targets: Vec<String>,
        /// A field, as FIELD=VALUE; several are possible
        #[arg(long, value_name = "FIELD=VALUE")]
        set: Vec<Assignment>,
    },
    /// Replace the targets, or without any show them
    Targets {
        /// Its address
        address: String,
        /// Where its mail goes from now on
        targets: Vec<String>,
    },
    #[command(flatten)]
    Entry(entry::Command),
}

const COLUMNS: [Column<Member>; 2] = [
    Column { key: "address", title: "Address", cell: |member| Cell::Text(member.address.clone()) },
    Column { key: "name", title: "Name", cell: |member| Cell::Text(member.name.clone()) },
];

const TARGET_COLUMNS: [Column<String>; 1] =
    [Column { key: "target", title: "Target", cell: |target| Cell::Text(target.clone()) }];

/// Does it for groups or lists.
pub fn run(session: &Session, kind: Kind, command: Command) -> Result<(), Failure> {
    match command {
        Command::Entry(command) => entry::run(session, kind, command),
        Command::Add(new) => entry::add(session, kind, new),
        Command::Members { address, add, remove } => session.at_desk(async |desk| {
            let organisation = desk.organisation().await?;
            let group = desk.entry(organisation, kind, &address).await?;
            let change = move |edit: &mut Edit<'_, '_>| {
                groups::remove_members(edit, group, &texts(&remove))?;
                groups::add_members(edit, group, &texts(&add))
            };
            desk.directory().edit(&desk.ctx, organisation, change).await?;
            members(desk, organisation, group).await
        }),
        Command::Senders { address, senders, moderator } => session.at_desk(async |desk| {
            let organisation = desk.organisation().await?;
            let group = desk.entry(organisation, kind, &address).await?;
            let count = senders.len() + moderator.len();
            let change = move |edit: &mut Edit<'_, '_>| {
                let named = senders.iter().map(|text| (text.as_str(), false));
                let deciding = moderator.iter().map(|text| (text.as_str(), true));
                groups::set_senders(edit, group, &named.chain(deciding).collect::<Vec<_>>())
            };
            desk.directory().edit(&desk.ctx, organisation, change).await?;
            desk.done(
                &format!("{address} has {count} named senders."),
                &json!({ "address": address, "senders": count }),
            )
        }),
    }
}

/// Does it for aliases.
pub fn run_alias(session: &Session, command: AliasCommand) -> Result<(), Failure> {
    match command {
        AliasCommand::Entry(command) => entry::run(session, Kind::Alias, command),
        AliasCommand::Add { address, targets, set } => session.at_desk(async |desk| {
            let organisation = desk.organisation().await?;
            let own = address.clone();
            let make = move |edit: &mut Edit<'_, '_>| {
                let new = NewEntry { address: &own, name: "" };
                aliases::create(edit, &new, &texts(&targets), &fields::given(&set))
            };
            let account = desk.directory().edit(&desk.ctx, organisation, make).await?;
            desk.done(&format!("{address} is made."), &json!({ "account": account.0, "address": address }))
        }),
        AliasCommand::Targets { address, targets } => session.at_desk(async |desk| {
            let organisation = desk.organisation().await?;
            let account = desk.entry(organisation, Kind::Alias, &address).await?;
            redirect(desk, organisation, account, targets).await
        }),
    }
}

/// Replaces targets where there are any to replace them with, and lists those in force.
pub async fn redirect(
    desk: &Desk<'_>,
    organisation: OrganisationId,
    account: AccountId,
    targets: Vec<String>,
) -> Result<(), Failure> {
    if !targets.is_empty() {
        let change = move |edit: &mut Edit<'_, '_>| aliases::set_targets(edit, account, &texts(&targets));
        desk.directory().edit(&desk.ctx, organisation, change).await?;
    }
    let ctx = desk.ctx.clone();
    let rows = desk
        .directory()
        .read(move |tx| {
            let targets = aliases::targets(tx, &ctx, organisation, account)?;
            let shown = |target| match target {
                Target::Outside(address) => Ok(address),
                Target::Account(account) => {
                    entries::load(tx, organisation, account).map(|entry| entry.address)
                }
            };
            targets.into_iter().map(shown).collect::<base::Result<Vec<_>>>()
        })
        .await?;
    desk.session.out.rows(&TARGET_COLUMNS, &rows)
}

async fn members(desk: &Desk<'_>, organisation: OrganisationId, group: AccountId) -> Result<(), Failure> {
    let mut rows: Vec<Member> = Vec::new();
    loop {
        let (ctx, after) = (desk.ctx.clone(), rows.last().map(|member| member.target.clone()));
        let page = desk
            .directory()
            .read(move |tx| groups::members(tx, &ctx, organisation, group, after.as_ref()))
            .await?;
        if page.is_empty() {
            return desk.session.out.rows(&COLUMNS, &rows);
        }
        rows.extend(page);
    }
}

fn texts(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}
