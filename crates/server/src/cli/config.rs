//! `beffroi config`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base::Error;
use serde_json::json;

use super::Session;
use super::output::{Cell, Column};
use crate::config::keys::{self, Key};
use crate::config::{FOLDER_FILE, SYSTEM_FILE, render};
use crate::failure::Failure;
use crate::folder;

/// What to do with the configuration.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print the values in force and where each comes from; secrets are hidden
    Show {
        /// Only what is not the default
        #[arg(long)]
        changed: bool,
    },
    /// Tell every mistake with its line
    Check,
    /// Write a commented file with every key; an existing file is kept
    Init {
        /// The file; without it, the one that --config or --data-dir leads to, or the system's
        file: Option<PathBuf>,
    },
}

/// Runs it.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Show { changed } => show(session, changed),
        Command::Check => check(session),
        Command::Init { file } => init(session, file),
    }
}

struct Row {
    key: String,
    value: String,
    from: String,
}

const COLUMNS: [Column<Row>; 3] = [
    Column { key: "key", title: "Key", cell: |row| Cell::Text(row.key.clone()) },
    Column { key: "value", title: "Value", cell: |row| Cell::Text(row.value.clone()) },
    Column { key: "from", title: "From", cell: |row| Cell::Text(row.from.clone()) },
];

fn show(session: &Session, changed: bool) -> Result<(), Failure> {
    let loaded = session.load()?;
    let row = |key: &Key| Row {
        key: key.dotted(),
        value: key.literal(&loaded.config),
        from: loaded.origin(key).to_string(),
    };
    let keys = keys::all().iter().filter(|key| !changed || !loaded.origin(key).is_default());
    session.out.rows(&COLUMNS, &keys.map(row).collect::<Vec<_>>())
}

fn check(session: &Session) -> Result<(), Failure> {
    let warnings = session.load()?.warnings.len();
    session.out.say("The configuration is good.", &json!({ "good": true, "warnings": warnings }))
}

fn init(session: &Session, file: Option<PathBuf>) -> Result<(), Failure> {
    let global = &session.global;
    let path = file.or_else(|| global.config.clone()).unwrap_or_else(|| {
        global.data_dir.as_ref().map_or_else(|| PathBuf::from(SYSTEM_FILE), |folder| folder.join(FOLDER_FILE))
    });
    write_new(&path, &render::default_file())?;
    let sentence = format!("{} is written; every key in it is explained and commented out.", path.display());
    session.out.say(&sentence, &json!({ "file": path }))
}

/// Writes a file for its owner only (it may come to hold secrets); one that exists is not touched.
pub fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        folder::create(parent)?;
    }
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            let rule =
                format!("{} exists and is kept; name another file, or move it away first", path.display());
            return Error::conflict("file", rule).into();
        }
        let rule =
            format!("{} cannot be written; name a file in a folder that you may write", path.display());
        Error::unavailable("file", rule).with_source(error).into()
    })
}
