//! Transcripts of several clients, one file an extension: see `transcripts/README.md`.

use std::collections::BTreeMap;
use std::path::Path;

use testkit::mail::{World, embedded, message};

use crate::house::{Client, House};

/// Whether a line is as expected: `[..]` stands for anything.
fn fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

async fn play(world: &World, house: &House, name: &str, text: &str) {
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let at = format!("{name}:{number}");
        let Some((who, rest)) = line.split_once(' ') else {
            assert!(line.is_empty() || line.starts_with('#'), "{at}: {line}");
            continue;
        };
        if who.starts_with('#') {
            continue;
        }
        if who == "deliver" {
            let (to, subject) = rest.split_once(' ').expect("to whom, and a subject");
            let to = world.people.iter().find(|person| person.address == format!("{to}@bench.test"));
            world.deliver_one(to.expect("a person"), message(subject, "Text.")).await;
            continue;
        }
        if who == "later" {
            world.engine.clock.advance_ms(rest.parse::<i64>().expect("seconds") * 1_000);
            continue;
        }
        // Seen when the test fails.
        eprintln!("{at} {line}");
        let (what, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match what {
            "connects" => {
                clients.insert(who.to_owned(), house.client().await);
                continue;
            }
            "is" => {
                clients.insert(who.to_owned(), house.logged_in(rest).await);
                continue;
            }
            _ => {}
        }
        let client = clients.get_mut(who).unwrap_or_else(|| panic!("{at}: who is {who}?"));
        match what {
            "C:" => client.send(&format!("{rest}\r\n")).await,
            // Without the end of the line: a literal that does not end with one.
            "C-" => client.send(rest).await,
            "S:" => {
                let found = client.line().await;
                assert!(fits(rest, &found), "{at}\nexpected {rest}\n   found {found}");
            }
            // Anything may come before this line.
            "S~" => loop {
                let found = client.line().await;
                assert!(!found.is_empty(), "{at}: the connection ended before {rest}");
                if fits(rest, &found) {
                    break;
                }
            },
            other => panic!("{at}: {other}"),
        }
    }
}

/// Plays a transcript in a world of its own.
fn transcript(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(format!("{name}.txt"));
    let text = std::fs::read_to_string(path).expect("a transcript");
    embedded(4, |world| {
        let text = text.clone();
        async move {
            let house = House::open(&world).await;
            play(&world, &house, name, &text).await;
            house.close().await;
            world.sound().await;
        }
    });
}

macro_rules! transcripts {
    ($($test:ident = $name:literal;)*) => {
        $(#[test] fn $test() { transcript($name); })*

        #[test]
        fn every_transcript_is_played() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
            let played = [$($name),*];
            for entry in std::fs::read_dir(folder).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if let Some(name) = name.strip_suffix(".txt") {
                    assert!(played.contains(&name), "{name} is played by no test");
                }
            }
        }
    };
}

transcripts! {
    p07_a_session_logs_in_and_out = "session";
    p07_mailboxes_are_made_renamed_and_removed = "mailboxes";
    p07_list_tells_what_is_asked = "list";
    p07_messages_are_appended_stored_and_expunged = "messages";
    p07_two_clients_see_each_others_changes = "two_clients";
    p07_idle_pushes_new_mail = "idle";
    p07_condstore_tells_modseqs = "condstore";
    p07_qresync_resynchronises = "qresync";
    p07_searches_return_what_is_asked = "esearch";
    p07_messages_move_and_copy_with_their_uids = "move";
    p07_messages_are_put_together = "append";
    p07_replace_puts_the_new_one_first = "replace";
    p07_rights_are_shared = "acl";
    p07_quota_is_told = "quota";
    p07_annotations_are_kept = "metadata";
    p07_notify_tells_of_other_mailboxes = "notify";
    p07_names_are_utf7_or_utf8 = "utf8";
    p07_uidonly_has_no_numbers = "uidonly";
    p07_rev2_answers_its_own_way = "rev2";
    p07_broken_commands_are_bad = "faults";
    p07_sort_and_thread_order_messages = "sort";
    p07_ids_previews_and_dates_are_told = "objectid";
}
