//! A real Postfix of Debian, in folders of its own, as a mail server of others: it receives for a few addresses on one
//! address of the loopback, and files what it receives. Its parent process must be root's, as the tests of Postfix
//! always were.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The daemons that a mail server needs, without chroot.
const SERVICES: &str = "
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
virtual   unix  - n n - - virtual
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
";

/// What a Postfix is to be like.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The domain that it receives for.
    pub domain: String,
    /// The names before the `@` that it knows.
    pub names: Vec<String>,
    /// Certificate chain and key, both in PEM: then it offers STARTTLS.
    pub pem: Option<String>,
    /// More lines for `main.cf`.
    pub more: String,
}

/// A running Postfix; it ends when this is dropped.
pub struct Postfix {
    address: SocketAddr,
    folder: TempDir,
}

impl Postfix {
    /// Starts one that listens on `address`.
    pub fn start(address: SocketAddr, options: &Options) -> Self {
        // Its daemons are other users and must reach their folders.
        let folder = tempfile::Builder::new().prefix("postfix").tempdir().expect("a folder");
        let postfix = Self { address, folder };
        postfix.write(options);
        postfix.control("start");
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "Postfix does not answer: {}", postfix.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        postfix
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, options: &Options) {
        let shown = |path: &Path| path.to_str().expect("a path").to_owned();
        for name in ["etc", "spool", "data", "mail"] {
            std::fs::create_dir(self.path(name)).expect("a folder");
        }
        for path in [self.folder.path().to_owned(), self.path("mail")] {
            run(Command::new("chmod").arg("755").arg(path));
        }
        run(Command::new("chown").arg("postfix").arg(self.path("data")));
        run(Command::new("chown").arg("nobody").arg(self.path("mail")));
        let mut boxes = String::new();
        for name in &options.names {
            writeln!(boxes, "{name}@{} {name}/", options.domain).expect("a line");
        }
        std::fs::write(self.path("etc/boxes"), boxes).expect("a map");
        let [etc, spool, data, mail] = ["etc", "spool", "data", "mail"].map(|name| shown(&self.path(name)));
        let tls = match &options.pem {
            Some(pem) => {
                std::fs::write(self.path("etc/tls.pem"), pem).expect("a certificate");
                format!("smtpd_tls_security_level = may\nsmtpd_tls_chain_files = {etc}/tls.pem\n")
            }
            None => "smtpd_tls_security_level = none\n".to_owned(),
        };
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {spool}\ndata_directory = {data}\nmail_owner = postfix\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nsetgid_group = postdrop\n\
             maillog_file = {data}/log\nmaillog_file_prefixes = {data}\nmulti_instance_enable = no\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = mx.{}\nmydestination =\nmynetworks = 127.0.0.0/8\n\
             smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\nalias_maps =\n\
             alias_database =\nlocal_recipient_maps =\nvirtual_mailbox_domains = {}\nvirtual_mailbox_base = {mail}\n\
             virtual_mailbox_maps = texthash:{etc}/boxes\nvirtual_minimum_uid = 1\nvirtual_uid_maps = static:65534\n\
             virtual_gid_maps = static:65534\nsmtpd_peername_lookup = no\nsmtputf8_enable = yes\n{tls}{}\n",
            options.domain, options.domain, options.more
        );
        std::fs::write(self.path("etc/main.cf"), main).expect("main.cf");
        let services = format!("{} inet n - n - - smtpd{SERVICES}", self.address);
        std::fs::write(self.path("etc/master.cf"), services).expect("master.cf");
    }

    fn control(&self, what: &str) {
        let done = Command::new("postfix")
            .arg("-c")
            .arg(self.path("etc"))
            .arg(what)
            .stdin(Stdio::null())
            .output()
            .expect("Postfix is installed; `cargo xtask test` installs it");
        assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stderr), self.log());
    }

    /// The folder of its configuration, for its tools.
    pub fn configuration(&self) -> PathBuf {
        self.path("etc")
    }

    /// Sends a message by `sendmail`, as a program of that host would.
    pub fn sendmail(&self, from: &str, to: &str, message: &str) {
        use std::io::Write as _;
        let mut child = Command::new("/usr/sbin/sendmail")
            .arg("-C")
            .arg(self.path("etc"))
            .args(["-i", "-f", from, to])
            .stdin(Stdio::piped())
            .spawn()
            .expect("sendmail starts");
        child.stdin.take().expect("a pipe").write_all(message.as_bytes()).expect("the message is read");
        assert!(child.wait().expect("an end").success(), "{}", self.log());
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("data/log")).unwrap_or_default()
    }

    /// What one of its people received, in any order.
    pub fn received(&self, name: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path("mail").join(name).join("new")) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| std::fs::read(entry.ok()?.path()).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = Command::new("postfix")
            .arg("-c")
            .arg(self.path("etc"))
            .arg("abort")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("the program starts");
    assert!(status.success(), "{command:?}; a Postfix is started by root only");
}
