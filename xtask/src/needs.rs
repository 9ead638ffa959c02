//! What the tests need besides Rust, and how to get it: a flat table, add a need here and in a list below it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::places::Places;
use crate::process;

/// Something outside the repository that tests run.
#[derive(Debug)]
pub struct Need {
    /// What it is called in messages.
    pub name: &'static str,
    /// Who needs it.
    pub why: &'static str,
    /// Where it comes from.
    pub source: Source,
}

/// Where a need comes from, and with that how to see whether it is here.
#[derive(Debug)]
pub enum Source {
    /// Debian packages.
    Debian {
        /// The packages to install.
        packages: &'static [&'static str],
        /// Whether what they bring is here already, from whatever source.
        present: fn(&Places) -> bool,
    },
    /// A program that cargo compiles into the cache, once.
    Cargo {
        /// The package.
        package: &'static str,
        /// Exactly this version.
        version: &'static str,
        /// Its features, instead of the default ones where there are any.
        features: &'static [&'static str],
        /// The program it brings.
        program: &'static str,
        /// Whether the same program of another version, found on `PATH`, will do.
        any_version: bool,
    },
}

static POSTGRES: Need = Need {
    name: "PostgreSQL 15 or later (initdb, postgres)",
    why: "every test of the store runs on both back ends",
    source: Source::Debian { packages: &["postgresql"], present: has_postgres },
};
static POSTFIX: Need = Need {
    name: "Postfix",
    why: "mail is sent to and received from a mail server of others",
    source: Source::Debian {
        packages: &["postfix", "postfix-sqlite", "postfix-pgsql"],
        present: has_postfix,
    },
};
static DOVECOT: Need = Need {
    name: "Dovecot",
    why: "people bring their mail from other servers",
    source: Source::Debian {
        packages: &["dovecot-core", "dovecot-imapd"],
        present: |_| Path::new("/usr/sbin/dovecot").is_file() && Path::new("/usr/lib/dovecot/imap").is_file(),
    },
};
static CXX: Need = Need {
    name: "a C++ compiler",
    why: "the fuzzing engine is compiled from source",
    source: Source::Debian { packages: &["g++"], present: |places| places.program("c++").is_some() },
};
static NEXTEST: Need = Need {
    name: "cargo-nextest",
    why: "it runs the tests, each in its process",
    source: Source::Cargo {
        package: "cargo-nextest",
        version: "0.9.143",
        // Without its way of updating itself, which brings a TLS stack.
        features: &["default-no-update"],
        program: "cargo-nextest",
        any_version: true,
    },
};
static DENY: Need = Need {
    name: "cargo-deny",
    why: "it checks licences, banned crates and their sources",
    source: Source::Cargo {
        package: "cargo-deny",
        version: "0.20.2",
        features: &[],
        program: "cargo-deny",
        any_version: true,
    },
};
static S3: Need = Need {
    name: "s3s-fs",
    why: "an S3 server that checks signatures, for the tests of the blob store",
    source: Source::Cargo {
        package: "s3s-fs",
        version: "0.14.1",
        features: &["binary"],
        program: "s3s-fs",
        any_version: false,
    },
};
static MAIL_PROGRAMS: Need = Need {
    name: "curl, getmail and sieve-connect",
    why: "programs that people use, for the tests of POP3 and ManageSieve",
    source: Source::Debian {
        packages: &["curl", "getmail6", "sieve-connect"],
        present: |places| {
            ["curl", "getmail", "sieve-connect"].iter().all(|program| places.program(program).is_some())
        },
    },
};
static IMAP_CLIENTS: Need = Need {
    name: "mbsync, offlineimap, neomutt, script and Python",
    why: "programs that people read their mail with, for the tests of IMAP",
    source: Source::Debian {
        packages: &["isync", "offlineimap3", "neomutt", "bsdutils", "python3"],
        present: |places| {
            let programs = ["mbsync", "offlineimap", "neomutt", "script", "python3"];
            programs.iter().all(|program| places.program(program).is_some())
        },
    },
};
static SWAKS: Need = Need {
    name: "swaks",
    why: "an independent client of SMTP, LMTP and submission",
    source: Source::Debian {
        packages: &["swaks", "libnet-ssleay-perl", "libauthen-sasl-perl"],
        present: |places| places.program("swaks").is_some(),
    },
};
static SCANNERS: Need = Need {
    name: "Rspamd and clamd",
    why: "what looks for spam and viruses is tested with the real scanners",
    source: Source::Debian {
        packages: &["rspamd", "clamav-daemon"],
        present: |_| Path::new("/usr/bin/rspamd").is_file() && Path::new("/usr/sbin/clamd").is_file(),
    },
};
static NODE: Need = Need {
    name: "Node 20.19 or later, with npm",
    why: "the web client is built with it",
    source: Source::Debian {
        packages: &["nodejs", "npm"],
        present: |places| places.program("node").is_some() && places.program("npm").is_some(),
    },
};
static CHROMIUM: Need = Need {
    name: "Chromium",
    why: "the web client, and logins with passkeys and at providers, are tested in a browser",
    source: Source::Debian {
        packages: &["chromium", "fonts-dejavu-core"],
        present: |_| Path::new("/usr/bin/chromium").is_file(),
    },
};
static FUZZ: Need = Need {
    name: "cargo-fuzz",
    why: "it builds and runs the fuzz targets",
    source: Source::Cargo {
        package: "cargo-fuzz",
        version: "0.13.2",
        features: &[],
        program: "cargo-fuzz",
        any_version: true,
    },
};

/// What `cargo xtask test` needs.
pub static FOR_TESTS: &[&Need] = &[
    &POSTGRES,
    &POSTFIX,
    &DOVECOT,
    &NEXTEST,
    &DENY,
    &S3,
    &MAIL_PROGRAMS,
    &IMAP_CLIENTS,
    &SWAKS,
    &SCANNERS,
    &NODE,
    &CHROMIUM,
];
/// What a run of some tests, without the other checks, needs.
pub static FOR_FILTERED_TESTS: &[&Need] = &[
    &POSTGRES,
    &POSTFIX,
    &DOVECOT,
    &NEXTEST,
    &S3,
    &MAIL_PROGRAMS,
    &IMAP_CLIENTS,
    &SWAKS,
    &SCANNERS,
    &NODE,
    &CHROMIUM,
];
/// What building the web client needs.
pub static FOR_THE_CLIENT: &[&Need] = &[&NODE];
/// What measurements and the crash test need.
pub static FOR_PROGRAMS: &[&Need] = &[&POSTGRES];
/// What fuzzing needs.
pub static FOR_FUZZING: &[&Need] = &[&CXX, &FUZZ];

/// By what right packages can be installed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// We are root.
    Root,
    /// `sudo` asks for no password.
    Sudo,
    /// Not at all: nobody asked, no right, or no Debian.
    None,
}

/// Installs what is missing, or says exactly what to install. Everything it prints goes to standard error.
pub fn ensure(places: &Places, needs: &[&Need], may_install: bool) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().copied().filter(|need| !is_present(places, need)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        eprintln!("xtask: missing: {}, because {}", need.name, need.why);
    }
    let right = if may_install { right(places) } else { Right::None };
    if let Some(message) = refusal(&missing, right, may_install) {
        bail!("{message}");
    }
    install_packages(places, &packages(&missing), right)?;
    for need in missing {
        if let Source::Cargo { .. } = need.source {
            install_tool(places, need)?;
        }
        if !is_present(places, need) {
            bail!("{} was installed, and still is not found", need.name);
        }
    }
    Ok(())
}

fn is_present(places: &Places, need: &Need) -> bool {
    match need.source {
        Source::Debian { present, .. } => present(places),
        Source::Cargo { package, version, program, any_version, .. } => {
            let receipts = std::fs::read_to_string(places.tools.join(".crates.toml")).unwrap_or_default();
            let ours = places.tools.join("bin").join(program).is_file();
            (ours && is_installed(&receipts, package, version))
                || (any_version && places.program(program).is_some())
        }
    }
}

/// Whether cargo's list of what it installed has this version.
fn is_installed(receipts: &str, package: &str, version: &str) -> bool {
    receipts.lines().any(|line| line.starts_with(&format!("\"{package} {version} ")))
}

/// Its programs stand where an ordinary user's `PATH` does not lead.
fn has_postfix(_: &Places) -> bool {
    ["/usr/sbin/postfix", "/usr/lib/postfix/postfix-sqlite.so", "/usr/lib/postfix/postfix-pgsql.so"]
        .iter()
        .all(|path| Path::new(path).is_file())
}

fn has_postgres(places: &Places) -> bool {
    let Some(initdb) = places.program("initdb") else { return false };
    let server = |folder: &Path| folder.join("postgres").is_file();
    let beside = initdb.canonicalize().ok().and_then(|file| file.parent().map(server)).unwrap_or(false);
    let version = process::capture(Command::new(initdb).arg("--version")).unwrap_or_default();
    (beside || places.program("postgres").is_some())
        && postgres_major(&version).is_some_and(|major| major >= 15)
}

/// The major version in what `initdb --version` prints, as in `initdb (PostgreSQL) 15.18 (Debian ...)`.
fn postgres_major(text: &str) -> Option<u32> {
    text.split_once("(PostgreSQL) ")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn packages<'a>(missing: &[&'a Need]) -> Vec<&'a str> {
    let of = |need: &&'a Need| match need.source {
        Source::Debian { packages, .. } => packages,
        Source::Cargo { .. } => &[],
    };
    missing.iter().flat_map(of).copied().collect()
}

fn right(places: &Places) -> Right {
    if places.program("apt-get").is_none() {
        return Right::None;
    }
    let user = process::capture(Command::new("id").arg("-u")).unwrap_or_default();
    if user.trim() == "0" {
        Right::Root
    } else if process::succeeds(Command::new("sudo").args(["-n", "true"])) {
        Right::Sudo
    } else {
        Right::None
    }
}

/// Why we stop instead of installing, with what the person can do; nothing when we may go on.
fn refusal(missing: &[&Need], right: Right, may_install: bool) -> Option<String> {
    let packages = packages(missing);
    if may_install && (packages.is_empty() || right != Right::None) {
        return None;
    }
    let mut lines = vec![if may_install {
        "packages are missing and may not be installed from here (not root, no sudo without password, or no apt-get)"
            .to_owned()
    } else {
        "something is missing, and --no-install was given".to_owned()
    }];
    if !packages.is_empty() {
        lines.push(format!("  as root: apt-get install --no-install-recommends {}", packages.join(" ")));
    }
    if !may_install {
        let tools = missing.iter().filter_map(|need| install_arguments(&need.source));
        lines.extend(tools.map(|arguments| format!("  cargo {}", arguments.join(" "))));
    }
    Some(lines.join("\n"))
}

/// The arguments of the `cargo install` that brings a tool.
fn install_arguments(source: &Source) -> Option<Vec<String>> {
    let Source::Cargo { package, version, features, .. } = source else { return None };
    let mut arguments = vec!["install".to_owned(), "--locked".to_owned(), format!("{package}@{version}")];
    if !features.is_empty() {
        arguments.extend(["--no-default-features".to_owned(), "--features".to_owned(), features.join(",")]);
    }
    Some(arguments)
}

fn install_packages(places: &Places, packages: &[&str], right: Right) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let apt = |arguments: &[&str]| {
        let mut command = if right == Right::Sudo {
            let mut sudo = places.command("sudo");
            sudo.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            sudo
        } else {
            places.command("apt-get")
        };
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        process::run_quietly(&mut command)
    };
    eprintln!("xtask: installing the Debian packages {}", packages.join(" "));
    apt(&["update", "--quiet"]).context("cannot refresh the list of packages")?;
    apt(&[&["install", "--yes", "--quiet", "--no-install-recommends"], packages].concat())
}

/// Compiles a tool into the cache. Whole-program optimisation is left out: the tools run for seconds and the
/// compilation is what people wait for.
fn install_tool(places: &Places, need: &Need) -> Result<()> {
    let arguments = install_arguments(&need.source).context("not a tool that cargo installs")?;
    eprintln!("xtask: compiling {} into {} (once)", need.name, places.tools.display());
    let mut command = places.cargo();
    command.args(arguments).arg("--force").arg("--root").arg(&places.tools);
    command.env("CARGO_TARGET_DIR", places.cache.join("tools-target"));
    for (setting, value) in [("LTO", "off"), ("CODEGEN_UNITS", "16"), ("OPT_LEVEL", "1"), ("DEBUG", "false")]
    {
        command.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
    }
    process::run_quietly(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_postgresql_is_read() {
        assert_eq!(postgres_major("initdb (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(postgres_major("initdb (PostgreSQL) 17beta1"), Some(17));
        assert_eq!(postgres_major(""), None);
        assert_eq!(postgres_major("initdb of something else 15"), None);
    }

    #[test]
    fn another_version_of_a_tool_is_not_the_one_we_asked_for() {
        let receipts = "[v1]\n\"s3s-fs 0.14.1 (registry+https://example.net/index)\" = [\"s3s-fs\"]\n";
        assert!(is_installed(receipts, "s3s-fs", "0.14.1"));
        assert!(!is_installed(receipts, "s3s-fs", "0.14.10"));
        assert!(!is_installed(receipts, "s3s", "0.14.1"));
    }

    #[test]
    fn without_the_right_the_exact_packages_are_named() {
        let message = refusal(&[&POSTGRES, &CXX, &S3], Right::None, true).unwrap();
        assert!(message.contains("apt-get install --no-install-recommends postgresql g++"), "{message}");
        assert!(!message.contains("s3s-fs"), "cargo needs no right: {message}");
    }

    #[test]
    fn tools_alone_need_no_right() {
        assert_eq!(refusal(&[&S3, &DENY], Right::None, true), None);
        assert_eq!(refusal(&[&POSTGRES], Right::Root, true), None);
        assert_eq!(refusal(&[&POSTGRES], Right::Sudo, true), None);
    }

    #[test]
    fn no_install_names_every_command() {
        let message = refusal(&[&POSTGRES, &S3], Right::None, false).unwrap();
        assert!(message.contains("--no-install"), "{message}");
        assert!(message.contains("apt-get install --no-install-recommends postgresql"), "{message}");
        assert!(
            message.contains("cargo install --locked s3s-fs@0.14.1 --no-default-features --features binary"),
            "{message}"
        );
    }

    #[test]
    fn every_need_says_what_it_is_for() {
        for need in [FOR_TESTS, FOR_FILTERED_TESTS, FOR_PROGRAMS, FOR_FUZZING].concat() {
            assert!(!need.name.is_empty() && !need.why.is_empty());
            if let Source::Debian { packages, .. } = need.source {
                assert!(!packages.is_empty(), "{}", need.name);
            }
        }
    }
}
