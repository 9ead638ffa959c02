//! The servers that are measured: ours, and the peers that the harness starts.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// People that exist on every server.
const PEOPLE: &str = "1000";
/// The first port of our server.
const PORT_BASE: &str = "23080";

/// A server that can be started and stopped.
pub struct Server {
    pub name: String,
    pub lmtp: u16,
    pub imap: u16,
    /// Host and port of HTTP, of ours.
    pub http: String,
    /// What people log in as; `{}` is their number.
    pub login: &'static str,
    pub pid_file: PathBuf,
    /// The folders of its data, separated by commas.
    pub data: String,
    kind: Kind,
}

enum Kind {
    Beffroi { binary: PathBuf, folder: PathBuf, child: Option<Child> },
    Peer { scripts: PathBuf, start: Vec<String>, stop: &'static str },
}

impl Server {
    /// Our server, over a new folder.
    pub fn beffroi(binary: PathBuf, scratch: &Path) -> Result<Self> {
        let folder = scratch.join("beffroi");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        Ok(Self {
            name: "beffroi".to_owned(),
            lmtp: 0,
            imap: 0,
            http: String::new(),
            login: "u{}@bench.test",
            pid_file: scratch.join("beffroi.pid"),
            data: folder.display().to_string(),
            kind: Kind::Beffroi { binary, folder, child: None },
        })
    }

    /// A peer by its name in the harness.
    pub fn peer(name: &str, harness: &Path, scratch: &Path) -> Result<Self> {
        let scripts = harness.join("peers");
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let dovecot = scratch.join("dovecot");
        let cyrus = scratch.join("cyrus");
        let (start, stop, lmtp, imap, pid_file, data) = match name {
            "dovecot-sdbox" | "dovecot-hibernate" => {
                let idle = if name == "dovecot-hibernate" { "3s" } else { "0" };
                let start = words(&["./start_dovecot.sh", "sdbox", "optimized", idle]);
                let data = dovecot.join("mail").display().to_string();
                (start, "./stop_dovecot.sh", 21_024, 21_143, dovecot.join("run/master.pid"), data)
            }
            "cyrus" => {
                let data = format!("{},{}", cyrus.join("spool").display(), cyrus.join("conf").display());
                (
                    words(&["./start_cyrus.sh", "no"]),
                    "./stop_cyrus.sh",
                    22_024,
                    22_143,
                    cyrus.join("master.pid"),
                    data,
                )
            }
            _ => bail!("'{name}' is no peer; choose from dovecot-sdbox, dovecot-hibernate, cyrus"),
        };
        let kind = Kind::Peer { scripts, start, stop };
        let http = String::new();
        Ok(Self { name: name.to_owned(), lmtp, imap, http, login: "u{}", pid_file, data, kind })
    }

    /// Starts it and waits until it answers.
    pub fn start(&mut self) -> Result<()> {
        match &mut self.kind {
            Kind::Peer { scripts, start, stop } => {
                let _ = process::capture(
                    script(scripts, &[(*stop).to_owned()], &self.data).stderr(Stdio::null()),
                );
                process::run_quietly(&mut script(scripts, start, &self.data))?;
                std::thread::sleep(std::time::Duration::from_millis(1_500));
            }
            Kind::Beffroi { binary, folder, child } => {
                let mut command = Command::new(&*binary);
                command.args(["--json", "--data-dir"]).arg(&*folder);
                command.args(["demo", "--port-base", PORT_BASE, "--people", PEOPLE]);
                // One person listens with all the connections of a measurement.
                command.env("BEFFROI_LIMITS_JMAP_EVENT_STREAMS", "100000");
                let mut started = command.stdout(Stdio::piped()).spawn().context("the server starts")?;
                let output = started.stdout.take().context("its output")?;
                let mut line = String::new();
                let mut reader = BufReader::new(output);
                while !line.starts_with('{') {
                    line.clear();
                    if reader.read_line(&mut line)? == 0 {
                        bail!("the server ended before it was ready");
                    }
                }
                let ready: Value = serde_json::from_str(&line)?;
                let door = |name: &str| -> Result<u16> {
                    let address = ready.pointer(&format!("/doors/{name}")).and_then(Value::as_str);
                    let port = address.and_then(|address| address.rsplit_once(':')?.1.parse().ok());
                    port.with_context(|| format!("the server has no door '{name}'"))
                };
                (self.lmtp, self.imap) = (door("lmtp")?, door("imap")?);
                let http = ready.pointer("/doors/http").and_then(Value::as_str).unwrap_or_default();
                http.trim_start_matches("http://").clone_into(&mut self.http);
                std::fs::write(&self.pid_file, started.id().to_string())?;
                *child = Some(started);
            }
        }
        Ok(())
    }

    /// Stops it.
    pub fn stop(&mut self) -> Result<()> {
        match &mut self.kind {
            Kind::Peer { scripts, stop, .. } => {
                process::run_quietly(&mut script(scripts, &[(*stop).to_owned()], &self.data))
            }
            Kind::Beffroi { child, .. } => {
                if let Some(mut child) = child.take() {
                    process::run_quietly(Command::new("kill").arg(child.id().to_string()))?;
                    child.wait()?;
                }
                Ok(())
            }
        }
    }

    /// Starts it anew, so that what it kept in memory is gone.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Kind::Beffroi { child: Some(child), .. } = &mut self.kind {
            let _ = child.kill();
        }
    }
}

/// A script of the harness, which keeps its data beside ours.
fn script(folder: &Path, words: &[String], data: &str) -> Command {
    let mut command = Command::new("bash");
    let scratch = Path::new(data.split(',').next().unwrap_or(data)).ancestors().nth(2);
    command.current_dir(folder).args(words).stdout(Stdio::null());
    if let Some(scratch) = scratch {
        command.env("BENCH", scratch);
    }
    command
}
