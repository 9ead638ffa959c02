//! What others see and do, through other doors too.

use base::{CollectionId, Door};
use directory::{entries::NewEntry, people};
use kernel::{Right, Rights};
use mail::flags::{FlagChange, Keywords};
use testkit::mail::{Person, both, message};

use crate::house::{Client, House};

/// Sends a command and reads to its end.
async fn ask(client: &mut Client, command: &str) -> Vec<String> {
    client.send(&format!("x {command}\r\n")).await;
    let mut lines = Vec::new();
    loop {
        let line = client.line().await;
        assert!(!line.is_empty(), "the connection ended after {command}");
        let ended = line.starts_with("x ");
        lines.push(line);
        if ended {
            return lines;
        }
    }
}

#[test]
fn m12_a_shared_mailbox_is_there_without_any_action_of_its_readers() {
    both(2, |mut world| async move {
        let house = House::open(&world).await;
        // Both are there before anything is shared with them.
        let mut reader = house.logged_in("u1").await;
        let mut other = house.logged_in("u2").await;
        assert_eq!(ask(&mut reader, "LIST \"\" Shared*").await.len(), 1);
        let new = NewEntry { address: "info@bench.test", name: "Info" };
        let system = world.ctx();
        let made = world
            .directory
            .edit(&system, world.organisation, move |edit| people::create_shared(edit, &new, &[]));
        let account = made.await.unwrap();
        let info = Person { account, address: "info@bench.test".into() };
        world.people.push(info.clone());
        let all: Rights =
            [Right::Read, Right::Seen, Right::Flag, Right::Insert, Right::Delete].into_iter().collect();
        let reads = world.people[0].account;
        // The root of the account: whatever lies in it, now and later.
        let shared = world.mail.set_acl(&system, account, CollectionId(0), reads, all);
        shared.await.unwrap();
        world.deliver_one(&info, message("To all of us", "Text.")).await;
        let listed = ask(&mut reader, "LIST \"\" Shared/%/INBOX").await;
        assert_eq!(listed[0], "* LIST (\\HasNoChildren) \"/\" Shared/info@bench.test/INBOX");
        let selected = ask(&mut reader, "SELECT Shared/info@bench.test/INBOX").await;
        assert!(selected.iter().any(|line| line == "* 1 EXISTS"), "{selected:?}");
        let stored = ask(&mut reader, "STORE 1 +FLAGS (\\Answered)").await;
        assert_eq!(stored[0], "* 1 FETCH (UID 1 FLAGS (\\Recent \\Answered))");
        assert_eq!(ask(&mut other, "LIST \"\" Shared*").await.len(), 1);
        assert!(
            ask(&mut other, "SELECT Shared/info@bench.test/INBOX").await[0].starts_with("x NO [NONEXISTENT]")
        );
        // What is taken back is gone.
        world.mail.set_acl(&system, account, CollectionId(0), reads, Rights::NONE).await.unwrap();
        assert!(ask(&mut reader, "NOOP").await[0].starts_with("* BYE"));
        house.close().await;
        world.sound().await;
    });
}

#[test]
fn p14_a_category_of_another_door_is_a_keyword_and_back() {
    both(1, |world| async move {
        let house = House::open(&world).await;
        let person = &world.people[0];
        let (mailbox, uid) = world.deliver_one(person, message("Plans", "Text.")).await;
        let mut client = house.logged_in("u1").await;
        ask(&mut client, "SELECT INBOX").await;
        let web = world.ctx_of(person, Door::Jmap).await;
        let change = FlagChange::Add(Keywords::parse(["projet_x"]).unwrap());
        world.mail.store(&web, person.account, mailbox, vec![uid], change, None).await.unwrap();
        let told = ask(&mut client, "NOOP").await;
        assert!(told.iter().any(|line| line == "* 1 FETCH (UID 1 FLAGS (\\Recent projet_x))"), "{told:?}");
        assert!(told[0].starts_with("* FLAGS (") && told[0].ends_with(" projet_x)"), "{told:?}");
        ask(&mut client, "STORE 1 FLAGS (red $Important)").await;
        let view = world.mail.view(&web, person.account, mailbox).await.unwrap();
        let entry = view.entry(uid).unwrap();
        let set = Keywords::of_item(entry.flags, entry.state.as_deref());
        assert!(set.has("red") && set.has("$important") && !set.has("projet_x"), "{set:?}");
        house.close().await;
        world.sound().await;
    });
}
