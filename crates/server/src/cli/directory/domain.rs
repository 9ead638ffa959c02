//! `beffroi domain`.

use base::{Error, OrganisationId};
use directory::domains::{self, DOMAIN, Domain};
use serde_json::json;

use super::super::Session;
use super::super::output::{Cell, Column};
use super::{Assignment, Desk, fields};
use crate::clients::{self, Record};
use crate::failure::Failure;

/// What to do with domains.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Add a domain that the organisation receives mail for
    Add {
        /// Its name, such as example.org
        name: String,
        /// Make it an alias: every address here is the same address there
        #[arg(long, value_name = "DOMAIN", conflicts_with = "fields")]
        alias_of: Option<String>,
        /// Settings, as FIELD=VALUE
        fields: Vec<Assignment>,
    },
    /// List the domains of the organisation
    List,
    /// Show the settings of a domain
    Show {
        /// Its name
        name: String,
    },
    /// Change settings
    Set {
        /// Its name
        name: String,
        /// Settings, as FIELD=VALUE
        #[arg(required = true)]
        fields: Vec<Assignment>,
    },
    /// Remove a domain that has no addresses
    Remove {
        /// Its name
        name: String,
    },
    /// Print what is to be published in the DNS for a domain
    Dns {
        /// Its name
        name: String,
    },
    /// List the settings that there are
    Fields,
}

const COLUMNS: [Column<Domain>; 3] = [
    Column { key: "id", title: "Id", cell: |domain| Cell::Whole(domain.id) },
    Column { key: "name", title: "Name", cell: |domain| Cell::Text(domain.name.clone()) },
    Column {
        key: "alias_of",
        title: "Alias of",
        cell: |domain| domain.alias_of.map_or(Cell::Nothing, Cell::Whole),
    },
];

const RECORDS: [Column<Record>; 3] = [
    Column { key: "name", title: "Name", cell: |record| Cell::Text(format!("{}.", record.name)) },
    Column { key: "type", title: "Type", cell: |record| Cell::Text(record.kind.to_owned()) },
    Column { key: "text", title: "Text", cell: |record| Cell::Text(record.says.clone()) },
];

/// Does it.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Fields => fields::list(session.out, DOMAIN.fields.iter()),
        command => session.at_desk(async |desk| at(desk, command).await),
    }
}

async fn at(desk: &Desk<'_>, command: Command) -> Result<(), Failure> {
    let organisation = desk.organisation().await?;
    match command {
        Command::Add { name, alias_of, fields } => add(desk, organisation, name, alias_of, fields).await,
        Command::List => {
            let mut rows: Vec<Domain> = Vec::new();
            loop {
                let (ctx, after) =
                    (desk.ctx.clone(), rows.last().map(|row| row.name.clone()).unwrap_or_default());
                let page =
                    desk.directory().read(move |tx| domains::list(tx, &ctx, organisation, &after)).await?;
                if page.is_empty() {
                    break;
                }
                rows.extend(page);
            }
            desk.session.out.rows(&COLUMNS, &rows)
        }
        Command::Show { name } => show(desk, organisation, &name).await,
        Command::Set { name, fields } => {
            let id = by_name(desk, organisation, &name).await?.id;
            let change =
                move |edit: &mut directory::Edit<'_, '_>| domains::change(edit, id, &fields::given(&fields));
            let changed = desk.directory().edit(&desk.ctx, organisation, change).await?;
            desk.changed(&format!("Domain {name}"), changed)
        }
        Command::Remove { name } => {
            let id = by_name(desk, organisation, &name).await?.id;
            desk.session.confirm(&format!("Domain {name} is about to be removed."))?;
            desk.directory().edit(&desk.ctx, organisation, move |edit| domains::remove(edit, id)).await?;
            desk.done(&format!("Domain {name} is removed."), &json!({ "name": name, "removed": true }))
        }
        Command::Dns { name } => {
            let domain = by_name(desk, organisation, &name).await?;
            let records = clients::records(&desk.session.load()?.config, &domain.name)?;
            desk.session.out.rows(&RECORDS, &records)
        }
        Command::Fields => Ok(()),
    }
}

async fn add(
    desk: &Desk<'_>,
    organisation: OrganisationId,
    name: String,
    alias_of: Option<String>,
    fields: Vec<Assignment>,
) -> Result<(), Failure> {
    let target = match alias_of {
        Some(target) => Some(by_name(desk, organisation, &target).await?.id),
        None => None,
    };
    let own = name.clone();
    let id = desk
        .directory()
        .edit(&desk.ctx, organisation, move |edit| match target {
            Some(target) => domains::create_alias(edit, &own, target),
            None => domains::create(edit, &own, &fields::given(&fields)),
        })
        .await?;
    desk.done(&format!("Domain {name} is added."), &json!({ "id": id, "name": name }))
}

async fn by_name(desk: &Desk<'_>, organisation: OrganisationId, name: &str) -> Result<Domain, Failure> {
    let name = name.to_owned();
    let found = desk.directory().read(move |tx| domains::by_name(tx, organisation, &name)).await?;
    Ok(found.ok_or_else(|| Error::not_found("domain"))?)
}

async fn show(desk: &Desk<'_>, organisation: OrganisationId, name: &str) -> Result<(), Failure> {
    let domain = by_name(desk, organisation, name).await?;
    let ctx = desk.ctx.clone();
    let cells = desk
        .directory()
        .read(move |tx| {
            let record = domains::get(tx, &ctx, organisation, domain.id)?;
            let mut cells: Vec<_> =
                COLUMNS.iter().map(|column| (column.key.to_owned(), (column.cell)(&domain))).collect();
            cells.extend(fields::cells(tx, &ctx, organisation, &record)?);
            Ok(cells)
        })
        .await?;
    desk.session.out.members(cells)
}
