//! The certificates of the doors: read from a folder, and read again when a file of it changes or at SIGHUP.
//! Connections that are open keep theirs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base::{Error, Result};
use tokio::signal::unix::{SignalKind, signal};
use wire::tls::{Certificate, TlsSource};

use crate::config::Config;
use crate::folder;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Certificates that are read at most.
const MOST: usize = 1_000;
/// What chains are called.
const CHAINS: [&str; 2] = ["crt", "pem"];

/// The folder of the certificates.
pub fn folder(config: &Config) -> PathBuf {
    config.in_data_dir(&config.tls.certificates)
}

/// Reads the folder; nothing when it holds no certificate and none is to be made.
///
/// # Errors
/// `Invalid` for a file that is no certificate, or has no key.
pub fn open(config: &Config) -> Result<Option<TlsSource>> {
    let folder = folder(config);
    if pairs(&folder)?.is_empty() && config.tls.self_made {
        make(&folder, &hostname(config))?;
    }
    let found = read(&folder)?;
    if found.is_empty() { Ok(None) } else { TlsSource::new(found).map(Some) }
}

/// The name of this server.
pub fn hostname(config: &Config) -> String {
    if !config.mail.hostname.is_empty() {
        return config.mail.hostname.clone();
    }
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = own.trim();
    if own.is_empty() { "localhost".to_owned() } else { own.to_owned() }
}

/// Chains with their keys, by name.
fn pairs(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let failed = |error: std::io::Error| {
        let rule = format!("{} cannot be read; let the server read it", folder.display());
        Error::unavailable("tls.certificates", rule).with_source(error)
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries.take(MOST * 2) {
        let chain = entry.map_err(failed)?.path();
        let key = chain.with_extension("key");
        let is_chain =
            chain.extension().and_then(|end| end.to_str()).is_some_and(|end| CHAINS.contains(&end));
        if is_chain && key.exists() {
            found.push((chain, key));
        }
    }
    found.sort();
    Ok(found)
}

fn read(folder: &Path) -> Result<Vec<Certificate>> {
    let one = |(chain, key): &(PathBuf, PathBuf)| {
        let load = |path: &Path| {
            std::fs::read(path).map_err(|error| {
                let rule = format!("{} cannot be read", path.display());
                Error::unavailable("tls.certificates", rule).with_source(error)
            })
        };
        Certificate::from_pem(&load(chain)?, &load(key)?).map_err(|error| {
            let rule = format!("{}: {}", chain.display(), error.rule());
            Error::invalid("tls.certificates", rule).with_source(error)
        })
    };
    pairs(folder)?.iter().map(one).collect()
}

/// Makes a certificate that nobody vouches for.
fn make(folder: &Path, name: &str) -> Result<()> {
    folder::create(folder)?;
    let names = vec![name.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| {
        Error::invalid("mail.hostname", format!("{name:?} is no name for a certificate")).with_source(error)
    })?;
    write(folder, "self-made", &made.cert.pem(), &made.signing_key.serialize_pem())
}

/// Writes a chain and its key, the key for its owner only. Each file appears whole.
///
/// # Errors
/// `Unavailable` when the folder cannot be written.
pub fn write(folder: &Path, name: &str, chain: &str, key: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    for (end, text) in [("key", key), ("crt", chain)] {
        let (path, beside) = (folder.join(format!("{name}.{end}")), folder.join(format!("{name}.{end}.new")));
        let put = || {
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)
        };
        put().map_err(|error| {
            let rule = format!("{} cannot be written", path.display());
            Error::unavailable("tls.certificates", rule).with_source(error)
        })?;
    }
    Ok(())
}

/// When which file was changed: what differs was changed.
fn state(folder: &Path) -> Vec<(PathBuf, Option<SystemTime>, u64)> {
    let files = pairs(folder).unwrap_or_default().into_iter().flat_map(|(chain, key)| [chain, key]);
    files
        .map(|path| {
            let about = std::fs::metadata(&path).ok();
            let changed = about.as_ref().and_then(|about| about.modified().ok());
            (path, changed, about.map_or(0, |about| about.len()))
        })
        .collect()
}

/// Replaces the certificates of a source whenever the folder changes, and at SIGHUP. Ends never.
pub async fn follow(folder: PathBuf, source: TlsSource) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    let mut known = state(&folder);
    loop {
        let is_told = tokio::select! {
            told = hangup.recv() => told.is_some(),
            () = tokio::time::sleep(LOOK) => false,
        };
        let now = state(&folder);
        if now == known && !is_told {
            continue;
        }
        match read(&folder).and_then(|found| source.replace(found)) {
            Ok(()) => {
                tracing::info!("certificates were read again");
                known = now;
            }
            // A key and its chain are two files: the next look may find them together.
            Err(error) => tracing::warn!(?error, "certificates could not be read again; the old ones stay"),
        }
    }
}
