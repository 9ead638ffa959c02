//! Programs of others: swaks (Debian) over SMTP, LMTP and submission.

use std::process::{Command, Stdio};

use smtp::Profile;
use testkit::mail::{PASSWORD, embedded};

use crate::client::{Door, settings};
use crate::receiving::{inbox, queued};

/// Runs swaks against a listener; whether it succeeded, and what it printed.
async fn swaks(door: &Door, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("swaks");
    command
        .args(["--server", &door.address.ip().to_string(), "--port", &door.address.port().to_string()])
        .args(["--helo", "client.example.org", "--timeout", "20"])
        .args(arguments)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let output = output.expect("swaks runs; install the Debian package swaks");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn p01_swaks_delivers_by_smtp_with_each_extension() {
    embedded(1, |world| async move {
        let door = Door::open(&world, Profile::Smtp, settings(false), None).await;
        let base = ["--from", "ada@example.org", "--to", "u1@bench.test"];
        for extra in [
            &[][..],
            &["--protocol", "SMTP"],
            &["--pipeline"],
            &["-tls"],
            &["--body", ".\n..\n.x"],
            &["--attach", "@/etc/hostname"],
        ] {
            let (fine, said) = swaks(&door, &[&base, extra].concat()).await;
            assert!(fine, "{extra:?}: {said}");
        }
        let messages = inbox(&world, &world.people[0]).await;
        assert_eq!(messages.len(), 6);
        assert!(
            messages.iter().any(|message| message.ends_with("\r\n.\r\n..\r\n.x\r\n\r\n\r\n")),
            "{messages:?}"
        );
        for refused in [
            &["--from", "ada@example.org", "--to", "nobody@bench.test"][..],
            &["--from", "ada@example.org", "--to", "far@elsewhere.example"],
        ] {
            let (fine, said) = swaks(&door, refused).await;
            assert!(!fine && said.contains("<** 550 5."), "{said}");
        }
    });
}

#[test]
fn p02_swaks_delivers_by_lmtp() {
    embedded(2, |world| async move {
        let door = Door::open(&world, Profile::Lmtp, settings(true), None).await;
        let arguments =
            ["--protocol", "LMTP", "--from", "ada@example.org", "--to", "u1@bench.test,u2@bench.test"];
        let (fine, said) = swaks(&door, &arguments).await;
        assert!(fine, "{said}");
        assert!(
            said.contains("250 2.0.0 u1@bench.test") && said.contains("250 2.0.0 u2@bench.test"),
            "{said}"
        );
        for person in &world.people {
            assert_eq!(inbox(&world, person).await.len(), 1);
        }
    });
}

#[test]
fn p03_swaks_submits_with_a_login_over_tls() {
    embedded(2, |world| async move {
        let starttls = Door::open(&world, Profile::Submission, settings(false), None).await;
        let implicit = Door::open_tls(&world, Profile::Submission, settings(false)).await;
        let base =
            ["--from", "u1@bench.test", "--to", "far@elsewhere.example", "--auth-user", "u1@bench.test"];
        for (door, tls) in [(&starttls, "-tls"), (&implicit, "--tls-on-connect")] {
            for mechanism in ["PLAIN", "LOGIN"] {
                let login = ["--auth-password", PASSWORD, "--auth", mechanism, tls];
                let (fine, said) = swaks(door, &[&base[..], &login[..]].concat()).await;
                assert!(fine, "{tls} {mechanism}: {said}");
            }
            let wrong = ["--auth-password", "wrong", "--auth", "PLAIN", tls];
            let (fine, said) = swaks(door, &[&base[..], &wrong[..]].concat()).await;
            assert!(!fine && said.contains("535 5.7.8"), "{said}");
            let login =
                ["--auth-password", PASSWORD, "--auth", "PLAIN", tls, "--h-From", "boss@elsewhere.example"];
            let (fine, said) = swaks(door, &[&base[..], &login[..]].concat()).await;
            assert!(
                !fine && said.contains("550 5.7.1 the author boss@elsewhere.example is neither"),
                "{said}"
            );
        }
        let (fine, said) = swaks(&starttls, &base[..4]).await;
        assert!(!fine && said.contains("530 5.7.0"), "{said}");
        assert_eq!(queued(&world).await.len(), 4);
    });
}
