use testkit::mail::{World, embedded, message};

use crate::served::{Client, Served, base64_of};

#[test]
fn p09_the_greeting_says_what_is_spoken() {
    embedded(1, |world| async move {
        let served = Served::new(&world, false).await;
        let greeting = served.client().await.answer().await;
        for part in [
            "\"IMPLEMENTATION\" \"Beffroi\"\r\n",
            "\"VERSION\" \"1.0\"\r\n",
            "\"SASL\" \"SCRAM-SHA-256\"\r\n",
            "\"STARTTLS\"\r\n",
            " vacation-seconds ",
            "\"MAXREDIRECTS\" \"10\"\r\n",
        ] {
            assert!(greeting.contains(part), "{part} in {greeting}");
        }
        assert!(greeting.ends_with("OK \"Ready\"\r\n"));
        served.end().await;
    });
}

#[test]
fn p09_a_session_of_the_rfc() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        let mut client = served.client().await;
        client.answer().await;
        client
            .transcript(
                r#"
                C: LISTSCRIPTS
                S: NO "Log in first"
                C: AUTHENTICATE "PLAIN" "AHUxQGJlbmNoLnRlc3QAd3Jvbmc="
                S: NO ...
                C: AUTHENTICATE "PLAIN"
                S: ""
                C: "AHUxQGJlbmNoLnRlc3QAc2VjcmV0"
                S: OK "Logged in"
                C: LISTSCRIPTS
                S: OK
                C: HAVESPACE "main" 999999
                S: NO (QUOTA/MAXSIZE) ...
                C: HAVESPACE "main" 1000
                S: OK "There is room"
                C: PUTSCRIPT "main" {5+}\r\nkeep;
                S: OK "Stored"
                C: PUTSCRIPT {5+}\r\nother "discard;"
                S: OK "Stored"
                C: PUTSCRIPT "bad" "fileinto \"x\";"
                S: NO "line 1, column ...
                C: CHECKSCRIPT "keep;"
                S: OK "Nothing is wrong with it"
                C: CHECKSCRIPT "require \"nothing\";"
                S: NO "line 1, column 9: requires \"nothing\", which this server does not have"
                C: SETACTIVE "main"
                S: OK "In force"
                C: LISTSCRIPTS
                S: "main" ACTIVE
                S: "other"
                S: OK
                C: DELETESCRIPT "main"
                S: NO (ACTIVE) ...
                C: DELETESCRIPT "none"
                S: NO (NONEXISTENT) ...
                C: RENAMESCRIPT "other" "main"
                S: NO (ALREADYEXISTS) ...
                C: RENAMESCRIPT "main" "first"
                S: OK "Renamed"
                C: GETSCRIPT "first"
                S: {5}
                S: keep;
                S: OK
                C: GETSCRIPT "main"
                S: NO (NONEXISTENT) ...
                C: SETACTIVE ""
                S: OK "No script is in force"
                C: DELETESCRIPT "first"
                S: OK "Removed"
                C: NOOP "SYNC 1"
                S: OK (TAG "SYNC 1") "Done"
                C: UNAUTHENTICATE
                S: OK "Logged out"
                C: GETSCRIPT "other"
                S: NO "Log in first"
                C: BOGUS
                S: NO "Unknown command"
                C: LOGOUT
                S: OK "Goodbye"
                "#,
            )
            .await;
        assert_eq!(client.line().await, "");
        served.end().await;
    });
}

#[test]
fn p09_passwords_do_not_pass_in_clear() {
    embedded(1, |world| async move {
        let served = Served::new(&world, false).await;
        let mut client = served.client().await;
        client.answer().await;
        let plain = base64_of(b"\0u1@bench.test\0secret");
        let said = client.ask(&format!("AUTHENTICATE \"PLAIN\" \"{plain}\"")).await;
        assert!(said.starts_with("NO (ENCRYPT-NEEDED)"), "{said}");
        served.end().await;
    });
}

#[test]
fn p09_what_is_too_large_is_skipped_and_the_session_goes_on() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        let mut client = Client::logged_in(&served, "u1@bench.test").await;
        let size = 300_000;
        let said = client.ask(&format!("PUTSCRIPT \"big\" {{{size}+}}\r\n{}", "#".repeat(size))).await;
        assert!(said.starts_with("NO (QUOTA/MAXSIZE)"), "{said}");
        assert_eq!(client.ask("NOOP").await, "OK \"Done\"\r\n");
        let said = client.ask("PUTSCRIPT \"huge\" {4000000000+}").await;
        assert!(said.starts_with("BYE"), "{said}");
        served.end().await;
    });
}

#[test]
fn p09_two_people_do_not_see_each_other_s_scripts() {
    embedded(2, |world| async move {
        let served = Served::new(&world, true).await;
        let mut first = Client::logged_in(&served, "u1@bench.test").await;
        let mut second = Client::logged_in(&served, "u2@bench.test").await;
        assert!(first.ask("PUTSCRIPT \"mine\" \"keep;\"").await.starts_with("OK"));
        assert_eq!(second.ask("LISTSCRIPTS").await, "OK\r\n");
        assert!(second.ask("GETSCRIPT \"mine\"").await.starts_with("NO (NONEXISTENT)"));
        served.end().await;
    });
}

#[test]
fn p09_one_script_too_many_is_refused() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        let mut client = Client::logged_in(&served, "u1@bench.test").await;
        for number in 0..100 {
            assert!(client.ask(&format!("PUTSCRIPT \"s{number}\" \"keep;\"")).await.starts_with("OK"));
        }
        assert!(client.ask("PUTSCRIPT \"more\" \"keep;\"").await.starts_with("NO (QUOTA/MAXSCRIPTS)"));
        assert!(client.ask("HAVESPACE \"more\" 10").await.starts_with("NO (QUOTA/MAXSCRIPTS)"));
        assert!(client.ask("HAVESPACE \"s1\" 10").await.starts_with("OK"));
        served.end().await;
    });
}

/// Delivers a message to the first person and says in how many mailboxes it is.
pub async fn deliver(world: &World, subject: &str) -> usize {
    let outcome = world.deliver(&[&world.people[0]], message(subject, "text")).await.pop().unwrap();
    outcome.unwrap().places.len()
}

#[test]
fn p09_a_script_that_was_put_in_force_files_the_next_message() {
    embedded(1, |world| async move {
        let served = Served::new(&world, true).await;
        let mut client = Client::logged_in(&served, "u1@bench.test").await;
        let script =
            "require \"fileinto\"; if header :contains \"subject\" \"list\" { fileinto \"Archive\"; }";
        client.ask(&format!("PUTSCRIPT \"main\" {{{}+}}\r\n{script}", script.len())).await;
        client.ask("SETACTIVE \"main\"").await;
        assert_eq!(deliver(&world, "the list").await, 1);
        let archive = world.mailbox(&world.people[0], mail::Role::Archive).await;
        assert_eq!(archive.total, 1);
        served.end().await;
    });
}
