//! `beffroi user`: people, their passwords, forwards and sessions, and their import.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use base::{AccountId, Error, OrganisationId, Secret};
use directory::credentials::{self, HashedPassword};
use directory::entries::{Kind, NewEntry};
use directory::import::{self, LineError};
use directory::{Edit, people, sessions};
use serde_json::json;

use super::super::Session;
use super::super::output::{Cell, Column};
use super::entry::{self, New};
use super::{Desk, credential, fields, group};
use crate::failure::Failure;

/// What to do with people.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a person
    Add {
        #[command(flatten)]
        new: New,
        /// Where the password comes from
        #[arg(long, value_enum, default_value = "generate")]
        password: PasswordFrom,
    },
    /// Give a person a new password; open sessions end
    Password {
        /// One of the person's addresses
        address: String,
        /// Where the password comes from
        #[arg(long, value_enum, default_value = "generate")]
        password: PasswordFrom,
        /// It is good for one login, to set another
        #[arg(long)]
        must_change: bool,
    },
    /// Forward mail to other addresses, or without any show where it goes
    Forward {
        /// One of the person's addresses
        address: String,
        /// Where the mail goes from now on
        targets: Vec<String>,
    },
    /// List the open sessions of a person
    Sessions {
        /// One of the person's addresses
        address: String,
    },
    /// End all sessions of a person
    Logout {
        /// One of the person's addresses
        address: String,
    },
    /// Make and change people from a CSV file whose header names fields; the same file goes on where it stopped
    Import {
        /// The file
        file: PathBuf,
        /// Only tell what would be done
        #[arg(long)]
        dry_run: bool,
    },
    #[command(flatten)]
    Credential(credential::Command),
    #[command(flatten)]
    Entry(entry::Command),
}

/// Where a password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PasswordFrom {
    /// Made by chance and printed once
    Generate,
    /// The first line of standard input
    Stdin,
    /// There is none: nobody logs in
    None,
}

/// Does it.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Entry(command) => entry::run(session, Kind::Person, command),
        Command::Credential(command) => credential::run(session, command),
        command => session.at_desk(async |desk| at(desk, command).await),
    }
}

async fn at(desk: &Desk<'_>, command: Command) -> Result<(), Failure> {
    let organisation = desk.organisation().await?;
    match command {
        Command::Add { new, password } => add(desk, organisation, new, password).await,
        Command::Password { address, password, must_change } => {
            let account = desk.entry(organisation, Kind::Person, &address).await?;
            let (shown, hashed) = password_from(desk, password).await?;
            let hashed = hashed.ok_or_else(|| Error::invalid("--password", "is generate or stdin here"))?;
            let change =
                move |edit: &mut Edit<'_, '_>| credentials::set_password(edit, account, &hashed, must_change);
            desk.directory().edit(&desk.ctx, organisation, change).await?;
            told(desk, &format!("{address} has a new password."), &address, account, shown.as_ref())
        }
        Command::Forward { address, targets } => {
            let account = desk.entry(organisation, Kind::Person, &address).await?;
            group::redirect(desk, organisation, account, targets).await
        }
        Command::Sessions { address } => {
            let account = desk.entry(organisation, Kind::Person, &address).await?;
            let ctx = desk.ctx.clone();
            let rows =
                desk.directory().read(move |tx| sessions::list(tx, &ctx, organisation, account)).await?;
            desk.session.out.rows(&SESSION_COLUMNS, &rows)
        }
        Command::Logout { address } => {
            let account = desk.entry(organisation, Kind::Person, &address).await?;
            let ctx = desk.ctx.clone();
            let ended = desk
                .node
                .store()
                .write(Vec::new(), move |tx| sessions::end_all(tx, &ctx, organisation, account, None))
                .await?;
            let ended = ended.len();
            desk.done(
                &format!("{ended} sessions of {address} are ended."),
                &json!({ "address": address, "ended": ended }),
            )
        }
        Command::Import { file, dry_run } => import(desk, organisation, &file, dry_run).await,
        Command::Entry(_) | Command::Credential(_) => Ok(()),
    }
}

const SESSION_COLUMNS: [Column<sessions::Session>; 4] = [
    Column { key: "id", title: "Id", cell: |session| Cell::Whole(session.id.0) },
    Column { key: "door", title: "Door", cell: |session| Cell::Text(session.door.name().to_owned()) },
    Column { key: "created_at", title: "Since", cell: |session| Cell::Time(session.created_at) },
    Column { key: "last_seen_at", title: "Last seen", cell: |session| Cell::Time(session.last_seen_at) },
];

async fn add(
    desk: &Desk<'_>,
    organisation: OrganisationId,
    new: New,
    password: PasswordFrom,
) -> Result<(), Failure> {
    let (shown, hashed) = password_from(desk, password).await?;
    let address = new.address.clone();
    let make = move |edit: &mut Edit<'_, '_>| {
        let entry = NewEntry { address: &new.address, name: "" };
        people::create(edit, &entry, hashed.as_ref(), &fields::given(&new.fields))
    };
    let account = desk.directory().edit(&desk.ctx, organisation, make).await?;
    told(desk, &format!("{address} is made."), &address, account, shown.as_ref())
}

/// Tells what was done; a password that was made by chance is told this once.
fn told(
    desk: &Desk<'_>,
    sentence: &str,
    address: &str,
    account: AccountId,
    password: Option<&Secret>,
) -> Result<(), Failure> {
    let mut object = json!({ "account": account.0, "address": address });
    let mut sentence = sentence.to_owned();
    if let (Some(password), Some(members)) = (password, object.as_object_mut()) {
        members.insert("password".to_owned(), password.expose().into());
        sentence = format!("{sentence} Password: {}", password.expose());
    }
    desk.done(&sentence, &object)
}

/// The password to show, if any, and its hash.
async fn password_from(
    desk: &Desk<'_>,
    from: PasswordFrom,
) -> Result<(Option<Secret>, Option<HashedPassword>), Failure> {
    let (shown, password) = match from {
        PasswordFrom::None => return Ok((None, None)),
        PasswordFrom::Generate => {
            let password = Secret::new(desk.ctx.random.readable(16));
            (Some(password.clone()), password)
        }
        PasswordFrom::Stdin => (None, first_line(desk.ctx.limits.password_bytes)?),
    };
    credentials::check_password(&desk.ctx, &password)?;
    let hashed = desk.directory().hasher().hash(password, &desk.ctx.random).await?;
    Ok((shown, Some(hashed)))
}

fn first_line(most_bytes: u64) -> Result<Secret, Failure> {
    let mut text = String::new();
    std::io::stdin().take(most_bytes + 2).read_to_string(&mut text).map_err(|error| {
        Error::invalid("password", "on standard input is no UTF-8 text").with_source(error)
    })?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

const REPORT_COLUMNS: [Column<LineError>; 3] = [
    Column {
        key: "line",
        title: "Line",
        cell: |error| Cell::Whole(i64::try_from(error.line).unwrap_or(i64::MAX)),
    },
    Column { key: "field", title: "Field", cell: |error| Cell::Text(error.field.clone()) },
    Column { key: "rule", title: "What is wrong", cell: |error| Cell::Text(error.rule.clone()) },
];

async fn import(
    desk: &Desk<'_>,
    organisation: OrganisationId,
    path: &Path,
    dry_run: bool,
) -> Result<(), Failure> {
    let file = File::open(path).map_err(|error| {
        let rule = format!("{} cannot be read; name a CSV file", path.display());
        Error::invalid("file", rule).with_source(error)
    })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bar = desk.session.progress("lines", 0);
    let report = import::run(
        desk.directory(),
        &desk.ctx,
        organisation,
        &name,
        BufReader::new(file),
        dry_run,
        |report| bar.at(report.lines),
    )
    .await?;
    drop(bar);
    if !report.errors.is_empty() {
        desk.session.out.rows(&REPORT_COLUMNS, &report.errors)?;
    }
    let sentence = format!(
        "{} lines: {} people made, {} changed, {} as they were, {} lines with errors{}{}.",
        report.lines,
        report.created,
        report.changed,
        report.unchanged,
        report.failed,
        if report.resumed { ", taken up where an earlier run stopped" } else { "" },
        if dry_run { "; nothing was written" } else { "" },
    );
    let object = json!({
        "run": report.run_id, "lines": report.lines, "created": report.created, "changed": report.changed,
        "unchanged": report.unchanged, "failed": report.failed, "resumed": report.resumed, "dry_run": dry_run,
    });
    desk.done(&sentence, &object)?;
    if report.failed > 0 { Err(Failure::Faults(report.failed)) } else { Ok(()) }
}
