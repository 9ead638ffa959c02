//! Which crate may use which: the floors of the house, and the libraries that belong to one crate.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;

/// One floor: its crates from left to right.
struct Floor {
    crates: &'static [&'static str],
    /// Whether a crate may use those to its left. Kinds and doors may not: they do not know each other.
    neighbours: bool,
}

/// The floors from the ground up. A crate may use those on the floors below, and those to its left where neighbours
/// may know each other.
static FLOORS: &[Floor] = &[
    Floor { crates: &["base", "codec", "store"], neighbours: true },
    Floor { crates: &["kernel"], neighbours: true },
    Floor { crates: &["directory"], neighbours: true },
    Floor { crates: &["mail", "calendar", "contacts", "files", "crm"], neighbours: false },
    Floor { crates: &["wire"], neighbours: true },
    Floor { crates: DOORS, neighbours: false },
    Floor { crates: &["httpd"], neighbours: true },
    Floor { crates: &["server"], neighbours: true },
];

/// The doors: one wire protocol family each.
const DOORS: &[&str] = &[
    "smtp",
    "imap",
    "pop3",
    "managesieve",
    "jmap",
    "dav",
    "admin-api",
    "exchange",
    "syncthing",
    "ocm",
    "nextcloud",
];

/// A library that only these crates may use.
struct Reserved {
    library: &'static str,
    crates: &'static [&'static str],
}

static RESERVED: &[Reserved] = &[
    Reserved { library: "axum", crates: &["httpd"] },
    Reserved { library: "rusqlite", crates: &["store"] },
    Reserved { library: "tokio-postgres", crates: &["store"] },
    Reserved { library: "tokio-postgres-rustls", crates: &["store"] },
    Reserved { library: "postgres-types", crates: &["store"] },
    Reserved { library: "object_store", crates: &["store"] },
    Reserved { library: "anyhow", crates: &["server", "xtask"] },
];

/// What `cargo metadata --no-deps` says, as far as we ask.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Absent for an ordinary dependency, else `dev` or `build`.
    kind: Option<String>,
}

/// Every edge that the floors do not allow.
pub fn check(metadata: &str) -> Result<Vec<Finding>> {
    let metadata: Metadata =
        serde_json::from_str(metadata).context("cannot read what `cargo metadata` printed")?;
    let ours: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let mut messages: Vec<String> = folder_breach(package).into_iter().collect();
        for dependency in &package.dependencies {
            messages.extend(library_breach(&package.name, &dependency.name));
            if ours.contains(&dependency.name.as_str()) {
                messages.extend(edge_breach(
                    &package.name,
                    &dependency.name,
                    dependency.kind.as_deref() == Some("dev"),
                ));
            }
        }
        let path = manifest(package);
        findings.extend(messages.into_iter().map(|message| Finding { path: path.clone(), line: 0, message }));
    }
    Ok(findings)
}

/// The manifest's path from the top of the repository.
fn manifest(package: &Package) -> String {
    let path = &package.manifest_path;
    let start = path.rfind("/crates/").or_else(|| path.rfind("/xtask/"));
    start.and_then(|start| path.get(start + 1..)).unwrap_or(path).to_owned()
}

fn folder_breach(package: &Package) -> Option<String> {
    let folder = package.manifest_path.rsplit('/').nth(1).unwrap_or_default();
    if place(&package.name).is_none() && !["testkit", "xtask"].contains(&package.name.as_str()) {
        return Some(format!(
            "crate `{}` stands on no floor: give it one in xtask/src/tidy/edges.rs",
            package.name
        ));
    }
    (folder != package.name).then(|| format!("crate `{}` stands in the folder `{folder}`", package.name))
}

fn library_breach(user: &str, library: &str) -> Option<String> {
    let reserved =
        RESERVED.iter().find(|reserved| reserved.library == library && !reserved.crates.contains(&user))?;
    Some(format!("`{user}` uses {library}, which belongs to {}", reserved.crates.join(" and ")))
}

fn edge_breach(user: &str, used: &str, for_tests: bool) -> Option<String> {
    let why = match (user, used) {
        (_, "xtask") => "nothing uses xtask",
        ("xtask", _) => "xtask uses none of the crates it judges",
        (_, "server") => "nothing uses the server; tests start its binary",
        (_, "testkit") if for_tests => return None,
        (_, "testkit") => "testkit is for tests: make it a dev-dependency",
        ("testkit", _) => return None,
        (_, "store") if DOORS.contains(&user) => "a door knows no SQL and no blobs",
        _ => return floor_breach(user, used),
    };
    Some(format!("`{user}` uses `{used}`: {why}"))
}

fn floor_breach(user: &str, used: &str) -> Option<String> {
    // A crate without a floor is a finding of its own.
    let (user_floor, user_column) = place(user)?;
    let (used_floor, used_column) = place(used)?;
    let neighbours = FLOORS.get(user_floor).is_some_and(|floor| floor.neighbours);
    let why = match used_floor.cmp(&user_floor) {
        std::cmp::Ordering::Less => return None,
        std::cmp::Ordering::Greater => format!("floor {user_floor} may not use floor {used_floor}"),
        std::cmp::Ordering::Equal if !neighbours => "crates of this floor do not know each other".to_owned(),
        std::cmp::Ordering::Equal if used_column < user_column => return None,
        std::cmp::Ordering::Equal => "on the same floor only what stands to the left may be used".to_owned(),
    };
    Some(format!("`{user}` uses `{used}`: {why}"))
}

/// The floor of a crate and its column on it.
fn place(name: &str) -> Option<(usize, usize)> {
    let column = |floor: &Floor| floor.crates.iter().position(|it| *it == name);
    FLOORS.iter().enumerate().find_map(|(number, floor)| Some((number, column(floor)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_allow_downwards_and_to_the_left() {
        for (user, used) in [
            ("kernel", "base"),
            ("store", "base"),
            ("server", "httpd"),
            ("imap", "mail"),
            ("testkit", "kernel"),
        ] {
            assert_eq!(edge_breach(user, used, false), None, "{user} -> {used}");
        }
    }

    #[test]
    fn every_other_direction_is_refused() {
        for (user, used, word) in [
            ("store", "kernel", "floor 0 may not use floor 1"),
            ("base", "store", "to the left"),
            ("mail", "calendar", "do not know each other"),
            ("calendar", "mail", "do not know each other"),
            ("jmap", "imap", "do not know each other"),
            ("imap", "store", "no SQL"),
            ("testkit", "server", "start its binary"),
            ("xtask", "base", "judges"),
            ("kernel", "xtask", "nothing uses"),
            ("kernel", "testkit", "dev-dependency"),
        ] {
            let breach =
                edge_breach(user, used, false).unwrap_or_else(|| panic!("{user} -> {used} is allowed"));
            assert!(breach.contains(word), "{breach}");
        }
    }

    #[test]
    fn tests_may_use_the_testkit_and_nothing_else_upwards() {
        assert_eq!(edge_breach("kernel", "testkit", true), None);
        assert!(edge_breach("kernel", "directory", true).is_some());
    }

    #[test]
    fn libraries_stay_where_they_belong() {
        assert!(library_breach("imap", "axum").unwrap().contains("belongs to httpd"));
        assert!(library_breach("kernel", "rusqlite").unwrap().contains("belongs to store"));
        assert!(library_breach("store", "anyhow").unwrap().contains("server and xtask"));
        assert_eq!(library_breach("httpd", "axum"), None);
        assert_eq!(library_breach("imap", "tokio"), None);
    }

    #[test]
    fn metadata_is_read_whole() {
        let metadata = r#"{"packages": [
            {"name": "store", "manifest_path": "/r/crates/store/Cargo.toml", "dependencies": [
                {"name": "base", "kind": null}, {"name": "kernel", "kind": null}, {"name": "testkit", "kind": "dev"}]},
            {"name": "kernel", "manifest_path": "/r/crates/core/Cargo.toml", "dependencies": [
                {"name": "rusqlite", "kind": "dev"}]},
            {"name": "base", "manifest_path": "/r/crates/base/Cargo.toml", "dependencies": []},
            {"name": "testkit", "manifest_path": "/r/crates/testkit/Cargo.toml", "dependencies": []},
            {"name": "utils", "manifest_path": "/r/crates/utils/Cargo.toml", "dependencies": []}
        ]}"#;
        let found: Vec<String> = check(metadata).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "crates/store/Cargo.toml: `store` uses `kernel`: floor 0 may not use floor 1",
                "crates/core/Cargo.toml: crate `kernel` stands in the folder `core`",
                "crates/core/Cargo.toml: `kernel` uses rusqlite, which belongs to store",
                "crates/utils/Cargo.toml: crate `utils` stands on no floor: give it one in xtask/src/tidy/edges.rs",
            ]
        );
    }
}
