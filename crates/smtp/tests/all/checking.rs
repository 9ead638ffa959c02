//! What is looked at in mail of other servers, with an own DNS, and with the real Rspamd and `ClamAV` of Debian.

use std::net::{SocketAddr, TcpStream as Probe};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mail::Role;
use mail::dkim::{self, NewKey};
use smtp::Profile;
use smtp::checks::{CheckSettings, Checks, Greylisting};
use testkit::dns::Dns;
use testkit::mail::{DOMAIN, World, embedded};

use crate::client::{Door, settings};
use crate::receiving::{inbox, messages};

/// A listener that trusts nobody: its clients come from the loopback address, which SPF records name.
async fn door(world: &World, checks: Checks) -> Door {
    Door::open(world, Profile::Smtp, settings(false), Some(checks)).await
}

fn with_dns(dns: &Dns) -> Checks {
    Checks::with_dns(CheckSettings::new("mx.bench.test"), &[dns.address()]).unwrap()
}

/// Hands a message over; the answer to it.
async fn hand_over(door: &Door, from: &str, text: &str) -> String {
    let mut client = door.client().await;
    client.ask("EHLO out.sender.test").await;
    client.ask(&format!("MAIL FROM:<{from}>")).await;
    let reply = client.ask("RCPT TO:<u1@bench.test>").await;
    if !reply.starts_with("250") {
        return reply;
    }
    client.ask("DATA").await;
    client.send(format!("{text}\r\n.\r\n")).await;
    client.answer().await
}

fn text(from: &str) -> String {
    format!(
        "From: {from}\r\nTo: u1@bench.test\r\nSubject: x\r\nDate: Mon, 2 Nov 2026 09:00:00 +0100\r\n\r\ntext\r\n"
    )
}

#[test]
fn p05_spf_and_dmarc_are_verified_and_policies_applied() {
    embedded(1, |world| async move {
        let dns = Dns::new().await;
        dns.add("good.test", "TXT", "v=spf1 ip4:127.0.0.1 -all");
        dns.add("_dmarc.good.test", "TXT", "v=DMARC1; p=reject");
        dns.add("strict.test", "TXT", "v=spf1 -all");
        dns.add("_dmarc.strict.test", "TXT", "v=DMARC1; p=reject");
        dns.add("soft.test", "TXT", "v=spf1 -all");
        dns.add("_dmarc.soft.test", "TXT", "v=DMARC1; p=quarantine");
        let door = door(&world, with_dns(&dns)).await;
        assert!(hand_over(&door, "ada@good.test", &text("ada@good.test")).await.starts_with("250"));
        let forged =
            format!("Authentication-Results: mx.bench.test; dmarc=pass\r\n{}", text("ada@good.test"));
        assert!(hand_over(&door, "ada@good.test", &forged).await.starts_with("250"));
        for message in inbox(&world, &world.people[0]).await {
            let results: Vec<_> = message.matches("Authentication-Results: mx.bench.test").collect();
            assert_eq!(results.len(), 1, "only ours: {message}");
            assert!(message.contains("spf=pass") && message.contains("dmarc=pass"), "{message}");
        }
        let reply = hand_over(&door, "ada@strict.test", &text("ada@strict.test")).await;
        assert!(reply.starts_with("550 5.7.1 the policy of strict.test (DMARC)"), "{reply}");
        assert!(hand_over(&door, "ada@soft.test", &text("ada@soft.test")).await.starts_with("250"));
        let [junk] = messages(&world, &world.people[0], Role::Junk).await.try_into().unwrap();
        assert!(junk.contains("spf=fail") && junk.contains("dmarc=fail"), "{junk}");
    });
}

#[test]
fn p05_signatures_by_rsa_and_ed25519_are_verified() {
    embedded(1, |world| async move {
        let dns = Dns::new().await;
        let (ctx, organisation) = (world.ctx(), world.organisation);
        let new = NewKey::make_all().await.unwrap();
        let keys = world
            .engine
            .store
            .write([], move |tx| {
                dkim::add(tx, &ctx, organisation, DOMAIN, &new)?;
                dkim::rotate(tx, &ctx, organisation, DOMAIN)?;
                dkim::of_domain(tx, organisation, DOMAIN)
            })
            .await
            .unwrap();
        assert_eq!(keys.len(), 2);
        for key in &keys {
            dns.add(&key.record_name(), "TXT", &key.record());
        }
        dns.add("_dmarc.bench.test", "TXT", "v=DMARC1; p=reject");
        let door = door(&world, with_dns(&dns)).await;
        let plain = text("u1@bench.test");
        // What is handed over ends with CRLF before its dot.
        let whole = bytes::Bytes::from(format!("{plain}\r\n"));
        let fields = dkim::signatures(&world.engine.store, organisation, DOMAIN, whole).await.unwrap();
        let fields = String::from_utf8(fields).unwrap();
        let reply = hand_over(&door, "a@forwarder.test", &format!("{fields}{plain}")).await;
        assert!(reply.starts_with("250"), "{reply}");
        let message = inbox(&world, &world.people[0]).await.remove(0);
        assert_eq!(message.matches("dkim=pass").count(), 2, "{message}");
        assert!(message.contains("dmarc=pass"), "{message}");
        let changed = format!("{fields}{}", plain.replace("text", "test"));
        assert!(hand_over(&door, "a@forwarder.test", &changed).await.starts_with("550 5.7.1 the policy"));
    });
}

#[test]
fn p06_senders_that_are_not_known_have_to_come_back() {
    embedded(1, |world| async move {
        let mut own = CheckSettings::new("mx.bench.test");
        own.greylisting = Some(Greylisting { exempt: wire::Networks::default(), ..Greylisting::default() });
        let door = door(&world, Checks::new(own, None).unwrap()).await;
        let reply = hand_over(&door, "ada@example.org", &text("ada@example.org")).await;
        assert!(reply.starts_with("451 4.7.1 not known yet"), "{reply}");
        world.engine.clock.advance_ms(30_000);
        assert!(hand_over(&door, "ada@example.org", &text("ada@example.org")).await.starts_with("451"));
        world.engine.clock.advance_ms(31_000);
        assert!(hand_over(&door, "ada@example.org", &text("ada@example.org")).await.starts_with("250"));
        assert!(
            hand_over(&door, "other@example.org", &text("other@example.org")).await.starts_with("250"),
            "known now"
        );
        world.engine.clock.advance_ms(37 * 86_400_000);
        assert!(
            hand_over(&door, "third@example.org", &text("third@example.org")).await.starts_with("451"),
            "forgotten"
        );
    });
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Asked to end, so that its workers end with it.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a program and waits until it answers on a port.
fn start(program: &str, arguments: &[&str], port: u16) -> Running {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; install its Debian package"));
    let mut running = Running(child);
    let deadline = Instant::now() + Duration::from_mins(1);
    while Probe::connect(("127.0.0.1", port)).is_err() {
        assert!(running.0.try_wait().unwrap().is_none(), "{program} ended");
        assert!(Instant::now() < deadline, "{program} does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    running
}

#[test]
fn p06_clamd_finds_eicar_which_is_refused() {
    embedded(1, |world| async move {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        // The official test text, in two parts so that no scanner stumbles over this file.
        let eicar = concat!(r"X5O!P%@AP[4\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*");
        let hex: Vec<String> = eicar.bytes().map(|byte| format!("{byte:02x}")).collect();
        let hex = hex.concat();
        std::fs::create_dir(path("db")).unwrap();
        std::fs::write(path("db/own.ndb"), format!("Own.Eicar:0:*:{hex}\n")).unwrap();
        let port = free_port();
        let configuration = format!(
            "Foreground yes\nTCPSocket {port}\nTCPAddr 127.0.0.1\nDatabaseDirectory {}\nTemporaryDirectory {}\nUser {}\n",
            path("db"),
            folder.path().display(),
            user()
        );
        std::fs::write(path("clamd.conf"), configuration).unwrap();
        open_to_all(folder.path());
        let config = format!("--config-file={}", path("clamd.conf"));
        let clamd = start("/usr/sbin/clamd", &[&config], port);
        let mut own = CheckSettings::new("mx.bench.test");
        own.clamav = Some(SocketAddr::from(([127, 0, 0, 1], port)));
        let open = door(&world, Checks::new(own.clone(), None).unwrap()).await;
        own.fails_open = false;
        let closed = door(&world, Checks::new(own, None).unwrap()).await;
        assert!(hand_over(&open, "a@b.example", &text("a@b.example")).await.starts_with("250"));
        let reply = hand_over(&open, "a@b.example", &format!("{}{eicar}", text("a@b.example"))).await;
        assert!(reply.starts_with("550 5.7.1 the message holds a virus: Own.Eicar"), "{reply}");
        drop(clamd);
        assert!(hand_over(&open, "a@b.example", &text("a@b.example")).await.starts_with("250"), "fails open");
        assert!(
            hand_over(&closed, "a@b.example", &text("a@b.example")).await.starts_with("451"),
            "or closed"
        );
        let arrived = inbox(&world, &world.people[0]).await;
        assert_eq!(arrived.len(), 2);
        assert!(arrived.iter().any(|message| message.contains("X-Virus-Scanned: clean")));
        assert!(arrived.iter().any(|message| message.contains("X-Scan-Missing: clamav")));
    });
}

/// Whom clamd is to run as: whoever runs the test, for it gives its rights up when it is root.
fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn open_to_all(folder: &std::path::Path) {
    let done = Command::new("chmod").args(["-R", "a+rwX"]).arg(folder).status().unwrap();
    assert!(done.success());
}

#[test]
fn p06_rspamd_finds_gtube_which_goes_to_junk() {
    embedded(1, |world| async move {
        let folder = tempfile::tempdir().unwrap();
        let (normal, controller) = (free_port(), free_port());
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let configuration = format!(
            "options {{ pidfile = \"{pid}\"; dns {{ timeout = 1s; retransmits = 1; nameserver = [\"127.0.0.1:1\"]; }} tempdir = \"{dir}\"; \
             filters = \"\"; one_shot = true; check_all_filters = false; }}\n\
             logging {{ type = \"file\"; filename = \"{log}\"; }}\n\
             metric {{ actions {{ reject = 15; add_header = 6; }} }}\n\
             worker \"normal\" {{ bind_socket = \"127.0.0.1:{normal}\"; count = 1; }}\n\
             worker \"controller\" {{ bind_socket = \"127.0.0.1:{controller}\"; count = 1; }}\n",
            pid = path("pid"),
            log = path("log"),
            dir = folder.path().display(),
        );
        std::fs::write(path("rspamd.conf"), configuration).unwrap();
        open_to_all(folder.path());
        let (config, database) = (path("rspamd.conf"), format!("DBDIR={}", folder.path().display()));
        let mut arguments = vec!["-f", "-c", &config, "--var", &database];
        if user() == "root" {
            arguments.extend(["-u", "_rspamd", "-g", "_rspamd"]);
        }
        let rspamd = start("/usr/bin/rspamd", &arguments, normal);
        let mut own = CheckSettings::new("mx.bench.test");
        own.rspamd = Some(format!("http://127.0.0.1:{normal}"));
        let door = door(&world, Checks::new(own, None).unwrap()).await;
        let gtube = concat!("XJS*C4JDBQADN1.NSBN3*2IDNEN*", "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X");
        let spam = format!("{}{gtube}\r\n", text("a@b.example"));
        let deadline = Instant::now() + Duration::from_mins(1);
        // It listens before it scans.
        while messages(&world, &world.people[0], Role::Junk).await.is_empty() {
            assert!(
                Instant::now() < deadline,
                "{}",
                std::fs::read_to_string(path("log")).unwrap_or_default()
            );
            assert!(hand_over(&door, "a@b.example", &spam).await.starts_with("250"));
        }
        let junk = messages(&world, &world.people[0], Role::Junk).await.remove(0);
        assert!(junk.contains("X-Spam-Status: Yes"), "{junk}");
        drop(rspamd);
        assert!(hand_over(&door, "a@b.example", &text("a@b.example")).await.starts_with("250"));
        let last = inbox(&world, &world.people[0]).await.pop().unwrap();
        assert!(last.contains("X-Scan-Missing: rspamd"), "{last}");
    });
}
