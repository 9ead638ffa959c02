//! What all kinds of entries have in common on the command line: making, listing, showing, changing, their
//! addresses, their states.

use base::{AccountId, OrganisationId};
use directory::entries::{self, ENTRY, Entry, Kind, NewEntry};
use directory::fields::Field;
use directory::states::{self, Transition};
use directory::{Edit, aliases, groups, people};
use serde_json::json;

use super::super::Session;
use super::super::output::{Cell, Column};
use super::{Assignment, Desk, fields};
use crate::failure::Failure;

/// What to do with entries of any kind.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List all, by address
    List,
    /// Show one with all its fields and addresses
    Show {
        /// One of its addresses
        address: String,
    },
    /// Change fields
    Set {
        /// One of its addresses
        address: String,
        /// Fields, as FIELD=VALUE
        #[arg(required = true)]
        fields: Vec<Assignment>,
    },
    /// Lock, unlock, close, reopen, pre-delete, restore or purge it
    State {
        /// One of its addresses
        address: String,
        /// The step to take
        #[arg(value_parser = transition)]
        step: Transition,
    },
    /// Add or remove aliases, or choose the primary address
    Address {
        /// One of its addresses
        address: String,
        /// An alias to add; several are possible
        #[arg(long, value_name = "ALIAS")]
        add: Vec<String>,
        /// An alias to remove; several are possible
        #[arg(long, value_name = "ALIAS")]
        remove: Vec<String>,
        /// The alias that becomes the primary address; the one it had becomes an alias
        #[arg(long, value_name = "ALIAS")]
        primary: Option<String>,
    },
    /// List the fields that can be set
    Fields,
}

/// What to do with entries that have nothing beside that but their making.
#[derive(Debug, clap::Subcommand)]
pub enum OwnCommand {
    /// Make one
    Add(New),
    #[command(flatten)]
    Entry(Command),
}

/// How a new entry is described.
#[derive(Debug, clap::Args)]
pub struct New {
    /// Its primary address
    pub address: String,
    /// Fields, as FIELD=VALUE
    pub fields: Vec<Assignment>,
}

fn transition(text: &str) -> Result<Transition, String> {
    let names = || Transition::ALL.map(Transition::name).join(", ");
    Transition::ALL
        .into_iter()
        .find(|transition| transition.name() == text)
        .ok_or_else(|| format!("write one of: {}", names()))
}

const COLUMNS: [Column<Entry>; 4] = [
    Column { key: "address", title: "Address", cell: |entry| Cell::Text(entry.address.clone()) },
    Column { key: "name", title: "Name", cell: |entry| Cell::Text(entry.name.clone()) },
    Column { key: "state", title: "State", cell: |entry| Cell::Text(entry.state.name().to_owned()) },
    Column { key: "account", title: "Account", cell: |entry| Cell::Whole(entry.account.0) },
];

/// The fields of an entry of a kind.
pub fn all_fields(kind: Kind) -> impl Iterator<Item = &'static Field> {
    ENTRY.fields.iter().chain(people::own_noun(kind).into_iter().flat_map(|noun| noun.fields.iter()))
}

/// Does it.
pub fn run(session: &Session, kind: Kind, command: Command) -> Result<(), Failure> {
    match command {
        Command::Fields => fields::list(session.out, all_fields(kind)),
        command => session.at_desk(async |desk| at(desk, kind, command).await),
    }
}

/// Does it for shared mailboxes or resources.
pub fn run_own(session: &Session, kind: Kind, command: OwnCommand) -> Result<(), Failure> {
    match command {
        OwnCommand::Add(new) => add(session, kind, new),
        OwnCommand::Entry(command) => run(session, kind, command),
    }
}

/// Makes an entry of any kind but a person and an alias.
pub fn add(session: &Session, kind: Kind, new: New) -> Result<(), Failure> {
    session.at_desk(async |desk| {
        let organisation = desk.organisation().await?;
        let address = new.address.clone();
        let make = move |edit: &mut Edit<'_, '_>| {
            let entry = NewEntry { address: &new.address, name: "" };
            let given = fields::given(&new.fields);
            match kind {
                Kind::Resource => people::create_resource(edit, &entry, &given),
                Kind::Group | Kind::List => groups::create(edit, kind, &entry, &given),
                _ => people::create_shared(edit, &entry, &given),
            }
        };
        let account = desk.directory().edit(&desk.ctx, organisation, make).await?;
        desk.done(&format!("{address} is made."), &json!({ "account": account.0, "address": address }))
    })
}

async fn at(desk: &Desk<'_>, kind: Kind, command: Command) -> Result<(), Failure> {
    let organisation = desk.organisation().await?;
    match command {
        Command::List => list(desk, organisation, kind).await,
        Command::Show { address } => {
            let account = desk.entry(organisation, kind, &address).await?;
            show(desk, organisation, account).await
        }
        Command::Set { address, fields } => {
            let account = desk.entry(organisation, kind, &address).await?;
            let change =
                move |edit: &mut Edit<'_, '_>| people::change(edit, account, &fields::given(&fields));
            let changed = desk.directory().edit(&desk.ctx, organisation, change).await?;
            desk.changed(&address, changed)
        }
        Command::State { address, step } => {
            let account = desk.entry(organisation, kind, &address).await?;
            if step == Transition::Purge {
                let what = format!("{address} and all that it holds are about to be removed for good.");
                desk.session.confirm(&what)?;
            }
            desk.directory()
                .edit(&desk.ctx, organisation, move |edit| states::apply(edit, account, step))
                .await?;
            let done = json!({ "account": account.0, "address": address, "step": step.name() });
            desk.done(&format!("{address}: {} is done.", step.name()), &done)
        }
        Command::Address { address, add, remove, primary } => {
            let account = desk.entry(organisation, kind, &address).await?;
            let change = move |edit: &mut Edit<'_, '_>| {
                for alias in &add {
                    aliases::add(edit, account, alias, None, "")?;
                }
                for alias in &remove {
                    aliases::remove(edit, account, alias)?;
                }
                primary.iter().try_for_each(|alias| aliases::set_primary(edit, account, alias))
            };
            desk.directory().edit(&desk.ctx, organisation, change).await?;
            addresses(desk, organisation, account).await
        }
        Command::Fields => Ok(()),
    }
}

async fn list(desk: &Desk<'_>, organisation: OrganisationId, kind: Kind) -> Result<(), Failure> {
    let mut rows: Vec<Entry> = Vec::new();
    loop {
        let (ctx, after) = (desk.ctx.clone(), rows.last().map(|row| row.address.clone()).unwrap_or_default());
        let page =
            desk.directory().read(move |tx| entries::list(tx, &ctx, organisation, kind, &after)).await?;
        if page.is_empty() {
            return desk.session.out.rows(&COLUMNS, &rows);
        }
        rows.extend(page);
    }
}

async fn show(desk: &Desk<'_>, organisation: OrganisationId, account: AccountId) -> Result<(), Failure> {
    let ctx = desk.ctx.clone();
    let cells = desk
        .directory()
        .read(move |tx| {
            let (entry, records) = people::get(tx, &ctx, organisation, account)?;
            let mut cells: Vec<_> = COLUMNS
                .iter()
                .filter(|column| column.key != "name")
                .map(|column| (column.key.to_owned(), (column.cell)(&entry)))
                .collect();
            let owned = aliases::list(tx, &ctx, organisation, account)?;
            let others = owned.into_iter().filter(|own| own.kind != "primary").map(|own| own.address);
            cells.push(("aliases".to_owned(), Cell::Words(others.collect())));
            for record in records {
                cells.extend(fields::cells(tx, &ctx, organisation, &record)?);
            }
            Ok(cells)
        })
        .await?;
    desk.session.out.members(cells)
}

const ADDRESS_COLUMNS: [Column<aliases::OwnedAddress>; 4] = [
    Column { key: "address", title: "Address", cell: |own| Cell::Text(own.address.clone()) },
    Column { key: "kind", title: "Kind", cell: |own| Cell::Text(own.kind.clone()) },
    Column { key: "expires_at", title: "Ends", cell: |own| own.expires_at.map_or(Cell::Nothing, Cell::Time) },
    Column { key: "note", title: "Note", cell: |own| Cell::Text(own.note.clone()) },
];

async fn addresses(desk: &Desk<'_>, organisation: OrganisationId, account: AccountId) -> Result<(), Failure> {
    let ctx = desk.ctx.clone();
    let rows = desk.directory().read(move |tx| aliases::list(tx, &ctx, organisation, account)).await?;
    desk.session.out.rows(&ADDRESS_COLUMNS, &rows)
}
