//! `beffroi org`.

use directory::organisations::{self, ORGANISATION};
use serde_json::json;

use super::super::Session;
use super::super::output::{Cell, Column};
use super::{Assignment, Desk, fields};
use crate::failure::Failure;

/// What to do with organisations.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make an organisation
    Add {
        /// Its short name: lower-case letters, digits, - and _
        name: String,
        /// Settings, as FIELD=VALUE
        fields: Vec<Assignment>,
    },
    /// List all organisations
    List,
    /// Show the settings of an organisation
    Show {
        /// Its name; without it, that of --org or the only one
        name: Option<String>,
    },
    /// Change settings
    Set {
        /// Its name
        name: String,
        /// Settings, as FIELD=VALUE
        #[arg(required = true)]
        fields: Vec<Assignment>,
    },
    /// List the settings that there are
    Fields,
}

type Row = (base::OrganisationId, String);

const COLUMNS: [Column<Row>; 2] = [
    Column { key: "id", title: "Id", cell: |row| Cell::Whole(row.0.0) },
    Column { key: "name", title: "Name", cell: |row| Cell::Text(row.1.clone()) },
];

/// Does it.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Fields => fields::list(session.out, ORGANISATION.fields.iter()),
        command => session.at_desk(async |desk| at(desk, command).await),
    }
}

async fn at(desk: &Desk<'_>, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add { name, fields } => {
            let given = fields::given(&fields);
            let id = desk.directory().create_organisation(&desk.ctx, &name, &given).await?;
            desk.done(&format!("Organisation {name} is made."), &json!({ "id": id.0, "name": name }))
        }
        Command::List => {
            let rows = all(desk).await?;
            desk.session.out.rows(&COLUMNS, &rows)
        }
        Command::Show { name } => show(desk, name).await,
        Command::Set { name, fields } => {
            let organisation = by_name(desk, &name).await?;
            let changed = desk
                .directory()
                .edit(&desk.ctx, organisation, move |edit| {
                    organisations::change(edit, &fields::given(&fields))
                })
                .await?;
            desk.changed(&format!("Organisation {name}"), changed)
        }
        Command::Fields => Ok(()),
    }
}

async fn all(desk: &Desk<'_>) -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let (ctx, after) = (desk.ctx.clone(), rows.last().map(|row| row.1.clone()).unwrap_or_default());
        let page = desk.directory().read(move |tx| organisations::list(tx, &ctx, &after)).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}

async fn by_name(desk: &Desk<'_>, name: &str) -> Result<base::OrganisationId, Failure> {
    let name = name.to_owned();
    let found = desk.directory().read(move |tx| organisations::by_name(tx, &name)).await?;
    Ok(found.ok_or_else(|| base::Error::not_found("organisation"))?)
}

async fn show(desk: &Desk<'_>, name: Option<String>) -> Result<(), Failure> {
    let organisation = match name {
        Some(name) => by_name(desk, &name).await?,
        None => desk.organisation().await?,
    };
    let ctx = desk.ctx.clone();
    let cells = desk
        .directory()
        .read(move |tx| {
            let name = organisations::name(tx, organisation)?;
            let record = organisations::get(tx, &ctx, organisation)?;
            let head = [("id", Cell::Whole(organisation.0)), ("name", Cell::Text(name))];
            let mut cells: Vec<_> = head.map(|(key, cell)| (key.to_owned(), cell)).into();
            cells.extend(fields::cells(tx, &ctx, organisation, &record)?);
            Ok(cells)
        })
        .await?;
    desk.session.out.members(cells)
}
