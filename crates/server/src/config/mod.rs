//! The configuration: one table of keys ([`keys`]), from which the reader, the checks, the environment's
//! variables, the commented default file and the manual follow.

mod file;
pub mod keys;
mod load;
pub mod render;
pub mod setting;

use std::path::{Path, PathBuf};

pub use keys::Config;
pub use load::{Loaded, Problem, Sources, load};

/// The file that is read when nobody names one.
pub const SYSTEM_FILE: &str = "/etc/beffroi/beffroi.toml";

/// The file in a data folder that `--data-dir` named.
pub const FOLDER_FILE: &str = "beffroi.toml";

/// Finds the file, reads the environment and puts the configuration in force together.
///
/// `named` is the file that `--config` or `BEFFROI_CONFIG` names: it must exist; the others may not.
pub fn find_and_load(named: Option<&Path>, data_dir: Option<&Path>) -> Result<Loaded, Vec<Problem>> {
    let in_folder = data_dir.map(|folder| folder.join(FOLDER_FILE));
    let usual = in_folder.into_iter().chain([PathBuf::from(SYSTEM_FILE)]).find(|path| path.exists());
    let path = named.map(Path::to_owned).or(usual);
    let file =
        path.map(|path| Ok((path.clone(), read(&path)?))).transpose().map_err(|problem| vec![problem])?;
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| name.starts_with("BEFFROI_"))
        .collect();
    load(&Sources { file, environment, data_dir: data_dir.map(Path::to_owned) })
}

fn read(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| Problem {
        place: path.display().to_string(),
        message: format!(
            "cannot be read ({error}); name a file that exists, or write one with `beffroi config init`"
        ),
    })
}

impl Config {
    /// How far back people can reach.
    pub fn history_rules(&self) -> mail::HistoryRules {
        let days = |days: u64| i64::try_from(days).unwrap_or(i64::MAX);
        mail::HistoryRules {
            recover_days: days(self.history.undelete_days),
            rescue_days: days(self.history.rescue_days),
        }
    }

    /// `path` as it stands in the configuration, from the data folder when it is relative.
    pub fn in_data_dir(&self, path: &Path) -> PathBuf {
        self.top.data_dir.join(path)
    }
}
