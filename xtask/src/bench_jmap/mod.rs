//! Measures Beffroi's JMAP door beside that of Cyrus: the same mailbox on both, filled by LMTP, the same requests in
//! turn.

mod cyrus;
mod events;
mod http;
mod load;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Parser;

use crate::bench_mail::servers::Server;
use crate::bench_mail::{build_harness, figures::rounded};
use crate::places::Places;
use crate::{process, programs};
use cyrus::Cyrus;
use http::Door;
use load::{Figure, Series};

/// What is measured, and where the harness is.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench jmap")]
struct Arguments {
    /// The folder with the load harness `mailload/`
    #[arg(long, default_value = "../shared/bench")]
    harness: PathBuf,
    /// Messages in the mailbox
    #[arg(long, default_value = "100000")]
    messages: u32,
    /// How often every request is made; medians count
    #[arg(long, default_value = "30")]
    rounds: u32,
    /// Streams of changes that are open at once
    #[arg(long, default_value = "5000")]
    listeners: u32,
    /// Without the peer
    #[arg(long)]
    alone: bool,
    /// Where the servers keep their data; must be on a real disk
    #[arg(long)]
    scratch: Option<PathBuf>,
}

/// A server under measurement.
struct Peer {
    name: &'static str,
    door: Door,
    lmtp: u16,
    pid_file: PathBuf,
}

fn authorization(login: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{login}:secret")))
}

/// Runs the measurement.
pub fn run(places: &Places, words: &[OsString]) -> Result<()> {
    let arguments =
        Arguments::parse_from(std::iter::once(OsString::from("bench jmap")).chain(words.iter().cloned()));
    let harness = places.root.join(&arguments.harness);
    let scratch = arguments.scratch.clone().unwrap_or_else(|| PathBuf::from("/var/tmp/beffroi-bench"));
    std::fs::create_dir_all(&scratch)?;
    let mailload = build_harness(places, &harness, &scratch)?;
    let mut ours = Server::beffroi(programs::optimised_server(places)?, &scratch)?;
    ours.start()?;
    let mut peers = vec![Peer {
        name: "beffroi",
        door: Door { address: ours.http.clone(), authorization: authorization("u1@bench.test") },
        lmtp: ours.lmtp,
        pid_file: ours.pid_file.clone(),
    }];
    let cyrus = if arguments.alone { None } else { Some(Cyrus::start(&cyrus::folder(&scratch)?)?) };
    if let Some(cyrus) = &cyrus {
        peers.push(Peer {
            name: "cyrus",
            door: Door { address: format!("127.0.0.1:{}", cyrus::HTTP), authorization: authorization("u1") },
            lmtp: cyrus::LMTP,
            pid_file: cyrus.pid_file(),
        });
    }
    for peer in &peers {
        fill(&mailload, peer, arguments.messages)?;
    }
    let mut series = Series::default();
    for round in 0..arguments.rounds {
        for peer in &peers {
            load::round(peer.name, &peer.door, round, arguments.messages, &mut series)
                .with_context(|| format!("{} in round {round}", peer.name))?;
        }
    }
    for figure in load::FIGURES {
        print(figure, &series);
    }
    if let Some(peer) = peers.first() {
        let deliver = || fill(&mailload, peer, 1);
        events::measure(&peer.door, &peer.pid_file, arguments.listeners, &deliver)?;
    }
    drop(cyrus);
    ours.stop()
}

fn fill(mailload: &Path, peer: &Peer, messages: u32) -> Result<()> {
    eprintln!("{}: {messages} messages", peer.name);
    let mut command = Command::new(mailload);
    command
        .args(["lmtp", "--first-user", "1", "--users", "1", "--conc", "8", "--per-conn", "1000"])
        .args(["--count", &messages.to_string(), "--lmtp-port", &peer.lmtp.to_string()])
        .arg("--server-pid-file")
        .arg(&peer.pid_file);
    process::run_quietly(&mut command)
}

/// One line a figure, as all our measurements print them.
fn print(figure: &Figure, series: &Series) {
    let Some(value) = series.median("beffroi", figure.name) else { return };
    let peer = series.median("cyrus", figure.name);
    let ratio = peer.map(|peer| value / peer);
    let holds = value <= figure.most_ms && ratio.is_none_or(|ratio| ratio <= 1.0 / 3.0);
    let line = serde_json::json!({
        "name": figure.name,
        "value": rounded(value),
        "unit": "ms",
        "peer": peer.map(|peer| serde_json::json!({ "name": "cyrus", "value": rounded(peer) })),
        "ratio": ratio.map(rounded),
        "target": format!("<= {} and <= 0.333 x peer", figure.most_ms),
        "holds": holds,
    });
    println!("{line}");
}
