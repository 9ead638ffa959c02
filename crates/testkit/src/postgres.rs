//! A real PostgreSQL server for tests: started once on this machine, shared by all test processes, each
//! test in a database of its own. `cargo xtask test` stops it at the end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A database of a test; it is dropped with this.
pub struct Database {
    name: String,
    folder: PathBuf,
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

impl Database {
    /// Makes an empty database, and starts the server when it does not run yet.
    pub fn new() -> Self {
        let folder = server();
        let name = format!("t{}", base::Random::system().id());
        run_sql(&folder, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"));
        Self { name, folder }
    }

    /// The connection text.
    pub fn url(&self) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}/{}?sslmode=disable", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = psql(&self.folder, &sql).status();
    }
}

/// The folder of the shared server: data and socket. Short, since a socket's path has at most 107 bytes.
pub fn folder() -> PathBuf {
    let user = whoami();
    std::env::temp_dir().join(format!("beffroi-testkit-{user}"))
}

/// Starts the shared server when it does not run; the folder of its socket.
pub fn server() -> PathBuf {
    let folder = folder();
    std::fs::create_dir_all(&folder).expect("a folder for PostgreSQL");
    let lock = File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock on the test server");
    if !ready(&folder) {
        start(&folder, "fsync=off -c synchronous_commit=off -c full_page_writes=off");
    }
    folder
}

/// Makes and starts a server in `folder`, with `settings` behind `-c`.
pub fn start(folder: &Path, settings: &str) {
    let data = folder.join("data");
    if !data.join("PG_VERSION").exists() {
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data).expect("a folder for the cluster");
        own(folder);
        let data_text = data.display().to_string();
        let args =
            ["-D", &data_text, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        succeed(&mut as_postgres(&binary("initdb"), &args));
    }
    own(folder);
    // A server that was killed leaves its file; pg_ctl looks whether the process lives.
    let options = format!(
        "-k {} -h '' -c max_connections=300 -c shared_buffers=256MB -c max_wal_size=2GB -c {settings}",
        folder.display()
    );
    let log = folder.join("log").display().to_string();
    let data = data.display().to_string();
    succeed(&mut as_postgres(&binary("pg_ctl"), &["start", "-w", "-D", &data, "-l", &log, "-o", &options]));
}

/// Stops a server that [`start`] started: at once with `immediate` (as a power cut), else cleanly.
pub fn stop(folder: &Path, immediate: bool) {
    let data = folder.join("data").display().to_string();
    let mode = if immediate { "immediate" } else { "fast" };
    let _ = as_postgres(&binary("pg_ctl"), &["stop", "-w", "-D", &data, "-m", mode])
        .stdout(Stdio::null())
        .status();
}

/// Makes a database on the server in `folder`; its connection text.
pub fn create_database(folder: &Path, name: &str) -> String {
    run_sql(folder, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"));
    let host = folder.display().to_string().replace('/', "%2F");
    format!("postgres://postgres@{host}/{name}?sslmode=disable")
}

fn ready(folder: &Path) -> bool {
    psql(folder, "SELECT 1").stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn run_sql(folder: &Path, sql: &str) {
    succeed(&mut psql(folder, sql));
}

fn psql(folder: &Path, sql: &str) -> Command {
    let mut command = Command::new(binary("psql"));
    command.args(["-h", &folder.display().to_string(), "-U", "postgres", "-d", "postgres", "-qc", sql]);
    command.env("PGCONNECT_TIMEOUT", "5").stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn succeed(command: &mut Command) {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let output = output.and_then(std::process::Child::wait_with_output).expect("the program starts");
    assert!(output.status.success(), "{shown}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The newest installed server's program of that name.
fn binary(name: &str) -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let path = entry.path().join("bin").join(name);
            path.exists().then_some((version, path))
        })
        .collect();
    found.sort();
    found.pop().map_or_else(|| PathBuf::from(name), |(_, path)| path)
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().expect("the program id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// PostgreSQL refuses to run as root: then it runs as the user of its Debian package.
fn as_postgres(program: &Path, args: &[&str]) -> Command {
    let mut command = if whoami() == "root" {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(args).current_dir(std::env::temp_dir());
    command
}

fn own(folder: &Path) {
    if whoami() == "root" {
        let mut command = Command::new("chown");
        command.args(["-R", "postgres:postgres"]).arg(folder);
        succeed(&mut command);
    }
}

/// Lets the server's user reach a folder of ours.
pub fn open_path(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755));
}
