//! A program that people use.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use testkit::mail::embedded;

use crate::served::Served;
use crate::transcripts::deliver;

/// Runs sieve-connect with the password on file descriptor 3.
fn sieve_connect(port: u16, folder: &Path, arguments: &str) -> Output {
    let command = format!(
        "sieve-connect --server 127.0.0.1 --port {port} --user u1@bench.test --nosslverify --notlsverify \
         --clearchan --passwordfd 3 --authmech PLAIN {arguments} 3<password"
    );
    Command::new("sh")
        .args(["-c", &command])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("sieve-connect, which `cargo xtask test` installs")
}

fn done(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn p09_sieve_connect_uploads_lists_activates_downloads_and_removes() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        let port = served.address.port();
        let folder = tempfile::tempdir().unwrap();
        let script = "require \"fileinto\";\r\nif header :contains \"subject\" \"list\" {\r\n  fileinto \"Archive\";\r\n}\r\n";
        std::fs::write(folder.path().join("main.sieve"), script).unwrap();
        std::fs::write(folder.path().join("bad.sieve"), "fileinto \"x\";\r\n").unwrap();
        std::fs::write(folder.path().join("password"), "secret\n").unwrap();
        let run = async |arguments: &'static str| {
            let path = folder.path().to_owned();
            tokio::task::spawn_blocking(move || sieve_connect(port, &path, arguments)).await.unwrap()
        };
        done(&run("--localsieve main.sieve --remotesieve main --upload").await);
        let refused = run("--localsieve bad.sieve --remotesieve bad --upload").await;
        let said =
            String::from_utf8_lossy(&refused.stdout).into_owned() + &String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("line 1"), "{said}");
        done(&run("--remotesieve main --activate").await);
        assert!(done(&run("--list").await).contains("main"));
        done(&run("--remotesieve main --localsieve back.sieve --download").await);
        assert_eq!(std::fs::read_to_string(folder.path().join("back.sieve")).unwrap(), script);
        assert_eq!(deliver(&world, "for the list").await, 1);
        assert_eq!(world.mailbox(&world.people[0], mail::Role::Archive).await.total, 1);
        done(&run("--deactivate").await);
        done(&run("--remotesieve main --delete").await);
        assert!(!done(&run("--list").await).contains("main"));
        served.end().await;
    });
}
