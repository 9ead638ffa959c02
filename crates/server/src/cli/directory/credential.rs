//! `beffroi user`: app passwords and second factors of people, for those who help them.

use base::{Door, Error};
use directory::Edit;
use directory::credentials::app::{self, AppPassword};
use directory::credentials::{codes, passkeys};
use directory::entries::Kind;
use serde_json::json;

use super::super::Session;
use super::super::output::{Cell, Column};
use super::Desk;
use crate::failure::Failure;

/// What to do with credentials.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the app passwords of a person
    AppPasswords {
        /// One of the person's addresses
        address: String,
    },
    /// Make an app password, which is printed once
    AddAppPassword {
        /// One of the person's addresses
        address: String,
        /// The program or device it is for
        label: String,
        /// A door that it opens: imap, pop3, submission, sieve, dav, jmap; may be given several times. None: all
        #[arg(long = "door", value_name = "DOOR")]
        doors: Vec<String>,
    },
    /// Remove an app password; the connections that it opened are closed
    RemoveAppPassword {
        /// One of the person's addresses
        address: String,
        /// Its number in the list
        id: i64,
    },
    /// Tell which second factors a person has
    SecondFactor {
        /// One of the person's addresses
        address: String,
    },
    /// Remove all second factors of a person who lost them: one-time codes, passkeys and recovery codes
    ResetSecondFactor {
        /// One of the person's addresses
        address: String,
    },
}

/// Does it.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    session.at_desk(async |desk| at(desk, command).await)
}

async fn at(desk: &Desk<'_>, command: Command) -> Result<(), Failure> {
    let organisation = desk.organisation().await?;
    let ctx = desk.ctx.clone();
    match command {
        Command::AppPasswords { address } => {
            let account = desk.entry(organisation, Kind::Person, &address).await?;
            let rows = desk.directory().read(move |tx| app::list(tx, &ctx, organisation, account)).await?;
            desk.session.out.rows(&COLUMNS, &rows)
        }
        Command::AddAppPassword { address, label, doors } => {
            let account = desk.entry(organisation, Kind::Person, &address).await?;
            let doors: Option<Vec<Door>> =
                doors.iter().map(|name| app::DOORS.into_iter().find(|door| door.name() == name)).collect();
            let doors = doors.ok_or_else(|| {
                let known: Vec<&str> = app::DOORS.iter().map(|door| door.name()).collect();
                Error::invalid("--door", format!("is one of: {}", known.join(", ")))
            })?;
            let make = move |edit: &mut Edit<'_, '_>| app::create(edit, account, &label, &doors, None);
            let (id, password) = desk.directory().edit(&ctx, organisation, make).await?;
            let sentence = format!("{address} has a new app password: {}", password.expose());
            desk.done(&sentence, &json!({ "address": address, "id": id, "password": password.expose() }))
        }
        Command::RemoveAppPassword { address, id } => {
            let account = desk.entry(organisation, Kind::Person, &address).await?;
            let remove = move |edit: &mut Edit<'_, '_>| app::remove(edit, account, id);
            desk.directory().edit(&ctx, organisation, remove).await?;
            let sentence = format!("The app password {id} of {address} is removed.");
            desk.done(&sentence, &json!({ "address": address, "id": id }))
        }
        Command::SecondFactor { address } => {
            let account = desk.entry(organisation, Kind::Person, &address).await?;
            let (has_codes, left, keys) = desk
                .directory()
                .read(move |tx| {
                    let (has_codes, left) = codes::state(tx, &ctx, organisation, account)?;
                    Ok((has_codes, left, passkeys::list(tx, &ctx, organisation, account)?))
                })
                .await?;
            let labels: Vec<String> = keys.into_iter().map(|key| key.label).collect();
            let has = if has_codes { "one-time codes" } else { "no one-time codes" };
            let sentence =
                format!("{address} has {has}, {} passkeys and {left} recovery codes.", labels.len());
            let object = json!({ "address": address, "one_time_codes": has_codes, "passkeys": labels, "recovery_codes": left });
            desk.done(&sentence, &object)
        }
        Command::ResetSecondFactor { address } => {
            let account = desk.entry(organisation, Kind::Person, &address).await?;
            let own = ctx.clone();
            let reset = move |edit: &mut Edit<'_, '_>| {
                let mut removed = 0;
                for key in passkeys::list(edit, &own, organisation, account)? {
                    passkeys::remove(edit, account, key.id)?;
                    removed += 1;
                }
                if codes::is_begun(edit, account)? {
                    codes::remove(edit, account)?;
                    removed += 1;
                }
                if removed == 0 { Err(Error::not_found("second factor")) } else { Ok(removed) }
            };
            let removed = desk.directory().edit(&ctx, organisation, reset).await?;
            let sentence = format!("{address} logs in with the password alone from now on.");
            desk.done(&sentence, &json!({ "address": address, "removed": removed }))
        }
    }
}

const COLUMNS: [Column<AppPassword>; 5] = [
    Column { key: "id", title: "Id", cell: |one| Cell::Whole(one.id) },
    Column { key: "label", title: "For", cell: |one| Cell::Text(one.label.clone()) },
    Column {
        key: "doors",
        title: "Doors",
        cell: |one| Cell::Words(one.doors.iter().map(|door| door.name().to_owned()).collect()),
    },
    Column { key: "created_at", title: "Since", cell: |one| Cell::Time(one.created_at) },
    Column {
        key: "last_used_at",
        title: "Last used",
        cell: |one| one.last_used_at.map_or(Cell::Nothing, Cell::Time),
    },
];
