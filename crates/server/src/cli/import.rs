//! `beffroi import`: mail from elsewhere.

use std::path::PathBuf;
use std::sync::Arc;

use base::{Error, Secret};
use rustls::ClientConfig;
use serde_json::json;

use super::Session;
use super::directory::Desk;
use super::output::{Cell, Column};
use crate::failure::Failure;
use crate::import::imap::{Imap, Login, Security, Server};
use crate::import::{Import, Maildir, Mbox, Outcome, Source};
use crate::outbound;

/// Where mail comes from. A run takes what is new since the last one, and nothing twice.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Take mail from a Maildir with its folders
    Maildir {
        /// Whose mailboxes receive it
        address: String,
        /// The folder that has `cur` and `new`
        source: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// Take mail from a file in the form mbox, or from a folder of such files
    Mbox {
        /// Whose mailboxes receive it
        address: String,
        /// The file or folder
        source: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// Take mail from another server by IMAP; nothing changes there
    Imap {
        /// Whose mailboxes receive it
        address: String,
        #[command(flatten)]
        from: Elsewhere,
        #[command(flatten)]
        how: How,
    },
}

/// What every source has.
#[derive(Debug, clap::Args)]
pub struct How {
    /// Only tell what would be taken
    #[arg(long)]
    dry_run: bool,
}

/// A mail server elsewhere.
#[derive(Debug, clap::Args)]
pub struct Elsewhere {
    /// The server, with a port when it is not the usual one
    #[arg(long, value_name = "HOST[:PORT]")]
    server: String,
    /// Whose mail there; the address when it is left out
    #[arg(long, value_name = "NAME")]
    login: Option<String>,
    /// Who logs in there instead, and may read everyone's mail
    #[arg(long, value_name = "NAME")]
    master: Option<String>,
    /// The first line of this file is the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The password, where there is no file with it
    #[arg(long, env = "BEFFROI_IMPORT_PASSWORD", hide = true, hide_env_values = true)]
    password: Option<String>,
    /// How the connection is protected
    #[arg(long, value_enum, default_value = "tls")]
    security: Security,
    /// A file with more certificate authorities (PEM) that the server is trusted by
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
}

const COLUMNS: [Column<Outcome>; 7] = [
    Column { key: "folder", title: "Folder", cell: |outcome| Cell::Text(outcome.folder.clone()) },
    Column { key: "taken", title: "Taken", cell: |outcome| count(outcome.taken) },
    Column { key: "known", title: "Here already", cell: |outcome| count(outcome.known) },
    Column { key: "changed", title: "New flags", cell: |outcome| count(outcome.changed) },
    Column { key: "gone", title: "Gone there", cell: |outcome| count(outcome.gone) },
    Column { key: "left", title: "Not taken", cell: |outcome| count(outcome.left) },
    Column {
        key: "reasons",
        title: "Why",
        cell: |outcome| Cell::maybe(Some(outcome.reasons.join("; ")).filter(|text| !text.is_empty())),
    },
];

fn count(number: u64) -> Cell {
    Cell::Whole(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Runs one.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    session.at_desk(async |desk| at(desk, command).await)
}

async fn at(desk: &Desk<'_>, command: Command) -> Result<(), Failure> {
    let (address, mut source, how) = match command {
        Command::Maildir { address, source, how } => (address, Source::Maildir(Maildir::open(&source)?), how),
        Command::Mbox { address, source, how } => (address, Source::Mbox(Mbox::open(&source)?), how),
        Command::Imap { address, from, how } => {
            let source = connect(desk, &address, &from).await?;
            (address, Source::Imap(Box::new(source)), how)
        }
    };
    let account = desk.owner(&address).await?;
    let (mail, blobs) = desk.mail().await?;
    let bar = desk.session.progress("Messages", 0);
    let show = bar.shared();
    let import = Import { mail: &mail, ctx: &desk.ctx, account, dry_run: how.dry_run };
    let done = import.run(&mut source, |done, of| show("Messages", done, of)).await;
    drop(bar);
    source.close().await;
    blobs.close().await;
    let outcomes = done?;
    desk.session.out.rows(&COLUMNS, &outcomes)?;
    if !desk.session.out.is_json() {
        let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
        let verb = if how.dry_run { "would be taken" } else { "were taken" };
        let sentence = format!(
            "{} messages {verb}, {} were here already, {} were left.",
            sum(|outcome| outcome.taken),
            sum(|outcome| outcome.known),
            sum(|outcome| outcome.left)
        );
        desk.done(&sentence, &json!({}))?;
    }
    Ok(())
}

async fn connect(desk: &Desk<'_>, address: &str, from: &Elsewhere) -> Result<Imap, Failure> {
    let usual = if from.security == Security::Tls { 993 } else { 143 };
    let (host, port) = match from.server.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => {
            let port =
                port.parse().map_err(|_| Error::invalid("--server", "has a port that is no number"))?;
            (host.to_owned(), port)
        }
        _ => (from.server.clone(), usual),
    };
    let mut config = desk.session.load()?.config;
    if let Some(file) = &from.authorities {
        config.outbound.authorities = std::path::absolute(file)
            .map_err(|error| Error::invalid("--authorities", "is no path").with_source(error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::corrupt("TLS", "has no versions").with_source(error))?
        .with_root_certificates(outbound::roots(&config)?)
        .with_no_client_auth();
    let server = Server { host, port, security: from.security, tls: Arc::new(tls) };
    let login = Login {
        user: from.login.clone().unwrap_or_else(|| address.to_owned()),
        master: from.master.clone(),
        password: password(from)?,
    };
    Ok(Imap::open(&server, &login, desk.ctx.limits.message_bytes).await?)
}

fn password(from: &Elsewhere) -> Result<Secret, Failure> {
    if let Some(file) = &from.password_file {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Error::unavailable("--password-file", format!("{} cannot be read", file.display()))
                .with_source(error)
        })?;
        return Ok(Secret::new(text.lines().next().unwrap_or_default()));
    }
    let given = from.password.clone().map(Secret::new);
    Ok(given.ok_or_else(|| {
        Error::invalid("--password-file", "is missing; name a file, or set BEFFROI_IMPORT_PASSWORD")
    })?)
}
