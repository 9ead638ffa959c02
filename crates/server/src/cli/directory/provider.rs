//! `beffroi provider`: providers that people log in at (OpenID Connect).

use std::io::Read as _;

use base::{Error, OrganisationId, Secret};
use directory::Edit;
use directory::entries::Kind;
use directory::providers::{self, Meant, PROVIDER, Provider};
use directory::roles::grants;
use serde_json::json;

use super::super::Session;
use super::super::output::{Cell, Column};
use super::{Assignment, Desk, fields};
use crate::failure::Failure;

/// What to do with providers.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Let people log in at a provider; its secret comes on standard input (`--secret`) or later
    Add {
        /// What people see where they log in
        name: String,
        /// Its address, exactly as it names itself
        issuer: String,
        /// What it calls this server
        client_id: String,
        /// The first line of standard input is the secret
        #[arg(long)]
        secret: bool,
        /// More of it, as FIELD=VALUE
        fields: Vec<Assignment>,
    },
    /// List the providers of the organisation
    List,
    /// Show a provider, without its secret
    Show {
        /// Its name
        name: String,
    },
    /// Change a provider
    Set {
        /// Its name
        name: String,
        /// What changes, as FIELD=VALUE
        #[arg(required = true)]
        fields: Vec<Assignment>,
    },
    /// Set the secret: the first line of standard input; empty: none
    Secret {
        /// Its name
        name: String,
    },
    /// Forget a provider, and who people are there
    Remove {
        /// Its name
        name: String,
    },
    /// Say what a value of its group claim stands for: a group, or a role on the whole organisation
    Map {
        /// The provider's name
        name: String,
        /// The value of the claim
        value: String,
        /// The address of a group or list that people with the value are in
        #[arg(long, value_name = "ADDRESS", conflicts_with = "role", required_unless_present = "role")]
        group: Option<String>,
        /// A role that people with the value have
        #[arg(long, value_name = "NAME")]
        role: Option<String>,
    },
    /// Take back what a value stands for
    Unmap {
        /// The provider's name
        name: String,
        /// The value of the claim
        value: String,
    },
    /// List what can be set
    Fields,
}

const COLUMNS: [Column<Provider>; 4] = [
    Column { key: "id", title: "Id", cell: |row| Cell::Text(format!("{}-{}", row.organisation.0, row.id)) },
    Column { key: "name", title: "Name", cell: |row| Cell::Text(row.name.clone()) },
    Column { key: "issuer", title: "Issuer", cell: |row| Cell::Text(row.issuer.clone()) },
    Column { key: "client_id", title: "Client", cell: |row| Cell::Text(row.client_id.clone()) },
];

/// Does it.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Fields => fields::list(session.out, PROVIDER.fields.iter()),
        command => session.at_desk(async |desk| at(desk, command).await),
    }
}

async fn at(desk: &Desk<'_>, command: Command) -> Result<(), Failure> {
    let organisation = desk.organisation().await?;
    match command {
        Command::Add { name, issuer, client_id, secret, fields } => {
            let secret = secret.then(|| first_line(desk)).transpose()?;
            let own = name.clone();
            let make = move |edit: &mut Edit<'_, '_>| {
                let id = providers::create(edit, &own, &issuer, &client_id, &fields::given(&fields))?;
                if let Some(secret) = &secret {
                    providers::set_secret(edit, id, secret)?;
                }
                Ok(id)
            };
            let id = desk.directory().edit(&desk.ctx, organisation, make).await?;
            let number = format!("{}-{id}", organisation.0);
            let back = format!("/auth/oidc/callback/{number}");
            let sentence = format!(
                "People can log in at {name}. There, register the address of this server followed by {back} as the \
                 address to send people back to, and by /auth/oidc/backchannel-logout for logouts."
            );
            desk.done(&sentence, &json!({ "id": number, "name": name, "callback": back }))
        }
        Command::List => {
            let rows = desk.directory().read(move |tx| providers::of_organisation(tx, organisation)).await?;
            desk.session.out.rows(&COLUMNS, &rows)
        }
        Command::Show { name } => show(desk, organisation, &name).await,
        Command::Set { name, fields } => {
            let id = by_name(desk, organisation, &name).await?;
            let change = move |edit: &mut Edit<'_, '_>| providers::change(edit, id, &fields::given(&fields));
            let changed = desk.directory().edit(&desk.ctx, organisation, change).await?;
            desk.changed(&format!("Provider {name}"), changed)
        }
        Command::Secret { name } => {
            let id = by_name(desk, organisation, &name).await?;
            let secret = first_line(desk)?;
            let change = move |edit: &mut Edit<'_, '_>| providers::set_secret(edit, id, &secret);
            desk.directory().edit(&desk.ctx, organisation, change).await?;
            desk.done(&format!("The secret of {name} is set."), &json!({ "name": name }))
        }
        Command::Remove { name } => {
            let id = by_name(desk, organisation, &name).await?;
            desk.directory().edit(&desk.ctx, organisation, move |edit| providers::remove(edit, id)).await?;
            desk.done(&format!("Provider {name} is removed."), &json!({ "name": name, "removed": true }))
        }
        Command::Map { name, value, group, role } => {
            let id = by_name(desk, organisation, &name).await?;
            let meant = meant(desk, organisation, group, role).await?;
            let own = value.clone();
            let map = move |edit: &mut Edit<'_, '_>| providers::map(edit, id, &own, meant);
            desk.directory().edit(&desk.ctx, organisation, map).await?;
            desk.done(&format!("{value} of {name} is mapped."), &json!({ "name": name, "value": value }))
        }
        Command::Unmap { name, value } => {
            let id = by_name(desk, organisation, &name).await?;
            let own = value.clone();
            desk.directory()
                .edit(&desk.ctx, organisation, move |edit| providers::unmap(edit, id, &own))
                .await?;
            desk.done(
                &format!("{value} of {name} stands for nothing any more."),
                &json!({ "name": name, "value": value }),
            )
        }
        Command::Fields => Ok(()),
    }
}

async fn show(desk: &Desk<'_>, organisation: OrganisationId, name: &str) -> Result<(), Failure> {
    let id = by_name(desk, organisation, name).await?;
    let ctx = desk.ctx.clone();
    let cells = desk
        .directory()
        .read(move |tx| {
            let record = providers::get(tx, &ctx, organisation, id)?;
            let mut cells = vec![("id".to_owned(), Cell::Text(format!("{}-{id}", organisation.0)))];
            cells.extend(fields::cells(tx, &ctx, organisation, &record)?);
            let values = providers::maps(tx, organisation, id)?;
            let mapped = values.into_iter().map(|(value, meant)| match meant {
                Meant::Group(group) => format!("{value}=group:{group}"),
                Meant::Role(role) => format!("{value}=role:{role}"),
            });
            cells.push(("mapped".to_owned(), Cell::Words(mapped.collect())));
            Ok(cells)
        })
        .await?;
    desk.session.out.members(cells)
}

async fn meant(
    desk: &Desk<'_>,
    organisation: OrganisationId,
    group: Option<String>,
    role: Option<String>,
) -> Result<Meant, Failure> {
    if let Some(address) = group {
        let found = desk.entry(organisation, Kind::Group, &address).await;
        let found = match found {
            Ok(found) => found,
            Err(_) => desk.entry(organisation, Kind::List, &address).await?,
        };
        return Ok(Meant::Group(found));
    }
    let (ctx, name) = (desk.ctx.clone(), role.unwrap_or_default());
    let roles = desk.directory().read(move |tx| grants::roles(tx, &ctx, organisation)).await?;
    let found = roles.into_iter().find(|role| role.name == name);
    Ok(Meant::Role(found.ok_or_else(|| Error::not_found("role"))?.id))
}

fn first_line(desk: &Desk<'_>) -> Result<Secret, Failure> {
    let mut text = String::new();
    let most = desk.ctx.limits.password_bytes;
    std::io::stdin()
        .take(most + 2)
        .read_to_string(&mut text)
        .map_err(|error| Error::invalid("secret", "on standard input is no UTF-8 text").with_source(error))?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

async fn by_name(desk: &Desk<'_>, organisation: OrganisationId, name: &str) -> Result<i64, Failure> {
    let name = name.to_owned();
    let found = desk.directory().read(move |tx| providers::id_by_name(tx, organisation, &name)).await?;
    Ok(found.ok_or_else(|| Error::not_found("provider"))?)
}
