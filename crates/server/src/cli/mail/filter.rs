//! `beffroi filter`: filters that run for all mail of a domain, before those of the person.

use std::path::PathBuf;

use base::{Error, OrganisationId};
use directory::domains;
use mail::sieve::{DomainFilter, Filter, NewDomainFilter};
use serde_json::json;

use super::super::Session;
use super::super::directory::Desk;
use super::super::output::{Cell, Column};
use crate::failure::Failure;

/// Commands on filters of domains.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the filters in the order in which they run
    List,
    /// Print the script of a filter
    Show {
        /// Its number
        id: i64,
    },
    /// Add a filter, or replace the one with that number
    Set {
        /// Its name
        name: String,
        /// The file with its Sieve script
        script: PathBuf,
        /// The domain whose mail it is for; without it, all domains
        #[arg(long)]
        domain: Option<String>,
        /// The filter that it replaces
        #[arg(long, value_name = "NUMBER")]
        id: Option<i64>,
        /// Smaller ones run first
        #[arg(long, default_value = "0")]
        position: i64,
        /// No other filter runs after it has done something
        #[arg(long)]
        terminal: bool,
        /// Keep it without running it
        #[arg(long)]
        inactive: bool,
    },
    /// Remove a filter
    Remove {
        /// Its number
        id: i64,
    },
}

const COLUMNS: [Column<DomainFilter>; 6] = [
    Column { key: "id", title: "Id", cell: |filter| Cell::Whole(filter.id) },
    Column { key: "name", title: "Name", cell: |filter| Cell::Text(filter.set.name.clone()) },
    Column {
        key: "domain_id",
        title: "Domain",
        cell: |filter| if filter.set.domain == 0 { Cell::Nothing } else { Cell::Whole(filter.set.domain) },
    },
    Column { key: "position", title: "Position", cell: |filter| Cell::Whole(filter.set.position) },
    Column { key: "active", title: "Runs", cell: |filter| Cell::Flag(filter.set.active) },
    Column { key: "terminal", title: "Ends", cell: |filter| Cell::Flag(filter.set.terminal) },
];

/// Runs one.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    session.at_desk(async |desk| at(desk, &Filter::new(desk.directory().clone()), command).await)
}

async fn at(desk: &Desk<'_>, filter: &Filter, command: Command) -> Result<(), Failure> {
    let organisation = desk.organisation().await?;
    match command {
        Command::List => {
            desk.session.out.rows(&COLUMNS, &filter.domain_filters(&desk.ctx, organisation).await?)
        }
        Command::Show { id } => {
            let all = filter.domain_filters(&desk.ctx, organisation).await?;
            let found = all.into_iter().find(|filter| filter.id == id);
            let found = found.ok_or_else(|| Error::not_found("filter"))?;
            let object = json!({ "id": id, "name": found.set.name, "script": found.set.text });
            desk.done(found.set.text.trim_end(), &object)
        }
        Command::Set { name, script, domain, id, position, terminal, inactive } => {
            let text = std::fs::read_to_string(&script).map_err(|error| {
                Error::unavailable("script", format!("{} cannot be read", script.display()))
                    .with_source(error)
            })?;
            let domain = match domain {
                Some(domain) => domain_id(desk, organisation, &domain).await?,
                None => 0,
            };
            let set =
                NewDomainFilter { domain, position, name: name.clone(), text, active: !inactive, terminal };
            let id = filter.set_domain_filter(&desk.ctx, organisation, id, set).await?;
            desk.done(
                &format!("Filter {name} is set; its number is {id}."),
                &json!({ "id": id, "name": name }),
            )
        }
        Command::Remove { id } => {
            desk.session.confirm(&format!("Filter {id} is about to be removed."))?;
            filter.remove_domain_filter(&desk.ctx, organisation, id).await?;
            desk.done(&format!("Filter {id} is removed."), &json!({ "id": id }))
        }
    }
}

async fn domain_id(desk: &Desk<'_>, organisation: OrganisationId, name: &str) -> Result<i64, Failure> {
    let name = codec::domain::parse(name.trim()).map_err(Error::from)?;
    let found = desk.directory().read(move |tx| domains::by_name(tx, organisation, &name)).await?;
    Ok(found.map(|domain| domain.id).ok_or_else(|| Error::not_found("domain"))?)
}
