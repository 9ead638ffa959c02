//! `beffroi dkim`: the keys that sign mail of a domain.

use base::{Error, OrganisationId};
use directory::domains;
use mail::dkim::{self, Key, KeyState, NewKey};
use serde_json::json;

use super::Session;
use super::directory::Desk;
use super::output::{Cell, Column};
use crate::failure::Failure;

/// Commands on keys.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the keys of a domain
    List {
        /// The domain
        domain: String,
    },
    /// Make keys that sign after the next rotation, and tell what to publish
    Create {
        /// The domain
        domain: String,
    },
    /// Let the newest keys sign from now on; their records must be published
    Rotate {
        /// The domain
        domain: String,
    },
    /// Print the DNS records of a domain's keys
    Dns {
        /// The domain
        domain: String,
    },
}

const COLUMNS: [Column<Key>; 6] = [
    Column { key: "selector", title: "Selector", cell: |key| Cell::Text(key.selector.clone()) },
    Column { key: "algorithm", title: "Algorithm", cell: |key| Cell::Text(key.algorithm.name().to_owned()) },
    Column { key: "state", title: "State", cell: |key| Cell::Text(key.state.name().to_owned()) },
    Column { key: "created_at", title: "Made", cell: |key| Cell::Time(key.created_at) },
    Column {
        key: "active_at",
        title: "Signs since",
        cell: |key| key.active_at.map_or(Cell::Nothing, Cell::Time),
    },
    Column {
        key: "retired_at",
        title: "Until",
        cell: |key| key.retired_at.map_or(Cell::Nothing, Cell::Time),
    },
];

/// Runs one.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    session.at_desk(async |desk| at(desk, command).await)
}

async fn at(desk: &Desk<'_>, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { domain } => {
            let (organisation, domain) = of_ours(desk, &domain).await?;
            desk.session.out.rows(&COLUMNS, &keys(desk, organisation, &domain).await?)
        }
        Command::Dns { domain } => {
            let (organisation, domain) = of_ours(desk, &domain).await?;
            records(desk, &keys(desk, organisation, &domain).await?)
        }
        Command::Create { domain } => {
            let (organisation, domain) = of_ours(desk, &domain).await?;
            let made = NewKey::make_all().await?;
            let (ctx, name) = (desk.ctx.clone(), domain.clone());
            let store = desk.node.store();
            let keys = store.write([], move |tx| dkim::add(tx, &ctx, organisation, &name, &made)).await?;
            let keys: Vec<Key> = keys.into_iter().filter(|key| key.state == KeyState::Next).collect();
            if !desk.session.out.is_json() {
                desk.session.out.line(&format!(
                    "Publish these records; when they can be seen everywhere, run `beffroi dkim rotate {domain}`."
                ))?;
            }
            records(desk, &keys)
        }
        Command::Rotate { domain } => {
            let (organisation, domain) = of_ours(desk, &domain).await?;
            desk.session.confirm(&format!(
                "The newest keys of {domain} are about to sign. Mail is refused if their records are not published."
            ))?;
            let (ctx, name) = (desk.ctx.clone(), domain.clone());
            let store = desk.node.store();
            let count = store.write([], move |tx| dkim::rotate(tx, &ctx, organisation, &name)).await?;
            let sentence = match count {
                0 => format!(
                    "There are no newer keys of {domain}; make some with `beffroi dkim create {domain}`."
                ),
                count => {
                    format!("{count} keys of {domain} sign from now on; leave the old records for 14 days.")
                }
            };
            desk.done(&sentence, &json!({ "domain": domain, "active": count }))
        }
    }
}

/// The domain as it is stored, if it is one of the organisation's own.
async fn of_ours(desk: &Desk<'_>, domain: &str) -> Result<(OrganisationId, String), Failure> {
    let organisation = desk.organisation().await?;
    let name = codec::domain::parse(domain.trim()).map_err(Error::from)?;
    let asked = name.clone();
    let found = desk.directory().read(move |tx| domains::by_name(tx, organisation, &asked)).await?;
    match found {
        Some(_) => Ok((organisation, name)),
        None => Err(Error::not_found("domain").into()),
    }
}

async fn keys(desk: &Desk<'_>, organisation: OrganisationId, domain: &str) -> Result<Vec<Key>, Failure> {
    let domain = domain.to_owned();
    Ok(desk.directory().read(move |tx| dkim::of_domain(tx, organisation, &domain)).await?)
}

/// The records as lines of a zone file, or as objects.
fn records(desk: &Desk<'_>, keys: &[Key]) -> Result<(), Failure> {
    for key in keys {
        let line = if desk.session.out.is_json() {
            json!({ "name": key.record_name(), "type": "TXT", "text": key.record(), "state": key.state.name() })
                .to_string()
        } else {
            let record = key.record();
            // One text of a record has at most 255 bytes; several are read as one.
            let pieces: Vec<String> = (record.as_bytes().chunks(250))
                .map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece)))
                .collect();
            format!("{}. IN TXT {} ; {}", key.record_name(), pieces.join(" "), key.state.name())
        };
        desk.session.out.line(&line)?;
    }
    Ok(())
}
