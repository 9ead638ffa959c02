//! Programs that people use, over real sockets with STARTTLS.

use std::path::Path;
use std::process::{Command, Output};

use imap::Options;
use mail::Role;
use tempfile::TempDir;
use testkit::mail::{PASSWORD, World, both, embedded, message};
use wire::tls::{Certificate, TlsSource};

use crate::house::{Client, House};

/// A door with a certificate for localhost, and the certificate as a file.
struct Served {
    house: House,
    folder: TempDir,
}

impl Served {
    async fn new(world: &World) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let certificate = Certificate::from_pem(cert.as_bytes(), key.as_bytes()).unwrap();
        let tls = TlsSource::new(vec![certificate]).unwrap();
        let house = House::open_with(world, Options { tls: Some(tls), plain_from_loopback: true }).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cert.pem"), cert).unwrap();
        Self { house, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).env("HOME", self.path());
        command
    }
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("a program that `cargo xtask test` installs"))
        .await
        .unwrap()
}

/// Runs it, and tells what it wrote.
async fn done(command: Command) -> String {
    let name = format!("{command:?}");
    let output = run(command).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The files of a maildir folder.
fn mails(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for sub in ["cur", "new"] {
        let Ok(entries) = std::fs::read_dir(folder.join(sub)) else { continue };
        found.extend(entries.map(|entry| entry.unwrap().path()));
    }
    found.sort();
    found
}

/// The file of the message with that subject.
fn with_subject(folder: &Path, subject: &str) -> std::path::PathBuf {
    let wanted = format!("Subject: {subject}");
    let holds = |path: &std::path::PathBuf| std::fs::read_to_string(path).unwrap().contains(&wanted);
    mails(folder).into_iter().find(holds).unwrap_or_else(|| panic!("{subject} is not there"))
}

/// Gives a message other maildir flags.
fn flag(path: &Path, flags: &str) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let base = name.split(":2,").next().unwrap();
    let folder = path.parent().unwrap().parent().unwrap();
    std::fs::rename(path, folder.join("cur").join(format!("{base}:2,{flags}"))).unwrap();
}

/// What a search finds in a mailbox.
async fn found(client: &mut Client, mailbox: &str, keys: &str) -> String {
    client.send(&format!("s SELECT {mailbox}\r\nf SEARCH {keys}\r\n")).await;
    let mut answer = String::new();
    loop {
        let line = client.line().await;
        assert!(!line.is_empty(), "the connection ended");
        if let Some(numbers) = line.strip_prefix("* SEARCH") {
            numbers.trim().clone_into(&mut answer);
        }
        if line.starts_with("f ") {
            assert!(line.starts_with("f OK"), "{line}");
            return answer;
        }
    }
}

async fn three(world: &World) {
    for subject in ["alpha", "beta", "gamma"] {
        world.deliver_one(&world.people[0], message(subject, "Text.")).await;
    }
}

#[test]
fn p07_mbsync_carries_mail_both_ways() {
    both(1, |world| async move {
        let served = Served::new(&world).await;
        three(&world).await;
        served.write(
            "rc",
            &format!(
                "IMAPAccount b\nHost localhost\nPort {}\nUser u1@bench.test\nPass {PASSWORD}\nSSLType STARTTLS\n\
                 CertificateFile cert.pem\n\nIMAPStore far\nAccount b\n\nMaildirStore near\nPath ./mail/\nInbox ./mail/INBOX\n\
                 SubFolders Verbatim\n\nChannel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n",
                served.house.port
            ),
        );
        std::fs::create_dir(served.path().join("mail")).unwrap();
        let sync = || {
            let mut command = served.command("mbsync");
            command.args(["-c", "rc", "-a"]);
            done(command)
        };
        sync().await;
        let inbox = served.path().join("mail/INBOX");
        assert_eq!(mails(&inbox).len(), 3);
        flag(&with_subject(&inbox, "alpha"), "FS");
        flag(&with_subject(&inbox, "beta"), "ST");
        std::fs::write(inbox.join("new/1.local"), message("from here", "Written offline.")).unwrap();
        world.deliver_one(&world.people[0], message("delta", "Later.")).await;
        sync().await;
        let mut client = served.house.logged_in("u1").await;
        assert_eq!(found(&mut client, "INBOX", "SUBJECT alpha FLAGGED SEEN").await, "1");
        assert_eq!(found(&mut client, "INBOX", "SUBJECT beta").await, "");
        assert_eq!(found(&mut client, "INBOX", "SUBJECT \"from here\" BODY offline").await, "4");
        assert_eq!(mails(&inbox).len(), 4);
        client.send("d STORE 1 -FLAGS \\Flagged\r\nn CREATE Away/Deep\r\nm MOVE 2 Away/Deep\r\n").await;
        while !client.line().await.starts_with("m OK") {}
        sync().await;
        assert!(with_subject(&inbox, "alpha").to_str().unwrap().ends_with(":2,S"));
        assert_eq!(mails(&inbox).len(), 3);
        assert_eq!(mails(&served.path().join("mail/Away/Deep")).len(), 1);
        let before = mails(&inbox);
        sync().await;
        assert_eq!(mails(&inbox), before);
        served.house.close().await;
        world.sound().await;
    });
}

#[test]
fn p07_offlineimap_carries_mail_both_ways() {
    embedded(1, |world| async move {
        let served = Served::new(&world).await;
        three(&world).await;
        served.write(
            "rc",
            &format!(
                "[general]\naccounts = a\nmetadata = ./meta\nui = quiet\n[Account a]\nlocalrepository = near\n\
                 remoterepository = far\n[Repository near]\ntype = Maildir\nlocalfolders = ./mail\n[Repository far]\n\
                 type = IMAP\nremotehost = localhost\nremoteport = {}\nremoteuser = u1@bench.test\nremotepass = {PASSWORD}\n\
                 ssl = no\nstarttls = yes\nsslcacertfile = {}/cert.pem\nusecompression = yes\n",
                served.house.port,
                served.path().display()
            ),
        );
        let sync = || {
            let mut command = served.command("offlineimap");
            command.args(["-c", "rc", "-o", "-u", "basic"]);
            done(command)
        };
        sync().await;
        let inbox = served.path().join("mail/INBOX");
        assert_eq!(mails(&inbox).len(), 3);
        std::fs::remove_file(with_subject(&inbox, "beta")).unwrap();
        flag(&with_subject(&inbox, "gamma"), "RS");
        std::fs::write(inbox.join("new/1.local"), message("from here", "Written offline.")).unwrap();
        sync().await;
        let mut client = served.house.logged_in("u1").await;
        assert_eq!(found(&mut client, "INBOX", "SUBJECT beta").await, "");
        assert_eq!(found(&mut client, "INBOX", "ANSWERED SEEN SUBJECT gamma").await, "2");
        assert_eq!(found(&mut client, "INBOX", "SUBJECT \"from here\"").await, "3");
        client.send("d STORE 1 +FLAGS (\\Deleted)\r\nx EXPUNGE\r\n").await;
        while !client.line().await.starts_with("x OK") {}
        sync().await;
        assert_eq!(mails(&inbox).len(), 2);
        served.house.close().await;
        world.sound().await;
    });
}

#[test]
fn p07_imaplib_of_python_finds_everything_as_it_expects() {
    embedded(2, |world| async move {
        let served = Served::new(&world).await;
        three(&world).await;
        let mut command = served.command("python3");
        command.arg("-c").arg(include_str!("clients.py"));
        command.arg(served.house.port.to_string()).arg(served.path().join("cert.pem"));
        assert_eq!(done(command).await.trim(), "fine");
        served.house.close().await;
        world.sound().await;
    });
}

#[test]
fn p07_neomutt_reads_files_and_removes_mail_compressed() {
    embedded(1, |world| async move {
        let served = Served::new(&world).await;
        three(&world).await;
        let url = format!("imap://localhost:{}/", served.house.port);
        served.write(
            "rc",
            &format!(
                "set folder={url}\nset spoolfile={url}INBOX\nset imap_user=u1@bench.test\nset imap_pass={PASSWORD}\n\
                 set ssl_starttls=yes\nset ssl_force_tls=yes\nset ssl_ca_certificates_file={}/cert.pem\n\
                 set ssl_use_system_certs=no\nset imap_deflate=yes\nset header_cache={}/cache\nset quit=yes\nset delete=yes\n\
                 set move=no\nset confirmcreate=no\nset confirmappend=no\nset mail_check=5\nset sort=mailbox-order\n\
                 set resolve=no\nset wait_key=no\n",
                served.path().display(),
                served.path().display()
            ),
        );
        // The first is flagged, the second filed, the third read.
        let keys = "<first-entry><flag-message><next-entry><save-message>=Filed<enter><next-entry><display-message>\
                    <exit><sync-mailbox><quit>";
        let mut command = served.command("script");
        let line = format!("neomutt -n -F rc -e 'push \"{keys}\"'");
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
        command.stdin(std::process::Stdio::null());
        done(command).await;
        let mut client = served.house.logged_in("u1").await;
        assert_eq!(found(&mut client, "Filed", "SUBJECT beta").await, "1");
        assert_eq!(found(&mut client, "INBOX", "FLAGGED SUBJECT alpha").await, "1");
        assert_eq!(found(&mut client, "INBOX", "SEEN SUBJECT gamma").await, "2");
        assert_eq!(found(&mut client, "INBOX", "ALL").await, "1 2");
        served.house.close().await;
        world.sound().await;
    });
}

#[test]
fn p07_curl_lists_fetches_searches_and_puts_mail() {
    embedded(1, |world| async move {
        let served = Served::new(&world).await;
        let text = message("One", "text");
        world.deliver_one(&world.people[0], text.clone()).await;
        let curl = |more: &[&str], path: &str| {
            let mut command = served.command("curl");
            command.args(["--silent", "--show-error", "--ssl-reqd", "--cacert", "cert.pem"]);
            command.args(["--user", &format!("u1@bench.test:{PASSWORD}")]).args(more);
            command.arg(format!("imap://localhost:{}/{path}", served.house.port));
            done(command)
        };
        assert_eq!(curl(&[], "INBOX;UID=1").await, text);
        for login in ["AUTH=PLAIN", "AUTH=LOGIN"] {
            assert_eq!(curl(&["--login-options", login], "INBOX;UID=1;SECTION=TEXT").await, "text\r\n");
        }
        assert!(curl(&[], "").await.contains("* LIST (\\HasNoChildren) \"/\" INBOX\r\n"));
        served.write("new.eml", &message("Two", "put"));
        curl(&["--upload-file", "new.eml"], "INBOX").await;
        assert_eq!(curl(&[], "INBOX?SUBJECT%20Two").await, "* SEARCH 2\r\n");
        assert_eq!(world.mailbox(&world.people[0], Role::Inbox).await.total, 2);
        served.house.close().await;
        world.sound().await;
    });
}
