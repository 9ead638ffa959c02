//! `beffroi unit`: the tree of units.

use base::{Error, OrganisationId};
use directory::units;
use serde_json::json;

use super::super::Session;
use super::super::output::{Cell, Column};
use super::Desk;
use crate::failure::Failure;

/// What to do with units.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a unit; the one above it must exist
    Add {
        /// Its path, such as Sciences/Physics
        path: String,
    },
    /// List the whole tree
    List,
    /// Give a unit another name
    Rename {
        /// Its path
        path: String,
        /// Its new name
        name: String,
    },
    /// Put a unit below another
    Move {
        /// Its path
        path: String,
        /// The path of the unit above; nothing for the top
        above: Option<String>,
    },
    /// Remove a unit that nothing stands in
    Remove {
        /// Its path
        path: String,
    },
}

type Row = (i64, String);

const COLUMNS: [Column<Row>; 2] = [
    Column { key: "id", title: "Id", cell: |row| Cell::Whole(row.0) },
    Column { key: "path", title: "Path", cell: |row| Cell::Text(row.1.clone()) },
];

/// Does it.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    session.at_desk(async |desk| at(desk, command).await)
}

async fn at(desk: &Desk<'_>, command: Command) -> Result<(), Failure> {
    let organisation = desk.organisation().await?;
    let (sentence, path) = match command {
        Command::List => return list(desk, organisation).await,
        Command::Add { path } => {
            let (above, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let (parent, name) = (by_path(desk, organisation, above).await?, name.trim().to_owned());
            desk.directory()
                .edit(&desk.ctx, organisation, move |edit| units::create(edit, parent, &name))
                .await?;
            ("is made", path)
        }
        Command::Rename { path, name } => {
            let id = by_path(desk, organisation, &path).await?;
            desk.directory()
                .edit(&desk.ctx, organisation, move |edit| units::rename(edit, id, &name))
                .await?;
            ("is renamed", path)
        }
        Command::Move { path, above } => {
            let id = by_path(desk, organisation, &path).await?;
            let parent = by_path(desk, organisation, above.as_deref().unwrap_or("")).await?;
            desk.directory()
                .edit(&desk.ctx, organisation, move |edit| units::move_to(edit, id, parent))
                .await?;
            ("is moved", path)
        }
        Command::Remove { path } => {
            let id = by_path(desk, organisation, &path).await?;
            desk.directory().edit(&desk.ctx, organisation, move |edit| units::remove(edit, id)).await?;
            ("is removed", path)
        }
    };
    desk.done(&format!("Unit {path} {sentence}."), &json!({ "path": path, "done": sentence }))
}

/// The id of the unit at a path; 0 for an empty one, the top.
async fn by_path(desk: &Desk<'_>, organisation: OrganisationId, path: &str) -> Result<i64, Failure> {
    if path.is_empty() {
        return Ok(0);
    }
    let path = path.to_owned();
    let found = desk.directory().read(move |tx| units::id_by_path(tx, organisation.0, &path)).await?;
    Ok(found.ok_or_else(|| Error::not_found("unit"))?)
}

/// Goes through the tree from the top; each unit stands below the one that it is in.
async fn list(desk: &Desk<'_>, organisation: OrganisationId) -> Result<(), Failure> {
    let mut rows: Vec<Row> = Vec::new();
    let mut open = vec![(0, String::new())];
    while let Some((parent, above)) = open.pop() {
        let mut children: Vec<Row> = Vec::new();
        loop {
            let after = children.last().map(|child| child.1.clone()).unwrap_or_default();
            let ctx = desk.ctx.clone();
            let page =
                desk.directory().read(move |tx| units::below(tx, &ctx, organisation, parent, &after)).await?;
            if page.is_empty() {
                break;
            }
            children.extend(page.into_iter().map(|unit| (unit.id, unit.name)));
        }
        if parent != 0 {
            rows.push((parent, above.clone()));
        }
        let path = |name: &str| if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        open.extend(children.iter().rev().map(|(id, name)| (*id, path(name))));
    }
    desk.session.out.rows(&COLUMNS, &rows)
}
