//! Transcripts of several clients, one file an extension: see `transcripts/README.md`.

use std::collections::BTreeMap;
use std::path::Path;

use testkit::mail::{World, both, message};

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

/// The next line of the server. A transcript that is not about `\Recent` does not hear of it.
async fn hear(client: &mut Client, with_recent: bool) -> String {
    loop {
        let line = client.line().await;
        let is_count = line.strip_prefix("* ").and_then(|rest| rest.strip_suffix(" RECENT"));
        if with_recent {
            return line;
        }
        if is_count.is_none_or(|count| count.parse::<u32>().is_err()) {
            return line.replace("\\Recent ", "").replace("\\Recent", "");
        }
    }
}

async fn play(world: &World, house: &House, name: &str, text: &str) {
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    let with_recent = text.starts_with("# \\Recent");
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
                let found = hear(client, with_recent).await;
                assert!(fits(rest, &found), "{at}\nexpected {rest}\n   found {found}");
            }
            // Anything may come before this line.
            "S~" => loop {
                let found = hear(client, with_recent).await;
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
    both(4, |world| {
        let text = text.clone();
        async move {
            let house = House::open(&world).await;
            play(&world, &house, name, &text).await;
            house.close().await;
            world.sound().await;
        }
    });
}

const PLAYED: &[&str] = &[
    "session",
    "mailboxes",
    "list",
    "messages",
    "two_clients",
    "idle",
    "condstore",
    "qresync",
    "esearch",
    "move",
    "append",
    "replace",
    "acl",
    "quota",
    "metadata",
    "notify",
    "utf8",
    "uidonly",
    "rev2",
    "faults",
    "sort",
    "objectid",
    "subscriptions",
    "bodies",
    "multisearch",
    "recent",
    "context",
    "zones",
];

#[test]
fn every_transcript_is_played() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(".txt") {
            assert!(PLAYED.contains(&name), "{name} is played by no test");
        }
    }
}

#[test]
fn p07_a_session_logs_in_and_out() {
    transcript("session");
}

#[test]
fn p07_mailboxes_are_made_renamed_and_removed() {
    transcript("mailboxes");
}

#[test]
fn p07_list_tells_what_is_asked() {
    transcript("list");
}

#[test]
fn p07_messages_are_appended_stored_and_expunged() {
    transcript("messages");
}

#[test]
fn p07_two_clients_see_each_others_changes() {
    transcript("two_clients");
}

#[test]
fn p07_the_first_session_that_hears_of_a_message_has_it_as_recent() {
    transcript("recent");
}

#[test]
fn p07_results_of_searches_are_kept_current() {
    transcript("context");
}

#[test]
fn p07_dates_keep_their_zones() {
    transcript("zones");
}

#[test]
fn p07_idle_pushes_new_mail() {
    transcript("idle");
}

#[test]
fn p07_condstore_tells_modseqs() {
    transcript("condstore");
}

#[test]
fn p07_qresync_resynchronises() {
    transcript("qresync");
}

#[test]
fn p07_searches_return_what_is_asked() {
    transcript("esearch");
}

#[test]
fn p07_messages_move_and_copy_with_their_uids() {
    transcript("move");
}

#[test]
fn p07_messages_are_put_together() {
    transcript("append");
}

#[test]
fn p07_replace_puts_the_new_one_first() {
    transcript("replace");
}

#[test]
fn p07_rights_are_shared() {
    transcript("acl");
}

#[test]
fn p07_quota_is_told() {
    transcript("quota");
}

#[test]
fn p07_annotations_are_kept() {
    transcript("metadata");
}

#[test]
fn p07_notify_tells_of_other_mailboxes() {
    transcript("notify");
}

#[test]
fn p07_names_are_utf7_or_utf8() {
    transcript("utf8");
}

#[test]
fn p07_uidonly_has_no_numbers() {
    transcript("uidonly");
}

#[test]
fn p07_rev2_answers_its_own_way() {
    transcript("rev2");
}

#[test]
fn p07_broken_commands_are_bad() {
    transcript("faults");
}

#[test]
fn p07_sort_and_thread_order_messages() {
    transcript("sort");
}

#[test]
fn p07_ids_previews_and_dates_are_told() {
    transcript("objectid");
}

#[test]
fn p07_subscriptions_outlive_their_mailboxes() {
    transcript("subscriptions");
}

#[test]
fn p07_structures_and_sections_of_difficult_messages() {
    transcript("bodies");
}

#[test]
fn p07_several_mailboxes_are_searched_at_once() {
    transcript("multisearch");
}
