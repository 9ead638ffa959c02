//! `beffroi backup`: copies of a whole running server, and putting one back on an empty machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::Error;
use serde_json::json;
use store::backup::{self, BackupOptions, Manifest, Progress, Verified};

use super::output::time;
use super::{Session, block_on, config};
use crate::config::Config;
use crate::failure::Failure;
use crate::node::{self, Node};
use crate::{bodies, folder, process};

/// What to do with backups.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Copy the whole server into a folder while it runs; an earlier backup there is brought up to date
    Create {
        /// The folder
        folder: PathBuf,
    },
    /// Read a whole backup and compare every file with what was written
    Verify {
        /// The folder
        folder: PathBuf,
    },
    /// Put a backup into an empty data folder, database and blob store
    Restore {
        /// The folder
        folder: PathBuf,
    },
}

/// The name of the key of the histories in a backup.
const KEY: &str = "chain.key";

/// Does it.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let config = session.load()?.config;
    match command {
        Command::Create { folder } => block_on(create(session, &config, folder)),
        Command::Verify { folder } => block_on(async {
            let (bar, progress) = session.shared_progress();
            let manifest = backup::verify(&folder, &progress).await?;
            drop(bar);
            told(session, "is whole", &folder, manifest.manifest())
        }),
        Command::Restore { folder } => block_on(restore(session, &config, &folder)),
    }
}

async fn create(session: &Session, config: &Config, folder: PathBuf) -> Result<(), Failure> {
    let node = Node::open(config).await?;
    let blobs = bodies::open(&node, config).await?;
    let key = config.in_data_dir(&config.history.chain_key_file);
    let key = std::fs::read(&key).map_err(|error| unreadable(&key, error))?;
    let (bar, progress) = session.shared_progress();
    let options = BackupOptions {
        folder: folder.clone(),
        files: vec![(KEY.to_owned(), key)],
        leave_out: Vec::new(),
        program: process::VERSION.to_owned(),
        now_ms: node.ctx.now_ms(),
        progress,
    };
    let made = backup::create(node.store(), Some(&blobs), options).await;
    drop(bar);
    blobs.close().await;
    node.close().await;
    told(session, "is made", &folder, &made?)
}

async fn restore(session: &Session, config: &Config, from: &Path) -> Result<(), Failure> {
    // A server that starts meanwhile would write into what is being filled.
    let _served = folder::serve(&config.top.data_dir)?;
    let (bar, progress) = session.shared_progress();
    let verified = backup::verify(from, &progress).await?;
    put_key_back(config, &verified).await?;
    let node = Node::open(config).await?;
    let blobs = bodies::open(&node, config).await?;
    let done = backup::restore(node.store(), Some(&blobs), &verified, &[], &progress).await;
    drop(bar);
    blobs.close().await;
    node.close().await;
    let done = done?;
    let sentence = format!(
        "The backup of {} is restored: {} tables with {} rows, {} bodies. Run `beffroi check` to be sure.",
        time(verified.manifest().at),
        done.tables,
        done.rows,
        done.bodies
    );
    let object = json!({
        "at": time(verified.manifest().at), "tables": done.tables, "rows": done.rows, "bodies": done.bodies,
        "body_bytes": done.body_bytes,
    });
    session.out.say(&sentence, &object)
}

/// The histories of a backup are sealed with its key: it comes before the database does, unless there is one already,
/// whose key is another.
async fn put_key_back(config: &Config, verified: &Verified) -> Result<(), Failure> {
    if !node::applied_before_start(config).await?.is_empty() {
        let rule = "is there already; restore into a new database and an empty data folder";
        return Err(Error::conflict("database", rule).into());
    }
    let text = String::from_utf8(verified.file(KEY)?)
        .map_err(|error| Error::corrupt("backup", "has a key that is none").with_source(error))?;
    config::write_new(&config.in_data_dir(&config.history.chain_key_file), &text)
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::unavailable("file", format!("{} cannot be read", path.display())).with_source(error)
}

fn told(session: &Session, what: &str, folder: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let rows: u64 = manifest.tables.iter().map(|table| table.rows).sum();
    let sentence = format!(
        "The backup in {} {what}: as of {}, {} tables with {rows} rows, {} bodies ({} of them new).",
        folder.display(),
        time(manifest.at),
        manifest.tables.len(),
        manifest.body_count,
        manifest.copied_bodies
    );
    let object = json!({
        "folder": folder, "at": time(manifest.at), "number": manifest.number, "tables": manifest.tables.len(),
        "rows": rows, "bodies": manifest.body_count, "body_bytes": manifest.body_bytes,
        "copied_bodies": manifest.copied_bodies,
    });
    session.out.say(&sentence, &object)
}

impl Session {
    /// A bar that the work moves from its own threads.
    fn shared_progress(&self) -> (super::progress::Progress, Progress) {
        let bar = self.progress("backup", 0);
        let shared = Arc::new(bar.shared());
        (bar, shared)
    }
}
