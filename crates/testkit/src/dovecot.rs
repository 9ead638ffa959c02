//! A real Dovecot of Debian, in folders of its own, as a mail server that people come from: everyone logs in with the
//! password `secret`, and `master` may read everyone's mail. Its parent process must be root's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running Dovecot; it ends when this is dropped.
pub struct Dovecot {
    /// Where its IMAP is.
    pub address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Dovecot {
    /// Starts one with Maildirs. With a certificate chain and key, both in PEM, it offers STARTTLS.
    pub fn start(pem: Option<&str>) -> Self {
        // Its mail processes are another user and must reach their folders.
        let folder = tempfile::Builder::new().prefix("dovecot").tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["run", "state", "mail"] {
            std::fs::create_dir(path(name)).expect("a folder");
        }
        for command in [
            Command::new("chmod").arg("755").arg(folder.path()),
            Command::new("chown").arg("dovecot:dovecot").arg(path("mail")),
        ] {
            assert!(
                command.status().expect("the program starts").success(),
                "Dovecot is started by root only"
            );
        }
        // The port is free a moment before Dovecot takes it.
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        std::fs::write(path("masters"), "master:{PLAIN}mastersecret\n").expect("a file");
        let tls = match pem {
            Some(pem) => {
                std::fs::write(path("tls.pem"), pem).expect("a certificate");
                let file = path("tls.pem").display().to_string();
                format!("ssl = yes\nssl_cert = <{file}\nssl_key = <{file}\n")
            }
            None => "ssl = no\n".to_owned(),
        };
        let home = folder.path().display();
        let text = format!(
            "base_dir = {home}/run\nstate_dir = {home}/state\nlog_path = {home}/log\ninstance_name = test-{}\n\
             protocols = imap\nlisten = 127.0.0.1\ndisable_plaintext_auth = no\nmail_location = maildir:~/Maildir\n\
             mail_home = {home}/mail/%n\nmail_uid = dovecot\nmail_gid = dovecot\nfirst_valid_uid = 1\n\
             auth_username_format = %Ln\nauth_mechanisms = plain\nauth_master_user_separator = *\n{tls}\
             passdb {{\n  driver = passwd-file\n  args = {home}/masters\n  master = yes\n}}\n\
             passdb {{\n  driver = static\n  args = password=secret\n}}\n\
             userdb {{\n  driver = static\n  args = uid=dovecot gid=dovecot home={home}/mail/%n allow_all_users=yes\n}}\n\
             service imap-login {{\n  inet_listener imap {{\n    port = {}\n  }}\n  inet_listener imaps {{\n    port = 0\n  }}\n}}\n\
             namespace inbox {{\n  inbox = yes\n  separator = .\n  mailbox Gesendet {{\n    special_use = \\Sent\n    auto = create\n  }}\n}}\n",
            address.port(),
            address.port(),
        );
        std::fs::write(path("dovecot.conf"), text).expect("a file");
        let child = Command::new("dovecot")
            .arg("-F")
            .arg("-c")
            .arg(path("dovecot.conf"))
            .stdin(Stdio::null())
            .spawn()
            .expect("Dovecot is installed; `cargo xtask test` installs it");
        let dovecot = Self { address, folder, child };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "Dovecot does not answer: {}", dovecot.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        dovecot
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The Maildir of somebody.
    pub fn maildir(&self, name: &str) -> PathBuf {
        self.folder.path().join("mail").join(name).join("Maildir")
    }

    /// A session of somebody.
    pub fn session(&self, name: &str) -> Session {
        Session::new(self.address, name, "secret")
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // Told to end, it ends its children too.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// An IMAP session for tests: commands and their answers as text.
pub struct Session {
    reader: BufReader<TcpStream>,
}

impl Session {
    /// Connects and logs in.
    pub fn new(address: SocketAddr, login: &str, password: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
        let mut session = Self { reader: BufReader::new(stream) };
        session.line();
        session.ask(&format!("LOGIN \"{login}\" \"{password}\""));
        session
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).expect("a line");
        assert!(!line.is_empty(), "the server closed the connection");
        String::from_utf8_lossy(&line).into_owned()
    }

    /// Sends a command that must succeed; all that is answered.
    pub fn ask(&mut self, command: &str) -> String {
        self.reader.get_mut().write_all(format!("a {command}\r\n").as_bytes()).expect("written");
        let mut all = String::new();
        loop {
            let line = self.line();
            if let Some(size) = line.trim_end().strip_suffix('}').and_then(|line| line.rsplit('{').next()) {
                let size: usize = size.parse().expect("a size");
                let mut literal = vec![0; size];
                self.reader.read_exact(&mut literal).expect("a literal");
                all.push_str(&line);
                all.push_str(&String::from_utf8_lossy(&literal));
                continue;
            }
            all.push_str(&line);
            if line.starts_with("a ") {
                assert!(line.starts_with("a OK"), "{command}: {line}");
                return all;
            }
        }
    }

    /// Puts a message into a folder.
    pub fn append(&mut self, folder: &str, flags: &str, date: &str, message: &str) {
        let command = format!("a APPEND {folder} ({flags}) \"{date}\" {{{}}}\r\n", message.len());
        self.reader.get_mut().write_all(command.as_bytes()).expect("written");
        let line = self.line();
        assert!(line.starts_with('+'), "{line}");
        self.reader.get_mut().write_all(format!("{message}\r\n").as_bytes()).expect("written");
        let line = self.line();
        assert!(line.starts_with("a OK"), "{line}");
    }
}
