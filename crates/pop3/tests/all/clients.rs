//! Programs that people use.

use std::process::{Command, Output};

use mail::Role;
use testkit::mail::{embedded, message};

use crate::served::Served;

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("a program that `cargo xtask test` installs"))
        .await
        .unwrap()
}

fn done(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn p10_getmail_empties_a_mailbox_once() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("fetched")).unwrap();
        // Deliveries to a folder are refused to root, and tests may run as root.
        let settings = format!(
            "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = {}\nusername = u1@bench.test\n\
             password = secret\n[destination]\ntype = MDA_external\npath = /bin/sh\n\
             arguments = (\"-c\", \"cat > {}/fetched/$$\")\nallow_root_commands = true\n\
             [options]\ndelete = true\nread_all = true\nverbose = 0\n",
            served.address.port(),
            folder.path().display()
        );
        std::fs::write(folder.path().join("rc"), settings).unwrap();
        for number in 0..5 {
            world
                .deliver_one(&world.people[0], message(&format!("Number {number}"), ".\r\n..\r\ntext"))
                .await;
        }
        let getmail = || {
            let mut command = Command::new("getmail");
            command.arg("--getmaildir").arg(folder.path()).arg("--rcfile").arg(folder.path().join("rc"));
            command.env("HOME", folder.path());
            run(command)
        };
        let fetched = || std::fs::read_dir(folder.path().join("fetched")).unwrap().count();
        done(&getmail().await);
        assert_eq!(fetched(), 5);
        assert_eq!(world.mailbox(&world.people[0], Role::Inbox).await.total, 0);
        done(&getmail().await);
        assert_eq!(fetched(), 5);
        served.end().await;
        world.sound().await;
    });
}

#[test]
fn p10_curl_reads_with_stls_and_sasl() {
    embedded(1, |world| async move {
        let served = Served::new(&world, false).await;
        let text = message("One", "text");
        world.deliver_one(&world.people[0], text.clone()).await;
        for login in ["AUTH=*", "AUTH=PLAIN", "AUTH=SCRAM-SHA-256"] {
            let mut command = Command::new("curl");
            command.args([
                "--silent",
                "--show-error",
                "--insecure",
                "--ssl-reqd",
                "--user",
                "u1@bench.test:secret",
            ]);
            command
                .args(["--login-options", login])
                .arg(format!("pop3://127.0.0.1:{}/1", served.address.port()));
            let output = run(command).await;
            if login == "AUTH=SCRAM-SHA-256" && !output.status.success() {
                // Not every curl was built with it.
                continue;
            }
            assert_eq!(done(&output), text, "{login}");
        }
        let mut command = Command::new("curl");
        command.args(["--silent", "--insecure", "--ssl-reqd", "--user", "u1@bench.test:secret"]);
        command.arg(format!("pop3://127.0.0.1:{}/", served.address.port()));
        assert_eq!(done(&run(command).await).trim(), format!("1 {}", text.len()));
        served.end().await;
    });
}
