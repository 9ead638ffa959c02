//! `beffroi resolve`: who receives mail for an address.

use codec::Address;
use directory::entries;
use directory::resolve::{Resolution, resolve};
use serde_json::json;

use super::super::Session;
use super::super::output::{Cell, Column};
use crate::failure::Failure;

/// Which address to resolve.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The address
    address: String,
}

struct Row {
    address: String,
    kind: &'static str,
    quota: Cell,
}

const COLUMNS: [Column<Row>; 3] = [
    Column { key: "address", title: "Receives", cell: |row| Cell::Text(row.address.clone()) },
    Column { key: "kind", title: "Kind", cell: |row| Cell::Text(row.kind.to_owned()) },
    Column { key: "quota_bytes", title: "Quota", cell: |row| row.quota.clone() },
];

/// Shows it.
pub fn run(session: &Session, arguments: &Arguments) -> Result<(), Failure> {
    let address = Address::parse(arguments.address.trim()).map_err(base::Error::from)?;
    session.at_desk(async |desk| {
        let ctx = desk.ctx.clone();
        let (resolution, mailboxes) = desk
            .directory()
            .read(move |tx| {
                let resolution = resolve(tx, &ctx, &address)?;
                let mut mailboxes = Vec::new();
                if let Resolution::Found(found) = &resolution {
                    for mailbox in &found.mailboxes {
                        let entry = entries::load(tx, mailbox.organisation, mailbox.account)?;
                        let quota = mailbox.quota_bytes.map_or(Cell::Nothing, Cell::Bytes);
                        mailboxes.push(Row { address: entry.address, kind: entry.kind.name(), quota });
                    }
                }
                Ok((resolution, mailboxes))
            })
            .await?;
        let nobody =
            |why: &str| desk.done(&format!("Nobody here receives: {why}."), &json!({ "nobody": why }));
        match resolution {
            Resolution::NotOurs => nobody("not our domain"),
            Resolution::Refused(refusal) => nobody(refusal.name()),
            Resolution::Relay(host) => desk.done(&format!("Relayed to {host}."), &json!({ "relay": host })),
            Resolution::Found(found) => {
                let outside = found.outside.into_iter().map(|address| Row {
                    address,
                    kind: "outside",
                    quota: Cell::Nothing,
                });
                desk.session.out.rows(&COLUMNS, &mailboxes.into_iter().chain(outside).collect::<Vec<_>>())
            }
        }
    })
}
