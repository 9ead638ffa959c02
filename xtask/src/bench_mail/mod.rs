//! Measures Beffroi as a mail server beside its peers, with the load harness for mail servers: one interleaved run
//! over all of them, the same load on each in turn.

pub(crate) mod figures;
pub(crate) mod servers;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::Value;

use crate::places::Places;
use crate::process;
use servers::Server;

/// What is measured, and where the harness is.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench mail")]
struct Arguments {
    /// The folder with `mailload/` and `peers/`
    #[arg(long, default_value = "../shared/bench")]
    harness: PathBuf,
    /// How often everything is measured; medians count
    #[arg(long, default_value = "1")]
    runs: u32,
    /// The peers, by their names in the harness, separated by commas; empty: only Beffroi
    #[arg(long, default_value = "dovecot-sdbox,cyrus")]
    peers: String,
    /// What is measured, separated by commas
    #[arg(long, default_value = "lmtp,session,sync,idle,disk")]
    parts: String,
    /// A tenth of the load, to see that it runs
    #[arg(long)]
    quick: bool,
    /// Where the servers keep their data; must be on a real disk
    #[arg(long)]
    scratch: Option<PathBuf>,
}

/// The load of a run.
struct Load {
    quick: bool,
}

impl Load {
    fn messages(&self, count: u32) -> String {
        (if self.quick { count.div_ceil(10) } else { count }).to_string()
    }
}

/// Runs the measurement.
pub fn run(places: &Places, words: &[OsString]) -> Result<()> {
    let arguments =
        Arguments::parse_from(std::iter::once(OsString::from("bench mail")).chain(words.iter().cloned()));
    let harness = places.root.join(&arguments.harness);
    let scratch = arguments.scratch.clone().unwrap_or_else(|| PathBuf::from("/var/tmp/beffroi-bench"));
    std::fs::create_dir_all(&scratch)?;
    let mailload = build_harness(places, &harness, &scratch)?;
    process::run_quietly(places.cargo().args([
        "build",
        "--locked",
        "--release",
        "--package",
        "server",
        "--bin",
        "beffroi",
    ]))?;
    let mut servers = vec![Server::beffroi(places.target.join("release/beffroi"), &scratch)?];
    for peer in arguments.peers.split(',').filter(|peer| !peer.is_empty()) {
        servers.push(Server::peer(peer, &harness, &scratch)?);
    }
    let load = Load { quick: arguments.quick };
    let parts: Vec<&str> = arguments.parts.split(',').collect();
    let mut lines = Vec::new();
    for run in 1..=arguments.runs {
        for server in &mut servers {
            eprintln!("run {run}: {}", server.name);
            server.start()?;
            let done = measure(&mailload, server, &parts, run, &load, &mut lines);
            server.stop()?;
            done?;
        }
    }
    let raw = scratch.join("mail.jsonl");
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&raw, text.join("\n"))?;
    eprintln!("all that was measured: {}", raw.display());
    figures::print(&lines);
    Ok(())
}

/// Builds the load harness and gives its path.
pub(crate) fn build_harness(places: &Places, harness: &Path, scratch: &Path) -> Result<PathBuf> {
    let manifest = harness.join("mailload/Cargo.toml");
    if !manifest.exists() {
        bail!("{} is not there; give the folder of the load harness with --harness", manifest.display());
    }
    let target = scratch.join("mailload");
    let mut build = places.cargo();
    build
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target);
    process::run_quietly(&mut build)?;
    Ok(target.join("release/mailload"))
}

/// A load on a server: the words of its calls, and what is to be measured with them.
struct Calls<'m> {
    mailload: &'m Path,
    load: &'m Load,
    lines: &'m mut Vec<Value>,
}

impl Calls<'_> {
    fn call(&mut self, server: &Server, words: &str) -> Result<()> {
        let words: Vec<&str> = words.split_whitespace().collect();
        self.lines.push(harness_call(self.mailload, server, &words)?);
        Ok(())
    }

    /// Fills the mailboxes that the parts read: the first thousand people, eight large ones, one very large.
    fn fill(&mut self, server: &Server) -> Result<()> {
        let people = self.load.messages(1_000);
        self.call(
            server,
            &format!("lmtp --first-user 1 --users {people} --count {people} --conc 4 --label fill"),
        )?;
        let many = self.load.messages(16_000);
        self.call(server, &format!("lmtp --first-user 101 --users 8 --count {many} --conc 8 --label fill"))?;
        let one = self.load.messages(10_000);
        self.call(server, &format!("lmtp --first-user 201 --users 1 --count {one} --conc 8 --label fill"))
    }

    fn lmtp(&mut self, server: &Server, run: u32) -> Result<()> {
        // Fresh people in every run.
        let first = 250 + run * 50 + 1;
        for (connections, count) in [(1, 1_500), (8, 5_000), (32, 5_000)] {
            let count = self.load.messages(count);
            let to = format!("--first-user {first} --users 50 --seed {run}{connections}");
            self.call(server, &format!("lmtp {to} --count {count} --conc {connections}"))?;
        }
        Ok(())
    }

    fn idle(&mut self, server: &mut Server) -> Result<()> {
        for connections in [1_000, 2_000, 10_000] {
            let connections = self.load.messages(connections);
            let words =
                format!("idle --users 1000 --conns {connections} --pushes 40 --settle-s 6 --quiet-s 3");
            self.call(server, &words)?;
            server.restart()?;
        }
        Ok(())
    }
}

fn measure(
    mailload: &Path,
    server: &mut Server,
    parts: &[&str],
    run: u32,
    load: &Load,
    lines: &mut Vec<Value>,
) -> Result<()> {
    let mut calls = Calls { mailload, load, lines };
    if run == 1 {
        calls.fill(server)?;
    }
    for part in parts {
        match *part {
            "lmtp" => calls.lmtp(server, run)?,
            "session" => {
                calls.call(server, "imap-session --first-user 101 --users 8 --conc 1 --rounds 4")?;
                calls.call(server, "imap-session --first-user 101 --users 8 --conc 8 --rounds 3")?;
            }
            "sync" => calls.call(server, "sync --first-user 201 --users 1 --rounds 3")?,
            "idle" => calls.idle(server)?,
            "disk" if run == 1 => {
                let words = "disk --first-user 901 --users 50 --count 1000 --identical 50 --data-dir";
                calls.call(server, &format!("{words} {}", server.data))?;
            }
            "disk" => {}
            other => bail!("'{other}' is no part; choose from lmtp, session, sync, idle, disk"),
        }
    }
    Ok(())
}

/// One call of the harness: the JSON line that it prints.
fn harness_call(mailload: &Path, server: &Server, words: &[&str]) -> Result<Value> {
    let mut command = Command::new(mailload);
    let (subcommand, rest) = words.split_first().context("a subcommand")?;
    command.arg(subcommand);
    if !rest.contains(&"--label") {
        command.args(["--label", &server.name]);
    }
    command
        .args(["--lmtp-port", &server.lmtp.to_string(), "--imap-port", &server.imap.to_string()])
        .args(["--user-pattern", server.login, "--server-pid-file"])
        .arg(&server.pid_file)
        .arg("--quickack")
        .args(rest)
        .stderr(Stdio::inherit());
    let output = command.output().with_context(|| process::describe(&command))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with('{'));
    let line = line.with_context(|| format!("{} printed no figures", process::describe(&command)))?;
    eprintln!("  {}", line.chars().take(200).collect::<String>());
    serde_json::from_str(line).context("the harness printed something else than JSON")
}
