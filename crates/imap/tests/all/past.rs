//! What the history shows, at addresses of its own.

use base::{CollectionId, Door};
use mail::Role;
use testkit::mail::{Person, World, both, message};

use crate::house::{Client, House};

const DAY_MS: i64 = 86_400_000;

/// Sends a command and reads to its end.
async fn ask(client: &mut Client, command: &str) -> Vec<String> {
    client.send(&format!("x {command}\r\n")).await;
    let mut lines = Vec::new();
    loop {
        let line = client.line().await;
        assert!(!client.ended, "the connection ended after {command}");
        let ended = line.starts_with("x ");
        lines.push(line);
        if ended {
            return lines;
        }
    }
}

async fn log_in(house: &House, name: &str) -> Client {
    let mut client = house.client().await;
    let answer = ask(&mut client, &format!("LOGIN {name} secret")).await;
    assert!(answer[0].starts_with("x OK"), "{answer:?}");
    client
}

async fn subjects(client: &mut Client, mailbox: &str) -> Vec<String> {
    let selected = ask(client, &format!("SELECT \"{mailbox}\"")).await;
    assert!(selected.last().unwrap().starts_with("x OK [READ-ONLY]"), "{selected:?}");
    let fetched = ask(client, "FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])").await;
    let found = fetched.iter().filter_map(|line| line.strip_prefix("Subject: "));
    found.map(str::to_owned).collect()
}

/// Whatever would change something is refused with words.
async fn refuses(client: &mut Client, mailbox: &str) {
    let commands = [
        "STORE 1 +FLAGS (\\Deleted)".to_owned(),
        "EXPUNGE".to_owned(),
        format!("APPEND \"{mailbox}\" {{5+}}\r\nhello"),
        format!("COPY 1 \"{mailbox}\""),
        format!("MOVE 1 \"{mailbox}\""),
        "CREATE Other".to_owned(),
        format!("DELETE \"{mailbox}\""),
        format!("RENAME \"{mailbox}\" Other"),
        format!("SETACL \"{mailbox}\" u2@bench.test lr"),
        format!("UNSUBSCRIBE \"{mailbox}\""),
        format!("SETMETADATA \"{mailbox}\" (/private/comment \"x\")"),
    ];
    for command in commands {
        let answer = ask(client, &command).await;
        assert!(answer.last().unwrap().starts_with("x NO "), "{command}: {answer:?}");
    }
}

async fn expunge_all(world: &World, person: &Person) {
    let (ctx, account) = (world.ctx_of(person, Door::Pop3).await, person.account);
    let inbox = world.mailbox(person, Role::Inbox).await.id;
    let view = world.mail.view(&ctx, account, inbox).await.unwrap();
    let uids: Vec<u32> = view.iter().map(|entry| entry.uid).collect();
    world.mail.expunge(&ctx, account, inbox, uids).await.unwrap();
}

#[test]
fn a01_a08_the_rescue_address_shows_all_that_arrived_and_takes_no_change() {
    both(1, |world| async move {
        let person = &world.people[0];
        let house = House::open(&world).await;
        for subject in ["One", "Two"] {
            world.deliver_one(person, message(subject, "text")).await;
        }
        expunge_all(&world, person).await;
        world.engine.clock.advance_ms(8 * DAY_MS);
        world.deliver_one(person, message("Three", "text")).await;
        let mut own = log_in(&house, "u1@bench.test").await;
        assert!(ask(&mut own, "SELECT INBOX").await.iter().any(|line| line == "* 1 EXISTS"));
        let mut rescue = log_in(&house, "u1@secours.bench.test").await;
        assert_eq!(ask(&mut rescue, "LIST \"\" *").await[0], "* LIST (\\HasNoChildren) \"/\" INBOX");
        assert_eq!(subjects(&mut rescue, "INBOX").await, ["One", "Two", "Three"]);
        let found = ask(&mut rescue, "UID SEARCH TEXT \"Two\"").await;
        assert_eq!(found[0].split_whitespace().count(), 3, "{found:?}");
        let body = ask(&mut rescue, "FETCH 1 BODY.PEEK[TEXT]").await;
        assert!(body.iter().any(|line| line == "text"), "{body:?}");
        refuses(&mut rescue, "INBOX").await;
        assert_eq!(subjects(&mut rescue, "INBOX").await, ["One", "Two", "Three"], "nothing changed");
        // On day 16 the first two are out of it.
        world.engine.clock.advance_ms(8 * DAY_MS);
        assert_eq!(subjects(&mut rescue, "INBOX").await, ["Three"]);
        let wrong = ask(&mut house.client().await, "LOGIN u1@elsewhere.bench.test secret").await;
        assert!(wrong[0].starts_with("x NO [AUTHENTICATIONFAILED]"), "{wrong:?}");
        world.sound().await;
        house.close().await;
    });
}

#[test]
fn a03_a04_a08_the_backup_address_has_a_tree_for_every_image_and_takes_no_change() {
    both(1, |world| async move {
        let person = &world.people[0];
        let (ctx, account) = (world.ctx_of(person, Door::Imap).await, person.account);
        let house = House::open(&world).await;
        let mail = &world.mail;
        world.deliver_one(person, message("Early", "text")).await;
        let clients = mail.create_mailbox(&ctx, account, CollectionId(0), "Clients", None).await.unwrap();
        let inbox = world.mailbox(person, Role::Inbox).await.id;
        mail.copy(&ctx, (account, inbox), vec![1], (account, clients)).await.unwrap();
        mail.kernel().mark(&ctx, account).await.unwrap().unwrap();
        // At ten the image is made, at twenty past the folder goes.
        world.engine.clock.advance_ms(20 * 60_000);
        mail.destroy_mailbox(&ctx, account, clients).await.unwrap();
        expunge_all(&world, person).await;
        world.deliver_one(person, message("Late", "text")).await;
        mail.kernel().mark(&ctx, account).await.unwrap().unwrap();

        let mut backup = log_in(&house, "u1@sauvegarde.bench.test").await;
        let levels = ask(&mut backup, "LIST \"\" %").await;
        assert_eq!(levels.len(), 4, "the inbox of the newest, two images, and the answer: {levels:?}");
        let listed = ask(&mut backup, "LIST \"\" */Clients").await;
        assert_eq!(listed.len(), 2, "the folder is in the earlier image only: {listed:?}");
        let name = listed[0].split('"').nth(3).unwrap().to_owned();
        assert_eq!(subjects(&mut backup, &name).await, ["Early"]);
        refuses(&mut backup, &name).await;
        let early = name.replace("/Clients", "/INBOX");
        assert_eq!(subjects(&mut backup, &early).await, ["Early"]);
        assert_eq!(subjects(&mut backup, "INBOX").await, ["Late"], "at the top, the newest image's inbox");
        let status = ask(&mut backup, &format!("STATUS \"{early}\" (MESSAGES UNSEEN UIDVALIDITY)")).await;
        assert!(status[0].contains("MESSAGES 1 UNSEEN 1"), "{status:?}");
        world.sound().await;
        house.close().await;
    });
}
