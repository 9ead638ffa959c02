//! A real S3 server for tests, which checks signatures: `s3s-fs` on a free port of the loopback, over a
//! folder that goes with it. `cargo xtask test` installs the program.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base::Secret;
use store::blobs::S3Options;
use tempfile::TempDir;

const BUCKET: &str = "bodies";
const KEY: &str = "testkit";
const START_WAIT: Duration = Duration::from_secs(20);

/// A running server with one empty bucket; it ends when this is dropped.
pub struct Server {
    child: Child,
    folder: TempDir,
    port: u16,
    secret: String,
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// Starts a server.
    pub fn new() -> Self {
        let folder = crate::engines::folder();
        std::fs::create_dir(folder.path().join(BUCKET)).expect("a bucket");
        let secret = base::Random::system().readable(40);
        // Another process may take the port between the look and the start: then another one is tried.
        for _ in 0..5 {
            let port = free_port();
            let mut child = Command::new(program())
                .args(["--host", "127.0.0.1", "--port", &port.to_string()])
                .args(["--access-key", KEY, "--secret-key", &secret])
                .arg(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("s3s-fs starts; `cargo xtask test` installs it");
            if answers(port, &mut child) {
                return Self { child, folder, port, secret };
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("s3s-fs does not answer");
    }

    /// How to reach it.
    pub fn options(&self) -> S3Options {
        S3Options {
            endpoint: format!("http://127.0.0.1:{}", self.port),
            bucket: BUCKET.to_owned(),
            region: "eu-west-3".to_owned(),
            key: KEY.to_owned(),
            secret: Secret::new(self.secret.clone()),
            prefix: "beffroi/".to_owned(),
            object_lock_days: 0,
        }
    }

    /// The folder that stands for the bucket.
    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its number").port()
}

fn answers(port: u16, child: &mut Child) -> bool {
    let began = Instant::now();
    while began.elapsed() < START_WAIT {
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// The program in the cache of `cargo xtask test`, or in the search path.
fn program() -> PathBuf {
    std::env::home_dir()
        .map(|home| home.join(".cache/beffroi/tools/bin/s3s-fs"))
        .filter(|path| Path::exists(path))
        .unwrap_or_else(|| PathBuf::from("s3s-fs"))
}
