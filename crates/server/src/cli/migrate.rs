//! `beffroi migrate`.

use serde_json::json;
use store::sql::Step;

use super::output::{Cell, Column};
use super::{Session, block_on};
use crate::failure::Failure;
use crate::node::{Node, pending};

/// Brings the tables of the database up to date, as a start of the server does.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
}

const COLUMNS: [Column<Step>; 3] = [
    Column { key: "part", title: "Part", cell: |step| Cell::Text(step.part.to_owned()) },
    Column { key: "number", title: "Number", cell: |step| Cell::Whole(step.number) },
    Column { key: "name", title: "Name", cell: |step| Cell::Text(step.name.to_owned()) },
];

/// Does it.
pub fn run(session: &Session, arguments: &Arguments) -> Result<(), Failure> {
    let loaded = session.load()?;
    let steps = block_on(async {
        let steps = pending(&loaded.config).await?;
        if !arguments.dry_run {
            Node::open(&loaded.config).await?.close().await;
        }
        Ok(steps)
    })?;
    if steps.is_empty() {
        return session.out.say("The tables are up to date.", &json!({ "up_to_date": true }));
    }
    session.out.rows(&COLUMNS, &steps)
}
