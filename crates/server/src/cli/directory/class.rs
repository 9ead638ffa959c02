//! `beffroi cos`: classes of service.

use base::{Error, OrganisationId};
use directory::classes::{self, CLASS};
use serde_json::json;

use super::super::Session;
use super::super::output::{Cell, Column};
use super::{Assignment, Desk, fields};
use crate::failure::Failure;

/// What to do with classes of service.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a class of service
    Add {
        /// Its name
        name: String,
        /// What it gives, as FIELD=VALUE
        fields: Vec<Assignment>,
    },
    /// List the classes of the organisation
    List,
    /// Show what a class gives
    Show {
        /// Its name
        name: String,
    },
    /// Change what a class gives, to all its accounts at once
    Set {
        /// Its name
        name: String,
        /// What it gives, as FIELD=VALUE
        #[arg(required = true)]
        fields: Vec<Assignment>,
    },
    /// Remove a class that nobody has
    Remove {
        /// Its name
        name: String,
    },
    /// List what a class can give
    Fields,
}

type Row = (i64, String);

const COLUMNS: [Column<Row>; 2] = [
    Column { key: "id", title: "Id", cell: |row| Cell::Whole(row.0) },
    Column { key: "name", title: "Name", cell: |row| Cell::Text(row.1.clone()) },
];

/// Does it.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Fields => fields::list(session.out, CLASS.fields.iter()),
        command => session.at_desk(async |desk| at(desk, command).await),
    }
}

async fn at(desk: &Desk<'_>, command: Command) -> Result<(), Failure> {
    let organisation = desk.organisation().await?;
    match command {
        Command::Add { name, fields } => {
            let own = name.clone();
            let make = move |edit: &mut directory::Edit<'_, '_>| {
                classes::create(edit, &own, &fields::given(&fields))
            };
            let id = desk.directory().edit(&desk.ctx, organisation, make).await?;
            desk.done(&format!("Class of service {name} is made."), &json!({ "id": id, "name": name }))
        }
        Command::List => {
            let mut rows: Vec<Row> = Vec::new();
            loop {
                let (ctx, after) =
                    (desk.ctx.clone(), rows.last().map(|row| row.1.clone()).unwrap_or_default());
                let page =
                    desk.directory().read(move |tx| classes::list(tx, &ctx, organisation, &after)).await?;
                if page.is_empty() {
                    break;
                }
                rows.extend(page);
            }
            desk.session.out.rows(&COLUMNS, &rows)
        }
        Command::Show { name } => {
            let id = by_name(desk, organisation, &name).await?;
            let ctx = desk.ctx.clone();
            let cells = desk
                .directory()
                .read(move |tx| {
                    let record = classes::get(tx, &ctx, organisation, id)?;
                    let mut cells = vec![("id".to_owned(), Cell::Whole(id))];
                    cells.extend(fields::cells(tx, &ctx, organisation, &record)?);
                    Ok(cells)
                })
                .await?;
            desk.session.out.members(cells)
        }
        Command::Set { name, fields } => {
            let id = by_name(desk, organisation, &name).await?;
            let change =
                move |edit: &mut directory::Edit<'_, '_>| classes::change(edit, id, &fields::given(&fields));
            let changed = desk.directory().edit(&desk.ctx, organisation, change).await?;
            desk.changed(&format!("Class of service {name}"), changed)
        }
        Command::Remove { name } => {
            let id = by_name(desk, organisation, &name).await?;
            desk.directory().edit(&desk.ctx, organisation, move |edit| classes::remove(edit, id)).await?;
            desk.done(
                &format!("Class of service {name} is removed."),
                &json!({ "name": name, "removed": true }),
            )
        }
        Command::Fields => Ok(()),
    }
}

async fn by_name(desk: &Desk<'_>, organisation: OrganisationId, name: &str) -> Result<i64, Failure> {
    let name = name.to_owned();
    let found = desk.directory().read(move |tx| classes::id_by_name(tx, organisation.0, &name)).await?;
    Ok(found.ok_or_else(|| Error::not_found("class of service"))?)
}
