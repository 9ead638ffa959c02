//! The key that seals the histories. It stands in a file beside the database and not in it: who can only write
//! SQL cannot forge a history.
//!
//! It is made before the first table is. A database without its key is never given a new one: every history in
//! it would look forged.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base::{Error, Random, Result};
use kernel::ChainKey;

use crate::config::Config;
use crate::{folder, node};

/// Reads the key, or makes it for a new database.
pub async fn open(config: &Config, random: &Random) -> Result<ChainKey> {
    let path = config.in_data_dir(&config.history.chain_key_file);
    if !path.exists() {
        if !node::applied_before_start(config).await?.is_empty() {
            let rule = format!(
                "{} is missing and the database is not new; put the file back from where you keep it",
                path.display()
            );
            return Err(Error::corrupt("history.chain_key_file", rule));
        }
        make(&path, random)?;
    }
    read(&path)
}

/// A key for what browsers hold of logins that are under way: the same on all nodes, as the key of the histories
/// is, which does not follow from it.
pub fn derive(config: &Config) -> Result<[u8; 32]> {
    let bytes = read_bytes(&config.in_data_dir(&config.history.chain_key_file))?;
    Ok(blake3::derive_key("beffroi http logins 1", &bytes))
}

fn read(path: &Path) -> Result<ChainKey> {
    read_bytes(path).map(ChainKey::new)
}

fn read_bytes(path: &Path) -> Result<[u8; 32]> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let rule = format!("{} cannot be read; let the server's user read it", path.display());
        Error::unavailable("history.chain_key_file", rule).with_source(error)
    })?;
    parse(text.trim()).ok_or_else(|| {
        let rule = format!("{} does not hold 64 hexadecimal digits; put the right file back", path.display());
        Error::corrupt("history.chain_key_file", rule)
    })
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(key)
}

fn make(path: &Path, random: &Random) -> Result<()> {
    if let Some(parent) = path.parent() {
        folder::create(parent)?;
    }
    let mut text = String::new();
    for byte in random.bytes::<32>() {
        let _ = write!(text, "{byte:02x}");
    }
    let written =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
            writeln!(file, "{text}")?;
            file.sync_all()
        });
    written.map_err(|error| {
        let rule = format!("{} cannot be written; make its folder writable", path.display());
        Error::unavailable("history.chain_key_file", rule).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_digits() {
        assert_eq!(parse(&"0f".repeat(32)), Some([15; 32]));
        for wrong in ["", "0f", &"zz".repeat(32), &"é".repeat(32)] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
