//! Where things are: the repository, the cache in the person's home, and the tools in it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The folders that every chore works with.
#[derive(Debug, Clone)]
pub struct Places {
    /// The top of the repository.
    pub root: PathBuf,
    /// What survives a new clone: compiled tools, dependencies, fuzzing corpora.
    pub cache: PathBuf,
    /// Where cargo builds: `CARGO_TARGET_DIR`, or a folder of the cache.
    pub target: PathBuf,
    /// Where cargo installs the tools of the tests.
    pub tools: PathBuf,
    /// The cargo that runs us.
    cargo: OsString,
    /// The folders of `PATH`.
    path: Vec<PathBuf>,
}

/// The variables that places depend on, apart from the process so that tests can choose them.
#[derive(Debug, Default, Clone)]
pub struct Environment {
    /// `CARGO_MANIFEST_DIR`, of this crate.
    pub manifest_dir: PathBuf,
    /// `XDG_CACHE_HOME`.
    pub cache_home: Option<OsString>,
    /// `HOME`.
    pub home: Option<OsString>,
    /// `CARGO_TARGET_DIR`.
    pub target_dir: Option<OsString>,
    /// `CARGO`.
    pub cargo: Option<OsString>,
    /// `PATH`.
    pub path: Option<OsString>,
}

impl Environment {
    fn of_process() -> Self {
        let read = std::env::var_os;
        Self {
            manifest_dir: read("CARGO_MANIFEST_DIR")
                .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), Into::into),
            cache_home: read("XDG_CACHE_HOME"),
            home: read("HOME"),
            target_dir: read("CARGO_TARGET_DIR"),
            cargo: read("CARGO"),
            path: read("PATH"),
        }
    }
}

impl Places {
    /// The places of this process.
    pub fn find() -> Result<Self> {
        Self::from_environment(Environment::of_process())
    }

    /// The places that follow from these variables.
    pub fn from_environment(environment: Environment) -> Result<Self> {
        let given = |value: Option<OsString>| value.filter(|text| !text.is_empty());
        let root = environment.manifest_dir.parent().context("xtask stands below the repository")?.to_owned();
        let cache_home = match given(environment.cache_home) {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(&given(environment.home).context("neither XDG_CACHE_HOME nor HOME is set")?)
                .join(".cache"),
        };
        let cache = cache_home.join("beffroi");
        let target = match given(environment.target_dir) {
            Some(folder) => root.join(folder),
            None => cache.join("target"),
        };
        let tools = cache.join("tools");
        Ok(Self {
            path: std::env::split_paths(&environment.path.unwrap_or_default()).collect(),
            cargo: environment.cargo.unwrap_or_else(|| "cargo".into()),
            root,
            cache,
            target,
            tools,
        })
    }

    /// Where programs are looked for: the tools first, then PostgreSQL, then `PATH`. Asked anew each time, because
    /// installing PostgreSQL brings a folder.
    fn folders(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.tools.join("bin")];
        folders.extend(postgres_folder(Path::new("/usr/lib/postgresql")));
        folders.extend(self.path.iter().cloned());
        folders
    }

    /// A command in the repository that finds the tools and builds where we build.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        // A folder with a colon in its name cannot be in PATH: then the person's own PATH has to do.
        if let Ok(path) = std::env::join_paths(self.folders()) {
            command.env("PATH", path);
        }
        command
    }

    /// A call of the cargo that runs us.
    pub fn cargo(&self) -> Command {
        self.command(&self.cargo)
    }

    /// The first program of this name on `PATH`, tools first.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        self.folders().into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
    }
}

/// Debian keeps `initdb` and `postgres` out of `PATH`, a folder a major version: the newest of them.
fn postgres_folder(versions: &Path) -> Option<PathBuf> {
    let newest = std::fs::read_dir(versions)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|major| versions.join(major.to_string()).join("bin/initdb").is_file())
        .max()?;
    Some(versions.join(newest.to_string()).join("bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment {
            manifest_dir: "/src/beffroi/xtask".into(),
            home: Some("/people/a".into()),
            ..Environment::default()
        }
    }

    #[test]
    fn the_cache_is_in_the_home_unless_told_otherwise() {
        let places = Places::from_environment(environment()).unwrap();
        assert_eq!(places.root, Path::new("/src/beffroi"));
        assert_eq!(places.target, Path::new("/people/a/.cache/beffroi/target"));
        assert_eq!(places.tools, Path::new("/people/a/.cache/beffroi/tools"));
        let moved = Environment {
            cache_home: Some("/big".into()),
            target_dir: Some("/fast".into()),
            ..environment()
        };
        let places = Places::from_environment(moved).unwrap();
        assert_eq!(places.cache, Path::new("/big/beffroi"));
        assert_eq!(places.target, Path::new("/fast"));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let empty = Environment { cache_home: Some("".into()), target_dir: Some("".into()), ..environment() };
        let places = Places::from_environment(empty).unwrap();
        assert_eq!(places.target, Path::new("/people/a/.cache/beffroi/target"));
    }

    #[test]
    fn a_relative_target_is_below_the_repository() {
        let relative = Environment { target_dir: Some("out".into()), ..environment() };
        assert_eq!(Places::from_environment(relative).unwrap().target, Path::new("/src/beffroi/out"));
    }

    #[test]
    fn without_a_home_the_message_names_the_variables() {
        let homeless = Environment { home: None, ..environment() };
        let message = Places::from_environment(homeless).unwrap_err().to_string();
        assert!(message.contains("XDG_CACHE_HOME") && message.contains("HOME"), "{message}");
    }

    #[test]
    fn the_newest_postgresql_comes_first() {
        let folder = std::env::temp_dir().join(format!("xtask-postgres-{}", std::process::id()));
        for version in ["9", "15", "16"] {
            std::fs::create_dir_all(folder.join(version).join("bin")).unwrap();
        }
        for version in ["9", "15"] {
            std::fs::write(folder.join(version).join("bin/initdb"), "").unwrap();
        }
        let found = postgres_folder(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, Some(folder.join("15/bin")));
    }
}
