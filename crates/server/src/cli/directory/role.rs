//! `beffroi role` and `beffroi grant`: what roles allow, and who has them where.

use base::{AccountId, Error, OrganisationId};
use directory::roles::{Allowed, Scope, Verb, grants};
use directory::{domains, units};
use serde_json::json;

use super::super::Session;
use super::super::output::{Cell, Column};
use super::Desk;
use crate::failure::Failure;

/// Commands on roles.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the roles
    List,
    /// List what a role can allow
    Verbs,
    /// Make a role
    Add {
        /// Its name
        name: String,
        /// What it allows, such as account.read,account.state; `all` for everything
        verbs: String,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Change what a role allows
    Set {
        /// Its name
        name: String,
        /// What it allows from now on
        verbs: String,
    },
    /// Remove a role that nobody has
    Remove {
        /// Its name
        name: String,
    },
}

/// Commands on grants.
#[derive(Debug, clap::Subcommand)]
pub enum GrantCommand {
    /// List who has which role where
    List,
    /// Give a person or group a role
    Add {
        /// The person or group
        address: String,
        /// The role
        role: String,
        /// Only for the entries of this domain
        #[arg(long, group = "scope")]
        domain: Option<String>,
        /// Only for this unit and those below it
        #[arg(long, group = "scope")]
        unit: Option<String>,
        /// Only for this group and its members
        #[arg(long, group = "scope")]
        group: Option<String>,
        /// So many people may exist there when its holder makes one
        #[arg(long, value_name = "NUMBER")]
        max_people: Option<i64>,
        /// The largest quota that its holder may give, in bytes
        #[arg(long, value_name = "BYTES")]
        max_quota: Option<i64>,
    },
    /// Take a role back
    Remove {
        /// The number of the grant
        id: i64,
    },
}

type GrantRow = (grants::Grant, String, String);

const ROLES: [Column<grants::Role>; 3] = [
    Column { key: "name", title: "Role", cell: |role| Cell::Text(role.name.clone()) },
    Column { key: "description", title: "For", cell: |role| Cell::Text(role.description.clone()) },
    Column {
        key: "verbs",
        title: "Allows",
        cell: |role| Cell::Words(role.verbs.iter().map(ToString::to_string).collect()),
    },
];

const VERBS: [Column<Verb>; 2] = [
    Column { key: "verb", title: "Verb", cell: |verb| Cell::Text(verb.name().to_owned()) },
    Column { key: "allows", title: "Allows to", cell: |verb| Cell::Text(verb.doc().to_owned()) },
];

const GRANTS: [Column<GrantRow>; 7] = [
    Column { key: "id", title: "Id", cell: |row| Cell::Whole(row.0.id) },
    Column { key: "address", title: "Who", cell: |row| Cell::Text(row.1.clone()) },
    Column { key: "role", title: "Role", cell: |row| Cell::Text(row.2.clone()) },
    Column {
        key: "scope",
        title: "Where",
        cell: |row| Cell::Text(row.0.allowed.scope.columns().0.to_owned()),
    },
    Column {
        key: "scope_id",
        title: "Number",
        cell: |row| match row.0.allowed.scope.columns().1 {
            0 => Cell::Nothing,
            id => Cell::Whole(id),
        },
    },
    Column {
        key: "max_people",
        title: "People",
        cell: |row| row.0.allowed.max_people.map_or(Cell::Nothing, Cell::Whole),
    },
    Column {
        key: "max_quota_bytes",
        title: "Quota",
        cell: |row| row.0.allowed.max_quota_bytes.map_or(Cell::Nothing, Cell::Bytes),
    },
];

/// Runs one on roles.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    session.at_desk(async |desk| at(desk, command).await)
}

/// Runs one on grants.
pub fn run_grant(session: &Session, command: GrantCommand) -> Result<(), Failure> {
    session.at_desk(async |desk| grant_at(desk, command).await)
}

async fn at(desk: &Desk<'_>, command: Command) -> Result<(), Failure> {
    if let Command::Verbs = command {
        return desk.session.out.rows(&VERBS, Verb::ALL);
    }
    let organisation = desk.organisation().await?;
    let (sentence, name) = match command {
        Command::Verbs => return Ok(()),
        Command::List => return desk.session.out.rows(&ROLES, &roles(desk, organisation).await?),
        Command::Add { name, verbs, description } => {
            let (verbs, new) = (parse_verbs(&verbs)?, name.clone());
            desk.directory()
                .edit(&desk.ctx, organisation, move |edit| {
                    grants::create_role(edit, &new, &description, &verbs)
                })
                .await?;
            ("is made", name)
        }
        Command::Set { name, verbs } => {
            let (verbs, id) = (parse_verbs(&verbs)?, role_id(desk, organisation, &name).await?);
            desk.directory()
                .edit(&desk.ctx, organisation, move |edit| grants::set_verbs(edit, id, &verbs))
                .await?;
            ("is changed", name)
        }
        Command::Remove { name } => {
            let id = role_id(desk, organisation, &name).await?;
            desk.directory().edit(&desk.ctx, organisation, move |edit| grants::remove_role(edit, id)).await?;
            ("is removed", name)
        }
    };
    desk.done(&format!("Role {name} {sentence}."), &json!({ "role": name, "done": sentence }))
}

async fn grant_at(desk: &Desk<'_>, command: GrantCommand) -> Result<(), Failure> {
    let organisation = desk.organisation().await?;
    match command {
        GrantCommand::List => {
            let ctx = desk.ctx.clone();
            let all = desk.directory().read(move |tx| grants::grants(tx, &ctx, organisation, None)).await?;
            let roles = roles(desk, organisation).await?;
            let accounts: Vec<AccountId> = all.iter().map(|grant| grant.subject).collect();
            let people = desk
                .directory()
                .read(move |tx| directory::entries::of_accounts(tx, organisation, &accounts))
                .await?;
            let row = |grant: grants::Grant| {
                let who = people.iter().find(|entry| entry.account == grant.subject);
                let role = roles.iter().find(|role| role.id == grant.role_id);
                let who = who.map(|entry| entry.address.clone()).unwrap_or_default();
                let role = role.map(|role| role.name.clone()).unwrap_or_default();
                (grant, who, role)
            };
            let rows: Vec<GrantRow> = all.into_iter().map(row).collect();
            desk.session.out.rows(&GRANTS, &rows)
        }
        GrantCommand::Add { address, role, domain, unit, group, max_people, max_quota } => {
            let scope = match (domain, unit, group) {
                (Some(domain), _, _) => Scope::Domain(domain_id(desk, organisation, &domain).await?),
                (_, Some(unit), _) => Scope::Unit(unit_id(desk, organisation, &unit).await?),
                (_, _, Some(group)) => Scope::Group(desk.subject(&group).await?),
                _ => Scope::Organisation,
            };
            let (subject, id) = (desk.subject(&address).await?, role_id(desk, organisation, &role).await?);
            let allowed = Allowed { scope, max_people, max_quota_bytes: max_quota };
            let grant = desk
                .directory()
                .edit(&desk.ctx, organisation, move |edit| grants::grant(edit, subject, id, allowed))
                .await?;
            desk.done(
                &format!("{address} has the role {role}."),
                &json!({ "id": grant, "address": address, "role": role }),
            )
        }
        GrantCommand::Remove { id } => {
            desk.directory().edit(&desk.ctx, organisation, move |edit| grants::revoke(edit, id)).await?;
            desk.done(&format!("Grant {id} is taken back."), &json!({ "id": id }))
        }
    }
}

async fn roles(desk: &Desk<'_>, organisation: OrganisationId) -> Result<Vec<grants::Role>, Failure> {
    let ctx = desk.ctx.clone();
    Ok(desk.directory().read(move |tx| grants::roles(tx, &ctx, organisation)).await?)
}

async fn role_id(desk: &Desk<'_>, organisation: OrganisationId, name: &str) -> Result<i64, Failure> {
    let found = roles(desk, organisation).await?.into_iter().find(|role| role.name == name);
    Ok(found.map(|role| role.id).ok_or_else(|| Error::not_found("role"))?)
}

async fn domain_id(desk: &Desk<'_>, organisation: OrganisationId, name: &str) -> Result<i64, Failure> {
    let name = codec::domain::parse(name.trim()).map_err(Error::from)?;
    let found = desk.directory().read(move |tx| domains::by_name(tx, organisation, &name)).await?;
    Ok(found.map(|domain| domain.id).ok_or_else(|| Error::not_found("domain"))?)
}

async fn unit_id(desk: &Desk<'_>, organisation: OrganisationId, path: &str) -> Result<i64, Failure> {
    let path = path.to_owned();
    let found = desk.directory().read(move |tx| units::id_by_path(tx, organisation.0, &path)).await?;
    Ok(found.ok_or_else(|| Error::not_found("unit"))?)
}

fn parse_verbs(text: &str) -> Result<Vec<Verb>, Failure> {
    if text == "all" {
        return Ok(Verb::ALL.to_vec());
    }
    let verb = |name: &str| {
        let rule = || format!("'{name}' is no verb; `beffroi role verbs` lists them");
        Verb::from_name(name).ok_or_else(|| Error::invalid("verbs", rule()).into())
    };
    text.split([',', ' ']).filter(|name| !name.is_empty()).map(verb).collect()
}
