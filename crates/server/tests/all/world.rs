//! The binary, a folder of its own, and a client that speaks plain HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A folder that is removed at the end.
pub struct World {
    pub folder: PathBuf,
}

impl World {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("beffroi-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary with arguments, without anything of the tester's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_beffroi"));
        command.args(arguments).env_clear().current_dir(&self.folder);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::from(self.command(arguments).output().unwrap())
    }

    /// Starts a server on a free port, with `text` as its configuration.
    pub fn serve(&self, text: &str) -> Server {
        let file = self.write("serve.toml", &format!("{text}\n[http]\nlisten = '127.0.0.1:0'\n"));
        let data = self.folder.join("data");
        Server::start(self.command(&[
            "serve",
            "--json",
            "--config",
            file.to_str().unwrap(),
            "--data-dir",
            data.to_str().unwrap(),
        ]))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What a command came to.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// The JSON lines, of a command that succeeded.
    pub fn json(&self) -> Vec<Value> {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A running server, killed at the end.
pub struct Server {
    child: Child,
    pub ready: Value,
    log: PathBuf,
}

impl Server {
    /// Waits for its line; without one, says what it said instead.
    pub fn start(mut command: Command) -> Self {
        let log =
            std::env::temp_dir().join(format!("beffroi-log-{}-{:?}", std::process::id(), Instant::now()));
        let errors = std::fs::File::create(&log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = || std::fs::read_to_string(&log).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}{}", said()));
        Self { child, ready, log }
    }

    pub fn address(&self, door: &str) -> String {
        self.ready["doors"][door].as_str().unwrap().trim_start_matches("http://").to_owned()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it logged a text.
    pub fn logs(&self, text: &str) {
        let mut command = Command::new("timeout");
        command.args(["20", "tail", "-n", "+1", "-f"]).arg(&self.log).stdout(Stdio::piped());
        let mut tail = command.spawn().unwrap();
        let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
        let found = lines.any(|line| line.unwrap().contains(text));
        let _ = tail.kill();
        let _ = tail.wait();
        assert!(found, "it never says `{text}`: {}", self.log());
    }

    /// Status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(&self.address("http"), path)
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub fn wait(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.log);
    }
}

/// Asks an address and gives status and body.
pub fn get(address: &str, path: &str) -> (u16, String) {
    get_with(address, path, "")
}

/// The same with more headers, each with its line end.
pub fn get_with(address: &str, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
