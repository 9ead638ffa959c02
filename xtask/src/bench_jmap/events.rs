//! Many `EventSource` connections (RFC 8620 section 7.3): what they cost, and how soon all hear of a change.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::http::{Client, Door, Jmap};

/// Promised: so many megabytes for all connections, and so many milliseconds until all know.
const MOST_MIB: f64 = 100.0;
const MOST_MS: f64 = 50.0;
const SETTLE: Duration = Duration::from_secs(3);

/// Proportional memory of a process, in MiB.
fn memory_mib(process: &str) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = text.lines().find(|line| line.starts_with("Pss:")).context("no figure of memory")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no figure of memory")?.parse()?;
    Ok(kib / 1_024.0)
}

fn print(name: &str, value: f64, unit: &str, most: f64) {
    let line = json!({
        "name": name,
        "value": crate::bench_mail::figures::rounded(value),
        "unit": unit,
        "target": format!("<= {most}"),
        "holds": value <= most,
    });
    println!("{line}");
}

/// Opens the connections, changes something, and waits until all have heard of it.
pub fn measure(door: &Door, pid_file: &Path, listeners: u32, change: &dyn Fn() -> Result<()>) -> Result<()> {
    let process = std::fs::read_to_string(pid_file)?;
    let jmap = Jmap::open(door)?;
    let path = jmap.events.replace("{types}", "*").replace("{closeafter}", "no").replace("{ping}", "0");
    let before = memory_mib(process.trim())?;
    let mut open = Vec::new();
    for _ in 0..listeners {
        let mut client = Client::open(door)?;
        client.send("GET", &path, "")?;
        let (status, _) = client.head()?;
        ensure!(status == 200, "an EventSource was answered by {status}");
        open.push(client);
    }
    std::thread::sleep(SETTLE);
    print(
        &format!("memory of {listeners} EventSources"),
        memory_mib(process.trim())? - before,
        "MiB",
        MOST_MIB,
    );
    // What is sent at the beginning is read away.
    for client in &mut open {
        client.drain()?;
    }
    change()?;
    // The message is answered when it is durable: from then on it counts.
    let begun = Instant::now();
    for client in &mut open {
        client.wait_for_more()?;
    }
    print(
        &format!("a change reaches {listeners} EventSources"),
        begun.elapsed().as_secs_f64() * 1_000.0,
        "ms",
        MOST_MS,
    );
    Ok(())
}

impl Client {
    /// Reads whatever is there without waiting.
    fn drain(&mut self) -> Result<()> {
        self.set_waiting(false)?;
        loop {
            match self.read_some() {
                Ok(0) => anyhow::bail!("an EventSource was closed"),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.set_waiting(true)
    }

    fn wait_for_more(&mut self) -> Result<()> {
        ensure!(self.read_some()? > 0, "an EventSource was closed");
        Ok(())
    }
}
