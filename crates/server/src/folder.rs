//! The data folder: made for its owner only, and served by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use base::{Error, Result};

/// The lock that `serve` holds as long as it runs; the system frees it however the process ends.
#[derive(Debug)]
pub struct Served {
    _lock: File,
}

/// Makes the folder, readable by its owner only, where it does not exist yet.
pub fn create(folder: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        let rule = format!(
            "{} cannot be made; name a folder that you may write with data_dir or --data-dir",
            folder.display()
        );
        Error::unavailable("data_dir", rule).with_source(error)
    })
}

/// Takes the folder for this process, or says which one has it.
pub fn serve(folder: &Path) -> Result<Served> {
    create(folder)?;
    let path = folder.join("serve.lock");
    let failed = |error: std::io::Error| {
        let rule = format!("{} cannot be written; make the folder writable", path.display());
        Error::unavailable("data_dir", rule).with_source(error)
    };
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let _ = lock.read_to_string(&mut owner);
            let rule = format!(
                "{} is served by process {} already; stop that one first, or give this one another folder",
                folder.display(),
                owner.trim()
            );
            return Err(Error::conflict("data_dir", rule));
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    lock.set_len(0).and_then(|()| lock.rewind()).map_err(failed)?;
    writeln!(lock, "{}", std::process::id()).map_err(failed)?;
    Ok(Served { _lock: lock })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Meaning;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_is_served_once_and_private() {
        let folder = std::env::temp_dir().join(format!("beffroi-folder-{}", std::process::id()));
        let first = serve(&folder).unwrap();
        let second = serve(&folder).unwrap_err();
        assert_eq!(second.meaning(), Meaning::Conflict);
        assert!(second.rule().contains(&format!("process {}", std::process::id())), "{second}");
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(first);
        serve(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
