//! Puts the configuration in force together: defaults, then the file, then the environment, then the
//! command line. All problems are collected, so that one start shows them all.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::file;
use super::keys::{self, Config, Key};
use super::setting::Raw;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table of keys.
    Default,
    /// A line of the file.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// A file that an environment variable names, which holds the secret.
    SecretFile(String),
    /// An option of the command line.
    Option(&'static str),
}

impl Origin {
    /// Whether nobody has set the value.
    pub fn is_default(&self) -> bool {
        *self == Self::Default
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) | Self::SecretFile(variable) => write!(f, "environment {variable}"),
            Self::Option(option) => write!(f, "option {option}"),
        }
    }
}

/// Something in the configuration that must be changed before the server starts.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands, such as `beffroi.toml:12`.
    pub place: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// What the configuration is made of.
#[derive(Debug, Default)]
pub struct Sources {
    /// The path and text of the file, where there is one.
    pub file: Option<(PathBuf, String)>,
    /// The environment's variables that begin with `BEFFROI_`.
    pub environment: Vec<(String, String)>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

/// The configuration in force and where each value comes from.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Origins of the values that are no defaults, by dotted name.
    origins: BTreeMap<String, Origin>,
    /// What is odd and does not stop the server.
    pub warnings: Vec<Problem>,
}

impl Loaded {
    /// Where the value of `key` comes from.
    pub fn origin(&self, key: &Key) -> Origin {
        self.origins.get(&key.dotted()).cloned().unwrap_or(Origin::Default)
    }
}

/// Variables that begin like a setting's and belong to the program's options or to its tests.
fn is_other_variable(variable: &str) -> bool {
    variable == "BEFFROI_CONFIG" || variable.starts_with("BEFFROI_TEST_")
}

/// Reads all sources; the error is every problem that was found.
pub fn load(sources: &Sources) -> Result<Loaded, Vec<Problem>> {
    let mut loading = Loading::default();
    if let Some((path, text)) = &sources.file {
        loading.file(path, text);
    }
    for (variable, text) in &sources.environment {
        loading.variable(variable, text);
    }
    if let Some(path) = &sources.data_dir {
        let raw = Raw::Outside(path.to_string_lossy().into_owned());
        loading.set("data_dir", &raw, Origin::Option("--data-dir"));
    }
    loading.finish()
}

#[derive(Default)]
struct Loading {
    config: Config,
    origins: BTreeMap<String, Origin>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Loading {
    fn file(&mut self, path: &Path, text: &str) {
        let entries = match file::entries(text) {
            Ok(entries) => entries,
            Err(broken) => {
                let place = Origin::File(path.to_owned(), broken.line).to_string();
                self.problems.push(Problem { place, message: broken.message });
                return;
            }
        };
        for entry in entries {
            self.set(&entry.name, &entry.value, Origin::File(path.to_owned(), entry.line));
        }
    }

    fn variable(&mut self, variable: &str, text: &str) {
        if is_other_variable(variable) {
            return;
        }
        if let Some(key) = keys::all().iter().find(|key| key.environment() == variable) {
            self.set(&key.dotted(), &Raw::Outside(text.to_owned()), Origin::Environment(variable.to_owned()));
            return;
        }
        let base = variable.strip_suffix("_FILE").unwrap_or_default();
        if let Some(key) = keys::all().iter().find(|key| key.secret && key.environment() == base) {
            let origin = Origin::SecretFile(variable.to_owned());
            match std::fs::read_to_string(text) {
                Ok(secret) => self.set(&key.dotted(), &Raw::Outside(secret.trim_end().to_owned()), origin),
                Err(error) => self.problems.push(Problem {
                    place: origin.to_string(),
                    message: format!("{text} cannot be read ({error}); name a file that holds the secret"),
                }),
            }
            return;
        }
        let known = keys::all().iter().map(Key::environment);
        // Not refused: a container platform adds variables of its own, named after the service.
        self.warnings.push(Problem {
            place: format!("environment {variable}"),
            message: format!("names no key and is ignored{}", did_you_mean(variable, known)),
        });
    }

    fn set(&mut self, name: &str, raw: &Raw, origin: Origin) {
        let place = origin.to_string();
        let Some(key) = keys::all().iter().find(|key| key.dotted() == name) else {
            let known = keys::all().iter().map(Key::dotted);
            let message = format!("there is no key {name}{}", did_you_mean(name, known));
            self.problems.push(Problem { place, message });
            return;
        };
        match key.set(&mut self.config, raw) {
            Ok(()) => {
                self.origins.insert(name.to_owned(), origin);
            }
            Err(message) => self.problems.push(Problem { place, message: format!("{name} {message}") }),
        }
    }

    fn finish(mut self) -> Result<Loaded, Vec<Problem>> {
        // Rules between keys look at values; with values missing they would mislead.
        if self.problems.is_empty() {
            for (name, message) in keys::between(&self.config) {
                let place = self.origins.get(name).unwrap_or(&Origin::Default).to_string();
                self.problems.push(Problem { place, message: format!("{name} {message}") });
            }
        }
        if self.problems.is_empty() {
            Ok(Loaded { config: self.config, origins: self.origins, warnings: self.warnings })
        } else {
            Err(self.problems)
        }
    }
}

/// `; write X?` for the known name that is closest to `name`, or where to look when none is close.
fn did_you_mean(name: &str, known: impl Iterator<Item = String>) -> String {
    let last = |dotted: &str| dotted.rsplit('.').next().unwrap_or_default().to_owned();
    let closest = known
        .map(|candidate| {
            // A right name in the wrong table is closer than any misspelling.
            let moved = last(&candidate) == last(name);
            let distance = if moved { 0 } else { strsim::damerau_levenshtein(name, &candidate) };
            (distance, candidate)
        })
        .min();
    match closest {
        Some((distance, candidate)) if distance <= name.len().div_ceil(3) => {
            format!("; did you mean {candidate}?")
        }
        _ => "; `beffroi config show` lists all keys".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(text: &str) -> Result<Loaded, Vec<String>> {
        let file = Some((PathBuf::from("b.toml"), text.to_owned()));
        load(&Sources { file, ..Sources::default() })
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(from_file(text).unwrap_err(), expected);
    }

    #[test]
    fn problems_name_the_line_and_what_to_write() {
        check(
            "\nstore.backed = 'sqlite'",
            &["b.toml:2: there is no key store.backed; did you mean store.backend?"],
        );
        check("listen = 'x'", &["b.toml:1: there is no key listen; did you mean http.listen?"]);
        check(
            "[flying]\ncircus = 1",
            &["b.toml:2: there is no key flying.circus; `beffroi config show` lists all keys"],
        );
        check(
            "[store]\nbackend = 'mysql'\nreaders = 0\n",
            &[
                "b.toml:2: store.backend \"mysql\" is not known; write `sqlite` or `postgres`",
                "b.toml:3: store.readers is 0; write a number from 1 to 256",
            ],
        );
        check(
            "[limits]\nname_bytes = '9'",
            &["b.toml:2: limits.name_bytes is text; write the number without quotes: 9"],
        );
        check(
            "[store]\nbackend = 'postgres'",
            &["b.toml:2: store.backend is \"postgres\"; write store.postgres_url too"],
        );
    }

    #[test]
    fn a_table_is_no_value() {
        check("data_dir.x = 1", &["b.toml:1: there is no key data_dir.x; did you mean data_dir?"]);
        assert!(from_file("store = 1").unwrap_err()[0].starts_with("b.toml:1: there is no key store"));
    }

    #[test]
    fn the_environment_goes_before_the_file_and_the_option_before_both() {
        let loaded = load(&Sources {
            file: Some((PathBuf::from("b.toml"), "data_dir = '/file'\nstore.readers = 2".to_owned())),
            environment: vec![
                ("BEFFROI_DATA_DIR".to_owned(), "/environment".to_owned()),
                ("BEFFROI_STORE_READERS".to_owned(), "3".to_owned()),
                ("BEFFROI_STORE_READER".to_owned(), "4".to_owned()),
            ],
            data_dir: Some(PathBuf::from("/option")),
        })
        .unwrap();
        assert_eq!(loaded.config.top.data_dir, PathBuf::from("/option"));
        assert_eq!(loaded.config.store.readers, 3);
        let origin = |name: &str| loaded.origin(keys::all().iter().find(|key| key.dotted() == name).unwrap());
        assert_eq!(origin("data_dir").to_string(), "option --data-dir");
        assert_eq!(origin("store.readers").to_string(), "environment BEFFROI_STORE_READERS");
        assert_eq!(origin("log.filter"), Origin::Default);
        let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "environment BEFFROI_STORE_READER: names no key and is ignored; did you mean BEFFROI_STORE_READERS?"
            ]
        );
    }

    #[test]
    fn a_secret_may_stand_in_a_file_that_the_environment_names() {
        let environment = vec![("BEFFROI_METRICS_TOKEN_FILE".to_owned(), "/no/such/file".to_owned())];
        let problems = load(&Sources { environment, ..Sources::default() }).unwrap_err();
        assert!(
            problems[0]
                .to_string()
                .starts_with("environment BEFFROI_METRICS_TOKEN_FILE: /no/such/file cannot")
        );
    }
}
