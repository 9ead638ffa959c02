//! Cyrus with its JMAP door, from Debian's packages, which conflict with those of other mail servers and are therefore
//! unpacked rather than installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// Where its doors are.
pub const LMTP: u16 = 22_025;
pub const IMAP: u16 = 22_144;
pub const HTTP: u16 = 22_081;

const PACKAGES: &str = "cyrus-common sasl2-bin libshp2";
const UNPACKED: &[&str] = &["cyrus-imapd", "cyrus-caldav"];

/// Cyrus while it runs.
pub struct Cyrus {
    folder: PathBuf,
}

fn shell(words: &str, folder: &Path) -> Result<()> {
    process::run_quietly(Command::new("sh").args(["-ec", words]).current_dir(folder))
}

impl Cyrus {
    /// Starts it over an empty folder.
    pub fn start(folder: &Path) -> Result<Self> {
        let this = Self { folder: folder.to_owned() };
        this.stop();
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        for part in ["bin", "conf/socket", "conf/proc", "conf/lock", "conf/db", "spool", "unpacked"] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        shell(
            &format!(
                "DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends {PACKAGES}"
            ),
            folder,
        )?;
        for package in UNPACKED {
            shell(&format!("apt-get download -qq {package} && dpkg -x {package}_*.deb unpacked"), folder)?;
        }
        shell(
            "cp unpacked/usr/lib/cyrus/bin/* bin/
             for f in /usr/lib/cyrus/bin/*; do [ -e bin/${f##*/} ] || ln -s $f bin/; done
             echo secret | saslpasswd2 -p -c -f sasldb2 -u bench.test u1",
            folder,
        )?;
        std::fs::write(folder.join("imapd.conf"), this.settings())?;
        std::fs::write(folder.join("cyrus.conf"), this.services())?;
        shell(
            "chown -R cyrus:mail .
             runuser -u cyrus -- test -r $PWD/imapd.conf ||
               { echo \"the user cyrus may not enter $PWD: name another folder by --scratch\" >&2; exit 1; }
             ulimit -n 20000
             bin/master -C $PWD/imapd.conf -M $PWD/cyrus.conf -p $PWD/master.pid -d -l 4096 -L $PWD/master.log",
            folder,
        )?;
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", HTTP)).is_ok() && this.process().is_some() {
                return Ok(this);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("Cyrus did not start; see {}", folder.join("master.log").display())
    }

    /// The file with the number of its process.
    pub fn pid_file(&self) -> PathBuf {
        self.folder.join("master.pid")
    }

    fn process(&self) -> Option<u32> {
        std::fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()
    }

    fn settings(&self) -> String {
        let folder = self.folder.display();
        format!(
            "configdirectory: {folder}/conf
defaultpartition: default
partition-default: {folder}/spool
proc_path: {folder}/conf/proc
mboxname_lockpath: {folder}/conf/lock
lmtpsocket: {folder}/conf/socket/lmtp
idlesocket: {folder}/conf/socket/idle
notifysocket: {folder}/conf/socket/notify
sievedir: {folder}/conf/sieve
sasl_sasldb_path: {folder}/sasldb2
servername: bench.test
admins: admin
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_mech_list: PLAIN LOGIN
altnamespace: yes
unixhierarchysep: yes
virtdomains: off
autocreate_quota: 0
autocreate_post: yes
duplicatesuppression: no
hashimapspool: yes
lmtp_downcase_rcpt: yes
conversations: yes
httpmodules: jmap
httpallowcompress: no
"
        )
    }

    fn services(&self) -> String {
        let folder = self.folder.display();
        let service = |name: &str, program: &str, port: u16| {
            format!(
                "  {name} cmd=\"{folder}/bin/{program} -C {folder}/imapd.conf\" listen=\"127.0.0.1:{port}\" prefork=2 maxchild=200 maxforkrate=0\n"
            )
        };
        format!(
            "START {{\n  recover cmd=\"{folder}/bin/ctl_cyrusdb -C {folder}/imapd.conf -r\"\n}}\n\
             DAEMON {{\n  idled cmd=\"{folder}/bin/idled -d -C {folder}/imapd.conf\"\n}}\n\
             SERVICES {{\n{}{}{}}}\n\
             EVENTS {{\n  checkpoint cmd=\"{folder}/bin/ctl_cyrusdb -C {folder}/imapd.conf -c\" period=30\n}}\n",
            service("imap", "imapd", IMAP),
            service("http", "httpd", HTTP),
            service("lmtp", "lmtpd -a", LMTP),
        )
    }

    fn stop(&self) {
        if let Some(process) = self.process() {
            let _ = process::run_quietly(Command::new("kill").arg(process.to_string()));
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for Cyrus {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The folder must be one that its user may enter.
pub fn folder(scratch: &Path) -> Result<PathBuf> {
    scratch.join("cyrus-jmap").canonicalize().or_else(|_| {
        std::fs::create_dir_all(scratch.join("cyrus-jmap"))?;
        scratch.join("cyrus-jmap").canonicalize().context("the folder of Cyrus")
    })
}
